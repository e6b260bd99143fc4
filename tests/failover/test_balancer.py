"""Two servers behind HAProxy, as the how-to page has it: one may restart or die, and clients hardly notice."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request

import pytest

from tests.asking import CUT, Answer, Caller
from tests.concurrency.fleet import Fleet
from tests.docs.pages import blocks
from tests.failover.balancer import PAGE, Balancer, balanced, program
from tests.postgres import Cluster
from tests.running import answer_of

pytestmark = pytest.mark.extended

CLIENTS = 8
PLACE = ("111111111111", "us-east-1")
RETRYABLE = {502, 503}
PATIENCE_SECONDS = 60.0


@dataclass
class Client:
    """Asks without a pause: a change, then whether it is there."""

    url: str
    stop: threading.Event
    made: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def run(self) -> None:
        caller = Caller(self.url)
        while not self.stop.is_set():
            try:
                made = caller.ask(*PLACE, "CreateVpc", CidrBlock="10.0.0.0/24")
                if self._is_fine(made):
                    self.made.append(made.first("vpcId"))
                    self._is_fine(caller.ask(*PLACE, "DescribeVpcs", VpcId__1=self.made[-1]))
            except CUT:
                self.troubles.append("cut")
                caller.close()
        caller.close()

    def _is_fine(self, answer: Answer) -> bool:
        if answer.status != 200:
            self.troubles.append(str(answer.status) if answer.status in RETRYABLE else answer.body)
        return answer.status == 200


@contextmanager
def clients(url: str) -> Iterator[list[Client]]:
    """Clients at work for as long as the block lasts."""
    stop = threading.Event()
    some = [Client(url, stop) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=each.run) for each in some]
    for thread in threads:
        thread.start()
    try:
        yield some
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


@pytest.fixture
def fleet(postgres: Cluster, tmp_path: Path) -> Iterator[Fleet]:
    options = ("--drain-seconds=5", "--trusted-proxy=127.0.0.1/32", "--quota=vpcs_per_region=1000000")
    with Fleet(tmp_path, postgres.database(), 2, *options) as servers:
        yield servers


@pytest.fixture
def balancer(fleet: Fleet, tmp_path: Path) -> Iterator[Balancer]:
    with balanced(tmp_path, fleet.ports) as found:
        yield found


def test_haproxy_finds_no_fault_with_the_page(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    (text,) = blocks(PAGE, "haproxy")
    file.write_text(text)
    done = subprocess.run([program(), "-c", "-f", str(file)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_no_request_fails_while_the_servers_restart_one_by_one(fleet: Fleet, balancer: Balancer) -> None:
    with clients(balancer.url) as some:
        for number in range(2):
            fleet.stop(number)
            fleet.start(number)
            balancer.wait_for("one", "two")
    assert [each.troubles for each in some] == [[]] * CLIENTS
    assert all(len(each.made) > 10 for each in some)


def test_when_a_server_dies_clients_meet_only_what_they_may_repeat(fleet: Fleet, balancer: Balancer) -> None:
    with clients(balancer.url) as some:
        fleet.kill(0)
        balancer.wait_for("two")
        before = [len(each.made) for each in some]
        while any(len(each.made) < count + 10 for each, count in zip(some, before, strict=True)):
            assert all(each.troubles.count("cut") < 1_000 for each in some), "nobody answers any more"
        fleet.start(0)
        balancer.wait_for("one", "two")
    assert {trouble for each in some for trouble in each.troubles} <= {"cut", "502", "503"}
    caller = Caller(balancer.url)
    shown = caller.ask(*PLACE, "DescribeVpcs").body
    caller.close()
    assert all(vpc in shown for each in some for vpc in each.made)


def test_the_admin_endpoints_are_not_reached_through_the_balancer(balancer: Balancer) -> None:
    assert answer_of(Request(f"{balancer.url}/_isthmus/health"))[0] == 200
    assert answer_of(Request(f"{balancer.url}/_isthmus/metrics"))[0] == 404
