"""A dry run of each of the six actions: it tells whether the call would be allowed, and changes nothing."""

from collections.abc import Callable

import pytest

from isthmus.testing import InProcess
from tests.api.peerings import (
    OTHER,
    UNKNOWN_PEERING,
    UNKNOWN_VPC,
    Pair,
    listed,
    not_found,
    not_permitted,
    pair,
    refused,
    shown,
)

WOULD_DO = ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)

CALLS: dict[str, Callable[[Pair, str], tuple[str, str, int]]] = {
    "create": lambda two, _: refused(
        two.requester.create_vpc_peering_connection,
        VpcId=two.vpc,
        PeerVpcId=UNKNOWN_VPC,
        PeerOwnerId=OTHER,
        DryRun=True,
    ),
    "create again": lambda two, _: refused(two.ask, DryRun=True),
    "accept": lambda two, id: refused(two.accepter.accept_vpc_peering_connection, VpcPeeringConnectionId=id, DryRun=True),
    "reject": lambda two, id: refused(two.accepter.reject_vpc_peering_connection, VpcPeeringConnectionId=id, DryRun=True),
    "delete": lambda two, id: refused(two.requester.delete_vpc_peering_connection, VpcPeeringConnectionId=id, DryRun=True),
    "describe": lambda two, id: refused(
        two.requester.describe_vpc_peering_connections, VpcPeeringConnectionIds=[id], DryRun=True
    ),
}


@pytest.mark.rule("S134", "S232")
@pytest.mark.parametrize("call", CALLS)
def test_a_dry_run_says_that_it_would_have_succeeded_and_changes_nothing(server: InProcess, call: str) -> None:
    two = pair(server)
    peering_id = two.pending()
    before = shown(two.requester, peering_id)
    assert CALLS[call](two, peering_id) == WOULD_DO
    assert shown(two.requester, peering_id) == before
    assert listed(two.requester) == listed(two.accepter) == [peering_id]


@pytest.mark.rule("S134")
def test_a_dry_run_of_options_changes_none(server: InProcess) -> None:
    two = pair(server, "same account")
    two.requester.modify_vpc_attribute(VpcId=two.vpc, EnableDnsHostnames={"Value": True})
    peering_id = two.active()
    before = shown(two.requester, peering_id)
    answer = refused(
        two.requester.modify_vpc_peering_connection_options,
        VpcPeeringConnectionId=peering_id,
        RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
        DryRun=True,
    )
    assert answer == WOULD_DO
    assert shown(two.requester, peering_id) == before


@pytest.mark.rule("S134")
def test_a_dry_run_with_bad_parameters_is_told_about_those(server: InProcess) -> None:
    two = pair(server)
    loose = server.client(validate=False)
    create = loose.create_vpc_peering_connection
    assert refused(create, PeerVpcId=two.peer, DryRun=True)[0] == "MissingParameter"
    assert refused(create, VpcId=two.vpc, PeerVpcId="x", DryRun=True)[0] == "InvalidVpcId.Malformed"
    assert refused(create, VpcId=two.vpc, PeerVpcId=UNKNOWN_VPC, DryRun=True)[0] == "InvalidVpcID.NotFound"
    for action in ("accept", "reject", "delete"):
        call = getattr(loose, f"{action}_vpc_peering_connection")
        assert refused(call, DryRun=True)[0] == "MissingParameter"
        assert refused(call, VpcPeeringConnectionId="x", DryRun=True)[0] == "InvalidVpcPeeringConnectionId.Malformed"
        assert refused(call, VpcPeeringConnectionId=UNKNOWN_PEERING, DryRun=True) == not_found(UNKNOWN_PEERING)
    modify = loose.modify_vpc_peering_connection_options
    assert refused(modify, VpcPeeringConnectionId=UNKNOWN_PEERING, DryRun=True)[0] == "MissingParameter"
    describe = loose.describe_vpc_peering_connections
    assert refused(describe, Filters=[{"Name": "x", "Values": ["y"]}], DryRun=True)[0] == "InvalidParameterValue"
    assert refused(describe, MaxResults=4, DryRun=True)[0] == "InvalidParameterValue"


@pytest.mark.rule("S134")
def test_a_dry_run_of_what_is_not_permitted_is_refused_as_the_call_would_be(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    delete = two.accepter.delete_vpc_peering_connection
    answer = refused(delete, VpcPeeringConnectionId=peering_id, DryRun=True)
    assert answer == not_permitted(f"User {OTHER} cannot delete peering {peering_id}")
