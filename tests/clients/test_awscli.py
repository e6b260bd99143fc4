"""AWS CLI v1, unmodified, against a real server: commands as a user types them, exit codes and what stands on stderr."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.server import WHERE, Place, Server, client_environment, pair

pytestmark = pytest.mark.extended

Aws = Callable[..., Any]
Run = Callable[..., subprocess.CompletedProcess[str]]
UNKNOWN = "pcx-0123456789abcdef0"
FAILED = 255
"""AWS CLI v1's exit status for whatever the service refuses."""
QUERY_ID = ("--query", "Vpc.VpcId")


@pytest.fixture
def run(server: Server, aws: Path, tmp_path: Path) -> Run:
    """Run `aws` as somebody in a Region."""

    def command(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
        environment = client_environment(server, place, tmp_path)
        return subprocess.run([aws, *words], env=environment, capture_output=True, text=True, check=False)

    return command


@pytest.fixture
def ec2(run: Run) -> Aws:
    """Run `aws ec2`, which must succeed, and return what it printed as JSON."""

    def command(place: Place, *words: str) -> Any:
        done = run(place, "ec2", *words)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout) if done.stdout.strip() else None

    return command


def vpc(ec2: Aws, place: Place, cidr: str) -> str:
    return ec2(place, "create-vpc", "--cidr-block", cidr, *QUERY_ID)


def peer_words(peer: dict[str, str]) -> list[str]:
    names = {"PeerOwnerId": "--peer-owner-id", "PeerRegion": "--peer-region"}
    return [word for name, value in peer.items() for word in (names[name], value)]


@pytest.mark.parametrize("where", WHERE)
def test_a_connection_lives_from_request_to_deletion(ec2: Aws, where: str) -> None:
    ends = pair(**WHERE[where])
    own, peer = vpc(ec2, ends.requester, "10.1.0.0/16"), vpc(ec2, ends.accepter, "10.2.0.0/16")
    ec2(ends.requester, "wait", "vpc-available", "--vpc-ids", own)
    ask = ("create-vpc-peering-connection", "--vpc-id", own, "--peer-vpc-id", peer, *peer_words(ends.peer))
    tags = ("--tag-specifications", "ResourceType=vpc-peering-connection,Tags=[{Key=Side,Value=requester}]")
    created = ec2(ends.requester, *ask, *tags)["VpcPeeringConnection"]
    pcx = created["VpcPeeringConnectionId"]
    assert created["Status"]["Code"] == "initiating-request"
    assert created["Tags"] == [{"Key": "Side", "Value": "requester"}]

    one = ("--vpc-peering-connection-id", pcx)
    several = ("--vpc-peering-connection-ids", pcx)
    ec2(ends.accepter, "wait", "vpc-peering-connection-exists", *several)
    accepted = ec2(ends.accepter, "accept-vpc-peering-connection", *one)["VpcPeeringConnection"]
    assert accepted["Status"] == {"Code": "provisioning", "Message": "Provisioning"}
    state = ("describe-vpc-peering-connections", *several, "--query", "VpcPeeringConnections[].Status.Code")
    assert [ec2(place, *state) for place in (ends.requester, ends.accepter)] == [["active"], ["active"]]
    found = ec2(ends.requester, "describe-vpc-peering-connections", "--filters", "Name=status-code,Values=active")
    assert [each["VpcPeeringConnectionId"] for each in found["VpcPeeringConnections"]] == [pcx]

    assert ec2(ends.requester, "delete-vpc-peering-connection", *one) == {"Return": True}
    for place in (ends.requester, ends.accepter):
        ec2(place, "wait", "vpc-peering-connection-deleted", *several)
    assert ec2(ends.accepter, *state) == ["deleted"]
    assert ec2(ends.requester, "delete-vpc", "--vpc-id", own) is None


def test_a_request_is_rejected(ec2: Aws) -> None:
    ends = pair(accounts=2)
    own, peer = vpc(ec2, ends.requester, "10.1.0.0/16"), vpc(ec2, ends.accepter, "10.2.0.0/16")
    ask = ("create-vpc-peering-connection", "--vpc-id", own, "--peer-vpc-id", peer, *peer_words(ends.peer))
    pcx = ec2(ends.requester, *ask, "--query", "VpcPeeringConnection.VpcPeeringConnectionId")
    assert ec2(ends.accepter, "reject-vpc-peering-connection", "--vpc-peering-connection-id", pcx) == {"Return": True}
    shown = ec2(ends.requester, "describe-vpc-peering-connections", "--vpc-peering-connection-ids", pcx)
    assert shown["VpcPeeringConnections"][0]["Status"]["Code"] == "rejected"


