"""The vendor's managed policies: the handful that people attach by name (I195).

What they are called is the vendor's; what they say is ours. Each grants what its name promises for the services that are
spoken here (ec2, sts, iam), and nothing that a reader of the name would not expect.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

import msgspec

from isthmus.domain.iam import names
from isthmus.domain.iam.names import ID_ENTROPY_BYTES, ROOT_PATH
from isthmus.domain.iam.objects import ManagedPolicy

ACCOUNT: Final = "aws"
"""What stands for the account in the ARN of a policy that is everybody's."""
SINCE: Final = 1_423_224_000_000
"""When all of them were made, in milliseconds; the vendor's own have different days, which nothing depends on."""

_VPC = (
    "*Vpc",
    "*Vpcs",
    "*VpcAttribute",
    "*VpcCidrBlock",
    "*VpcPeeringConnection",
    "*VpcPeeringConnections",
    "*VpcPeeringConnectionOptions",
    "*VpcEndpoint*",
    "*Subnet",
    "*Subnets",
    "*SubnetAttribute",
    "*SubnetCidrBlock",
    "*Route",
    "*RouteTable",
    "*RouteTables",
    "*RouteTableAssociation",
    "*SecurityGroup",
    "*SecurityGroups",
    "*SecurityGroupIngress",
    "*SecurityGroupEgress",
    "*SecurityGroupRules",
    "*SecurityGroupReferences",
    "*SecurityGroupRuleDescriptions*",
    "*NetworkAcl",
    "*NetworkAcls",
    "*NetworkAclEntry",
    "*NetworkAclAssociation",
    "*InternetGateway",
    "*InternetGateways",
    "*NetworkInterface",
    "*NetworkInterfaces",
    "*NetworkInterfaceAttribute",
    "*DhcpOptions",
    "*ManagedPrefixList",
    "*ManagedPrefixLists",
    "*ManagedPrefixListEntries",
)
"""Actions on what a VPC is made of."""
_AROUND = ("DescribeAccountAttributes", "DescribeAvailabilityZones", "DescribeRegions", "DescribeTags")
_INSIGHTS = ("*NetworkInsightsPath*", "*NetworkInsightsAnaly*")
_READ_EC2 = ("Describe*", "Get*", "Search*", "List*")
_READ_IAM = ("Get*", "List*", "Generate*", "Simulate*")
_READ_STS = ("GetCallerIdentity", "GetAccessKeyInfo")


def _allow(*actions: str, service: str = "", **more: object) -> dict[str, Any]:
    written = [f"{service}:{action}" if service else action for action in actions]
    return {"Effect": "Allow", "Action": written, "Resource": "*", **more}


def _read_vpc() -> dict[str, Any]:
    return _allow(*(f"Describe{each}" for each in _VPC), *_AROUND, "GetManagedPrefixListEntries", service="ec2")


class Vendors(msgspec.Struct, frozen=True):
    """A policy of the vendor: what it is for, and its statements."""

    description: str
    statements: tuple[Mapping[str, Any], ...]


POLICIES: Mapping[str, Vendors] = MappingProxyType(
    {
        "AdministratorAccess": Vendors("Every action on everything.", (_allow("*"),)),
        "PowerUserAccess": Vendors(
            "Every action but those that manage identities, organizations and accounts.",
            (
                {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
                _allow("iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles"),
                _allow("organizations:DescribeOrganization", "account:GetAccountInformation", "account:ListRegions"),
            ),
        ),
        "ReadOnlyAccess": Vendors(
            "Whatever only reads.",
            (
                _allow(*_READ_EC2, service="ec2"),
                _allow(*_READ_IAM, service="iam"),
                _allow(*_READ_STS, service="sts"),
            ),
        ),
        "IAMFullAccess": Vendors("Every action of IAM.", (_allow("iam:*"),)),
        "IAMReadOnlyAccess": Vendors("Whatever only reads IAM.", (_allow(*_READ_IAM, service="iam"),)),
        "AmazonEC2FullAccess": Vendors("Every action of EC2.", (_allow("ec2:*"),)),
        "AmazonEC2ReadOnlyAccess": Vendors("Whatever only reads EC2.", (_allow(*_READ_EC2, service="ec2"),)),
        "AmazonVPCFullAccess": Vendors(
            "Every action on VPCs and on what they are made of.",
            (_allow(*_VPC, *_AROUND, "CreateTags", "DeleteTags", service="ec2"),),
        ),
        "AmazonVPCReadOnlyAccess": Vendors("Whatever only reads VPCs and what they are made of.", (_read_vpc(),)),
        "AmazonVPCCrossAccountNetworkInterfaceOperations": Vendors(
            "Network interfaces, and the routes to them, for another account's subnets.",
            (
                _allow("*Route", "DescribeRouteTables", service="ec2"),
                _allow("*NetworkInterface", "*NetworkInterfaces", "*NetworkInterfaceAttribute", service="ec2"),
                _allow("*NetworkInterfacePermission*", "*PrivateIpAddresses", "*Ipv6Addresses", service="ec2"),
                _allow("DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups", *_AROUND, service="ec2"),
            ),
        ),
        "AmazonVPCReachabilityAnalyzerFullAccessPolicy": Vendors(
            "Paths, their analyses, and reading what they lead through.",
            (
                _allow(*_INSIGHTS, "CreateTags", "DeleteTags", service="ec2"),
                _allow(*_READ_EC2, service="ec2"),
            ),
        ),
    }
)
"""By name, in the order in which they are listed."""


@cache
def policies() -> Sequence[ManagedPolicy]:
    """All of the vendor's policies, as if an account had them."""
    return tuple(_policy(name, each) for name, each in POLICIES.items())


def _policy(name: str, each: Vendors) -> ManagedPolicy:
    policy_id = names.unique_id("policy", blake2b(name.encode(), digest_size=ID_ENTROPY_BYTES).digest())
    return ManagedPolicy(policy_id, ACCOUNT, name, ROOT_PATH, SINCE, SINCE, each.description)


@cache
def by_id() -> Mapping[str, ManagedPolicy]:
    """The vendor's policies by unique id."""
    return {each.id: each for each in policies()}


@cache
def _by_name() -> Mapping[str, ManagedPolicy]:
    return {names.folded(each.name): each for each in policies()}


def named(name: str) -> ManagedPolicy | None:
    """The vendor's policy of this name."""
    return _by_name().get(names.folded(name))


@cache
def document(policy_id: str) -> str:
    """The text of one of the vendor's policies, which has one version."""
    statements = POLICIES[by_id()[policy_id].name].statements
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": statements}).decode()
