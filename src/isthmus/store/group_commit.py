"""Group commit: how units that write a file share the wait for the disk.

A commit costs as much for many units as for one. So units run one after the other in an open transaction, the *batch*, until
nobody else is on the way; then COMMIT, and with it the wait for the disk, runs on a thread. **While it runs nobody touches
that connection**: units that come meanwhile queue and make up the next batch. Answers leave after their batch's commit.

There are no savepoints (they would cost nearly half of the throughput). A unit that fails before its first write costs
nothing. One that fails after it takes the whole batch back, and each of its units runs again, *alone*, in a transaction of
its own and at its saved `Moment`, so that ids and times come out the same.

All but COMMIT happens on the event loop's thread. What becomes of a unit that comes follows from the writer's state:

    IDLE   a unit comes, BEGIN                   -> OPEN
    OPEN   nobody else comes, nothing is written -> IDLE
    OPEN   nobody else comes, COMMIT begins      -> BUSY
    OPEN   a unit failed after a write, ROLLBACK -> BUSY
    BUSY   COMMIT has ended, well or badly       -> IDLE
    BUSY   whoever runs alone has an answer      -> IDLE
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, Protocol

from msgspec import Struct, field

from isthmus.domain import errors
from isthmus.store.api import Told, Undo
from isthmus.store.commit_thread import CommitThread, Then
from isthmus.store.disk import Disk
from isthmus.store.service_time import ServiceTime
from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.unit import Moment, Unit

Work = Callable[[Unit], Any]

log = logging.getLogger("isthmus.store")

BATCH_LIMIT: Final = 64
DRAIN_SLICE: Final = 16
"""Queued units run before the loop gets a turn: about 5 ms of work."""


# --- what is handed about -----------------------------------------------------------------------------------------------


class Writer(Struct, frozen=True):
    """The connection that writes, and the unit bound to it."""

    engine: SqliteEngine
    unit: Unit

    @property
    def has_lost(self) -> bool:
        """Whether something that units of the open transaction wrote is not in it, or SQLite has ended it by itself."""
        return self.engine.has_lost or not self.engine.connection.in_transaction

    def roll_back(self) -> None:
        """Take back all since the last commit, and forget what units remembered of it."""
        self.engine.roll_back()
        self.unit.memo.live.clear()


class Tally(Struct):
    """What a store has done since it was opened: units that ran to their end, those that wrote, transactions,
    and units that ran again because a batch was taken back.
    """

    units: int = 0
    wrote: int = 0
    batches: int = 0
    retried: int = 0


class Host(Protocol):
    """What the batches need of the store around them."""

    def make_durable(self, connection: sqlite3.Connection) -> None:
        """Commit the open transaction; called on the thread, the one place that waits for the disk."""

    def commit_begins(self) -> None:
        """Let readers go, and forget the answers that are about to grow old."""

    def transaction_ended(self) -> None:
        """See what is committed now, and remember again."""


class State(Enum):
    """What becomes of a unit that comes now."""

    IDLE = "it begins a batch: no transaction is open"
    OPEN = "it joins the batch"
    BUSY = "it queues: the batch is being committed, or units run alone one after the other"


IDLE, OPEN, BUSY = State  # Python 3.11 takes 0.2 microseconds to look one up in its class, several times for each unit


class Job(Struct):
    """A unit of work on its way: what to do, whom to tell, and the moment it was first run at."""

    work: Work
    told: Told
    moment: Moment | None = None
    result: Any = None
    on_commit: list[Callable[[], None]] = field(default_factory=list)

    def fail(self, error: BaseException) -> None:
        """Tell the unit's caller of an error."""
        self._tell(error)

    def succeed(self) -> None:
        """Answer the unit's caller; what the unit wrote is durable."""
        for callback in self.on_commit:
            callback()
        self._tell(None)

    def _tell(self, error: BaseException | None) -> None:
        try:
            self.told(self.result, error)
        except Exception:  # the others of the batch wait to be told too
            log.exception("what became of a unit of work could not be told")


class Batch(Struct):
    """The units of the open transaction, to be answered after its commit."""

    jobs: list[Job] = field(default_factory=list)
    wrote: bool = False
    """Some unit did, so that the commit is worth a trip to the thread."""
    seen: int = 0
    """How many units there were when the last turn of the loop ended: once it grows no more, it is committed."""


