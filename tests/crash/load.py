"""Clients that change things as fast as they can, and remember every answer.

Each client works alone with two accounts of its own, so it knows what each of its objects must look like: as the last answer
said, or as a request says that was on its way when the server died.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.asking import CUT, Caller

REGIONS = ("us-east-1", "eu-west-1")
PRESENT, ABSENT = "present", "absent"


@dataclass
class Claim:
    """What an object must be once an answer was received (nanoseconds of the monotonic clock; None: it never came)."""

    key: str
    state: str
    received: int | None = None


@dataclass
class Client:
    """One connection to the server and what was learnt over it, in order."""

    port: int
    number: int
    random: random.Random
    claims: list[Claim] = field(default_factory=list)
    answers: int = 0
    problem: str = ""

    def __post_init__(self) -> None:
        self._caller = Caller(f"http://127.0.0.1:{self.port}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    # --- life ---

    def begin(self) -> None:
        self._thread.start()

    @property
    def at_work(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._caller.close()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._cycle()
        except CUT:
            return  # the server is gone, as it should be
        except AssertionError as problem:
            self.problem = str(problem)

    # --- asking ---

    def _ask(self, account: str, region: str, action: str, **parameters: str) -> str:
        answer = self._caller.ask(account, region, action, **parameters)
        assert answer.status == 200, f"{action}: {answer.status} {answer.body}"
        self.answers += 1
        return answer.body

    def _change(self, key: str, state: str, ask: Callable[[], str]) -> None:
        """Ask for a change of an object; until the answer is here, the object may be as it was or as it will be."""
        claim = Claim(key, state)
        self.claims.append(claim)
        ask()
        claim.received = time.monotonic_ns()

    def _make(self, pattern: str, state: str, ask: Callable[[], str]) -> str:
        """Ask for a new object; its id is known with the answer."""
        body = ask()
        received = time.monotonic_ns()
        found = re.search(pattern, body)
        assert found, body
        self.claims.append(Claim(found[1], state, received))
        return found[1]

    # --- what a client does ---

    def _cycle(self) -> None:
        one, other = f"1{self.number:011d}", f"2{self.number:011d}"
        here, there = self.random.choice(REGIONS), self.random.choice(REGIONS)
        mine, theirs = self._vpc(one, here, 1), self._vpc(other, there, 2)
        peering = self._make(
            "<vpcPeeringConnectionId>(pcx-[0-9a-f]+)<",
            "pending-acceptance",
            lambda: self._ask(
                one, here, "CreateVpcPeeringConnection", VpcId=mine, PeerVpcId=theirs, PeerOwnerId=other, PeerRegion=there
            ),
        )
        self._tag(other, there, peering)
        self._answer(peering, (one, here), (other, there))
        if self.random.random() < 0.3:
            spare = self._vpc(one, here, 3)
            self._change(spare, ABSENT, lambda: self._ask(one, here, "DeleteVpc", VpcId=spare))

    def _vpc(self, account: str, region: str, network: int) -> str:
        block = f"10.{network}.{self.random.randrange(256)}.0/24"
        return self._make(
            "<vpcId>(vpc-[0-9a-f]+)<", PRESENT, lambda: self._ask(account, region, "CreateVpc", CidrBlock=block)
        )

    def _tag(self, account: str, region: str, resource: str) -> None:
        value = f"{self.random.randrange(10**9)}"
        self._change(
            f"tag:{account}:{resource}",
            value,
            lambda: self._ask(
                account, region, "CreateTags", ResourceId__1=resource, Tag__1__Key="Name", Tag__1__Value=value
            ),
        )

    def _answer(self, peering: str, requester: tuple[str, str], accepter: tuple[str, str]) -> None:
        def ask(place: tuple[str, str], action: str) -> Callable[[], str]:
            return lambda: self._ask(*place, action, VpcPeeringConnectionId=peering)

        draw = self.random.random()
        if draw < 0.2:
            self._change(peering, "rejected", ask(accepter, "RejectVpcPeeringConnection"))
        elif draw < 0.8:
            self._change(peering, "active", ask(accepter, "AcceptVpcPeeringConnection"))
        if draw > 0.5:
            self._change(peering, "deleted", ask(requester, "DeleteVpcPeeringConnection"))


def clients(port: int, count: int, seed: int, first: int = 1) -> list[Client]:
    return [Client(port, first + each, random.Random(f"{seed}/{each}")) for each in range(count)]


def run_for(some: Iterable[Client], seconds: float) -> None:
    """Let clients work for a while."""
    for each in some:
        each.begin()
    time.sleep(seconds)


def run_until(some: Sequence[Client], answers: int) -> None:
    """Let clients work until each has had so many answers, however busy the machine is."""
    for each in some:
        each.begin()
    while any(each.at_work and each.answers < answers for each in some):
        time.sleep(0.01)


def claims_of(some: Iterable[Client]) -> list[Claim]:
    """What all clients learnt; a client that met an error it should not have met fails here."""
    found = list(some)
    problems = [each.problem for each in found if each.problem]
    assert not problems, problems
    return [claim for each in found for claim in each.claims]
