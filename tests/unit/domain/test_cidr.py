"""CIDR blocks: what text is one, what it is written as, and which blocks meet."""

import pytest

from isthmus.domain import cidr
from isthmus.domain.cidr import Prefix, overlap


def blocks(*texts: str) -> list[Prefix]:
    return [Prefix.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("0.0.0.0/0", Prefix(4, 0, 0)),
        ("10.0.0.0/16", Prefix(4, 0x0A000000, 16)),
        ("1.2.3.4/32", Prefix(4, 0x01020304, 32)),
        ("255.255.255.255/32", Prefix(4, 0xFFFFFFFF, 32)),
        ("::/0", Prefix(6, 0, 0)),
        ("2001:db8::/32", Prefix(6, 0x20010DB8 << 96, 32)),
        ("::1/128", Prefix(6, 1, 128)),
    ],
)
def test_a_block_is_a_version_a_base_and_a_length(text: str, prefix: Prefix) -> None:
    assert Prefix.parse(text) == prefix


@pytest.mark.rule("S514")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("100.68.0.18/18", "100.68.0.0/18"),
        ("10.0.0.1/31", "10.0.0.0/31"),
        ("10.0.0.1/0", "0.0.0.0/0"),
        ("10.0.0.1/32", "10.0.0.1/32"),
        ("2001:db8::5/56", "2001:db8::/56"),
    ],
)
def test_host_bits_are_cleared_not_refused(sent: str, kept: str) -> None:
    assert str(Prefix.parse(sent)) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2001:DB8:0:0:0:0:0:0/56", "2001:db8::/56"),
        ("0:0:0:0:0:0:0:0/0", "::/0"),
        ("2001:0db8:0000:0001::/64", "2001:db8:0:1::/64"),
        ("1:2:3:4:5:6:7:8/128", "1:2:3:4:5:6:7:8/128"),
        ("1:0:3:4:5:6:7:8/128", "1:0:3:4:5:6:7:8/128"),
        ("0:0:1:0:0:1:2:0/128", "::1:0:0:1:2:0/128"),
        ("1:0:0:2:0:0:0:3/128", "1:0:0:2::3/128"),
        ("1:2:3:4:5:6:0:0/128", "1:2:3:4:5:6::/128"),
        ("::ffff:1.2.3.4/128", "::ffff:102:304/128"),
    ],
)
def test_ipv6_is_written_compressed_and_in_lower_case(sent: str, kept: str) -> None:
    assert str(Prefix.parse(sent)) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/8",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/8 ",
        "10.0.0.0/8\n",
        " 10.0.0.0/8",
        "10.0.0.0 /8",
        "10.0.0.0/8/8",
        "10.0.0.0/1_6",
        "10.0.0.0/\u0668",
        "10.0.0.0/255.0.0.0",
        "010.0.0.0/8",
        "10.00.0.0/8",
        "10.0.0.256/8",
        "1000.0.0.0/8",
        "10.0.0/8",
        "10.0.0.0.0/8",
        "10..0.0/8",
        "10.0.0.a/8",
        "-1.0.0.0/8",
        "\u06610.0.0.0/8",
        "ten",
        "::",
        "::/129",
        "::/0128",
        "::1%eth0/64",
        ":::/64",
        "1:2:3/64",
        "g::/64",
        " ::/64",
    ],
)
def test_what_is_not_quite_a_block_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Prefix.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.0", "not a CIDR block: '10.0.0.0'"),
        ("10.0.0.0/33", "prefix length out of range: '10.0.0.0/33'"),
        ("10.0.0/8", "not an IPv4 address: '10.0.0'"),
        ("10.0.0.256/8", "not an IPv4 address: '10.0.0.256'"),
        ("::1%eth0/64", "an IPv6 zone does not belong in a CIDR block: '::1%eth0'"),
    ],
)
def test_the_refusal_says_what_was_wrong(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Prefix.parse(text)
    assert str(refused.value) == words


def test_the_largest_octets_and_lengths_are_fine() -> None:
    assert str(Prefix.parse("255.0.255.0/32")) == "255.0.255.0/32"
    assert str(Prefix.parse("ffff::/128")) == "ffff::/128"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("10.0.0.0/16", 0x0A00FFFF),
        ("10.0.0.7/32", 0x0A000007),
        ("0.0.0.0/0", 0xFFFFFFFF),
        ("::/0", (1 << 128) - 1),
        ("2001:db8::/56", 0x20010DB8_000000FF_FFFFFFFF_FFFFFFFF),
    ],
)
def test_the_last_address_has_every_host_bit_set(text: str, last: int) -> None:
    assert Prefix.parse(text).last == last


