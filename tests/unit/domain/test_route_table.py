import pytest

from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import Filter
from isthmus.domain.route_table import FILTERS, Route, RouteTable, RouteTableWithRoutes, local_routes

BLOCKS = [Prefix.parse(text) for text in ("10.0.0.0/16", "10.2.0.0/16", "2600:1f00::/56")]


def table(*, main: bool = True) -> RouteTable:
    return RouteTable(
        id="rtb-0123456789abcdef0",
        account="111111111111",
        region="us-east-1",
        vpc_id="vpc-0123456789abcdef0",
        association_id="rtbassoc-0123456789abcdef0" if main else "",
        is_main=main,
    )


def matches(item: RouteTableWithRoutes, name: str, value: str) -> bool:
    return FILTERS.compile([Filter(name, (value,))])(item, {})


@pytest.mark.rule("S542", "S522")
def test_every_block_of_the_vpc_has_a_local_route() -> None:
    assert local_routes(BLOCKS) == tuple(Route(block, "local", "CreateRouteTable", "active") for block in BLOCKS)
    assert local_routes(BLOCKS[:1]) == (Route(BLOCKS[0], "local", "CreateRouteTable", "active"),)


@pytest.mark.rule("S552")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("association.main", "true"),
        ("association.route-table-association-id", "rtbassoc-0123456789abcdef0"),
        ("association.route-table-id", "rtb-0123456789abcdef0"),
        ("owner-id", "111111111111"),
        ("route-table-id", "rtb-0123456789abcdef0"),
        ("route.destination-cidr-block", "10.0.0.0/16"),
        ("route.destination-cidr-block", "10.2.0.0/16"),
        ("route.destination-ipv6-cidr-block", "2600:1f00::/56"),
        ("route.gateway-id", "local"),
        ("route.origin", "CreateRouteTable"),
        ("route.state", "active"),
        ("vpc-id", "vpc-0123456789abcdef0"),
    ],
)
def test_each_filter_matches_its_own_value(name: str, value: str) -> None:
    item = RouteTableWithRoutes(table(), local_routes(BLOCKS))
    assert matches(item, name, value)
    assert not matches(item, name, f"x{value}")


@pytest.mark.rule("S552")
@pytest.mark.parametrize(
    "name",
    [
        "association.gateway-id",
        "association.subnet-id",
        "route.destination-prefix-list-id",
        "route.egress-only-internet-gateway-id",
        "route.instance-id",
        "route.nat-gateway-id",
        "route.transit-gateway-id",
        "route.vpc-peering-connection-id",
    ],
)
def test_what_no_route_has_matches_nothing(name: str) -> None:
    assert not matches(RouteTableWithRoutes(table(), local_routes(BLOCKS)), name, "*")


@pytest.mark.rule("S552")
def test_destinations_part_by_ip_version() -> None:
    item = RouteTableWithRoutes(table(), local_routes(BLOCKS))
    assert not matches(item, "route.destination-cidr-block", "2600:1f00::/56")
    assert not matches(item, "route.destination-ipv6-cidr-block", "10.0.0.0/16")


@pytest.mark.rule("S552")
@pytest.mark.parametrize("name", ["main", "route-table-association-id", "route-table-id"])
def test_a_table_without_association_matches_no_association_filter(name: str) -> None:
    item = RouteTableWithRoutes(table(main=False), local_routes(BLOCKS))
    assert not matches(item, f"association.{name}", "*")
