"""Route tables: DescribeRouteTables."""

from collections.abc import Sequence

from isthmus.actions.call import Call
from isthmus.actions.describe import Listing, describe
from isthmus.actions.tagging import tag_set
from isthmus.domain import pages
from isthmus.domain import route_table as rules
from isthmus.domain import vpc as vpcs
from isthmus.domain.filters import Tags
from isthmus.domain.route_table import Route, RouteTable, RouteTableWithRoutes
from isthmus.wire.shapes import ec2


def describe_route_tables(request: ec2.DescribeRouteTablesRequest, call: Call) -> ec2.DescribeRouteTablesResult:
    """List the route tables of the account in the Region, with their routes (S541, S542, S552)."""
    page = describe(call, _LISTING, request.route_table_ids, request.filters, request.max_results, request.next_token)
    tables = [_route_table(item, tags) for item, tags in page.items]
    return ec2.DescribeRouteTablesResult(route_tables=tables, next_token=page.next_token)


def _with_routes(call: Call, tables: Sequence[RouteTable]) -> list[RouteTableWithRoutes]:
    wanted = list(dict.fromkeys(table.vpc_id for table in tables))
    blocks = vpcs.by_vpc(call.store.vpc_cidr_blocks.where(vpc_id=wanted))
    return [
        RouteTableWithRoutes(table, rules.local_routes(block.prefix for block in blocks[table.vpc_id])) for table in tables
    ]


_LISTING: Listing[RouteTableWithRoutes] = Listing(
    rows=lambda unit: unit.route_tables,
    filters=rules.FILTERS,
    load=_with_routes,
    ids_parameter="RouteTableIds",
    indexed={"route-table-id": "id", "vpc-id": "vpc_id"},
    max_results=pages.MAX_RESULTS["DescribeRouteTables"],
)


def _route_table(item: RouteTableWithRoutes, tags: Tags) -> ec2.RouteTable:
    table = item.table
    return ec2.RouteTable(
        route_table_id=table.id,
        vpc_id=table.vpc_id,
        owner_id=table.account,
        associations=[_main_association(table)] if table.is_main else [],
        propagating_vgws=[],
        routes=[_route(route) for route in item.routes],
        tags=tag_set(tags),
    )


def _main_association(table: RouteTable) -> ec2.RouteTableAssociation:
    return ec2.RouteTableAssociation(
        main=True,
        route_table_association_id=table.association_id,
        route_table_id=table.id,
        association_state=ec2.RouteTableAssociationState(state="associated"),
    )


def _route(route: Route) -> ec2.Route:
    destination = str(route.destination)
    return ec2.Route(
        destination_cidr_block=destination if route.destination.version == 4 else None,
        destination_ipv6_cidr_block=destination if route.destination.version == 6 else None,
        gateway_id=route.gateway_id,
        origin=route.origin,
        state=route.state,
    )
