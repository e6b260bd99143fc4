"""The hot statements use their index on PostgreSQL too, in a database that is large enough for that to pay.

Its planner is asked twice: for the very values that a statement runs with, and, where it is free to keep one plan for all
values, for any.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from isthmus.store import settle
from isthmus.store.clock import ManualClock
from isthmus.store.pipeline import encoded, translated
from isthmus.store.postgres import PostgresSettings, PostgresStore
from isthmus.store.postgres_worker import STATE_FOR
from isthmus.store.unit import Unit
from tests.postgres import Cluster
from tests.store.builders import NOW, ONE, OTHER, REGION, Work, block, peering, vpc, write
from tests.store.test_plans import HOT, MAY_SORT
from tests.store.test_settle_slices import slices_of

pytestmark = pytest.mark.extended

ROWS = 20_000
PLACES = 40
ONES = f"CASE WHEN n % 2 = 0 THEN {ONE} ELSE {ONE} + n % {PLACES} END::text"
OTHERS = f"CASE WHEN n % 2 = 0 THEN {OTHER} ELSE {OTHER} + n % {PLACES} END::text"
"""One account has half of everything, the others share the rest."""
FILLING = f"""
INSERT INTO vpc (seq, id, account, region, dhcp_options_id, instance_tenancy, is_default, enable_dns_support,
                 enable_dns_hostnames, enable_network_address_usage_metrics, created_at, version)
SELECT 1000000 + n, 'vpc-' || n, {ONES}, '{REGION}', 'dopt-1', 'default', 0, 1, 0, 0, 0, 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO vpc_cidr_block (seq, id, account, region, vpc_id, prefix, is_primary, ipv6_pool, network_border_group, version)
SELECT 1000000 + n, 'vpc-cidr-assoc-' || n, {ONES}, '{REGION}', 'vpc-' || n, '10.' || n % 250 || '.0.0/16', 1, '', '', 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO route_table (seq, id, account, region, vpc_id, association_id, is_main, version)
SELECT 1000000 + n, 'rtb-' || n, {ONES}, '{REGION}', 'vpc-' || n, 'x', 1, 1 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO security_group (seq, id, account, region, vpc_id, name, description, version)
SELECT 1000000 + n, 'sg-' || n, {ONES}, '{REGION}', 'vpc-' || n, 'default', 'x', 1 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO security_group_rule (seq, id, account, region, group_id, vpc_id, is_egress, ip_protocol, cidr, version)
SELECT 1000000 + n, 'sgr-' || n, {ONES}, '{REGION}', 'sg-' || n, 'vpc-' || n, 1, '-1', '0.0.0.0/0', 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO network_acl (seq, id, account, region, vpc_id, is_default, version)
SELECT 1000000 + n, 'acl-' || n, {ONES}, '{REGION}', 'vpc-' || n, 1, 1 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO peering (seq, id, requester_account, requester_region, requester_vpc_id, requester_blocks, requester_options,
                     accepter_account, accepter_region, accepter_vpc_id, accepter_blocks, accepter_options, accepter_exists,
                     state, created_at, expires_at, due_at, due_state, ended_at, ended_by, version)
SELECT 1000000 + n, 'pcx-' || n, {ONES}, '{REGION}', 'vpc-' || n, '10.0.0.0/16', 0,
       {OTHERS}, '{REGION}', 'vpc-' || n + 1, '10.1.0.0/16', 0, 1,
       (ARRAY['active', 'pending-acceptance', 'deleted', 'rejected'])[1 + n % 4], 0, 4000000000000,
       CASE WHEN n % 4 = 1 THEN 4000000000000 + n END, CASE WHEN n % 4 = 1 THEN 'expired' END,
       CASE WHEN n % 4 > 1 THEN 0 END, CASE WHEN n % 4 = 2 THEN 'x' ELSE '' END, 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO peering_view (account, region, peering_seq, state, hide_at)
SELECT CASE WHEN n % 2 = 0 THEN side ELSE side + n % {PLACES} END::text, '{REGION}', seq, state,
       CASE WHEN n % 4 > 1 THEN 4000000000000 + n END
FROM (SELECT seq, state, substr(id, 5)::bigint AS n FROM peering) AS made,
     (VALUES ({ONE}), ({OTHER})) AS sides (side);
