"""What only the shared engine does: several servers on one database, lost connections, and few round trips."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from isthmus import bootstrap
from isthmus.actions import administration
from isthmus.actions.administration import NewAccount
from isthmus.config import Settings
from isthmus.domain import durations
from isthmus.domain.access_keys import LONG_TERM_PREFIX
from isthmus.domain.accounts import KeyStatus
from isthmus.domain.errors import ApiError, Conflict
from isthmus.domain.iam.objects import User
from isthmus.domain.peering import DAY, LIFETIME
from isthmus.gateway.admin import PREFIX, Admin
from isthmus.gateway.guard import Bounds
from isthmus.store import iam_invariants, invariants, migrate, pipeline, settle, transfer
from isthmus.store.api import Kind, SchemaError, TransferError
from isthmus.store.clock import ManualClock, counted_seeds
from isthmus.store.importing import ROWS_PER_INSERT, import_state
from isthmus.store.pipeline import masked, translated
from isthmus.store.postgres import PostgresSettings, PostgresStore
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from tests.pgbouncer import through
from tests.postgres import Cluster
from tests.running import isthmus, running
from tests.store.builders import NOW, ONE, REGION, block, peering, put_vpc, read, vpc, vpc_ids, write

pytestmark = pytest.mark.extended
BOUNDS = Bounds("127.0.0.1")


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.database()


@contextmanager
def servers(url: str, count: int = 2, clock: ManualClock | None = None, **settings: Any) -> Iterator[list[PostgresStore]]:
    """So many servers on one database."""
    chosen = PostgresSettings(**{"connections": 2, **settings})
    made = [PostgresStore(url, clock=clock, seeds=counted_seeds(100 * n), settings=chosen) for n in range(count)]
    try:
        yield made
    finally:
        for each in made:
            each.close()


# --- what a unit costs ------------------------------------------------------------------------------------------------


@pytest.fixture
def server(url: str) -> Iterator[InProcess]:
    with InProcess(Settings(data=url, connections=1), seed=None) as running:
        yield running


def trips_of(server: InProcess, act: Callable[[], Any]) -> int:
    before = server.store.trips  # type: ignore[union-attr]  # on PostgreSQL
    act()
    return server.store.trips - before  # type: ignore[union-attr]


def test_a_describe_by_id_takes_one_round_trip_and_a_create_at_most_four(server: InProcess) -> None:
    mine, theirs = server.client("111111111111"), server.client("222222222222")
    one = mine.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    other = theirs.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ids: list[str] = []

    def create() -> None:
        tags = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "a", "Value": "b"}]}]
        answer = mine.create_vpc_peering_connection(
            VpcId=one, PeerVpcId=other, PeerOwnerId="222222222222", TagSpecifications=tags
        )
        ids.append(answer["VpcPeeringConnection"]["VpcPeeringConnectionId"])

    assert trips_of(server, create) <= 4
    assert trips_of(server, lambda: theirs.accept_vpc_peering_connection(VpcPeeringConnectionId=ids[0])) <= 4
    for client in (mine, theirs):
        assert trips_of(server, lambda: client.describe_vpc_peering_connections(VpcPeeringConnectionIds=ids)) == 1  # noqa: B023
    assert trips_of(server, lambda: mine.create_vpc(CidrBlock="10.2.0.0/16")) <= 4
    assert trips_of(server, lambda: mine.delete_vpc_peering_connection(VpcPeeringConnectionId=ids[0])) <= 4


def test_a_read_that_asks_more_than_once_sees_one_snapshot(url: str) -> None:
    with servers(url) as (one, other):
        write(one, put_vpc(1))
        runs: list[int] = []

        def work(unit: Unit) -> tuple[int, int]:
            before = unit.vpcs.count()
            runs.append(before)
            write(other, put_vpc(100 + len(runs)))
            return before, unit.vpcs.count()

        for _ in range(3):
            before, after = read(one, work)
            assert before == after
        assert len(runs) == 4  # the first has learnt that it takes a transaction


def test_without_prepared_statements_everything_works_alike(url: str) -> None:
    with servers(url, 1, prepared_statements=False) as (store,):
        saved = write(store, put_vpc(1))
        assert read(store, lambda unit: unit.vpcs.get(saved.id)) == saved
        with psycopg.connect(url) as other:
            row = other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        assert row == (0,)
        assert read(store, lambda unit: unit.engine.query("SELECT count(*) FROM pg_prepared_statements")) == [(0,)]


def test_a_statement_has_the_same_name_on_every_connection_and_no_other_has_it(url: str) -> None:
    """A proxy that mixes up sessions must never make one statement run in the place of another."""
    named: list[dict[str, str]] = []
    for first in ("SELECT 1", "SELECT 2"):
        link = pipeline.Link(url, prepared=True, patience_seconds=5)
        link.collect(link.send(first))
        rows = link.collect(link.send("SELECT name, statement FROM pg_prepared_statements")).rows
        named.append({statement: name for name, statement in rows})
        link.close()
    one, other = named
    assert all(other[sql] == name for sql, name in one.items() if sql in other)
    assert not {name for sql, name in one.items() if sql not in other} & set(other.values())


def test_a_connection_prepares_nothing_of_itself_however_often_it_asks(url: str) -> None:
    """Names that psycopg gives are the same on every connection, so that they collide where a proxy mixes up sessions."""
    with pipeline.connect(url) as connection:
        for _ in range(20):
            connection.execute("SELECT 1")
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


# --- several servers --------------------------------------------------------------------------------------------------


def test_a_row_without_its_parent_is_refused_and_so_is_taking_the_parent_away(url: str) -> None:
    """What a handler has seen to be there another server may take away, so here the database itself looks (ADR 22)."""
    with servers(url, 1) as (store,):
        saved = write(store, put_vpc(1))
        write(store, lambda unit: unit.vpc_cidr_blocks.put(block(1)))
        with pytest.raises(Conflict):
            write(store, lambda unit: unit.vpc_cidr_blocks.put(block(2, of=2)))
        with pytest.raises(Conflict):
            write(store, lambda unit: unit.vpcs.delete(saved))


def test_servers_that_start_at_once_make_one_schema(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: PostgresStore(url), range(4)))
    assert len({store.installation for store in stores}) == 1
    assert [read(store, vpc_ids) for store in stores] == [[]] * 4
    for store in stores:
        store.close()


def test_a_write_of_one_server_is_read_by_the_other_at_once(url: str) -> None:
    with servers(url) as (one, other):
        for number in range(1, 4):
            write(one, put_vpc(number))
            assert read(other, lambda unit: unit.vpcs.count()) == number


def test_service_time_moves_for_every_server_at_once(url: str) -> None:
    with servers(url, clock=ManualClock(NOW)) as (one, other):
        assert read(other, lambda unit: unit.now) == NOW
        write(one, lambda unit: one.set_offset(unit, DAY))
        assert read(other, lambda unit: (unit.wall, unit.now)) == (NOW, NOW + DAY)


def test_servers_that_advance_service_time_at_once_both_count(url: str) -> None:
    """Each has read the state row before the other commits, so what they saw last is the same."""
    both_have_begun = threading.Barrier(2, timeout=10)
    real = durations.parse

    def parse(text: str) -> int:
        both_have_begun.wait()
        return real(text)

    def advance(store: PostgresStore) -> int:
        return asyncio.run(
            once(store, lambda: Admin("", BOUNDS).perform("POST", f"{PREFIX}clock", {"advance": "1d"}, store))
        ).status

    with servers(url, clock=ManualClock(NOW), connections=1) as (one, other), ThreadPoolExecutor(2) as pool:
        with mock.patch.object(durations, "parse", parse):
            assert list(pool.map(advance, (one, other))) == [200, 200]
        assert [read(store, lambda unit: unit.now) for store in (one, other)] == [NOW + 2 * DAY] * 2


def test_a_key_that_expired_at_another_servers_advance_stays_expired_when_time_goes_back(url: str) -> None:
    with servers(url, clock=ManualClock(NOW)) as (one, other):
        made = with_key(one).key
        read(other, lambda unit: unit.now)

        def work(unit: Unit) -> None:
            unit.engine.look()  # type: ignore[attr-defined]  # on PostgreSQL: from now on nothing tells it of the advance
            if not advanced:
                advanced.append(write(one, lambda unit: one.set_offset(unit, DAY)))
            other.set_offset(unit, 0)

        advanced: list[Any] = []
        write(one, lambda unit: unit.access_keys.put(replace(made, expires_at=NOW + 1_000)))
        write(other, work)
        found = read(one, lambda unit: (unit.now, unit.access_keys.get(made.id)))
        assert (found[0], found[1].expires_at) == (NOW, NOW)


def test_time_is_the_databases_whatever_this_machine_thinks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers(url, 1) as (store,):
        before = read(store, lambda unit: unit.wall)
        monkeypatch.setattr("time.time_ns", lambda: 0)
        monkeypatch.setattr("isthmus.store.postgres_worker._running", lambda: 10**9)  # as after a long sleep
        assert 0 <= read(store, lambda unit: unit.wall) - before < 60_000


def with_key(store: PostgresStore) -> NewAccount:
    made: NewAccount = write(store, lambda unit: administration.create_account(unit, "somebody"))
    return made


def test_a_key_that_one_server_switches_off_opens_nothing_at_the_other(url: str) -> None:
    with servers(url) as (one, other):
        key = with_key(one).key

        def status(unit: Unit) -> KeyStatus | None:
            found = unit.access_keys.issued(key.id)
            return None if found is None else found.key.status

        assert [read(other, status) for _ in range(2)] == [KeyStatus.ACTIVE] * 2
        write(one, lambda unit: unit.access_keys.put(replace(key, status=KeyStatus.INACTIVE)))
        assert read(other, status) is KeyStatus.INACTIVE
        write(one, lambda unit: administration.reset(unit, identity=True))
        assert read(other, status) is None
        assert key.id.startswith(LONG_TERM_PREFIX)


def test_a_user_that_one_server_renames_has_its_new_name_at_the_other(url: str) -> None:
    with servers(url) as (one, other):
        account = with_key(one).account.id
        user = write(one, lambda unit: unit.iam_users.put(User("AIDA1", account, "ada", "/", NOW)))
        key = write(one, lambda unit: administration.issue_key(unit, account, user.id))

        def holder(unit: Unit) -> str | None:
            found = unit.access_keys.issued(key.id)
            return None if found is None else found.resource

        assert [read(other, holder) for _ in range(2)] == ["user/ada"] * 2
        write(one, lambda unit: unit.iam_users.put(replace(user, name="bob")))
        assert read(other, holder) == "user/bob"


@pytest.mark.rule("I7")
def test_servers_that_are_asked_at_once_give_a_user_two_keys_and_no_more(url: str) -> None:
    settings = Settings(data=url)
    with InProcess(settings) as one, InProcess(settings) as other, ThreadPoolExecutor(4) as pool:
        clients = [server.client(ONE, service="iam") for server in (one, other)] * 2

        def create(client: Any, name: str) -> str:
            try:
                client.create_access_key(UserName=name)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "made"

        for number in range(10):
            clients[0].create_user(UserName=f"user{number}")
            answers = sorted(pool.map(partial(create, name=f"user{number}"), clients))
            assert answers == ["LimitExceeded", "LimitExceeded", "made", "made"]


TRUSTING = f'{{"Statement": {{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {{"AWS": "{ONE}"}}}}}}'


@pytest.mark.rule("I7", "I181")
def test_a_session_that_one_server_begins_opens_at_the_other_until_its_role_is_deleted(url: str) -> None:
    settings = Settings(data=url)
    with InProcess(settings) as one, InProcess(settings) as other:
        iam = one.client(ONE, service="iam")
        arn = iam.create_role(RoleName="net", AssumeRolePolicyDocument=TRUSTING)["Role"]["Arn"]
        given = one.client(ONE, service="sts").assume_role(RoleArn=arn, RoleSessionName="work")["Credentials"]

        def holder(unit: Unit) -> str | None:
            found = unit.access_keys.issued(given["AccessKeyId"])
            return None if found is None or found.session is None else f"{found.resource}, {found.session.name}"

        assert [read(other.store, holder) for _ in range(2)] == ["role/net, work"] * 2
        iam.delete_role(RoleName="net")
        assert read(other.store, holder) is None


@pytest.mark.rule("I7")
def test_no_session_begins_beside_the_end_of_its_holder(url: str) -> None:
    settings = Settings(data=url)
    with InProcess(settings) as one, InProcess(settings) as other, ThreadPoolExecutor(4) as pool:
        iam, sts = (server.client(ONE, service=name) for server, name in ((one, "iam"), (other, "sts")))
        more = [each.client(ONE, service="sts") for each in (one, other)]

        def ended(call: Callable[[], Any]) -> str:
            try:
                call()
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "done"

        for number in range(10):
            arn = iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=TRUSTING)["Role"]["Arn"]
            calls = [partial(each.assume_role, RoleArn=arn, RoleSessionName="work") for each in (sts, *more)]
            answers = list(pool.map(ended, [*calls, partial(iam.delete_role, RoleName=f"r{number}")]))
            assert answers[-1] == "done"
            assert set(answers) <= {"done", "AccessDenied"}

        def broken(unit: Unit) -> list[Any]:
            return unit.engine.query(iam_invariants.KEYS_OF_NOBODY) + unit.engine.query(iam_invariants.SESSIONS_WITHOUT_KEY)

        assert read(one.store, broken) == []


def test_a_unit_that_asks_nothing_else_still_learns_what_has_changed(url: str) -> None:
    """Its key may be remembered, and the action need no row."""
    with servers(url) as (one, other):
        key = with_key(one).key
        runs: list[bool] = []

        def work(unit: Unit) -> None:
            runs.append(unit.access_keys.issued(key.id) is not None)

        read(other, work)
        write(one, lambda unit: unit.access_keys.delete(key))
        read(other, work)
        assert runs[-1] is False


def test_a_step_is_taken_once_however_many_servers_see_that_it_is_due(url: str) -> None:
    clock = ManualClock(NOW)
    with servers(url, 3, clock, connections=4) as stores:
        for number in range(1, 21):
            write(stores[0], lambda unit: unit.peerings.put(peering(number, requester=unlike(number))))  # noqa: B023
        clock.advance(LIFETIME)
        barrier = threading.Barrier(12)

        def ask(number: int) -> list[str]:
            barrier.wait()
            return read(stores[number % 3], lambda unit: [row.state.value for row in unit.peerings.where()])

        with ThreadPoolExecutor(12) as pool:
            seen = list(pool.map(ask, range(12)))
        assert seen == [["expired"] * 20] * 12
        assert read(stores[0], lambda unit: unit.engine.query("SELECT count(*) FROM journal")) == [(20,)]


def unlike(number: int) -> Any:
    return replace(peering(1).requester, vpc_id=f"vpc-{number}")


def test_an_acceptance_and_an_expiry_at_once_leave_one_of_them(url: str) -> None:
    """The step chooses its rows while somebody else is writing one of them: it waits, and looks again."""
    clock = ManualClock(NOW)
    with servers(url, clock=clock, connections=3) as (one, other):
        saved = write(one, lambda unit: unit.peerings.put(peering(1)))
        with ThreadPoolExecutor(1) as pool:

            def end_it(unit: Unit) -> Any:
                unit.engine.expect_one("UPDATE peering SET due_at = NULL, due_state = NULL WHERE seq = ?", (saved.seq,))
                unit.engine.query("SELECT 1")
                clock.advance(LIFETIME)
                settling = pool.submit(read, other, lambda unit: unit.engine.query("SELECT count(*) FROM journal"))
                assert waits_for_a_lock(url)
                unit.wrote = True
                return settling

            settling = write(one, end_it)
            assert settling.result(10) == [(0,)]
        assert read(one, lambda unit: [row.state for row in unit.peerings.where()]) == [saved.state]


def waits_for_a_lock(url: str) -> bool:
    """Wait until some connection waits for another's lock."""
    with psycopg.connect(url, autocommit=True) as looking:
        for _ in range(2_000):
            row = looking.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
            if row and row[0]:
                return True
    return False


