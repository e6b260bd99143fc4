"""Under mutmut every test begins with nothing remembered.

What a function of the mutated rooms keeps by its arguments would else answer for a mutant as the original did, since mutmut
tries it in a copy of a process that has run the tests already. And mutmut would not see that a test reaches a function when
an earlier one asked it the same.
"""

import os
import sys
from collections.abc import Callable

ROOMS = ("isthmus.domain.", "isthmus.policy.")
FORGET: list[Callable[[], None]] = []


def pytest_collection_finish() -> None:
    if "MUTANT_UNDER_TEST" in os.environ:
        rooms = [vars(module) for name, module in sys.modules.items() if name.startswith(ROOMS)]
        FORGET[:] = [value.cache_clear for room in rooms for value in room.values() if hasattr(value, "cache_clear")]


def pytest_runtest_setup() -> None:
    for forget in FORGET:
        forget()
