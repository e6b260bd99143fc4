"""The clusters that other tests lean on: what they promise about crashes, copies and traces left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import postgres as rig
from tests.postgres import Cluster, Clusters

pytestmark = pytest.mark.extended


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_every_database_is_fresh_and_in_the_c_locale(postgres: Cluster) -> None:
    one, other = name_of(postgres.database()), name_of(postgres.database())
    postgres.sql("CREATE TABLE it (n int)", one)
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'it'", other) == "0"
    shown = "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()"
    assert postgres.sql(shown, one) == "UTF8|C"


def test_a_database_can_be_made_from_another(postgres: Cluster) -> None:
    template = name_of(postgres.database())
    postgres.sql("CREATE TABLE it AS SELECT 7 AS n", template)
    assert postgres.sql("SELECT n FROM it", name_of(postgres.database(template))) == "7"


def test_nobody_gets_in_without_the_password(postgres: Cluster) -> None:
    wrong = postgres.url().replace(postgres.clusters.password, "guessed")
    with pytest.raises(AssertionError, match="password authentication failed"):
        postgres.sql_at(wrong, "SELECT 1")


@pytest.mark.parametrize("disk", [False, True])
def test_a_killed_cluster_has_what_was_committed(clusters: Clusters, disk: bool) -> None:
    cluster = clusters.new(disk=disk).start()
    cluster.sql("CREATE TABLE it AS SELECT 7 AS n")
    cluster.kill()
    cluster.start()
    assert cluster.sql("SELECT n FROM it") == "7"
    cluster.stop()


@pytest.mark.parametrize("level", ["on", "remote_apply"])
def test_a_promoted_standby_has_what_was_committed(clusters: Clusters, level: str) -> None:
    primary = clusters.new().start()
    standby = primary.standby(level)
    primary.sql("CREATE TABLE it AS SELECT 7 AS n")
    primary.kill()
    standby.promote()
    assert standby.sql("INSERT INTO it SELECT n + 1 FROM it RETURNING n") == "8"
    either = primary.url(also=standby)
    assert standby.sql_at(either, "SELECT count(*) FROM it") == "2"
    standby.stop()


def test_a_commit_waits_for_the_synchronous_standby(clusters: Clusters) -> None:
    primary = clusters.new().start()
    standby = primary.standby()
    standby.kill()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [clusters.bin / "psql", "-Xq", "-d", primary.url(), "-c", "CREATE TABLE it (n int)"], timeout=1, check=True
        )
    primary.kill()


def test_nothing_is_left_when_the_tests_are_killed(tmp_path: Path) -> None:
    """A session that is killed with -9 cannot clean up; what it left watching does."""
    program = (
        "import os, signal\n"
        "from tests.postgres import Clusters, programs\n"
        "made = Clusters(programs())\n"
        "cluster = made.new().start()\n"
        "print(cluster.process.pid, *made._roots.values(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(rig.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=root)
    pid, *folders = done.stdout.split()
    deadline = time.monotonic() + rig.PATIENCE_SECONDS
    while any(Path(folder).exists() for folder in folders):
        assert time.monotonic() < deadline, "the folders are still there"
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