def test_an_idle_server_takes_steps_that_another_made_due(url: str) -> None:
    clock = ManualClock(NOW)

    async def scenario(one: PostgresStore, other: PostgresStore) -> None:
        await other.start()
        write(one, lambda unit: unit.peerings.put(peering(1)))
        clock.advance(LIFETIME)
        with psycopg.connect(url, autocommit=True) as looking:
            async with asyncio.timeout(20):
                while looking.execute("SELECT state FROM peering").fetchone() != ("expired",):  # noqa: ASYNC110 - not ours
                    await asyncio.sleep(0.02)
        await other.stop()

    with servers(url, clock=clock, poll_seconds=0.05) as (one, other):
        asyncio.run(scenario(one, other))


def test_rows_that_are_held_are_locked_until_the_unit_ends(url: str) -> None:
    with servers(url) as (one, other), ThreadPoolExecutor(1) as pool:
        write(one, put_vpc(1))
        order: list[str] = []

        def held(unit: Unit, name: str) -> None:
            unit.engine.hold("vpc", [vpc(1).id])
            unit.engine.query("SELECT 1")
            order.append(name)

        def first(unit: Unit) -> Any:
            held(unit, "first")
            second = pool.submit(write, other, lambda unit: held(unit, "second"))
            assert waits_for_a_lock(url)
            order.append("first still")
            return second

        write(one, first).result(10)
        assert order == ["first", "first still", "second"]


