"""CreateVpcPeeringConnection as boto3 sees it: what it answers, what becomes of the request, what it refuses."""

import re
from datetime import UTC, datetime

import pytest

from isthmus.domain.cidr import Prefix
from isthmus.domain.vpc import VpcCidrBlock
from isthmus.store.api import Kind
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from tests.api.peerings import (
    HERE,
    ONE,
    OTHER,
    REALISTIC,
    RELATIONS,
    SECOND,
    STRANGER,
    THERE,
    UNKNOWN_VPC,
    advance,
    every_relation,
    listed,
    pair,
    refused,
    shown,
    state,
    vpc,
)

FAILED = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
OPTIONS_OFF = {
    "AllowDnsResolutionFromRemoteVpc": False,
    "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
    "AllowEgressFromLocalVpcToRemoteClassicLink": False,
}


def missing(parameter: str) -> tuple[str, str, int]:
    return "MissingParameter", f"The request must contain the parameter {parameter}", 400


def unknown_vpc(vpc_id: str) -> tuple[str, str, int]:
    return "InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist", 400


# --- the answer -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("S207", "S222", "S228", "S229", "S230", "S231", "S204", "S210")
@every_relation
def test_create_answers_a_request_that_is_initiating(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    asked = two.ask()
    owner, region = RELATIONS[relation]
    options = {**OPTIONS_OFF, "AllowMultipathResilience": False} if region == THERE else OPTIONS_OFF
    if region == THERE:
        assert asked.pop("MultipathResilienceStatus") == "disabled"
    assert re.fullmatch("pcx-[0-9a-f]{17}", asked.pop("VpcPeeringConnectionId"))
    assert asked == {
        "RequesterVpcInfo": {
            "OwnerId": ONE,
            "VpcId": two.vpc,
            "CidrBlock": "10.1.0.0/16",
            "CidrBlockSet": [{"CidrBlock": "10.1.0.0/16"}],
            "PeeringOptions": options,
            "Region": HERE,
        },
        "AccepterVpcInfo": {"OwnerId": owner, "VpcId": two.peer, "Region": region},
        "Status": {"Code": "initiating-request", "Message": f"Initiating Request to {owner}"},
        "ExpirationTime": datetime(2026, 1, 9, 3, 4, 5, tzinfo=UTC),
        "Tags": [],
    }


@pytest.mark.rule("S201", "S202")
@every_relation
def test_both_sides_know_the_connection_by_one_id(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    assert re.fullmatch("pcx-[0-9a-f]{17}", peering_id)
    assert listed(two.requester) == listed(two.accepter) == [peering_id]


@pytest.mark.rule("S229", "S230")
def test_the_answer_shows_every_block_the_primary_one_first(server: InProcess) -> None:
    two = pair(server)
    two.requester.associate_vpc_cidr_block(VpcId=two.vpc, CidrBlock="10.3.0.0/16")
    two.requester.associate_vpc_cidr_block(VpcId=two.vpc, AmazonProvidedIpv6CidrBlock=True)
    asked = two.ask()
    assert asked["RequesterVpcInfo"]["CidrBlock"] == "10.1.0.0/16"
    assert asked["RequesterVpcInfo"]["CidrBlockSet"] == [{"CidrBlock": "10.1.0.0/16"}, {"CidrBlock": "10.3.0.0/16"}]
    (block,) = asked["RequesterVpcInfo"]["Ipv6CidrBlockSet"]
    assert re.fullmatch("2600:[0-9a-f:]+::/56", block["Ipv6CidrBlock"])


@pytest.mark.rule("S208", "S207")
@every_relation
def test_with_real_delays_a_request_is_initiating_for_a_while(relation: str) -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server, relation)
        peering_id = two.pending()
        advance(server, 1_499)
        assert state(two.requester, peering_id) == "initiating-request"
        advance(server, 1)
        assert state(two.requester, peering_id) == state(two.accepter, peering_id) == "pending-acceptance"


@pytest.mark.rule("S212")
def test_another_account_sees_nothing_of_a_request_before_it_is_pending() -> None:
    with InProcess(REALISTIC) as server:
        two, own = pair(server), pair(server, "cross Region")
        two.pending()
        assert listed(two.accepter) == []
        mine = own.pending()
        assert listed(own.accepter) == [mine]


@pytest.mark.rule("S232")
def test_owner_and_region_default_to_the_callers(server: InProcess) -> None:
    two = pair(server, "same account")
    spelled = two.requester.create_vpc_peering_connection(
        VpcId=two.vpc, PeerVpcId=two.peer, PeerOwnerId=ONE, PeerRegion=HERE
    )["VpcPeeringConnection"]
    assert two.pending() == spelled["VpcPeeringConnectionId"]


# --- how it goes on ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("S204", "S206", "S232")
@every_relation
def test_the_very_next_call_sees_it_pending(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    status = {"Code": "pending-acceptance", "Message": f"Pending Acceptance by {RELATIONS[relation][0]}"}
    assert shown(two.requester, peering_id)["Status"] == shown(two.accepter, peering_id)["Status"] == status


@pytest.mark.rule("S241", "S207", "S204")
@every_relation
@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        (["10.1.0.0/16"], ["10.1.0.0/16"], "failed"),
        (["10.1.0.0/16"], ["10.1.255.0/24"], "failed"),
        (["10.1.0.0/16", "10.3.0.0/16"], ["10.2.0.0/16", "10.3.128.0/20"], "failed"),
        (["10.1.0.0/16", "10.3.0.0/16"], ["10.2.0.0/16", "10.4.0.0/16"], "pending-acceptance"),
    ],
)
def test_ipv4_blocks_that_overlap_anywhere_make_it_fail(
    server: InProcess, relation: str, ours: list[str], theirs: list[str], outcome: str
) -> None:
    owner, region = RELATIONS[relation]
    mine, yours = server.client(), server.client(owner, region)
    one, other = vpc(mine, ours[0]), vpc(yours, theirs[0])
    for ec2, vpc_id, more in ((mine, one, ours[1:]), (yours, other, theirs[1:])):
        for block in more:
            ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=block)
    asked = mine.create_vpc_peering_connection(VpcId=one, PeerVpcId=other, PeerOwnerId=owner, PeerRegion=region)
    connection = asked["VpcPeeringConnection"]
    assert connection["Status"]["Code"] == "initiating-request"
    assert state(mine, connection["VpcPeeringConnectionId"]) == outcome


