"""How long an ended connection is seen, by whom, to the millisecond (S212)."""

import pytest

from isthmus.testing import InProcess
from tests.api.peerings import (
    DAY,
    HOUR,
    Client,
    Pair,
    advance,
    filtered,
    listed,
    not_found,
    pair,
    refused,
    shown,
)

WINDOWS = [
    ("cross account", "failed", 2 * HOUR, None),
    ("cross account", "expired", 2 * DAY, 2 * DAY),
    ("cross account", "rejected", 2 * DAY, 2 * HOUR),
    ("cross account", "deleted", 2 * HOUR, 2 * DAY),
    ("cross account and Region", "failed", 2 * HOUR, None),
    ("cross account and Region", "expired", 2 * DAY, 2 * DAY),
    ("cross account and Region", "rejected", 2 * DAY, 2 * HOUR),
    ("cross account and Region", "deleted", 2 * HOUR, 2 * DAY),
    ("same account", "failed", 2 * HOUR, 2 * HOUR),
    ("same account", "expired", 2 * DAY, 2 * DAY),
    ("same account", "rejected", 2 * HOUR, 2 * HOUR),
    ("same account", "deleted", 2 * HOUR, 2 * HOUR),
    ("cross Region", "failed", 2 * HOUR, 2 * HOUR),
    ("cross Region", "expired", 2 * DAY, 2 * DAY),
    ("cross Region", "rejected", 2 * HOUR, 2 * HOUR),
    ("cross Region", "deleted", 2 * HOUR, 2 * HOUR),
]


def check_gone(ec2: Client, peering_id: str) -> None:
    """No list has it, and no action finds it."""
    assert listed(ec2) == []
    assert filtered(ec2, ("vpc-peering-connection-id", [peering_id])) == []
    assert filtered(ec2, ("status-code", ["*"])) == []
    assert filtered(ec2, ("tag-key", ["Name"])) == []
    describe = ec2.describe_vpc_peering_connections
    assert refused(describe, VpcPeeringConnectionIds=[peering_id]) == not_found(peering_id)
    for action in ("accept", "reject", "delete"):
        call = getattr(ec2, f"{action}_vpc_peering_connection")
        assert refused(call, VpcPeeringConnectionId=peering_id) == not_found(peering_id)
    tag = ec2.create_tags
    assert refused(tag, Resources=[peering_id], Tags=[{"Key": "Name", "Value": "x"}]) == not_found(peering_id)


def check_seen(ec2: Client, peering_id: str, end: str) -> None:
    assert listed(ec2) == [peering_id]
    assert filtered(ec2, ("status-code", [end])) == [peering_id]
    assert shown(ec2, peering_id)["Status"]["Code"] == end


@pytest.mark.rule("S212", "S213", "S214", "S251")
@pytest.mark.parametrize(("relation", "end", "to_requester", "to_accepter"), WINDOWS)
def test_each_side_sees_an_ended_connection_until_its_window_closes(
    server: InProcess, relation: str, end: str, to_requester: int, to_accepter: int | None
) -> None:
    two = pair(server, relation)
    peering_id = two.ended(end, server)
    closings = [(to_requester, two.requester), (to_accepter, two.accepter)]
    gone_by = 0
    for window, ec2 in sorted(((window or 0, ec2) for window, ec2 in closings), key=lambda each: each[0]):
        if window > gone_by:
            advance(server, window - 1 - gone_by)
            check_seen(ec2, peering_id, end)
            advance(server, 1)
            gone_by = window
        check_gone(ec2, peering_id)


@pytest.mark.rule("S212")
def test_the_deleters_window_is_the_short_one_whichever_side_it_is(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.active()
    two.accepter.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    advance(server, 2 * HOUR)
    check_gone(two.accepter, peering_id)
    check_seen(two.requester, peering_id, "deleted")
    advance(server, 2 * DAY - 2 * HOUR)
    check_gone(two.requester, peering_id)


@pytest.mark.rule("S212")
def test_a_pending_request_that_fails_disappears_for_the_accepter_at_once(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    assert listed(two.accepter) == [peering_id]
    two.accepter.associate_vpc_cidr_block(VpcId=two.peer, CidrBlock="10.1.7.0/24")
    check_gone(two.accepter, peering_id)
    check_seen(two.requester, peering_id, "failed")


@pytest.mark.rule("S212")
@pytest.mark.parametrize("relation", ["cross account", "same account"])
def test_an_active_connection_is_seen_for_ever(server: InProcess, relation: str) -> None:
    two: Pair = pair(server, relation)
    peering_id = two.active()
    advance(server, 1_000 * DAY)
    check_seen(two.requester, peering_id, "active")
    check_seen(two.accepter, peering_id, "active")


@pytest.mark.rule("S211", "S212")
def test_expiry_and_disappearance_need_no_call_in_between(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    advance(server, 9 * DAY)
    check_gone(two.requester, peering_id)
    check_gone(two.accepter, peering_id)


@pytest.mark.rule("S213")
def test_an_ended_connection_keeps_its_tags_and_can_be_tagged_while_it_is_seen(server: InProcess) -> None:
    two = pair(server)
    name = {"Key": "Name", "Value": "kept"}
    peering_id = two.pending(TagSpecifications=[{"ResourceType": "vpc-peering-connection", "Tags": [name]}])
    two.requester.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert shown(two.requester, peering_id)["Tags"] == [name]
    late = {"Key": "Late", "Value": "yes"}
    two.accepter.create_tags(Resources=[peering_id], Tags=[late])
    assert shown(two.accepter, peering_id)["Tags"] == [late]
    advance(server, 2 * HOUR)
    assert two.requester.describe_tags()["Tags"] == []
    assert shown(two.accepter, peering_id)["Tags"] == [late]
