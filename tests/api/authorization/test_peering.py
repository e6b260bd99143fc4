"""Peering across accounts under least privilege, on a real server that checks every signature; and each condition broken.

The networkers of account A may ask for connections between their VPC and B's, tagged with their team; those of B may accept
them. Nothing else is allowed to either, so that whatever is refused was refused for the one thing that is different.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.api.authorization.asking import allow, arn, document
from tests.api.iam.world import refusal
from tests.running import Running, running

TEAM: Final = [{"Key": "team", "Value": "net"}]
DENIED: Final = (403, "UnauthorizedOperation")


class Side(NamedTuple):
    """An account: its root, its networker, and its two VPCs, of which the policies name one."""

    account: str
    root: Any
    networker: Any
    vpc: str
    other: str


class Scene(NamedTuple):
    """Two accounts, A and B."""

    a: Side
    b: Side

    def asked(self, **other: Any) -> dict[str, Any]:
        """What A's networker may ask for, but for what is said otherwise."""
        tags = [{"ResourceType": "vpc-peering-connection", "Tags": TEAM}]
        allowed = {"VpcId": self.a.vpc, "PeerVpcId": self.b.vpc, "PeerOwnerId": self.b.account, "TagSpecifications": tags}
        return {name: value for name, value in {**allowed, **other}.items() if value is not None}

    def ask(self, **other: Any) -> str:
        """Ask as A's networker; answer the connection's id."""
        answer = self.a.networker.create_vpc_peering_connection(**self.asked(**other))
        peering_id: str = answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        return peering_id


def side(server: Running, name: str, number: int) -> Side:
    made = server.run("accounts", "create", name)
    key, secret = made["access_key_id"], made["secret_access_key"]
    root, iam = server.client(key, secret), server.client(key, secret, service="iam")
    vpcs = [root.create_vpc(CidrBlock=f"10.{2 * number + each}.0.0/16")["Vpc"]["VpcId"] for each in (0, 1)]
    iam.create_user(UserName="networker")
    mine = iam.create_access_key(UserName="networker")["AccessKey"]
    networker = server.client(mine["AccessKeyId"], mine["SecretAccessKey"])
    return Side(made["account_id"], root, networker, *vpcs)


def let(server: Running, who: Side, *statements: Any) -> None:
    key = who.root._request_signer._credentials
    iam = server.client(key.access_key, key.secret_key, service="iam")
    iam.put_user_policy(UserName="networker", PolicyName="peering", PolicyDocument=document(*statements))


def connections(of: Side) -> str:
    return arn("vpc-peering-connection", "*", of.account)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("peering")
    with running(folder, "--auth=enforce") as up:
        yield up


@pytest.fixture(scope="module")
def scene(server: Running) -> Scene:
    a, b = side(server, "a", 0), side(server, "b", 1)
    ours, theirs = arn("vpc", a.vpc, a.account), arn("vpc", b.vpc, b.account)
    let(
        server,
        a,
        allow("CreateVpcPeeringConnection", resource=ours),
        allow(
            "CreateVpcPeeringConnection",
            resource=connections(a),
            ArnEquals={"ec2:AccepterVpc": theirs, "ec2:RequesterVpc": ours},
            StringEquals={"aws:RequestTag/team": "net"},
        ),
        allow(
            "CreateTags",
            resource=connections(a),
            **{
                "StringEquals": {"ec2:CreateAction": "CreateVpcPeeringConnection"},
                "ForAllValues:StringEquals": {"aws:TagKeys": "team"},
            },
        ),
        allow("DeleteVpcPeeringConnection", resource=connections(a), StringEquals={"ec2:ResourceTag/team": "net"}),
    )
    let(
        server,
        b,
        allow("AcceptVpcPeeringConnection", resource=theirs, StringEquals={"ec2:ResourceTag/peered": "yes"}),
        allow(
            "AcceptVpcPeeringConnection", resource=connections(b), ArnLike={"ec2:RequesterVpc": arn("vpc", "*", a.account)}
        ),
    )
    b.root.create_tags(Resources=[b.vpc], Tags=[{"Key": "peered", "Value": "yes"}])
    return Scene(a, b)


