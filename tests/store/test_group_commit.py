"""The file engine on an event loop: what a batch promises when all goes well, and when something does not."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from isthmus.actions import administration
from isthmus.domain import errors
from isthmus.domain.errors import ApiError, Conflict
from isthmus.domain.peering import Delays, Peering, State
from isthmus.store import service_time, settle
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock, SystemClock
from isthmus.store.group_commit import BATCH_LIMIT
from isthmus.store.unit import Unit
from tests.store.builders import (
    NOW,
    REGION,
    TracedStore,
    Work,
    asked,
    end,
    opened,
    peering,
    put_vpc,
    read,
    served,
    vpc,
    vpc_ids,
    write,
    write_all,
)

Scenario = Callable[[TracedStore], Coroutine[Any, Any, Any]]


def play(path: Path | None, scenario: Scenario, **settings: Any) -> Any:
    """Run a scenario against a store on an event loop, and stop it cleanly."""

    async def run() -> Any:
        async with served(path, **settings) as store, asyncio.timeout(20):
            return await scenario(store)

    return asyncio.run(run())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


def durable_ids(file: Path) -> list[str]:
    """The VPCs that another process would find in the file right now."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM vpc ORDER BY seq")]
    finally:
        connection.close()


def failing(when: Callable[[Unit], Any] | None = None, error: Exception | None = None) -> Work:
    """A unit that does something and then raises."""

    def work(unit: Unit) -> None:
        if when:
            when(unit)
        raise error or KeyError("bug")

    return work


class Gate:
    """Holds a commit until it is opened, and tells when one has arrived at it."""

    def __init__(self, store: TracedStore) -> None:
        self._open, self._arrived = threading.Event(), threading.Event()
        store.before_commit = self._wait

    def _wait(self) -> None:
        self._arrived.set()
        assert self._open.wait(10)

    async def arrived(self) -> None:
        await asyncio.to_thread(self._arrived.wait, 10)

    def open(self) -> None:
        self._open.set()


# --- all goes well ------------------------------------------------------------------------------------------------------


def test_units_that_come_together_share_a_commit(file: Path) -> None:
    async def scenario(store: TracedStore) -> int:
        answers = await write_all(store, *(put_vpc(number) for number in range(1, 17)))
        assert [row.id for row in answers] == durable_ids(file) == [vpc(number).id for number in range(1, 17)]
        return store.commits

    assert play(file, scenario) == 1


def test_a_batch_is_bounded_and_everybody_is_served(file: Path) -> None:
    sizes: list[int] = []

    async def scenario(store: TracedStore) -> None:
        store.before_commit = lambda: sizes.append(store.units - sum(sizes))
        await write_all(store, *(put_vpc(number) for number in range(1, 3 * BATCH_LIMIT + 2)))

    play(file, scenario)
    assert sum(sizes) == 3 * BATCH_LIMIT + 1
    assert max(sizes) <= BATCH_LIMIT


