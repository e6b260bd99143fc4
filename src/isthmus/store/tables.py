"""One line per resource: its row class and its table."""

from msgspec import Struct

from isthmus.domain.accounts import AccessKey, Account
from isthmus.domain.network_acl import NetworkAcl, NetworkAclEntry
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
VPCS = Table.of(Vpc, "vpc", "vpc")
VPC_CIDR_BLOCKS = Table.of(VpcCidrBlock, "vpc_cidr_block", "vpc-cidr-block-association")
ROUTE_TABLES = Table.of(RouteTable, "route_table", "route-table")
SECURITY_GROUPS = Table.of(SecurityGroup, "security_group", "security-group")
SECURITY_GROUP_RULES = Table.of(SecurityGroupRule, "security_group_rule", "security-group-rule")
NETWORK_ACLS = Table.of(NetworkAcl, "network_acl", "network-acl")
NETWORK_ACL_ENTRIES = Table.of(NetworkAclEntry, "network_acl_entry")
PEERINGS = Table.of(Peering, "peering", KIND)
TAGS = Table.of(Tag, "tag")

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
