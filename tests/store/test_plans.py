"""The hot statements use their index: no scan of a table, no sorting where a page is read by `seq`.

Without this a forgotten index shows only in a server that has been used for long.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import pytest
from msgspec.structs import replace

from isthmus.domain.peering import Delays, End, accept
from isthmus.domain.peering import settle as settled
from isthmus.store import settle
from isthmus.store.clock import ManualClock
from isthmus.store.sqlite import SqliteStore
from isthmus.store.unit import Unit
from tests.store.builders import NOW, ONE, REGION, Work, block, end, peering, vpc, write

PEERING = peering(1).id
ACCEPTER = end(2)
KEY = "ASIARTX3XBSEAAAAAAAA"


class Recorder:
    """An engine that explains every statement before it runs it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.plans: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def _explain(self, sql: str, params: Any) -> None:
        steps = self.engine.query("EXPLAIN QUERY PLAN " + sql, params)
        self.plans.append("; ".join(step[3] for step in steps))

    def query(self, sql: str, params: Any = ()) -> Any:
        self._explain(sql, params)
        return self.engine.query(sql, params)

    def execute(self, sql: str, params: Any = ()) -> int:
        self._explain(sql, params)
        return int(self.engine.execute(sql, params))

    def later(self, sql: str, params: Any = ()) -> None:
        self.execute(sql, params)

    def expect_one(self, sql: str, params: Any = ()) -> None:
        assert self.execute(sql, params) == 1

    def insert(self, sql: str, params: Any = ()) -> int:
        self._explain(sql, params)
        return int(self.engine.insert(sql, params))

    def insert_soon(self, _table: str, sql: str, params: Any) -> int:
        return self.insert(sql, params)

    def append(self, sql: str, params: Any) -> None:
        self.execute(sql, params)


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    made = SqliteStore(None, clock=ManualClock(NOW))
    write(made, lambda unit: (unit.vpcs.put(vpc(1)), unit.vpc_cidr_blocks.put(block(1)), unit.peerings.put(peering(1))))
    yield made
    made.close()


def plans_of(store: SqliteStore, work: Work) -> list[str]:
    def recorded(unit: Unit) -> list[str]:
        recorder = Recorder(unit.engine)
        unit.engine = recorder
        try:
            work(unit)
        finally:
            unit.engine = recorder.engine
        return recorder.plans

    plans: list[str] = write(store, recorded)
    return plans


def wasteful(plan: str) -> bool:
    """Tell whether a plan reads a whole table or sorts; `json_each` and our own bounded subqueries may be scanned."""
    scans = re.findall(r"SCAN (\w+)(?: (VIRTUAL TABLE|USING))?", plan)
    tables = [name for name, how in scans if how != "VIRTUAL TABLE" and name not in ("gone", "due", "found", "CONSTANT")]
    return bool(tables) or "ORDER BY" in plan or "AUTOMATIC" in plan


def accept_it(unit: Unit) -> Any:
    return unit.peerings.put(settled(accept(unit.peerings.get(PEERING), NOW, Delays()), NOW))  # type: ignore[arg-type]


def page(rows: str, hint: tuple[str, str] | None = None) -> Work:
    return lambda unit: getattr(unit, rows).page(ONE, REGION, 5, 200, hint)


