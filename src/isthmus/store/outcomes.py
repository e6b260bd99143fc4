"""Between a future and a caller that is told: two ways to learn what a unit of work has come to.

Who awaits a unit needs a future. Who answers a client is told at once: a future would be heard a turn of the loop later.
"""

import asyncio
from typing import Any

from isthmus.store.api import Told


def tell(future: "asyncio.Future[Any]", told: Told) -> None:
    """Tell of a future's outcome once it is there."""

    def ended(future: "asyncio.Future[Any]") -> None:
        error = future.exception()
        told(None if error else future.result(), error)

    future.add_done_callback(ended)


def ends(future: "asyncio.Future[Any]") -> Told:
    """Return what is to be told a future's outcome, which is dropped where nobody waits any more."""

    def told(result: object, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    return told
