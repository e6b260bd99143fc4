"""The six actions of VPC peering: ask, accept, reject, delete, describe, change the options (S2xx, S3xx)."""

from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from isthmus.actions.call import Call
from isthmus.actions.describe import Listing, describe
from isthmus.domain import errors, ids, regions, tags
from isthmus.domain import peering as rules
from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import FilterTable, Tags
from isthmus.domain.peering import KIND, End, OptionChange, Options, Peering, Side
from isthmus.wire.shapes import ec2
from isthmus.wire.xml import instant

Struct = ec2.VpcPeeringConnection


def create_vpc_peering_connection(
    request: ec2.CreateVpcPeeringConnectionRequest, call: Call
) -> ec2.CreateVpcPeeringConnectionResult:
    """Ask for a connection. The answer says `initiating-request` even where it is going to fail (S207, S236, S241)."""
    peer_vpc_id, own_tags = _check_create(request, call)
    options = _requested_options(request, call)
    call.hold(call.store.vpcs, request.vpc_id, peer_vpc_id)
    call.store.peerings.ahead_of_asked_by(request.vpc_id, _named_peer(request, call, peer_vpc_id))
    ends = call.store.vpcs.ends(request.vpc_id, peer_vpc_id)
    call.admit("vpc", request.vpc_id, ends.get(request.vpc_id))
    requester = replace(ends[request.vpc_id], options=options)
    accepter, exists = _peer(request, call, ends.get(peer_vpc_id), peer_vpc_id)
    outstanding, existing = call.store.peerings.asked_by(requester.vpc_id, accepter.identity)
    if existing:
        return ec2.CreateVpcPeeringConnectionResult(vpc_peering_connection=_shown(existing, call, _tags(existing, call)))
    rules.check_outstanding(outstanding, call.quotas.outstanding_peerings_per_vpc)
    asked = rules.request(call.new_id(KIND), requester, accepter, accepter_exists=exists, now=call.now, delays=call.delays)
    saved = call.store.peerings.put(rules.settle(asked, call.now))
    if own_tags:
        call.store.tags.replace(call.account, call.region, KIND, saved, own_tags)
    return ec2.CreateVpcPeeringConnectionResult(vpc_peering_connection=_shown(asked, call, own_tags))


def _check_create(request: ec2.CreateVpcPeeringConnectionRequest, call: Call) -> tuple[str, dict[str, str]]:
    """Check everything that needs no look-up (S233, S237-S239, S244)."""
    if request.peer_vpc_id is None:
        raise errors.missing("peerVpcId")
    ids.check("vpc", request.vpc_id)
    ids.check("vpc", request.peer_vpc_id)
    if request.peer_owner_id is not None:
        ids.check_account(request.peer_owner_id)
    if request.peer_region is not None:
        _check_region(call.region, request.peer_region)
    specifications = [
        (each.resource_type, [(tag.key, tag.value) for tag in each.tags or ()]) for each in request.tag_specifications or ()
    ]
    return request.peer_vpc_id, tags.from_specifications(specifications, KIND, call.quotas.tags_per_resource)


def _check_region(own: str, other: str) -> None:
    if other not in regions.REGIONS:
        raise errors.unknown_region(other)
    if regions.partition_of(own) != regions.partition_of(other):
        raise errors.regions_not_joined(own, other)


def _requested_options(request: ec2.CreateVpcPeeringConnectionRequest, call: Call) -> Options:
    """Return the options that a request may bring along: multipath resilience, for another Region only."""
    wanted = request.requester_peering_connection_options
    if wanted is None:
        return Options.NONE
    on = _multipath(wanted.allow_multipath_resilience, wanted.multipath_resilience_mode)
    is_inter_region = request.peer_region not in (None, call.region)
    rules.check_multipath(OptionChange(Options.MULTIPATH_RESILIENCE, on), is_inter_region=is_inter_region)
    return on


def _multipath(allow: bool | None, mode: str | None) -> Options:  # noqa: FBT001 - as the wire has it
    if mode is not None and not allow:
        raise errors.invalid_combination(
            "The parameter MultipathResilienceMode can be used only if AllowMultipathResilience is true"
        )
    return Options.MULTIPATH_RESILIENCE if allow else Options.NONE