def test_two_servers_over_the_network_are_one_service(url: str, tmp_path: Path) -> None:
    with running(tmp_path / "one", f"--data={url}") as one, running(tmp_path / "other", f"--data={url}") as other:
        vpc_ids = [one.client().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]]
        vpc_ids.append(other.client("222222222222").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"])
        asked = one.client().create_vpc_peering_connection(
            VpcId=vpc_ids[0], PeerVpcId=vpc_ids[1], PeerOwnerId="222222222222"
        )["VpcPeeringConnection"]
        other.client("222222222222").accept_vpc_peering_connection(VpcPeeringConnectionId=asked["VpcPeeringConnectionId"])
        (seen,) = one.client().describe_vpc_peering_connections()["VpcPeeringConnections"]
        assert seen["Status"]["Code"] == "active"
        assert other.run("clock", "advance", "1d")["offset_seconds"] == one.run("clock", "show")["offset_seconds"] == 86_400
        for each in (one, other):
            assert each.stop() == 0
            assert "Traceback" not in each.said
        assert isthmus(tmp_path, "reset", "--yes", "--data", url).returncode == 0
        assert isthmus(tmp_path, "check", "--data", url).returncode == 0


def test_nothing_is_imported_below_a_server_that_runs(url: str, tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    with running(tmp_path, f"--data={url}") as server:
        server.client().create_vpc(CidrBlock="10.0.0.0/16")
        assert isthmus(tmp_path, "export", state, f"--data={url}").returncode == 0
        refused = isthmus(tmp_path, "import", state, "--replace", f"--data={url}")
        assert refused.returncode == 1
        assert "Stop its servers first" in refused.stderr
        assert server.stop() == 0
    assert isthmus(tmp_path, "import", state, "--replace", f"--data={url}").returncode == 0


# --- lost races -------------------------------------------------------------------------------------------------------


def test_a_deadlock_is_a_lost_race(url: str) -> None:
    with servers(url, connections=2) as (one, other):
        write(one, lambda unit: [unit.vpcs.put(vpc(number)) for number in (1, 2)])
        meet = threading.Barrier(2)

        def both(store: PostgresStore, *numbers: int) -> str:
            def work(unit: Unit) -> str:
                for number in numbers:
                    unit.engine.hold("vpc", [vpc(number).id])
                    unit.engine.query("SELECT 1")
                    if number == numbers[0]:
                        meet.wait(10)
                return "done"

            try:
                return str(write(store, work))
            except Conflict:
                return "lost"

        with ThreadPoolExecutor(2) as pool:
            ends = [pool.submit(both, one, 1, 2), pool.submit(both, other, 2, 1)]
            assert sorted(end.result(30) for end in ends) == ["done", "lost"]


def test_a_row_that_was_written_meanwhile_fails_the_whole_unit(url: str) -> None:
    with servers(url) as (one, other):
        saved = write(one, put_vpc(1))

        def work(unit: Unit) -> None:
            unit.vpcs.put(vpc(2))
            write(other, lambda theirs: theirs.vpcs.put(replace(saved, enable_dns_hostnames=True)))
            unit.vpcs.put(replace(saved, enable_dns_support=False))

        before = one.retried
        with pytest.raises(Conflict):
            write(one, work)
        assert read(one, vpc_ids) == [saved.id]
        assert one.retried == before + 1, "its caller is going to run it again"


def test_writes_of_different_rows_lose_no_race(url: str) -> None:
    with servers(url) as stores:
        for store in stores:
            write(store, lambda _: None)  # a connection's first unit may find that the state is not what it began with
        before = [store.retried for store in stores]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: write(stores[n % 2], put_vpc(n)), range(40)))
        assert [store.retried for store in stores] == before


