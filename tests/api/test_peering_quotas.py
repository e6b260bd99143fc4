"""Limits of peering as boto3 sees them: at, below and above, and the documented numbers (S243)."""

import pytest

from isthmus.config import Settings
from isthmus.testing import InProcess
from tests.api.peerings import DAY, HERE, ONE, OTHER, REALISTIC, THERE, Client, advance, listed, refused, vpc

TOO_MANY_REQUESTS = (
    "PendingVpcPeeringConnectionLimitExceeded",
    "Vpc peering connection request limit exceeded.",
    400,
)
TOO_MANY_ACTIVE = (
    "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
    "The maximum number of active VPC peering connections for the VPC has been reached.",
    400,
)


def small(**quota: int) -> Settings:
    return Settings(data="memory", quota=quota)


class Star:
    """A hub of account ONE and as many spokes of account OTHER as it is asked for."""

    def __init__(self, server: InProcess, region: str = HERE) -> None:
        self.hub_owner, self.spoke_owner, self.region = server.client(), server.client(OTHER, region), region
        self.hub = vpc(self.hub_owner, "10.0.0.0/24")
        self.spokes = 0

    def spoke(self) -> str:
        self.spokes += 1
        return vpc(self.spoke_owner, f"10.0.{self.spokes}.0/24")

    def outward(self, spoke: str) -> dict[str, str]:
        return {"VpcId": self.hub, "PeerVpcId": spoke, "PeerOwnerId": OTHER, "PeerRegion": self.region}

    def ask(self, spoke: str | None = None) -> str:
        return asked(self.hub_owner, self.outward(spoke or self.spoke()))

    def ask_inward(self) -> str:
        return asked(self.spoke_owner, {"VpcId": self.spoke(), "PeerVpcId": self.hub, "PeerOwnerId": ONE})

    def accept(self, peering_id: str) -> None:
        self.spoke_owner.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)


def asked(ec2: Client, parameters: dict[str, str]) -> str:
    return ec2.create_vpc_peering_connection(**parameters)["VpcPeeringConnection"]["VpcPeeringConnectionId"]


@pytest.mark.rule("S243")
@pytest.mark.parametrize("region", [HERE, THERE])
def test_a_vpc_has_so_many_outstanding_requests_and_no_more(region: str) -> None:
    with InProcess(small(outstanding_peerings_per_vpc=3)) as server:
        star = Star(server, region)
        made = [star.ask() for _ in range(3)]
        spoke = star.spoke()
        create = star.hub_owner.create_vpc_peering_connection
        assert refused(create, **star.outward(spoke)) == TOO_MANY_REQUESTS
        assert listed(star.hub_owner) == made
        star.accept(made[0])
        star.ask(spoke)
        assert refused(create, **star.outward(star.spoke())) == TOO_MANY_REQUESTS


@pytest.mark.rule("S243", "S242")
def test_at_the_limit_a_repeated_request_is_still_answered() -> None:
    with InProcess(small(outstanding_peerings_per_vpc=1)) as server:
        star = Star(server)
        spoke = star.spoke()
        assert star.ask(spoke) == star.ask(spoke)


@pytest.mark.rule("S243")
def test_outstanding_requests_count_for_the_vpc_that_asks_only() -> None:
    with InProcess(small(outstanding_peerings_per_vpc=1)) as server:
        star = Star(server)
        star.ask()
        inward = [star.ask_inward() for _ in range(3)]
        assert set(inward) <= set(listed(star.hub_owner))
        second = vpc(star.hub_owner, "10.9.0.0/24")
        asked(star.hub_owner, {**star.outward(star.spoke()), "VpcId": second})


@pytest.mark.rule("S243")
def test_requests_that_ended_do_not_count() -> None:
    with InProcess(small(outstanding_peerings_per_vpc=1)) as server:
        star = Star(server)
        first = star.ask()
        star.hub_owner.delete_vpc_peering_connection(VpcPeeringConnectionId=first)
        second = star.ask()
        star.spoke_owner.reject_vpc_peering_connection(VpcPeeringConnectionId=second)
        star.ask()
        advance(server, 7 * DAY)
        star.ask()


@pytest.mark.rule("S243")
def test_a_request_that_is_initiating_counts() -> None:
    settings = Settings(data="memory", profile=REALISTIC.profile, quota={"outstanding_peerings_per_vpc": 1})
    with InProcess(settings) as server:
        star = Star(server)
        star.ask()
        assert refused(star.hub_owner.create_vpc_peering_connection, **star.outward(star.spoke())) == TOO_MANY_REQUESTS


@pytest.mark.rule("S243")
@pytest.mark.parametrize("region", [HERE, THERE])
def test_a_vpc_has_so_many_active_connections_and_no_more(region: str) -> None:
    with InProcess(small(active_peerings_per_vpc=2)) as server:
        star = Star(server, region)
        made = [star.ask() for _ in range(3)]
        for peering_id in made[:2]:
            star.accept(peering_id)
        accept = star.spoke_owner.accept_vpc_peering_connection
        assert refused(accept, VpcPeeringConnectionId=made[2]) == TOO_MANY_ACTIVE
        star.hub_owner.delete_vpc_peering_connection(VpcPeeringConnectionId=made[0])
        star.accept(made[2])


@pytest.mark.rule("S243")
def test_active_connections_count_for_both_vpcs() -> None:
    with InProcess(small(active_peerings_per_vpc=1)) as server:
        star = Star(server)
        star.accept(star.ask())
        inward = star.ask_inward()
        assert refused(star.hub_owner.accept_vpc_peering_connection, VpcPeeringConnectionId=inward) == TOO_MANY_ACTIVE


@pytest.mark.rule("S243")
@pytest.mark.parametrize("quotas", ["default", "real"])
def test_the_documented_numbers_are_25_requests_and_50_active_connections(quotas: str) -> None:
    settings = Settings(data="memory", quotas=quotas, quota={"vpcs_per_region": 100})  # type: ignore[arg-type]
    with InProcess(settings) as server:
        star = Star(server)
        for _ in range(2):
            for peering_id in [star.ask() for _ in range(25)]:
                star.accept(peering_id)
        outstanding = [star.ask() for _ in range(25)]
        create = star.hub_owner.create_vpc_peering_connection
        assert refused(create, **star.outward(star.spoke())) == TOO_MANY_REQUESTS
        accept = star.spoke_owner.accept_vpc_peering_connection
        assert refused(accept, VpcPeeringConnectionId=outstanding[0]) == TOO_MANY_ACTIVE