def _named_peer(request: ec2.CreateVpcPeeringConnectionRequest, call: Call, vpc_id: str) -> tuple[str, str, str]:
    return rules.accepter_asked((call.account, call.region), vpc_id, request.peer_owner_id, request.peer_region)


def _peer(request: ec2.CreateVpcPeeringConnectionRequest, call: Call, found: End | None, vpc_id: str) -> tuple[End, bool]:
    """Return the side that is asked, and whether that VPC exists (S234-S236).

    An unknown VPC is an error only where neither an account nor another Region was named; else the connection fails.
    """
    account, region, _ = _named_peer(request, call, vpc_id)
    if found and found.place == (account, region):
        return found, True
    if request.peer_owner_id is None and region == call.region:
        raise errors.not_found("vpc", vpc_id)
    return End(account, region, vpc_id), False


def accept_vpc_peering_connection(
    request: ec2.AcceptVpcPeeringConnectionRequest, call: Call
) -> ec2.AcceptVpcPeeringConnectionResult:
    """Accept a pending request (S253-S258). The answer says `provisioning` (S225)."""
    peering_id = _required(request.vpc_peering_connection_id)
    found = call.find(call.store.peerings, peering_id)
    if call.hold(call.store.vpcs, found.requester.vpc_id, found.accepter.vpc_id):
        call.store.peerings.ahead_of_established(found.requester.vpc_id, found.accepter.vpc_id)
        call.store.tags.ahead_of(call.account, call.region, [peering_id])
        found = call.find(call.store.peerings, peering_id)
    rules.check_may_accept(found, call.account, call.region)
    one, other = found.requester.vpc_id, found.accepter.vpc_id
    rules.check_pair(found, call.store.peerings.established_between(one, other))
    counts = [call.store.peerings.established_of(vpc_id) for vpc_id in (one, other)]
    rules.check_active(counts, call.quotas.active_peerings_per_vpc)
    accepted, own_tags = rules.accept(found, call.now, call.delays), _tags(found, call)
    call.store.peerings.put(rules.settle(accepted, call.now))
    return ec2.AcceptVpcPeeringConnectionResult(vpc_peering_connection=_shown(accepted, call, own_tags))


def reject_vpc_peering_connection(
    request: ec2.RejectVpcPeeringConnectionRequest, call: Call
) -> ec2.RejectVpcPeeringConnectionResult:
    """Reject a pending request (S253-S255, S262)."""
    found = call.find(call.store.peerings, request.vpc_peering_connection_id)
    call.store.peerings.put(rules.reject(found, call.account, call.region, call.now))
    return ec2.RejectVpcPeeringConnectionResult(return_=True)


def delete_vpc_peering_connection(
    request: ec2.DeleteVpcPeeringConnectionRequest, call: Call
) -> ec2.DeleteVpcPeeringConnectionResult:
    """Delete a connection, or take a request back (S259-S261)."""
    found = call.find(call.store.peerings, request.vpc_peering_connection_id)
    deleted = rules.delete(found, call.account, call.now, call.delays)
    if deleted is not found:
        call.store.peerings.put(deleted)
    return ec2.DeleteVpcPeeringConnectionResult(return_=True)


# --- options --------------------------------------------------------------------------------------------------------

OPTION_MEMBERS: Final[Mapping[str, Options]] = {
    "allow_dns_resolution_from_remote_vpc": Options.DNS_RESOLUTION,
    "allow_egress_from_local_classic_link_to_remote_vpc": Options.CLASSIC_LINK_TO_VPC,
    "allow_egress_from_local_vpc_to_remote_classic_link": Options.VPC_TO_CLASSIC_LINK,
    "allow_multipath_resilience": Options.MULTIPATH_RESILIENCE,
}
ALWAYS_ON: Final = "always-on"
"""The one mode that multipath resilience has."""


