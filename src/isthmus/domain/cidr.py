"""CIDR blocks as integer ranges: parsing, canonical text, overlap.

Building an `ipaddress` network costs about 7 us and comparing two 2 us; two integers cost 0.04. So the standard
library's module is used only to read and write IPv6 text, and to check us in the tests.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address
from itertools import product, starmap
from typing import Self

from msgspec import Struct

BITS = {4: 32, 6: 128}
_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)
_LENGTH = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
_ZEROS = re.compile(r"(?:^|:)0(?::0)+(?:$|:)")  # two or more groups of zero
_HIGHEST_OCTET = 255


class Prefix(Struct, frozen=True, order=True):
    """A CIDR block: the addresses of that IP version whose first `length` bits are those of `base`.

    `base` has no bits beyond `length`. Blocks order by version, then address, then the larger block first.
    """

    version: int
    base: int
    length: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `address/length`; bits beyond the length are cleared, not refused (S514).

        Raises ValueError for anything else: no length, a length out of range, leading zeros, spaces, signs, zones.
        """
        address, slash, digits = text.partition("/")
        if not slash or _LENGTH.fullmatch(digits) is None:
            raise ValueError(f"not a CIDR block: {text!r}")
        version = 6 if ":" in address else 4
        length = int(digits)
        if length > BITS[version]:
            raise ValueError(f"prefix length out of range: {text!r}")
        value = _ipv6_value(address) if version == 6 else _ipv4_value(address)
        host_bits = BITS[version] - length
        return cls(version, value >> host_bits << host_bits, length)

    @property
    def last(self) -> int:
        """The highest address of the block, as an integer."""
        return self.base | ((1 << (BITS[self.version] - self.length)) - 1)

    def overlaps(self, other: "Prefix") -> bool:
        """Whether some address is in both."""
        host_bits = BITS[self.version] - min(self.length, other.length)
        return self.version == other.version and self.base >> host_bits == other.base >> host_bits

    def contains(self, other: "Prefix") -> bool:
        """Whether every address of `other` is in this block."""
        return self.version == other.version and self.length <= other.length and self.base <= other.base <= self.last

    def __str__(self) -> str:
        """Canonical text: IPv6 compressed and in lower case (S554)."""
        return f"{address_text(self.version, self.base)}/{self.length}"


def overlap(some: Iterable[Prefix], others: Iterable[Prefix]) -> bool:
    """Whether any block of the one overlaps any block of the other (S241)."""
    return any(starmap(Prefix.overlaps, product(some, others)))


def address_text(version: int, value: int) -> str:
    """The address as EC2 writes it."""
    if version == 6:
        return _ipv6_text(value)
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def _ipv6_text(value: int) -> str:
    """Compressed as RFC 5952 says, by hand: Python 3.13 changed how it writes IPv4-mapped addresses."""
    groups = [f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    zeros = max(_ZEROS.finditer(":".join(groups)), key=lambda run: run[0].count("0"), default=None)
    if zeros is None:
        return ":".join(groups)
    return f"{zeros.string[: zeros.start()]}::{zeros.string[zeros.end() :]}"


def _ipv4_value(text: str) -> int:
    match = _IPV4.fullmatch(text)
    if match is None:
        raise ValueError(f"not an IPv4 address: {text!r}")
    value = 0
    for octet in match.groups():
        if int(octet) > _HIGHEST_OCTET or (len(octet) > 1 and octet[0] == "0"):
            raise ValueError(f"not an IPv4 address: {text!r}")
        value = value << 8 | int(octet)
    return value


def _ipv6_value(text: str) -> int:
    if "%" in text:
        raise ValueError(f"an IPv6 zone does not belong in a CIDR block: {text!r}")
    return int(IPv6Address(text))


# The ranges that decide which block may be added to a VPC (S520).
PRIVATE_10 = Prefix.parse("10.0.0.0/8")
PRIVATE_172 = Prefix.parse("172.16.0.0/12")
PRIVATE_192 = Prefix.parse("192.168.0.0/16")
RFC_1918 = (PRIVATE_10, PRIVATE_172, PRIVATE_192)
BENCHMARKING = Prefix.parse("198.19.0.0/16")
LINK_LOCAL = Prefix.parse("169.254.0.0/16")