def test_pages_options_and_tags_work_as_typed(ec2: Aws) -> None:
    place = pair().requester
    made = [vpc(ec2, place, f"10.{number}.0.0/16") for number in range(8)]
    ec2(place, "create-tags", "--resources", *made[:2], "--tags", "Key=Team,Value=blue and green", "Key=Empty,Value=")
    listed = ("describe-vpcs", "--page-size", "5", "--query", "Vpcs[].VpcId")
    assert sorted(ec2(place, *listed)) == sorted(made)
    first = ec2(place, "describe-vpcs", "--page-size", "5", "--max-items", "7")
    assert len(first["Vpcs"]) == 7
    rest = ec2(place, "describe-vpcs", "--page-size", "5", "--starting-token", first["NextToken"])
    assert sorted(each["VpcId"] for each in (*first["Vpcs"], *rest["Vpcs"])) == sorted(made)
    assert "NextToken" not in rest
    filters = ("--filters", "Name=tag:Team,Values=blue*", "Name=cidr,Values=10.0.0.0/16,10.7.0.0/16")
    assert ec2(place, "describe-vpcs", *filters, "--query", "Vpcs[].VpcId") == made[:1]
    ec2(place, "delete-tags", "--resources", made[0], "--tags", "Key=Team")
    tags = ec2(place, "describe-tags", "--filters", "Name=key,Values=Team,Empty")["Tags"]
    assert sorted((tag["ResourceId"], tag["Key"], tag["Value"]) for tag in tags) == sorted(
        [(made[0], "Empty", ""), (made[1], "Empty", ""), (made[1], "Team", "blue and green")]
    )


def test_attributes_and_options_are_changed_with_their_flags(ec2: Aws) -> None:
    place = pair().requester
    own, peer = vpc(ec2, place, "10.1.0.0/16"), vpc(ec2, place, "10.2.0.0/16")
    ec2(place, "modify-vpc-attribute", "--vpc-id", own, "--enable-dns-hostnames", '{"Value":true}')
    attribute = ec2(place, "describe-vpc-attribute", "--vpc-id", own, "--attribute", "enableDnsHostnames")
    assert attribute == {"VpcId": own, "EnableDnsHostnames": {"Value": True}}
    ask = ("create-vpc-peering-connection", "--vpc-id", own, "--peer-vpc-id", peer)
    pcx = ec2(place, *ask, "--query", "VpcPeeringConnection.VpcPeeringConnectionId")
    ec2(place, "accept-vpc-peering-connection", "--vpc-peering-connection-id", pcx)
    options = ("--requester-peering-connection-options", "AllowDnsResolutionFromRemoteVpc=true")
    changed = ec2(place, "modify-vpc-peering-connection-options", "--vpc-peering-connection-id", pcx, *options)
    assert changed == {"RequesterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": True}}


REFUSED: dict[tuple[str, ...], tuple[str, str, str]] = {
    ("delete-vpc-peering-connection", "--vpc-peering-connection-id", UNKNOWN): (
        "InvalidVpcPeeringConnectionID.NotFound",
        "DeleteVpcPeeringConnection",
        f"The vpcPeeringConnection ID '{UNKNOWN}' does not exist",
    ),
    ("accept-vpc-peering-connection", "--vpc-peering-connection-id", "pcx"): (
        "InvalidVpcPeeringConnectionId.Malformed",
        "AcceptVpcPeeringConnection",
        'Invalid id: "pcx" (expecting "pcx-...")',
    ),
    ("describe-instances",): (
        "InvalidAction",
        "DescribeInstances",
        "The action DescribeInstances is not valid for this web service.",
    ),
    ("create-vpc", "--cidr-block", "10.0.0.0/16", "--dry-run"): (
        "DryRunOperation",
        "CreateVpc",
        "Request would have succeeded, but DryRun flag is set.",
    ),
}


@pytest.mark.parametrize("words", REFUSED, ids=lambda words: words[0])
def test_a_refusal_prints_the_words_of_ec2_and_fails(run: Run, words: tuple[str, ...]) -> None:
    code, action, text = REFUSED[words]
    done = run(pair().requester, "ec2", *words)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert done.stderr.strip().endswith(f"An error occurred ({code}) when calling the {action} operation: {text}")


def test_a_dry_run_leaves_nothing_behind(run: Run, ec2: Aws) -> None:
    place = pair().requester
    run(place, "ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--dry-run")
    assert ec2(place, "describe-vpcs") == {"Vpcs": []}


def test_the_caller_is_the_account_of_the_key(run: Run) -> None:
    place = pair().requester
    done = run(place, "sts", "get-caller-identity")
    assert json.loads(done.stdout)["Arn"] == f"arn:aws:iam::{place.account}:root"
