"""PgBouncer in transaction mode before a test's cluster: every transaction may get another session, and there are few."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection

import pytest

from tests.clients.installed import missing
from tests.postgres import SUPERUSER, Cluster, free_port

PATIENCE_SECONDS = 30.0
POOL = 4
"""Sessions of a database, fewer than a single server would like to have connections."""
SETTINGS = """
[databases]
* = host=127.0.0.1 port={database_port} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 500
"""


def program() -> str:
    """Where PgBouncer is; Debian keeps it where only root's PATH leads."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    return found or missing("There is no pgbouncer (Debian's package pgbouncer).")


@contextmanager
def proxied(cluster: Cluster, port: int = 0) -> Iterator[str]:
    """Run a proxy before a cluster, by the account that runs that, on a port, or any; answers `host:port`."""
    port = port or free_port()
    folder = cluster.clusters.account.folder(cluster.folder / f"pgbouncer-{time.monotonic_ns()}")
    file, log = folder / "pgbouncer.ini", folder / "log"
    file.write_text(
        SETTINGS.format(database_port=cluster.port, user=SUPERUSER, password=cluster.clusters.password, port=port, pool=POOL)
    )
    file.chmod(0o644)  # its folder is the account's alone
    with log.open("wb") as sink:
        process = cluster.clusters.account.popen([program(), str(file)], sink.fileno(), folder)
    try:
        _wait(port, process, log)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        with suppress(OSError):
            create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.02)


def through(proxy: str, url: str) -> str:
    """The address of a database by way of the proxy."""
    return f"postgresql://{SUPERUSER}@{proxy}/{url.rpartition('/')[2]}"


@pytest.fixture(scope="session")
def proxy(postgres: Cluster) -> Iterator[str]:
    """A proxy before the session's cluster, `host:port`. Without its program a skip, or a failure where required."""
    with proxied(postgres) as found:
        yield found
