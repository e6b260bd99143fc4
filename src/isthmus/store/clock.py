"""The wall clock and the randomness of the machine: the two things that tests replace."""

import os
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol


class Clock(Protocol):
    """Tells wall time. Service time is wall time plus an offset that the store keeps."""

    def wall(self) -> int:
        """Return the milliseconds since the epoch."""


class SystemClock:
    """The machine's clock."""

    def wall(self) -> int:
        """Return the milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved, for tests and simulations."""

    def __init__(self, at: int = 1_767_323_045_000) -> None:
        """Start at an instant, in milliseconds since the epoch (default: 2026-01-02T03:04:05Z)."""
        self.at = at

    def wall(self) -> int:
        """Return the instant it stands at."""
        return self.at

    def advance(self, milliseconds: int) -> None:
        """Move on."""
        self.at += milliseconds


Seeds = Callable[[], bytes]
"""Gives every unit of work the seed of its ids."""


def system_seeds() -> bytes:
    """Return 32 unpredictable bytes."""
    return os.urandom(32)


def counted_seeds(start: int = 1) -> Seeds:
    """Return seeds that follow from a number: same number, same ids."""
    numbers = count(start)
    return lambda: next(numbers).to_bytes(32, "big")
