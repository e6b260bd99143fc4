"""Route tables, the local routes that follow from the blocks of their VPC, and the filters of DescribeRouteTables."""

from collections.abc import Iterable

from msgspec import Struct

from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import FilterTable


class RouteTable(Struct, frozen=True):
    """A route table of a VPC; the main one carries the id of its association with the VPC."""

    id: str
    account: str
    region: str
    vpc_id: str
    association_id: str
    is_main: bool
    seq: int = 0
    version: int = 0


class Route(Struct, frozen=True):
    """One route of a table, with the target as EC2 names it."""

    destination: Prefix
    gateway_id: str
    origin: str
    state: str


class RouteTableWithRoutes(Struct, frozen=True):
    """A route table and its routes, as Describe shows them together."""

    table: RouteTable
    routes: tuple[Route, ...]


def local_routes(blocks: Iterable[Prefix]) -> tuple[Route, ...]:
    """Return the routes that every table of a VPC has: one `local` route per block (S522, S542)."""
    return tuple(Route(block, "local", "CreateRouteTable", "active") for block in blocks)


def _destinations(item: RouteTableWithRoutes, version: int) -> Iterable[str]:
    return (str(route.destination) for route in item.routes if route.destination.version == version)


def _main_association(item: RouteTableWithRoutes, text: str) -> Iterable[str]:
    return (text,) if item.table.is_main else ()


def _nothing(_: RouteTableWithRoutes) -> Iterable[str]:
    return ()


FILTERS: FilterTable[RouteTableWithRoutes] = FilterTable(
    {
        "association.gateway-id": _nothing,
        "association.main": lambda item: _main_association(item, "true"),
        "association.route-table-association-id": lambda item: _main_association(item, item.table.association_id),
        "association.route-table-id": lambda item: _main_association(item, item.table.id),
        "association.subnet-id": _nothing,
        "owner-id": lambda item: (item.table.account,),
        "route-table-id": lambda item: (item.table.id,),
        "route.destination-cidr-block": lambda item: _destinations(item, 4),
        "route.destination-ipv6-cidr-block": lambda item: _destinations(item, 6),
        "route.destination-prefix-list-id": _nothing,
        "route.egress-only-internet-gateway-id": _nothing,
        "route.gateway-id": lambda item: (route.gateway_id for route in item.routes),
        "route.instance-id": _nothing,
        "route.nat-gateway-id": _nothing,
        "route.origin": lambda item: (route.origin for route in item.routes),
        "route.state": lambda item: (route.state for route in item.routes),
        "route.transit-gateway-id": _nothing,
        "route.vpc-peering-connection-id": _nothing,
        "vpc-id": lambda item: (item.table.vpc_id,),
    }
)
