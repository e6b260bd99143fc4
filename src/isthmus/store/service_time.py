"""Service time where one process keeps the store: what it is now, which step falls due next in it, the timer that takes it.

Service time is wall time plus an offset. The instant of the next step is kept here, so that no unit has to ask the database
whether one is due. It is never later than the truth: a unit that makes a step announces it (`note`), committed or not.

A step that was taken in a transaction is *unsettled* until that is committed. Readers see what is committed, so they wait
for both: nobody is shown a state that is over.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from isthmus.domain import errors
from isthmus.store import settle
from isthmus.store.clock import Clock, Seeds
from isthmus.store.unit import Moment, Unit

log = logging.getLogger("isthmus.store")

LONGEST_NAP: Final = 3_600.0
RETRY_SECONDS: Final = 1.0
"""How long the timer waits after a step could not be written."""

Wait = Callable[[], "asyncio.Future[Any]"]
"""Writes nothing, and with that has due steps taken and made durable: done when they are."""


class ServiceTime:
    """The present, and the next step in it."""

    def __init__(self, clock: Clock, seeds: Seeds) -> None:
        """Begin at wall time, with a step that may be due: until the database was asked, nobody knows."""
        self._clock, self._seeds = clock, seeds
        self._offset = 0
        self._next_due: int | None = 0
        self._unsettled = False
        self._wait: Wait | None = None  # there is one while a loop is served
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    def moment(self) -> Moment:
        """Return the present, by both clocks, with a new seed."""
        wall = self._clock.wall()
        return Moment(wall, wall + self._offset, self._seeds())

    def move(self, offset: int) -> None:
        """Let service time be wall time plus `offset` milliseconds from now on."""
        self._offset = offset
        self._arm()

    # --- steps --------------------------------------------------------------------------------------------------------

    def is_due(self) -> bool:
        """Tell whether a step is due that was not taken."""
        return self._next_due is not None and self._next_due <= self._clock.wall() + self._offset

    def holds_readers(self) -> bool:
        """Tell whether a read has to wait for a due step, or for the commit of one."""
        return self._unsettled or self.is_due()

    def note(self, at: int) -> None:
        """Announce a step that falls due at an instant."""
        if self._next_due is None or at < self._next_due:
            self._next_due = at
            self._arm()

    def look(self, unit: Unit) -> None:
        """Ask the database when the next step falls due."""
        self._next_due = settle.next_due(unit)

    def settle(self, unit: Unit) -> None:
        """Take a slice of the steps that are due, as a unit of work."""
        settle.settle_slice(unit)
        self.look(unit)
        self._unsettled = True
        unit.on_commit.append(self._settled)

    def _settled(self) -> None:
        self._unsettled = False
        self._arm()

    def rolled_back(self, unit: Unit) -> None:
        """Look again what is due: steps that were taken in the transaction are not taken after all.

        Reads go on meanwhile, unless a step is really due that they could see.
        """
        self._unsettled = False
        try:
            self.look(unit)
        except errors.ApiError:
            self._next_due = 0
        self._arm(RETRY_SECONDS)

    # --- the timer ----------------------------------------------------------------------------------------------------

    def start(self, wait: Wait) -> None:
        """Take steps on the running event loop as they fall due, on an idle server too."""
        self._wait = wait
        self._arm()

    def stop(self) -> None:
        """Let the loop go."""
        self._wait = None
        if self._timer:
            self._timer.cancel()

    def _arm(self, at_least: float = 0.0) -> None:
        if self._wait is None:
            return
        if self._timer:
            self._timer.cancel()
        delay = LONGEST_NAP
        if self._next_due is not None:
            delay = min(delay, max(at_least, (self._next_due - self._clock.wall() - self._offset) / 1_000))
        self._timer = asyncio.get_running_loop().call_later(delay, self._wake, self._wait)

    def _wake(self, wait: Wait) -> None:
        self._tasks.add(task := asyncio.ensure_future(self._take_all(wait)))
        task.add_done_callback(self._tasks.discard)

    async def _take_all(self, wait: Wait) -> None:
        try:
            while self.is_due():
                await wait()
        except errors.ApiError:
            log.warning("a due step could not be written; it will be tried again")
            self._arm(RETRY_SECONDS)
        else:
            self._arm()