def test_an_answer_leaves_after_its_commit(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        gate = Gate(store)
        waiting = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        await gate.arrived()
        await asyncio.sleep(0.02)
        assert not waiting.done()
        assert durable_ids(file) == []
        gate.open()
        await waiting
        assert durable_ids(file) == [vpc(1).id]

    play(file, scenario)


def test_a_refusal_that_saw_the_open_batch_waits_for_its_commit_too(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        gate = Gate(store)
        made = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        refused = asyncio.ensure_future(store.run(Kind.WRITE, lambda unit: f"{unit.vpcs.count()} exist already"))
        await gate.arrived()
        assert not refused.done()
        gate.open()
        assert (await made, await refused)[1] == "1 exist already"

    play(file, scenario)


def test_while_commit_runs_nobody_touches_the_writing_connection(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        gate = Gate(store)
        first = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        await gate.arrived()
        others = [asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(number))) for number in (2, 3)]
        bad = asyncio.ensure_future(store.run(Kind.WRITE, failing(put_vpc(4))))
        reset = store.run_alone(lambda unit: None)
        assert await store.run(Kind.READ, vpc_ids) == []
        await asyncio.sleep(0.05)
        assert store.committing
        assert not any(each.done() for each in (first, *others, bad, reset))
        gate.open()
        await asyncio.gather(first, *others, reset)
        with pytest.raises(KeyError):
            await bad
        assert await store.run(Kind.READ, vpc_ids) == [vpc(number).id for number in (1, 2, 3)]
        assert store.touched_while_committing == []

    play(file, scenario)


def test_a_read_sees_what_is_committed_and_never_the_open_batch(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        gate = Gate(store)
        made = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        await gate.arrived()
        assert await store.run(Kind.READ, vpc_ids) == []
        gate.open()
        await made
        assert await store.run(Kind.READ, vpc_ids) == [vpc(1).id]

    play(file, scenario)


def test_reads_do_not_keep_the_log_from_being_shortened(file: Path) -> None:
    """A reader that comes while COMMIT runs, as on a slow disk always one does, must not stay until it has ended."""
    log = file.with_name("data.db-wal")

    async def scenario(store: TracedStore) -> None:
        store._writer.execute("PRAGMA wal_autocheckpoint = 20")

        async def read_while_committing() -> None:
            gate = Gate(store)
            writing = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(next(numbers))))
            await gate.arrived()
            await store.run(Kind.READ, vpc_ids)
            gate.open()
            await writing

        numbers = count(1)
        for _ in range(60):
            await read_while_committing()

    sizes: list[int] = []

    async def measured(store: TracedStore) -> None:
        sizes.append(log.stat().st_size)  # all tables were just made in it
        await scenario(store)
        sizes.append(log.stat().st_size)

    play(file, measured)
    assert sizes[1] < sizes[0] + 50 * 4_096


def test_units_that_write_nothing_wait_for_no_disk(file: Path) -> None:
    async def scenario(store: TracedStore) -> int:
        assert await write_all(store, vpc_ids, vpc_ids) == [[], []]
        return store.commits

    assert play(file, scenario) == 0


# --- a unit fails -------------------------------------------------------------------------------------------------------


def test_a_unit_that_fails_before_its_first_write_costs_the_batch_nothing(file: Path) -> None:
    runs: list[int] = []

    def counted(number: int) -> Work:
        def work(unit: Unit) -> None:
            runs.append(number)
            unit.vpcs.put(vpc(number))

        return work

    async def scenario(store: TracedStore) -> int:
        answers = await write_all(store, counted(1), failing(vpc_ids), counted(2))
        assert isinstance(answers[1], KeyError)
        return store.commits

    assert play(file, scenario) == 1
    assert runs == [1, 2]
    assert durable_ids(file) == [vpc(1).id, vpc(2).id]


def drawing(seen: list[tuple[int, bytes]]) -> Work:
    """A unit that makes a VPC with an id of its own, and notes the instant and the id of each time it runs."""

    def work(unit: Unit) -> str:
        drawn = unit.entropy(9)
        seen.append((unit.now, drawn))
        return unit.vpcs.put(replace(vpc(1), id=f"vpc-{drawn.hex()[:17]}")).id

    return work


