"""VPCs and their CIDR blocks.

This module owns the rows, the rules about which blocks a VPC may have (S511 to S523), the attributes (S517, S518), what
stands in the way of a deletion (S524), and the filters of DescribeVpcs (S528).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from isthmus.domain import cidr, errors
from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import FilterTable, flag


class Vpc(Struct, frozen=True):
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


class VpcCidrBlock(Struct, frozen=True):
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


class VpcWithBlocks(Struct, frozen=True):
    """A VPC and its blocks in order, as Describe shows them together."""

    vpc: Vpc
    blocks: tuple[VpcCidrBlock, ...]

    @property
    def ipv4(self) -> tuple[VpcCidrBlock, ...]:
        """The IPv4 blocks, the primary one first."""
        return tuple(block for block in self.blocks if block.prefix.version == 4)

    @property
    def ipv6(self) -> tuple[VpcCidrBlock, ...]:
        """The IPv6 blocks in the order of their association."""
        return tuple(block for block in self.blocks if block.prefix.version == 6)


class AddressRequest(Struct, frozen=True, kw_only=True):
    """What a CreateVpc or an AssociateVpcCidrBlock says about addresses."""

    cidr_block: str | None = None
    amazon_provided_ipv6_cidr_block: bool | None = None
    ipv6_cidr_block_network_border_group: str | None = None
    ipv6_pool: str | None = None
    ipv6_cidr_block: str | None = None
    ipv4_ipam_pool_id: str | None = None
    ipv4_netmask_length: int | None = None
    ipv6_ipam_pool_id: str | None = None
    ipv6_netmask_length: int | None = None


AMAZON_POOL = "Amazon"
TENANCIES = ("default", "dedicated")

# S520: a block from one of these ranges may join only a VPC whose primary block is from the same range.
FAMILIES = (*cidr.RFC_1918, cidr.BENCHMARKING)
# S520: who holds a block within the first may not add one from the second.
NEIGHBOURS = (
    (Prefix.parse("10.0.0.0/15"), Prefix.parse("10.0.0.0/16")),
    (cidr.PRIVATE_172, Prefix.parse("172.31.0.0/16")),
)

# The first 24 bits of every IPv6 block given out; 32 more are drawn, which makes a /56 (S523).
_IPV6_RANGE = 0x26001F
_IPV6_DRAWN_BITS = 32
IPV6_HEX_DIGITS = _IPV6_DRAWN_BITS // 4

ATTRIBUTES: Mapping[str, str] = {
    "enableDnsSupport": "enable_dns_support",
    "enableDnsHostnames": "enable_dns_hostnames",
    "enableNetworkAddressUsageMetrics": "enable_network_address_usage_metrics",
}


def check_tenancy(tenancy: str | None) -> str:
    """Return the tenancy, `default` when none is given; `host` is an attribute of instances only (S511)."""
    if tenancy is None:
        return TENANCIES[0]
    if tenancy not in TENANCIES:
        raise errors.invalid_value("instanceTenancy", tenancy, f"Valid values are {', '.join(TENANCIES)}.")
    return tenancy


def check_address_request(request: AddressRequest, region: str) -> None:
    """Refuse every source of addresses that does not exist here: pools of IPAM, and address ranges of the caller's own.

    The codes are those of a caller whose account has no such pool.
    """
    for pool in (request.ipv4_ipam_pool_id, request.ipv6_ipam_pool_id):
        if pool is not None:
            raise errors.ApiError("InvalidIpamPoolId.NotFound", f"The ipam-pool ID '{pool}' does not exist")
    if request.ipv6_pool is not None:
        raise errors.ApiError("InvalidPoolID.NotFound", f"The ipv6Pool ID '{request.ipv6_pool}' does not exist")
    for given, parameter, needed in (
        (request.ipv4_netmask_length, "ipv4NetmaskLength", "ipv4IpamPoolId"),
        (request.ipv6_netmask_length, "ipv6NetmaskLength", "ipv6IpamPoolId"),
        (request.ipv6_cidr_block, "ipv6CidrBlock", "ipv6Pool"),
    ):
        if given is not None:
            raise errors.invalid_combination(f"The parameter {parameter} cannot be used without the parameter {needed}")
    _check_border_group(request, region)


def _check_border_group(request: AddressRequest, region: str) -> None:
    group = request.ipv6_cidr_block_network_border_group
    if group is None:
        return
    if not request.amazon_provided_ipv6_cidr_block:
        raise errors.invalid_combination(
            "The parameter ipv6CidrBlockNetworkBorderGroup cannot be used without the parameter amazonProvidedIpv6CidrBlock"
        )
    if group != region:
        raise errors.invalid_value("ipv6CidrBlockNetworkBorderGroup", group, "The network border group is not known.")


def primary_prefix(request: AddressRequest) -> Prefix:
    """Return the primary IPv4 block of a VPC to be created, in canonical form (S512 to S515)."""
    if not request.cidr_block:
        raise errors.ApiError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    return parse_ipv4(request.cidr_block)


def added_prefix(request: AddressRequest) -> Prefix | None:
    """Return the IPv4 block that AssociateVpcCidrBlock adds, or None if an IPv6 block is asked for (S519, S523)."""
    if request.cidr_block and request.amazon_provided_ipv6_cidr_block:
        raise errors.invalid_combination(
            "The parameter cidrBlock cannot be used with the parameter amazonProvidedIpv6CidrBlock"
        )
    if request.cidr_block:
        return parse_ipv4(request.cidr_block)
    if request.amazon_provided_ipv6_cidr_block:
        return None
    raise errors.ApiError("MissingParameter", "Either 'cidrBlock' or 'amazonProvidedIpv6CidrBlock' should be provided.")


def parse_ipv4(text: str) -> Prefix:
    """Read an IPv4 block of /16 to /28; host bits are cleared, not refused (S512, S513, S514)."""
    try:
        prefix = Prefix.parse(text)
    except ValueError:
        raise errors.invalid_cidr("cidrBlock", text) from None
    if prefix.version != 4:
        raise errors.invalid_cidr("cidrBlock", text)
    if not 16 <= prefix.length <= 28:
        raise errors.invalid_vpc_range(text)
    return prefix


def check_added(prefix: Prefix, blocks: Sequence[Prefix]) -> None:
    """Refuse an IPv4 block that may not join the VPC's `blocks`, of which the first is the primary one (S520, S521)."""
    if any(prefix.overlaps(block) for block in blocks):
        raise errors.conflicting_vpc_range(str(prefix))
    if any(prefix.overlaps(forbidden) for forbidden in _forbidden(blocks)):
        raise errors.restricted_vpc_range(str(prefix))


