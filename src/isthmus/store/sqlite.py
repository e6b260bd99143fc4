"""The embedded engine: SQLite in a file with group commit, or in memory.

A file has two connections on the event loop's thread: one for reads, which sees what is committed and never waits for a
disk, and one for writes. Units that write run one after the other inside an open batch; COMMIT, and with it the wait for the
disk, runs on a helper thread, and **while it runs nobody else touches that connection**: units that come meanwhile queue and
make up the next batch. Answers leave after their batch's commit.

There are no savepoints (they would cost nearly half of the throughput). A unit that fails before its first write costs
nothing. One that fails after it takes the whole batch back, and each of its units runs again, alone, at its saved `Moment`,
so that ids and times come out the same.
"""

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from msgspec import Struct, field

from isthmus.domain import errors
from isthmus.domain.errors import Conflict
from isthmus.store import migrate, settle
from isthmus.store.api import Kind, Params, SchemaError, TooMuchForTheLoop, Undo
from isthmus.store.clock import Clock, Seeds, SystemClock, system_seeds
from isthmus.store.lock import FileLock
from isthmus.store.unit import Memo, Moment, Unit

T = TypeVar("T")
Work = Callable[[Unit], T]

log = logging.getLogger("isthmus.store")

APPLICATION_ID: Final = 0x49535448  # "ISTH" in the file's header: tells our files from other SQLite files
WORDS: Final = {"numbered": "INTEGER PRIMARY KEY", "identity": "INTEGER PRIMARY KEY", "clustered": "WITHOUT ROWID"}
BATCH_LIMIT: Final = 64
DRAIN_SLICE: Final = 16
"""Queued units run before the loop gets a turn: about 5 ms of work."""
LONGEST_NAP: Final = 3_600.0
HOUSEKEEPING: Final = 60.0
JOURNAL_SLICE: Final = 1_000
POLL_SECONDS: Final = 0.001
RETRY_SECONDS: Final = 1.0
"""How long the timer waits after a step could not be written."""
CALM_SECONDS: Final = 5.0
"""How long nothing must have been refused until trouble counts as over: on a disk that is nearly full some still succeed."""
LOST_RACES: Final = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_FOREIGNKEY"})
"""What the database refuses because another row is there, or is not; any other constraint is broken by a bug only."""


Troubled = Callable[[sqlite3.DatabaseError], None]
"""Told of a disk or a file that fails."""