REFUSED: dict[str, tuple[Work, type[Exception]]] = {
    "a bug after a write": (failing(put_vpc(9)), KeyError),
    "a row that the database refuses": (lambda unit: unit.vpcs.put(vpc(1)), Conflict),
    "a lost race": (lambda unit: unit.vpcs.put(replace(vpc(1), seq=77, version=4)), Conflict),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_unit_that_fails_after_a_write_leaves_the_others_as_they_were(file: Path, case: str) -> None:
    work, error = REFUSED[case]
    before: list[tuple[int, bytes]] = []
    after: list[tuple[int, bytes]] = []

    class MovingClock(SystemClock):
        """Every look at it finds it later, so that a unit run again at another time would show."""

        def __init__(self) -> None:
            self.at = NOW

        def wall(self) -> int:
            self.at += 1
            return self.at

    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, put_vpc(1))
        commits = store.commits
        answers = await write_all(store, drawing(before), work, drawing(after))
        assert isinstance(answers[1], error)
        assert store.commits == commits + 2
        assert durable_ids(file) == [vpc(1).id, answers[0], answers[2]]
        assert read(store, lambda unit: unit.vpcs.get(answers[2])).id == answers[2]
        assert store.touched_while_committing == []
        assert store.retried == 2, "it, and who shared its batch"

    play(file, scenario, clock=MovingClock())
    assert len(before) == 2, "run in the batch, and again alone"
    assert before[0] == before[1]
    assert len(set(after)) == 1


def test_a_unit_that_only_failed_because_of_its_batch_succeeds_alone(file: Path) -> None:
    """Its batch mate made the VPC that it stumbles over, and is itself taken back for good."""

    def bad_mate(unit: Unit) -> None:
        if not unit.vpcs.get(vpc(2).id):
            unit.vpcs.put(vpc(1))
            return
        raise KeyError

    async def scenario(store: TracedStore) -> None:
        blocked = False

        def first(unit: Unit) -> str:
            nonlocal blocked
            if blocked:
                raise KeyError
            blocked = True
            unit.vpcs.put(vpc(1))
            return "made"

        answers = await write_all(store, first, put_vpc(1))
        assert isinstance(answers[0], KeyError)
        assert answers[1].id == vpc(1).id

    play(file, scenario)
    assert durable_ids(file) == [vpc(1).id]


def test_a_database_that_rolled_back_by_itself_is_met_with_patience(file: Path) -> None:
    """A full disk makes SQLite take the whole transaction back; the batch's other units run again."""

    def full(unit: Unit) -> None:
        unit.vpcs.put(vpc(9))
        unit.engine.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario(store: TracedStore) -> None:
        answers = await write_all(store, put_vpc(1), full, put_vpc(2))
        assert isinstance(answers[1], sqlite3.OperationalError)
        assert [answers[0].id, answers[2].id] == durable_ids(file)

    play(file, scenario)
    store = opened(None)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        write(store, full)
    store.close()


