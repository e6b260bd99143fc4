"""Two requests that contradict each other, released together, again and again: one law holds after every round.

On SQLite two clients meet on one server, on PostgreSQL each asks a server of its own, once more with a proxy in transaction
mode before the database. Each round has VPCs of its own, both connections are open before it, and who sends first and how
long before the other is drawn anew.
"""

import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.asking import Answer, Caller
from tests.concurrency.fleet import Fleet
from tests.concurrency.history import ACCEPT, CREATE, DESCRIBE, LIVE, REJECT, seen_in
from tests.pgbouncer import through
from tests.postgres import Cluster

pytestmark = pytest.mark.extended

ROUNDS = 60
EXPIRIES = 4
EXPIRING = 20
BEFORE_SECONDS = 2
LONGEST_DELAY_SECONDS = 0.002
SMALL_QUOTA = 2
REGION = "us-east-1"
ONE, OTHER = ("111111111111", REGION), ("222222222222", REGION)


@dataclass(frozen=True)
class Ask:
    """A request that is ready to be sent."""

    place: tuple[str, str]
    action: str
    form: dict[str, str]

    def send(self, caller: Caller) -> None:
        caller.send(*self.place, self.action, **self.form)


@dataclass
class Race:
    """Two open lines to servers on one store."""

    fleet: Fleet
    lines: tuple[Caller, Caller]
    journal: Callable[[], list[str]]
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    _networks: int = 0

    def together(self, one: Ask, other: Ask) -> tuple[Answer, Answer]:
        """Send both at almost the same instant; answers both answers."""
        pairs = [(self.lines[0], one), (self.lines[1], other)]
        (first, ask), (second, ask_too) = pairs if self.draw.random() < 0.5 else reversed(pairs)
        delay = self.draw.choice((0.0, self.draw.uniform(0, LONGEST_DELAY_SECONDS)))
        ask.send(first)
        until = time.perf_counter() + delay
        while time.perf_counter() < until:
            pass
        ask_too.send(second)
        return self.lines[0].receive(), self.lines[1].receive()

    def ask(self, place: tuple[str, str], action: str, **form: str) -> Answer:
        """Ask by one of the lines and get a yes."""
        answer = self.draw.choice(self.lines).ask(*place, action, **form)
        assert answer.status == 200, answer.body
        return answer

    def vpc(self, place: tuple[str, str], block: str = "") -> str:
        self._networks += 1
        block = block or f"10.{self._networks // 256 % 256}.{self._networks % 256}.0/24"
        return self.ask(place, "CreateVpc", CidrBlock=block).first("vpcId")

    def pending(self, one: str, other: str, by: tuple[str, str] = ONE, to: tuple[str, str] = OTHER) -> str:
        return self.ask(by, CREATE, **peering(one, other, to)).first("vpcPeeringConnectionId")

    def states(self, of: str, value: str) -> Counter[str]:
        """How many connections there are in each state, among those with that id or VPC."""
        answer = self.ask(ONE, DESCRIBE, Filter__1__Name=FILTERS[of], Filter__1__Value__1=value)
        return Counter(each.state for each in seen_in(answer))

    def state(self, id: str) -> str:
        (state,) = self.states("id", id)
        return state


FILTERS = {
    "id": "vpc-peering-connection-id",
    "requester": "requester-vpc-info.vpc-id",
    "accepter": "accepter-vpc-info.vpc-id",
}


def peering(one: str, other: str, to: tuple[str, str] = OTHER) -> dict[str, str]:
    return {"VpcId": one, "PeerVpcId": other, "PeerOwnerId": to[0], "PeerRegion": to[1]}


def answer_to(action: str, id: str, place: tuple[str, str] = OTHER) -> Ask:
    return Ask(place, action, {"VpcPeeringConnectionId": id})


@pytest.fixture(params=["sqlite", "postgres", "pgbouncer"])
def race(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Race]:
    options = [f"--quota=active_peerings_per_vpc={SMALL_QUOTA},vpcs_per_region=1000000"]
    if request.param != "sqlite":
        cluster: Cluster = request.getfixturevalue("postgres")
        data, count = cluster.database(), 2
        name = data.rpartition("/")[2]
        if request.param == "pgbouncer":
            data = through(request.getfixturevalue("proxy"), data)
            options.append("--prepared-statements=false")

        def journal() -> list[str]:
            return cluster.sql("SELECT changes FROM journal", name).splitlines()
    else:
        data, count = str(tmp_path / "isthmus.db"), 1

        def journal() -> list[str]:
            connection = sqlite3.connect(f"file:{data}?mode=ro", uri=True)
            try:
                return [row[0] for row in connection.execute("SELECT changes FROM journal")]
            finally:
                connection.close()

    with Fleet(tmp_path, data, count, *options) as fleet:
        lines = Caller(fleet.urls[0]), Caller(fleet.urls[-1])
        for line in lines:
            line.open()
        yield Race(fleet, lines, journal)
        for line in lines:
            line.close()


def test_of_accept_and_reject_one_wins(race: Race) -> None:
    winners = set()
    for _ in range(ROUNDS):
        id = race.pending(race.vpc(ONE), race.vpc(OTHER))
        accepted, rejected = race.together(answer_to(ACCEPT, id), answer_to(REJECT, id))
        assert {accepted.code, rejected.code} == {"", "InvalidStateTransition"}
        assert race.state(id) == ("rejected" if accepted.code else "active")
        winners.add(accepted.code)
    assert len(winners) == 2, "there was no race"


