"""Quotas: how many of each thing there may be. Each can be set by its field's name.

DOCUMENTED has the service's own numbers. DEFAULT keeps those that change what a program must handle (peerings, blocks
and tags) and multiplies the inventory limits of S525 by 100, because large test suites need more than 5 VPCs.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict, replace

INVENTORY_FACTOR = 100


class Quotas(Struct, frozen=True, kw_only=True):
    """Every quota, at its documented value unless given. An object more than the number is refused."""

    active_peerings_per_vpc: int = 50
    outstanding_peerings_per_vpc: int = 25
    cidr_blocks_per_vpc: int = 5
    ipv6_blocks_per_vpc: int = 5
    tags_per_resource: int = 50
    vpcs_per_region: int = 5
    subnets_per_vpc: int = 200
    route_tables_per_vpc: int = 200
    routes_per_table: int = 50
    security_groups_per_region: int = 2500
    rules_per_security_group: int = 60
    security_groups_per_interface: int = 5
    network_acls_per_vpc: int = 200
    network_acl_entries: int = 20
    internet_gateways_per_region: int = 5
    network_interfaces_per_region: int = 5000

    def with_overrides(self, overrides: Mapping[str, int]) -> "Quotas":
        """These quotas with some set anew; ValueError says which name is unknown, or which number cannot be one."""
        for name, value in overrides.items():
            _check(name, value)
        return replace(self, **overrides)


class About(Struct, frozen=True):
    """The rule that sets a quota, and what it counts."""

    rule: str
    meaning: str


ABOUT: Mapping[str, About] = {
    "active_peerings_per_vpc": About("S243", "peering connections of a VPC that are provisioning or active"),
    "outstanding_peerings_per_vpc": About("S243", "peering requests of a requester VPC that nobody answered"),
    "cidr_blocks_per_vpc": About("S519", "IPv4 blocks of a VPC, the primary one included"),
    "ipv6_blocks_per_vpc": About("S523", "IPv6 blocks of a VPC"),
    "tags_per_resource": About("S596", "tags of an object"),
    "vpcs_per_region": About("S525", "VPCs of an account in a Region"),
    "subnets_per_vpc": About("S525", "subnets of a VPC"),
    "route_tables_per_vpc": About("S525", "route tables of a VPC, the main one included"),
    "routes_per_table": About("S525", "routes of a route table, the local ones not counted"),
    "security_groups_per_region": About("S525", "security groups of an account in a Region"),
    "rules_per_security_group": About("S525", "rules of a security group per direction and IP version"),
    "security_groups_per_interface": About("S525", "security groups of a network interface"),
    "network_acls_per_vpc": About("S525", "network ACLs of a VPC, the default one included"),
    "network_acl_entries": About("S525", "entries of a network ACL per direction"),
    "internet_gateways_per_region": About("S525", "internet gateways of an account in a Region"),
    "network_interfaces_per_region": About("S525", "network interfaces of an account in a Region"),
}
"""What each quota means: data, so that the reference page can be made from it."""


def _check(name: str, value: int) -> None:
    known = list(Quotas.__struct_fields__)
    if name not in known:
        from difflib import get_close_matches  # rarely needed, and it costs a start milliseconds

        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known quotas are {', '.join(known)}."
        raise ValueError(f"There is no quota {name!r}: {hint}")
    if value < 0:
        raise ValueError(f"The quota {name} must be 0 or more, not {value}.")


def _with_more_inventory(quotas: Quotas) -> Quotas:
    inventory = [name for name, about in ABOUT.items() if about.rule == "S525"]
    values = asdict(quotas)
    return replace(quotas, **{name: values[name] * INVENTORY_FACTOR for name in inventory})


DOCUMENTED = Quotas()
DEFAULT = _with_more_inventory(DOCUMENTED)
