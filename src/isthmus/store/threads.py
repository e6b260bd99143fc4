"""Threads for units of work that wait for a database, beside an event loop.

As an executor of the standard library would run them, at half the price of a hop: outcomes are handed to the loop together,
with one wake-up for as many as there are.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from isthmus.store.api import Told
from isthmus.store.outcomes import ends

Job = tuple[Callable[[], Any], Told]


class Threads:
    """At most so many threads, started when they are first needed, and the loop that waits for them."""

    def __init__(self, most: int, loop: asyncio.AbstractEventLoop) -> None:
        """Serve a loop; `submit` and `close` are called on its thread, or when it has ended."""
        self._most, self.loop = most, loop
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._ended: deque[tuple[Told, Any, BaseException | None]] = deque()
        self._told = False
        self._threads: list[threading.Thread] = []
        self.waiting = 0
        """Jobs that were submitted and not answered yet."""

    def submit(self, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Run `work` on a thread; return what will have its outcome."""
        future = self.loop.create_future()
        self.waiting += 1
        if len(self._threads) < min(self._most, self.waiting):
            thread = threading.Thread(target=self._run, name=f"isthmus-unit-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put((work, ends(future)))
        return future

    def drop(self, why: Callable[[], BaseException]) -> None:
        """Let nobody wait any longer for jobs that no thread has begun; called before `close`."""
        with suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None:
                _, told = job
                self.waiting -= 1
                told(None, why())

    def close(self) -> None:
        """Let the threads end once they have nothing more to do, and wait for that."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, told = job
            try:
                self._ended.append((told, work(), None))
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits
                self._ended.append((told, None, error))
            if not self._told:
                self._told = True
                try:
                    self.loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:  # the loop was closed, so nobody waits any more
                    return

    def _deliver(self) -> None:
        self._told = False  # before it looks: whoever ends from here on tells anew
        while self._ended:
            told, result, error = self._ended.popleft()
            self.waiting -= 1
            told(result, error)
