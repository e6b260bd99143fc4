"""A dry run of any action: the answer that it would have succeeded, and nothing else."""

import pytest

from isthmus.testing import InProcess
from tests.api.test_every_action import ACTIONS, PEER, code, furnished, good, rows, send

EC2_ACTIONS = [action for service, action in ACTIONS if service == "ec2"]


@pytest.mark.rule("S134", "S123")
@pytest.mark.parametrize("action", EC2_ACTIONS)
def test_a_dry_run_says_that_it_would_have_succeeded_and_changes_nothing(server: InProcess, action: str) -> None:
    ids = furnished(server)
    before = rows(server)
    answer = send(server, "ec2", action, {**good(action, ids), "DryRun": "true"})
    assert (answer.status, code(answer)) == (412, "DryRunOperation")
    assert b"<Message>Request would have succeeded, but DryRun flag is set.</Message>" in answer.body
    assert rows(server) == before


@pytest.mark.rule("S134")
@pytest.mark.parametrize("action", EC2_ACTIONS)
def test_dry_run_false_is_no_dry_run(server: InProcess, action: str) -> None:
    assert send(server, "ec2", action, {**good(action, furnished(server)), "DryRun": "false"}).status == 200


@pytest.mark.rule("S134")
@pytest.mark.parametrize(
    ("action", "given", "expected"),
    [
        ("CreateVpcPeeringConnection", {"PeerVpcId": "{peer}"}, "MissingParameter"),
        ("CreateVpcPeeringConnection", {"VpcId": "x", "PeerVpcId": "{peer}"}, "InvalidVpcId.Malformed"),
        ("DeleteVpc", {"VpcId": "vpc-00000000000000000"}, "InvalidVpcID.NotFound"),
        ("DescribeVpcs", {"MaxResults": "4"}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
    ],
)
def test_a_dry_run_is_refused_as_the_call_would_be(
    server: InProcess, action: str, given: dict[str, str], expected: str
) -> None:
    ids = furnished(server)
    parameters = {name: value.format_map(ids) for name, value in given.items()}
    answer = send(server, "ec2", action, {**parameters, "DryRun": "true"})
    assert (answer.status, code(answer)) == (400, expected)


@pytest.mark.rule("S134")
def test_a_dry_run_does_not_tell_whether_anothers_object_is_there(server: InProcess) -> None:
    ids = furnished(server)
    stranger = send(server, "ec2", "DeleteVpc", {"VpcId": ids["lonely"], "DryRun": "true"}, PEER)
    assert code(stranger) == "InvalidVpcID.NotFound"
