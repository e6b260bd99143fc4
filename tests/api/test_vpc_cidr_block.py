"""Further CIDR blocks of a VPC as boto3 sees them."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.config import Settings
from isthmus.testing import InProcess


def create(ec2: Any, cidr: str = "10.0.0.0/16", **parameters: object) -> str:
    return ec2.create_vpc(CidrBlock=cidr, **parameters)["Vpc"]["VpcId"]


def vpc(ec2: Any, vpc_id: str) -> dict:
    (found,) = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    return found


def blocks(ec2: Any, vpc_id: str) -> list[str]:
    return [each["CidrBlock"] for each in vpc(ec2, vpc_id)["CidrBlockAssociationSet"]]


def ipv6_blocks(ec2: Any, vpc_id: str) -> list[str]:
    return [each["Ipv6CidrBlock"] for each in vpc(ec2, vpc_id)["Ipv6CidrBlockAssociationSet"]]


def local_routes(ec2: Any) -> list[str]:
    (table,) = ec2.describe_route_tables()["RouteTables"]
    assert all(route["GatewayId"] == "local" for route in table["Routes"])
    return [route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"] for route in table["Routes"]]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.rule("S519", "S522")
def test_an_added_block_is_associating_then_associated_and_routed(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    answer = ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.9/16")
    association = answer["CidrBlockAssociation"]
    assert answer["VpcId"] == vpc_id
    assert "Ipv6CidrBlockAssociation" not in answer
    assert association["CidrBlock"] == "10.1.0.0/16"
    assert association["CidrBlockState"] == {"State": "associating"}
    assert re.fullmatch("vpc-cidr-assoc-[0-9a-f]{17}", association["AssociationId"])
    assert vpc(ec2, vpc_id)["CidrBlockAssociationSet"][1] == {
        **association,
        "CidrBlockState": {"State": "associated"},
    }
    assert vpc(ec2, vpc_id)["CidrBlock"] == "10.0.0.0/16"
    assert local_routes(ec2) == ["10.0.0.0/16", "10.1.0.0/16"]


@pytest.mark.rule("S519")
def test_a_sixth_ipv4_block_is_refused(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    for number in range(1, 5):
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=f"10.{number}.0.0/16")
    with pytest.raises(ClientError) as error:
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.5.0.0/16")
    assert refusal(error) == (
        "CidrLimitExceeded",
        f"This network '{vpc_id}' has met its maximum number of allowed CIDRs: 5",
    )
    ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    assert blocks(ec2, vpc_id) == [f"10.{number}.0.0/16" for number in range(5)]


@pytest.mark.rule("S519", "S523")
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_vpc_has_as_many_blocks_as_its_quotas_say_the_first_included(limit: int) -> None:
    few = {"cidr_blocks_per_vpc": limit, "ipv6_blocks_per_vpc": limit}
    with InProcess(Settings(data="memory", quota=few)) as server:
        ec2 = server.client()
        if limit == 0:
            with pytest.raises(ClientError) as error:
                create(ec2)
            assert refusal(error)[0] == "CidrLimitExceeded"
            return
        vpc_id = create(ec2, AmazonProvidedIpv6CidrBlock=True)
        ipv4 = [{"CidrBlock": f"10.{number}.0.0/16"} for number in range(1, limit + 1)]
        for *allowed, one_more in (ipv4, [{"AmazonProvidedIpv6CidrBlock": True}] * limit):
            for wanted in allowed:
                ec2.associate_vpc_cidr_block(VpcId=vpc_id, **wanted)
            with pytest.raises(ClientError) as error:
                ec2.associate_vpc_cidr_block(VpcId=vpc_id, **one_more)
            assert refusal(error)[0] == "CidrLimitExceeded"
        assert (len(blocks(ec2, vpc_id)), len(ipv6_blocks(ec2, vpc_id))) == (limit, limit)


@pytest.mark.rule("S523")
def test_a_vpc_is_not_made_with_an_ipv6_block_that_its_quota_forbids() -> None:
    with InProcess(Settings(data="memory", quota={"ipv6_blocks_per_vpc": 0})) as server:
        ec2 = server.client()
        with pytest.raises(ClientError) as error:
            create(ec2, AmazonProvidedIpv6CidrBlock=True)
        assert refusal(error)[0] == "CidrLimitExceeded"
        assert ipv6_blocks(ec2, create(ec2)) == []


@pytest.mark.rule("S520", "S521")
@pytest.mark.parametrize(
    ("primary", "added"),
    [
        ("10.0.0.0/16", "172.16.0.0/16"),
        ("10.1.0.0/16", "10.0.0.0/16"),
        ("172.16.0.0/16", "172.31.0.0/16"),
        ("192.168.0.0/24", "10.0.0.0/16"),
        ("198.19.0.0/24", "192.168.0.0/16"),
        ("100.64.0.0/16", "198.19.0.0/16"),
        ("10.0.0.0/16", "169.254.0.0/16"),
    ],
)
def test_a_restricted_block_is_refused(server: InProcess, primary: str, added: str) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, primary)
    with pytest.raises(ClientError) as error:
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=added)
    code, message = refusal(error)
    assert code == "InvalidVpc.Range"
    assert message.startswith(
        f"The CIDR '{added}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or "
        "use a publicly-routable CIDR. For additional restrictions, see https://"
    )
    assert blocks(ec2, vpc_id) == [primary]


@pytest.mark.rule("S520", "S521")
def test_a_block_that_overlaps_the_vpcs_own_is_refused(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.2.0.0/20")
    for added in ("10.0.0.0/16", "10.0.7.0/24", "10.2.0.0/16"):
        with pytest.raises(ClientError) as error:
            ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=added)
        assert refusal(error) == ("InvalidVpc.Range", f"The CIDR '{added}' conflicts with one of the VPC's CIDRs")


@pytest.mark.rule("S522")
def test_a_disassociated_block_is_gone_with_its_routes(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    added = ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]
    answer = ec2.disassociate_vpc_cidr_block(AssociationId=added["AssociationId"])
    assert answer["VpcId"] == vpc_id
    assert answer["CidrBlockAssociation"] == {**added, "CidrBlockState": {"State": "disassociating"}}
    assert blocks(ec2, vpc_id) == ["10.0.0.0/16"]
    assert local_routes(ec2) == ["10.0.0.0/16"]
    ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")


@pytest.mark.rule("S522")
def test_the_primary_block_stays(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    association_id = vpc(ec2, vpc_id)["CidrBlockAssociationSet"][0]["AssociationId"]
    with pytest.raises(ClientError) as error:
        ec2.disassociate_vpc_cidr_block(AssociationId=association_id)
    assert refusal(error) == (
        "OperationNotPermitted",
        (
            f"The vpc CIDR block with association ID {association_id} may not be disassociated. "
            "It is the primary IPv4 CIDR block of the VPC"
        ),
    )


@pytest.mark.rule("S502")
@pytest.mark.parametrize("association_id", ["vpc-cidr-assoc-0123456789abcdef0", "vpc-cidr-assoc-x"])
def test_an_unknown_association_is_not_found(server: InProcess, association_id: str) -> None:
    with pytest.raises(ClientError) as error:
        server.client().disassociate_vpc_cidr_block(AssociationId=association_id)
    assert refusal(error)[0] == "InvalidVpcCidrBlockAssociationID.NotFound"


@pytest.mark.rule("S523", "S522")
def test_an_ipv6_block_comes_and_goes(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    answer = ec2.associate_vpc_cidr_block(
        VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True, Ipv6CidrBlockNetworkBorderGroup="us-east-1"
    )
    association = answer["Ipv6CidrBlockAssociation"]
    assert "CidrBlockAssociation" not in answer
    assert association["Ipv6CidrBlockState"] == {"State": "associating"}
    assert (association["Ipv6Pool"], association["NetworkBorderGroup"]) == ("Amazon", "us-east-1")
    assert ipv6_blocks(ec2, vpc_id) == [association["Ipv6CidrBlock"]]
    assert association["Ipv6CidrBlock"].endswith("::/56")
    assert local_routes(ec2) == ["10.0.0.0/16", association["Ipv6CidrBlock"]]
    gone = ec2.disassociate_vpc_cidr_block(AssociationId=association["AssociationId"])
    assert gone["Ipv6CidrBlockAssociation"]["Ipv6CidrBlockState"] == {"State": "disassociating"}
    assert ipv6_blocks(ec2, vpc_id) == []
    assert local_routes(ec2) == ["10.0.0.0/16"]


@pytest.mark.rule("S523")
def test_a_vpc_has_up_to_five_ipv6_blocks_all_different(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, AmazonProvidedIpv6CidrBlock=True)
    for _ in range(4):
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    with pytest.raises(ClientError) as error:
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    assert refusal(error)[0] == "CidrLimitExceeded"
    assert len(set(ipv6_blocks(ec2, vpc_id))) == 5


@pytest.mark.rule("S555", "S571")
def test_an_ipv6_block_opens_the_default_group_and_acl_to_ipv6(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    for _ in range(2):
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
        (group,) = ec2.describe_security_groups()["SecurityGroups"]
        assert [each["Ipv6Ranges"] for each in group["IpPermissionsEgress"]] == [[{"CidrIpv6": "::/0"}]]
        (acl,) = ec2.describe_network_acls()["NetworkAcls"]
        assert [entry["RuleNumber"] for entry in acl["Entries"]] == [100, 101, 32767, 32768] * 2


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "MissingParameter"),
        ({"AmazonProvidedIpv6CidrBlock": False}, "MissingParameter"),
        ({"CidrBlock": "10.1.0.0/16", "AmazonProvidedIpv6CidrBlock": True}, "InvalidParameterCombination"),
        ({"CidrBlock": "nonsense"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.1.0.0/12"}, "InvalidVpc.Range"),
        ({"Ipv4IpamPoolId": "ipam-pool-0123456789abcdef0"}, "InvalidIpamPoolId.NotFound"),
        ({"Ipv6IpamPoolId": "ipam-pool-0123456789abcdef0"}, "InvalidIpamPoolId.NotFound"),
        ({"Ipv6Pool": "ipv6pool-ec2-0123456789abcdef0"}, "InvalidPoolID.NotFound"),
        ({"CidrBlock": "10.1.0.0/16", "Ipv4NetmaskLength": 20}, "InvalidParameterCombination"),
    ],
)
def test_what_cannot_be_honoured_is_refused(server: InProcess, parameters: dict, code: str) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    with pytest.raises(ClientError) as error:
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, **parameters)
    assert refusal(error)[0] == code
    assert blocks(ec2, vpc_id) == ["10.0.0.0/16"]


# Blocks of a VPC with peerings


def pending(requester: Any, accepter: Any) -> tuple[str, str, str]:
    """Return a request that waits for acceptance: its VPCs and its id."""
    one, other = create(requester, "10.2.0.0/16"), create(accepter, "10.5.0.0/16")
    asked = requester.create_vpc_peering_connection(VpcId=one, PeerVpcId=other, PeerOwnerId="222222222222")
    return one, other, asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def active(requester: Any, accepter: Any) -> tuple[str, str, str]:
    """Return an active connection: its VPCs and its id."""
    one, other, peering_id = pending(requester, accepter)
    accepter.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    return one, other, peering_id


def peering(ec2: Any) -> dict:
    (found,) = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    return found


@pytest.mark.rule("S278")
def test_an_active_peer_forbids_blocks_that_overlap_its_own(server: InProcess) -> None:
    requester, accepter = server.client(), server.client("222222222222")
    one, other, _ = active(requester, accepter)
    for ec2, vpc_id, taken in ((requester, one, "10.5.7.0/24"), (accepter, other, "10.2.7.0/24")):
        held = blocks(ec2, vpc_id)
        with pytest.raises(ClientError) as error:
            ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=taken)
        assert refusal(error)[0] == "InvalidVpc.Range"
        assert blocks(ec2, vpc_id) == held
    requester.associate_vpc_cidr_block(VpcId=one, CidrBlock="10.9.0.0/16")
    with pytest.raises(ClientError) as error:
        accepter.associate_vpc_cidr_block(VpcId=other, CidrBlock="10.9.7.0/24")
    assert refusal(error)[0] == "InvalidVpc.Range"


@pytest.mark.rule("S278")
@pytest.mark.parametrize("added", ["10.9.0.0/16", "10.5.7.0/24"])
def test_the_requester_of_a_pending_request_may_add_no_block(server: InProcess, added: str) -> None:
    requester, accepter = server.client(), server.client("222222222222")
    one, _, _ = pending(requester, accepter)
    with pytest.raises(ClientError) as error:
        requester.associate_vpc_cidr_block(VpcId=one, CidrBlock=added)
    assert refusal(error)[0] == "InvalidVpc.Range"
    assert blocks(requester, one) == ["10.2.0.0/16"]


@pytest.mark.rule("S278")
@pytest.mark.parametrize(("block", "state"), [("10.9.0.0/16", "pending-acceptance"), ("10.2.7.0/24", "failed")])
def test_the_accepter_of_a_pending_request_may_add_any_block(server: InProcess, block: str, state: str) -> None:
    requester, accepter = server.client(), server.client("222222222222")
    _, other, _ = pending(requester, accepter)
    accepter.associate_vpc_cidr_block(VpcId=other, CidrBlock=block)
    assert blocks(accepter, other) == ["10.5.0.0/16", block]
    assert peering(requester)["Status"]["Code"] == state


@pytest.mark.rule("S279")
def test_the_peer_sees_blocks_come_and_go(server: InProcess) -> None:
    requester, accepter = server.client(), server.client("222222222222")
    _, other, _ = active(requester, accepter)
    added = accepter.associate_vpc_cidr_block(VpcId=other, CidrBlock="10.9.0.0/16")["CidrBlockAssociation"]
    ipv6 = accepter.associate_vpc_cidr_block(VpcId=other, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
    seen = peering(requester)["AccepterVpcInfo"]
    assert seen["CidrBlockSet"] == [{"CidrBlock": "10.5.0.0/16"}, {"CidrBlock": "10.9.0.0/16"}]
    assert seen["Ipv6CidrBlockSet"] == [{"Ipv6CidrBlock": ipv6["Ipv6CidrBlock"]}]
    for association in (added, ipv6):
        accepter.disassociate_vpc_cidr_block(AssociationId=association["AssociationId"])
    seen = peering(requester)["AccepterVpcInfo"]
    assert seen["CidrBlockSet"] == [{"CidrBlock": "10.5.0.0/16"}]
    assert "Ipv6CidrBlockSet" not in seen
