"""Begins every run with nothing remembered: mutmut runs the tests in copies of a process that has run them already.

What a function of the mutated rooms keeps by its arguments would answer for the mutant there, as the original did.
"""

import sys

ROOMS = ("isthmus.domain.", "isthmus.policy.")


def pytest_sessionstart() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith(ROOMS):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
