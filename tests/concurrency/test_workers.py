"""`isthmus serve --workers 3` on PostgreSQL: one server to whoever asks, stops or watches it, whichever process answers."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.proc import PROC, parse_kib
from tests.asking import CUT, Caller
from tests.postgres import Cluster, Clusters, children, free_port
from tests.running import Running, isthmus, running

pytestmark = pytest.mark.extended

WORKERS = 3
CLIENTS = 12
PLACE = ("111111111111", "us-east-1")
MOST_MIB = 60
PATIENCE_SECONDS = 60.0


@contextmanager
def served(folder: Path, data: str, *options: str) -> Iterator[Running]:
    quota = "--quota=vpcs_per_region=1000000"
    with running(folder, f"--data={data}", f"--workers={WORKERS}", "--log-format=none", quota, *options) as server:
        yield server


@pytest.fixture
def server(postgres: Cluster, tmp_path: Path) -> Iterator[Running]:
    with served(tmp_path, postgres.database()) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to one of the workers."""

    connection: http.client.HTTPConnection

    @classmethod
    def to(cls, server: Running) -> "Line":
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        return cls(http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_SECONDS))

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        self.connection.request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def health(self) -> tuple[int, dict]:
        status, body = self.get("/_isthmus/health")
        return status, json.loads(body)


@contextmanager
def to_each(server: Running) -> Iterator[dict[int, Line]]:
    """A connection to every worker."""
    with ExitStack() as stack:
        found: dict[int, Line] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found) < WORKERS:
            assert time.monotonic() < deadline, f"only {sorted(found)} were met"
            line = Line.to(server)
            stack.callback(line.connection.close)
            found.setdefault(line.health()[1]["worker"], line)
        yield found


def token_of(server: Running) -> str:
    return Path(server.run("health")["token_file"]).read_text().strip()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def counted(page: str, outcome: str) -> float:
    """How many requests of an action a page of metrics counts."""
    families = text_string_to_metric_families(page)
    return sum(each.value for family in families for each in family.samples if each.labels.get("outcome") == outcome)


def create(server: Running) -> str:
    caller = Caller(server.url)
    made = caller.ask(*PLACE, "CreateVpc", CidrBlock="10.0.0.0/24")
    caller.close()
    assert made.status == 200, made.body
    return made.first("vpcId")


@dataclass
class Client:
    """Creates without a pause, until its server is gone."""

    server: Running
    stop: threading.Event
    made: list[str] = field(default_factory=list)
    cuts: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        caller = Caller(self.server.url)
        while not self.stop.is_set() and self.server.process.poll() is None:
            try:
                answer = caller.ask(*PLACE, "CreateVpc", CidrBlock="10.0.0.0/24")
            except CUT:
                self.cuts += 1
                caller.close()
                continue
            if answer.status == 200:
                self.made.append(answer.first("vpcId"))
            else:
                self.wrong.append(answer.body)
        caller.close()


@contextmanager
def clients(server: Running) -> Iterator[list[Client]]:
    """Clients at work for as long as the block lasts."""
    stop = threading.Event()
    some = [Client(server, stop) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=each.run) for each in some]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(len(each.made) > 5 for each in some))
        yield some
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def kept(cluster: Cluster, data: str) -> set[str]:
    return set(cluster.sql_at(data, "SELECT id FROM vpc").split())


def test_every_worker_answers_and_knows_the_one_token(server: Running) -> None:
    token = token_of(server)
    with to_each(server) as lines:
        for number, line in lines.items():
            status, body = line.health()
            assert (status, body["status"], body["worker"]) == (200, "ok", number)
            assert line.get("/_isthmus/clock", token)[0] == 200
            assert line.get("/_isthmus/clock", "another")[0] == 401


def test_it_says_how_many_processes_serve_which_database_and_not_its_password(postgres: Cluster, server: Running) -> None:
    assert f"  work  {WORKERS} processes\n" in server.said
    assert f"  data  postgresql://isthmus@127.0.0.1:{postgres.port}/" in server.said
    assert postgres.clusters.password not in server.said


def test_what_one_worker_changes_every_worker_shows(server: Running) -> None:
    server.run("clock", "advance", "1h")
    token = token_of(server)
    with to_each(server) as lines:
        for line in lines.values():
            assert json.loads(line.get("/_isthmus/clock", token)[1])["offset_seconds"] == 3_600


