"""Two VPCs and what is between them, as boto3 clients of their owners make them."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from botocore.exceptions import ClientError

from isthmus.config import Settings
from isthmus.store.clock import ManualClock
from isthmus.testing import InProcess

ONE, OTHER, STRANGER = "111111111111", "222222222222", "333333333333"
HERE, THERE = "us-east-1", "eu-west-1"
UNKNOWN_PEERING, UNKNOWN_VPC = "pcx-0123456789abcdef0", "vpc-0123456789abcdef0"
REALISTIC = Settings(data="memory", profile="realistic")

SECOND = 1_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

RELATIONS = {
    "same account": (ONE, HERE),
    "cross account": (OTHER, HERE),
    "cross Region": (ONE, THERE),
    "cross account and Region": (OTHER, THERE),
}
"""Where the accepter is; the requester is always account ONE in HERE."""
every_relation = pytest.mark.parametrize("relation", RELATIONS)

Client: TypeAlias = Any


def advance(server: InProcess, milliseconds: int) -> None:
    """Let time go by on a server whose clock stands still by itself."""
    assert isinstance(server.clock, ManualClock)
    server.clock.advance(milliseconds)


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str, int]:
    """Code, message and status of a refusal."""
    answer = error.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def refused(call: Any, **parameters: object) -> tuple[str, str, int]:
    """Make a call that must be refused; return how."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return refusal(error)


def vpc(ec2: Client, cidr: str = "10.1.0.0/16", **parameters: object) -> str:
    return ec2.create_vpc(CidrBlock=cidr, **parameters)["Vpc"]["VpcId"]


def shown(ec2: Client, peering_id: str) -> dict:
    """The connection as this client sees it."""
    (found,) = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])["VpcPeeringConnections"]
    return found


def listed(ec2: Client, **parameters: object) -> list[str]:
    """The ids of the connections this client sees."""
    answer = ec2.describe_vpc_peering_connections(**parameters)
    return [each["VpcPeeringConnectionId"] for each in answer["VpcPeeringConnections"]]


def filtered(ec2: Client, *filters: tuple[str, list[str]]) -> list[str]:
    return listed(ec2, Filters=[{"Name": name, "Values": values} for name, values in filters])


def state(ec2: Client, peering_id: str) -> str:
    return shown(ec2, peering_id)["Status"]["Code"]


def not_found(peering_id: str) -> tuple[str, str, int]:
    return (
        "InvalidVpcPeeringConnectionID.NotFound",
        f"The vpcPeeringConnection ID '{peering_id}' does not exist",
        400,
    )


def invalid_step(peering_id: str, before: str, target: str) -> tuple[str, str, int]:
    words = f"Invalid state transition for {peering_id}, attempted to transition from {before} to {target}"
    return "InvalidStateTransition", words, 400


def not_permitted(words: str) -> tuple[str, str, int]:
    return "OperationNotPermitted", words, 400


@dataclass(frozen=True)
class Pair:
    """Two VPCs with their owners' clients, each in its VPC's Region."""

    requester: Client
    accepter: Client
    vpc: str
    peer: str
    peer_owner: str
    peer_region: str

    def ask(self, **more: object) -> dict:
        """Ask for the connection as documented: owner and Region named only where they differ from the caller's."""
        where: dict[str, object] = {}
        if self.peer_owner != ONE:
            where["PeerOwnerId"] = self.peer_owner
        if self.peer_region != HERE:
            where["PeerRegion"] = self.peer_region
        answer = self.requester.create_vpc_peering_connection(VpcId=self.vpc, PeerVpcId=self.peer, **where, **more)
        return answer["VpcPeeringConnection"]

    def pending(self, **more: object) -> str:
        return self.ask(**more)["VpcPeeringConnectionId"]

    def accept(self, peering_id: str) -> dict:
        answer = self.accepter.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
        return answer["VpcPeeringConnection"]

    def active(self) -> str:
        peering_id = self.pending()
        self.accept(peering_id)
        return peering_id

    def ended(self, state: str, server: InProcess) -> str:
        """Return a connection that has just come to this end, by the hand that is usual for it."""
        if state == "failed":
            self.accepter.associate_vpc_cidr_block(VpcId=self.peer, CidrBlock="10.1.7.0/24")
        peering_id = self.pending()
        if state == "expired":
            advance(server, 7 * DAY)
        if state == "rejected":
            self.accepter.reject_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
        if state == "deleted":
            self.requester.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
        return peering_id


def pair(server: InProcess, relation: str = "cross account") -> Pair:
    """Make the VPCs 10.1.0.0/16 and 10.2.0.0/16, whose owners stand in this relation."""
    owner, region = RELATIONS[relation]
    requester = server.client(ONE, HERE)
    accepter = requester if relation == "same account" else server.client(owner, region)
    return Pair(requester, accepter, vpc(requester), vpc(accepter, "10.2.0.0/16"), owner, region)