class SqliteEngine:
    """The verbs of one SQLite connection."""

    several = "IN (SELECT value FROM json_each(?))"
    for_update = ""

    def __init__(self, connection: sqlite3.Connection, troubled: Troubled | None = None) -> None:
        """Wrap a connection. One cursor serves all statements: each is read to its end at once.

        Without `troubled` a disk or a file that fails raises what SQLite raised.
        """
        self.connection, self._troubled = connection, troubled
        self._execute = connection.cursor().execute

    def query(self, sql: str, params: Params = ()) -> list[Any]:
        """Return all rows of a statement. Raises as `execute` does."""
        try:
            return self._execute(sql, params).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement that writes; return how many rows it touched.

        Raises `Conflict` where the database refuses a row, and `Unavailable` where the disk is full or fails.
        """
        try:
            return self._execute(sql, params).rowcount
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def insert(self, sql: str, params: Params = ()) -> int:
        """Run an INSERT; return the seq of the new row. Raises as `execute` does.

        Without RETURNING, for which SQLite would copy every page that it is going to change.
        """
        try:
            return self._execute(sql, params).lastrowid or 0
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def later(self, sql: str, params: Params = ()) -> None:
        """Run a statement at once: there is no way to save."""
        self.execute(sql, params)

    def expect_one(self, sql: str, params: Params = ()) -> None:
        """Run a statement; raise `Conflict` if it does not touch a row."""
        if self.execute(sql, params) != 1:
            raise Conflict(sql)

    def ahead(self, sql: str, params: Params = ()) -> None:
        """Do nothing: whoever asks will be answered at once."""

    def hold(self, _table: str, _ids: Sequence[str]) -> bool:
        """Lock nothing: units that write run one after the other."""
        return False

    def alone(self, *names: str) -> None:
        """Do nothing, for the same reason."""

    def pack(self, values: Sequence[Any]) -> str:
        """Return a list as one JSON parameter."""
        return json.dumps(list(values))

    def reached(self, table: str, seq: int) -> None:
        """Do nothing: SQLite numbers a new row beyond the last one by itself."""

    def _refusal(self, error: sqlite3.DatabaseError) -> Exception:
        """Say what a failed statement means to the unit; one that only a bug can cause stays what it is."""
        from isthmus.store import trouble  # seldom needed

        if getattr(error, "sqlite_errorname", "") in LOST_RACES:
            return Conflict(str(error))
        if self._troubled is None or not trouble.family(error):
            return error
        self._troubled(error)
        return errors.unavailable()


def _nothing(_: Unit) -> None:
    """A unit that only waits for what comes before it to be settled and durable."""


class _Job(Struct):
    """A unit of work on its way: what to do, whom to tell, and the moment it was first run at.

    An `unchecked` one runs alone and without foreign key checks.
    """

    work: Work[Any]
    future: "asyncio.Future[Any]"
    unchecked: bool = False
    moment: Moment | None = None
    result: Any = None
    on_commit: list[Callable[[], None]] = field(default_factory=list)

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def succeed(self) -> None:
        for callback in self.on_commit:
            callback()
        if not self.future.done():
            self.future.set_result(self.result)


Then = Callable[[BaseException | None], None]


class _Helper:
    """The thread on which commits wait for the disk. A pool would cost a tenth of a create for each of its tasks."""

    def __init__(self, commit: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._commit, self._loop = commit, loop
        self._asked: SimpleQueue[Then | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="isthmus-commit", daemon=True)
        self._thread.start()

    def commit(self, then: Then) -> None:
        """Commit, and call `then` on the loop, with the error if there was one."""
        self._asked.put(then)

    def close(self) -> None:
        """End once what was asked for is done."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while then := self._asked.get():
            error: BaseException | None = None
            try:
                self._commit()
            except BaseException as problem:  # noqa: BLE001 - carried to the loop
                error = problem
            self._loop.call_soon_threadsafe(then, error)


class SqliteSettings(Struct, frozen=True):
    """What an operator may choose. `synchronous` other than FULL is for tests that show why it is FULL."""

    queue_limit: int = 10_000
    journal_rows: int = 100_000
    synchronous: str = "FULL"