def test_an_administrators_lost_race_is_run_again(url: str) -> None:
    with servers(url) as (one, other):
        key = with_key(one).key
        write(one, lambda unit: unit.vpcs.put(vpc(1, key.account)))
        real = administration.remove_objects
        meddled: list[Any] = []

        def meddle(unit: Unit, account_id: str) -> None:
            if not meddled:
                found = read(other, lambda unit: unit.access_keys.get(key.id))
                meddled.append(write(other, lambda unit: unit.access_keys.put(replace(found, status=KeyStatus.INACTIVE))))
            real(unit, account_id)

        args = {"with_objects": True}
        with mock.patch.object(administration, "remove_objects", meddle):
            path = f"{PREFIX}accounts/{key.account}/delete"
            answer = asyncio.run(once(one, lambda: Admin("", BOUNDS).perform("POST", path, args, one)))
        assert (answer.status, len(meddled)) == (200, 1)
        assert read(other, lambda unit: (unit.accounts.count(), unit.vpcs.count())) == (0, 0)


async def once(store: PostgresStore, act: Callable[[], Any]) -> Any:
    await store.start()
    try:
        return await act()
    finally:
        await store.stop()


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "ALTER TABLE vpc ALTER COLUMN created_at TYPE numeric",
            "vpc.created_at is numeric where this Isthmus makes it bigint",
        ),
        (
            'ALTER TABLE account ALTER COLUMN name TYPE text COLLATE "default"',
            "account.name is text in the collation default where this Isthmus makes it text",
        ),
        ("ALTER TABLE tag ADD COLUMN colour text", "tag.colour is none of this Isthmus"),
        ("ALTER TABLE journal DROP COLUMN actor", "journal.actor is missing"),
    ],
)
def test_a_column_that_is_not_as_it_was_made_is_told(url: str, change: str, told: str) -> None:
    def broken() -> list[str]:
        with bootstrap.snapshot(Settings(data=url)) as seen:
            (found,) = invariants.check(seen.engine, [claim for claim in seen.invariants if claim.name == "schema"])
        return found.broken

    PostgresStore(url).close()
    assert broken() == []
    with psycopg.connect(url) as other:
        other.execute(change.encode())
    assert broken() == [told]


