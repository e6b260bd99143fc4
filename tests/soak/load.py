"""Clients at full load on a bounded number of objects, each request signed with an issued key; they measure and forget."""

import random
import re
import threading
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.load import Address, Lane, connect
from bench.sign import Keys
from tests.soak.sign import signed

REGIONS = ("us-east-1", "eu-west-1")
VPCS_EACH = 3
LISTING_ONE_IN = 4
TAGGING_ONE_IN = 3
VPC_ONE_IN = 5
SERVERS_FAULT = 500
PATIENCE_SECONDS = 60.0

Place = tuple[Keys, str]
"""Who asks in which Region."""


@dataclass
class Client:
    """One client on one kept connection, with VPCs of its own in two accounts, and what it measured."""

    address: Address
    accounts: tuple[Keys, Keys]
    draw: random.Random
    windows: int
    window_seconds: float
    stop: threading.Event
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    problem: str = ""

    def __post_init__(self) -> None:
        self.seconds = [array("d") for _ in range(self.windows)]  # how long answers took, by window of the run
        self._lane = Lane(self.address, connect(self.address))
        self._lane.sock.settimeout(PATIENCE_SECONDS)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = 0.0

    @property
    def requests(self) -> int:
        return sum(list(self.answered.values()))

    def begin(self) -> None:
        self._began = time.monotonic()
        self._thread.start()

    def end(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "a client waits for an answer"
        self._lane.sock.close()

    def _run(self) -> None:
        try:
            mine, theirs = ([self._vpc((keys, region), n) for n in range(VPCS_EACH)] for keys, region in self._places())
            while not self.stop.is_set():
                self._cycle(mine, theirs)
        except Exception as problem:  # noqa: BLE001 - whatever ends a client early must fail the test
            self.problem = repr(problem)

    def _places(self) -> tuple[Place, Place]:
        one, other = self.accounts
        return (one, REGIONS[0]), (other, REGIONS[1])

    # --- what it does ---

    def _cycle(self, mine: Sequence[str], theirs: Sequence[str]) -> None:
        """One connection's life, and a look around."""
        here, there = self._places()
        peering = self._asked(here, self.draw.choice(mine), self.draw.choice(theirs))
        if peering:
            self._ask(there, "DescribeVpcPeeringConnections", VpcPeeringConnectionId__1=peering)
            if self._now_and_then(TAGGING_ONE_IN):
                self._ask(there, "CreateTags", ResourceId__1=peering, Tag__1__Key="Name", Tag__1__Value=peering[-4:])
            draw = self.draw.random()
            if draw < 0.7:
                self._ask(there, "AcceptVpcPeeringConnection", VpcPeeringConnectionId=peering)
                self._ask(here, "DescribeVpcPeeringConnections", VpcPeeringConnectionId__1=peering)
            elif draw < 0.8:
                self._ask(there, "RejectVpcPeeringConnection", VpcPeeringConnectionId=peering)
            self._ask(here, "DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering)
        if self._now_and_then(LISTING_ONE_IN):
            self._ask(here, "DescribeVpcs")
            self._ask(there, "DescribeVpcPeeringConnections", MaxResults="20")
        if self._now_and_then(VPC_ONE_IN):
            self._ask(here, "DeleteVpc", VpcId=self._vpc(here, VPCS_EACH))

    def _now_and_then(self, one_in: int) -> bool:
        return self.draw.randrange(one_in) == 0

    def _vpc(self, place: Place, number: int) -> str:
        network = number if place[1] == REGIONS[0] else 100 + number
        return self._first("vpcId", self._ask(place, "CreateVpc", CidrBlock=f"10.{network}.0.0/16"))

    def _asked(self, place: Place, one: str, other: str) -> str:
        owner, region = self.accounts[1].account, REGIONS[1]
        body = self._ask(
            place, "CreateVpcPeeringConnection", VpcId=one, PeerVpcId=other, PeerOwnerId=owner, PeerRegion=region
        )
        return self._first("vpcPeeringConnectionId", body)

    # --- asking ---

    def _first(self, tag: str, body: str) -> str:
        found = re.search(f"<{tag}>([^<]+)<", body)
        return found[1] if found else ""

    def _ask(self, place: Place, action: str, **parameters: str) -> str:
        keys, region = place
        dotted = {name.replace("__", "."): value for name, value in parameters.items()}
        request = signed(self.address, keys, region, {"Action": action, **dotted})
        began = time.monotonic()
        self._lane.send(0, request)
        answer = self._lane.receive()
        while answer is None:
            answer = self._lane.receive()
        ended = time.monotonic()
        self.answered[action, answer.status] += 1
        self.seconds[min(self.windows - 1, int((began - self._began) / self.window_seconds))].append(ended - began)
        body = answer.body.decode()
        assert answer.status < SERVERS_FAULT, f"{action}: {answer.status} {body}"
        return body
