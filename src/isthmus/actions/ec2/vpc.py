"""VPCs: create, delete, describe, their attributes and their CIDR blocks."""

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from isthmus.actions import peering_effects
from isthmus.actions.call import Call
from isthmus.actions.describe import Listing, describe
from isthmus.actions.tagging import specified, tag_set
from isthmus.domain import dhcp_options, errors, pages
from isthmus.domain import network_acl as acls
from isthmus.domain import security_group as groups
from isthmus.domain import vpc as rules
from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import Tags
from isthmus.domain.network_acl import NetworkAcl, NetworkAclEntry
from isthmus.domain.route_table import RouteTable
from isthmus.domain.security_group import SecurityGroup, SecurityGroupRule
from isthmus.domain.vpc import AddressRequest, Vpc, VpcCidrBlock, VpcWithBlocks
from isthmus.wire.shapes import ec2

ASSOCIATED = "associated"
ASSOCIATING = "associating"
DISASSOCIATING = "disassociating"


def create_vpc(request: ec2.CreateVpcRequest, call: Call) -> ec2.CreateVpcResult:
    """Make a VPC with its primary block and all that comes with it (S511 to S516, S523, S525)."""
    asked = _addresses(request)
    rules.check_address_request(asked, call.region)
    if request.vpc_encryption_control is not None:
        raise errors.ApiError("UnsupportedOperation", "VPC encryption control is not supported.")
    prefix = rules.primary_prefix(asked)
    vpc = _new_vpc(call, rules.check_tenancy(request.instance_tenancy))
    tags = specified(request.tag_specifications, "vpc", call)
    call.authorize()
    call.alone(f"vpcs of {call.account} in {call.region}")
    held = call.store.vpcs.count(account=call.account, region=call.region)
    rules.check_vpc_count(held, call.quotas.vpcs_per_region)
    rules.check_block_count(vpc.id, 0, call.quotas.cidr_blocks_per_vpc)
    blocks = [_ipv4_block(call, vpc, prefix, is_primary=True)]
    if request.amazon_provided_ipv6_cidr_block:
        blocks.append(_added_ipv6(call, VpcWithBlocks(vpc, ())))
    belongings = _belongings(call, vpc, ipv6=len(blocks) > 1)
    saved = call.store.vpcs.put(vpc)
    saved_blocks = tuple(call.store.vpc_cidr_blocks.put(block) for block in blocks)
    belongings.save(call)
    call.store.tags.replace(call.account, call.region, "vpc", saved, tags)
    shown = _vpc(VpcWithBlocks(saved, saved_blocks), tags, state="pending", ipv6_state=ASSOCIATING)
    return ec2.CreateVpcResult(vpc=shown)


def delete_vpc(request: ec2.DeleteVpcRequest, call: Call) -> ec2.DeleteVpcResult:
    """Delete a VPC and what it came with; anything else in it, and its peerings, may forbid that (S276, S277, S524)."""
    vpc = call.find(call.store.vpcs, request.vpc_id)
    call.hold(call.store.vpcs, vpc.id)
    belongings = _belongings_of(call, vpc)
    rules.check_deletable(
        vpc.id,
        own_groups=sum(group.name != groups.DEFAULT_NAME for group in belongings.groups),
        own_acls=sum(not acl.is_default for acl in belongings.acls),
        own_route_tables=sum(not table.is_main for table in belongings.route_tables),
    )
    blocks = call.store.vpc_cidr_blocks.where(vpc_id=vpc.id)
    effects = peering_effects.deleting_vpc(call, vpc)
    effects.apply()
    belongings.delete(call)
    for block in blocks:
        call.store.vpc_cidr_blocks.delete(block)
    call.store.vpcs.delete(vpc)
    return ec2.DeleteVpcResult(return_=True)


def describe_vpcs(request: ec2.DescribeVpcsRequest, call: Call) -> ec2.DescribeVpcsResult:
    """List the VPCs of the account in the Region (S511, S528)."""
    page = describe(call, _LISTING, request.vpc_ids, request.filters, request.max_results, request.next_token)
    return ec2.DescribeVpcsResult(vpcs=[_vpc(item, tags) for item, tags in page.items], next_token=page.next_token)