# --- imports ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def exported(postgres: Cluster) -> bytes:
    """A state of more rows than go into one INSERT."""
    out = io.BytesIO()
    with servers(postgres.database(), 1) as (store,):
        write(store, lambda unit: [unit.vpcs.put(vpc(number)) for number in range(3 * ROWS_PER_INSERT)])
        with store.snapshot() as engine:
            transfer.export(engine, out.write)
    return out.getvalue()


def test_a_session_that_stays_refuses_an_import_whatever_it_does(url: str, exported: bytes, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(exported)
    with pipeline.connect(url) as idle:  # as a server that seldom looks
        idle.execute("SELECT 1")
        done = isthmus(tmp_path, "import", str(tmp_path / "state.json"), "--data", url)
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            f"is in use: Isthmus has it open (session {idle.info.backend_pid} of PostgreSQL, from 127.0.0.1)" in done.stderr
        )
    with servers(url, 1) as (store,):
        assert read(store, vpc_ids) == []


def test_behind_a_proxy_a_server_is_noticed_while_it_runs_and_not_afterwards(
    url: str, proxy: str, exported: bytes, tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_bytes(exported)
    reached = through(proxy, url)
    command = ("import", str(tmp_path / "state.json"), "--data", reached)
    with running(tmp_path / "one", f"--data={reached}", ISTHMUS_PREPARED_STATEMENTS="false") as server:
        server.run("clock", "show")
        assert "is in use" in isthmus(tmp_path, *command, ISTHMUS_PREPARED_STATEMENTS="false").stderr
        assert server.stop() == 0
    done = isthmus(tmp_path, *command, ISTHMUS_PREPARED_STATEMENTS="false")
    assert done.returncode == 0, done.stderr


def test_a_connection_that_is_lost_during_an_import_is_not_blamed_on_the_file(url: str, exported: bytes) -> None:
    class Cut(io.BytesIO):
        """Cuts the connection to the database in the midst of being read."""

        def readline(self, size: int | None = -1) -> bytes:
            if self.tell() > len(exported) // 2:
                cut(url)
            return super().readline(size)

    with servers(url, 1) as (store,):
        with pytest.raises(TransferError, match="connection to the database was lost during the import"):
            write(store, lambda unit: import_state(unit, Cut(exported)))
        assert read(store, vpc_ids) == []


def test_an_import_that_has_to_begin_anew_has_not_read_its_file_yet(url: str, exported: bytes) -> None:
    with servers(url, clock=ManualClock(NOW)) as (one, other):
        read(one, vpc_ids)
        write(other, lambda unit: other.set_offset(unit, DAY))  # of which the other's connections do not know yet
        given = io.BytesIO(exported)
        assert write(one, lambda unit: import_state(unit, given))["vpc"] == 3 * ROWS_PER_INSERT


# --- connections that break -------------------------------------------------------------------------------------------


def cut(url: str) -> None:
    """End every connection to the database but the one that does it."""
    with psycopg.connect(url, autocommit=True) as killer:
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
        killer.execute(sql, (killer.info.backend_pid,))


def test_connections_that_were_cut_while_idle_are_made_anew_and_nobody_notices(url: str) -> None:
    with servers(url, 1) as (store,):
        write(store, put_vpc(1))
        for number in (2, 3):
            cut(url)
            write(store, put_vpc(number))
            cut(url)
            assert read(store, lambda unit: unit.vpcs.count()) == number


def test_a_unit_that_is_cut_off_runs_again_and_leaves_one_trace(url: str) -> None:
    with servers(url, 1) as (store,):
        runs: list[int] = []

        def work(unit: Unit) -> Any:
            saved = unit.vpcs.put(vpc(1))
            unit.engine.query("SELECT 1")
            if not runs:
                cut(url)
            runs.append(saved.seq)
            return unit.engine.query("SELECT count(*) FROM vpc")

        assert write(store, work) == [(1,)]
        assert len(runs) == 2
        assert read(store, vpc_ids) == [vpc(1).id]


def test_a_commit_that_is_cut_off_is_never_a_yes(url: str) -> None:
    with servers(url, 1) as (store,):

        def work(unit: Unit) -> None:
            unit.vpcs.put(vpc(1))
            unit.engine.query("SELECT 1")
            cut(url)

        with pytest.raises(ApiError, match="Unavailable"):
            write(store, work)
        assert read(store, vpc_ids) == []


def test_a_database_that_is_gone_is_unavailable_and_comes_back(clusters: Any) -> None:
    cluster = clusters.new(fsync=False).start()
    with servers(cluster.database(), 1) as (store,):
        write(store, put_vpc(1))
        cluster.stop()
        for kind in Kind:
            with pytest.raises(ApiError, match="Unavailable"):
                store.run_now(kind, vpc_ids)
        cluster.start()
        write(store, put_vpc(2))
        assert read(store, lambda unit: unit.vpcs.count()) == 2
    cluster.kill()


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_a_sentence_without_its_password() -> None:
    with pytest.raises(SchemaError, match=r"cannot be used: .*--data") as caught:
        PostgresStore("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)


def test_a_database_of_another_program_is_refused_and_left_alone(url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE theirs (a INTEGER)")
    with pytest.raises(SchemaError, match="some other program"):
        PostgresStore(url)
    with psycopg.connect(url) as other:
        assert other.execute("SELECT relname FROM pg_class WHERE relname IN ('vpc', 'theirs')").fetchall() == [("theirs",)]


def test_a_newer_schema_is_refused_only_where_it_says_so(url: str) -> None:
    PostgresStore(url).close()
    newest = migrate.newest()
    with psycopg.connect(url, autocommit=True) as newer:
        newer.execute("UPDATE isthmus_schema SET version = %s", (newest + 1,))
        with servers(url, 1) as (store,):  # expanded: an old server may start and go on
            write(store, put_vpc(1))
            newer.execute("UPDATE isthmus_schema SET needs = %s", (newest + 1,))
            said: list[str] = []
            store.on_fatal = said.append
            with pytest.raises(ApiError, match="Unavailable"):
                write(store, put_vpc(2))
            assert "newer" in said[0]
        with pytest.raises(SchemaError, match="newer Isthmus"):
            PostgresStore(url)


def test_who_only_looks_at_a_database_neither_makes_nor_changes_its_tables(url: str) -> None:
    """An export by an older Isthmus would leave out what it does not know; one by a newer would shut older servers out."""
    newest = migrate.newest()
    with psycopg.connect(url, autocommit=True) as looking:
        with pytest.raises(SchemaError, match="holds no state"), bootstrap.snapshot(Settings(data=url)):
            pass
        assert looking.execute("SELECT to_regclass('isthmus_schema')").fetchone() == (None,)
        PostgresStore(url).close()
        for version, why in ((newest - 1, "older Isthmus"), (newest + 1, "newer Isthmus")):
            looking.execute("UPDATE isthmus_schema SET version = %s", (version,))
            with pytest.raises(SchemaError, match=why), bootstrap.snapshot(Settings(data=url)):
                pass
            assert looking.execute("SELECT version FROM isthmus_schema").fetchone() == (version,)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://me@host/db?password=secret&sslmode=require", "postgresql://me@host/db?sslmode=require"),
        ("postgresql://me:se%40c@one,two/db", "postgresql://me@one,two/db"),
        ("postgresql:///db?host=/run", "postgresql:///db?host=/run"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


# --- the dialect ------------------------------------------------------------------------------------------------------


def test_parameters_are_numbered_and_text_is_left_alone() -> None:
    text = translated("SELECT '?', ':a', x::bigint FROM t WHERE a = ? AND b = ?")
    assert text.sql == b"SELECT '?', ':a', x::bigint FROM t WHERE a = $1 AND b = $2"
    named = translated("SELECT :now, :slice, :now")
    assert (named.sql, named.names) == (b"SELECT $1, $2, $1", ("now", "slice"))


def test_text_compares_byte_by_byte_in_any_collation(postgres: Cluster) -> None:
    postgres.sql("CREATE DATABASE german TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C'")
    with servers(postgres.url("german"), 1) as (store,):
        sql = 'SELECT array_agg(name ORDER BY name COLLATE "C") = array_agg(name ORDER BY name) FROM account'
        write(store, lambda unit: [administration.create_account(unit, name) for name in ("b", "a", "B", "ä", "A")])
        assert read(store, lambda unit: unit.engine.query(f"SELECT count(*) FROM account WHERE 1 = ({sql})::int")) == [(5,)]


def test_numbers_of_new_rows_follow_the_units_that_made_them(url: str) -> None:
    with servers(url) as (one, other):
        made = [write((one, other)[number % 2], put_vpc(number)).seq for number in range(1, 7)]
        many = write(one, lambda unit: [unit.vpcs.put(vpc(100 + number)).seq for number in range(200)])
    assert made == sorted(made)
    assert [*made, *many] == sorted({*made, *many})


def test_numbers_go_on_beyond_those_that_an_import_brought(url: str) -> None:
    with servers(url, 1) as (store,):
        write(store, put_vpc(1))
        for table in ("vpc", "tag", "journal"):
            write(store, lambda unit: unit.engine.reached(table, 10_000))  # noqa: B023
        saved = write(store, put_vpc(2))
        assert saved.seq > 10_000
        write(store, lambda unit: unit.tags.replace(ONE, REGION, "vpc", saved, {"a": "b"}))
        assert [tag.seq for tag in read(store, lambda unit: unit.tags.where())] == [10_001]


def test_a_slice_leaves_no_tag_of_what_it_hides(url: str) -> None:
    clock = ManualClock(NOW)
    with servers(url, 1, clock) as (store,):

        def make(unit: Unit) -> None:
            for number in range(1, 6):
                saved = unit.peerings.put(peering(number, requester=unlike(number)))
                unit.tags.replace(ONE, REGION, "vpc-peering-connection", saved, {"a": "b"})

        write(store, make)
        clock.advance(LIFETIME + 3 * DAY)
        assert read(store, lambda unit: (unit.tags.count(), unit.peerings.count())) == (0, 0)
        assert read(store, settle.next_due) is None


def test_a_connection_asks_for_a_server_that_takes_writes(url: str) -> None:
    with pipeline.connect(url) as connection:
        assert connection.info.get_parameters()["target_session_attrs"] == "read-write"
