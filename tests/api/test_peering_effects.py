"""What happens to connections when something happens to their VPCs, as boto3 sees it."""

import pytest

from isthmus.testing import InProcess
from tests.api.peerings import (
    ONE,
    REALISTIC,
    Client,
    advance,
    every_relation,
    listed,
    pair,
    refused,
    shown,
    state,
    vpc,
)


def held(vpc_id: str) -> tuple[str, str, int]:
    return "DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.", 400


def add(ec2: Client, vpc_id: str, block: str) -> str:
    answer = ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=block)
    return answer["CidrBlockAssociation"]["AssociationId"]


def blocks(ec2: Client, peering_id: str, side: str) -> list[str]:
    return [block["CidrBlock"] for block in shown(ec2, peering_id)[f"{side}VpcInfo"]["CidrBlockSet"]]


@pytest.mark.rule("S276")
@every_relation
def test_an_active_connection_holds_both_vpcs(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    assert refused(two.requester.delete_vpc, VpcId=two.vpc) == held(two.vpc)
    assert refused(two.accepter.delete_vpc, VpcId=two.peer) == held(two.peer)
    assert state(two.requester, peering_id) == "active"


@pytest.mark.rule("S277")
@every_relation
def test_a_request_ends_with_its_requesters_vpc(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    two.requester.delete_vpc(VpcId=two.vpc)
    status = {"Code": "deleted", "Message": f"Deleted by {ONE}"}
    assert shown(two.requester, peering_id)["Status"] == shown(two.accepter, peering_id)["Status"] == status


@pytest.mark.rule("S277")
@pytest.mark.parametrize("relation", ["cross account", "cross account and Region"])
def test_a_request_of_another_account_holds_the_vpc_until_it_is_rejected(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    assert refused(two.accepter.delete_vpc, VpcId=two.peer) == held(two.peer)
    two.accepter.reject_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    two.accepter.delete_vpc(VpcId=two.peer)
    assert state(two.requester, peering_id) == "rejected"


@pytest.mark.rule("S277")
@pytest.mark.parametrize("end", ["failed", "rejected", "expired", "deleted"])
def test_ended_connections_hold_nothing(server: InProcess, end: str) -> None:
    two = pair(server)
    peering_id = two.ended(end, server)
    before = shown(two.requester, peering_id)
    two.requester.delete_vpc(VpcId=two.vpc)
    two.accepter.delete_vpc(VpcId=two.peer)
    assert shown(two.requester, peering_id) == before


@pytest.mark.rule("S276", "S277")
def test_of_several_connections_one_that_holds_keeps_the_others_as_they_are(server: InProcess) -> None:
    two = pair(server)
    third = vpc(two.requester, "10.3.0.0/16")
    asked = two.requester.create_vpc_peering_connection(VpcId=two.vpc, PeerVpcId=third)["VpcPeeringConnection"]
    two.active()
    assert refused(two.requester.delete_vpc, VpcId=two.vpc) == held(two.vpc)
    assert state(two.requester, asked["VpcPeeringConnectionId"]) == "pending-acceptance"


@pytest.mark.rule("S278")
@every_relation
def test_between_active_peers_a_block_must_not_overlap(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    for ec2, vpc_id, taken in ((two.requester, two.vpc, "10.2.7.0/24"), (two.accepter, two.peer, "10.1.7.0/24")):
        code, _, status = refused(ec2.associate_vpc_cidr_block, VpcId=vpc_id, CidrBlock=taken)
        assert (code, status) == ("InvalidVpc.Range", 400)
    add(two.requester, two.vpc, "10.3.0.0/16")
    assert refused(two.accepter.associate_vpc_cidr_block, VpcId=two.peer, CidrBlock="10.3.7.0/24")[1:] == (
        f"The CIDR '10.3.7.0/24' cannot be added because of the VPC peering connection {peering_id}",
        400,
    )
    assert blocks(two.accepter, peering_id, "Accepter") == ["10.2.0.0/16"]


@pytest.mark.rule("S278")
@every_relation
@pytest.mark.parametrize(("block", "becomes"), [("10.3.0.0/16", "pending-acceptance"), ("10.1.7.0/24", "failed")])
def test_while_it_is_pending_only_the_accepter_adds_blocks(
    server: InProcess, relation: str, block: str, becomes: str
) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    code, _, _ = refused(two.requester.associate_vpc_cidr_block, VpcId=two.vpc, CidrBlock="10.9.0.0/16")
    assert code == "InvalidVpc.Range"
    add(two.accepter, two.peer, block)
    assert state(two.requester, peering_id) == becomes
    if becomes == "failed":
        assert "ExpirationTime" not in shown(two.requester, peering_id)


@pytest.mark.rule("S278")
@pytest.mark.parametrize("end", ["failed", "rejected", "expired", "deleted"])
def test_ended_connections_forbid_no_block(server: InProcess, end: str) -> None:
    two = pair(server)
    peering_id = two.ended(end, server)
    before = shown(two.requester, peering_id)
    add(two.requester, two.vpc, "10.2.7.0/24")
    assert shown(two.requester, peering_id) == before


@pytest.mark.rule("S279", "S230")
@every_relation
def test_the_peer_sees_blocks_come_and_go(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    association = add(two.accepter, two.peer, "10.3.0.0/16")
    assert blocks(two.requester, peering_id, "Accepter") == ["10.2.0.0/16", "10.3.0.0/16"]
    two.accepter.disassociate_vpc_cidr_block(AssociationId=association)
    assert blocks(two.requester, peering_id, "Accepter") == ["10.2.0.0/16"]


@pytest.mark.rule("S278")
def test_a_block_added_before_the_request_is_pending_may_fail_it_at_once() -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server, "same account")
        peering_id = two.pending()
        add(two.accepter, two.peer, "10.1.7.0/24")
        assert state(two.requester, peering_id) == "failed"
        advance(server, 10_000)
        assert state(two.requester, peering_id) == "failed"


@pytest.mark.rule("S278")
def test_a_block_that_fails_one_request_leaves_the_others_alone(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    stranger = server.client("333333333333")
    third = vpc(stranger, "10.7.0.0/16")
    asked = stranger.create_vpc_peering_connection(VpcId=third, PeerVpcId=two.peer, PeerOwnerId=two.peer_owner)
    add(two.accepter, two.peer, "10.1.7.0/24")
    assert state(two.requester, peering_id) == "failed"
    assert listed(two.accepter) == [asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]]