def describe_vpc_attribute(request: ec2.DescribeVpcAttributeRequest, call: Call) -> ec2.DescribeVpcAttributeResult:
    """Show one attribute of a VPC (S517)."""
    vpc = call.find(call.store.vpcs, request.vpc_id)
    value = ec2.AttributeBooleanValue(value=rules.attribute(vpc, request.attribute))
    return ec2.DescribeVpcAttributeResult(vpc_id=vpc.id, **{rules.ATTRIBUTES[request.attribute]: value})


def modify_vpc_attribute(request: ec2.ModifyVpcAttributeRequest, call: Call) -> ec2.ModifyVpcAttributeResult:
    """Change attributes of a VPC (S518)."""
    asked = {name: getattr(request, field) for name, field in rules.ATTRIBUTES.items()}
    changes = {name: given.value for name, given in asked.items() if given is not None and given.value is not None}
    rules.check_changes(changes)
    vpc = call.find(call.store.vpcs, request.vpc_id)
    call.store.vpcs.put(rules.modify(vpc, changes))
    return ec2.ModifyVpcAttributeResult(return_=True)


def associate_vpc_cidr_block(request: ec2.AssociateVpcCidrBlockRequest, call: Call) -> ec2.AssociateVpcCidrBlockResult:
    """Add an IPv4 block, or an IPv6 block that Amazon provides, to a VPC (S519 to S523, S278)."""
    asked = _addresses(request)
    rules.check_address_request(asked, call.region)
    wanted = rules.added_prefix(asked)
    vpc = call.find(call.store.vpcs, request.vpc_id)
    call.hold(call.store.vpcs, vpc.id)
    held = VpcWithBlocks(vpc, rules.in_order(call.store.vpc_cidr_blocks.where(vpc_id=vpc.id)))
    added = _added_ipv6(call, held) if wanted is None else _added_ipv4(call, held, wanted)
    effects = peering_effects.adding_block(call, vpc, added.prefix)
    gained = _gained_with(call, vpc, added)
    block = call.store.vpc_cidr_blocks.put(added)
    gained.save(call)
    effects.apply([each.prefix for each in (*held.blocks, block)])
    ipv4, ipv6 = _associations(block, ASSOCIATING)
    return ec2.AssociateVpcCidrBlockResult(vpc_id=vpc.id, cidr_block_association=ipv4, ipv6_cidr_block_association=ipv6)


def disassociate_vpc_cidr_block(
    request: ec2.DisassociateVpcCidrBlockRequest, call: Call
) -> ec2.DisassociateVpcCidrBlockResult:
    """Take a block other than the primary one from its VPC (S522)."""
    block = call.find(call.store.vpc_cidr_blocks, request.association_id)
    rules.check_disassociation(block)
    vpc = call.find(call.store.vpcs, block.vpc_id)
    call.hold(call.store.vpcs, vpc.id)
    held = rules.in_order(call.store.vpc_cidr_blocks.where(vpc_id=vpc.id))
    effects = peering_effects.removing_block(call, vpc)
    call.store.vpc_cidr_blocks.delete(block)
    effects.apply([each.prefix for each in held if each.id != block.id])
    ipv4, ipv6 = _associations(block, DISASSOCIATING)
    return ec2.DisassociateVpcCidrBlockResult(vpc_id=vpc.id, cidr_block_association=ipv4, ipv6_cidr_block_association=ipv6)


# What comes with a VPC, and goes with it


class _Belongings(Struct, frozen=True):
    """Rows that hang on a VPC, parents in the first three fields, children in the others."""

    route_tables: Sequence[RouteTable] = ()
    groups: Sequence[SecurityGroup] = ()
    acls: Sequence[NetworkAcl] = ()
    group_rules: Sequence[SecurityGroupRule] = ()
    acl_entries: Sequence[NetworkAclEntry] = ()

    def save(self, call: Call) -> None:
        """Save all rows, parents first."""
        for table in self.route_tables:
            call.store.route_tables.put(table)
        for group in self.groups:
            call.store.security_groups.put(group)
        for acl in self.acls:
            call.store.network_acls.put(acl)
        for rule in self.group_rules:
            call.store.security_group_rules.put(rule)
        for entry in self.acl_entries:
            call.store.network_acl_entries.put(entry)

    def delete(self, call: Call) -> None:
        """Delete all rows, children first."""
        for rule in self.group_rules:
            call.store.security_group_rules.delete(rule)
        for entry in self.acl_entries:
            call.store.network_acl_entries.delete(entry)
        for table in self.route_tables:
            call.store.route_tables.delete(table)
        for group in self.groups:
            call.store.security_groups.delete(group)
        for acl in self.acls:
            call.store.network_acls.delete(acl)