INSERT INTO tag (account, region, resource_id, resource_seq, resource_type, key, value, version)
SELECT {ONES}, '{REGION}', id, seq, 'vpc-peering-connection', 'a', 'v' || n % 7, 1
FROM (SELECT id, seq, substr(id, 5)::bigint AS n FROM peering) AS made;
INSERT INTO account (seq, id, name, created_at, version)
SELECT 1000000 + n, {ONE} + n, 'account ' || n, 0, 1 FROM generate_series(0, {PLACES}) AS n;
INSERT INTO iam_user (seq, id, account, name, path, created_at, tags, version)
SELECT 1000000 + n, 'AIDA' || n, {ONES}, 'user ' || n, '/', 0, '{{}}', 1 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO iam_role (seq, id, account, name, path, created_at, trust_policy, max_session_duration, tags, version)
SELECT 1000000 + n, 'AROA' || n, {ONES}, 'role ' || n, '/', 0, '{{}}', 3600, '{{}}', 1 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO access_key (seq, id, account, secret, status, session_token, expires_at, created_at, holder_id, version)
SELECT 1000000 + n, 'ASIA' || n, {ONES}, 'x', 'Active', CASE WHEN n % 4 > 0 THEN 'x' END,
       CASE WHEN n % 4 > 0 THEN 4000000000000 + n END, 0, CASE WHEN n % 4 > 0 THEN 'AROA' ELSE 'AIDA' END || n, 1
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO sts_session (seq, id, account, kind, name, policy_ids, tags, transitive_tag_keys, version)
SELECT seq, id, account, 'assumed-role', 'x', '[]', '{{}}', '[]', 1 FROM access_key WHERE expires_at IS NOT NULL;
INSERT INTO journal (at, request_id, actor, account, region, action, changes)
SELECT n, 'x', 'y', 'a', '{REGION}', 'z', '[]' FROM generate_series(1, {ROWS}) AS n
"""


@pytest.fixture(scope="module")
def store(postgres: Cluster) -> Iterator[PostgresStore]:
    url = postgres.database()
    made = PostgresStore(url, clock=ManualClock(NOW), settings=PostgresSettings(connections=1))
    write(made, lambda unit: (unit.vpcs.put(vpc(1)), unit.vpc_cidr_blocks.put(block(1)), unit.peerings.put(peering(1))))
    postgres.sql_at(url, FILLING)
    postgres.sql_at(url, "ANALYZE")
    yield made
    made.close()


class Recorder:
    """An engine that explains every statement before it runs it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.plans: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def _explain(self, sql: str, params: Any) -> None:
        text = translated(sql)
        values = text.values(params)
        types = ", ".join("bigint" if isinstance(value, int) else "unknown" for value in values)
        given = ", ".join(_literal(value) for value in values)
        self.engine.query(f"PREPARE asked{f' ({types})' if types else ''} AS {text.sql.decode()}")
        for mode in ("custom", "generic"):
            self.engine.query(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
            lines = self.engine.query(f"EXPLAIN EXECUTE asked{f' ({given})' if given else ''}")
            self.plans.append(f"{mode}: " + "; ".join(re.sub(r" +\(cost.*", "", line[0]).strip() for line in lines))
        self.engine.query("DEALLOCATE asked")

    def query(self, sql: str, params: Any = ()) -> Any:
        self._explain(sql, params)
        return self.engine.query(sql, params)

    def execute(self, sql: str, params: Any = ()) -> int:
        self._explain(sql, params)
        return int(self.engine.execute(sql, params))

    def later(self, sql: str, params: Any = ()) -> None:
        self._explain(sql, params)
        self.engine.execute(sql, params)

    def append(self, sql: str, params: Any) -> None:
        self.later(sql, params)

    def expect_one(self, sql: str, params: Any = ()) -> None:
        assert self.execute(sql, params) == 1


def _literal(value: Any) -> str:
    raw = encoded(value)
    return "NULL" if raw is None else "'" + raw.decode().replace("'", "''") + "'"


class TakeBackError(Exception):
    """Ends a unit whose plans were seen, so that the next one finds the database as it was."""


def plans_of(store: PostgresStore, work: Work) -> list[str]:
    plans: list[str] = []

    def recorded(unit: Unit) -> None:
        engine = unit.engine
        recorder = Recorder(engine)
        unit.engine = recorder
        try:
            work(unit)
        finally:
            unit.engine = engine
        plans.extend(recorder.plans)
        raise TakeBackError

    with pytest.raises(TakeBackError):
        write(store, recorded)
    return plans


MAY_READ_ALL = frozenset({"how many vpcs"})
"""Half of all VPCs here are of the one account whose VPCs are counted; a quota keeps them few."""


def wasteful(plan: str) -> list[str]:
    """Return the nodes of a plan that read a whole table or sort what is more than a page."""
    return [
        node
        for node in plan.split("; ")
        if re.match(r"(generic: |custom: )?(-> +)?(Parallel )?(Seq Scan|Sort$|Hash Join)", node)
    ]


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_reads_no_whole_table_and_sorts_no_more_than_a_page(store: PostgresStore, name: str) -> None:
    plans = plans_of(store, HOT[name][0])
    assert plans
    nodes = [node for plan in plans for node in wasteful(plan)]
    if name in MAY_READ_ALL:
        return
    if name in MAY_SORT:
        nodes = [node for node in nodes if "Sort" not in node]
    assert nodes == [], plans


def test_settling_reads_what_is_due_alone(store: PostgresStore) -> None:
    """All of its statements run, also those that only run where something is due."""

    def due(unit: Unit) -> None:
        unit.now = 4_000_000_005_000
        settle.settle_slice(unit)

    with slices_of(50):
        plans = plans_of(store, due)
    assert len(plans) >= 16
    assert any("Index Scan using peering_due" in plan for plan in plans)
    assert any("Index Scan using peering_view_hide" in plan for plan in plans)
    nodes = [node for plan in plans for node in wasteful(plan) if "Sort" not in node]
    assert nodes == [], plans  # what is sorted is the slice, once more in the order of its steps


def test_the_state_row_is_read_by_index(store: PostgresStore) -> None:
    for sql in STATE_FOR.values():
        plans = plans_of(store, lambda unit: unit.engine.query(sql))  # noqa: B023
        assert all("peering_due" in plan and "peering_view_hide" in plan for plan in plans)
        small = ("Seq Scan on server_state", "Seq Scan on isthmus_schema")
        assert [node for plan in plans for node in wasteful(plan) if not any(name in node for name in small)] == []
