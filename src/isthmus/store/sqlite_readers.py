"""The units that read a file while others write it: on the event loop where they are short, on a thread where they are not.

Readers see what is committed and never wait for a disk. Those on the loop share one transaction from commit to commit, since
nothing changes meanwhile. But while COMMIT runs none may stay: SQLite shortens its log at a commit only where no reader
stands in the way, and a log that is never shortened only grows.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.unit import Moment, Unit

T = TypeVar("T")
Work = Callable[[Unit], T]


class Readers:
    """Two connections that read: one of the loop's thread, and one of a thread of its own, made when it is needed."""

    def __init__(self, near: Unit, open_far: Callable[[], Unit]) -> None:
        """Read through a unit, and where that is too much through another."""
        self._near, self._open_far = near, open_far
        self._is_open = False  # the transaction that near readers share
        self._commit_runs = False
        self._far: Unit | None = None
        self._thread: ThreadPoolExecutor | None = None

    def run(self, work: Work[T], moment: Moment) -> T:
        """Run a unit of work here and now. Raises `TooMuchForTheLoop` where it should `run_far`."""
        unit = self._near
        unit.begin(moment, writable=False)
        if not self._is_open:
            unit.engine.execute("BEGIN")
            self._is_open = True
        try:
            return work(unit)
        finally:
            if self._commit_runs:
                self.let_go()

    def run_far(self, work: Work[T], moment: Callable[[], Moment]) -> "asyncio.Future[T]":
        """Run a unit of work that looks at many rows on the other thread, at the moment when its turn comes."""
        if self._far is None or self._thread is None:
            self._far = self._open_far()
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="isthmus-read")
        return asyncio.get_running_loop().run_in_executor(self._thread, _read, self._far, work, moment)

    def commit_begins(self) -> None:
        """Let the shared transaction go, and keep none until the commit has ended."""
        self._commit_runs = True
        self.let_go()

    def transaction_ended(self) -> None:
        """See what is committed now."""
        self._commit_runs = False
        self.let_go()

    def let_go(self) -> None:
        """End the shared transaction; the next reader begins another."""
        if self._is_open:
            self._is_open = False
            roll_back(self._near)

    def close(self) -> None:
        """Let the thread go once it has done what was asked for."""
        if self._thread:
            self._thread.shutdown(wait=True)


def _read(unit: Unit, work: Work[T], moment: Callable[[], Moment]) -> T:
    unit.begin(moment(), writable=False)
    unit.engine.execute("BEGIN")
    try:
        return work(unit)
    finally:
        roll_back(unit)


def roll_back(unit: Unit) -> None:
    """End a reader's transaction, unless SQLite has done so by itself, as it does when the disk fails."""
    cast("SqliteEngine", unit.engine).roll_back()