def _belongings(call: Call, vpc: Vpc, *, ipv6: bool) -> _Belongings:
    """Return what a new VPC comes with: main route table, default security group and default network ACL (S516)."""
    table = RouteTable(
        id=call.new_id("route-table"),
        account=vpc.account,
        region=vpc.region,
        vpc_id=vpc.id,
        association_id=call.new_id("route-table-association"),
        is_main=True,
    )
    group = SecurityGroup(
        id=call.new_id("security-group"),
        account=vpc.account,
        region=vpc.region,
        vpc_id=vpc.id,
        name=groups.DEFAULT_NAME,
        description=groups.DEFAULT_DESCRIPTION,
    )
    acl = NetworkAcl(id=call.new_id("network-acl"), account=vpc.account, region=vpc.region, vpc_id=vpc.id, is_default=True)
    return _Belongings(
        route_tables=[table],
        groups=[group],
        acls=[acl],
        group_rules=groups.default_rules(group, partial(call.new_id, "security-group-rule"), ipv6=ipv6),
        acl_entries=acls.default_entries(acl, partial(_entry_id, call), ipv6=ipv6),
    )


def _belongings_of(call: Call, vpc: Vpc) -> _Belongings:
    """Return all rows that hang on a VPC, those that its owner made included."""
    place = {"account": vpc.account, "region": vpc.region}
    of_groups = call.store.security_groups.where(**place, vpc_id=vpc.id)
    of_acls = call.store.network_acls.where(**place, vpc_id=vpc.id)
    return _Belongings(
        route_tables=call.store.route_tables.where(**place, vpc_id=vpc.id),
        groups=of_groups,
        acls=of_acls,
        group_rules=call.store.security_group_rules.where(**place, group_id=[group.id for group in of_groups]),
        acl_entries=call.store.network_acl_entries.where(network_acl_id=[acl.id for acl in of_acls]),
    )


def _gained_with(call: Call, vpc: Vpc, added: VpcCidrBlock) -> _Belongings:
    """Return what the default group and ACL gain with a block: rules for IPv6, if it is an IPv6 block (S555, S571)."""
    if added.prefix.version != 6:
        return _Belongings()
    held = _belongings_of(call, vpc)
    group = next(group for group in held.groups if group.name == groups.DEFAULT_NAME)
    acl = next(acl for acl in held.acls if acl.is_default)
    of_group = [rule for rule in held.group_rules if rule.group_id == group.id]
    of_acl = [entry for entry in held.acl_entries if entry.network_acl_id == acl.id]
    return _Belongings(
        group_rules=groups.rules_for_ipv6(group, of_group, partial(call.new_id, "security-group-rule")),
        acl_entries=acls.entries_for_ipv6(acl, of_acl, partial(_entry_id, call)),
    )


def _entry_id(call: Call) -> str:
    """Return an id for a network ACL entry, which no client ever sees."""
    return f"aclentry-{call.new_hex(17)}"


# Blocks


def _addresses(request: ec2.CreateVpcRequest | ec2.AssociateVpcCidrBlockRequest) -> AddressRequest:
    return AddressRequest(
        cidr_block=request.cidr_block,
        amazon_provided_ipv6_cidr_block=request.amazon_provided_ipv6_cidr_block,
        ipv6_cidr_block_network_border_group=request.ipv6_cidr_block_network_border_group,
        ipv6_pool=request.ipv6_pool,
        ipv6_cidr_block=request.ipv6_cidr_block,
        ipv4_ipam_pool_id=request.ipv4_ipam_pool_id,
        ipv4_netmask_length=request.ipv4_netmask_length,
        ipv6_ipam_pool_id=request.ipv6_ipam_pool_id,
        ipv6_netmask_length=request.ipv6_netmask_length,
    )


def _new_vpc(call: Call, tenancy: str) -> Vpc:
    return Vpc(
        id=call.new_id("vpc"),
        account=call.account,
        region=call.region,
        dhcp_options_id=dhcp_options.default_id(call.store.installation, call.account, call.region),
        instance_tenancy=tenancy,
        is_default=False,
        enable_dns_support=True,
        enable_dns_hostnames=False,
        enable_network_address_usage_metrics=False,
        created_at=call.now,
    )


def _added_ipv4(call: Call, held: VpcWithBlocks, prefix: Prefix) -> VpcCidrBlock:
    rules.check_added(prefix, [block.prefix for block in held.ipv4])
    rules.check_block_count(held.vpc.id, len(held.ipv4), call.quotas.cidr_blocks_per_vpc)
    return _ipv4_block(call, held.vpc, prefix, is_primary=False)