HOT: dict[str, tuple[Work, str]] = {
    "connection by id, anybody's": (lambda unit: unit.peerings.get(PEERING), "sqlite_autoindex_peering_1 (id=?)"),
    "connection by id": (lambda unit: unit.peerings.visible(ONE, REGION, PEERING), "sqlite_autoindex_peering_1 (id=?)"),
    "vpc by id": (lambda unit: unit.vpcs.visible(ONE, REGION, "vpc-1"), "sqlite_autoindex_vpc_1 (id=?)"),
    "a page of connections": (page("peerings"), "PRIMARY KEY (account=? AND region=? AND peering_seq>?)"),
    "a page by state": (
        page("peerings", ("state", "active")),
        "peering_view_state (account=? AND region=? AND state=? AND peering_seq>?)",
    ),
    "a page by requester": (page("peerings", ("requester_vpc_id", "vpc-1")), "peering_asked (requester_vpc_id=?"),
    "a page by accepter": (page("peerings", ("accepter_vpc_id", "vpc-1")), "peering_accepter (accepter_vpc_id=?"),
    "a page by tag": (
        page("peerings", ("tag:a", "b")),
        "tag_search (account=? AND region=? AND resource_type=? AND key=? AND value=? AND resource_seq>?)",
    ),
    "a page of vpcs": (page("vpcs"), "vpc_place (account=? AND region=? AND seq>?)"),
    "a page of vpcs by tag": (page("vpcs", ("tag:a", "b")), "tag_search (account=? AND region=? AND resource_type=?"),
    "a page of route tables by vpc": (
        page("route_tables", ("vpc_id", "vpc-1")),
        "route_table_vpc (vpc_id=? AND account=? AND region=? AND seq>?)",
    ),
    "a page of groups by vpc": (
        page("security_groups", ("vpc_id", "vpc-1")),
        "security_group_vpc (vpc_id=? AND account=? AND region=? AND seq>?)",
    ),
    "a page of acls by vpc": (
        page("network_acls", ("vpc_id", "vpc-1")),
        "network_acl_vpc (vpc_id=? AND account=? AND region=? AND seq>?)",
    ),
    "a page of rules by group": (
        page("security_group_rules", ("group_id", "sg-1")),
        "security_group_rule_group (group_id=? AND account=? AND region=? AND seq>?)",
    ),
    "a key with its holder": (lambda unit: unit.access_keys.issued(KEY), "sqlite_autoindex_access_key_1 (id=?)"),
    "keys of a user": (
        lambda unit: unit.access_keys.long_term(ONE, "AIDA"),
        "access_key_holder (account=? AND holder_id=?)",
    ),
    "the end of a role's sessions": (
        lambda unit: unit.access_keys.end_sessions(ONE, "AROA"),
        "access_key_holder (account=? AND holder_id=?)",
    ),
    "keys that have expired": (lambda unit: unit.access_keys.forget_expired(9), "access_key_expires (expires_at<?)"),
    "a page of tags": (page("tags"), "tag_place (account=? AND region=? AND seq>?)"),
    "how many by state": (
        lambda unit: unit.peerings.estimate(ONE, REGION, ("state", "active")),
        "peering_view_state (account=? AND region=? AND state=?)",
    ),
    "how many by tag": (lambda unit: unit.peerings.estimate(ONE, REGION, ("tag:a", "b")), "tag_search (account=?"),
    "what a vpc has asked for": (
        lambda unit: unit.peerings.asked_by("vpc-1", (ONE, REGION, "vpc-2")),
        "USING INDEX peering_asked (requester_vpc_id=? AND <expr>=?)",
    ),
    "established ones of a requester": (
        lambda unit: unit.peerings.asked_by("vpc-1", (ONE, REGION, "vpc-2")),
        "USING INDEX peering_established_requester (requester_vpc_id=?)",
    ),
    "established connections": (
        lambda unit: unit.peerings.established_of("vpc-1"),
        "peering_established_accepter (accepter_vpc_id=?)",
    ),
    "connections of a vpc": (lambda unit: unit.peerings.of_vpc("vpc-1"), "peering_accepter (accepter_vpc_id=?)"),
    "blocks of vpcs": (
        lambda unit: unit.vpc_cidr_blocks.where(vpc_id=["vpc-1", "vpc-2"]),
        "vpc_id=?",
    ),
    "who holds a block": (
        lambda unit: unit.vpc_cidr_blocks.where(prefix="2600:1f00::/56"),
        "vpc_cidr_block_prefix (prefix=?)",
    ),
    "how many vpcs": (lambda unit: unit.vpcs.count(account=ONE, region=REGION), "vpc_place (account=? AND region=?)"),
    "tags of one object": (
        lambda unit: unit.tags.of(ONE, REGION, [PEERING]),
        "(account=? AND region=? AND resource_id=?)",
    ),
    "tags of objects": (
        lambda unit: unit.tags.of(ONE, REGION, [PEERING, "vpc-1"]),
        "(account=? AND region=? AND resource_id=?)",
    ),
    "what is due next": (settle.next_due, "peering_due"),
    "what is hidden next": (settle.next_due, "peering_view_hide"),
    "due steps": (settle.settle_slice, "peering_due (due_at<?)"),
    "an acceptance": (accept_it, "INTEGER PRIMARY KEY (rowid=?)"),
    "a new request": (lambda unit: unit.peerings.put(peering(2, requester=end(7))), ""),
}
MAY_SORT = frozenset(
    {
        "a page by requester",
        "connections of a vpc",
        "blocks of vpcs",
        "who holds a block",
        "tags of one object",
        "tags of objects",
        "keys of a user",
    }
)
"""What one VPC, object or user has is few, and may be sorted."""


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_uses_its_index(store: SqliteStore, name: str) -> None:
    work, index = HOT[name]
    plans = plans_of(store, work)
    assert any(index in plan for plan in plans), plans
    if name in MAY_SORT:
        plans = [plan.replace("USE TEMP B-TREE FOR ORDER BY", "") for plan in plans]
    assert [plan for plan in plans if wasteful(plan)] == []


