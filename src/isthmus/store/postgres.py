"""The shared engine: PostgreSQL, with any number of server processes on one database.

Every unit of work runs on one connection of its own (`Worker`), on whichever thread it was called. Its first statement reads
the state row: the database's clock, the offset of service time, the generation of the access keys, the schema, and what
falls due next, at whichever server's doing.

READ units that ask more than once see one snapshot. WRITE units run at READ COMMITTED: rules over several rows lock what
they speak of (`hold`), a row that somebody else wrote meanwhile is a `Conflict`, and the unit's caller runs it again.
"""

import asyncio
import logging
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from msgspec import Struct

from isthmus.domain import errors
from isthmus.domain.errors import Conflict
from isthmus.store import migrate, postgres_schema, settle
from isthmus.store.api import CELLS, Kind, Lost, Told
from isthmus.store.clock import Clock, Seeds, system_seeds
from isthmus.store.outcomes import tell
from isthmus.store.pipeline import masked
from isthmus.store.postgres_engine import BehindError, PostgresEngine
from isthmus.store.postgres_worker import DueError, Worker
from isthmus.store.tables import IAM
from isthmus.store.threads import Threads
from isthmus.store.unit import Unit

T = TypeVar("T")
Work = Callable[[Unit], T]

log = logging.getLogger("isthmus.store")

HOUSEKEEPING: Final = 60.0
POLL_SECONDS: Final = 0.001
SHORTEST_NAP: Final = 0.01
LOOKS: Final = 8
"""How often a unit is run that finds the state changed whenever it looks."""
_LOCKED: Final = (
    "vpc",
    "peering",
    "peering_view",
    "tag",
    "sts_session",
    "access_key",
    "account",
    *(table.name for table in IAM),
)
RESET_LOCK: Final = f"LOCK TABLE {', '.join(_LOCKED)} IN EXCLUSIVE MODE"
"""Nobody writes beside a reset, nor locks what it is about to delete."""


class PostgresSettings(Struct, frozen=True):
    """What an operator may choose. `isolation` other than READ COMMITTED is for the oracle of the tests."""

    connections: int = 3
    queue_limit: int = 10_000
    journal_rows: int = 100_000
    prepared_statements: bool = True
    patience_seconds: float = 30.0
    poll_seconds: float = 1.0
    isolation: str = "READ COMMITTED"