@pytest.mark.rule("S241")
def test_ipv6_blocks_that_do_not_overlap_do_no_harm(server: InProcess) -> None:
    two = pair(server)
    for ec2, vpc_id in ((two.requester, two.vpc), (two.accepter, two.peer)):
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    assert state(two.requester, two.pending()) == "pending-acceptance"


@pytest.mark.rule("S241")
@pytest.mark.parametrize(
    ("theirs", "outcome"),
    [("2001:db8::/56", "failed"), ("2001:db8::/64", "failed"), ("2001:db8:0:100::/56", "pending-acceptance")],
)
def test_ipv6_blocks_that_overlap_make_it_fail_though_the_ipv4_blocks_do_not(
    server: InProcess, theirs: str, outcome: str
) -> None:
    two = pair(server)
    # Amazon's own blocks never overlap, so blocks that customers bring are put in place of an import of theirs.
    bring(server, ONE, two.vpc, "2001:db8::/56")
    bring(server, OTHER, two.peer, theirs)
    assert state(two.requester, two.pending()) == outcome


def bring(server: InProcess, account: str, vpc_id: str, block: str) -> None:
    """Give a VPC an IPv6 block of its owner's choice."""

    def put(unit: Unit) -> None:
        association = f"vpc-cidr-assoc-0{vpc_id[-16:]}"
        prefix = Prefix.parse(block)
        unit.vpc_cidr_blocks.put(
            VpcCidrBlock(
                association, account, HERE, vpc_id, prefix, is_primary=False, ipv6_pool="", network_border_group=HERE
            )
        )

    server.store.run_now(Kind.WRITE, put)


@pytest.mark.rule("S236", "S204")
@pytest.mark.parametrize(
    ("owner", "region"),
    [(ONE, None), (OTHER, None), (STRANGER, None), (None, THERE), (ONE, THERE), (OTHER, THERE), (ONE, HERE)],
)
def test_an_unknown_peer_of_a_named_owner_or_region_makes_it_fail(
    server: InProcess, owner: str | None, region: str | None
) -> None:
    ec2 = server.client()
    named = {key: value for key, value in (("PeerOwnerId", owner), ("PeerRegion", region)) if value}
    asked = ec2.create_vpc_peering_connection(VpcId=vpc(ec2), PeerVpcId=UNKNOWN_VPC, **named)["VpcPeeringConnection"]
    assert asked["Status"]["Code"] == "initiating-request"
    found = shown(ec2, asked["VpcPeeringConnectionId"])
    assert found["Status"] == {"Code": "failed", "Message": FAILED}
    assert found["AccepterVpcInfo"] == {"OwnerId": owner or ONE, "VpcId": UNKNOWN_VPC, "Region": region or HERE}


