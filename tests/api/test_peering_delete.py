"""DeleteVpcPeeringConnection as boto3 sees it: who may, and what remains."""

import pytest

from isthmus.actions import administration
from isthmus.store.api import Kind
from isthmus.testing import InProcess
from tests.api.peerings import (
    HERE,
    HOUR,
    ONE,
    OTHER,
    REALISTIC,
    SECOND,
    THERE,
    Client,
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


def delete(ec2: Client, peering_id: str) -> bool:
    return ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["Return"]


@pytest.mark.rule("S209", "S260", "S224", "S204")
@every_relation
@pytest.mark.parametrize("by_requester", [True, False])
def test_either_owner_deletes_an_active_connection(server: InProcess, relation: str, by_requester: bool) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    assert delete(two.requester if by_requester else two.accepter, peering_id) is True
    deleter = ONE if by_requester else two.peer_owner
    for ec2 in (two.requester, two.accepter):
        seen = shown(ec2, peering_id)
        assert seen["Status"] == {"Code": "deleted", "Message": f"Deleted by {deleter}"}
        assert seen["RequesterVpcInfo"] == {"OwnerId": ONE, "VpcId": two.vpc, "Region": HERE}
        assert seen["AccepterVpcInfo"] == {"OwnerId": two.peer_owner, "VpcId": two.peer, "Region": two.peer_region}
        assert "ExpirationTime" not in seen


@pytest.mark.rule("S260")
@every_relation
def test_the_requester_takes_its_request_back(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    assert delete(two.requester, peering_id) is True
    assert state(two.accepter, peering_id) == "deleted"


@pytest.mark.rule("S260")
@pytest.mark.parametrize("relation", ["cross account", "cross account and Region"])
def test_the_accepter_cannot_delete_a_request(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    answer = refused(two.accepter.delete_vpc_peering_connection, VpcPeeringConnectionId=peering_id)
    assert answer == not_permitted(f"User {OTHER} cannot delete peering {peering_id}")
    assert state(two.requester, peering_id) == "pending-acceptance"


@pytest.mark.rule("S260")
def test_one_account_takes_its_request_back_from_either_region(server: InProcess) -> None:
    two = pair(server, "cross Region")
    peering_id = two.pending()
    assert delete(two.accepter, peering_id) is True
    assert state(two.requester, peering_id) == "deleted"


@pytest.mark.rule("S259")
@pytest.mark.parametrize("end", ["failed", "rejected", "expired"])
def test_a_request_that_ended_otherwise_is_not_deleted(server: InProcess, end: str) -> None:
    two = pair(server)
    peering_id = two.ended(end, server)
    answer = refused(two.requester.delete_vpc_peering_connection, VpcPeeringConnectionId=peering_id)
    assert answer == invalid_step(peering_id, end, "deleting")
    assert state(two.requester, peering_id) == end


@pytest.mark.rule("S261")
@every_relation
def test_deleting_again_succeeds_and_changes_nothing(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    delete(two.accepter, peering_id)
    before = shown(two.requester, peering_id)
    advance(server, SECOND)
    assert delete(two.requester, peering_id) is True
    assert shown(two.requester, peering_id) == before


@pytest.mark.rule("S209", "S208", "S204")
@every_relation
def test_with_real_delays_deleting_shows_between_regions_only(relation: str) -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server, relation)
        peering_id = two.pending()
        advance(server, 2 * SECOND)
        two.accept(peering_id)
        advance(server, 2 * SECOND)
        assert delete(two.requester, peering_id) is True
        if two.peer_region == HERE:
            assert state(two.accepter, peering_id) == "deleted"
            return
        advance(server, SECOND - 1)
        seen = shown(two.accepter, peering_id)
        assert seen["Status"] == {"Code": "deleting", "Message": "Deleting"}
        assert delete(two.accepter, peering_id) is True
        advance(server, 1)
        status = {"Code": "deleted", "Message": f"Deleted by {ONE}"}
        assert shown(two.accepter, peering_id)["Status"] == shown(two.requester, peering_id)["Status"] == status


@pytest.mark.rule("S204", "S212")
def test_who_deleted_it_stays_when_the_other_account_is_emptied_meanwhile() -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server, "cross account and Region")
        peering_id = two.pending()
        advance(server, 2 * SECOND)
        two.accept(peering_id)
        advance(server, 2 * SECOND)
        delete(two.requester, peering_id)
        server.store.run_now(Kind.WRITE, lambda unit: administration.reset_account(unit, OTHER))
        assert shown(two.requester, peering_id)["Status"] == {"Code": "deleted", "Message": f"Deleted by {ONE}"}
        advance(server, 2 * HOUR)
        assert refused(two.requester.describe_vpc_peering_connections, VpcPeeringConnectionIds=[peering_id]) == not_found(
            peering_id
        )


@pytest.mark.rule("S209")
def test_a_connection_is_deleted_while_it_is_provisioned() -> None:
    with InProcess(REALISTIC) as server:
        two = pair(server)
        peering_id = two.pending()
        advance(server, 2 * SECOND)
        two.accept(peering_id)
        assert delete(two.accepter, peering_id) is True
        advance(server, 10 * SECOND)
        assert shown(two.requester, peering_id)["Status"]["Message"] == f"Deleted by {OTHER}"


@pytest.mark.rule("S277")
def test_after_the_deletion_the_vpcs_are_free(server: InProcess) -> None:
    two = pair(server, "cross account and Region")
    peering_id = two.active()
    assert two.peer_region == THERE
    delete(two.accepter, peering_id)
    two.requester.delete_vpc(VpcId=two.vpc)
    two.accepter.delete_vpc(VpcId=two.peer)
    assert state(two.requester, peering_id) == "deleted"
