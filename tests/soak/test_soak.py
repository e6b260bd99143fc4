"""A server under full load for a while: memory, log and journal stay bounded, and it keeps its speed and its word."""

import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest

from bench.proc import parse_kib
from bench.sign import Keys
from tests.postgres import Cluster, Clusters
from tests.running import Running, isthmus, running
from tests.soak.load import Client
from tests.soak.watch import MIB, Sample, since, slope

CLIENTS, PAIRS = 32, 6
"""Clients, and the pairs of accounts that they share. Each client has VPCs of its own."""
LONG_SECONDS, SHORT_SECONDS = 600.0, 20.0
WINDOWS = 10
CLOCK_EVERY_SECONDS = 5.0
DAY = "1d"
"""How far the clock is moved then: what ended the day before goes out of sight."""
JOURNAL_ROWS = 2_000
OFTEN_SECONDS = 1.0
"""Between two trims of the journal here. With a minute between them the file, and with it SQLite's page cache (up to 16 MiB
for each connection), would reach its full size only with the busiest minute of the run."""
OFTEN = (str(Path(__file__).with_name("serve_often.py")),)
MOST_MIB_PER_100_000_REQUESTS = 1.0
MOST_GROWTH_OF_A_START = 64 * MIB
MOST_LOG = 64 * MIB
MOST_SLOWER = 3.0
CHANGES_PER_SECOND = 4_000
"""More than any machine of today does here; it bounds what the journal gathers between two trims."""
WAL_SETTINGS = {"max_wal_size": "128MB", "min_wal_size": "32MB", "checkpoint_timeout": "30s"}

Tell = Callable[[str], None]