@pytest.mark.rule("S241")
@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("10.0.0.0/16", "10.0.0.0/16", True),
        ("10.0.0.0/16", "10.0.255.0/24", True),
        ("10.0.0.0/16", "10.0.255.255/32", True),
        ("10.0.0.0/16", "10.1.0.0/16", False),
        ("10.0.0.0/16", "10.1.0.0/32", False),
        ("10.0.0.0/16", "0.0.0.0/0", True),
        ("::/0", "0.0.0.0/0", False),
        ("::a00:0/112", "10.0.0.0/16", False),
        ("2001:db8::/56", "2001:db8:0:ff::/64", True),
        ("2001:db8::/56", "2001:db8:0:100::/56", False),
    ],
)
def test_blocks_overlap_when_an_address_is_in_both(one: str, other: str, meet: bool) -> None:
    first, second = blocks(one, other)
    assert first.overlaps(second) is meet
    assert second.overlaps(first) is meet


@pytest.mark.parametrize(
    ("outer", "inner", "contains"),
    [
        ("10.0.0.0/16", "10.0.0.0/16", True),
        ("10.0.0.0/16", "10.0.0.0/17", True),
        ("10.0.0.0/16", "10.0.128.0/17", True),
        ("10.0.0.0/16", "10.0.0.0/15", False),
        ("10.0.0.0/17", "10.0.0.0/16", False),
        ("10.1.0.0/16", "10.0.0.0/15", False),
        ("10.1.0.0/16", "10.0.0.0/16", False),
        ("::/0", "10.0.0.0/16", False),
    ],
)
def test_a_block_contains_another_when_all_its_addresses_are_inside(outer: str, inner: str, contains: bool) -> None:
    first, second = blocks(outer, inner)
    assert first.contains(second) is contains


@pytest.mark.rule("S241")
@pytest.mark.parametrize(
    ("some", "others", "meet"),
    [
        ([], [], False),
        (["10.0.0.0/16"], [], False),
        ([], ["10.0.0.0/16"], False),
        (["10.0.0.0/16", "10.2.0.0/16"], ["10.1.0.0/16", "10.2.3.0/24"], True),
        (["10.0.0.0/16", "2001:db8::/56"], ["10.1.0.0/16", "2001:db8::/56"], True),
        (["10.0.0.0/16", "2001:db8::/56"], ["10.1.0.0/16", "2001:db8:1::/56"], False),
    ],
)
def test_one_pair_of_blocks_is_enough_for_two_lists_to_overlap(some: list[str], others: list[str], meet: bool) -> None:
    assert overlap(blocks(*some), blocks(*others)) is meet


def test_blocks_that_come_only_once_are_still_compared_with_every_other() -> None:
    assert overlap(iter(blocks("10.0.0.0/16", "10.1.0.0/16")), iter(blocks("10.9.0.0/16", "10.1.0.0/16")))


def test_blocks_sort_by_version_then_address_then_larger_first() -> None:
    mixed = blocks("::/0", "10.1.0.0/16", "10.0.0.0/16", "10.0.0.0/8")
    assert sorted(mixed) == blocks("10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "::/0")


def test_equal_blocks_are_one_in_a_set() -> None:
    assert len({*blocks("10.0.0.0/16", "10.0.3.4/16")}) == 1


def test_the_ranges_that_restrict_added_blocks() -> None:
    assert [str(block) for block in cidr.RFC_1918] == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    assert (cidr.PRIVATE_10, cidr.PRIVATE_172, cidr.PRIVATE_192) == cidr.RFC_1918
    assert str(cidr.BENCHMARKING) == "198.19.0.0/16"
    assert str(cidr.LINK_LOCAL) == "169.254.0.0/16"