def test_accepting_and_adding_an_overlapping_block_never_join_the_blocks(race: Race) -> None:
    winners = set()
    for number in range(ROUNDS):
        added = f"10.200.{number}.0/24"
        vpc, other = race.vpc(ONE, "10.200.0.0/16"), race.vpc(OTHER, "10.201.0.0/16")
        id = race.pending(vpc, other)
        accepted, associated = race.together(
            answer_to(ACCEPT, id), Ask(OTHER, "AssociateVpcCidrBlock", {"VpcId": other, "CidrBlock": added})
        )
        assert bool(accepted.code) is not bool(associated.code)
        assert race.state(id) == ("failed" if accepted.code else "active")
        assert (added in race.ask(OTHER, "DescribeVpcs", VpcId__1=other).body) is bool(accepted.code)
        winners.add(accepted.code)
    assert len(winners) == 2, "there was no race"


@pytest.mark.parametrize("side", ["requester", "accepter"])
def test_no_connection_lives_without_its_vpcs(race: Race, side: str) -> None:
    winners = set()
    for _ in range(ROUNDS):
        vpc, other = race.vpc(ONE), race.vpc(OTHER)
        gone, owner = (vpc, ONE) if side == "requester" else (other, OTHER)
        created, deleted = race.together(Ask(ONE, CREATE, peering(vpc, other)), Ask(owner, "DeleteVpc", {"VpcId": gone}))
        live = {state: n for state, n in race.states("requester", vpc).items() if state in LIVE}
        if deleted.code:
            assert (deleted.code, created.code, side) == ("DependencyViolation", "", "accepter")
            assert live == {"pending-acceptance": 1}
        else:
            assert live == {}
            assert created.code in ("", "InvalidVpcID.NotFound")
        winners.add((created.code, deleted.code, *race.states("requester", vpc)))
    assert len(winners) == 2, "there was no race"


@pytest.mark.parametrize("hub", ["requester", "accepter"])
def test_no_more_connections_become_active_than_the_quota_says(race: Race, hub: str) -> None:
    for _ in range(ROUNDS):
        middle, others = race.vpc(ONE), [race.vpc(OTHER) for _ in range(SMALL_QUOTA + 1)]
        by, to = (ONE, OTHER) if hub == "requester" else (OTHER, ONE)
        pairs = [(middle, other) if hub == "requester" else (other, middle) for other in others]
        ids = [race.pending(*pair, by, to) for pair in pairs]
        for id in ids[: SMALL_QUOTA - 1]:
            race.ask(to, ACCEPT, VpcPeeringConnectionId=id)
        answers = race.together(answer_to(ACCEPT, ids[-2], to), answer_to(ACCEPT, ids[-1], to))
        assert {each.code for each in answers} == {"", "ActiveVpcPeeringConnectionPerVpcLimitExceeded"}
        found = race.states(hub, middle)
        assert found == {"active": SMALL_QUOTA, "pending-acceptance": 1}


def test_of_both_directions_one_is_accepted(race: Race) -> None:
    for _ in range(ROUNDS):
        vpc, other = race.vpc(ONE), race.vpc(OTHER)
        there, back = race.pending(vpc, other), race.pending(other, vpc, OTHER, ONE)
        answers = race.together(answer_to(ACCEPT, there), answer_to(ACCEPT, back, ONE))
        assert {each.code for each in answers} == {"", "VpcPeeringConnectionAlreadyExists"}
        assert {race.state(there), race.state(back)} == {"active", "pending-acceptance"}


def test_two_requests_for_one_pair_are_one_connection(race: Race) -> None:
    for _ in range(ROUNDS):
        wanted = Ask(ONE, CREATE, peering(vpc := race.vpc(ONE), race.vpc(OTHER)))
        answers = race.together(wanted, wanted)
        assert [each.status for each in answers] == [200, 200]
        assert len({each.first("vpcPeeringConnectionId") for each in answers}) == 1
        assert race.states("requester", vpc) == {"pending-acceptance": 1}


def test_a_request_expires_once_however_many_servers_see_it(race: Race) -> None:
    raced = False
    for _ in range(EXPIRIES):
        vpc, others = race.vpc(ONE), [race.vpc(OTHER) for _ in range(EXPIRING)]
        ids = [race.pending(vpc, other) for other in others]
        wanted = Ask(ONE, DESCRIBE, {"Filter__1__Name": FILTERS["requester"], "Filter__1__Value__1": vpc})
        race.fleet.run("clock", "set", shortly_before_expiry(race.ask(ONE, DESCRIBE, **wanted.form)))
        raced |= race.states("requester", vpc) == {"pending-acceptance": EXPIRING}
        over = [0, 0]
        while min(over) < EXPIRING:
            answers = race.together(wanted, wanted)
            now = [sum(each.state == "expired" for each in seen_in(answer)) for answer in answers]
            assert all(after >= before for before, after in zip(over, now, strict=True)), "an expiry was taken back"
            over = now
        ends = Counter(id for line in race.journal() for id, _, state in json.loads(line) if state == "expired")
        assert {id: ends[id] for id in ids} == dict.fromkeys(ids, 1)
        race.fleet.run("clock", "reset")
    assert raced, "nobody was there in time"


def shortly_before_expiry(answer: Answer) -> str:
    """A moment at which nothing of what an answer shows has expired."""
    first = min(re.findall("<expirationTime>([^<]+)<", answer.body))
    return (datetime.fromisoformat(first) - timedelta(seconds=BEFORE_SECONDS)).isoformat()