@pytest.mark.rule("S401", "S402", "S403", "S405", "I119", "I134", "I135")
def test_what_the_policies_say_is_allowed_and_works(scene: Scene) -> None:
    peering_id = scene.ask()
    accepted = scene.b.networker.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    assert accepted["VpcPeeringConnection"]["Status"]["Code"] == "provisioning"
    assert scene.a.networker.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["Return"] is True


@pytest.mark.rule("S402", "S403", "S405", "I134", "I137", "I138")
@pytest.mark.parametrize(
    "broken",
    [
        {"VpcId": "other of a"},
        {"PeerVpcId": "other of b"},
        {"PeerOwnerId": None},
        {"PeerRegion": "us-west-2"},
        {"TagSpecifications": None},
        {"TagSpecifications": [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "team", "Value": "web"}]}]},
        {"TagSpecifications": [{"ResourceType": "vpc-peering-connection", "Tags": [*TEAM, {"Key": "more", "Value": ""}]}]},
    ],
)
def test_a_request_that_breaks_one_condition_is_refused_and_makes_nothing(scene: Scene, broken: dict[str, Any]) -> None:
    others = {"other of a": scene.a.other, "other of b": scene.b.other}
    before = scene.a.root.describe_vpc_peering_connections()["VpcPeeringConnections"]
    said = {name: others.get(value, value) if isinstance(value, str) else value for name, value in broken.items()}
    assert refusal(scene.a.networker.create_vpc_peering_connection, **scene.asked(**said))[:2] == DENIED
    assert scene.a.root.describe_vpc_peering_connections()["VpcPeeringConnections"] == before


@pytest.mark.rule("I119", "S402", "S403")
def test_an_acceptance_that_breaks_one_condition_is_refused(scene: Scene) -> None:
    own = scene.b.root.create_vpc_peering_connection(VpcId=scene.b.other, PeerVpcId=scene.b.vpc)["VpcPeeringConnection"]
    not_from_a = own["VpcPeeringConnectionId"]
    assert refusal(scene.b.networker.accept_vpc_peering_connection, VpcPeeringConnectionId=not_from_a)[:2] == DENIED
    asked = scene.a.root.create_vpc_peering_connection(
        VpcId=scene.a.vpc, PeerVpcId=scene.b.other, PeerOwnerId=scene.b.account
    )
    not_to_ours = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    assert refusal(scene.b.networker.accept_vpc_peering_connection, VpcPeeringConnectionId=not_to_ours)[:2] == DENIED
    pending = scene.ask()
    scene.b.root.delete_tags(Resources=[scene.b.vpc])
    assert refusal(scene.b.networker.accept_vpc_peering_connection, VpcPeeringConnectionId=pending)[:2] == DENIED
    scene.b.root.create_tags(Resources=[scene.b.vpc], Tags=[{"Key": "peered", "Value": "yes"}])
    scene.b.networker.accept_vpc_peering_connection(VpcPeeringConnectionId=pending)
    scene.a.root.delete_vpc_peering_connection(VpcPeeringConnectionId=pending)


@pytest.mark.rule("I99", "I133", "I135")
def test_tags_that_only_the_other_side_sees_do_not_help(scene: Scene) -> None:
    asked = scene.a.root.create_vpc_peering_connection(
        VpcId=scene.a.other, PeerVpcId=scene.b.other, PeerOwnerId=scene.b.account
    )
    peering_id = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    scene.b.root.create_tags(Resources=[peering_id], Tags=TEAM)
    assert refusal(scene.a.networker.delete_vpc_peering_connection, VpcPeeringConnectionId=peering_id)[:2] == DENIED
    scene.a.root.create_tags(Resources=[peering_id], Tags=TEAM)
    scene.a.networker.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
