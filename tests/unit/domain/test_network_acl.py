from collections.abc import Callable
from itertools import count

import pytest
from msgspec.structs import replace

from isthmus.domain import network_acl as rules
from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import Filter
from isthmus.domain.network_acl import NetworkAcl, NetworkAclEntry, NetworkAclWithEntries

IPV4 = "0.0.0.0/0"
IPV6 = "::/0"
Line = tuple[bool, int, str, str, str]


def acl(*, default: bool = True) -> NetworkAcl:
    return NetworkAcl(
        id="acl-0123456789abcdef0",
        account="111111111111",
        region="us-east-1",
        vpc_id="vpc-0123456789abcdef0",
        is_default=default,
    )


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"entry-{next(numbers)}"


def lines(entries: tuple[NetworkAclEntry, ...]) -> list[Line]:
    return [(e.is_egress, e.rule_number, e.protocol, e.rule_action, str(e.prefix)) for e in entries]


@pytest.mark.rule("S571")
def test_a_default_acl_allows_all_and_then_denies_all_both_ways() -> None:
    assert lines(rules.default_entries(acl(), numbered(), ipv6=False)) == [
        (True, 100, "-1", "allow", IPV4),
        (True, 32767, "-1", "deny", IPV4),
        (False, 100, "-1", "allow", IPV4),
        (False, 32767, "-1", "deny", IPV4),
    ]


@pytest.mark.rule("S571")
def test_with_ipv6_it_has_the_same_for_ipv6() -> None:
    assert lines(rules.default_entries(acl(), numbered(), ipv6=True)) == [
        (egress, number, "-1", action, block)
        for egress in (True, False)
        for number, action, block in (
            (100, "allow", IPV4),
            (101, "allow", IPV6),
            (32767, "deny", IPV4),
            (32768, "deny", IPV6),
        )
    ]


def test_entries_belong_to_their_acl_and_have_ids_of_their_own() -> None:
    entries = rules.default_entries(acl(), numbered(), ipv6=True)
    assert [e.id for e in entries] == [f"entry-{n}" for n in range(1, 9)]
    assert {(e.account, e.region, e.network_acl_id) for e in entries} == {
        ("111111111111", "us-east-1", "acl-0123456789abcdef0")
    }


@pytest.mark.rule("S571")
def test_an_untouched_acl_gains_what_it_would_have_had_with_ipv6_from_the_start() -> None:
    before = rules.default_entries(acl(), numbered(), ipv6=False)
    gained = rules.entries_for_ipv6(acl(), before, numbered())
    assert [each.id for each in gained] == [f"entry-{n}" for n in range(1, 5)]
    assert sorted(lines(before + gained)) == sorted(lines(rules.default_entries(acl(), numbered(), ipv6=True)))


@pytest.mark.rule("S571")
def test_a_second_ipv6_block_adds_nothing() -> None:
    assert rules.entries_for_ipv6(acl(), rules.default_entries(acl(), numbered(), ipv6=True), numbered()) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"rule_number": 99},
        {"rule_action": "deny"},
        {"prefix": Prefix.parse("10.0.0.0/8")},
        {"protocol": "6"},
    ],
)
def test_a_direction_that_was_changed_gains_the_deny_entry_only(changes: dict[str, object]) -> None:
    egress_allow, *others = rules.default_entries(acl(), numbered(), ipv6=False)
    changed = (replace(egress_allow, **changes), *others)
    assert lines(rules.entries_for_ipv6(acl(), changed, numbered())) == [
        (True, 32768, "-1", "deny", IPV6),
        (False, 101, "-1", "allow", IPV6),
        (False, 32768, "-1", "deny", IPV6),
    ]


def test_entries_are_shown_egress_first_and_by_number() -> None:
    entries = rules.default_entries(acl(), numbered(), ipv6=True)
    assert rules.in_order(entries[::-1]) == entries


# Filters


def shown(*, default: bool = True) -> NetworkAclWithEntries:
    return NetworkAclWithEntries(acl(default=default), rules.default_entries(acl(), numbered(), ipv6=True))


def matches(item: NetworkAclWithEntries, name: str, value: str) -> bool:
    return rules.FILTERS.compile([Filter(name, (value,))])(item, {})


@pytest.mark.rule("S577")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("default", "true"),
        ("entry.cidr", IPV4),
        ("entry.egress", "true"),
        ("entry.egress", "false"),
        ("entry.ipv6-cidr", IPV6),
        ("entry.protocol", "-1"),
        ("entry.rule-action", "allow"),
        ("entry.rule-action", "deny"),
        ("entry.rule-number", "101"),
        ("entry.rule-number", "32767"),
        ("network-acl-id", "acl-0123456789abcdef0"),
        ("owner-id", "111111111111"),
        ("vpc-id", "vpc-0123456789abcdef0"),
    ],
)
def test_each_filter_matches_its_own_value(name: str, value: str) -> None:
    assert matches(shown(), name, value)
    assert not matches(shown(), name, f"x{value}")


@pytest.mark.rule("S577")
def test_blocks_part_by_ip_version() -> None:
    assert not matches(shown(), "entry.cidr", IPV6)
    assert not matches(shown(), "entry.ipv6-cidr", IPV4)


@pytest.mark.rule("S577")
def test_default_tells_the_default_acl_from_others() -> None:
    assert matches(shown(default=False), "default", "false")
    assert not matches(shown(default=False), "default", "true")


@pytest.mark.rule("S577")
@pytest.mark.parametrize(
    "name",
    [
        "association.association-id",
        "association.network-acl-id",
        "association.subnet-id",
        "entry.icmp.code",
        "entry.icmp.type",
        "entry.port-range.from",
        "entry.port-range.to",
    ],
)
def test_what_no_entry_has_matches_nothing(name: str) -> None:
    assert not matches(shown(), name, "*")