# --- the batches --------------------------------------------------------------------------------------------------------


class GroupCommit:
    """The units that write one file, in batches."""

    def __init__(self, writer: Writer, time: ServiceTime, disk: Disk, host: Host, tally: Tally, queue_limit: int) -> None:
        """Run units on a connection that nobody else uses while a loop is served."""
        self._writer, self._time, self._disk, self._host = writer, time, disk, host
        self._tally, self._queue_limit = tally, queue_limit
        self._state = IDLE
        self._queue: deque[Job] = deque()  # accepted, not yet run
        self._batch = Batch()
        self._alone: deque[Job] = deque()  # to be run in a transaction each
        self._turn_comes = False  # the loop will call `_turn`
        self._thread: CommitThread | None = None

    def start(self) -> None:
        """Serve the running event loop."""
        self._disk.served()
        self._thread = CommitThread(self._make_durable, asyncio.get_running_loop())

    def close(self) -> None:
        """Let the thread go."""
        if self._thread:
            self._thread.close()

    @property
    def is_working(self) -> bool:
        """Tell whether there is a unit that was accepted and is not answered."""
        return bool(self._state is BUSY or self._queue or self._batch.jobs or self._turn_comes)

    def add(self, work: Work, told: Told) -> None:
        """Accept a unit of work, whose caller is told its result once what it wrote is durable.

        It runs with others in the loop's next turn: much cheaper than each by itself between two requests' arrivals. Its
        caller is told at once and not by a future, which is heard only in a further turn: a twentieth of a create (ADR 31).
        """
        job = Job(work, told)
        if len(self._queue) >= self._queue_limit:
            job.fail(errors.request_limit_exceeded())
        else:
            self._queue.append(job)
            self._turn_soon()

    # --- turns of the loop ----------------------------------------------------------------------------------------------

    def _turn_soon(self) -> None:
        if not self._turn_comes and self._state is not BUSY:
            self._turn_comes = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Take queued units into the batch; commit once there is nothing more to take."""
        self._turn_comes = False
        for _ in range(DRAIN_SLICE):
            if not self._takes_more() or not self._join(self._queue.popleft()):
                break
        if self._state is not BUSY:
            self._finish_turn()

    def _takes_more(self) -> bool:
        return bool(self._queue) and self._state is not BUSY and len(self._batch.jobs) < BATCH_LIMIT

    def _finish_turn(self) -> None:
        batch, size = self._batch, len(self._batch.jobs)
        grown, batch.seen = size > batch.seen, size
        if self._takes_more() or (grown and not self._queue and size < BATCH_LIMIT):
            self._turn_soon()  # who is on the way comes along
        elif self._state is OPEN:
            self._commit_batch()

    # --- a batch --------------------------------------------------------------------------------------------------------

    def _join(self, job: Job) -> bool:
        """Run a unit inside the open batch; return False where due steps leave it no room in this turn of the loop."""
        if not self._open_batch(job):
            return True
        if self._time.is_due():  # more than one slice of steps
            self._queue.appendleft(job)
            return False
        try:
            self._attempt(job)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller of this one unit
            if self._writer.unit.wrote or self._writer.has_lost:
                self._take_back(job)
            else:
                _answer_failure(job, error)
            return True
        self._keep(job)
        return True

    def _open_batch(self, job: Job) -> bool:
        """Begin the batch if need be and take a slice of due steps; where that fails, refuse the unit that waits for it."""
        try:
            if self._state is IDLE:
                self._begin()
                self._state = OPEN
            if self._time.is_due():
                self._settle_in_batch()
        except Exception as error:  # noqa: BLE001 - told by `_could_not_begin`
            self._could_not_begin(job, error)
            if self._state is OPEN:
                self._take_back()
            return False
        return True

    def _settle_in_batch(self) -> None:
        step = Job(self._time.settle, _nobody)
        self._attempt(step)
        self._keep(step)

    def _keep(self, job: Job) -> None:
        self._batch.wrote = self._batch.wrote or self._writer.unit.wrote
        self._batch.jobs.append(job)

    def _commit_batch(self) -> None:
        if self._batch.wrote:
            try:
                self._writer.engine.insert_waiting()
            except Exception:  # noqa: BLE001 - whose row was refused shows when each unit runs alone
                self._take_back()
                return
            self._state = BUSY
            self._commit(self._batch_ended)
        else:
            self._writer.engine.execute("COMMIT")
            self._batch_ended(None)

    def _batch_ended(self, error: BaseException | None) -> None:
        jobs = self._ended_with(IDLE, committed=error is None)
        self._tally.batches += 1
        if error is None:
            self._disk.written()
            for job in jobs:
                job.succeed()
        else:
            self._commit_failed(error, jobs)
        if self._queue:
            self._turn_soon()

    def _take_back(self, *failed: Job) -> None:
        """Roll the batch back and run each of its units again, in a transaction of its own."""
        taken_back = (*self._ended_with(BUSY, committed=False), *failed)
        self._tally.retried += len(taken_back)
        self._alone.extend(taken_back)
        self._time.rolled_back(self._writer.unit)
        self._next_alone()

    def _ended_with(self, state: State, *, committed: bool) -> list[Job]:
        """Leave no transaction open and begin a new batch; return the units of the old one."""
        self._end(committed=committed)
        jobs, self._batch, self._state = self._batch.jobs, Batch(), state
        return jobs

    # --- units that run alone -------------------------------------------------------------------------------------------

    def _next_alone(self) -> None:
        while self._alone:
            if self._run_alone(self._alone.popleft()):
                return  # to be continued when its commit has ended
        self._state = IDLE
        if self._queue:
            self._turn_soon()

    def _run_alone(self, job: Job) -> bool:
        """Run one unit in a transaction of its own; return whether that is being committed."""
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - told by `_could_not_begin`
            self._could_not_begin(job, error)
            return False
        try:
            self._attempt(job)
            self._writer.engine.insert_waiting()
        except Exception as error:  # noqa: BLE001 - belongs to this unit's caller
            self._end(committed=False)
            _answer_failure(job, error)
            return False
        self._commit(lambda error: self._alone_ended(job, error))
        return True

    def _alone_ended(self, job: Job, error: BaseException | None) -> None:
        self._end(committed=error is None)
        if error is None:
            self._tally.batches += 1
            self._disk.written()
            job.succeed()
        else:
            self._commit_failed(error, [job])
        self._next_alone()

    # --- one transaction ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._disk.failed:
            raise errors.unavailable()
        self._writer.engine.connection.execute("BEGIN IMMEDIATE")

    def _attempt(self, job: Job) -> None:
        """Run a unit; a second time at the moment of the first. Raises `Unavailable` where its transaction is spoilt.

        The unit itself may not: it may have made an answer of what it was told.
        """
        unit = self._writer.unit
        job.moment = job.moment or self._time.moment()
        unit.begin(job.moment, writable=True)
        job.result = job.work(unit)
        if self._writer.has_lost:
            raise errors.unavailable()
        job.on_commit = unit.on_commit
        self._tally.units += 1
        self._tally.wrote += unit.wrote

    def _commit(self, then: Then) -> None:
        assert self._thread is not None
        self._host.commit_begins()
        self._thread.commit(self._writer.engine.connection, then)

    def _make_durable(self, connection: sqlite3.Connection) -> None:
        self._host.make_durable(connection)  # looked up for every commit: tests put a slow disk or a broken one in its place

    def _end(self, *, committed: bool) -> None:
        if not committed:
            self._writer.roll_back()
        self._host.transaction_ended()

    def _commit_failed(self, error: BaseException, jobs: Sequence[Job]) -> None:
        """Nothing of the jobs happened: say so to each."""
        self._time.rolled_back(self._writer.unit)
        for job in jobs:
            job.fail(errors.unavailable())
        self._disk.commit_failed(error)

    def _could_not_begin(self, job: Job, error: Exception) -> None:
        """Refuse a unit whose transaction cannot be opened, or whose due steps cannot be taken."""
        if isinstance(error, sqlite3.DatabaseError):
            self._disk.troubled(error)
        elif not isinstance(error, errors.ApiError):  # of those the operator was told
            log.error("a unit of work could not begin", exc_info=error)
        job.fail(errors.unavailable())


def _nobody(_result: object, _error: BaseException | None) -> None:
    """Nobody asks how due steps have ended."""


def _answer_failure(job: Job, error: Exception) -> None:
    if isinstance(error, Undo):
        job.result = error.result
        job.succeed()
    else:
        job.fail(error)
