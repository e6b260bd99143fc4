"""When what lost a race is tried again: one schedule for all that may lose one (ADR 4)."""

from collections.abc import Iterator
from typing import Final

ATTEMPTS: Final = 5
"""How often a unit that loses its race is run, the first time included."""
FIRST_WAIT_SECONDS: Final = 0.005


def waits() -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: ever longer, with jitter."""
    import random  # only losers need it, and a start need not wait for it

    for attempt in range(ATTEMPTS - 1):
        yield FIRST_WAIT_SECONDS * 2**attempt * random.random()  # noqa: S311 - jitter
