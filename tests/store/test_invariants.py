"""`isthmus check`: a sound store breaks nothing, and each claim notices when exactly it is broken."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from isthmus.actions import administration
from isthmus.domain.peering import ENDED, Delays, State, enter
from isthmus.store import invariants, sqlite_file
from isthmus.store.invariants import Finding, Invariant
from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.tables import PEERINGS
from isthmus.store.unit import UnitEngine
from tests.api.peerings import HERE, ONE, OTHER
from tests.store import builders
from tests.store.lively import STATES, lively

STRANGER = "999999999999"
ACTIVE = "(SELECT min(seq) FROM peering WHERE state = 'active')"
PENDING = "(SELECT min(seq) FROM peering WHERE state = 'pending-acceptance')"
ACCEPTER = "(SELECT accepter_vpc_id FROM peering WHERE state = 'active')"
A_VPC = "(SELECT requester_vpc_id FROM peering WHERE state = 'rejected')"
"""A VPC whose only connection has ended."""
A_BLOCK = (
    "INSERT INTO vpc_cidr_block (id, account, region, vpc_id, prefix, is_primary, ipv6_pool, network_border_group, version) "
    "SELECT 'vpc-cidr-assoc-1', account, region, vpc_id,"
)
VIEWS = "INSERT INTO peering_view SELECT account, region, 1000, state, hide_at FROM peering_view WHERE peering_seq = "
SWAP = {"requester": "accepter", "accepter": "requester"}


def twin(state: str, *, swapped: bool) -> str:
    """Another connection like the one in a state, maybe in the other direction."""
    wanted = {"seq": "1000", "id": "'pcx-00000000000000099'"}
    for column in PEERINGS.columns:
        side, _, rest = column.partition("_")
        if swapped and side in SWAP and column != "accepter_exists":
            wanted[column] = f"{SWAP[side]}_{rest}"
    picked = ", ".join(wanted.get(column, column) for column in PEERINGS.columns)
    return f"INSERT INTO peering ({', '.join(PEERINGS.columns)}) SELECT {picked} FROM peering WHERE state = '{state}'"


def tag(account: str, resource: str, seq: str, kind: str) -> str:
    columns = "account, region, resource_id, resource_seq, resource_type, key, value, version"
    return f"INSERT INTO tag ({columns}) VALUES ('{account}', '{HERE}', {resource}, {seq}, '{kind}', 'k', 'v', 1)"


def line(before: str, after: str) -> str:
    changes = f"(SELECT '[[\"' || id || '\",\"{before}\",\"{after}\"]]' FROM peering WHERE state = 'active')"
    return (
        f"INSERT INTO journal (at, request_id, actor, account, region, action, changes) VALUES (0,'','','','','',{changes})"
    )


BREAKS: list[tuple[str, list[str]]] = [
    ("schema", ["DROP INDEX tag_place"]),
    ("types", ["UPDATE account SET created_at = 'yesterday'"]),
    ("types", [f"UPDATE security_group SET description = x'00' WHERE vpc_id = {A_VPC}"]),
    ("foreign-keys", ["UPDATE security_group_rule SET group_id = 'sg-none' WHERE seq = 1"]),
    (
        "one-live-connection",
        ["DROP INDEX peering_asked", twin("pending-acceptance", swapped=False), f"{VIEWS}{PENDING}"],
    ),
    (
        "one-established-connection",
        ["DROP INDEX peering_established_pair", twin("active", swapped=True), f"{VIEWS}{ACTIVE}"],
    ),
    (
        "no-overlap",
        [
            f"UPDATE vpc_cidr_block SET prefix = '10.3.128.0/17' WHERE vpc_id = {ACCEPTER}",
            f"UPDATE peering SET accepter_blocks = '10.3.128.0/17' WHERE seq = {ACTIVE}",
        ],
    ),
    (
        "accepter-exists",
        [
            f"DELETE FROM peering_view WHERE account = '{OTHER}' AND peering_seq = {PENDING}",
            f"UPDATE peering SET accepter_exists = 0 WHERE seq = {PENDING}",
        ],
    ),
    ("blocks-follow", [f"UPDATE peering SET requester_blocks = '10.99.0.0/16' WHERE seq = {ACTIVE}"]),
    (
        "blocks-follow",
        [f"UPDATE peering SET accepter_blocks = accepter_blocks || ' ' || accepter_blocks WHERE seq = {ACTIVE}"],
    ),
    ("blocks-follow", ["UPDATE vpc_cidr_block SET prefix = '10.99.0.0/16' WHERE prefix = '10.20.0.0/16'"]),
    ("next-step", [f"UPDATE peering SET due_at = NULL, due_state = NULL WHERE seq = {PENDING}"]),
    ("next-step", [f"UPDATE peering SET due_at = due_at - 1 WHERE seq = {PENDING}"]),
    ("next-step", [f"UPDATE peering SET due_at = 1, due_state = 'deleted' WHERE seq = {ACTIVE}"]),
    ("next-step", ["UPDATE peering SET due_state = 'failed' WHERE state = 'initiating-request'"]),
    ("ends-are-marked", [f"UPDATE peering SET ended_by = '{ONE}' WHERE seq = {ACTIVE}"]),
    ("ends-are-marked", ["UPDATE peering SET ended_by = '' WHERE state = 'deleting'"]),
    ("views-follow", [f"UPDATE peering_view SET state = 'deleted' WHERE peering_seq = {ACTIVE} AND account = '{ONE}'"]),
    ("views-follow", [f"UPDATE peering_view SET hide_at = 1 WHERE peering_seq = {PENDING}"]),
    ("views-follow", [f"DELETE FROM peering_view WHERE peering_seq = {PENDING} AND account = '{OTHER}'"]),
    ("views-follow", ["DELETE FROM peering_view WHERE state = 'rejected'"]),
    ("no-strangers", [f"INSERT INTO peering_view VALUES ('{STRANGER}', '{HERE}', {ACTIVE}, 'active', NULL)"]),
    ("no-strangers", [f"INSERT INTO peering_view VALUES ('{ONE}', '{HERE}', 777, 'active', NULL)"]),
    ("primary-block", [f"UPDATE vpc_cidr_block SET is_primary = 0 WHERE vpc_id = {A_VPC}"]),
    ("blocks-apart", [f"{A_BLOCK} '10.4.4.0/24', 0, '', '', 1 FROM vpc_cidr_block WHERE vpc_id = {A_VPC}"]),
    ("main-route-table", [f"UPDATE route_table SET is_main = 0 WHERE vpc_id = {A_VPC}"]),
    ("default-security-group", [f"UPDATE security_group SET name = 'mine' WHERE vpc_id = {A_VPC}"]),
    ("default-network-acl", [f"UPDATE network_acl SET is_default = 0 WHERE vpc_id = {A_VPC}"]),
    ("one-place", [f"UPDATE route_table SET region = 'eu-west-1' WHERE vpc_id = {A_VPC}"]),
    ("one-place", [f"UPDATE security_group_rule SET account = '{STRANGER}' WHERE vpc_id = {A_VPC}"]),
    ("tags-are-seen", [tag(ONE, "'vpc-00000000000000000'", "1", "vpc")]),
    ("tags-are-seen", [tag(STRANGER, A_VPC, f"(SELECT seq FROM vpc WHERE id = {A_VPC})", "vpc")]),
    ("tags-are-seen", [tag(STRANGER, f"(SELECT id FROM peering WHERE seq = {ACTIVE})", ACTIVE, "vpc-peering-connection")]),
    ("tags-are-seen", [tag(ONE, "'dopt-00000000000000000'", "0", "dhcp-options")]),
    ("tags-are-seen", [tag(ONE, A_VPC, "1", "unicorn")]),
    (
        "keys-have-accounts",
        [
            (
                f"UPDATE access_key SET account = '{STRANGER}' "
                f"WHERE account = '{ONE}' AND holder_id = '' AND session_token IS NULL"
            )
        ],
    ),
    ("keys-have-holders", [f"UPDATE access_key SET holder_id = 'AIDA' WHERE holder_id = '' AND account = '{OTHER}'"]),
    ("sessions-have-keys", ["UPDATE sts_session SET id = 'ASIA' WHERE kind = 'federated-user'"]),
    ("role-keys-have-sessions", ["UPDATE sts_session SET kind = 'federated-user'"]),
    ("keys-have-holders", [f"UPDATE access_key SET account = '{OTHER}' WHERE holder_id <> '' AND session_token IS NULL"]),
    ("iam-parts", ["UPDATE iam_inline_policy SET owner_id = 'AGPA'"]),
    ("iam-parts", [f"UPDATE iam_attachment SET account = '{OTHER}' WHERE policy_id LIKE 'ANPA%' AND owner_id LIKE 'AROA%'"]),
    ("iam-parts", [f"UPDATE iam_membership SET account = '{OTHER}'"]),
    ("iam-parts", [f"UPDATE iam_instance_profile SET account = '{OTHER}'"]),
    ("iam-policies", ["UPDATE iam_attachment SET policy_id = 'ANPA' WHERE owner_id LIKE 'AIDA%'"]),
    ("iam-policies", ["UPDATE iam_role SET boundary_id = 'ANPA'"]),
    ("policy-in-force", ["DELETE FROM iam_policy_version WHERE number = 2"]),
    (
        "service-control-policies",
        ["INSERT INTO service_control_attachment (account, policy_id, version) VALUES ('', 'p-none', 1)"],
    ),
    ("journal", [line("deleted", "active")]),
    ("journal", [line("active", "rejected")]),
    ("journal", [line("pending-acceptance", "active")]),
    ("server-state", ["DELETE FROM server_state"]),
]
DATABASES_OWN = {"schema", "foreign-keys"}
"""What the database itself sees of a breach, if it has a constraint against it."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sound") / "isthmus.db"
    lively(file)
    return file


