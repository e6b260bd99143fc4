"""Where a request comes from, and whether a web page sent it: loopback is not a boundary.

A page in somebody's browser can reach a server on the same machine, so in open mode and on our own endpoints a request
must look as no browser of a stranger's page would send it. Pure functions over the request and a few settings.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

from isthmus.wire.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WILDCARD_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
OWN_FETCH_SITES = frozenset({"none", "same-origin"})  # "same-site" would let any other port of this machine in


class Bounds(Struct, frozen=True):
    """Which names a server answers to, and which proxies it believes.

    `bound` is the address that it listens on, `allowed_hosts` are further host names in lower case, without port.
    """

    bound: str
    allowed_hosts: frozenset[str] = frozenset()
    trusted_proxies: tuple[Network, ...] = ()


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and CIDR blocks of a setting as networks; ValueError for what is neither."""
    return tuple(ip_network(text) for text in texts)


def refusal(http: HttpRequest, bounds: Bounds) -> str | None:
    """Why an unauthenticated caller is not believed to be a program of this machine's user; None when it may be.

    For open mode and for our own endpoints. A Host that is no name of ours is what DNS rebinding sends.
    """
    if http.header("origin") is not None:
        return "Requests from web pages (with an Origin header) are refused."
    if any(site.strip().lower() not in OWN_FETCH_SITES for site in http.header_values("sec-fetch-site")):
        return "Requests from web pages of another site (Sec-Fetch-Site) are refused."
    hosts = http.header_values("host")
    name = _host_name(hosts[0]) if len(hosts) == 1 else None
    if name is None:
        return "A request needs exactly one readable Host header."
    if not _is_our_name(name, bounds):
        return f"The Host '{name}' is not a name of this server; allow it with --allow-host."
    return None


def has_loopback_rights(http: HttpRequest, bounds: Bounds) -> bool:
    """Whether the request comes from this machine itself. Behind a proxy everybody seems to, so then nobody does."""
    return http.is_loopback and not bounds.trusted_proxies


def source(http: HttpRequest, bounds: Bounds) -> str:
    """The address that a request comes from (I101).

    It is the peer's; where that is a trusted proxy, the right-most entry of X-Forwarded-For that is not one. Entries
    left of it are the caller's own words. Where it is no address, the proxy that passed it on is as far as we can see.
    """
    believed = _normal(http.peer)
    if not bounds.trusted_proxies:
        return believed
    address = _address(http.peer)
    for entry in reversed(_forwarded(http)):
        if address is None or not _is_trusted(address, bounds.trusted_proxies):
            break
        address = _address(entry)
        believed = believed if address is None else str(address)
    return believed


@lru_cache(maxsize=1_024)
def _normal(peer: str) -> str:
    """An address as everybody writes it; another text stays."""
    address = _address(peer)
    return peer if address is None else str(address)


def is_secure(http: HttpRequest, bounds: Bounds) -> bool:
    """Whether the caller spoke TLS: to us, or, as X-Forwarded-Proto says, to a trusted proxy (I29)."""
    if http.secure:
        return True
    address = _address(http.peer)
    is_believed = address is not None and _is_trusted(address, bounds.trusted_proxies)
    return is_believed and (http.header("x-forwarded-proto") or "").strip().lower() == "https"


def _forwarded(http: HttpRequest) -> Sequence[str]:
    return [entry.strip() for line in http.header_values("x-forwarded-for") for entry in line.split(",")]


def _is_trusted(address: Address, trusted: Iterable[Network]) -> bool:
    return any(address in network for network in trusted)


@lru_cache(maxsize=1_024)  # the same few ask again and again
def _address(text: str) -> Address | None:
    """An address, with or without port; IPv4 in IPv6 clothes is IPv4."""
    name = text if text.count(":") > 1 and not text.startswith("[") else _host_name(text)
    try:
        address = ip_address(name or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _host_name(host: str) -> str | None:
    """The name or address of a Host header, lower case, without port and closing dot; None when it is unreadable."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        readable = bracket and (not port or port.startswith(":"))
        port = port[1:]
    else:
        name, _, port = host.partition(":")
        readable = True
    if not readable or not name or (port and not (port.isascii() and port.isdigit())):
        return None
    return name.lower().removesuffix(".")


def _is_our_name(name: str, bounds: Bounds) -> bool:
    """Loopback, the bound address or an allowed host.

    Bound to every address, any address does: rebinding needs a name, and which addresses the machine has is not known.
    """
    if name in bounds.allowed_hosts or name in {bounds.bound, "localhost"} or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or bounds.bound in WILDCARD_ADDRESSES)
