"""Network ACLs: DescribeNetworkAcls."""

from collections.abc import Sequence

from isthmus.actions.call import Call
from isthmus.actions.describe import Listing, describe
from isthmus.actions.tagging import tag_set
from isthmus.domain import network_acl as rules
from isthmus.domain import pages
from isthmus.domain.filters import Tags
from isthmus.domain.network_acl import NetworkAcl, NetworkAclEntry, NetworkAclWithEntries
from isthmus.wire.shapes import ec2


def describe_network_acls(request: ec2.DescribeNetworkAclsRequest, call: Call) -> ec2.DescribeNetworkAclsResult:
    """List the network ACLs of the account in the Region, with their entries (S571, S573, S577)."""
    page = describe(call, _LISTING, request.network_acl_ids, request.filters, request.max_results, request.next_token)
    found = [_network_acl(item, tags) for item, tags in page.items]
    return ec2.DescribeNetworkAclsResult(network_acls=found, next_token=page.next_token)


def _with_entries(call: Call, found: Sequence[NetworkAcl]) -> list[NetworkAclWithEntries]:
    entries: dict[str, list[NetworkAclEntry]] = {acl.id: [] for acl in found}
    for entry in call.store.network_acl_entries.where(network_acl_id=list(entries)):
        entries[entry.network_acl_id].append(entry)
    return [NetworkAclWithEntries(acl, rules.in_order(entries[acl.id])) for acl in found]


_LISTING: Listing[NetworkAclWithEntries] = Listing(
    rows=lambda unit: unit.network_acls,
    filters=rules.FILTERS,
    load=_with_entries,
    ids_parameter="NetworkAclIds",
    indexed={"network-acl-id": "id", "vpc-id": "vpc_id"},
    max_results=pages.MAX_RESULTS["DescribeNetworkAcls"],
)


def _network_acl(item: NetworkAclWithEntries, tags: Tags) -> ec2.NetworkAcl:
    acl = item.acl
    return ec2.NetworkAcl(
        network_acl_id=acl.id,
        vpc_id=acl.vpc_id,
        owner_id=acl.account,
        is_default=acl.is_default,
        associations=[],
        entries=[_entry(entry) for entry in item.entries],
        tags=tag_set(tags),
    )


def _entry(entry: NetworkAclEntry) -> ec2.NetworkAclEntry:
    block = str(entry.prefix)
    return ec2.NetworkAclEntry(
        cidr_block=block if entry.prefix.version == 4 else None,
        ipv6_cidr_block=block if entry.prefix.version == 6 else None,
        egress=entry.is_egress,
        protocol=entry.protocol,
        rule_action=entry.rule_action,
        rule_number=entry.rule_number,
    )