@pytest.fixture
def file(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "isthmus.db"))


def run(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def findings(file: Path) -> dict[str, Finding]:
    with sqlite_file.snapshot(file) as engine:
        return {found.name: found for found in invariants.check(engine, sqlite_file.INVARIANTS)}


def broken(file: Path) -> dict[str, list[str]]:
    return {name: found.broken for name, found in findings(file).items() if found.broken}


def test_a_store_with_something_of_everything_breaks_nothing(file: Path) -> None:
    with sqlite_file.snapshot(file) as engine:
        assert {row[0] for row in engine.query("SELECT state FROM peering")} == set(STATES)
    assert broken(file) == {}


@pytest.mark.parametrize(("name", "statements"), BREAKS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BREAKS)])
def test_a_broken_claim_is_noticed_and_no_other(file: Path, name: str, statements: list[str]) -> None:
    run(file, *statements)
    found = broken(file)
    assert name in found
    assert found.keys() - DATABASES_OWN <= {name}


def test_every_claim_is_broken_by_some_test() -> None:
    assert {claim.name for claim in sqlite_file.INVARIANTS} == {name for name, _ in BREAKS} | {"file"}


def test_claims_are_named_once_and_say_a_sentence() -> None:
    names = [claim.name for claim in sqlite_file.INVARIANTS]
    assert len(set(names)) == len(names)
    assert all(claim.sentence.endswith(".") for claim in sqlite_file.INVARIANTS)


