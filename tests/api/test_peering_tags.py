"""Tags of connections as boto3 sees them: per account and Region, on either side (S295-S297)."""

import pytest

from isthmus.testing import InProcess
from tests.api.peerings import Client, every_relation, filtered, not_found, pair, refused, shown

MINE, YOURS = [{"Key": "Name", "Value": "mine"}], [{"Key": "Name", "Value": "yours"}]
SPECIFICATION = {"ResourceType": "vpc-peering-connection", "Tags": MINE}


def tags(ec2: Client, peering_id: str) -> list[dict[str, str]]:
    return shown(ec2, peering_id)["Tags"]


def tag(ec2: Client, peering_id: str, new: list[dict[str, str]]) -> None:
    ec2.create_tags(Resources=[peering_id], Tags=new)


@pytest.mark.rule("S295", "S222")
@every_relation
def test_tags_given_at_creation_are_the_requesters(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    asked = two.ask(TagSpecifications=[SPECIFICATION])
    assert asked["Tags"] == tags(two.requester, asked["VpcPeeringConnectionId"]) == MINE
    seen = tags(two.accepter, asked["VpcPeeringConnectionId"])
    assert seen == (MINE if relation == "same account" else [])


@pytest.mark.rule("S295", "S296")
@pytest.mark.parametrize("relation", ["cross account", "cross Region", "cross account and Region"])
def test_each_side_has_its_own_tags(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending(TagSpecifications=[SPECIFICATION])
    tag(two.accepter, peering_id, YOURS)
    assert (tags(two.requester, peering_id), tags(two.accepter, peering_id)) == (MINE, YOURS)
    two.accepter.delete_tags(Resources=[peering_id], Tags=[{"Key": "Name"}])
    assert (tags(two.requester, peering_id), tags(two.accepter, peering_id)) == (MINE, [])


@pytest.mark.rule("S296")
@pytest.mark.parametrize("relation", ["cross account", "cross Region"])
def test_tag_filters_see_only_the_callers_own_tags(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending(TagSpecifications=[SPECIFICATION])
    tag(two.accepter, peering_id, [*YOURS, {"Key": "Other", "Value": ""}])
    for wanted, mine, yours in (
        (("tag:Name", ["mine"]), True, False),
        (("tag:Name", ["yours"]), False, True),
        (("tag:Name", ["*"]), True, True),
        (("tag-key", ["Other"]), False, True),
        (("tag:Other", [""]), False, True),
    ):
        found = [filtered(ec2, wanted) for ec2 in (two.requester, two.accepter)]
        assert found == [[peering_id] if mine else [], [peering_id] if yours else []]


@pytest.mark.rule("S297")
def test_in_one_account_and_region_there_is_one_set_of_tags(server: InProcess) -> None:
    two = pair(server, "same account")
    peering_id = two.pending(TagSpecifications=[SPECIFICATION])
    tag(two.accepter, peering_id, YOURS)
    assert tags(two.requester, peering_id) == tags(two.accepter, peering_id) == YOURS


@pytest.mark.rule("S225", "S295")
def test_the_answer_to_accept_has_the_accepters_tags(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending(TagSpecifications=[SPECIFICATION])
    tag(two.accepter, peering_id, YOURS)
    assert two.accept(peering_id)["Tags"] == YOURS


@pytest.mark.rule("S296")
def test_what_is_not_seen_is_not_tagged(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    stranger = server.client("333333333333")
    for call in (stranger.create_tags, stranger.delete_tags):
        assert refused(call, Resources=[peering_id], Tags=MINE) == not_found(peering_id)


@pytest.mark.rule("S295")
def test_tags_stay_through_the_life_of_a_connection(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending(TagSpecifications=[SPECIFICATION])
    two.accept(peering_id)
    assert tags(two.requester, peering_id) == MINE
    two.accepter.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert tags(two.requester, peering_id) == MINE
