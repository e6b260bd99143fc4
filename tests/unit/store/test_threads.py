"""Threads beside an event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from isthmus.store.threads import Threads


def with_threads(most: int, scenario: Callable[[Threads], Any]) -> Any:
    async def run() -> Any:
        threads = Threads(most, asyncio.get_running_loop())
        try:
            return await scenario(threads)
        finally:
            threads.close()

    return asyncio.run(run())


def test_each_outcome_reaches_who_waits_for_it() -> None:
    def work(number: int) -> int:
        if number % 3 == 0:
            raise KeyError(number)
        return number

    async def scenario(threads: Threads) -> list[Any]:
        jobs = [threads.submit(lambda number=number: work(number)) for number in range(200)]  # type: ignore[misc]  # bound now
        return await asyncio.gather(*jobs, return_exceptions=True)

    found = with_threads(4, scenario)
    assert [each.args[0] if isinstance(each, KeyError) else each for each in found] == list(range(200))
    assert [isinstance(each, KeyError) for each in found] == [number % 3 == 0 for number in range(200)]


def test_no_more_threads_than_allowed_run_at_once() -> None:
    async def scenario(threads: Threads) -> set[str]:
        together = threading.Barrier(3)

        def work() -> str:
            together.wait(10)
            return threading.current_thread().name

        return set(await asyncio.gather(*(threads.submit(work) for _ in range(9))))

    assert len(with_threads(3, scenario)) == 3


def test_what_nobody_waits_for_any_more_is_dropped() -> None:
    async def scenario(threads: Threads) -> int:
        goes_on = threading.Event()
        dropped = threads.submit(lambda: goes_on.wait(10))
        dropped.cancel()
        goes_on.set()
        await threads.submit(lambda: None)
        with pytest.raises(asyncio.CancelledError):
            await dropped
        return threads.waiting

    assert with_threads(1, scenario) == 0


def test_jobs_that_have_not_begun_can_be_dropped() -> None:
    async def scenario(threads: Threads) -> tuple[list[Any], int]:
        begun, goes_on = threading.Event(), threading.Event()

        def work() -> str:
            begun.set()
            goes_on.wait(10)
            return "done"

        first, *others = [threads.submit(work) for _ in range(3)]
        begun.wait(10)
        threads.drop(lambda: TimeoutError("dropped"))
        waiting = threads.waiting
        goes_on.set()
        return await asyncio.gather(first, *others, return_exceptions=True), waiting

    (first, *others), waiting = with_threads(1, scenario)
    assert (first, [type(each) for each in others], waiting) == ("done", [TimeoutError] * 2, 1)
