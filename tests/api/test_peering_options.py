"""ModifyVpcPeeringConnectionOptions as boto3 sees it."""

from typing import Any

import pytest

from isthmus.testing import InProcess
from tests.api.peerings import (
    HERE,
    ONE,
    OTHER,
    REALISTIC,
    SECOND,
    STRANGER,
    Client,
    Pair,
    advance,
    every_relation,
    not_found,
    not_permitted,
    pair,
    refused,
    shown,
)

DNS = "AllowDnsResolutionFromRemoteVpc"
TO_VPC = "AllowEgressFromLocalClassicLinkToRemoteVpc"
TO_LINK = "AllowEgressFromLocalVpcToRemoteClassicLink"
RESILIENCE = "AllowMultipathResilience"
ACROSS_REGIONS = "Multipath resilience is supported only for inter-Region VPC peering connections."


def with_hostnames(two: Pair) -> Pair:
    """Turn DNS hostnames on in both VPCs."""
    for ec2, vpc_id in ((two.requester, two.vpc), (two.accepter, two.peer)):
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    return two


def modify(ec2: Client, peering_id: str, **sides: dict[str, bool]) -> dict:
    answer = ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=peering_id, **sided(sides))
    answer.pop("ResponseMetadata")
    return answer


def sided(sides: dict[str, dict[str, bool]]) -> dict[str, dict[str, bool]]:
    return {f"{side.capitalize()}PeeringConnectionOptions": options for side, options in sides.items()}


def not_modified(ec2: Client, peering_id: str, **sides: dict[str, bool]) -> tuple[str, str, int]:
    return refused(ec2.modify_vpc_peering_connection_options, VpcPeeringConnectionId=peering_id, **sided(sides))


def options(ec2: Client, peering_id: str, side: str) -> dict[str, Any]:
    return shown(ec2, peering_id)[f"{side.capitalize()}VpcInfo"]["PeeringOptions"]


@pytest.mark.rule("S288", "S291", "S289")
@every_relation
def test_each_side_is_set_by_its_owner_in_its_region_and_read_back_at_once(server: InProcess, relation: str) -> None:
    two = with_hostnames(pair(server, relation))
    peering_id = two.active()
    answer = modify(two.requester, peering_id, requester={DNS: True})
    assert answer == {"RequesterPeeringConnectionOptions": {DNS: True}}
    assert options(two.requester, peering_id, "requester")[DNS] is True
    assert options(two.accepter, peering_id, "accepter")[DNS] is False
    answer = modify(two.accepter, peering_id, accepter={DNS: True})
    assert answer == {"AccepterPeeringConnectionOptions": {DNS: True}}
    assert options(two.accepter, peering_id, "accepter")[DNS] is True
    modify(two.requester, peering_id, requester={DNS: False})
    assert options(two.requester, peering_id, "requester")[DNS] is False
    assert options(two.accepter, peering_id, "accepter")[DNS] is True


@pytest.mark.rule("S288", "S228")
def test_only_the_options_sent_are_answered_and_changed(server: InProcess) -> None:
    two = with_hostnames(pair(server, "same account"))
    peering_id = two.active()
    assert options(two.requester, peering_id, "requester") == {DNS: False, TO_VPC: False, TO_LINK: False}
    modify(two.requester, peering_id, requester={DNS: True})
    answer = modify(two.requester, peering_id, requester={TO_VPC: True, TO_LINK: False})
    assert answer == {"RequesterPeeringConnectionOptions": {TO_VPC: True, TO_LINK: False}}
    assert options(two.requester, peering_id, "requester") == {DNS: True, TO_VPC: True, TO_LINK: False}


@pytest.mark.rule("S283")
def test_one_account_in_one_region_sets_both_sides_at_once(server: InProcess) -> None:
    two = with_hostnames(pair(server, "same account"))
    peering_id = two.active()
    answer = modify(two.requester, peering_id, requester={DNS: True}, accepter={TO_LINK: True})
    assert answer == {
        "RequesterPeeringConnectionOptions": {DNS: True},
        "AccepterPeeringConnectionOptions": {TO_LINK: True},
    }
    assert options(two.requester, peering_id, "requester") == {DNS: True, TO_VPC: False, TO_LINK: False}
    assert options(two.requester, peering_id, "accepter") == {DNS: False, TO_VPC: False, TO_LINK: True}


@pytest.mark.rule("S281")
@pytest.mark.parametrize("end", ["pending-acceptance", "failed", "rejected", "expired", "deleted"])
def test_options_belong_to_active_connections_only(server: InProcess, end: str) -> None:
    two = with_hostnames(pair(server, "same account"))
    peering_id = two.pending() if end == "pending-acceptance" else two.ended(end, server)
    assert not_modified(two.requester, peering_id, requester={DNS: True}) == not_permitted(
        f"Peering {peering_id} is not active. Peering options can be added only to active peerings."
    )


@pytest.mark.rule("S281")
def test_a_connection_that_is_being_provisioned_is_not_active() -> None:
    with InProcess(REALISTIC) as server:
        two = with_hostnames(pair(server))
        peering_id = two.pending()
        advance(server, 2 * SECOND)
        two.accept(peering_id)
        assert not_modified(two.requester, peering_id, requester={DNS: True})[0] == "OperationNotPermitted"
        advance(server, 2 * SECOND)
        modify(two.requester, peering_id, requester={DNS: True})