def _forbidden(blocks: Sequence[Prefix]) -> Iterator[Prefix]:
    yield cidr.LINK_LOCAL
    yield from (family for family in FAMILIES if not family.contains(blocks[0]))
    yield from (taken for held, taken in NEIGHBOURS if any(held.contains(block) for block in blocks))


def check_vpc_count(held: int, limit: int) -> None:
    """Refuse one more VPC in a Region where the account has `held` (S525)."""
    if held >= limit:
        raise errors.vpc_limit()


def check_block_count(vpc_id: str, held: int, limit: int) -> None:
    """Refuse one more block of an IP version of which the VPC has `held` (S519, S523)."""
    if held >= limit:
        raise errors.cidr_limit(vpc_id, limit)


def check_disassociation(block: VpcCidrBlock) -> None:
    """Refuse to part a VPC from its primary block (S522)."""
    if block.is_primary:
        raise errors.primary_block_kept(block.id)


def amazon_ipv6_prefix(drawn: str) -> Prefix:
    """Return the /56 that `IPV6_HEX_DIGITS` drawn hex digits name; the caller sees to it that it is free (S523)."""
    assert len(drawn) == IPV6_HEX_DIGITS
    return Prefix(6, (_IPV6_RANGE << _IPV6_DRAWN_BITS | int(drawn, 16)) << 72, 56)


