"""Seeding through the API, alike for every server: VPCs in a grid, and a connection for each pair of the grid.

A requester VPC may have 25 requests outstanding and a VPC 50 active connections (S243), and a second request for one
pair makes no second connection (S242). So N connections need N / 25 requester VPCs and 25 accepter VPCs, shared by all.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.load import Answer
from bench.servers import Server

OUTSTANDING = 25
LANES = 4
VPC_ID = re.compile(rb"<vpcId>(vpc-[0-9a-f]{8,17})</vpcId>")
CONNECTION_ID = re.compile(rb"<vpcPeeringConnectionId>(pcx-[0-9a-f]{8,17})</vpcPeeringConnectionId>")


class SeedError(Exception):
    """A server refused what every server must take."""


@dataclass(frozen=True, slots=True)
class Grid:
    """VPCs that request and VPCs that accept; no two of them overlap."""

    requesters: tuple[str, ...]
    accepters: tuple[str, ...]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every pair once, in an order that spreads neighbours over the requesters."""
        return ((requester, accepter) for accepter in self.accepters for requester in self.requesters)

    def apart(self) -> Iterator[tuple[str, str]]:
        """Every pair once, neighbours without a VPC in common, so that a server that locks them can do several at once."""
        accepters = len(self.accepters)
        return (
            (requester, self.accepters[(at + turn) % accepters])
            for turn in range(accepters)
            for at, requester in enumerate(self.requesters)
        )


def shape(connections: int) -> tuple[int, int]:
    """How many requester and accepter VPCs hold so many outstanding connections."""
    accepters = min(OUTSTANDING, connections)
    return -(-connections // accepters), accepters


def blocks(requesters: int, accepters: int) -> tuple[list[str], list[str]]:
    """A /24 for each VPC, all apart: requesters in 10.0.0.0/8, accepters in 192.168.0.0/16."""
    return (
        [f"10.{number >> 8}.{number & 255}.0/24" for number in range(requesters)],
        [f"192.168.{number}.0/24" for number in range(accepters)],
    )


def found(pattern: re.Pattern[bytes], answer: Answer) -> str:
    """The first id in an answer that must be a success."""
    match = pattern.search(answer.body)
    if answer.status != 200 or match is None:
        raise SeedError(f"{answer.status} {answer.body[:300]!r}")
    return match[1].decode()


def grid(server: Server, region: str, connections: int) -> Grid:
    """Make the VPCs for so many connections."""
    requesters, accepters = (
        [server.sign(region, {"Action": "CreateVpc", "CidrBlock": block}) for block in some]
        for some in blocks(*shape(connections))
    )
    answers = server.send([*requesters, *accepters], LANES)
    ids = [found(VPC_ID, answer) for answer in answers]
    return Grid(tuple(ids[: len(requesters)]), tuple(ids[len(requesters) :]))


def creates(server: Server, region: str, pairs: Sequence[tuple[str, str]]) -> list[bytes]:
    """A signed CreateVpcPeeringConnection for each pair."""
    action = "CreateVpcPeeringConnection"
    return [server.sign(region, {"Action": action, "VpcId": vpc, "PeerVpcId": peer}) for vpc, peer in pairs]


def connect(server: Server, region: str, connections: int) -> list[str]:
    """Make so many pending connections in this Region; their ids."""
    pairs = list(grid(server, region, connections).pairs())[:connections]
    answers: list[Answer] = []
    for at in range(0, len(pairs), 1000):  # signed a thousand at a time: a signature is good for minutes only
        answers += server.send(creates(server, region, pairs[at : at + 1000]), LANES)
    return [found(CONNECTION_ID, answer) for answer in answers]


def accept(server: Server, region: str, ids: Sequence[str]) -> None:
    """Accept these connections."""
    action = "AcceptVpcPeeringConnection"
    requests = [server.sign(region, {"Action": action, "VpcPeeringConnectionId": id}) for id in ids]
    for answer in server.send(requests):
        found(CONNECTION_ID, answer)
