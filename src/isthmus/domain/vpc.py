"""VPCs and their CIDR blocks: the rows, and EC2's rules about which blocks a VPC may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.domain.cidr import Prefix


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC of one account in one Region; `created_at` is service time in milliseconds."""

    id: str
    account: str
    region: str
    dhcp_options_id: str
    instance_tenancy: str
    is_default: bool
    enable_dns_support: bool
    enable_dns_hostnames: bool
    enable_network_address_usage_metrics: bool
    created_at: int
    seq: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class VpcCidrBlock:
    """The association of one IPv4 or IPv6 block with a VPC; pool and border group are empty for IPv4."""

    id: str
    account: str
    region: str
    vpc_id: str
    prefix: Prefix
    is_primary: bool
    ipv6_pool: str
    network_border_group: str
    seq: int = 0
    version: int = 0
