"""`--store=postgres` runs on PostgreSQL what asks for a server in memory: the api, property and simulation suites.

`--store=pgbouncer` does the same through a proxy in transaction mode.

Making a database takes longer than most tests, so those that a server has let go are emptied and used again. For the same
reason databases in memory are copies of one.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from unittest import mock

import psycopg
import pytest
from msgspec.structs import replace

from isthmus import bootstrap
from isthmus.actions.administration import EVERYTHING, IDENTITY
from isthmus.config import MEMORY, Settings
from isthmus.store import sqlite, sqlite_engine
from isthmus.store.postgres_engine import BLOCK
from tests.pgbouncer import through
from tests.postgres import Cluster

CONNECTIONS = 2
TABLES = (*EVERYTHING, *IDENTITY, "server_state")
"""Every table that both engines have, children before their parents."""
EMPTY = "; ".join(
    [
        *(f"DELETE FROM {table}" for table in TABLES),
        f"SELECT setval('row_seq', {BLOCK}, false)",
        *(f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), 1, false)" for table in ("journal", "tag")),
    ]
)
"""Leaves a database as it was when it was made: same seed, same history."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store", choices=("sqlite", "postgres", "pgbouncer"), default="sqlite", help="what a server in memory runs on"
    )


class Databases:
    """Databases of one cluster, each for one server at a time."""

    def __init__(self, cluster: Cluster, proxy: str = "") -> None:
        self._cluster, self._proxy = cluster, proxy
        self._free: list[str] = []

    def take(self) -> str:
        return self._free.pop() if self._free else self._cluster.database()

    def give_back(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(EMPTY.encode())
        self._free.append(url)

    def opener(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return what opens a store in a database of ours where memory was asked for."""

        def opened(settings: Settings, **more: Any) -> Any:
            if settings.data != MEMORY:
                return real(settings, **more)
            url = self.take()
            reached = through(self._proxy, url) if self._proxy else url
            own = replace(settings, data=reached, connections=CONNECTIONS, prepared_statements=not self._proxy)
            store = real(own, **more)
            close = store.close

            def close_and_give_back() -> None:
                close()
                self.give_back(url)

            store.close = close_and_give_back
            return store

        return opened


@pytest.fixture(scope="session", autouse=True)
def chosen_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lead servers in memory to the engine that was asked for."""
    chosen = request.config.getoption("--store")
    if chosen == "sqlite":
        yield
        return
    proxy = request.getfixturevalue("proxy") if chosen == "pgbouncer" else ""
    databases = Databases(request.getfixturevalue("postgres"), proxy)
    with mock.patch.object(bootstrap, "store", databases.opener(bootstrap.store)):
        yield


@pytest.fixture(scope="session", autouse=True)
def one_schema_for_all_in_memory() -> Iterator[None]:
    """Copy what the migrations make of an empty database, where it is in memory: page by page, so nothing differs."""
    real = sqlite_engine.migrate_file

    def migrated(connection: sqlite3.Connection, where: str) -> None:
        if where == str(None):
            made.backup(connection)
        else:
            real(connection, where)

    with closing(sqlite_engine.connect(None)) as made:
        real(made, str(None))
        with mock.patch.object(sqlite, "migrate_file", migrated):
            yield