@pytest.mark.rule("S236", "S238")
def test_the_right_vpc_of_the_wrong_owner_or_region_makes_it_fail(server: InProcess) -> None:
    two = pair(server)
    for named in ({"PeerOwnerId": STRANGER}, {"PeerOwnerId": OTHER, "PeerRegion": THERE}, {"PeerOwnerId": ONE}):
        asked = two.requester.create_vpc_peering_connection(VpcId=two.vpc, PeerVpcId=two.peer, **named)
        assert state(two.requester, asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]) == "failed"
    assert listed(two.accepter) == []


@pytest.mark.rule("S236")
def test_a_request_with_the_wrong_region_does_not_touch_the_vpc_it_names() -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server)
        asked = two.requester.create_vpc_peering_connection(
            VpcId=two.vpc, PeerVpcId=two.peer, PeerOwnerId=OTHER, PeerRegion=THERE
        )["VpcPeeringConnection"]
        two.accepter.associate_vpc_cidr_block(VpcId=two.peer, CidrBlock="10.1.7.0/24")
        assert state(two.requester, asked["VpcPeeringConnectionId"]) == "initiating-request"
        two.accepter.delete_vpc(VpcId=two.peer)
        advance(server, 1_500)
        assert state(two.requester, asked["VpcPeeringConnectionId"]) == "failed"


@pytest.mark.rule("S240")
@pytest.mark.parametrize("named", [{}, {"PeerOwnerId": ONE}, {"PeerOwnerId": ONE, "PeerRegion": HERE}])
def test_a_vpc_asked_to_peer_with_itself_fails(server: InProcess, named: dict[str, str]) -> None:
    ec2 = server.client()
    own = vpc(ec2)
    asked = ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=own, **named)["VpcPeeringConnection"]
    assert asked["Status"]["Code"] == "initiating-request"
    assert asked["RequesterVpcInfo"]["CidrBlockSet"] == [{"CidrBlock": "10.1.0.0/16"}], "its blocks stand once"
    assert shown(ec2, asked["VpcPeeringConnectionId"])["Status"] == {"Code": "failed", "Message": FAILED}