def test_a_transaction_that_cannot_begin_answers_unavailable_and_strands_nobody(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        store._writer.execute("PRAGMA busy_timeout = 0")
        other = sqlite3.connect(file, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            answers = await write_all(store, put_vpc(1), put_vpc(2))
            assert [error.code for error in answers] == ["Unavailable"] * 2
        finally:
            other.close()
        assert (await store.run(Kind.WRITE, put_vpc(3))).id == vpc(3).id

    play(file, scenario)


# --- a commit fails -----------------------------------------------------------------------------------------------------


def failing_once(store: TracedStore, error: Exception) -> None:
    def fail() -> None:
        store.before_commit = lambda: None
        raise error

    store.before_commit = fail


def disk_error(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    return error


@pytest.mark.rule("S123")
def test_nothing_of_a_batch_stays_when_its_commit_fails(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        stopped: list[str] = []
        store.on_fatal = stopped.append
        failing_once(store, disk_error("SQLITE_FULL"))
        answers = await write_all(store, put_vpc(1), vpc_ids, put_vpc(2))
        assert [(type(error), error.code) for error in answers] == [(ApiError, "Unavailable")] * 3
        assert durable_ids(file) == await store.run(Kind.READ, vpc_ids) == []
        assert (await store.run(Kind.WRITE, put_vpc(3))).id == vpc(3).id
        assert stopped == []

    play(file, scenario)
    assert durable_ids(file) == [vpc(3).id]


def test_nothing_of_a_unit_that_runs_alone_stays_when_its_commit_fails(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        failing_once(store, disk_error("SQLITE_FULL"))
        answers = await write_all(store, put_vpc(1), failing(put_vpc(2)), put_vpc(3))
        assert [type(answer) for answer in answers[:2]] == [ApiError, KeyError]
        assert durable_ids(file) == [answers[2].id] == [vpc(3).id]

    play(file, scenario)


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_IOERR_WRITE"])
def test_a_disk_that_failed_is_not_written_again(file: Path, name: str) -> None:
    async def scenario(store: TracedStore) -> None:
        stopped: list[str] = []
        store.on_fatal = stopped.append
        failing_once(store, disk_error(name))
        (answer,) = await write_all(store, put_vpc(1))
        assert answer.code == "Unavailable"
        assert len(stopped) == 1
        assert str(file) in stopped[0]
        later = await write_all(store, put_vpc(2), put_vpc(3))
        assert [error.code for error in later] == ["Unavailable"] * 2

    play(file, scenario)
    assert durable_ids(file) == []


def test_a_step_whose_commit_failed_is_taken_later(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(asked(delays=Delays(0))))
        failing_once(store, disk_error("SQLITE_FULL"))
        with pytest.raises(ApiError, match="Unavailable"):
            await store.run(Kind.READ, state_of)
        assert await store.run(Kind.READ, state_of) is State.PENDING_ACCEPTANCE

    play(file, scenario)


# --- steps of the service -----------------------------------------------------------------------------------------------


def state_of(unit: Unit) -> State:
    found = unit.peerings.get(asked().id)
    assert found
    return found.state


def test_no_read_sees_a_step_that_is_due_and_not_taken(file: Path) -> None:
    """Not even one that comes while another read's step is being committed."""
    clock = ManualClock(NOW)

    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(asked()))
        clock.advance(60_000)
        gate = Gate(store)
        first = asyncio.ensure_future(store.run(Kind.READ, state_of))
        await gate.arrived()
        second = asyncio.ensure_future(store.run(Kind.READ, state_of))
        await asyncio.sleep(0.02)
        assert not second.done()
        gate.open()
        assert [await first, await second] == [State.PENDING_ACCEPTANCE] * 2

    play(file, scenario, clock=clock)


def test_no_write_sees_a_step_that_is_due_and_not_taken(file: Path) -> None:
    clock = ManualClock(NOW)

    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(asked()))
        gate = Gate(store)
        before = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        queued = asyncio.ensure_future(store.run(Kind.WRITE, state_of))
        await gate.arrived()
        late = asyncio.ensure_future(store.run(Kind.WRITE, state_of))
        await asyncio.sleep(0)
        clock.advance(60_000)
        gate.open()
        await before
        assert [await queued, await late] == [State.INITIATING_REQUEST, State.PENDING_ACCEPTANCE]

    play(file, scenario, clock=clock)


@pytest.mark.parametrize("kind", [Kind.WRITE, Kind.READ])
def test_all_steps_are_taken_before_a_unit_runs_however_many_slices(
    file: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "SLICE", 2)
    clock = ManualClock(NOW)

    def waiting(unit: Unit) -> int:
        return unit.peerings.count(state="initiating-request")

    async def scenario(store: TracedStore) -> None:
        await store.run(
            Kind.WRITE, lambda unit: [unit.peerings.put(asked(n, end(2 * n), end(2 * n + 1))) for n in range(1, 10)]
        )
        gate = Gate(store)
        first = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        await gate.arrived()
        queued = [asyncio.ensure_future(store.run(Kind.WRITE, waiting)) for _ in range(2)]
        clock.advance(60_000)
        late = asyncio.ensure_future(store.run(kind, waiting))
        gate.open()
        assert await asyncio.gather(*queued, late) == [0, 0, 0]
        await first

    play(file, scenario, clock=clock)


@pytest.mark.parametrize("where", ["file", "memory"])
def test_the_timer_takes_due_steps_on_an_idle_store(file: Path, where: str) -> None:
    async def scenario(store: TracedStore) -> None:
        due = asked(now=SystemClock().wall(), delays=Delays(30))
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(due))
        await until(store, "SELECT state FROM peering", [("pending-acceptance",)])
        assert read_raw(store, "SELECT count(*) FROM journal") == [(1,)]

    play(file if where == "file" else None, scenario, clock=SystemClock())


def read_raw(store: TracedStore, sql: str) -> list[Any]:
    """Look without a unit, and so without taking any step."""
    return store._read_unit.engine.query(sql)


async def until(store: TracedStore, sql: str, rows: list[Any]) -> None:
    while read_raw(store, sql) != rows:  # noqa: ASYNC110 - the store tells nobody
        await asyncio.sleep(0.005)


def test_the_timer_follows_the_clock_that_an_operator_moves(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(asked(now=SystemClock().wall())))
        await store.run(Kind.WRITE, lambda unit: store.set_offset(unit, 60_000))
        await until(store, "SELECT state FROM peering", [("pending-acceptance",)])

    play(file, scenario, clock=SystemClock())


def test_a_step_that_cannot_be_written_is_tried_again_with_a_pause(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_time, "RETRY_SECONDS", 0.05)

    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(asked(now=SystemClock().wall(), delays=Delays(10))))
        tries = 0

        def fail() -> None:
            nonlocal tries
            tries += 1
            raise disk_error("SQLITE_FULL")

        store.before_commit = fail
        await asyncio.sleep(0.3)
        assert 2 <= tries <= 8
        store.before_commit = lambda: None
        await until(store, "SELECT state FROM peering", [("pending-acceptance",)])

    play(file, scenario, clock=SystemClock())


def test_a_step_that_fails_refuses_who_would_see_it_and_harms_nobody_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOW)

    def broken(unit: Unit) -> None:
        unit.writes()
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, lambda unit: unit.peerings.put(asked()))
        early = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        await asyncio.sleep(0)  # it is queued
        await asyncio.sleep(0)  # it has run
        clock.advance(60_000)
        with monkeypatch.context() as patch:
            patch.setattr(settle, "settle_slice", broken)
            answers = await asyncio.gather(
                store.run(Kind.WRITE, put_vpc(2)), store.run(Kind.READ, state_of), return_exceptions=True
            )
            assert [error.code for error in answers if isinstance(error, ApiError)] == ["Unavailable"] * 2
            assert (await early).id == vpc(1).id
        assert await store.run(Kind.READ, state_of) is State.PENDING_ACCEPTANCE
        assert durable_ids(file) == [vpc(1).id]

    play(file, scenario, clock=clock)


