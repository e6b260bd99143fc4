"""One line per resource: its row class and its table."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from isthmus.domain.accounts import AccessKey, Account, Session
from isthmus.domain.iam import objects as iam
from isthmus.domain.network_acl import NetworkAcl, NetworkAclEntry
from isthmus.domain.organizations import Organization, ServiceControlAttachment, ServiceControlPolicy
from isthmus.domain.peering import KIND, Peering
from isthmus.domain.route_table import RouteTable
from isthmus.domain.security_group import SecurityGroup, SecurityGroupRule
from isthmus.domain.vpc import Vpc, VpcCidrBlock
from isthmus.store.table import Table


class Tag(Struct, frozen=True):
    """A tag as it is kept: whose it is, on which object, and what it says (S295)."""

    account: str
    region: str
    resource_id: str
    resource_seq: int
    resource_type: str
    key: str
    value: str
    seq: int = 0
    version: int = 0


ACCOUNTS = Table.of(Account, "account")
ACCESS_KEYS = Table.of(AccessKey, "access_key")
SESSIONS = Table.of(Session, "sts_session")
VPCS = Table.of(Vpc, "vpc", "vpc")
VPC_CIDR_BLOCKS = Table.of(VpcCidrBlock, "vpc_cidr_block", "vpc-cidr-block-association")
ROUTE_TABLES = Table.of(RouteTable, "route_table", "route-table")
SECURITY_GROUPS = Table.of(SecurityGroup, "security_group", "security-group")
SECURITY_GROUP_RULES = Table.of(SecurityGroupRule, "security_group_rule", "security-group-rule")
NETWORK_ACLS = Table.of(NetworkAcl, "network_acl", "network-acl")
NETWORK_ACL_ENTRIES = Table.of(NetworkAclEntry, "network_acl_entry")
PEERINGS = Table.of(Peering, "peering", KIND)
TAGS = Table.of(Tag, "tag")

IAM_USERS = Table.of(iam.User, "iam_user")
IAM_GROUPS = Table.of(iam.Group, "iam_group")
IAM_MEMBERSHIPS = Table.of(iam.Membership, "iam_membership")
IAM_ROLES = Table.of(iam.Role, "iam_role")
IAM_INSTANCE_PROFILES = Table.of(iam.InstanceProfile, "iam_instance_profile")
IAM_POLICIES = Table.of(iam.ManagedPolicy, "iam_policy")
IAM_POLICY_VERSIONS = Table.of(iam.PolicyVersion, "iam_policy_version")
IAM_INLINE_POLICIES = Table.of(iam.InlinePolicy, "iam_inline_policy")
IAM_ATTACHMENTS = Table.of(iam.Attachment, "iam_attachment")
IAM_ACCOUNT_ALIASES = Table.of(iam.AccountAlias, "iam_account_alias")

ORGANIZATIONS = Table.of(Organization, "organization")
SERVICE_CONTROL_POLICIES = Table.of(ServiceControlPolicy, "service_control_policy")
SERVICE_CONTROL_ATTACHMENTS = Table.of(ServiceControlAttachment, "service_control_attachment")

IAM: Sequence[Table[Any]] = (
    IAM_USERS,
    IAM_GROUPS,
    IAM_MEMBERSHIPS,
    IAM_ROLES,
    IAM_INSTANCE_PROFILES,
    IAM_POLICIES,
    IAM_POLICY_VERSIONS,
    IAM_INLINE_POLICIES,
    IAM_ATTACHMENTS,
    IAM_ACCOUNT_ALIASES,
)
"""Tables of what IAM keeps of an account, parents before their children."""

OWNED = (
    "network_acl_entry",
    "network_acl",
    "security_group_rule",
    "security_group",
    "route_table",
    "vpc_cidr_block",
    "vpc",
)
"""Tables of objects that one account owns in one Region, children before their parents."""