class SqliteStore:
    """A store in one SQLite file, or in memory where `path` is None."""

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Clock | None = None,
        seeds: Seeds = system_seeds,
        settings: SqliteSettings | None = None,
        holder: str = "an isthmus command",
    ) -> None:
        """Open, lock and migrate the store. Raises `StoreInUseError` or `SchemaError` with a sentence for the operator."""
        self.path, self._clock, self._seeds = path, clock or SystemClock(), seeds
        self._settings = settings or SqliteSettings()
        self._lock = None if path is None else FileLock(path, holder)
        self._next_due: int | None = 0
        self.offset = 0
        self._connections: list[sqlite3.Connection] = []
        self._memo = Memo()
        self._reading = False  # the readers' transaction is open
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False
        self._disk_failed = False  # nothing may be written any more
        # When trouble was last met, on a clock that nobody sets, and how many rows the writer had changed by then.
        self._trouble: tuple[float, int] | None = None
        self.on_fatal: Callable[[str], None] = log.critical
        try:
            self._writer = self._connect()
            migrate_file(self._writer, str(path))
            self._write_unit = self._unit(self._writer, bounded=False)
            self._read_unit = self._write_unit if path is None else self._unit(self._connect(read_only=True), bounded=True)
            self._read_state()
        except sqlite3.DatabaseError as error:
            self._let_go()
            raise _cannot_open(error, str(path)) from error
        except BaseException:
            self._let_go()
            raise
        self._is_open = True
        self._batch: list[_Job] = []  # run in the open transaction, answered after its commit
        self._queue: deque[_Job] = deque()  # accepted, not yet run
        self._alone: deque[_Job] = deque()  # to be run in a transaction each
        # Busy: the writer is committing, or running units alone. Begun: a batch's transaction is open. Scheduled: the loop
        # will call `_turn`. Wrote: some unit of the batch did, so that its commit is worth a trip to the helper.
        self._busy = self._begun = self._scheduled = self._wrote = False
        self._grown = 0  # how long the batch was when the last turn ended
        self._unsettled = False  # a step was taken whose commit is still to come
        self._sync = threading.RLock()
        self._unchecked: tuple[sqlite3.Connection, Unit] | None = None
        self._helper: _Helper | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._far_unit: Unit | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None
        self._journaled = 0
        self.batches = self.units = 0

    # --- opening ------------------------------------------------------------------------------------------------------

    def _connect(self, *, read_only: bool = False, checked: bool = True) -> sqlite3.Connection:
        connection = sqlite3.connect(
            ":memory:" if self.path is None else self.path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            timeout=5.0,
        )
        self._connections.append(connection)
        check_file(connection, str(self.path))  # before anything touches it: it may not be ours
        connection.execute(f"PRAGMA foreign_keys = {'ON' if checked else 'OFF'}")
        # What is deleted is overwritten, except for whole pages, as some builds of SQLite would: it trebles a reset's cost.
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute("PRAGMA temp_store = MEMORY")
        if self.path is not None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._settings.synchronous}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _unit(self, connection: sqlite3.Connection, *, bounded: bool) -> Unit:
        return Unit(SqliteEngine(connection, self._troubled), bounded=bounded, note_due=self._note_due, memo=self._memo)

    def _read_state(self) -> None:
        sql = "SELECT installation, clock_offset FROM server_state"
        if not self._write_unit.engine.query(sql):
            installation = self._seeds().hex()[-32:]
            self._write_unit.engine.execute("INSERT INTO server_state (id, installation) VALUES (1, ?)", (installation,))
        installation, self.offset = self._write_unit.engine.query(sql)[0]
        for unit in (self._write_unit, self._read_unit):
            unit.installation = installation
        self._next_due = settle.next_due(self._write_unit)

    # --- time ---------------------------------------------------------------------------------------------------------

    def moment(self) -> Moment:
        """Return the present, by both clocks, with a new seed."""
        wall = self._clock.wall()
        return Moment(wall, wall + self.offset, self._seeds())

    def set_offset(self, unit: Unit, offset: int) -> None:
        """Move service time: it becomes wall time plus `offset` milliseconds once the unit is committed."""
        unit.writes()
        unit.engine.execute("UPDATE server_state SET clock_offset = ?", (offset,))
        unit.on_commit.append(lambda: self._offset_is(offset))

    def _offset_is(self, offset: int) -> None:
        self.offset = offset
        self._arm()

    def _forget_due(self) -> None:
        """Look again what is due: steps that were taken in a transaction are not, since it was rolled back.

        Reads go on meanwhile, unless a step is really due that they could see.
        """
        self._unsettled = False
        try:
            self._next_due = settle.next_due(self._write_unit)
        except errors.ApiError:
            self._next_due = 0
        self._arm(RETRY_SECONDS)

    def _note_due(self, at: int) -> None:
        if self._next_due is None or at < self._next_due:
            self._next_due = at
            self._arm()

    def _is_due(self) -> bool:
        return self._next_due is not None and self._next_due <= self._clock.wall() + self.offset

    def _settle(self, unit: Unit) -> None:
        settle.settle_slice(unit)
        self._next_due, self._unsettled = settle.next_due(unit), True
        unit.on_commit.append(self._settled)

    def _settled(self) -> None:
        self._unsettled = False
        self._arm()

    def _arm(self, at_least: float = 0.0) -> None:
        """Wake at the next due step, so that it happens on an idle server too."""
        if self._idle is None:
            return
        if self._timer:
            self._timer.cancel()
        delay = LONGEST_NAP
        if self._next_due is not None:
            delay = min(delay, max(at_least, (self._next_due - self._clock.wall() - self.offset) / 1_000))
        self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._tasks.add(task := asyncio.ensure_future(self._settle_all()))
        task.add_done_callback(self._tasks.discard)

    async def _settle_all(self) -> None:
        try:
            while self._is_due():
                await self._write(_nothing)
        except errors.ApiError:
            log.warning("a due step could not be written; it will be tried again")
            self._arm(RETRY_SECONDS)
        else:
            self._arm()

    # --- the event loop's side ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to serve the running event loop: due steps are taken and the journal is kept short from now on."""
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._helper = _Helper(self._commit_now, self._loop)
        self._arm()
        self._housekeeper = asyncio.get_running_loop().call_later(HOUSEKEEPING, self._housekeep)

    async def stop(self) -> None:
        """Finish every unit that was accepted, then let the loop go."""
        while self._busy or self._queue or self._batch or self._scheduled:  # noqa: ASYNC110 - once in a server's life
            await asyncio.sleep(POLL_SECONDS)
        self._housekeeper.cancel()
        if self._timer:
            self._timer.cancel()
        self._idle = None

    def _housekeep(self) -> None:
        if self._journaled:
            self._journaled = 0
            self._tasks.add(task := asyncio.ensure_future(self._trim_journal()))
            task.add_done_callback(self._tasks.discard)
        self._housekeeper = asyncio.get_running_loop().call_later(HOUSEKEEPING, self._housekeep)

    async def _trim_journal(self) -> None:
        """Delete the oldest rows of the journal beyond its retention, a slice at a time."""
        try:
            while await self._write(self._trim_slice) == JOURNAL_SLICE:
                pass
        except errors.ApiError:
            log.warning("the journal could not be shortened; it will be tried again")
            self._journaled = 1

    def _trim_slice(self, unit: Unit) -> int:
        floor = "(SELECT max(seq) FROM journal) - ?"
        sql = f"DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq <= {floor} ORDER BY seq LIMIT ?)"
        unit.writes()
        return unit.engine.execute(sql, (self._settings.journal_rows, JOURNAL_SLICE))

    async def run(self, kind: Kind, work: Work[T]) -> T:
        """Run a unit of work; a WRITE's result is returned once it is durable.

        Raises whatever the work raises, and `Unavailable` where the commit failed.
        """
        while kind is Kind.READ and self._must_settle():
            await self._write(_nothing)
        begun = self.begin(kind, work)
        return await begun if isinstance(begun, asyncio.Future) else begun

    def begin(self, kind: Kind, work: Work[T]) -> "T | asyncio.Future[T]":
        """Run a unit of work as `run` does; return its result itself where nothing has to be waited for."""
        if self.path is None:
            return self.run_now(kind, work)
        if kind is Kind.WRITE:
            return self._write(work)
        if self._must_settle():
            return asyncio.ensure_future(self.run(kind, work))
        try:
            return self._read_here(work)
        except TooMuchForTheLoop:
            return asyncio.ensure_future(self._read_elsewhere(work))

    def _must_settle(self) -> bool:
        """Tell whether a read has to wait for a due step, or for the commit of one."""
        return self.path is not None and (self._unsettled or self._is_due())

    def _read_here(self, work: Work[T]) -> T:
        """Run a READ on the loop's thread. Reads between two commits share one transaction: nothing changes meanwhile."""
        self._read_unit.begin(self.moment(), writable=False)
        if not self._reading:
            self._read_unit.engine.execute("BEGIN")
            self._reading = True
        try:
            return work(self._read_unit)
        finally:
            if self._busy:  # a reader that stays while COMMIT runs keeps it from shortening the log, which then only grows
                self._stop_reading()

    def _stop_reading(self) -> None:
        """Let the readers' transaction go, before a commit (which may then shorten the log) and after one."""
        if self._reading:
            self._read_unit.engine.execute("ROLLBACK")
            self._reading = False

    def _transaction_ended(self) -> None:
        """See the writer's connection as it is now: what readers knew of before may have changed."""
        self._stop_reading()
        self._memo.renew()

    def _read(self, unit: Unit, work: Work[T]) -> T:
        unit.begin(self.moment(), writable=False)
        unit.engine.execute("BEGIN")
        try:
            return work(unit)
        finally:
            unit.engine.execute("ROLLBACK")

    async def _read_elsewhere(self, work: Work[T]) -> T:
        """Run a READ that looks at many rows on a thread and a connection of its own."""
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="isthmus-read")
            engine = SqliteEngine(self._connect(read_only=True), self._troubled)
            self._far_unit = Unit(engine, bounded=False, note_due=self._note_due, memo=Memo(forgetful=True))
            self._far_unit.installation = self._read_unit.installation
        unit = self._far_unit
        assert unit is not None
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, unit, work)

    def _write(self, work: Work[Any], *, unchecked: bool = False) -> "asyncio.Future[Any]":
        job = _Job(work, asyncio.get_running_loop().create_future(), unchecked)
        if self.path is None:
            self._run_at_once(job)
        elif len(self._queue) >= self._settings.queue_limit:
            job.fail(errors.request_limit_exceeded())
        else:
            self._queue.append(job)  # run soon, one after the other: much cheaper than each between two requests' arrivals
            self._schedule()
        return job.future

    def _run_at_once(self, job: _Job) -> None:
        try:
            job.result = self.run_now(Kind.WRITE, job.work, unchecked=job.unchecked)
        except Exception as error:  # noqa: BLE001 - it belongs to the unit's caller
            job.fail(error)
        else:
            job.succeed()

    def run_unchecked(self, work: Work[Any]) -> "asyncio.Future[Any]":
        """Run a unit alone and without foreign key checks: for a reset, which empties whole tables at once."""
        return self._write(work, unchecked=True)

    def _add(self, job: _Job) -> bool:
        """Run a unit inside the open batch; return False where due steps leave it no room in this turn of the loop."""
        if not self._open_batch(job):
            return True
        if self._is_due():  # more than one slice of steps
            self._queue.appendleft(job)
            return False
        job.moment = job.moment or self.moment()
        try:
            wrote = self._attempt(job)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller of this one unit
            if self._write_unit.wrote:
                self._take_back(job)
            else:
                self._answer_failure(job, error)
            return True
        self._wrote = self._wrote or wrote
        self._batch.append(job)
        return True

    def _open_batch(self, job: _Job) -> bool:
        """Begin the batch if need be and take a slice of due steps; where that fails, refuse the unit that waits for it."""
        try:
            self._begin()
            if self._is_due():
                self._settle_in_batch()
        except Exception as error:  # noqa: BLE001 - told by `_could_not_begin`
            self._could_not_begin(job, error)
            if self._begun:
                self._take_back()
            return False
        return True

    def _begin(self) -> None:
        if self._disk_failed:
            raise errors.unavailable()
        if not self._begun:
            self._writer.execute("BEGIN IMMEDIATE")
            self._begun = True

    def _could_not_begin(self, job: _Job, error: Exception) -> None:
        """Refuse a unit whose transaction cannot be opened, or whose due steps cannot be taken."""
        if isinstance(error, sqlite3.DatabaseError):
            self._troubled(error)
        elif not isinstance(error, errors.ApiError):  # of those the operator was told
            log.error("a unit of work could not begin", exc_info=error)
        job.fail(errors.unavailable())

    def _settle_in_batch(self) -> None:
        step = _Job(self._settle, asyncio.get_running_loop().create_future())
        step.future.add_done_callback(asyncio.Future.exception)  # nobody else asks how it ended
        step.moment = self.moment()
        self._attempt(step)
        self._wrote = True
        self._batch.append(step)

    def _attempt(self, job: _Job) -> bool:
        assert job.moment is not None
        unit = self._write_unit
        unit.begin(job.moment, writable=True)
        job.result = job.work(unit)
        job.on_commit = unit.on_commit
        self.units += 1
        self._journaled += unit.wrote
        return unit.wrote

    def _answer_failure(self, job: _Job, error: Exception) -> None:
        if isinstance(error, Undo):
            job.result = error.result
            job.succeed()
        else:
            job.fail(error)

    def _schedule(self) -> None:
        if not self._scheduled and not self._busy:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Take queued units into the batch; commit once there is nothing more to take."""
        self._scheduled = False
        for _ in range(DRAIN_SLICE):
            if not self._takes_more() or not self._add(self._queue.popleft()):
                break
        if not self._busy:
            self._finish_turn()

    def _takes_more(self) -> bool:
        waiting = self._queue and not self._queue[0].unchecked
        return bool(waiting) and not self._busy and len(self._batch) < BATCH_LIMIT

    def _finish_turn(self) -> None:
        grown, self._grown = len(self._batch) > self._grown, len(self._batch)
        if self._takes_more() or (grown and not self._queue and len(self._batch) < BATCH_LIMIT):
            self._schedule()  # who is on its way comes along: a commit costs as much for one as for many
        elif self._begun:
            self._commit()
        elif self._queue:
            self._busy = True
            self._alone.append(self._queue.popleft())
            self._next_alone()

    def _commit(self) -> None:
        self._begun = False
        if not self._wrote:
            self._writer.execute("COMMIT")
            self._deliver(None)
            return
        self._busy = True
        self._on_helper(self._deliver)

    def _on_helper(self, then: Then) -> None:
        assert self._helper is not None
        self._stop_reading()
        self._memo.close()
        self._helper.commit(then)

    def _commit_now(self) -> None:
        self.commit_statement()

    def commit_statement(self) -> None:
        """Make the open transaction durable; the one place that waits for the disk."""
        self._writer.execute("COMMIT")

    def _deliver(self, error: BaseException | None) -> None:
        batch, self._batch, self._grown = self._batch, [], 0
        self._busy = self._wrote = False
        self.batches += 1
        self._transaction_ended()
        if error is None:
            self._see_recovery()
            for job in batch:
                job.succeed()
        else:
            self._commit_failed(error, batch)
        if self._queue:
            self._schedule()

    def _commit_failed(self, error: BaseException, jobs: Sequence[_Job]) -> None:
        """Nothing of the batch happened: say so to each, and stop the server where the disk can no longer be trusted."""
        from isthmus.store import trouble

        _roll_back(self._writer)
        self._forget_due()
        if isinstance(error, sqlite3.DatabaseError):
            self._troubled(error)
        else:
            log.error("commit failed", exc_info=error)
        for job in jobs:
            job.fail(errors.unavailable())
        if isinstance(error, sqlite3.DatabaseError) and trouble.is_fatal(error):
            self._give_up(
                f"The disk failed while {self.path} was being written ({error}). Isthmus stops, so that no answer lies."
            )

    def _troubled(self, error: sqlite3.DatabaseError) -> None:
        """Tell the operator, once until it has passed, that the disk or the file fails. A damaged file ends the server."""
        from isthmus.store import trouble

        if not self._is_open:  # then whoever opens it is told
            raise error
        sentence = trouble.in_flight(error, str(self.path))
        if trouble.is_damage(error):
            self._give_up(sentence)
        elif self._trouble is None:
            log.error("%s", sentence or f"a unit of work failed: {error}")
        self._trouble = time.monotonic(), self._writer.total_changes

    def _see_recovery(self) -> None:
        """Tell the operator that trouble has passed, once something was written; a commit of nothing proves nothing."""
        if self._trouble is None:
            return
        last, changes = self._trouble
        if self._writer.total_changes > changes and time.monotonic() - last >= CALM_SECONDS:
            self._trouble = None
            log.warning("%s can be written again", self.path)

    def _give_up(self, sentence: str) -> None:
        """Write nothing any more, and say so to whoever runs the server; on its own thread, whichever this is."""
        if self._disk_failed:
            return
        self._disk_failed = True
        if self._loop is None:
            self.on_fatal(sentence)
        else:
            self._loop.call_soon_threadsafe(self.on_fatal, sentence)

    # --- a batch that must be taken back ------------------------------------------------------------------------------

    def _take_back(self, *failed: _Job) -> None:
        """Roll the batch back and run each of its units again, in a transaction of its own."""
        _roll_back(self._writer)
        self._transaction_ended()
        self._forget_due()
        jobs, self._batch, self._grown = [*self._batch, *failed], [], 0
        self._begun = self._wrote = False
        self._alone.extend(jobs)
        self._busy = True
        self._next_alone()

    def _next_alone(self) -> None:
        while self._alone:
            job = self._alone.popleft()
            if self._run_alone(job):
                self._on_helper(lambda error, job=job: self._alone_done(job, error))  # type: ignore[misc]  # bound now
                return
        self._busy = False
        if self._queue:
            self._schedule()

    def _run_alone(self, job: _Job) -> bool:
        """Run one unit in a transaction of its own; return whether there is something to commit."""
        try:
            self._begin_alone(job)
        except (sqlite3.Error, errors.ApiError) as error:
            self._end_alone(job)
            self._could_not_begin(job, error)
            return False
        job.moment = job.moment or self.moment()
        try:
            self._attempt(job)
        except Exception as error:  # noqa: BLE001 - belongs to this unit's caller
            self._end_alone(job)
            self._answer_failure(job, error)
            return False
        return True

    def _begin_alone(self, job: _Job) -> None:
        if job.unchecked:
            self._take_turns()
        self._begin()
        self._begun = False  # there is no batch to join

    def _end_alone(self, job: _Job) -> None:
        _roll_back(self._writer)
        self._transaction_ended()
        if job.unchecked:
            self._take_turns()

    def _take_turns(self) -> None:
        """Let the writer and a connection that checks no foreign keys change places, before an unchecked unit and after it.

        To switch the checks off and on would make the writer prepare all its statements anew.
        """
        if self._unchecked is None:
            connection = self._connect(checked=False)
            self._unchecked = connection, self._unit(connection, bounded=False)
            self._unchecked[1].installation = self._write_unit.installation
        other, self._unchecked = self._unchecked, (self._writer, self._write_unit)
        self._writer, self._write_unit = other

    def _alone_done(self, job: _Job, error: BaseException | None) -> None:
        self._end_alone(job)
        if error is None:
            self.batches += 1
            self._see_recovery()
            job.succeed()
        else:
            self._commit_failed(error, [job])
        self._next_alone()

    # --- without a loop -----------------------------------------------------------------------------------------------

    def run_now(self, kind: Kind, work: Work[T], *, unchecked: bool = False) -> T:
        """Run a unit of work on the calling thread and commit it, without an event loop."""
        with self._sync:
            while self._is_due():
                self._run_once(self._settle, writable=True)
            return self._run_once(work, writable=kind is Kind.WRITE, unchecked=unchecked)

    def _run_once(self, work: Work[T], *, writable: bool, unchecked: bool = False) -> T:
        unit = self._write_unit if writable else self._read_unit
        self._stop_reading()
        unit.begin(self.moment(), writable=writable)
        bounded, unit.bounded = unit.bounded, False
        if unchecked:
            self._writer.execute("PRAGMA foreign_keys = OFF")
        unit.engine.execute("BEGIN IMMEDIATE" if writable else "BEGIN")
        try:
            result = work(unit)
            unit.engine.execute("COMMIT")
        except Undo as undo:
            self._undo(unit)
            return undo.result  # type: ignore[return-value]  # an answer of the same kind as work's
        except BaseException:
            self._undo(unit)
            raise
        finally:
            unit.bounded = bounded
            self._memo.renew()
            if unchecked:
                self._writer.execute("PRAGMA foreign_keys = ON")
        self.units += 1
        self.batches += unit.wrote
        self._journaled += unit.wrote
        for callback in unit.on_commit:
            callback()
        return result

    def _undo(self, unit: Unit) -> None:
        if unit is self._write_unit:
            _roll_back(self._writer)
            self._forget_due()
        else:
            unit.engine.execute("ROLLBACK")

    def close(self) -> None:
        """Let the threads, the connections and the file go."""
        if self._helper:
            self._helper.close()
        if self._reader:
            self._reader.shutdown(wait=True)
        self._let_go()

    def _let_go(self) -> None:
        while self._connections:
            self._connections.pop().close()
        if self._lock:
            self._lock.release()


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, unless SQLite has done so by itself, as it does when the disk is full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _cannot_open(error: sqlite3.DatabaseError, where: str) -> Exception:
    """Return what to raise for a store that cannot be opened; what only a bug can cause stays what it is."""
    from isthmus.store import trouble

    sentence = trouble.at_start(error, where)
    return SchemaError(sentence) if sentence else error


def check_file(connection: sqlite3.Connection, where: str) -> None:
    """Raise `SchemaError` for a file that is not ours, before anything in it is changed."""
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        raise _cannot_open(error, where) from None
    if tables and application != APPLICATION_ID:
        raise SchemaError(f"{where} is a database of some other program. Choose another file with --data.")


def migrate_file(connection: sqlite3.Connection, where: str) -> None:
    """Bring a file's schema up to date."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = migrate.pending(version, where)
    if scripts:  # else it is ours already, and opening it writes nothing
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, script in scripts:
        connection.execute("BEGIN IMMEDIATE")
        for statement in migrate.statements(script, WORDS):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
