"""The disk or the database fails under load.

What was answered stays, what could not be done is refused, and the same process goes on once the fault has passed.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.concurrency import load
from tests.concurrency.history import CREATE, DESCRIBE, TAG, Event, Outcome
from tests.concurrency.laws import violations
from tests.crash import invariants
from tests.faults.small_disk import SmallDisk
from tests.postgres import Cluster, Clusters
from tests.running import Running, isthmus, running

CLIENTS = 8
OPTIONS = ("--auth=open", "--log-format=none", "--max-unpaged-items=1000000")
PATIENCE_SECONDS = 60.0
REFUSALS, ANSWERS = 40, 100
SOME_SECONDS = 1.0
ROOM = 24 << 20
DATABASE_ROOM = 24 << 20
MAKING = (CREATE, TAG)
REFUSED, CUT = "Unavailable", ""

pytestmark = pytest.mark.extended


def gone_through(
    server: Running, seed: int, begins: Callable[[], None], ends: Callable[[], None], times: int = 1
) -> list[Event]:
    """Let clients work on a server while a fault begins and ends: laws hold, and nothing but 503 is ever met."""
    with load.at_work(lambda: [server.url], CLIENTS, seed) as work:
        wait_for(lambda: done_since(work, 0) > ANSWERS)
        for _ in range(times):
            refused = len(refusals(work))
            begins()
            wait_for(lambda refused=refused: len(refusals(work)) > refused + REFUSALS)  # type: ignore[misc]  # bound now
            time.sleep(SOME_SECONDS)
            ends()
            over = time.monotonic_ns()
            wait_for(lambda over=over: done_since(work, over) > ANSWERS)  # type: ignore[misc]  # bound now
    assert violations(work.history, work.places) == []
    assert {event.code for event in work.history if event.outcome is Outcome.UNKNOWN} <= {REFUSED, CUT}
    assert server.process.poll() is None
    assert "Traceback" not in server.said
    assert "never retrieved" not in server.said
    return work.history


def events(work: load.Work) -> Iterator[Event]:
    return (event for each in work.clients for event in list(each.history))


def done_since(work: load.Work, since: int) -> int:
    """How many changes were carried out that were asked for after an instant."""
    return sum(event.begin > since and event.outcome is Outcome.DONE and event.action in MAKING for event in events(work))


def refusals(work: load.Work) -> list[Event]:
    return [event for event in events(work) if event.code == REFUSED]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.05)


# --- a file -----------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_loses_nothing_and_the_server_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = SmallDisk.at(tmp_path / "disk", ROOM)
    with running(tmp_path, f"--data={disk.path}/isthmus.db", *OPTIONS, before=disk.before()) as server:
        pid = server.process.pid
        history = gone_through(server, 1, lambda: disk.fill(pid), lambda: disk.empty(pid), times=2)
        assert {event.action for event in history if event.code == REFUSED} & {DESCRIBE} == set(), "reads need no room"
        for name in ("isthmus.db", "isthmus.db-wal"):
            shutil.copy(disk.seen_by(pid) / name, tmp_path / name)
        assert invariants.violations(tmp_path / "isthmus.db", time.time_ns() // 1_000_000) == []
        assert f"There is no room for {disk.path}/isthmus.db on its disk" in server.said
        assert "Changes are refused until that has passed; nothing is lost." in server.said
        assert len(server.said.splitlines()) < 20, "a full disk fills the log too"
        assert server.stop() == 0


# --- a database -------------------------------------------------------------------------------------------------------


def test_a_database_that_fills_up_loses_nothing_and_the_server_goes_on_when_there_is_room(
    clusters: Clusters, tmp_path: Path
) -> None:
    cluster = clusters.new()
    disk = SmallDisk.at(clusters.account.folder(cluster.folder / "small"), DATABASE_ROOM)
    cluster.before = disk.before(clusters.account)
    cluster.start()
    assert cluster.process is not None
    pid = cluster.process.pid
    cluster.sql(f"CREATE TABLESPACE small LOCATION '{disk.path}'")
    url = cluster.database(tablespace="small")
    with running(tmp_path, f"--data={url}", *OPTIONS) as server:
        gone_through(server, 2, lambda: disk.fill(pid), lambda: disk.empty(pid), times=2)
        assert "No space left on device" in server.said
        assert server.stop() == 0
    checked = isthmus(tmp_path, "check", "--data", url)
    assert checked.returncode == 0, checked.stdout
    cluster.kill()


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_database_that_is_gone_for_a_while_loses_nothing_and_the_server_finds_it_again(
    clusters: Clusters, tmp_path: Path, how: str
) -> None:
    cluster = clusters.new(fsync=False).start()
    url = cluster.database()
    with running(tmp_path, f"--data={url}", *OPTIONS) as server:
        gone_through(server, 3, cluster.stop if how == "stopped" else cluster.kill, lambda: start(cluster))
        assert "no connection to postgresql://isthmus@127.0.0.1" in server.said
        assert clusters.password not in server.said
        assert server.stop() == 0
    checked = isthmus(tmp_path, "check", "--data", url)
    assert checked.returncode == 0, checked.stdout
    cluster.kill()


def start(cluster: Cluster) -> None:
    cluster.start()


def test_a_password_that_is_changed_in_flight_is_unavailable_until_it_is_changed_back(
    clusters: Clusters, tmp_path: Path
) -> None:
    cluster = clusters.new(fsync=False).start()
    url = cluster.database()
    cluster.sql("CREATE ROLE guard LOGIN SUPERUSER PASSWORD 'guard'")
    guard = cluster.url().replace(f"//isthmus:{clusters.password}@", "//guard:guard@")

    def password_is(text: str) -> None:
        cluster.sql_at(guard, f"ALTER ROLE isthmus PASSWORD '{text}'")
        cluster.sql_at(guard, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'isthmus'")

    with running(tmp_path, f"--data={url}", *OPTIONS) as server:
        gone_through(server, 4, lambda: password_is("another"), lambda: password_is(clusters.password))
        assert "password authentication failed" in server.said
        assert clusters.password not in server.said
    cluster.kill()