class PostgresStore:
    """A store in a PostgreSQL database."""

    path = None

    def __init__(
        self, url: str, *, clock: Clock | None = None, seeds: Seeds = system_seeds, settings: PostgresSettings | None = None
    ) -> None:
        """Connect and migrate. `clock` takes the place of the database's, for tests.

        Raises `SchemaError` with a sentence for the operator.
        """
        self.url, self.clock, self._seeds = url, clock, seeds
        self.settings = settings or PostgresSettings()
        self.begin_write = f"BEGIN ISOLATION LEVEL {self.settings.isolation}"
        self.waits_for_reads = self.settings.isolation == "SERIALIZABLE"
        self._version = migrate.newest()
        self.installation = postgres_schema.prepare(url, seeds)
        self._workers = [Worker(self) for _ in range(self.settings.connections)]
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put(worker)
        self._threads: Threads | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._next_due: int | None = None
        self._wakes_at = 0.0
        self._now, self._now_at = 0, 0.0  # service time, and when that was, on a clock that nobody sets
        self.on_fatal: Callable[[str], None] = log.critical

    def count_in(self, cells: "memoryview[int]") -> None:
        """Count units and commits there, on from what stands there: `CELLS` for each connection."""
        for number, worker in enumerate(self._workers):
            worker.counts = cells[CELLS * number : CELLS * (number + 1)]

    @property
    def units(self) -> int:
        """How many units of work were run to their end."""
        return sum(worker.counts[0] for worker in self._workers)

    @property
    def batches(self) -> int:
        """How many transactions were committed: each unit that wrote had one."""
        return sum(worker.counts[1] for worker in self._workers)

    @property
    def retried(self) -> int:
        """How often a unit had to be run again: it lost a race or its connection, the state had changed, a step was due."""
        return sum(worker.counts[2] for worker in self._workers)

    @property
    def trips(self) -> int:
        """How often somebody waited for the database, over the connections that stand."""
        return sum(worker.link.trips for worker in self._workers if worker.link)

    def close(self) -> None:
        """Let the threads and the connections go."""
        if self._threads is not None:
            self._threads.close()
        for worker in self._workers:
            worker.drop()

    # --- on the calling thread ------------------------------------------------------------------------------------------

    def run_now(self, kind: Kind, work: Work[T], *, alone: bool = False) -> T:
        """Run a unit of work on the calling thread and commit it; `alone`, as a reset does, once nobody else writes.

        Raises whatever the work raises, `Conflict` for a lost race, and `Unavailable` where the database cannot be asked.
        """
        worker = self._idle.get()
        try:
            return self._run(worker, kind, work, RESET_LOCK if alone else "")
        finally:
            self._idle.put(worker)

    @contextmanager
    def snapshot(self) -> Iterator[PostgresEngine]:
        """Yield the database as it is at one moment, to read only, while its servers go on. Raises as `run_now` does."""
        worker = self._idle.get()
        try:
            with worker.snapshot() as engine:
                yield engine
        finally:
            self._idle.put(worker)

    def _run(self, worker: Worker, kind: Kind, work: Work[T], lock: str) -> T:
        seed = self._seeds()
        looks = losses = 0
        while looks < LOOKS:
            try:
                return worker.run(kind, work, seed, lock=lock)
            except BehindError:
                looks += 1
            except DueError:
                self._settle(worker)
            except Lost as error:
                log.warning("a connection to the database was lost: %s", " ".join(str(error).split()))
                losses += 1
                if losses > 1:
                    raise errors.unavailable() from error
        raise errors.unavailable()

    def _settle(self, worker: Worker) -> None:
        """Take due steps, a slice in each transaction, until nothing is due; one server at a time."""

        def slice_(unit: Unit) -> bool:
            settle.settle_slice(unit)
            due = settle.next_due(unit)
            return due is not None and due <= unit.now

        while worker.run(Kind.WRITE, slice_, self._seeds(), settles=True):
            pass

    def check_schema(self, needs: int) -> None:
        """Raise `Unavailable` where a newer Isthmus has taken something away that this one needs."""
        if needs > self._version:
            self.on_fatal(
                f"The database {masked(self.url)} was changed by an Isthmus that this one cannot work beside: that takes "
                f"schema {needs}, this one has {self._version}. Start the newer one here too."
            )
            raise errors.unavailable()

    def set_offset(self, unit: Unit, offset: int) -> None:
        """Move service time: it becomes wall time plus `offset` milliseconds once the unit is committed."""
        unit.writes()
        unit.access_keys.stay_expired(unit.wall + offset, unit.wall + unit.held_offset())
        unit.engine.later("UPDATE server_state SET clock_offset = ?", (offset,))

    # --- the event loop's side ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to serve the running event loop: due steps are taken and the journal is kept short from now on."""
        self._loop = asyncio.get_running_loop()
        self._housekeeper = self._loop.call_later(HOUSEKEEPING, self._housekeep)
        self._arm()

    async def stop(self) -> None:
        """Finish the units that were accepted, then let the loop go.

        Where that takes longer than one may wait for the database, those that have not begun are answered `Unavailable`.
        """
        self._housekeeper.cancel()
        if self._timer:
            self._timer.cancel()
        self._loop = None
        until = time.monotonic() + self.settings.patience_seconds
        while self._threads is not None and self._threads.waiting:
            if time.monotonic() > until:
                self._threads.drop(errors.unavailable)
            await asyncio.sleep(POLL_SECONDS)

    async def run(self, kind: Kind, work: Work[T]) -> T:
        """Run a unit of work on a thread; a WRITE's result is returned once it is durable. Raises as `run_now` does."""
        return await self._submit(kind, work)

    def begin(self, kind: Kind, work: Work[Any], told: Told) -> None:
        """Run a unit of work as `run` does, and tell its result."""
        tell(self._submit(kind, work), told)

    def run_alone(self, work: Work[T]) -> "asyncio.Future[T]":
        """Run a unit beside no other that writes: for a reset, which empties whole tables at once."""
        return self._submit(Kind.WRITE, work, alone=True)

    def _submit(self, kind: Kind, work: Work[T], *, alone: bool = False) -> "asyncio.Future[T]":
        loop = asyncio.get_running_loop()
        threads = self._threads
        if threads is not None and threads.waiting >= self.settings.queue_limit:
            refused: asyncio.Future[T] = loop.create_future()
            refused.set_exception(errors.request_limit_exceeded())
            return refused
        if threads is None or threads.loop is not loop:
            threads = self._threads = self._new_threads(loop)
        return threads.submit(lambda: self.run_now(kind, work, alone=alone))

    def _new_threads(self, loop: asyncio.AbstractEventLoop) -> Threads:
        if self._threads is not None:
            self._threads.close()
        return Threads(self.settings.connections, loop)

    # --- what happens by itself -----------------------------------------------------------------------------------------

    def note_due(self, at: int) -> None:
        """Wake in time for a step that a unit of ours has made; it may not be committed, then there is nothing to do."""
        if self._next_due is None or at < self._next_due:
            self._next_due = at
            self._rearm()

    def saw_due(self, at: int | None, now: int) -> None:
        """Take note of what the state row says falls due next, at any server's doing."""
        sooner = at is not None and (self._next_due is None or at < self._next_due)
        self._next_due, self._now, self._now_at = at, now, time.monotonic()
        if sooner:
            self._rearm()

    def _rearm(self) -> None:
        loop = self._loop
        if loop is not None and time.monotonic() + self._delay() < self._wakes_at:
            try:
                loop.call_soon_threadsafe(self._arm)
            except RuntimeError:  # the loop has ended meanwhile
                log.debug("nobody is left to wake")

    def _delay(self) -> float:
        """Return the seconds until the next due step, at most until other servers' steps are looked for."""
        if self._next_due is None or not self._now_at:
            return self.settings.poll_seconds
        gone_by = time.monotonic() - self._now_at
        return max(0.0, min(self.settings.poll_seconds, (self._next_due - self._now) / 1_000 - gone_by))

    def _arm(self, at_least: float = 0.0) -> None:
        if self._loop is None:
            return
        if self._timer:
            self._timer.cancel()
        delay = max(at_least, self._delay())
        self._wakes_at = time.monotonic() + delay
        self._timer = self._loop.call_later(delay, self._wake)

    def _wake(self) -> None:
        self._keep(self._look())

    async def _look(self) -> None:
        """Read the state row, and with that take what is due."""
        try:
            await self.run(Kind.READ, _nothing)
        except (errors.ApiError, Conflict):
            log.debug("due steps could not be looked for; it will be tried again")
        except Exception:
            log.exception("due steps could not be taken; it will be tried again")
        self._arm(SHORTEST_NAP)

    def _keep(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        self._tasks.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._tasks.discard)

    def _housekeep(self) -> None:
        self._keep(self._tidy())
        self._housekeeper = asyncio.get_running_loop().call_later(HOUSEKEEPING, self._housekeep)

    async def _tidy(self) -> None:
        """Delete what has been kept for long enough, a slice at a time: lines of the journal, keys that have expired."""
        try:
            while await self.run(Kind.WRITE, self._tidy_slice):
                pass
        except (errors.ApiError, Conflict):
            log.warning("what is old could not be deleted; it will be tried again")

    def _tidy_slice(self, unit: Unit) -> bool:
        return settle.tidy(unit, self.settings.journal_rows)


def _nothing(_: Unit) -> None:
    """A unit that only reads the state row."""
