"""Network ACLs and their entries, what a default one holds, and the filters of DescribeNetworkAcls."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import FilterTable, flag


class NetworkAcl(Struct, frozen=True):
    """A network ACL of a VPC."""

    id: str
    account: str
    region: str
    vpc_id: str
    is_default: bool
    seq: int = 0
    version: int = 0


class NetworkAclEntry(Struct, frozen=True):
    """One entry of a network ACL; its id is never shown: EC2 names an entry by number and direction."""

    id: str
    account: str
    region: str
    network_acl_id: str
    is_egress: bool
    rule_number: int
    protocol: str
    rule_action: str
    prefix: Prefix
    seq: int = 0
    version: int = 0


class NetworkAclWithEntries(Struct, frozen=True):
    """A network ACL and its entries in order, as Describe shows them together."""

    acl: NetworkAcl
    entries: tuple[NetworkAclEntry, ...]


ALL_PROTOCOLS = "-1"
ANY_IPV4 = Prefix(4, 0, 0)
ANY_IPV6 = Prefix(6, 0, 0)
DENY_IPV4_NUMBER = 32767
DENY_IPV6_NUMBER = 32768

# S571: (rule number, rule action, block) of each direction of a default network ACL.
_ALLOW_IPV4 = (100, "allow", ANY_IPV4)
_DENY_IPV4 = (DENY_IPV4_NUMBER, "deny", ANY_IPV4)
_ALLOW_IPV6 = (101, "allow", ANY_IPV6)
_DENY_IPV6 = (DENY_IPV6_NUMBER, "deny", ANY_IPV6)


def default_entries(acl: NetworkAcl, new_id: Callable[[], str], *, ipv6: bool) -> tuple[NetworkAclEntry, ...]:
    """Return the entries that a VPC's default network ACL starts with, in both directions (S571)."""
    lines = (_ALLOW_IPV4, _ALLOW_IPV6, _DENY_IPV4, _DENY_IPV6) if ipv6 else (_ALLOW_IPV4, _DENY_IPV4)
    return tuple(_entry(acl, new_id(), line, is_egress=egress) for egress in (True, False) for line in lines)


def entries_for_ipv6(
    acl: NetworkAcl, entries: Sequence[NetworkAclEntry], new_id: Callable[[], str]
) -> tuple[NetworkAclEntry, ...]:
    """Return what a default network ACL gains when its VPC gets an IPv6 block.

    The deny entry always; the allow entry only in a direction that its owner has not changed (VPC User Guide; S571).
    """
    return tuple(
        _entry(acl, new_id(), line, is_egress=egress)
        for egress in (True, False)
        for line in _missing_for_ipv6([entry for entry in entries if entry.is_egress is egress])
    )


def _missing_for_ipv6(entries: Sequence[NetworkAclEntry]) -> Iterable[tuple[int, str, Prefix]]:
    held = {(entry.rule_number, entry.rule_action, entry.prefix) for entry in entries}
    if _DENY_IPV6 in held:
        return ()
    untouched = held == {_ALLOW_IPV4, _DENY_IPV4} and all(entry.protocol == ALL_PROTOCOLS for entry in entries)
    return (_ALLOW_IPV6, _DENY_IPV6) if untouched else (_DENY_IPV6,)


def _entry(acl: NetworkAcl, entry_id: str, line: tuple[int, str, Prefix], *, is_egress: bool) -> NetworkAclEntry:
    number, action, prefix = line
    return NetworkAclEntry(
        id=entry_id,
        account=acl.account,
        region=acl.region,
        network_acl_id=acl.id,
        is_egress=is_egress,
        rule_number=number,
        protocol=ALL_PROTOCOLS,
        rule_action=action,
        prefix=prefix,
    )


def in_order(entries: Iterable[NetworkAclEntry]) -> tuple[NetworkAclEntry, ...]:
    """Order entries as EC2 shows them: egress first, each direction by number."""
    return tuple(sorted(entries, key=lambda entry: (not entry.is_egress, entry.rule_number)))


def _blocks(item: NetworkAclWithEntries, version: int) -> Iterable[str]:
    return (str(entry.prefix) for entry in item.entries if entry.prefix.version == version)


def _nothing(_: NetworkAclWithEntries) -> Iterable[str]:
    return ()


FILTERS: FilterTable[NetworkAclWithEntries] = FilterTable(
    {
        "association.association-id": _nothing,
        "association.network-acl-id": _nothing,
        "association.subnet-id": _nothing,
        "default": lambda item: flag(item.acl.is_default),
        "entry.cidr": lambda item: _blocks(item, 4),
        "entry.egress": lambda item: (text for entry in item.entries for text in flag(entry.is_egress)),
        "entry.icmp.code": _nothing,
        "entry.icmp.type": _nothing,
        "entry.ipv6-cidr": lambda item: _blocks(item, 6),
        "entry.port-range.from": _nothing,
        "entry.port-range.to": _nothing,
        "entry.protocol": lambda item: (entry.protocol for entry in item.entries),
        "entry.rule-action": lambda item: (entry.rule_action for entry in item.entries),
        "entry.rule-number": lambda item: (str(entry.rule_number) for entry in item.entries),
        "network-acl-id": lambda item: (item.acl.id,),
        "owner-id": lambda item: (item.acl.account,),
        "vpc-id": lambda item: (item.acl.vpc_id,),
    }
)