def test_a_damaged_page_is_noticed(file: Path) -> None:
    builders.wipe(file, "access_key_account")
    assert broken(file).keys() == {"file"}


def test_a_claim_that_cannot_be_looked_at_is_told_and_the_others_are_looked_at(file: Path) -> None:
    builders.wipe(file, "journal")
    assert broken(file).keys() == {"file", "types", "journal"}


def test_a_row_that_cannot_be_read_is_a_finding_and_the_rest_is_looked_at(file: Path) -> None:
    run(file, f"UPDATE peering SET accepter_blocks = 'nonsense' WHERE seq = {ACTIVE}", line("active", "rejected"))
    assert "could not be looked at" in broken(file)["no-overlap"][0]
    assert "journal" in broken(file)


def test_a_claim_that_is_broken_very_often_is_told_in_part() -> None:
    def often(_: UnitEngine) -> Iterator[str]:
        return (f"number {number}" for number in range(invariants.LISTED + 7))

    with closing(sqlite3.connect(":memory:")) as connection:
        (found,) = invariants.check(SqliteEngine(connection), [Invariant("often", "It holds.", often)])
    assert (len(found.broken), found.unlisted) == (invariants.LISTED, 7)


@pytest.mark.rule("S206")
@pytest.mark.parametrize("state", [state for state in State if state is not State.INITIATING_REQUEST])
def test_the_next_step_is_the_one_that_the_domain_names(tmp_path: Path, state: State) -> None:
    """The claim says it in SQL; a connection as the domain leaves it must not break it, and one without steps must."""
    store = builders.opened(tmp_path / "data.db")
    kept = builders.write(store, lambda unit: unit.peerings.put(builders.peering(1, state)))
    store.close()
    assert "next-step" not in broken(tmp_path / "data.db")
    stays = state in ENDED or state is State.ACTIVE
    assert (enter(kept, state, 0, Delays()).due_state is None) == stays
    run(tmp_path / "data.db", "UPDATE peering SET due_at = 1, due_state = 'failed'")
    assert "next-step" in broken(tmp_path / "data.db")


def test_an_account_that_was_deleted_with_its_connections_breaks_nothing(file: Path) -> None:
    store = builders.opened(file)
    builders.write(store, lambda unit: administration.delete_account(unit, OTHER, with_objects=True))
    builders.write(store, lambda unit: administration.reset_account(unit, ONE))
    store.close()
    assert broken(file) == {}


def test_connections_that_went_out_of_sight_break_nothing_even_when_the_clock_goes_back(file: Path) -> None:
    store = builders.opened(file)
    builders.write(store, lambda unit: store.set_offset(unit, 8 * 86_400_000))
    builders.write(store, lambda unit: store.set_offset(unit, 0))
    store.close()
    assert broken(file) == {}


def test_a_server_goes_on_writing_while_its_store_is_checked(file: Path) -> None:
    store = builders.opened(file)
    with sqlite_file.snapshot(file) as engine:
        before = engine.query("SELECT count(*) FROM vpc")
        builders.write(store, builders.put_vpc(1))  # a VPC without its belongings
        assert engine.query("SELECT count(*) FROM vpc") == before
        assert not any(found.broken for found in invariants.check(engine, sqlite_file.INVARIANTS))
    assert "main-route-table" in broken(file)
    store.close()