# --- asking again -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("S242", "S207")
@every_relation
def test_asking_again_answers_the_connection_that_is_there_as_it_is(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    again = two.ask()
    assert (again["VpcPeeringConnectionId"], again["Status"]["Code"]) == (peering_id, "pending-acceptance")
    assert again == shown(two.requester, peering_id)
    two.accept(peering_id)
    assert two.ask() == shown(two.requester, peering_id)
    assert listed(two.requester) == [peering_id]


@pytest.mark.rule("S242")
def test_asking_again_ignores_new_tags(server: InProcess) -> None:
    two = pair(server)
    specification = {"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "first"}]}
    peering_id = two.pending(TagSpecifications=[specification])
    again = two.ask(TagSpecifications=[{**specification, "Tags": [{"Key": "Name", "Value": "second"}]}])
    assert again["Tags"] == shown(two.requester, peering_id)["Tags"] == [{"Key": "Name", "Value": "first"}]


@pytest.mark.rule("S242")
def test_with_real_delays_asking_again_answers_the_first_request() -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server)
        first = two.ask()
        assert two.ask() == first
        advance(server, 2 * SECOND)
        two.accept(first["VpcPeeringConnectionId"])
        again = two.ask()
        assert (again["VpcPeeringConnectionId"], again["Status"]["Code"]) == (
            first["VpcPeeringConnectionId"],
            "provisioning",
        )


@pytest.mark.rule("S242")
@pytest.mark.parametrize("end", ["deleted", "rejected", "expired", "failed"])
def test_after_the_end_asking_again_makes_a_new_connection(server: InProcess, end: str) -> None:
    two = pair(server)
    first = two.ended(end, server)
    second = two.pending()
    assert second != first
    assert listed(two.requester) == [first, second]


@pytest.mark.rule("S242")
@every_relation
def test_the_reverse_direction_is_another_request_that_cannot_be_accepted(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    back = two.accepter.create_vpc_peering_connection(VpcId=two.peer, PeerVpcId=two.vpc, PeerOwnerId=ONE, PeerRegion=HERE)[
        "VpcPeeringConnection"
    ]
    reverse = back["VpcPeeringConnectionId"]
    assert reverse != peering_id
    assert state(two.accepter, reverse) == "pending-acceptance"
    assert refused(two.requester.accept_vpc_peering_connection, VpcPeeringConnectionId=reverse) == (
        "VpcPeeringConnectionAlreadyExists",
        f"The vpc peering connection identified by {reverse} already exists.",
        400,
    )
    assert (state(two.requester, reverse), state(two.requester, peering_id)) == ("pending-acceptance", "active")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.rule("S233", "S232")
def test_both_vpcs_must_be_named(server: InProcess) -> None:
    ec2 = server.client(validate=False)
    own = vpc(ec2)
    assert refused(ec2.create_vpc_peering_connection, PeerVpcId=own) == missing("vpcId")
    assert refused(ec2.create_vpc_peering_connection, VpcId=own) == missing("peerVpcId")


@pytest.mark.rule("S234")
def test_the_requester_vpc_must_be_the_callers_own_and_here(server: InProcess) -> None:
    two = pair(server)
    for ec2 in (two.accepter, server.client(ONE, THERE), server.client(STRANGER)):
        own = vpc(ec2, "10.9.0.0/16")
        assert refused(ec2.create_vpc_peering_connection, VpcId=two.vpc, PeerVpcId=own) == unknown_vpc(two.vpc)
    assert listed(two.requester) == []


@pytest.mark.rule("S235")
@pytest.mark.parametrize("named", [{}, {"PeerRegion": HERE}])
def test_without_an_owner_an_unknown_peer_is_refused_at_once(server: InProcess, named: dict[str, str]) -> None:
    two = pair(server)
    for peer in (UNKNOWN_VPC, two.peer):
        answer = refused(two.requester.create_vpc_peering_connection, VpcId=two.vpc, PeerVpcId=peer, **named)
        assert answer == unknown_vpc(peer)
    assert listed(two.requester) == []


@pytest.mark.rule("S237")
@pytest.mark.parametrize("text", ["", "vpc", "vpc-", "vpc-123", "subnet-0123456789abcdef0", "vpc-0123456789ABCDEF0"])
def test_a_malformed_vpc_id_is_refused_in_both_places(server: InProcess, text: str) -> None:
    ec2 = server.client()
    malformed = ("InvalidVpcId.Malformed", f'Invalid id: "{text}" (expecting "vpc-...")', 400)
    assert refused(ec2.create_vpc_peering_connection, VpcId=vpc(ec2), PeerVpcId=text) == malformed
    if text:
        assert refused(ec2.create_vpc_peering_connection, VpcId=text, PeerVpcId=UNKNOWN_VPC) == malformed


@pytest.mark.rule("S238")
def test_a_region_that_is_none_is_refused(server: InProcess) -> None:
    ec2 = server.client()
    code, message, status = refused(
        ec2.create_vpc_peering_connection, VpcId=vpc(ec2), PeerVpcId=UNKNOWN_VPC, PeerRegion="mars-north-1"
    )
    assert (code, status) == ("InvalidParameterValue", 400)
    assert message.startswith("Value (mars-north-1) for parameter peerRegion is invalid. ")


@pytest.mark.rule("S238")
def test_regions_of_two_partitions_are_not_joined(server: InProcess) -> None:
    ec2 = server.client()
    assert refused(ec2.create_vpc_peering_connection, VpcId=vpc(ec2), PeerVpcId=UNKNOWN_VPC, PeerRegion="cn-north-1") == (
        "InvalidParameterValue",
        "You cannot create a VPC peering connection between the us-east-1 and cn-north-1 regions.",
        400,
    )


@pytest.mark.rule("S239")
@pytest.mark.parametrize("owner", ["", "12345678901", "1234567890123", "12345678901a"])
def test_an_owner_has_twelve_digits(server: InProcess, owner: str) -> None:
    ec2 = server.client()
    code, message, status = refused(
        ec2.create_vpc_peering_connection, VpcId=vpc(ec2), PeerVpcId=UNKNOWN_VPC, PeerOwnerId=owner
    )
    assert (code, status) == ("InvalidParameterValue", 400)
    assert message.startswith(f"Value ({owner}) for parameter peerOwnerId is invalid. ")
    assert listed(ec2) == []


@pytest.mark.rule("S244")
@pytest.mark.parametrize(
    ("specification", "words"),
    [
        (
            {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "x"}]},
            "'vpc' is not a valid taggable resource type for this operation.",
        ),
        ({"ResourceType": "vpc-peering-connection"}, "Tag specification must have at least one tag"),
    ],
)
def test_a_tag_specification_is_for_the_connection_and_holds_tags(
    server: InProcess, specification: dict, words: str
) -> None:
    two = pair(server)
    answer = refused(
        two.requester.create_vpc_peering_connection,
        VpcId=two.vpc,
        PeerVpcId=two.peer,
        PeerOwnerId=OTHER,
        TagSpecifications=[specification],
    )
    assert answer == ("InvalidParameterValue", words, 400)
    assert listed(two.requester) == []
