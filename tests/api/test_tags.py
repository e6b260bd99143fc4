"""Tags as boto3 sees them, on every kind of object."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.testing import InProcess


def create(ec2: Any, cidr: str = "10.0.0.0/16", **tags: str) -> str:
    vpc_id: str = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    if tags:
        tag(ec2, vpc_id, **tags)
    return vpc_id


def tag(ec2: Any, *resources: str, **tags: str) -> None:
    ec2.create_tags(Resources=list(resources), Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


def tags(ec2: Any, *filters: tuple[str, str]) -> dict[tuple[str, str], str]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    found = ec2.describe_tags(Filters=wanted)["Tags"]
    return {(each["ResourceId"], each["Key"]): each["Value"] for each in found}


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.rule("S596")
def test_create_tags_adds_and_overwrites(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, Name="one", kept="yes")
    tag(ec2, vpc_id, Name="two", empty="")
    assert ec2.describe_vpcs()["Vpcs"][0]["Tags"] == [
        {"Key": "Name", "Value": "two"},
        {"Key": "kept", "Value": "yes"},
        {"Key": "empty", "Value": ""},
    ]


@pytest.mark.rule("S598")
def test_every_kind_of_object_can_be_tagged(server: InProcess) -> None:
    ec2 = server.client()
    kinds = {
        create(ec2): "vpc",
        ec2.describe_route_tables()["RouteTables"][0]["RouteTableId"]: "route-table",
        ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]: "security-group",
        ec2.describe_security_group_rules()["SecurityGroupRules"][0]["SecurityGroupRuleId"]: "security-group-rule",
        ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"]: "network-acl",
        ec2.describe_dhcp_options()["DhcpOptions"][0]["DhcpOptionsId"]: "dhcp-options",
    }
    tag(ec2, *kinds, Name="all")
    assert ec2.describe_tags()["Tags"] == [
        {"Key": "Name", "ResourceId": resource_id, "ResourceType": kind, "Value": "all"}
        for resource_id, kind in kinds.items()
    ]
    assert ec2.describe_dhcp_options()["DhcpOptions"][0]["Tags"] == [{"Key": "Name", "Value": "all"}]
    assert ec2.describe_network_acls()["NetworkAcls"][0]["Tags"] == [{"Key": "Name", "Value": "all"}]


@pytest.mark.rule("S598")
def test_every_filter_of_tags_looks_at_its_own_member(server: InProcess) -> None:
    ec2 = server.client()
    one, other = create(ec2, Name="a", team="x"), create(ec2, Name="b")
    group_id = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    tag(ec2, group_id, Name="a")
    for name, value, expected in (
        ("key", "team", [(one, "team")]),
        ("value", "a", [(one, "Name"), (group_id, "Name")]),
        ("resource-id", one, [(one, "Name"), (one, "team")]),
        ("resource-type", "security-group", [(group_id, "Name")]),
        ("tag:Name", "b", [(other, "Name")]),
        ("key", "Na*", [(one, "Name"), (other, "Name"), (group_id, "Name")]),
    ):
        assert list(tags(ec2, (name, value))) == expected, name
    assert list(tags(ec2, ("resource-id", one), ("key", "Name"))) == [(one, "Name")]


@pytest.mark.rule("S598", "S504")
def test_tags_are_paged(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2, **{f"key{number}": "x" for number in range(12)})
    pages = list(ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Tags"]) for page in pages] == [5, 5, 2]
    assert [each["Key"] for page in pages for each in page["Tags"]] == [f"key{number}" for number in range(12)]
    unchecked = server.client(validate=False)
    for asked in (4, 1001):
        with pytest.raises(ClientError) as error:
            unchecked.describe_tags(MaxResults=asked)
        assert refusal(error)[0] == "InvalidParameterValue"


@pytest.mark.rule("S598")
def test_tags_of_named_objects_are_paged_too(server: InProcess) -> None:
    ec2 = server.client()
    wanted = [create(ec2, **{f"key{number}": "x" for number in range(4)}) for _ in range(3)]
    filters = [{"Name": "resource-id", "Values": wanted[:2]}]
    first = ec2.describe_tags(Filters=filters, MaxResults=5)
    rest = ec2.describe_tags(Filters=filters, MaxResults=5, NextToken=first["NextToken"])
    assert "NextToken" not in rest
    found = [(each["ResourceId"], each["Key"]) for each in first["Tags"] + rest["Tags"]]
    assert found == [(resource_id, f"key{number}") for resource_id in wanted[:2] for number in range(4)]


@pytest.mark.rule("S598", "S508")
def test_tags_are_their_accounts_in_their_region(server: InProcess) -> None:
    create(server.client(), Name="hub")
    assert tags(server.client("222222222222")) == {}
    assert tags(server.client(region="eu-west-1")) == {}


@pytest.mark.rule("S596")
@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("aws:reserved", "x", "InvalidParameterValue"),
        ("k" * 129, "x", "InvalidParameterValue"),
        ("k", "v" * 257, "InvalidParameterValue"),
        ("", "x", "InvalidTagKey.Malformed"),
    ],
)
def test_impossible_tags_are_refused(server: InProcess, key: str, value: str, code: str) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    with pytest.raises(ClientError) as error:
        tag(ec2, vpc_id, good="yes", **{key: value})
    assert refusal(error)[0] == code
    assert tags(ec2) == {}


@pytest.mark.rule("S244", "S108")
def test_tagging_with_no_tag_at_all_is_refused_in_its_own_words(server: InProcess) -> None:
    ec2 = server.client()
    with pytest.raises(ClientError) as error:
        tag(ec2, create(ec2))
    assert refusal(error) == ("InvalidParameterValue", "You must specify one or more tags to create")


@pytest.mark.rule("S596")
def test_an_object_has_at_most_50_tags_and_all_or_none_are_set(server: InProcess) -> None:
    ec2 = server.client()
    roomy, full = create(ec2), create(ec2, **{f"key{number}": "x" for number in range(50)})
    with pytest.raises(ClientError) as error:
        tag(ec2, roomy, full, one_more="x")
    assert refusal(error)[0] == "TagLimitExceeded"
    assert tags(ec2, ("resource-id", roomy)) == {}
    tag(ec2, full, key0="y")
    assert tags(ec2, ("key", "key0")) == {(full, "key0"): "y"}


@pytest.mark.rule("S502")
@pytest.mark.parametrize(
    ("resource_id", "code", "message"),
    [
        ("vpc-0123456789abcdef0", "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist"),
        (
            "subnet-0123456789abcdef0",
            "InvalidSubnetID.NotFound",
            "The subnet ID 'subnet-0123456789abcdef0' does not exist",
        ),
        (
            "dopt-0123456789abcdef0",
            "InvalidDhcpOptionID.NotFound",
            "The dhcpOption ID 'dopt-0123456789abcdef0' does not exist",
        ),
        (
            "pcx-0123456789abcdef0",
            "InvalidVpcPeeringConnectionID.NotFound",
            "The vpcPeeringConnection ID 'pcx-0123456789abcdef0' does not exist",
        ),
        ("vpc-x", "InvalidVpcId.Malformed", 'Invalid id: "vpc-x" (expecting "vpc-...")'),
        ("whale-0123456789abcdef0", "InvalidID", "The ID 'whale-0123456789abcdef0' is not valid"),
    ],
)
def test_an_unknown_object_fails_the_whole_call(server: InProcess, resource_id: str, code: str, message: str) -> None:
    ec2 = server.client()
    known = create(ec2, Name="hub")
    with pytest.raises(ClientError) as error:
        tag(ec2, known, resource_id, more="x")
    assert refusal(error) == (code, message)
    with pytest.raises(ClientError) as error:
        ec2.delete_tags(Resources=[known, resource_id], Tags=[{"Key": "Name"}])
    assert refusal(error) == (code, message)
    assert tags(ec2) == {(known, "Name"): "hub"}


@pytest.mark.rule("S508")
def test_another_accounts_object_cannot_be_tagged(server: InProcess) -> None:
    vpc_id = create(server.client())
    with pytest.raises(ClientError) as error:
        tag(server.client("222222222222"), vpc_id, mine="now")
    assert refusal(error)[0] == "InvalidVpcID.NotFound"


@pytest.mark.rule("S597")
@pytest.mark.parametrize(
    ("selectors", "left"),
    [
        ([{"Key": "a"}], {"b", "empty"}),
        ([{"Key": "a", "Value": "1"}], {"b", "empty"}),
        ([{"Key": "a", "Value": "2"}], {"a", "b", "empty"}),
        ([{"Key": "a", "Value": ""}], {"a", "b", "empty"}),
        ([{"Key": "empty", "Value": ""}], {"a", "b"}),
        ([{"Key": "a"}, {"Key": "b"}], {"empty"}),
        ([{"Key": "unknown"}], {"a", "b", "empty"}),
        (None, set()),
    ],
)
def test_delete_tags_goes_by_key_and_by_value_if_one_is_given(
    server: InProcess, selectors: list[dict] | None, left: set[str]
) -> None:
    ec2 = server.client()
    vpc_id, untouched = create(ec2, a="1", b="2", empty=""), create(ec2, a="1")
    ec2.delete_tags(Resources=[vpc_id], **({} if selectors is None else {"Tags": selectors}))
    assert {key for resource_id, key in tags(ec2) if resource_id == vpc_id} == left
    assert tags(ec2, ("resource-id", untouched)) == {(untouched, "a"): "1"}


def test_dry_runs_change_no_tags(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, Name="hub")
    for act, given in (
        (ec2.create_tags, [{"Key": "Name", "Value": "other"}]),
        (ec2.delete_tags, [{"Key": "Name"}]),
        (ec2.delete_tags, [{"Key": "unknown"}]),
    ):
        with pytest.raises(ClientError) as error:
            act(Resources=[vpc_id], Tags=given, DryRun=True)
        assert refusal(error)[0] == "DryRunOperation"
    assert tags(ec2) == {(vpc_id, "Name"): "hub"}


@pytest.mark.rule("S295", "S296")
def test_each_side_of_a_connection_has_tags_of_its_own(server: InProcess) -> None:
    requester, accepter = server.client(), server.client("222222222222")
    asked = requester.create_vpc_peering_connection(
        VpcId=create(requester), PeerVpcId=create(accepter, "10.1.0.0/16"), PeerOwnerId="222222222222"
    )
    peering_id = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    tag(requester, peering_id, Name="out")
    tag(accepter, peering_id, Name="in", more="x")
    for side, shown in ((requester, ["Name"]), (accepter, ["Name", "more"])):
        (found,) = side.describe_vpc_peering_connections()["VpcPeeringConnections"]
        assert [each["Key"] for each in found["Tags"]] == shown
    assert tags(requester) == {(peering_id, "Name"): "out"}
    assert tags(accepter) == {(peering_id, "Name"): "in", (peering_id, "more"): "x"}
    accepter.delete_tags(Resources=[peering_id])
    assert tags(requester, ("resource-type", "vpc-peering-connection")) == {(peering_id, "Name"): "out"}
    assert tags(accepter) == {}


@pytest.mark.rule("S297")
def test_both_sides_in_one_account_and_region_share_one_set(server: InProcess) -> None:
    ec2 = server.client()
    here, there = create(ec2), create(ec2, "10.1.0.0/16")
    asked = ec2.create_vpc_peering_connection(VpcId=here, PeerVpcId=there)
    peering_id = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    tag(ec2, peering_id, Name="requester")
    tag(ec2, peering_id, Name="accepter")
    assert tags(ec2) == {(peering_id, "Name"): "accepter"}
