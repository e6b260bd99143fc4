"""What is particular to a run of several worker processes (pytest-xdist, `make test`).

A test that is marked `alone` measures what other work on the machine would falsify: no other test runs beside it.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from coverage import Coverage

from tests.locks import locked

COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""By this variable coverage measures the Python processes that a measured one starts."""


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Let coverage measure the processes that run tests, not the programs which those start."""
    if is_worker(config) or not config.getoption("numprocesses", None):
        os.environ.pop(COVERAGE, None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker keep what was measured before it says that it has ended: from then on it has ten seconds to live."""
    if is_worker(session.config) and (measuring := Coverage.current()):
        measuring.stop()
        measuring.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not is_worker(item.config):
        return (yield)
    with room(item.config.rootpath / "build" / "workers", alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def room(folder: Path, *, alone: bool) -> Iterator[None]:
    """Be where all workers' tests are; `alone`: once the others have left.

    Who waits for that stands in the door, or those inside could take turns for ever.
    """
    with ExitStack() as door:
        door.enter_context(locked(folder / "door"))
        with locked(folder / "room", shared=not alone):
            door.close()
            yield
