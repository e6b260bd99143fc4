"""Loopback is not a boundary: a stranger's web page is refused, and a proxy's word counts only if it is trusted."""

import pytest

from isthmus.gateway import guard
from isthmus.gateway.guard import Bounds
from isthmus.wire.http import HttpRequest

LOCAL = Bounds("127.0.0.1", frozenset({"isthmus"}))
PROXIED = Bounds("10.0.0.5", trusted_proxies=guard.networks(["10.0.0.0/24", "2001:db8::/64"]))


def request(*headers: tuple[str, str], peer: str = "127.0.0.1", is_loopback: bool = True) -> HttpRequest:
    """A GET with these headers and no others."""
    return HttpRequest("GET", "/", "", headers, b"", peer, is_loopback=is_loopback)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:4510",
        "LOCALHOST",
        "localhost.:4510",
        "ec2.localhost",
        "127.0.0.1:4510",
        "127.8.9.1",
        "[::1]:4510",
        "[::1]",
        "isthmus:4510",
    ],
)
def test_loopback_names_and_allowed_hosts_pass(host: str) -> None:
    assert guard.refusal(request(("host", host)), LOCAL) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4510",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "10.0.0.5",
        "[2001:db8::1]:4510",
        "isthmus.evil.example",
    ],
)
def test_a_host_that_is_no_name_of_ours_is_refused_and_named(host: str) -> None:
    sentence = guard.refusal(request(("host", host)), LOCAL)
    assert sentence is not None
    assert "--allow-host" in sentence


@pytest.mark.parametrize("host", ["", ":4510", "[::1", "[::1]x", "localhost:port", "localhost:²", "::1"])
def test_an_unreadable_host_is_refused(host: str) -> None:
    assert guard.refusal(request(("host", host)), LOCAL) is not None


def test_exactly_one_host_is_needed() -> None:
    assert guard.refusal(request(), LOCAL) is not None
    assert guard.refusal(request(("host", "localhost"), ("host", "localhost")), LOCAL) is not None


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:4510", "null", ""])
def test_any_origin_is_refused(origin: str) -> None:
    assert guard.refusal(request(("host", "localhost"), ("origin", origin)), LOCAL) is not None


@pytest.mark.parametrize(
    ("site", "passes"),
    [
        ("none", True),
        ("same-origin", True),
        ("same-site", False),
        ("cross-site", False),
        ("Cross-Site", False),
        ("", False),
    ],
)
def test_only_a_page_of_our_own_may_fetch(site: str, *, passes: bool) -> None:
    assert (guard.refusal(request(("host", "localhost"), ("sec-fetch-site", site)), LOCAL) is None) is passes


@pytest.mark.parametrize(("bound", "passes"), [("192.0.2.7", True), ("0.0.0.0", True), ("::", True), ("192.0.2.8", False)])
def test_the_bound_address_passes_and_any_address_where_all_are_bound(bound: str, *, passes: bool) -> None:
    assert (guard.refusal(request(("host", "192.0.2.7:4510")), Bounds(bound)) is None) is passes


def test_a_name_does_not_pass_where_all_addresses_are_bound() -> None:
    assert guard.refusal(request(("host", "evil.example")), Bounds("0.0.0.0")) is not None


@pytest.mark.parametrize(
    ("bounds", "is_loopback", "rights"), [(LOCAL, True, True), (LOCAL, False, False), (PROXIED, True, False)]
)
def test_loopback_gives_rights_only_where_no_proxy_is_trusted(bounds: Bounds, is_loopback: bool, rights: bool) -> None:
    assert guard.has_loopback_rights(request(is_loopback=is_loopback), bounds) is rights


@pytest.mark.rule("I101")
@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # no proxy of ours: its words do not count
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # what stands left of it the caller made up
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3,10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:5000"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8:1::9]:5000"], "2001:db8:1::9"),
        ("2001:db8::1", ["2001:db8:1::9"], "2001:db8:1::9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("unix", ["203.0.113.9"], "unix"),
    ],
)
def test_the_source_is_the_right_most_address_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], expected: str
) -> None:
    headers = [("x-forwarded-for", line) for line in forwarded]
    assert guard.source(request(*headers, peer=peer), PROXIED) == expected


@pytest.mark.rule("I101")
def test_nobody_is_trusted_unless_told() -> None:
    http = request(("x-forwarded-for", "203.0.113.9"), peer="127.0.0.1")
    assert guard.source(http, LOCAL) == "127.0.0.1"


def test_a_proxy_setting_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        guard.networks(["proxy.example"])
