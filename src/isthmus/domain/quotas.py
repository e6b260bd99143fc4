"""Quotas: how many of each thing there may be. Each can be set by its field's name.

DOCUMENTED has the service's own numbers. DEFAULT keeps those that change what a program must handle (peerings, blocks
and tags) and multiplies the inventory limits of S525 by 100, because large test suites need more than 5 VPCs.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches

INVENTORY_FACTOR = 100


def _quota(value: int, rule: str, meaning: str) -> int:
    """A field whose documentation is data, so that the reference page can be made from it."""
    quota: int = field(default=value, metadata={"rule": rule, "meaning": meaning})
    return quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Every quota, at its documented value unless given. An object more than the number is refused."""

    active_peerings_per_vpc: int = _quota(50, "S243", "peering connections of a VPC that are provisioning or active")
    outstanding_peerings_per_vpc: int = _quota(25, "S243", "peering requests of a requester VPC that nobody answered")
    cidr_blocks_per_vpc: int = _quota(5, "S519", "IPv4 blocks of a VPC, the primary one included")
    ipv6_blocks_per_vpc: int = _quota(5, "S523", "IPv6 blocks of a VPC")
    tags_per_resource: int = _quota(50, "S596", "tags of an object")
    vpcs_per_region: int = _quota(5, "S525", "VPCs of an account in a Region")
    subnets_per_vpc: int = _quota(200, "S525", "subnets of a VPC")
    route_tables_per_vpc: int = _quota(200, "S525", "route tables of a VPC, the main one included")
    routes_per_table: int = _quota(50, "S525", "routes of a route table, the local ones not counted")
    security_groups_per_region: int = _quota(2500, "S525", "security groups of an account in a Region")
    rules_per_security_group: int = _quota(60, "S525", "rules of a security group per direction and IP version")
    security_groups_per_interface: int = _quota(5, "S525", "security groups of a network interface")
    network_acls_per_vpc: int = _quota(200, "S525", "network ACLs of a VPC, the default one included")
    network_acl_entries: int = _quota(20, "S525", "entries of a network ACL per direction")
    internet_gateways_per_region: int = _quota(5, "S525", "internet gateways of an account in a Region")
    network_interfaces_per_region: int = _quota(5000, "S525", "network interfaces of an account in a Region")

    def with_overrides(self, overrides: Mapping[str, int]) -> "Quotas":
        """These quotas with some set anew; ValueError says which name is unknown, or which number cannot be one."""
        for name, value in overrides.items():
            _check(name, value)
        return replace(self, **overrides)


def _check(name: str, value: int) -> None:
    known = [quota.name for quota in fields(Quotas)]
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known quotas are {', '.join(known)}."
        raise ValueError(f"There is no quota {name!r}: {hint}")
    if value < 0:
        raise ValueError(f"The quota {name} must be 0 or more, not {value}.")


def _with_more_inventory(quotas: Quotas) -> Quotas:
    inventory = [quota.name for quota in fields(quotas) if quota.metadata["rule"] == "S525"]
    values = asdict(quotas)
    return replace(quotas, **{name: values[name] * INVENTORY_FACTOR for name in inventory})


DOCUMENTED = Quotas()
DEFAULT = _with_more_inventory(DOCUMENTED)
