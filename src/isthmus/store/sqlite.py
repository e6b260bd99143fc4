"""The embedded engine: a store in one SQLite file, or in memory.

In memory there is one connection, and every unit of work runs at once on the calling thread (`run_now`). A file that a loop
is served from has several, each with a part that is told in its own module:

- one that writes, in batches that share the wait for the disk (`group_commit`);
- one for short reads on the loop's thread, and one for long ones on a thread of its own (`sqlite_readers`).

What falls due is taken before any unit could see that it was not, and by a timer on an idle server (`service_time`). This
module opens all that, sends each unit where it belongs, and keeps the journal short.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct

from isthmus.domain import errors
from isthmus.store import settle
from isthmus.store.api import Kind, Told, TooMuchForTheLoop, Undo
from isthmus.store.clock import Clock, Seeds, SystemClock, system_seeds
from isthmus.store.disk import Disk
from isthmus.store.group_commit import GroupCommit, Tally, Writer
from isthmus.store.lock import FileLock
from isthmus.store.outcomes import ends, tell
from isthmus.store.service_time import ServiceTime
from isthmus.store.sqlite_engine import SqliteEngine, cannot_open, connect, migrate_file
from isthmus.store.sqlite_readers import Readers, roll_back
from isthmus.store.unit import Memo, Unit

T = TypeVar("T")
Work = Callable[[Unit], T]

log = logging.getLogger("isthmus.store")

HOUSEKEEPING: Final = 60.0
POLL_SECONDS: Final = 0.001


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
        self.path, self._settings = path, settings or SqliteSettings()
        self._time = ServiceTime(clock or SystemClock(), seeds)
        self._memo, self._tally = Memo(), Tally()
        self._lock = None if path is None else FileLock(path, holder)
        self._connections: list[sqlite3.Connection] = []
        self.on_fatal: Callable[[str], None] = log.critical
        self._disk = Disk(str(path), self._stop)
        try:
            self._open(seeds)
        except sqlite3.DatabaseError as error:
            self._let_go()
            raise cannot_open(error, str(path)) from error
        except BaseException:
            self._let_go()
            raise
        self._disk.opened(lambda: self._writer.total_changes)
        self._readers = Readers(self._read_unit, self._far_unit)
        self._writes = GroupCommit(self._writing, self._time, self._disk, self, self._tally, self._settings.queue_limit)
        self._sync = threading.RLock()
        self._tasks: set[asyncio.Future[None]] = set()
        self._kept_at = 0  # how many units had written when the journal was last shortened

    @property
    def units(self) -> int:
        """How many units of work were run to their end."""
        return self._tally.units

    @property
    def batches(self) -> int:
        """How many transactions were committed."""
        return self._tally.batches

    @property
    def retried(self) -> int:
        """How many units had to be run again."""
        return self._tally.retried

    # --- opening and closing ----------------------------------------------------------------------------------------------

    def _open(self, seeds: Seeds) -> None:
        self._writer = self._connect()
        migrate_file(self._writer, str(self.path))
        self._installation, offset = _state_of(self._writer, seeds)
        engine = SqliteEngine(self._writer, self._disk.troubled)
        self._write_unit = self._unit(engine)
        self._writing = Writer(engine, self._write_unit)
        self._read_unit = self._write_unit
        if self.path is not None:
            self._read_unit = self._unit(self._reader(), bounded=True)
        self._time.move(offset)
        self._time.look(self._write_unit)

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = connect(self.path, synchronous=self._settings.synchronous, read_only=read_only)
        self._connections.append(connection)
        return connection

    def _reader(self) -> SqliteEngine:
        return SqliteEngine(self._connect(read_only=True), self._disk.troubled)

    def _unit(self, engine: SqliteEngine, *, bounded: bool = False, memo: Memo | None = None) -> Unit:
        unit = Unit(engine, bounded=bounded, note_due=self._time.note, memo=memo or self._memo)
        unit.installation = self._installation
        return unit

    def _far_unit(self) -> Unit:
        return self._unit(self._reader(), memo=Memo(forgetful=True))

    def close(self) -> None:
        """Let the threads, the connections and the file go."""
        self._writes.close()
        self._readers.close()
        self._let_go()

    def _let_go(self) -> None:
        while self._connections:
            self._connections.pop().close()
        if self._lock:
            self._lock.release()

    # --- the event loop's side ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to serve the running event loop: due steps are taken and the journal is kept short from now on."""
        self._writes.start()
        self._time.start(lambda: self._write(_nothing))
        self._housekeeper = asyncio.get_running_loop().call_later(HOUSEKEEPING, self._housekeep)

    async def stop(self) -> None:
        """Finish every unit that was accepted, then let the loop go."""
        while self._writes.is_working:  # noqa: ASYNC110 - once in a server's life
            await asyncio.sleep(POLL_SECONDS)
        self._housekeeper.cancel()
        self._time.stop()

    async def run(self, kind: Kind, work: Work[T]) -> T:
        """Run a unit of work; a WRITE's result is returned once it is durable.

        Raises whatever the work raises, and `Unavailable` where the commit failed.
        """
        if self.path is None:
            return self.run_now(kind, work)
        if kind is Kind.WRITE:
            return await self._write(work)
        while self._time.holds_readers():
            await self._write(_nothing)
        begun = self._read(work)
        return await begun if isinstance(begun, asyncio.Future) else begun

    def begin(self, kind: Kind, work: Work[T], told: Told) -> T | None:
        """Run a unit of work as `run` does; return its result where nothing has to be waited for, else tell it later."""
        if self.path is None:
            return self.run_now(kind, work)
        if kind is Kind.WRITE:
            self._writes.add(work, told)
            return None
        begun = asyncio.ensure_future(self.run(kind, work)) if self._time.holds_readers() else self._read(work)
        if not isinstance(begun, asyncio.Future):
            return begun
        tell(begun, told)
        return None

    def _read(self, work: Work[T]) -> "T | asyncio.Future[T]":
        try:
            return self._readers.run(work, self._time.moment())
        except TooMuchForTheLoop:
            return self._readers.run_far(work, self._time.moment)

    def run_alone(self, work: Work[Any]) -> "asyncio.Future[Any]":
        """Run a unit beside no other that writes; here all do that."""
        return self._write(work)

    def _write(self, work: Work[T]) -> "asyncio.Future[T]":
        ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self.path is not None:
            self._writes.add(work, ends(ended))
            return ended
        try:
            ended.set_result(self.run_now(Kind.WRITE, work))
        except Exception as error:  # noqa: BLE001 - it belongs to the unit's caller
            ended.set_exception(error)
        return ended

    # --- what the batches ask for (`group_commit.Host`) -----------------------------------------------------------------

    def make_durable(self, connection: sqlite3.Connection) -> None:
        """Commit the open transaction; the one place that waits for the disk."""
        connection.execute("COMMIT")

    def commit_begins(self) -> None:
        """Let readers go, and forget the answers that are about to grow old."""
        self._readers.commit_begins()
        self._memo.close()

    def transaction_ended(self) -> None:
        """See what is committed now, and remember again."""
        self._readers.transaction_ended()
        self._memo.renew()

    def _stop(self, sentence: str) -> None:
        self.on_fatal(sentence)  # whoever it is by then

    # --- housekeeping -----------------------------------------------------------------------------------------------------

    def set_offset(self, unit: Unit, offset: int) -> None:
        """Move service time: it becomes wall time plus `offset` milliseconds once the unit is committed."""
        unit.writes()
        unit.access_keys.stay_expired(unit.wall + offset, unit.wall + unit.held_offset())
        unit.engine.execute("UPDATE server_state SET clock_offset = ?", (offset,))
        unit.on_commit.append(lambda: self._time.move(offset))

    def _housekeep(self) -> None:
        if self._tally.wrote != self._kept_at:
            self._kept_at = self._tally.wrote
            self._tasks.add(task := asyncio.ensure_future(self._tidy()))
            task.add_done_callback(self._tasks.discard)
        self._housekeeper = asyncio.get_running_loop().call_later(HOUSEKEEPING, self._housekeep)

    async def _tidy(self) -> None:
        """Delete what has been kept for long enough, a slice at a time: lines of the journal, keys that have expired."""
        try:
            while await self._write(self._tidy_slice):
                pass
        except errors.ApiError:
            log.warning("what is old could not be deleted; it will be tried again")
            self._kept_at = -1

    def _tidy_slice(self, unit: Unit) -> bool:
        return settle.tidy(unit, self._settings.journal_rows)

    # --- without a loop -----------------------------------------------------------------------------------------------

    def run_now(self, kind: Kind, work: Work[T], *, alone: bool = False) -> T:  # noqa: ARG002 - all units run alone here
        """Run a unit of work on the calling thread and commit it, without an event loop."""
        with self._sync:
            while self._time.is_due():
                self._run_once(self._time.settle, writable=True)
            return self._run_once(work, writable=kind is Kind.WRITE)

    def _run_once(self, work: Work[T], *, writable: bool) -> T:
        unit = self._write_unit if writable else self._read_unit
        self._readers.let_go()
        unit.begin(self._time.moment(), writable=writable)
        bounded, unit.bounded = unit.bounded, False
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
        self._tally.units += 1
        self._tally.wrote += unit.wrote
        self._tally.batches += unit.wrote
        for callback in unit.on_commit:
            callback()
        return result

    def _undo(self, unit: Unit) -> None:
        if unit is self._write_unit:
            self._writing.roll_back()
            self._time.rolled_back(self._write_unit)
        else:
            roll_back(unit)


def _state_of(connection: sqlite3.Connection, seeds: Seeds) -> tuple[str, int]:
    """Return the store's name and the offset of its clock; a new one is given a name."""
    sql = "SELECT installation, clock_offset FROM server_state"
    if connection.execute(sql).fetchone() is None:
        connection.execute("INSERT INTO server_state (id, installation) VALUES (1, ?)", (seeds().hex()[-32:],))
    installation, offset = connection.execute(sql).fetchone()
    return installation, offset


def _nothing(_: Unit) -> None:
    """A unit that only waits for what comes before it to be settled and durable."""
