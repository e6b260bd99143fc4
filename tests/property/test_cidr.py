"""Laws of CIDR blocks, with the standard library as the oracle."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain.cidr import BITS, Prefix, overlap

Network = IPv4Network | IPv6Network


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Blocks with and without host bits, near to each other often enough to meet."""
    version, address = draw(st.sampled_from([(4, IPv4Address), (6, IPv6Address)]))
    bits = BITS[version]
    near = draw(st.integers(0, 3)) << (bits - 2) | draw(st.integers(0, 255))
    anywhere = draw(st.integers(0, (1 << bits) - 1))
    return f"{address(draw(st.sampled_from([near, anywhere])))}/{draw(st.integers(0, bits))}"


prefixes = st.builds(Prefix.parse, texts())


def network(prefix: Prefix) -> Network:
    return ip_network(str(prefix))


@given(texts())
def test_parsing_agrees_with_the_standard_library(text: str) -> None:
    ours, theirs = Prefix.parse(text), ip_network(text, strict=False)
    assert (ours.version, ours.base, ours.length) == (theirs.version, int(theirs.network_address), theirs.prefixlen)
    assert ours.last == int(theirs.broadcast_address)


@given(prefixes)
def test_a_block_reads_back_what_it_writes(prefix: Prefix) -> None:
    assert Prefix.parse(str(prefix)) == prefix
    assert ip_network(str(prefix)) == network(prefix)


@given(st.integers(0, (1 << 128) - 1))
def test_ipv6_text_is_the_standard_librarys_except_for_mapped_addresses(base: int) -> None:
    text = str(Prefix(6, base, 128))
    if base >> 32 == 0xFFFF:
        assert text.startswith("::ffff:")
    else:
        assert text == str(IPv6Network((base, 128)))


@given(st.lists(st.sampled_from([0, 0, 0, 1, 0xAB, 0xFFFF]), min_size=8, max_size=8))
def test_ipv6_text_compresses_the_first_longest_run_of_zeros(groups: list[int]) -> None:
    base = int("".join(f"{group:04x}" for group in groups), 16)
    if base >> 32 != 0xFFFF:
        assert str(Prefix(6, base, 128)) == str(IPv6Network((base, 128)))


@given(prefixes, prefixes)
def test_overlap_is_symmetric_and_agrees_with_the_standard_library(one: Prefix, other: Prefix) -> None:
    expected = one.version == other.version and network(one).overlaps(network(other))
    assert one.overlaps(other) == other.overlaps(one) == expected


@given(prefixes, prefixes)
def test_blocks_that_overlap_lie_one_inside_the_other(one: Prefix, other: Prefix) -> None:
    assert one.overlaps(other) == (one.contains(other) or other.contains(one))


@given(prefixes, prefixes)
def test_two_blocks_that_contain_each_other_are_the_same(one: Prefix, other: Prefix) -> None:
    assert (one.contains(other) and other.contains(one)) == (one == other)


@given(prefixes)
def test_a_block_has_two_halves(prefix: Prefix) -> None:
    if prefix.length == BITS[prefix.version]:
        assert prefix.base == prefix.last
        return
    middle = (prefix.base + prefix.last + 1) // 2
    lower, upper = (Prefix(prefix.version, base, prefix.length + 1) for base in (prefix.base, middle))
    assert prefix.contains(lower)
    assert prefix.contains(upper)
    assert not lower.overlaps(upper)
    assert (lower.base, upper.last, lower.last + 1) == (prefix.base, prefix.last, upper.base)
    assert prefix < lower < upper


@given(st.lists(prefixes, max_size=4), st.lists(prefixes, max_size=4))
def test_lists_overlap_when_some_pair_does(some: list[Prefix], others: list[Prefix]) -> None:
    assert overlap(some, others) == overlap(others, some) == any(a.overlaps(b) for a in some for b in others)


@given(st.text(alphabet="0123456789./:af ", max_size=24))
def test_no_text_is_a_block_for_us_and_none_for_the_standard_library(text: str) -> None:
    try:
        ours = Prefix.parse(text)
    except ValueError:
        return
    assert ip_network(text, strict=False) == network(ours)
