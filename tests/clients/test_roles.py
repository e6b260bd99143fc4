"""Peering across accounts through an assumed role, under least privilege: AWS CLI profiles and boto3 with a session policy.

Each story is also told with one condition broken. Terraform tells its own in `test_terraform`.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.clients.roles import EXTERNAL_ID, REGION, Scene, allow, arn, client, document, scene
from tests.clients.server import Server

pytestmark = pytest.mark.extended

PROFILES = """\
[profile networker]
aws_access_key_id = {key}
aws_secret_access_key = {secret}

[profile accepter]
role_arn = {role_arn}
source_profile = networker
external_id = {external_id}

[profile stranger]
role_arn = {role_arn}
source_profile = networker
external_id = {external_id}-7
"""
TAGGED = "ResourceType=vpc-peering-connection,Tags=[{Key=team,Value=%s}]"

Aws = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def peers(server: Server) -> Scene:
    return scene(server)


@pytest.fixture
def profiles(peers: Scene, tmp_path: Path) -> Path:
    """The shared config of the networker."""
    text = PROFILES.format(key=peers.key, secret=peers.secret, role_arn=peers.role_arn, external_id=EXTERNAL_ID)
    (tmp_path / "config").write_text(text)
    return tmp_path / "config"


@pytest.fixture
def run(server: Server, aws: Path, profiles: Path, tmp_path: Path) -> Aws:
    """Run `aws` with a profile, and with no keys but those of the profile."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(profiles),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
    }

    def command(profile: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [aws, "--profile", profile, *words], env=environment, capture_output=True, text=True, check=False
        )

    return command


def told(done: "subprocess.CompletedProcess[str]") -> Any:
    """What a command that succeeded printed."""
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def ask(peers: Scene, *, own: str = "", peer: str = "", team: str = "net") -> tuple[str, ...]:
    """The words that ask for a connection: what is allowed, but for what is said otherwise."""
    ends = ("--vpc-id", own or peers.own, "--peer-vpc-id", peer or peers.peer, "--peer-owner-id", peers.accepting)
    return ("ec2", "create-vpc-peering-connection", *ends, "--tag-specifications", TAGGED % team)


# --- AWS CLI ----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I120", "I173", "I201")
def test_a_profile_with_a_role_accepts_what_its_source_profile_asked_for(run: Aws, peers: Scene) -> None:
    pcx = told(run("networker", *ask(peers)))["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    identity = told(run("accepter", "sts", "get-caller-identity"))
    assert identity["Account"] == peers.accepting
    assert identity["Arn"].startswith(f"arn:aws:sts::{peers.accepting}:assumed-role/peering-accepter/")
    accepted = told(run("accepter", "ec2", "accept-vpc-peering-connection", "--vpc-peering-connection-id", pcx))
    assert accepted["VpcPeeringConnection"]["Status"]["Code"] == "provisioning"
    shown = told(run("accepter", "ec2", "describe-vpc-peering-connections", "--vpc-peering-connection-ids", pcx))
    assert [each["Status"]["Code"] for each in shown["VpcPeeringConnections"]] == ["active"]


@pytest.mark.rule("I120", "I156", "I176")
def test_a_profile_without_the_right_external_id_gets_nowhere(run: Aws, peers: Scene) -> None:
    done = run("stranger", "ec2", "describe-vpc-peering-connections")
    assert done.returncode != 0
    caller = f"arn:aws:iam::{peers.asking}:user/networker"
    assert f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {peers.role_arn}" in done.stderr


@pytest.mark.rule("I134", "I138", "S402", "S403")
@pytest.mark.parametrize("broken", [{"team": "web"}, {"own": "own_other"}, {"peer": "peer_other"}], ids=str)
def test_asking_with_one_condition_broken_is_refused(run: Aws, peers: Scene, broken: dict[str, str]) -> None:
    said = {name: getattr(peers, value, value) for name, value in broken.items()}
    done = run("networker", *ask(peers, **said))
    assert done.returncode != 0
    assert "UnauthorizedOperation" in done.stderr
    assert "not authorized to perform: ec2:CreateVpcPeeringConnection on resource: " in done.stderr


@pytest.mark.rule("I135", "S402")
def test_accepting_for_a_vpc_without_the_tag_is_refused(run: Aws, peers: Scene, server: Server) -> None:
    pcx = told(run("networker", *ask(peers)))["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    client(server, peers.accepting).delete_tags(Resources=[peers.peer])
    done = run("accepter", "ec2", "accept-vpc-peering-connection", "--vpc-peering-connection-id", pcx)
    assert done.returncode != 0
    assert f"on resource: {arn('vpc', peers.peer, peers.accepting)}" in done.stderr


# --- boto3 ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I115", "I120", "I201")
def test_boto3_with_a_session_policy_may_do_what_both_the_role_and_the_policy_allow(server: Server, peers: Scene) -> None:
    networker = client(server, peers.key, secret=peers.secret)
    tags = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "team", "Value": "net"}]}]
    asked = networker.create_vpc_peering_connection(
        VpcId=peers.own, PeerVpcId=peers.peer, PeerOwnerId=peers.accepting, TagSpecifications=tags
    )
    pcx = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    only_see = bounded(server, peers, document(allow("ec2:Describe*")))
    with pytest.raises(ClientError, match="no session policy allows the ec2:AcceptVpcPeeringConnection action"):
        only_see.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    seen = only_see.describe_vpc_peering_connections(VpcPeeringConnectionIds=[pcx])["VpcPeeringConnections"]
    assert [each["Status"]["Code"] for each in seen] == ["pending-acceptance"]
    accepting = bounded(server, peers, document(allow("ec2:AcceptVpcPeeringConnection")))
    accepted = accepting.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)["VpcPeeringConnection"]
    assert accepted["Status"]["Code"] == "provisioning"
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        accepting.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)


def bounded(server: Server, peers: Scene, policy: str) -> Any:
    """A client in a session of the role that this policy bounds."""
    sts = client(server, peers.key, "sts", secret=peers.secret)
    named = {"RoleArn": peers.role_arn, "RoleSessionName": "boto3", "ExternalId": EXTERNAL_ID}
    given = sts.assume_role(**named, Policy=policy)["Credentials"]
    return client(server, given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"])


@pytest.mark.rule("I201")
def test_boto3_assumes_the_role_of_a_profile_by_itself(
    server: Server, peers: Scene, profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    session = boto3.Session(profile_name="accepter", region_name=REGION)
    assert session.client("sts").get_caller_identity()["Account"] == peers.accepting
    assert session.client("ec2").describe_vpc_peering_connections()["VpcPeeringConnections"] == []
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        session.client("ec2").describe_vpcs()
