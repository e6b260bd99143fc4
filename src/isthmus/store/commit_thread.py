"""The thread on which commits wait for the disk, while the event loop goes on."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue

Then = Callable[[BaseException | None], None]
"""Told on the loop that a commit has ended, and with what error if there was one."""


class CommitThread:
    """One thread and its queue. A pool would cost a tenth of a create for each of its tasks."""

    def __init__(self, commit: Callable[[sqlite3.Connection], None], loop: asyncio.AbstractEventLoop) -> None:
        """Start it; `commit` is what it does with a connection."""
        self._commit, self._loop = commit, loop
        self._asked: SimpleQueue[tuple[sqlite3.Connection, Then] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="isthmus-commit", daemon=True)
        self._thread.start()

    def commit(self, connection: sqlite3.Connection, then: Then) -> None:
        """Commit what is open on a connection, and call `then` on the loop."""
        self._asked.put((connection, then))

    def close(self) -> None:
        """End once what was asked for is done."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while asked := self._asked.get():
            connection, then = asked
            error: BaseException | None = None
            try:
                self._commit(connection)
            except BaseException as problem:  # noqa: BLE001 - carried to the loop
                error = problem
            self._loop.call_soon_threadsafe(then, error)
