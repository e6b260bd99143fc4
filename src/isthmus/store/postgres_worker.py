"""A connection to PostgreSQL with its unit of work: one piece of work at a time, from BEGIN to COMMIT.

A unit begins with the state row as its connection saw it last; the present one comes with the first answer that the unit
waits for, so that it costs no round trip of its own. If it says otherwise, the unit runs again (`BehindError`), and if a
step of the service is due, that is taken first (`DueError`). Nothing is answered or committed before it was looked at.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg
from msgspec import Struct

from isthmus.domain import errors
from isthmus.domain.errors import Conflict
from isthmus.store.api import CELLS, Kind, Lost, Undo
from isthmus.store.pipeline import Link, Row, masked
from isthmus.store.postgres_engine import BehindError, PostgresEngine
from isthmus.store.unit import Memo, Moment, Unit

if TYPE_CHECKING:
    from isthmus.store.postgres import PostgresStore

T = TypeVar("T")
Work = Callable[[Unit], T]

log = logging.getLogger("isthmus.store")

TOLERANCE: Final = 1_000
"""How far, in milliseconds, the time that a unit began with may be off the database's."""
BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
STATE: Final = """
SELECT state.clock_offset, state.authorization_generation, schema.needs,
    LEAST((SELECT min(due_at) FROM peering WHERE due_at IS NOT NULL),
          (SELECT min(hide_at) FROM peering_view WHERE hide_at IS NOT NULL)),
    CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT){numbers}
FROM server_state AS state, isthmus_schema AS schema
"""
STATE_FOR: Final = {Kind.READ: STATE.format(numbers=""), Kind.WRITE: STATE.format(numbers=", nextval('row_seq')")}


class DueError(Conflict):
    """A step of the service is due, which this unit could see."""


class Seen(Struct, frozen=True):
    """The state row as a connection saw it last; `ahead` is the database's clock minus this machine's running time."""

    offset: int
    generation: int
    ahead: int


class Worker:
    """A connection with its unit of work; whoever borrows it runs one unit at a time."""

    def __init__(self, store: "PostgresStore") -> None:
        self._store = store
        self.link: Link | None = None
        self.memo = Memo(shared=True)
        self.engine = PostgresEngine()
        self.unit = Unit(self.engine, bounded=False, note_due=store.note_due, memo=self.memo)
        self.unit.installation = store.installation
        self._seen: Seen | None = None
        self._checks_due = True
        self.counts: list[int] | memoryview[int] = [0] * CELLS  # units, commits, units that had to run again

    # --- one unit -----------------------------------------------------------------------------------------------------

    def run(self, kind: Kind, work: Work[T], seed: bytes, *, lock: str = "", settles: bool = False) -> T:
        """Run a unit and commit it. Raises `BehindError`, `DueError` and `Lost` where it must be run again."""
        self._checks_due = not settles
        link = self._connected()
        begin = BEGIN_READ if kind is Kind.READ else self._store.begin_write
        exact = settles or self._seen is None
        eager = exact or kind is Kind.WRITE or self._store.waits_for_reads
        self.engine.begin(link, begin, STATE_FOR[kind], self._opened, eager=eager)
        self.unit.begin(self._moment(seed), writable=kind is Kind.WRITE)
        try:
            return self._work(work, lock, exact=exact)
        except Undo as undo:
            self._end()
            return undo.result  # type: ignore[return-value]  # an answer of the same kind as work's
        except Conflict as again:
            self.counts[2] += 1
            self._give_up(again)
            raise
        except Exception:
            self._end()
            raise
        except BaseException:  # whatever was going on, on the wire too, was broken off
            self.drop()
            raise
        finally:
            self.memo.renew()

    def _give_up(self, why: Conflict) -> None:
        if isinstance(why, Lost):
            self.drop()
        else:
            self._end()

    @contextmanager
    def snapshot(self) -> Iterator[PostgresEngine]:
        """Yield the verbs in a transaction that sees one moment."""
        self.engine.begin(self._connected(), BEGIN_READ, STATE_FOR[Kind.READ], lambda _: None, eager=True)
        try:
            self.engine.look()
            yield self.engine
        finally:
            self._end()

    def _work(self, work: Work[T], lock: str, *, exact: bool) -> T:
        engine, unit = self.engine, self.unit
        if exact:
            engine.look()
        if lock:
            engine.later(lock)
        try:
            result = work(unit)
        except Undo:
            engine.look()
            raise
        engine.look()
        self.counts[0] += 1
        if unit.wrote or self._store.waits_for_reads:
            self._commit()
        else:
            self._end()
        for callback in unit.on_commit:
            callback()
        return result

    def _commit(self) -> None:
        try:
            self.engine.commit()
        except errors.ApiError:
            self.drop()
            raise
        self.counts[1] += 1

    def _end(self) -> None:
        try:
            if self.link is not None:
                self.engine.end()
        except Lost:
            self.drop()

    # --- what a unit begins with ----------------------------------------------------------------------------------------

    def _moment(self, seed: bytes) -> Moment:
        seen, clock = self._seen, self._store.clock
        if seen is None:  # then the state row is waited for first, and says what time it is
            return Moment(0, 0, seed)
        wall = _running() + seen.ahead if clock is None else clock.wall()
        return Moment(wall, wall + seen.offset, seed)

    def _opened(self, row: Row) -> None:
        """Take the state row: the unit goes on if it began with the same, at the database's own time."""
        before, unit, store = self._seen, self.unit, self._store
        offset, generation, needs, due, told, *numbers = row
        store.check_schema(needs)
        wall = told if store.clock is None else store.clock.wall()
        self._seen = Seen(offset, generation, told - _running())
        if before is not None and before.generation != generation:
            self.memo.spoil_authorizations()
        if before is not None and (
            before.offset != offset or before.generation != generation or abs(wall - unit.wall) > TOLERANCE
        ):
            raise BehindError("the state has changed")
        unit.wall, unit.now = wall, wall + offset
        store.saw_due(due, unit.now)
        if due is not None and due <= unit.now and self._checks_due:
            raise DueError("a step is due")
        if numbers:
            self.engine.give_numbers(numbers[0])

    # --- the connection -------------------------------------------------------------------------------------------------

    def _connected(self) -> Link:
        if self.link is None:
            settings = self._store.settings
            try:
                self.link = Link(
                    self._store.url, prepared=settings.prepared_statements, patience_seconds=settings.patience_seconds
                )
            except psycopg.OperationalError as error:
                log.warning("no connection to %s: %s", masked(self._store.url), " ".join(str(error).split()))
                raise errors.unavailable() from error
        return self.link

    def drop(self) -> None:
        """Let the connection go; the next unit makes another."""
        self._seen = None
        self.memo.spoil_authorizations()
        if self.link is not None:
            link, self.link = self.link, None
            link.close()


def _running() -> int:
    """Return a clock of this machine that nobody sets, in milliseconds."""
    return time.monotonic_ns() // 1_000_000