def test_metrics_are_the_sum_of_all_workers_and_never_go_back(server: Running) -> None:
    with clients(server) as some:
        pass
    made, token = sum(len(each.made) for each in some), token_of(server)
    with to_each(server) as lines:
        pages = [line.get("/_isthmus/metrics", token)[1] for line in lines.values()]
    assert [counted(page, "CreateVpc") for page in pages] == [made] * WORKERS
    for pid in children(server.process.pid):
        os.kill(pid, signal.SIGKILL)
    until(lambda: server.said.count("another takes its place") == WORKERS)
    create(server)
    with to_each(server) as lines:
        page = lines[1].get("/_isthmus/metrics", token)[1]
    assert counted(page, "CreateVpc") == made + 1
    commits = [line for line in page.splitlines() if line.startswith("isthmus_commits_total")]
    assert commits == [f"isthmus_commits_total {made + 1:.1f}"]


def test_a_worker_that_dies_under_load_takes_nothing_with_it_that_was_answered(postgres: Cluster, tmp_path: Path) -> None:
    data = postgres.database()
    with served(tmp_path, data) as server, clients(server) as some:
        for round_ in range(1, 4):
            os.kill(min(children(server.process.pid)), signal.SIGKILL)
            until(lambda round_=round_: server.said.count("another takes its place") == round_)  # type: ignore[misc]  # bound
            before = [len(each.made) for each in some]
            until(lambda before=before: all(len(c.made) > n for c, n in zip(some, before, strict=True)))  # type: ignore[misc]
    assert [each.wrong for each in some] == [[]] * CLIENTS
    assert sum(each.cuts for each in some) > 0
    assert {vpc for each in some for vpc in each.made} <= kept(postgres, data)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_finishes_what_was_accepted(postgres: Cluster, tmp_path: Path, number: int) -> None:
    data = postgres.database()
    with served(tmp_path, data) as server, clients(server) as some:
        assert server.stop(number) == 0, server.said
    assert [each.wrong for each in some] == [[]] * CLIENTS
    assert {vpc for each in some for vpc in each.made} == kept(postgres, data)
    assert server.said.splitlines()[-1] == "stopped"


def test_all_workers_drain_and_a_second_signal_hurries_them(postgres: Cluster, tmp_path: Path) -> None:
    data = postgres.database()
    with served(tmp_path, data, "--drain-seconds=3600") as server:
        with to_each(server) as lines:
            server.process.send_signal(signal.SIGTERM)
            for line in lines.values():
                until(lambda line=line: says_no(line))  # type: ignore[misc]  # a bound value
        made = create(server)
        assert server.stop() == 0
    assert kept(postgres, data) == {made}


def says_no(line: Line) -> bool:
    """Whether a worker drains. It closes the connection with each answer then."""
    status, body = line.health()
    assert (status, body["status"]) in ((200, "ok"), (503, "draining"))
    return status == 503


def test_no_worker_outlives_kill_9_of_the_parent_and_the_port_is_free(postgres: Cluster, tmp_path: Path) -> None:
    data, port = postgres.database(), free_port()
    with served(tmp_path, data, f"--port={port}") as server, clients(server) as some:
        pids = children(server.process.pid)
        assert len(pids) == WORKERS
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not any(is_alive(pid) for pid in pids))
    assert {vpc for each in some for vpc in each.made} <= kept(postgres, data)
    with served(tmp_path / "again", data, f"--port={port}") as again:
        create(again)


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_second_server_on_the_port_is_refused(postgres: Cluster, server: Running, tmp_path: Path, workers: int) -> None:
    port = server.url.rpartition(":")[2]
    second = isthmus(tmp_path, "serve", f"--port={port}", f"--data={postgres.database()}", f"--workers={workers}")
    assert second.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use" in second.stderr
    assert server.run("clock", "show")["offset_seconds"] == 0  # the first one's token still opens


def test_a_worker_takes_a_place_while_the_database_is_away(clusters: Clusters, tmp_path: Path) -> None:
    cluster = clusters.new().start()
    with served(tmp_path, cluster.database()) as server:
        create(server)
        cluster.stop()
        for pid in children(server.process.pid):
            os.kill(pid, signal.SIGKILL)
        until(lambda: server.said.count("another takes its place") == WORKERS)
        with to_each(server) as lines:
            for line in lines.values():
                assert line.get("/?Action=DescribeVpcs&Version=2016-11-15")[0] == 503
        cluster.start()
        create(server)
        assert server.stop() == 0
    cluster.kill()


@pytest.mark.skipif(not PROC.is_dir(), reason="memory is read from /proc")
def test_an_idle_server_is_small(server: Running) -> None:
    with clients(server):
        pass
    pids = [server.process.pid, *children(server.process.pid)]
    used = {pid: parse_kib((PROC / str(pid) / "status").read_text(), "VmRSS") / 1_024 for pid in pids}
    print(f"resident MiB: {sorted(used.values())}")
    assert max(used.values()) < MOST_MIB, used
