"""PostgreSQL for scenarios: a cluster of their own on the disk, fsync on, with the settings of a small server.

The tests' own cluster (`tests/postgres.py`) does the work. What its processes spend is shown beside what ours spend.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import proc
from bench.errors import NotReadyError
from tests.postgres import Cluster, Clusters, programs

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "log_line_prefix": "@%p@ "}
"""What a fill of a million connections wants, and a prefix that the recording of statements can read."""


@dataclass(frozen=True, slots=True)
class Database:
    """One cluster that runs."""

    cluster: Cluster

    def new(self) -> str:
        """The address of an empty database."""
        return self.cluster.database()

    def sql(self, url: str, text: str) -> str:
        """What a statement answers."""
        return self.cluster.sql_at(url, text)

    def set(self, name: str, value: str) -> None:
        """Change a setting for all sessions, those that are open too."""
        self.cluster.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.cluster.sql("SELECT pg_reload_conf()")

    @property
    def log(self) -> Path:
        """Where the server writes what it is asked."""
        return self.cluster.folder / "log"

    def program(self, name: str) -> str:
        """The path of one of its programs. Raises `NotReadyError` where it is not there."""
        path = self.cluster.clusters.bin / name
        if not path.is_file():
            raise NotReadyError(f"PostgreSQL's {name} is not in {path.parent}")
        return str(path)

    def cpu_seconds(self) -> float:
        """CPU time of all of its processes so far."""
        assert self.cluster.process is not None
        return proc.cpu_seconds(self.cluster.process.pid)


@contextmanager
def running() -> Iterator[Database]:
    """Start PostgreSQL, and remove it with its data at the end. Raises `NotReadyError` where it is not installed."""
    folder = programs()
    if folder is None:
        raise NotReadyError("PostgreSQL's programs (Debian's package postgresql) are neither on the PATH nor in their place")
    clusters = Clusters(folder)
    try:
        yield Database(clusters.new(disk=True, settings=SETTINGS).start())
    finally:
        clusters.close()
