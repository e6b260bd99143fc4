"""Two accounts that peer under least privilege: a networker of one asks, and accepts in a role of the other.

An open server's 12 digits make it all; from then on a key that was issued is whoever it was issued to, and policies hold.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import boto3

from tests.clients.server import Server, account

EXTERNAL_ID = "isthmus-42"
ROLE = "peering-accepter"
REGION = "us-east-1"


class Scene(NamedTuple):
    """Who asks, and the role that accepts; each account has a VPC for it, tagged `peered=yes`, and another one."""

    asking: str
    accepting: str
    key: str
    secret: str
    role_arn: str
    own: str
    own_other: str
    peer: str
    peer_other: str


def client(server: Server, key: str, service: str = "ec2", *, secret: str = "test", token: str | None = None) -> Any:
    """A boto3 client of whoever has that key."""
    return boto3.session.Session().client(
        service,
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def allow(*actions: str, resource: str | Sequence[str] = "*", **condition: Any) -> dict[str, Any]:
    """A statement, whose condition is given operator by operator."""
    given = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **given}


def document(*statements: Any) -> str:
    """The text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def arn(kind: str, name: str, owner: str) -> str:
    """The ARN of something of EC2."""
    return f"arn:aws:ec2:{REGION}:{owner}:{kind}/{name}"


def scene(server: Server) -> Scene:
    """Make the accounts' VPCs, the networker and the role, each with exactly what it needs."""
    asking, accepting = account(), account()
    own, own_other = (_vpc(server, asking, f"10.{number}.0.0/16") for number in (1, 2))
    peer, peer_other = (_vpc(server, accepting, f"10.{number}.0.0/16") for number in (3, 4))
    client(server, accepting).create_tags(Resources=[peer], Tags=[{"Key": "peered", "Value": "yes"}])
    role_arn = f"arn:aws:iam::{accepting}:role/{ROLE}"
    iam = client(server, asking, "iam")
    iam.create_user(UserName="networker")
    statements = (*may_ask(asking, own, accepting, peer), allow("sts:AssumeRole", resource=role_arn))
    iam.put_user_policy(UserName="networker", PolicyName="peering", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName="networker")["AccessKey"]
    lend(server, accepting, asking, *may_accept(accepting, asking))
    issued = (key["AccessKeyId"], key["SecretAccessKey"])
    return Scene(asking, accepting, *issued, role_arn, own, own_other, peer, peer_other)


def lend(server: Server, owner: str, trusted: str, *statements: Any) -> None:
    """Make a role that another account may assume if it says the external id."""
    opening = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": trusted},
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }
    iam = client(server, owner, "iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document(opening))
    iam.put_role_policy(RoleName=ROLE, PolicyName="accepts", PolicyDocument=document(*statements))


def may_ask(asking: str, own: str, accepting: str, peer: str) -> list[dict[str, Any]]:
    """Ask for connections between these VPCs, tagged `team=net`, and delete those."""
    connections, ours = arn("vpc-peering-connection", "*", asking), arn("vpc", own, asking)
    create, tag = "ec2:CreateVpcPeeringConnection", "ec2:CreateTags"
    return [
        allow(create, resource=ours),
        allow(
            create,
            resource=connections,
            ArnEquals={"ec2:AccepterVpc": arn("vpc", peer, accepting), "ec2:RequesterVpc": ours},
            StringEquals={"aws:RequestTag/team": "net"},
        ),
        allow(tag, resource=connections, StringEquals={"ec2:CreateAction": "CreateVpcPeeringConnection"}),
        allow("ec2:DeleteVpcPeeringConnection", resource=connections, StringEquals={"ec2:ResourceTag/team": "net"}),
    ]


def may_accept(accepting: str, asking: str) -> list[dict[str, Any]]:
    """Accept the other account's requests for VPCs that are tagged `peered=yes`, and see connections."""
    accept = "ec2:AcceptVpcPeeringConnection"
    return [
        allow("ec2:DescribeVpcPeeringConnections"),
        allow(accept, resource=arn("vpc", "*", accepting), StringEquals={"ec2:ResourceTag/peered": "yes"}),
        allow(
            accept,
            resource=arn("vpc-peering-connection", "*", accepting),
            ArnLike={"ec2:RequesterVpc": arn("vpc", "*", asking)},
        ),
    ]


def _vpc(server: Server, owner: str, cidr: str) -> str:
    vpc_id: str = client(server, owner).create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    return vpc_id