def test_hidden_connections_are_forgotten_by_index(store: SqliteStore) -> None:
    """All of settling's statements run, also those that only run where something is due."""

    def forget(unit: Unit) -> None:
        unit.engine.query("UPDATE peering_view SET hide_at = 1")
        unit.engine.query("UPDATE peering SET due_at = 1, due_state = 'expired'")
        cast("Recorder", unit.engine).plans.clear()
        settle.settle_slice(unit)

    plans = plans_of(store, forget)
    assert len(plans) >= 6
    (journal,) = [plan for plan in plans if plan.startswith("SEARCH peering USING INTEGER") and "ORDER BY" in plan]
    plans.remove(journal)  # the rows of a slice, which are few, once more in the order of their steps
    assert [plan for plan in plans if wasteful(plan)] == []


# --- what a plan does not show ------------------------------------------------------------------------------------------


def children(unit: Unit) -> list[tuple[str, str]]:
    """Every foreign key, as (table, column)."""
    tables = [row[0] for row in unit.engine.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [(table, row[3]) for table in tables for row in unit.engine.query(f"PRAGMA foreign_key_list({table})")]


def leads(unit: Unit, table: str, column: str) -> bool:
    """Tell whether some complete index of the table begins with the column."""
    whole = [row[1] for row in unit.engine.query(f"PRAGMA index_list({table})") if not row[4]]
    firsts = [unit.engine.query(f"PRAGMA index_info({index})")[0][2] for index in whole]
    return column in firsts


def test_deleting_a_parent_never_searches_all_children() -> None:
    """The database looks for children of every row that is deleted; without an index it reads their whole table."""
    store = SqliteStore(None)
    missing: list[Any] = write(store, lambda unit: [each for each in children(unit) if not leads(unit, *each)])
    found: list[Any] = write(store, children)
    store.close()
    assert len(found) > 5
    assert missing == []


def steps_of(store: SqliteStore, work: Work) -> int:
    """Count the virtual machine's steps of a unit of work, in hundreds."""
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    store._writer.set_progress_handler(tick, 100)
    try:
        write(store, work)
    finally:
        store._writer.set_progress_handler(None, 0)
    return steps


def unlike(number: int) -> End:
    return replace(end(1, region=f"r{number}"), vpc_id=f"vpc-{number}")


def test_forgetting_one_connection_costs_the_same_among_many() -> None:
    def fill(unit: Unit, first: int, last: int) -> None:
        for number in range(first, last):
            unit.peerings.put(peering(number, requester=unlike(number)))

    def forget_one(unit: Unit) -> None:
        unit.engine.execute("UPDATE peering_view SET hide_at = 1 WHERE account = ? AND region = 'r1'", (ONE,))
        unit.engine.execute(
            "UPDATE peering_view SET hide_at = 1 WHERE peering_seq = 1 AND account = '222222222222' AND region = ?",
            (REGION,),
        )
        settle.settle_slice(unit)
        assert unit.peerings.get(peering(1).id) is None

    costs = []
    for size in (20, 2_000):
        store = SqliteStore(None, clock=ManualClock(NOW))
        write(store, partial(fill, first=1, last=size))
        costs.append(steps_of(store, forget_one))
        store.close()
    assert costs[1] <= 2 * costs[0] + 5, costs