def in_order(blocks: Sequence[VpcCidrBlock]) -> tuple[VpcCidrBlock, ...]:
    """Order the blocks of one VPC: the primary one first, then by age."""
    return tuple(sorted(blocks, key=lambda block: (not block.is_primary, block.seq)))


def by_vpc(blocks: Iterable[VpcCidrBlock]) -> dict[str, tuple[VpcCidrBlock, ...]]:
    """Part blocks by their VPC's id, those of each VPC in order."""
    found: dict[str, list[VpcCidrBlock]] = {}
    for block in blocks:
        found.setdefault(block.vpc_id, []).append(block)
    return {vpc_id: in_order(held) for vpc_id, held in found.items()}


def attribute(vpc: Vpc, name: str) -> bool:
    """Return the value of one attribute, named as on the wire (S517)."""
    value = getattr(vpc, ATTRIBUTES[name])
    assert isinstance(value, bool)
    return value


def check_changes(changes: Mapping[str, bool]) -> None:
    """Refuse a change of nothing, and of DNS support and DNS hostnames together (S518)."""
    if not changes:
        raise errors.ApiError("MissingParameter", "The request must contain one of the attributes to modify")
    if "enableDnsSupport" in changes and "enableDnsHostnames" in changes:
        raise errors.invalid_combination(
            "The parameter enableDnsHostnames cannot be used with the parameter enableDnsSupport"
        )


def modify(vpc: Vpc, changes: Mapping[str, bool]) -> Vpc:
    """Return the VPC with the attributes set; DNS hostnames need DNS support (S518)."""
    if changes.get("enableDnsHostnames") and not vpc.enable_dns_support:
        raise errors.invalid_value(
            "enableDnsHostnames", "true", f"DNS support is disabled for the VPC {vpc.id}; enable it first."
        )
    fields: dict[str, Any] = {ATTRIBUTES[name]: value for name, value in changes.items()}
    return replace(vpc, **fields)


def check_deletable(vpc_id: str, *, own_groups: int, own_acls: int, own_route_tables: int) -> None:
    """Refuse to delete a VPC that still holds something its owner made (S524, S506)."""
    if own_groups or own_acls or own_route_tables:
        raise errors.dependency_violation("vpc", vpc_id)


FILTERS: FilterTable[VpcWithBlocks] = FilterTable(
    {
        "cidr": lambda item: (str(block.prefix) for block in item.ipv4 if block.is_primary),
        "cidr-block-association.cidr-block": lambda item: (str(block.prefix) for block in item.ipv4),
        "cidr-block-association.association-id": lambda item: (block.id for block in item.ipv4),
        "cidr-block-association.state": lambda item: ("associated" for _ in item.ipv4),
        "dhcp-options-id": lambda item: (item.vpc.dhcp_options_id,),
        "ipv6-cidr-block-association.ipv6-cidr-block": lambda item: (str(block.prefix) for block in item.ipv6),
        "ipv6-cidr-block-association.ipv6-pool": lambda item: (block.ipv6_pool for block in item.ipv6),
        "ipv6-cidr-block-association.association-id": lambda item: (block.id for block in item.ipv6),
        "ipv6-cidr-block-association.state": lambda item: ("associated" for _ in item.ipv6),
        "is-default": lambda item: flag(item.vpc.is_default),
        "owner-id": lambda item: (item.vpc.account,),
        "state": lambda _: ("available",),
        "vpc-id": lambda item: (item.vpc.id,),
    },
    # S528: spellings that clients send although no page lists them.
    aliases={"isDefault": "is-default", "dhcpOptionsId": "dhcp-options-id", "cidr-block": "cidr"},
)
