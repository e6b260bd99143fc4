"""Many clients, servers that die, connections that are cut: whatever the clients can know of it keeps the laws."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.concurrency import load
from tests.concurrency.fleet import Fleet
from tests.concurrency.history import ACCEPT, CREATE, DELETE, Event, Outcome
from tests.concurrency.laws import violations
from tests.postgres import Cluster
from tests.running import ISTHMUS

CLIENTS = 64
SERVERS = 4
# So that one answer can show everything in the end.
UNPAGED = "--max-unpaged-items=1000000"
SERIALIZABLE = Path(__file__).with_name("serve_serializable.py")
SECONDS = 15.0
LONG_SECONDS = 120.0
FEWEST_REQUESTS_PER_SECOND = 20


def problems_of(fleet: Fleet, seconds: float, seed: int, trouble: Callable[[random.Random], None]) -> list[str]:
    """Let clients work while trouble is made again and again; answers what is wrong with what they saw."""
    draw = random.Random(seed)
    with load.at_work(lambda: fleet.urls, CLIENTS, seed) as work:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(draw.uniform(0.2, 1.5))
            trouble(draw)
    enough(work.history, seconds)
    return violations(work.history, work.places)


def enough(history: list[Event], seconds: float) -> None:
    """Fail if the clients hardly met each other, or no trouble met a request."""
    counts = Counter((event.action, event.outcome) for event in history)
    print(
        f"{len(history)} requests in {seconds:.0f} s:",
        *(f"{key[0]} {key[1].value} {n}" for key, n in sorted(counts.items(), key=str)),
    )
    assert len(history) > FEWEST_REQUESTS_PER_SECOND * seconds
    for action in (CREATE, ACCEPT, DELETE):
        assert counts[action, Outcome.DONE] > seconds
        assert counts[action, Outcome.UNKNOWN] > 0
    assert counts[ACCEPT, Outcome.REFUSED] > 0


def on_sqlite(folder: Path, seconds: float, seed: int) -> list[str]:
    """One server on one file, killed again and again."""
    with Fleet(folder, str(folder / "isthmus.db"), 1, UNPAGED) as fleet:

        def trouble(_: random.Random) -> None:
            fleet.kill(0)
            fleet.start(0)

        return problems_of(fleet, seconds, seed, trouble)


@pytest.mark.extended
def test_a_server_that_is_killed_keeps_the_laws_on_sqlite(tmp_path: Path) -> None:
    assert on_sqlite(tmp_path, SECONDS, seed=1) == []


@pytest.mark.long
def test_a_server_that_is_killed_very_often_keeps_the_laws_on_sqlite(tmp_path: Path) -> None:
    assert on_sqlite(tmp_path, LONG_SECONDS, seed=2) == []


def on_postgres(
    cluster: Cluster,
    folder: Path,
    seconds: float,
    seed: int,
    *,
    program: Sequence[str] = ISTHMUS,
    watch: Callable[[], None] = lambda: None,
) -> list[str]:
    """Several servers on one database: now one of them is killed, now some of their connections to the database are cut.

    `watch` is called now and then.
    """
    data = cluster.database()
    name = data.rpartition("/")[2]
    with Fleet(folder, data, SERVERS, UNPAGED, program=program) as fleet:

        def trouble(draw: random.Random) -> None:
            watch()
            if draw.random() < 0.5:
                cluster.sql(CUT_SOME.format(name=name))
            else:
                number = draw.randrange(SERVERS)
                fleet.kill(number)
                fleet.start(number)

        return problems_of(fleet, seconds, seed, trouble)


CUT_SOME = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = '{name}' AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 4"
)


@pytest.mark.extended
def test_servers_that_die_and_lose_their_database_keep_the_laws(postgres: Cluster, tmp_path: Path) -> None:
    assert on_postgres(postgres, tmp_path, SECONDS, seed=3) == []


@pytest.mark.extended
def test_the_laws_hold_as_they_do_if_the_database_serializes(postgres: Cluster, tmp_path: Path) -> None:
    """The oracle: SERIALIZABLE transactions make every history one that a single client could have made."""
    locks: list[str] = []

    def watch() -> None:
        locks.append(postgres.sql("SELECT count(*) FROM pg_locks WHERE mode = 'SIReadLock'"))

    assert on_postgres(postgres, tmp_path, SECONDS, seed=4, program=[str(SERIALIZABLE)], watch=watch) == []
    assert set(locks) - {"0"}, "no transaction was serializable"


@pytest.mark.long
@pytest.mark.parametrize("seed", [5, 6])
def test_servers_that_die_very_often_keep_the_laws(postgres: Cluster, tmp_path: Path, seed: int) -> None:
    assert on_postgres(postgres, tmp_path, LONG_SECONDS, seed) == []
