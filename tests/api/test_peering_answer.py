"""Accept and Reject as boto3 sees them: who may, where, when, and what the answer shows."""

import pytest

from isthmus.testing import InProcess
from tests.api.peerings import (
    DAY,
    HERE,
    ONE,
    OTHER,
    REALISTIC,
    RELATIONS,
    SECOND,
    STRANGER,
    THERE,
    UNKNOWN_PEERING,
    UNKNOWN_VPC,
    Pair,
    advance,
    every_relation,
    invalid_step,
    not_found,
    not_permitted,
    pair,
    refused,
    shown,
    state,
)

ENDS = ("failed", "expired", "rejected", "deleted")
ID_ACTIONS = (
    "accept_vpc_peering_connection",
    "reject_vpc_peering_connection",
    "delete_vpc_peering_connection",
)


def accepted_and_rejected(two: Pair, caller: object, peering_id: str) -> list[tuple[str, str, int]]:
    """How Accept and Reject are refused."""
    calls = (caller.accept_vpc_peering_connection, caller.reject_vpc_peering_connection)  # type: ignore[attr-defined]
    return [refused(call, VpcPeeringConnectionId=peering_id) for call in calls]


@pytest.mark.rule("S225", "S204", "S210", "S223", "S226", "S227")
@every_relation
def test_accept_answers_provisioning_with_both_sides(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    owner, region = RELATIONS[relation]
    accepted = two.accept(two.pending())
    assert accepted["Status"] == {"Code": "provisioning", "Message": "Provisioning"}
    assert "ExpirationTime" not in accepted
    assert accepted["Tags"] == []
    requester, accepter = accepted["RequesterVpcInfo"], accepted["AccepterVpcInfo"]
    assert ("PeeringOptions" in requester) is (owner == ONE)
    assert "PeeringOptions" in accepter
    for side, (account, place, vpc_id, block) in (
        (requester, (ONE, HERE, two.vpc, "10.1.0.0/16")),
        (accepter, (owner, region, two.peer, "10.2.0.0/16")),
    ):
        side.pop("PeeringOptions", None)
        assert side == {
            "OwnerId": account,
            "Region": place,
            "VpcId": vpc_id,
            "CidrBlock": block,
            "CidrBlockSet": [{"CidrBlock": block}],
        }


@pytest.mark.rule("S206", "S204")
@every_relation
def test_an_accepted_connection_is_active_for_both(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    active = {"Code": "active", "Message": "Active"}
    assert shown(two.requester, peering_id)["Status"] == shown(two.accepter, peering_id)["Status"] == active


@pytest.mark.rule("S208")
@every_relation
def test_with_real_delays_provisioning_takes_a_while(relation: str) -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server, relation)
        peering_id = two.pending()
        advance(server, 2 * SECOND)
        two.accept(peering_id)
        advance(server, 2 * SECOND - 1)
        assert shown(two.accepter, peering_id)["Status"] == {"Code": "provisioning", "Message": "Provisioning"}
        assert "ExpirationTime" not in shown(two.requester, peering_id)
        advance(server, 1)
        assert state(two.requester, peering_id) == state(two.accepter, peering_id) == "active"


@pytest.mark.rule("S262", "S204")
@every_relation
def test_reject_answers_true_and_ends_the_request(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    answer = two.accepter.reject_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert answer["Return"] is True
    status = {"Code": "rejected", "Message": f"Rejected by {two.peer_owner}"}
    assert shown(two.requester, peering_id)["Status"] == shown(two.accepter, peering_id)["Status"] == status


@pytest.mark.rule("S253", "S254")
def test_the_requesters_account_answers_nothing(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    assert accepted_and_rejected(two, two.requester, peering_id) == [
        not_permitted(f"User {ONE} cannot accept peering {peering_id}"),
        not_permitted(f"User {ONE} cannot reject peering {peering_id}"),
    ]
    assert state(two.requester, peering_id) == "pending-acceptance"


@pytest.mark.rule("S255")
def test_the_accepter_answers_in_its_own_region(server: InProcess) -> None:
    two = pair(server, "cross Region")
    peering_id = two.pending()
    place = f"Incorrect region ({HERE}) specified for this request. VPC peering connection {peering_id} must be"
    assert accepted_and_rejected(two, two.requester, peering_id) == [
        not_permitted(f"{place} accepted in region {THERE}"),
        not_permitted(f"{place} accepted or rejected in region {THERE}"),
    ]
    assert state(two.requester, peering_id) == "pending-acceptance"


@pytest.mark.rule("S255")
def test_the_wrong_account_is_told_so_before_the_wrong_region(server: InProcess) -> None:
    two = pair(server, "cross account and Region")
    peering_id = two.pending()
    assert accepted_and_rejected(two, two.requester, peering_id) == [
        not_permitted(f"User {ONE} cannot accept peering {peering_id}"),
        not_permitted(f"User {ONE} cannot reject peering {peering_id}"),
    ]


@pytest.mark.rule("S251")
def test_whoever_does_not_see_it_does_not_find_it(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    for caller in (server.client(STRANGER), server.client(OTHER, THERE), server.client(ONE, THERE)):
        for action in ID_ACTIONS:
            assert refused(getattr(caller, action), VpcPeeringConnectionId=peering_id) == not_found(peering_id)
    for action in ID_ACTIONS:
        answer = refused(getattr(two.requester, action), VpcPeeringConnectionId=UNKNOWN_PEERING)
        assert answer == not_found(UNKNOWN_PEERING)


@pytest.mark.rule("S252")
@pytest.mark.parametrize("text", ["pcx", "pcx-123", "pcx-0123456789ABCDEF0", "vpc-0123456789abcdef0", UNKNOWN_VPC, "x"])
def test_a_malformed_id_is_refused_by_every_action(server: InProcess, text: str) -> None:
    ec2 = server.client()
    malformed = ("InvalidVpcPeeringConnectionId.Malformed", f'Invalid id: "{text}" (expecting "pcx-...")', 400)
    for action in ID_ACTIONS:
        assert refused(getattr(ec2, action), VpcPeeringConnectionId=text) == malformed
    assert refused(ec2.describe_vpc_peering_connections, VpcPeeringConnectionIds=[text]) == malformed
    options = {"AllowDnsResolutionFromRemoteVpc": True}
    assert (
        refused(
            ec2.modify_vpc_peering_connection_options,
            VpcPeeringConnectionId=text,
            RequesterPeeringConnectionOptions=options,
        )
        == malformed
    )


@pytest.mark.rule("S201")
def test_an_old_id_of_8_digits_is_well_formed(server: InProcess) -> None:
    ec2 = server.client()
    answer = refused(ec2.accept_vpc_peering_connection, VpcPeeringConnectionId="pcx-73a5401a")
    assert answer == not_found("pcx-73a5401a")


def test_the_id_must_be_there(server: InProcess) -> None:
    ec2 = server.client(validate=False)
    for action in ID_ACTIONS:
        assert refused(getattr(ec2, action)) == (
            "MissingParameter",
            "The request must contain the parameter vpcPeeringConnectionId",
            400,
        )


@pytest.mark.rule("S256", "S211")
@pytest.mark.parametrize("end", ENDS)
def test_an_ended_request_is_neither_accepted_nor_rejected(server: InProcess, end: str) -> None:
    two = pair(server, "same account")
    peering_id = two.ended(end, server)
    assert accepted_and_rejected(two, two.accepter, peering_id) == [
        invalid_step(peering_id, end, "provisioning"),
        invalid_step(peering_id, end, "rejected"),
    ]
    assert state(two.requester, peering_id) == end


@pytest.mark.rule("S257", "S262")
@every_relation
def test_an_active_connection_is_neither_accepted_nor_rejected(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    assert accepted_and_rejected(two, two.accepter, peering_id) == [
        invalid_step(peering_id, "active", "provisioning"),
        invalid_step(peering_id, "active", "rejected"),
    ]


@pytest.mark.rule("S256", "S253")
def test_a_request_that_is_still_initiating_is_not_answered() -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server, "same account")
        peering_id = two.pending()
        assert accepted_and_rejected(two, two.accepter, peering_id) == [
            invalid_step(peering_id, "initiating-request", "provisioning"),
            invalid_step(peering_id, "initiating-request", "rejected"),
        ]


@pytest.mark.rule("S211", "S210", "S204")
@every_relation
def test_a_request_is_answered_until_the_last_millisecond_of_its_seven_days(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    in_time = two.pending()
    advance(server, 7 * DAY - 1)
    assert state(two.accepter, in_time) == "pending-acceptance"
    assert two.accept(in_time)["Status"]["Code"] == "provisioning"


@pytest.mark.rule("S211", "S210", "S256", "S259", "S204")
@every_relation
def test_from_the_end_of_its_seven_days_a_request_is_expired(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    late = two.pending()
    advance(server, 7 * DAY)
    assert accepted_and_rejected(two, two.accepter, late) == [
        invalid_step(late, "expired", "provisioning"),
        invalid_step(late, "expired", "rejected"),
    ]
    delete = two.requester.delete_vpc_peering_connection
    assert refused(delete, VpcPeeringConnectionId=late) == invalid_step(late, "expired", "deleting")
    for ec2 in (two.requester, two.accepter):
        seen = shown(ec2, late)
        assert seen["Status"] == {"Code": "expired", "Message": "Expired"}
        assert "ExpirationTime" not in seen


@pytest.mark.rule("S258", "S242")
def test_of_two_requests_between_two_vpcs_one_is_accepted(server: InProcess) -> None:
    two = pair(server)
    there = two.pending()
    back = two.accepter.create_vpc_peering_connection(VpcId=two.peer, PeerVpcId=two.vpc, PeerOwnerId=ONE)
    back_id = back["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    two.requester.accept_vpc_peering_connection(VpcPeeringConnectionId=back_id)
    assert refused(two.accepter.accept_vpc_peering_connection, VpcPeeringConnectionId=there) == (
        "VpcPeeringConnectionAlreadyExists",
        f"The vpc peering connection identified by {there} already exists.",
        400,
    )
    two.requester.delete_vpc_peering_connection(VpcPeeringConnectionId=back_id)
    assert two.accept(there)["Status"]["Code"] == "provisioning"


@pytest.mark.rule("S258", "S278")
def test_a_request_whose_blocks_have_come_to_overlap_is_not_accepted(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    two.accepter.associate_vpc_cidr_block(VpcId=two.peer, CidrBlock="10.1.7.0/24")
    answer = refused(two.requester.accept_vpc_peering_connection, VpcPeeringConnectionId=peering_id)
    assert answer == not_permitted(f"User {ONE} cannot accept peering {peering_id}")
    hidden = refused(two.accepter.accept_vpc_peering_connection, VpcPeeringConnectionId=peering_id)
    assert hidden == not_found(peering_id)
    assert state(two.requester, peering_id) == "failed"