def _added_ipv6(call: Call, held: VpcWithBlocks) -> VpcCidrBlock:
    rules.check_block_count(held.vpc.id, len(held.ipv6), call.quotas.ipv6_blocks_per_vpc)
    return _ipv6_block(call, held.vpc)


def _ipv4_block(call: Call, vpc: Vpc, prefix: Prefix, *, is_primary: bool) -> VpcCidrBlock:
    return VpcCidrBlock(
        id=call.new_id("vpc-cidr-block-association"),
        account=vpc.account,
        region=vpc.region,
        vpc_id=vpc.id,
        prefix=prefix,
        is_primary=is_primary,
        ipv6_pool="",
        network_border_group="",
    )


def _ipv6_block(call: Call, vpc: Vpc) -> VpcCidrBlock:
    return VpcCidrBlock(
        id=call.new_id("vpc-cidr-block-association"),
        account=vpc.account,
        region=vpc.region,
        vpc_id=vpc.id,
        prefix=_free_ipv6_prefix(call),
        is_primary=False,
        ipv6_pool=rules.AMAZON_POOL,
        network_border_group=vpc.region,
    )


def _free_ipv6_prefix(call: Call) -> Prefix:
    """Draw blocks until one is free; of 2**32 hardly any is taken, so the first almost always is (S523)."""
    while True:
        prefix = rules.amazon_ipv6_prefix(call.new_hex(rules.IPV6_HEX_DIGITS))
        if not call.store.vpc_cidr_blocks.where(prefix=str(prefix)):
            return prefix


# What the wire shows


def _with_blocks(call: Call, vpcs: Sequence[Vpc]) -> list[VpcWithBlocks]:
    blocks = rules.by_vpc(call.store.vpc_cidr_blocks.where(vpc_id=[vpc.id for vpc in vpcs]))
    return [VpcWithBlocks(vpc, blocks[vpc.id]) for vpc in vpcs]


_LISTING: Listing[VpcWithBlocks] = Listing(
    rows=lambda unit: unit.vpcs,
    filters=rules.FILTERS,
    load=_with_blocks,
    ids_parameter="VpcIds",
    indexed={"vpc-id": "id"},
    max_results=pages.MAX_RESULTS["DescribeVpcs"],
)


def _vpc(item: VpcWithBlocks, tags: Tags, state: str = "available", ipv6_state: str = ASSOCIATED) -> ec2.Vpc:
    vpc = item.vpc
    return ec2.Vpc(
        vpc_id=vpc.id,
        owner_id=vpc.account,
        state=state,
        cidr_block=str(item.ipv4[0].prefix),
        cidr_block_association_set=[_ipv4_association(block, ASSOCIATED) for block in item.ipv4],
        ipv6_cidr_block_association_set=[_ipv6_association(block, ipv6_state) for block in item.ipv6],
        dhcp_options_id=vpc.dhcp_options_id,
        instance_tenancy=vpc.instance_tenancy,
        is_default=vpc.is_default,
        tags=tag_set(tags),
    )


def _ipv4_association(block: VpcCidrBlock, state: str) -> ec2.VpcCidrBlockAssociation:
    return ec2.VpcCidrBlockAssociation(
        association_id=block.id,
        cidr_block=str(block.prefix),
        cidr_block_state=ec2.VpcCidrBlockState(state=state),
    )


def _ipv6_association(block: VpcCidrBlock, state: str) -> ec2.VpcIpv6CidrBlockAssociation:
    return ec2.VpcIpv6CidrBlockAssociation(
        association_id=block.id,
        ipv6_cidr_block=str(block.prefix),
        ipv6_cidr_block_state=ec2.VpcCidrBlockState(state=state),
        network_border_group=block.network_border_group,
        ipv6_pool=block.ipv6_pool,
        ipv6_address_attribute="public",
        ip_source="amazon",
    )


def _associations(
    block: VpcCidrBlock, state: str
) -> tuple[ec2.VpcCidrBlockAssociation | None, ec2.VpcIpv6CidrBlockAssociation | None]:
    """Return what an (dis)association's answer tells of the block: as an IPv4 one, or as an IPv6 one."""
    if block.prefix.version == 4:
        return _ipv4_association(block, state), None
    return None, _ipv6_association(block, state)