# --- limits, resets, the end --------------------------------------------------------------------------------------------


@pytest.mark.rule("S136")
def test_a_full_queue_refuses_at_once_and_keeps_what_it_has(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        gate = Gate(store)
        first = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(1)))
        await gate.arrived()
        queued = [asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(number))) for number in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="RequestLimitExceeded"):
            await store.run(Kind.WRITE, put_vpc(4))
        gate.open()
        await asyncio.gather(first, *queued)

    play(file, scenario, queue_limit=2)
    assert durable_ids(file) == [vpc(number).id for number in (1, 2, 3)]


@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_reset_stands_between_the_units_before_and_after_it(file: Path, where: str) -> None:
    async def scenario(store: TracedStore) -> None:
        def fill(unit: Unit) -> None:
            unit.vpcs.put(vpc(1))
            unit.peerings.put(peering(1))

        before = asyncio.ensure_future(store.run(Kind.WRITE, fill))
        await asyncio.sleep(0)
        reset = store.run_alone(lambda unit: administration.reset(unit, identity=True))
        after = asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(2)))
        await asyncio.gather(before, reset, after)
        assert await store.run(Kind.READ, vpc_ids) == [vpc(2).id]
        assert await store.run(Kind.READ, lambda unit: unit.peerings.count()) == 0

    play(file if where == "file" else None, scenario)