@pytest.mark.rule("S282")
@pytest.mark.parametrize("relation", ["cross account", "cross account and Region"])
def test_an_account_does_not_set_the_other_side(server: InProcess, relation: str) -> None:
    two = with_hostnames(pair(server, relation))
    peering_id = two.active()
    permission = "does not have permission to modify the"
    assert not_modified(two.requester, peering_id, accepter={DNS: True}) == not_permitted(
        f"User {ONE} {permission} accepter side peering options"
    )
    assert not_modified(two.accepter, peering_id, requester={DNS: True}) == not_permitted(
        f"User {OTHER} {permission} requester side peering options"
    )
    both = not_modified(two.requester, peering_id, requester={DNS: True}, accepter={DNS: True})
    assert both[0] == "OperationNotPermitted"
    assert options(two.requester, peering_id, "requester")[DNS] is False


@pytest.mark.rule("S284")
def test_between_regions_one_account_sets_each_side_in_its_own_region(server: InProcess) -> None:
    two = with_hostnames(pair(server, "cross Region"))
    peering_id = two.active()
    words = "VPC Peering connection options cannot be modified for a different region"
    assert not_modified(two.requester, peering_id, accepter={DNS: True}) == not_permitted(f"Accepter's {words}")
    assert not_modified(two.accepter, peering_id, requester={DNS: True}) == not_permitted(f"Requester's {words}")


@pytest.mark.rule("S285")
@pytest.mark.parametrize("relation", ["cross Region", "cross account and Region"])
@pytest.mark.parametrize("option", [TO_VPC, TO_LINK])
@pytest.mark.parametrize("on", [True, False])
def test_between_regions_classic_link_is_refused(server: InProcess, relation: str, option: str, on: bool) -> None:
    two = with_hostnames(pair(server, relation))
    peering_id = two.active()
    assert not_modified(two.requester, peering_id, requester={DNS: True, option: on}) == not_permitted(
        "Modifying VPC peering connection options AllowEgressFromLocalClassicLinkToRemoteVpc, "
        "AllowEgressFromLocalVpcToRemoteClassicLink is not supported for cross-region VPC peering connections"
    )
    assert options(two.requester, peering_id, "requester")[DNS] is False


@pytest.mark.rule("S286", "S287")
@pytest.mark.parametrize(
    ("hostnames", "support", "allowed"),
    [(True, True, True), (False, True, False), (True, False, False), (False, False, False)],
)
def test_dns_resolution_needs_hostnames_and_support_in_that_sides_vpc(
    server: InProcess, hostnames: bool, support: bool, allowed: bool
) -> None:
    two = pair(server)
    two.accepter.modify_vpc_attribute(VpcId=two.peer, EnableDnsHostnames={"Value": hostnames})
    two.accepter.modify_vpc_attribute(VpcId=two.peer, EnableDnsSupport={"Value": support})
    peering_id = two.active()
    modify(two.accepter, peering_id, accepter={DNS: False})
    if allowed:
        assert modify(two.accepter, peering_id, accepter={DNS: True})
    else:
        code, message, status = not_modified(two.accepter, peering_id, accepter={DNS: True})
        assert (code, status) == ("InvalidVpcPeeringConnectionState.DnsHostnamesDisabled", 400)
        assert two.peer in message
    assert options(two.accepter, peering_id, "accepter")[DNS] is allowed


@pytest.mark.rule("S290")
def test_a_side_must_be_named(server: InProcess) -> None:
    two = pair(server)
    code, _, status = not_modified(two.requester, two.active())
    assert (code, status) == ("MissingParameter", 400)


@pytest.mark.rule("S251")
def test_options_of_a_connection_that_is_not_seen_are_not_set(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.active()
    for ec2 in (server.client(STRANGER), server.client(ONE, "eu-west-1")):
        assert not_modified(ec2, peering_id, requester={DNS: True}) == not_found(peering_id)


def test_multipath_resilience_is_pending_until_both_sides_allow_it(server: InProcess) -> None:
    two = pair(server, "cross account and Region")
    peering_id = two.active()
    assert shown(two.requester, peering_id)["MultipathResilienceStatus"] == "disabled"
    answer = modify(two.requester, peering_id, requester={RESILIENCE: True})
    assert answer == {"RequesterPeeringConnectionOptions": {RESILIENCE: True, "MultipathResilienceMode": "always-on"}}
    assert shown(two.accepter, peering_id)["MultipathResilienceStatus"] == "pending"
    modify(two.accepter, peering_id, accepter={RESILIENCE: True})
    assert shown(two.requester, peering_id)["MultipathResilienceStatus"] == "enabled"
    own = options(two.requester, peering_id, "requester")
    assert (own[RESILIENCE], own["MultipathResilienceMode"]) == (True, "always-on")
    modify(two.accepter, peering_id, accepter={RESILIENCE: False})
    assert shown(two.requester, peering_id)["MultipathResilienceStatus"] == "pending"


def test_multipath_resilience_asked_for_is_accepted_with_the_request(server: InProcess) -> None:
    two = pair(server, "cross account and Region")
    asked = two.ask(RequesterPeeringConnectionOptions={RESILIENCE: True})
    assert asked["MultipathResilienceStatus"] == "pending"
    assert asked["RequesterVpcInfo"]["PeeringOptions"][RESILIENCE] is True
    accepted = two.accept(asked["VpcPeeringConnectionId"])
    assert accepted["MultipathResilienceStatus"] == "enabled"
    assert accepted["AccepterVpcInfo"]["PeeringOptions"][RESILIENCE] is True


def test_within_a_region_there_is_no_multipath_resilience(server: InProcess) -> None:
    two = pair(server)
    answer = refused(two.ask, RequesterPeeringConnectionOptions={RESILIENCE: True})
    assert answer == not_permitted(ACROSS_REGIONS)
    peering_id = two.active()
    assert two.peer_region == HERE
    assert not_modified(two.requester, peering_id, requester={RESILIENCE: True}) == not_permitted(ACROSS_REGIONS)
    modify(two.requester, peering_id, requester={RESILIENCE: False})
    assert "MultipathResilienceStatus" not in shown(two.requester, peering_id)
