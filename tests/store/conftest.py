"""One contract, many engines: `store` is a store of each engine in turn. A third engine joins by one more parameter."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isthmus.store.clock import ManualClock, counted_seeds
from isthmus.store.sqlite import SqliteStore
from tests.store.builders import NOW


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def in_memory(_: Path, clock: ManualClock) -> SqliteStore:
    return SqliteStore(None, clock=clock, seeds=counted_seeds())


def on_disk(folder: Path, clock: ManualClock) -> SqliteStore:
    return SqliteStore(folder / "data.db", clock=clock, seeds=counted_seeds())


ENGINES: dict[str, Callable[[Path, ManualClock], SqliteStore]] = {"memory": in_memory, "disk": on_disk}


@pytest.fixture(params=sorted(ENGINES))
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[SqliteStore]:
    made = ENGINES[request.param](tmp_path, clock)
    yield made
    made.close()