def test_many_units_at_once_in_memory_share_one_connection_in_peace() -> None:
    async def scenario(store: TracedStore) -> None:
        store._housekeeper.cancel()
        works = [store.run(Kind.WRITE, put_vpc(number)) for number in range(1, 40)]
        resets = [store.run_alone(lambda unit: administration.reset(unit, identity=False)) for _ in range(3)]
        store._housekeep()
        await asyncio.gather(*works, *resets, *(store.run(Kind.READ, vpc_ids) for _ in range(20)))

    play(None, scenario)


@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_failed_reset_answers_and_leaves_everything(file: Path, where: str) -> None:
    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, put_vpc(1))
        with pytest.raises(KeyError):
            await store.run_alone(failing(lambda unit: administration.reset(unit, identity=True)))
        assert await store.run(Kind.READ, vpc_ids) == [vpc(1).id]

    play(file if where == "file" else None, scenario)


def test_a_stop_finishes_everything_that_was_accepted(file: Path) -> None:
    async def scenario() -> None:
        store = opened(file)
        await store.start()
        gate = Gate(store)
        accepted = [asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(number))) for number in range(1, 100)]
        await gate.arrived()
        stopping = asyncio.ensure_future(store.stop())
        await asyncio.sleep(0.02)
        assert not stopping.done()
        gate.open()
        await stopping
        assert all(each.done() for each in accepted)
        store.close()

    asyncio.run(scenario())
    assert len(durable_ids(file)) == 99


