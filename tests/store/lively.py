"""A state with something of everything: connections in most states, tags of both sides, keys, a clock that was moved."""

from pathlib import Path

from isthmus.actions import administration
from isthmus.actions.start_file import applying, checking
from isthmus.config import Delays, Settings
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from tests.api.peerings import HERE, ONE, OTHER, THERE, UNKNOWN_VPC, Client, vpc
from tests.store.builders import NOW

STATES = ("pending-acceptance", "active", "rejected", "deleted", "deleting", "failed", "initiating-request")

ALLOW = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}'
VENDORS = "arn:aws:iam::aws:policy/AmazonVPCFullAccess"
TRUST = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", '
    f'"Principal": {{"AWS": "{OTHER}"}}}}}}'
)


def settings(file: Path) -> Settings:
    return Settings(data=str(file), delays=Delays(1, 1, 600))


def lively(file: Path) -> ManualClock:
    """Make the file, and return the clock as it then stands."""
    clock = ManualClock(NOW)
    with InProcess(settings(file), clock=clock) as server:
        server.store.run_now(Kind.WRITE, lambda unit: administration.create_account(unit, "alice", ONE))
        server.store.run_now(Kind.WRITE, lambda unit: administration.create_account(unit, "büro ☎", OTHER))
        server.store.run_now(Kind.WRITE, lambda unit: server.store.set_offset(unit, 5_000))
        _act(server, clock)
    return clock


def _act(server: InProcess, clock: ManualClock) -> None:
    one, other, there = server.client(ONE, HERE), server.client(OTHER, HERE), server.client(ONE, THERE)
    mine = [vpc(one, f"10.{number}.0.0/16") for number in range(2, 9)]
    others = [vpc(other, f"10.{number}.0.0/16") for number in range(20, 23)]
    distant = vpc(there, "10.30.0.0/16")
    first = [
        _ask(one, mine[0], others[0], OTHER, HERE),
        _ask(one, mine[1], others[1], OTHER, HERE),
        _ask(one, mine[2], others[2], OTHER, HERE),
        _ask(one, mine[3], others[0], OTHER, HERE),
        _ask(one, mine[4], distant, ONE, THERE),
        _ask(one, mine[5], UNKNOWN_VPC, OTHER, HERE),
    ]
    clock.advance(1_000)
    other.accept_vpc_peering_connection(VpcPeeringConnectionId=first[1])
    other.reject_vpc_peering_connection(VpcPeeringConnectionId=first[2])
    one.delete_vpc_peering_connection(VpcPeeringConnectionId=first[3])
    there.accept_vpc_peering_connection(VpcPeeringConnectionId=first[4])
    clock.advance(1_000)
    one.delete_vpc_peering_connection(VpcPeeringConnectionId=first[4])
    one.create_tags(Resources=[mine[0], first[1]], Tags=[{"Key": "Name", "Value": 'a "quoted"\nline \u2028 €'}])
    other.create_tags(Resources=[first[1]], Tags=[{"Key": "Name", "Value": ""}])
    options = one.describe_dhcp_options()["DhcpOptions"][0]["DhcpOptionsId"]
    one.create_tags(Resources=[options], Tags=[{"Key": "Name", "Value": "default"}])
    _ask(one, mine[6], others[2], OTHER, HERE)
    _name(server.client(ONE, HERE, "iam"))
    _begin(server.client(ONE, HERE, "sts"), server.client(OTHER, HERE, "sts"))
    server.store.run_now(Kind.WRITE, _organize)


def _name(iam: Client) -> None:
    """Make something of everything that IAM keeps."""
    iam.create_account_alias(AccountAlias="alices")
    iam.create_user(UserName="Ada", Path="/division/network/", Tags=[{"Key": "Team", "Value": "réseau"}])
    iam.create_access_key(UserName="Ada")
    iam.create_group(GroupName="network")
    iam.add_user_to_group(GroupName="network", UserName="Ada")
    policy = iam.create_policy(PolicyName="peer", PolicyDocument=ALLOW, Description="€")["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=ALLOW, SetAsDefault=True)
    iam.create_role(RoleName="peering", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=policy)
    iam.create_instance_profile(InstanceProfileName="peering")
    iam.add_role_to_instance_profile(InstanceProfileName="peering", RoleName="peering")
    iam.put_group_policy(GroupName="network", PolicyName="inline", PolicyDocument=ALLOW)
    iam.attach_user_policy(UserName="Ada", PolicyArn=policy)
    iam.attach_role_policy(RoleName="peering", PolicyArn=VENDORS)


def _begin(one: Client, other: Client) -> None:
    """Begin sessions of each kind."""
    one.get_session_token()
    one.get_federation_token(Name="eve", Policy=ALLOW, Tags=[{"Key": "Team", "Value": "réseau"}])
    arn = f"arn:aws:iam::{ONE}:role/peering"
    other.assume_role(RoleArn=arn, RoleSessionName="bob", Policy=ALLOW, PolicyArns=[{"arn": VENDORS}])


def _organize(unit: Unit) -> None:
    """Make something of everything that the organization keeps."""
    policies = [{"name": "all", "description": "€", "document": ALLOW}]
    attached = ["FullAWSAccess", "all"]
    said = {"management_account": ONE, "policies": policies, "service_control_policies": attached}
    applying.apply(unit, checking.checked({"organization": said}))


def _ask(ec2: Client, own: str, peer: str, account: str, region: str) -> str:
    asked = ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=peer, PeerOwnerId=account, PeerRegion=region)
    peering_id: str = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    return peering_id
