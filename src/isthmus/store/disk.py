"""The disk and the file as a store knows them: what trouble there was, whether it has passed, whether to write at all.

The operator hears of trouble once, and once that it has passed, not for every request that met it. What the sentences say
is in `trouble`, which is loaded when there is some.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger("isthmus.store")

CALM_SECONDS: Final = 5.0
"""How long nothing must have been refused until trouble counts as over: on a disk that is nearly full some still succeed."""


class Disk:
    """What is known of the disk of one file."""

    def __init__(self, where: str, fatal: Callable[[str], None]) -> None:
        """Trust it for now; `fatal` is told why the server has to stop."""
        self._where, self._fatal = where, fatal
        self.failed = False
        """Nothing may be written any more."""
        self._changes: Callable[[], int] | None = None  # how many rows were written; none while the store is being opened
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trouble: tuple[float, int] | None = None  # when it was last met, and how many rows were written by then

    @property
    def is_troubled(self) -> bool:
        """Whether the operator was told of trouble that has not passed."""
        return self._trouble is not None

    def opened(self, changes: Callable[[], int]) -> None:
        """Take note that the store is open; `changes` counts the rows that were written."""
        self._changes = changes

    def served(self) -> None:
        """Take note of the running event loop, on which `fatal` is called from now on."""
        self._loop = asyncio.get_running_loop()

    def troubled(self, error: sqlite3.DatabaseError) -> None:
        """Tell the operator, once until it has passed, that the disk or the file fails. A damaged file ends the server.

        Raises the error itself while the store is being opened: then whoever opens it is told.
        """
        from isthmus.store import trouble

        if self._changes is None:
            raise error
        sentence = trouble.in_flight(error, self._where)
        if trouble.is_damage(error):
            self._give_up(sentence)
        elif self._trouble is None:
            log.error("%s", sentence or f"a unit of work failed: {error}")
        self._trouble = time.monotonic(), self._changes()

    def commit_failed(self, error: BaseException) -> None:
        """Tell the operator of a commit that failed; stop the server where the disk can no longer be trusted (ADR 4)."""
        from isthmus.store import trouble

        if not isinstance(error, sqlite3.DatabaseError):
            log.error("commit failed", exc_info=error)
            return
        self.troubled(error)
        if trouble.is_fatal(error):
            self._give_up(
                f"The disk failed while {self._where} was being written ({error}). Isthmus stops, so that no answer lies."
            )

    def written(self) -> None:
        """Tell the operator that trouble has passed, once something was written; a commit of nothing proves nothing."""
        if self._trouble is None or self._changes is None:
            return
        last, changes = self._trouble
        if self._changes() > changes and time.monotonic() - last >= CALM_SECONDS:
            self._trouble = None
            log.warning("%s can be written again", self._where)

    def _give_up(self, sentence: str) -> None:
        """Write nothing any more, and say so to whoever runs the server; on its own thread, whichever this is."""
        if self.failed:
            return
        self.failed = True
        if self._loop is None:
            self._fatal(sentence)
        else:
            self._loop.call_soon_threadsafe(self._fatal, sentence)