def test_a_caller_who_has_gone_stops_nobody(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        gate = Gate(store)
        jobs = [asyncio.ensure_future(store.run(Kind.WRITE, put_vpc(number))) for number in (1, 2, 3)]
        await gate.arrived()
        jobs[1].cancel()
        gate.open()
        await asyncio.gather(jobs[0], jobs[2])

    play(file, scenario)
    assert len(durable_ids(file)) == 3


def test_a_caller_who_cannot_be_told_keeps_nobody_else_waiting(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    def stumble(_result: object, _error: BaseException | None) -> None:
        raise KeyError("bug")

    async def scenario(store: TracedStore) -> None:
        assert store.begin(Kind.WRITE, put_vpc(1), stumble) is None
        await store.run(Kind.WRITE, put_vpc(2))

    play(file, scenario)
    assert len(durable_ids(file)) == 2
    assert "could not be told" in caplog.text


@pytest.mark.parametrize("where", ["file", "memory"])
def test_the_journal_is_kept_to_its_length_however_much_was_written(
    file: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "JOURNAL_SLICE", 7)

    def scribble(unit: Unit) -> None:
        unit.writes()
        for number in range(50):
            unit.engine.execute(
                "INSERT INTO journal (at, request_id, actor, account, region, action, changes) "
                "VALUES (?, '', 'a', '1', ?, 'X', '[]')",
                (number, REGION),
            )

    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, scribble)
        store._housekeeper.cancel()
        store._housekeep()
        await until(store, "SELECT at FROM journal ORDER BY seq", [(at,) for at in range(40, 50)])

    play(file if where == "file" else None, scenario, journal_rows=10)


def test_a_long_read_sees_one_instant_while_writes_go_on(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        await store.run(Kind.WRITE, put_vpc(1))
        started, go_on = threading.Event(), threading.Event()

        def long(unit: Unit) -> tuple[list[str], list[str]]:
            unit.spend(10_000)
            before = vpc_ids(unit)
            started.set()
            assert go_on.wait(10)
            return before, vpc_ids(unit)

        reading = asyncio.ensure_future(store.run(Kind.READ, long))
        await asyncio.to_thread(started.wait, 10)
        await store.run(Kind.WRITE, put_vpc(2))
        go_on.set()
        assert await reading == ([vpc(1).id], [vpc(1).id])

    play(file, scenario)


def test_sixteen_clients_share_their_commits(file: Path) -> None:
    async def scenario(store: TracedStore) -> float:
        async def client(number: int) -> None:
            for each in range(20):
                await store.run(Kind.WRITE, put_vpc(1_000 * number + each))

        await asyncio.gather(*(client(number) for number in range(1, 17)))
        return 320 / store.commits

    assert play(file, scenario) >= 8


def test_connections_of_a_batch_meet_the_same_guards_as_one_by_one(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        twice = [lambda unit, n=n: unit.peerings.put(peering(n, State.ACTIVE, end(1), end(2))) for n in (1, 2)]
        answers = await write_all(store, *twice)
        assert answers[0].id == peering(1).id
        assert isinstance(answers[1], Conflict)

    play(file, scenario)


def test_a_row_that_is_refused_while_somebody_else_asks_is_the_fault_of_whose_it_is(file: Path) -> None:
    async def scenario(store: TracedStore) -> None:
        await write_all(store, lambda unit: unit.peerings.put(peering(1, State.ACTIVE, end(1), end(2))))
        opposed, asking = await write_all(
            store,
            lambda unit: unit.peerings.put(peering(2, State.ACTIVE, end(1), end(2))),
            lambda unit: unit.peerings.where(),
        )
        assert isinstance(opposed, Conflict)
        assert [row.id for row in asking] == [peering(1).id]
        assert store.retried == 2

    play(file, scenario)


@pytest.mark.parametrize("refused", [peering(2, State.ACTIVE, end(1), end(2)), replace(peering(2), id="pcx-\ud800")])
def test_a_unit_that_answers_for_itself_keeps_no_refused_row_from_being_noticed(file: Path, refused: Peering) -> None:
    """As the gateway does, which makes an answer of whatever a unit raises before it has written."""

    def answers(unit: Unit) -> Any:
        try:
            return [row.id for row in unit.peerings.where()]
        except Exception as error:  # noqa: BLE001 - it is handed back
            return error

    async def scenario(store: TracedStore) -> None:
        await write_all(store, lambda unit: unit.peerings.put(peering(1, State.ACTIVE, end(1), end(2))))
        opposed, asking = await write_all(store, lambda unit: unit.peerings.put(refused), answers)
        assert isinstance(opposed, Conflict | UnicodeEncodeError)
        assert asking == [peering(1).id]
        assert read(store, lambda unit: [row.id for row in unit.peerings.where()]) == [peering(1).id]

    play(file, scenario)


@pytest.mark.parametrize("swallows", [False, True])
def test_a_transaction_that_sqlite_has_ended_by_itself_is_no_batch_any_more(file: Path, swallows: bool) -> None:
    """It ends one whenever its disk fails, be it while somebody reads."""
    failures = iter([errors.unavailable()])

    def reads(unit: Unit) -> str:
        for failure in failures:
            cast("Any", unit.engine).connection.execute("ROLLBACK")
            if not swallows:
                raise failure
        return "read"

    async def scenario(store: TracedStore) -> None:
        answers = await write_all(store, put_vpc(1), reads, put_vpc(2))
        assert [getattr(answer, "id", answer) for answer in answers] == [vpc(1).id, "read", vpc(2).id]
        assert durable_ids(file) == [vpc(1).id, vpc(2).id]

    play(file, scenario)


def test_a_reader_whose_transaction_sqlite_has_ended_by_itself_stops_nobody(file: Path) -> None:
    def fails(unit: Unit) -> None:
        unit.engine.execute("ROLLBACK")
        raise errors.unavailable()

    def fails_far(unit: Unit) -> None:
        unit.spend(1_000)
        fails(unit)

    async def scenario(store: TracedStore) -> None:
        for number, work in enumerate((fails, fails_far)):
            with pytest.raises(ApiError, match="Unavailable"):
                await store.run(Kind.READ, work)
            await store.run(Kind.WRITE, put_vpc(number))
            assert len(await store.run(Kind.READ, vpc_ids)) == number + 1

    play(file, scenario)
    store = opened(file)
    with pytest.raises(ApiError, match="Unavailable"):
        store.run_now(Kind.READ, fails)
    store.close()
