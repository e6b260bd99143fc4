"""One contract, many engines: `store` is a store of each engine in turn."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isthmus.store.clock import ManualClock, counted_seeds
from isthmus.store.postgres import PostgresSettings, PostgresStore
from isthmus.store.sqlite import SqliteStore
from tests.postgres import Cluster
from tests.store.builders import NOW, AnyStore


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def in_memory(_: Path, clock: ManualClock, __: pytest.FixtureRequest) -> SqliteStore:
    return SqliteStore(None, clock=clock, seeds=counted_seeds())


def on_disk(folder: Path, clock: ManualClock, _: pytest.FixtureRequest) -> SqliteStore:
    return SqliteStore(folder / "data.db", clock=clock, seeds=counted_seeds())


def on_postgres(_: Path, clock: ManualClock, request: pytest.FixtureRequest) -> PostgresStore:
    cluster: Cluster = request.getfixturevalue("postgres")
    return PostgresStore(cluster.database(), clock=clock, seeds=counted_seeds(), settings=PostgresSettings(connections=4))


ENGINES: dict[str, Callable[[Path, ManualClock, pytest.FixtureRequest], AnyStore]] = {
    "memory": in_memory,
    "disk": on_disk,
    "postgres": on_postgres,
}
EACH = ["memory", "disk", pytest.param("postgres", marks=pytest.mark.extended)]


@pytest.fixture(params=EACH)
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[AnyStore]:
    made = ENGINES[request.param](tmp_path, clock, request)
    yield made
    made.close()