def modify_vpc_peering_connection_options(
    request: ec2.ModifyVpcPeeringConnectionOptionsRequest, call: Call
) -> ec2.ModifyVpcPeeringConnectionOptionsResult:
    """Change the options of the sides that the caller owns (S281-S290)."""
    wanted = {
        Side.REQUESTER: request.requester_peering_connection_options,
        Side.ACCEPTER: request.accepter_peering_connection_options,
    }
    changes = {side: _change(options) for side, options in wanted.items() if options is not None}
    ids.check(KIND, request.vpc_peering_connection_id)
    if not changes:
        raise errors.missing("requesterPeeringConnectionOptions")
    found = call.find(call.store.peerings, request.vpc_peering_connection_id)
    rules.check_may_modify(found, call.account, call.region, changes)
    for side, change in changes.items():
        _check_dns(call, found.end(side), change)
    call.store.peerings.put(rules.modify(found, changes))
    answers = {side: _changed(change) for side, change in changes.items()}
    return ec2.ModifyVpcPeeringConnectionOptionsResult(
        requester_peering_connection_options=answers.get(Side.REQUESTER),
        accepter_peering_connection_options=answers.get(Side.ACCEPTER),
    )


def _change(options: ec2.PeeringConnectionOptionsRequest) -> OptionChange:
    _multipath(options.allow_multipath_resilience, options.multipath_resilience_mode)
    named = on = Options.NONE
    for member, option in OPTION_MEMBERS.items():
        value = getattr(options, member)
        named |= Options.NONE if value is None else option
        on |= option if value else Options.NONE
    return OptionChange(named, on)


def _check_dns(call: Call, end: End, change: OptionChange) -> None:
    """Turning DNS resolution on needs a VPC with DNS support and DNS hostnames (S286)."""
    if not rules.needs_dns_hostnames(change):
        return
    vpc = call.store.vpcs.get(end.vpc_id)
    if vpc is None or not (vpc.enable_dns_hostnames and vpc.enable_dns_support):
        raise errors.dns_hostnames_disabled(end.vpc_id)


def _changed(change: OptionChange) -> ec2.PeeringConnectionOptions:
    """Return only the options that were named (S288)."""
    values = {member: option in change.on for member, option in OPTION_MEMBERS.items() if option in change.named}
    mode = ALWAYS_ON if Options.MULTIPATH_RESILIENCE in change.on else None
    return ec2.PeeringConnectionOptions(**values, multipath_resilience_mode=mode)


# --- describing -----------------------------------------------------------------------------------------------------


def _primary_block(peering: Peering, side: Side) -> tuple[str, ...]:
    """Return what a CIDR filter sees: the primary block, where the state shows it (S327)."""
    blocks = peering.end(side).blocks
    return (str(blocks[0]),) if blocks and rules.shows_blocks(peering, side) else ()


FILTERS: Final[FilterTable[Peering]] = FilterTable(
    {
        "accepter-vpc-info.cidr-block": lambda it: _primary_block(it, Side.ACCEPTER),
        "accepter-vpc-info.owner-id": lambda it: (it.accepter.account,),
        "accepter-vpc-info.vpc-id": lambda it: (it.accepter.vpc_id,),
        "expiration-time": lambda it: (instant(it.expires_at),) if rules.shows_expiration(it) else (),
        "requester-vpc-info.cidr-block": lambda it: _primary_block(it, Side.REQUESTER),
        "requester-vpc-info.owner-id": lambda it: (it.requester.account,),
        "requester-vpc-info.vpc-id": lambda it: (it.requester.vpc_id,),
        "status-code": lambda it: (it.state.value,),
        "status-message": lambda it: (it.message,),
        "vpc-peering-connection-id": lambda it: (it.id,),
    }
)
"""S322; tags are every FilterTable's own."""

LISTING: Final[Listing[Peering]] = Listing(
    rows=attrgetter("peerings"),
    filters=FILTERS,
    load=lambda _, rows: rows,
    ids_parameter="VpcPeeringConnectionIds",
    indexed={
        "vpc-peering-connection-id": "id",
        "requester-vpc-info.vpc-id": "requester_vpc_id",
        "accepter-vpc-info.vpc-id": "accepter_vpc_id",
        "status-code": "state",
    },
)