pytestmark = [pytest.mark.alone, pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")]


# --- what a store is looked at by -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the data are, and how its log and its journal are measured."""

    data: str
    log: Callable[[], int]
    journal: Callable[[], int]
    most_log: int


def in_file(folder: Path) -> Stored:
    file = folder / "soak.db"
    log = file.with_name("soak.db-wal")

    def journal() -> int:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute(ROWS).fetchone()[0]

    return Stored(str(file), lambda: log.stat().st_size, journal, MOST_LOG)


def in_database(cluster: Cluster) -> Stored:
    url = cluster.database()
    name = url.rpartition("/")[2]

    def number(sql: str) -> int:
        return int(cluster.sql(sql, name))

    return Stored(url, lambda: number("SELECT sum(size) FROM pg_ls_waldir()"), lambda: number(ROWS), 3 * 128 * MIB)


ROWS = "SELECT coalesce(max(seq) - min(seq) + 1, 0) FROM journal"


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass
class Soak:
    """What a run came to."""

    samples: list[Sample]
    clients: list[Client]
    seconds: float
    housekeeping_seconds: float

    @property
    def answered(self) -> Counter[tuple[str, int]]:
        return sum((each.answered for each in self.clients), Counter())

    def median_seconds(self, windows: Sequence[int]) -> float:
        """The median time to an answer in these tenths of the run."""
        return median(took for each in self.clients for window in windows for took in each.seconds[window])


def soaked(server: Running, stored: Stored, seconds: float, housekeeping_seconds: float) -> Soak:
    """Let clients work for so long, with a look each second and the clock moved now and then."""
    stop = threading.Event()
    where = urlsplit(server.url)
    assert where.hostname is not None
    assert where.port is not None
    pairs = [(keys(server, f"one-{number}"), keys(server, f"other-{number}")) for number in range(PAIRS)]
    clients = [
        Client((where.hostname, where.port), pairs[number % PAIRS], random.Random(number), WINDOWS, seconds / WINDOWS, stop)
        for number in range(CLIENTS)
    ]
    for each in clients:
        each.begin()
    with moving_clock(server, stop):
        samples = list(looked(server, stored, clients, seconds))
        stop.set()
        for each in clients:
            each.end()
    assert [each.problem for each in clients if each.problem] == []
    return Soak(samples, clients, seconds, housekeeping_seconds)


def keys(server: Running, name: str) -> Keys:
    made = server.run("accounts", "create", name)
    return Keys(made["account_id"], made["access_key_id"], made["secret_access_key"])


@contextmanager
def moving_clock(server: Running, stop: threading.Event) -> Iterator[None]:
    """Let a day pass now and then, until told to stop."""
    problems: list[BaseException] = []

    def move() -> None:
        try:
            while not stop.wait(CLOCK_EVERY_SECONDS):
                server.run("clock", "advance", DAY)
        except BaseException as problem:  # noqa: BLE001 - told to the test
            problems.append(problem)

    thread = threading.Thread(target=move, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert problems == []


def looked(server: Running, stored: Stored, clients: Sequence[Client], seconds: float) -> Iterator[Sample]:
    status = Path(f"/proc/{server.process.pid}/status")
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        resident = parse_kib(status.read_text(), "VmRSS") << 10
        yield Sample(at, sum(each.requests for each in clients), resident, stored.log(), stored.journal())
        time.sleep(1.0)


# --- what it must have kept -----------------------------------------------------------------------------------------------


def told(soak: Soak, engine: str, tell: Tell) -> None:
    """Tell the figures, which are measured and not judged here."""
    first, last, growth = soak.samples[0], soak.samples[-1], slope(since(soak.samples, 0.5))
    first_took, last_took = (soak.median_seconds(windows) * 1e3 for windows in ([1, 2], [8, 9]))
    tell(
        f"soak, {engine}: {last.requests:,} requests in {soak.seconds:.0f} s; memory {first.resident / MIB:.1f} MiB at "
        f"first, {last.resident / MIB:.1f} at last, in the second half {growth:+.2f} MiB per 100,000 requests; log at most "
        f"{max(each.log for each in soak.samples) / MIB:.1f} MiB; journal at most "
        f"{max(each.journal for each in soak.samples):,} rows; median latency {first_took:.2f} ms at first, "
        f"{last_took:.2f} at last"
    )


def assert_bounded(soak: Soak, stored: Stored) -> None:
    """Log and journal do not grow with the run, answers do not take ever longer, and none was a server's fault."""
    assert max(each.log for each in soak.samples) <= stored.most_log
    gathered = CHANGES_PER_SECOND * 2 * soak.housekeeping_seconds
    assert max(each.journal for each in soak.samples) <= JOURNAL_ROWS + gathered
    assert soak.median_seconds([8, 9]) <= MOST_SLOWER * soak.median_seconds([1, 2])
    refused = sum(count for (_, status), count in soak.answered.items() if status != 200)
    assert refused < sum(soak.answered.values()) / 10, soak.answered  # what the moved clock made expire
    assert {action for action, status in soak.answered if status == 200} >= {
        "CreateVpc", "DeleteVpc", "CreateTags", "AcceptVpcPeeringConnection", "RejectVpcPeeringConnection",
    }  # fmt: skip


def assert_trimmed(soak: Soak) -> None:
    """The journal became shorter within the run, so that its bound was put to the test."""
    rows = [each.journal for each in soak.samples]
    assert any(after < before for before, after in pairwise(rows)), "the journal was never trimmed"


def assert_intact(stored: Stored, folder: Path) -> None:
    checked = isthmus(folder, "check", "--data", stored.data)
    assert checked.returncode == 0, checked.stdout


def run_soak(
    stored: Stored, folder: Path, tell: Tell, engine: str, *, seconds: float, program: Sequence[str], every: float
) -> Soak:
    options = (f"--data={stored.data}", f"--journal-rows={JOURNAL_ROWS}", "--auth=enforce", "--log-format=none")
    with running(folder, *options, program=program) as server:
        soak = soaked(server, stored, seconds, every)
        assert "Traceback" not in server.said
        assert server.stop() == 0
    told(soak, engine, tell)
    assert_bounded(soak, stored)
    assert_trimmed(soak)
    assert_intact(stored, folder)
    return soak


def shortly(stored: Stored, folder: Path, tell: Tell, engine: str) -> None:
    """A form too short for a slope: caches still fill."""
    soak = run_soak(stored, folder, tell, engine, seconds=SHORT_SECONDS, program=OFTEN, every=OFTEN_SECONDS)
    assert soak.samples[-1].resident - soak.samples[0].resident < MOST_GROWTH_OF_A_START


def at_length(stored: Stored, folder: Path, tell: Tell, engine: str) -> None:
    soak = run_soak(stored, folder, tell, engine, seconds=LONG_SECONDS, program=OFTEN, every=OFTEN_SECONDS)
    assert slope(since(soak.samples, 0.5)) < MOST_MIB_PER_100_000_REQUESTS


@pytest.fixture
def database(clusters: Clusters) -> Iterator[Stored]:
    cluster = clusters.new(disk=True, settings=WAL_SETTINGS).start()
    yield in_database(cluster)
    cluster.kill()


@pytest.mark.extended
def test_a_server_under_load_stays_bounded_on_sqlite(tmp_path: Path, tell: Tell) -> None:
    shortly(in_file(tmp_path), tmp_path, tell, "SQLite, short form")


@pytest.mark.extended
def test_a_server_under_load_stays_bounded_on_postgres(database: Stored, tmp_path: Path, tell: Tell) -> None:
    shortly(database, tmp_path, tell, "PostgreSQL, short form")


@pytest.mark.long
def test_a_server_under_load_for_ten_minutes_stays_bounded_on_sqlite(tmp_path: Path, tell: Tell) -> None:
    at_length(in_file(tmp_path), tmp_path, tell, "SQLite")


@pytest.mark.long
def test_a_server_under_load_for_ten_minutes_stays_bounded_on_postgres(database: Stored, tmp_path: Path, tell: Tell) -> None:
    at_length(database, tmp_path, tell, "PostgreSQL")
