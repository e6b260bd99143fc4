"""Route tables as boto3 sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.testing import InProcess

UNKNOWN = "rtb-0123456789abcdef0"


def create(ec2: Any, cidr: str = "10.0.0.0/16", **parameters: object) -> str:
    return ec2.create_vpc(CidrBlock=cidr, **parameters)["Vpc"]["VpcId"]


def shown(ec2: Any, *filters: tuple[str, str], **parameters: object) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_route_tables(Filters=wanted, **parameters)["RouteTables"]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.rule("S541", "S542", "S516")
def test_a_vpc_has_a_main_table_with_a_local_route_per_block(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, AmazonProvidedIpv6CidrBlock=True)
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    (table,) = shown(ec2)
    table_id = table["RouteTableId"]
    association_id = table["Associations"][0]["RouteTableAssociationId"]
    local = {"GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
    assert table == {
        "RouteTableId": table_id,
        "VpcId": vpc_id,
        "OwnerId": "111111111111",
        "Associations": [
            {
                "Main": True,
                "RouteTableAssociationId": association_id,
                "RouteTableId": table_id,
                "AssociationState": {"State": "associated"},
            }
        ],
        "PropagatingVgws": [],
        "Routes": [
            {"DestinationCidrBlock": "10.0.0.0/16", **local},
            {"DestinationIpv6CidrBlock": vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"], **local},
        ],
        "Tags": [],
    }


@pytest.mark.rule("S552")
def test_every_filter_finds_its_table_and_not_the_other(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, AmazonProvidedIpv6CidrBlock=True)
    create(ec2, "10.1.0.0/16")
    table, other = shown(ec2)
    table_id = table["RouteTableId"]
    ec2.create_tags(Resources=[table_id], Tags=[{"Key": "Name", "Value": "main"}])
    for name, value in (
        ("association.route-table-association-id", table["Associations"][0]["RouteTableAssociationId"]),
        ("association.route-table-id", table_id),
        ("route-table-id", table_id),
        ("route.destination-cidr-block", "10.0.0.0/16"),
        ("route.destination-ipv6-cidr-block", table["Routes"][1]["DestinationIpv6CidrBlock"]),
        ("tag:Name", "main"),
        ("tag-key", "Name"),
        ("vpc-id", vpc_id),
    ):
        assert [each["RouteTableId"] for each in shown(ec2, (name, value))] == [table_id], name
    for name, value in (
        ("association.main", "true"),
        ("owner-id", "111111111111"),
        ("route.gateway-id", "local"),
        ("route.origin", "CreateRouteTable"),
        ("route.state", "active"),
    ):
        assert len(shown(ec2, (name, value))) == 2, name
    for name in (
        "association.gateway-id",
        "association.subnet-id",
        "route.destination-prefix-list-id",
        "route.egress-only-internet-gateway-id",
        "route.instance-id",
        "route.nat-gateway-id",
        "route.transit-gateway-id",
        "route.vpc-peering-connection-id",
    ):
        assert shown(ec2, (name, "*")) == [], name
    assert shown(ec2, ("association.main", "true"), ("vpc-id", other["VpcId"])) == [other]


@pytest.mark.rule("S552", "S326")
def test_an_unknown_filter_is_refused(server: InProcess) -> None:
    with pytest.raises(ClientError) as error:
        shown(server.client(), ("main", "true"))
    assert refusal(error) == ("InvalidParameterValue", "The filter 'main' is invalid")


@pytest.mark.rule("S502", "S503")
def test_an_unknown_id_is_not_found(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2)
    with pytest.raises(ClientError) as error:
        ec2.describe_route_tables(RouteTableIds=[shown(ec2)[0]["RouteTableId"], UNKNOWN])
    assert refusal(error) == ("InvalidRouteTableID.NotFound", f"The routeTable ID '{UNKNOWN}' does not exist")


@pytest.mark.rule("S504")
def test_a_page_holds_5_to_100_tables(server: InProcess) -> None:
    ec2 = server.client()
    for _ in range(6):
        create(ec2)
    pages = list(ec2.get_paginator("describe_route_tables").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["RouteTables"]) for page in pages] == [5, 1]
    assert len(ec2.describe_route_tables(MaxResults=100)["RouteTables"]) == 6
    unchecked = server.client(validate=False)
    for asked in (4, 101):
        with pytest.raises(ClientError) as error:
            unchecked.describe_route_tables(MaxResults=asked)
        assert refusal(error)[0] == "InvalidParameterValue"