def describe_vpc_peering_connections(
    request: ec2.DescribeVpcPeeringConnectionsRequest, call: Call
) -> ec2.DescribeVpcPeeringConnectionsResult:
    """List the connections that the caller sees from this Region (S321-S333)."""
    page = describe(
        call, LISTING, request.vpc_peering_connection_ids, request.filters, request.max_results, request.next_token
    )
    return ec2.DescribeVpcPeeringConnectionsResult(
        vpc_peering_connections=[_shown(peering, call, own) for peering, own in page.items],
        next_token=page.next_token,
    )


def _required(peering_id: str | None) -> str:
    """Return the id that Accept needs although an old model calls it optional (S130)."""
    if peering_id is None:
        raise errors.missing("vpcPeeringConnectionId")
    return peering_id


def _tags(peering: Peering, call: Call) -> Tags:
    return call.store.tags.of(call.account, call.region, [peering.id]).get(peering.id, {})


def _shown(peering: Peering, call: Call, own_tags: Tags) -> Struct:
    """Return a connection as the caller sees it (S221-S231)."""
    return Struct(
        vpc_peering_connection_id=peering.id,
        requester_vpc_info=_side(peering, Side.REQUESTER, call.account),
        accepter_vpc_info=_side(peering, Side.ACCEPTER, call.account),
        status=ec2.VpcPeeringConnectionStateReason(code=peering.state.value, message=peering.message),
        expiration_time=peering.expires_at if rules.shows_expiration(peering) else None,
        tags=[ec2.Tag(key=key, value=value) for key, value in own_tags.items()],
        multipath_resilience_status=rules.multipath_status(peering) if peering.is_inter_region else None,
    )


def _side(peering: Peering, side: Side, account: str) -> ec2.VpcPeeringConnectionVpcInfo:
    end = peering.end(side)
    if not end.blocks or not rules.shows_blocks(peering, side):
        return ec2.VpcPeeringConnectionVpcInfo(owner_id=end.account, vpc_id=end.vpc_id, region=end.region)
    primary, ipv4, ipv6 = _block_sets(end.blocks)
    options = _options(end.options, peering.is_inter_region) if rules.shows_options(peering, side, account) else None
    return ec2.VpcPeeringConnectionVpcInfo(
        owner_id=end.account,
        vpc_id=end.vpc_id,
        cidr_block=primary,
        cidr_block_set=ipv4,
        ipv6_cidr_block_set=ipv6,
        peering_options=options,
        region=end.region,
    )


@lru_cache(maxsize=1_024)
def _block_sets(
    blocks: tuple[Prefix, ...],
) -> tuple[str, list[ec2.CidrBlock], list[ec2.Ipv6CidrBlock] | None]:
    """Return the primary block and both lists; the IPv6 one is left out where it would be empty (S229, S230)."""
    ipv4 = [ec2.CidrBlock(cidr_block=str(block)) for block in blocks if block.version == 4]
    ipv6 = [ec2.Ipv6CidrBlock(ipv6_cidr_block=str(block)) for block in blocks if block.version == 6]
    return str(blocks[0]), ipv4, ipv6 or None


@lru_cache(maxsize=64)
def _options(options: Options, is_inter_region: bool) -> ec2.VpcPeeringConnectionOptionsDescription:  # noqa: FBT001
    """Return the three options of S228, and for another Region today's fourth."""
    resilient = Options.MULTIPATH_RESILIENCE in options
    return ec2.VpcPeeringConnectionOptionsDescription(
        allow_egress_from_local_classic_link_to_remote_vpc=Options.CLASSIC_LINK_TO_VPC in options,
        allow_egress_from_local_vpc_to_remote_classic_link=Options.VPC_TO_CLASSIC_LINK in options,
        allow_dns_resolution_from_remote_vpc=Options.DNS_RESOLUTION in options,
        allow_multipath_resilience=resilient if is_inter_region else None,
        multipath_resilience_mode=ALWAYS_ON if resilient else None,
    )
