"""VPCs as boto3 sees them: create, describe, attributes, delete."""

import functools
import operator
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from isthmus.config import Settings
from isthmus.testing import InProcess

OTHER_ACCOUNT = "222222222222"
UNKNOWN = "vpc-0123456789abcdef0"


def create(ec2: Any, cidr: str = "10.0.0.0/16", **parameters: object) -> dict:
    return ec2.create_vpc(CidrBlock=cidr, **parameters)["Vpc"]


def shown(ec2: Any, **parameters: object) -> list[dict]:
    return ec2.describe_vpcs(**parameters)["Vpcs"]


def ids(ec2: Any, *filters: tuple[str, str]) -> list[str]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return [vpc["VpcId"] for vpc in shown(ec2, Filters=wanted)]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


# Create


@pytest.mark.rule("S511")
def test_create_answers_a_pending_vpc_with_every_member(server: InProcess) -> None:
    ec2 = server.client()
    vpc = create(ec2)
    assert re.fullmatch("vpc-[0-9a-f]{17}", vpc.pop("VpcId"))
    assert re.fullmatch("dopt-[0-9a-f]{17}", vpc.pop("DhcpOptionsId"))
    assert re.fullmatch("vpc-cidr-assoc-[0-9a-f]{17}", vpc["CidrBlockAssociationSet"][0].pop("AssociationId"))
    assert vpc == {
        "State": "pending",
        "CidrBlock": "10.0.0.0/16",
        "InstanceTenancy": "default",
        "IsDefault": False,
        "OwnerId": "111111111111",
        "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}}],
        "Ipv6CidrBlockAssociationSet": [],
        "Tags": [],
    }


@pytest.mark.rule("S511")
def test_describe_shows_the_same_vpc_as_available(server: InProcess) -> None:
    ec2 = server.client()
    created = create(ec2, InstanceTenancy="dedicated")
    ec2.get_waiter("vpc_available").wait(VpcIds=[created["VpcId"]])
    assert shown(ec2) == [{**created, "State": "available", "InstanceTenancy": "dedicated"}]


@pytest.mark.rule("S605")
def test_waiters_see_what_is_there_and_what_is_gone(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)["VpcId"]
    ec2.get_waiter("vpc_exists").wait(VpcIds=[vpc_id], WaiterConfig={"MaxAttempts": 1})
    group_id = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ec2.get_waiter("security_group_exists").wait(GroupIds=[group_id], WaiterConfig={"MaxAttempts": 1})
    ec2.delete_vpc(VpcId=vpc_id)
    for name, parameters in (("vpc_exists", {"VpcIds": [vpc_id]}), ("security_group_exists", {"GroupIds": [group_id]})):
        with pytest.raises(WaiterError, match="Max attempts exceeded"):  # an error that it does not know would end it
            ec2.get_waiter(name).wait(**parameters, WaiterConfig={"MaxAttempts": 1})


@pytest.mark.rule("S501")
def test_all_that_comes_with_a_vpc_has_an_id_of_17_digits(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2)
    found = [
        ec2.describe_route_tables()["RouteTables"][0]["RouteTableId"],
        ec2.describe_route_tables()["RouteTables"][0]["Associations"][0]["RouteTableAssociationId"],
        ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
        *(rule["SecurityGroupRuleId"] for rule in ec2.describe_security_group_rules()["SecurityGroupRules"]),
        ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"],
        ec2.describe_dhcp_options()["DhcpOptions"][0]["DhcpOptionsId"],
    ]
    assert [each.rpartition("-")[0] for each in found] == ["rtb", "rtbassoc", "sg", "sgr", "sgr", "acl", "dopt"]
    assert all(re.fullmatch("[0-9a-f]{17}", each.rpartition("-")[2]) for each in found)


@pytest.mark.rule("S516")
def test_a_new_vpc_comes_with_a_table_a_group_an_acl_and_the_regions_dhcp_options(server: InProcess) -> None:
    ec2 = server.client()
    vpc = create(ec2)
    for found in (
        ec2.describe_route_tables()["RouteTables"],
        ec2.describe_security_groups()["SecurityGroups"],
        ec2.describe_network_acls()["NetworkAcls"],
    ):
        assert [each["VpcId"] for each in found] == [vpc["VpcId"]]
    assert vpc["DhcpOptionsId"] == ec2.describe_dhcp_options()["DhcpOptions"][0]["DhcpOptionsId"]


@pytest.mark.rule("S512")
@pytest.mark.parametrize("cidr", ["10.0.0.0/15", "10.0.0.0/29"])
def test_a_block_is_16_to_28_bits_long(server: InProcess, cidr: str) -> None:
    ec2 = server.client()
    with pytest.raises(ClientError) as error:
        create(ec2, cidr)
    assert refusal(error) == ("InvalidVpc.Range", f"The CIDR '{cidr}' is invalid.")
    assert shown(ec2) == []


@pytest.mark.rule("S513")
def test_text_that_is_no_block_is_refused(server: InProcess) -> None:
    with pytest.raises(ClientError) as error:
        create(server.client(), "10.0.0.0")
    assert refusal(error) == (
        "InvalidParameterValue",
        "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
    )


@pytest.mark.rule("S514")
def test_host_bits_are_cleared(server: InProcess) -> None:
    assert create(server.client(), "100.68.0.18/18")["CidrBlock"] == "100.68.0.0/18"


@pytest.mark.rule("S515")
def test_two_vpcs_may_have_the_same_block(server: InProcess) -> None:
    ec2 = server.client()
    first, second = create(ec2), create(ec2)
    assert [vpc["VpcId"] for vpc in shown(ec2)] == [first["VpcId"], second["VpcId"]]


@pytest.mark.rule("S523")
def test_amazon_provides_an_ipv6_block_on_request(server: InProcess) -> None:
    ec2 = server.client(region="eu-west-1")
    (created,) = create(ec2, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociationSet"]
    assert created["Ipv6CidrBlockState"] == {"State": "associating"}
    ((described,),) = (vpc["Ipv6CidrBlockAssociationSet"] for vpc in shown(ec2))
    assert described == {**created, "Ipv6CidrBlockState": {"State": "associated"}}
    assert re.fullmatch("2600:1f[0-9a-f:]+::/56", described["Ipv6CidrBlock"])
    assert (described["Ipv6Pool"], described["NetworkBorderGroup"]) == ("Amazon", "eu-west-1")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "host"}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
        ({"Ipv4IpamPoolId": "ipam-pool-0123456789abcdef0"}, "InvalidIpamPoolId.NotFound"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv6IpamPoolId": "ipam-pool-0123456789abcdef0"}, "InvalidIpamPoolId.NotFound"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv6Pool": "ipv6pool-ec2-0123456789abcdef0"}, "InvalidPoolID.NotFound"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv4NetmaskLength": 20}, "InvalidParameterCombination"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv6NetmaskLength": 56}, "InvalidParameterCombination"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": "2001:db8::/56"}, "InvalidParameterCombination"),
        (
            {"CidrBlock": "10.0.0.0/16", "Ipv6CidrBlockNetworkBorderGroup": "us-east-1"},
            "InvalidParameterCombination",
        ),
        (
            {
                "CidrBlock": "10.0.0.0/16",
                "AmazonProvidedIpv6CidrBlock": True,
                "Ipv6CidrBlockNetworkBorderGroup": "us-east-1-bos-1",
            },
            "InvalidParameterValue",
        ),
        ({"CidrBlock": "10.0.0.0/16", "VpcEncryptionControl": {"Mode": "monitor"}}, "UnsupportedOperation"),
    ],
)
def test_what_cannot_be_honoured_is_refused(server: InProcess, parameters: dict, code: str) -> None:
    ec2 = server.client()
    with pytest.raises(ClientError) as error:
        ec2.create_vpc(**parameters)
    assert refusal(error)[0] == code
    assert shown(ec2) == []


@pytest.mark.rule("S505")
def test_tags_given_on_create_are_the_vpcs(server: InProcess) -> None:
    ec2 = server.client()
    tags = [{"Key": "Name", "Value": "hub"}, {"Key": "empty", "Value": ""}]
    created = create(ec2, TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    assert created["Tags"] == tags
    assert [vpc["Tags"] for vpc in shown(ec2)] == [tags]


@pytest.mark.rule("S505", "S244")
def test_tags_for_another_kind_are_refused(server: InProcess) -> None:
    ec2 = server.client()
    with pytest.raises(ClientError) as error:
        create(ec2, TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}])
    assert refusal(error) == (
        "InvalidParameter",
        "'subnet' is not a valid taggable resource type for this operation.",
    )
    assert shown(ec2) == []


@pytest.mark.rule("S525")
def test_the_quota_of_vpcs_counts_per_account_and_region() -> None:
    with InProcess(Settings(data="memory", quota={"vpcs_per_region": 2})) as server:
        ec2 = server.client()
        first, _ = create(ec2), create(ec2)
        with pytest.raises(ClientError) as error:
            create(ec2)
        assert refusal(error) == ("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
        create(server.client(OTHER_ACCOUNT))
        create(server.client(region="eu-west-1"))
        ec2.delete_vpc(VpcId=first["VpcId"])
        create(ec2)


def test_a_dry_run_creates_nothing(server: InProcess) -> None:
    ec2 = server.client()
    with pytest.raises(ClientError) as error:
        create(ec2, DryRun=True)
    assert refusal(error)[0] == "DryRunOperation"
    assert shown(ec2) == []


# Describe


@pytest.mark.rule("S508")
def test_a_vpc_is_its_accounts_in_its_region_only(server: InProcess) -> None:
    vpc_id = create(server.client())["VpcId"]
    for elsewhere in (server.client(OTHER_ACCOUNT), server.client(region="eu-west-1")):
        assert shown(elsewhere) == []
        for act in (elsewhere.describe_vpcs, elsewhere.delete_vpc, elsewhere.modify_vpc_attribute):
            parameters: dict = {"VpcIds": [vpc_id]} if act == elsewhere.describe_vpcs else {"VpcId": vpc_id}
            if act == elsewhere.modify_vpc_attribute:
                parameters["EnableDnsSupport"] = {"Value": False}
            with pytest.raises(ClientError) as error:
                act(**parameters)
            assert refusal(error) == ("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")


@pytest.mark.rule("S502", "S503")
def test_an_unknown_id_fails_the_whole_describe(server: InProcess) -> None:
    ec2 = server.client()
    known = create(ec2)["VpcId"]
    with pytest.raises(ClientError) as error:
        shown(ec2, VpcIds=[known, UNKNOWN])
    assert refusal(error) == ("InvalidVpcID.NotFound", f"The vpc ID '{UNKNOWN}' does not exist")
    with pytest.raises(ClientError) as error:
        shown(ec2, VpcIds=["vpc-nonsense"])
    assert refusal(error) == (
        "InvalidVpcId.Malformed",
        'Invalid id: "vpc-nonsense" (expecting "vpc-...")',
    )


@pytest.mark.rule("S503")
def test_ids_and_filters_intersect(server: InProcess) -> None:
    ec2 = server.client()
    one, other = create(ec2)["VpcId"], create(ec2, "10.1.0.0/16")["VpcId"]
    wanted = [{"Name": "cidr", "Values": ["10.1.0.0/16"]}]
    assert [vpc["VpcId"] for vpc in shown(ec2, VpcIds=[one, other], Filters=wanted)] == [other]
    assert shown(ec2, VpcIds=[one], Filters=wanted) == []
    assert ids(ec2, ("vpc-id", UNKNOWN)) == []


@pytest.mark.rule("S528")
def test_every_filter_finds_its_vpc_and_not_the_other(server: InProcess) -> None:
    ec2 = server.client()
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "hub"}]}]
    wanted = create(ec2, AmazonProvidedIpv6CidrBlock=True, TagSpecifications=tags)
    other = create(ec2, "10.1.0.0/16")
    ipv6 = wanted["Ipv6CidrBlockAssociationSet"][0]
    for name, value in (
        ("cidr", "10.0.0.0/16"),
        ("cidr-block", "10.0.0.0/16"),
        ("cidr-block-association.cidr-block", "10.0.0.0/16"),
        ("cidr-block-association.association-id", wanted["CidrBlockAssociationSet"][0]["AssociationId"]),
        ("ipv6-cidr-block-association.ipv6-cidr-block", ipv6["Ipv6CidrBlock"]),
        ("ipv6-cidr-block-association.ipv6-pool", "Amazon"),
        ("ipv6-cidr-block-association.association-id", ipv6["AssociationId"]),
        ("ipv6-cidr-block-association.state", "associated"),
        ("tag:Name", "hub"),
        ("tag-key", "Name"),
        ("vpc-id", wanted["VpcId"]),
    ):
        assert ids(ec2, (name, value)) == [wanted["VpcId"]], name
    for name, value in (
        ("cidr-block-association.state", "associated"),
        ("dhcp-options-id", wanted["DhcpOptionsId"]),
        ("dhcpOptionsId", wanted["DhcpOptionsId"]),
        ("is-default", "false"),
        ("isDefault", "false"),
        ("owner-id", "111111111111"),
        ("state", "available"),
    ):
        assert ids(ec2, (name, value)) == [wanted["VpcId"], other["VpcId"]], name
    assert ids(ec2, ("isDefault", "true")) == []


@pytest.mark.rule("S504")
def test_pages_neither_repeat_nor_skip(server: InProcess) -> None:
    ec2 = server.client()
    created = [create(ec2)["VpcId"] for _ in range(12)]
    pages = [
        [vpc["VpcId"] for vpc in page["Vpcs"]]
        for page in ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5})
    ]
    assert [len(page) for page in pages] == [5, 5, 2]
    assert functools.reduce(operator.iadd, pages, []) == created


@pytest.mark.rule("S504")
@pytest.mark.parametrize(("asked", "words"), [(4, "greater than or equal to 5"), (1001, "smaller than or equal to 1000")])
def test_max_results_has_a_range(server: InProcess, asked: int, words: str) -> None:
    with pytest.raises(ClientError) as error:
        shown(server.client(validate=False), MaxResults=asked)
    assert refusal(error) == (
        "InvalidParameterValue",
        f"Value ( {asked} ) for parameter MaxResults is invalid. Expecting a value {words}.",
    )


# Attributes


@pytest.mark.rule("S517")
def test_attributes_have_defaults_and_are_shown_one_at_a_time(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)["VpcId"]
    for name, member, value in (
        ("enableDnsSupport", "EnableDnsSupport", True),
        ("enableDnsHostnames", "EnableDnsHostnames", False),
        ("enableNetworkAddressUsageMetrics", "EnableNetworkAddressUsageMetrics", False),
    ):
        answer = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)
        del answer["ResponseMetadata"]
        assert answer == {"VpcId": vpc_id, member: {"Value": value}}


@pytest.mark.rule("S517")
@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("enableDnsSupport", "EnableDnsSupport", False),
        ("enableDnsHostnames", "EnableDnsHostnames", True),
        ("enableNetworkAddressUsageMetrics", "EnableNetworkAddressUsageMetrics", True),
    ],
)
def test_a_changed_attribute_is_shown_at_once(server: InProcess, name: str, member: str, value: bool) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc_id, **{member: {"Value": value}})
    assert ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[member] == {"Value": value}
    for other in {"enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"} - {name}:
        other_member = other[0].upper() + other[1:]
        answer = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=other)
        assert answer[other_member] == {"Value": other == "enableDnsSupport"}


@pytest.mark.rule("S518")
def test_dns_attributes_change_one_at_a_time_and_hostnames_need_support(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)["VpcId"]
    with pytest.raises(ClientError) as error:
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": True}, EnableDnsHostnames={"Value": True})
    assert refusal(error)[0] == "InvalidParameterCombination"
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": False})
    with pytest.raises(ClientError) as error:
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    assert refusal(error)[0] == "InvalidParameterValue"
    answer = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"] == {"Value": False}


# Delete


@pytest.mark.rule("S524", "S507")
def test_delete_takes_all_that_came_with_the_vpc(server: InProcess) -> None:
    ec2 = server.client()
    kept = create(ec2)["VpcId"]
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "hub"}]}]
    gone = create(ec2, AmazonProvidedIpv6CidrBlock=True, TagSpecifications=tags)["VpcId"]
    ec2.delete_vpc(VpcId=gone)
    assert [vpc["VpcId"] for vpc in shown(ec2)] == [kept]
    for found in (
        ec2.describe_route_tables()["RouteTables"],
        ec2.describe_security_groups()["SecurityGroups"],
        ec2.describe_network_acls()["NetworkAcls"],
    ):
        assert [each["VpcId"] for each in found] == [kept]
    assert len(ec2.describe_security_group_rules()["SecurityGroupRules"]) == 2
    assert ec2.describe_tags()["Tags"] == []


@pytest.mark.rule("S507", "S502")
def test_a_second_delete_finds_nothing(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)["VpcId"]
    ec2.delete_vpc(VpcId=vpc_id)
    with pytest.raises(ClientError) as error:
        ec2.delete_vpc(VpcId=vpc_id)
    assert refusal(error) == ("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")


def pending(requester: Any, accepter: Any) -> tuple[str, str, str]:
    """Return a request that waits for acceptance: its VPCs and its id."""
    one, other = create(requester)["VpcId"], create(accepter, "10.1.0.0/16")["VpcId"]
    owner = accepter.describe_vpcs()["Vpcs"][0]["OwnerId"]
    asked = requester.create_vpc_peering_connection(VpcId=one, PeerVpcId=other, PeerOwnerId=owner)
    return one, other, asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def state(ec2: Any, peering_id: str) -> str:
    (found,) = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])["VpcPeeringConnections"]
    return found["Status"]["Code"]


@pytest.mark.rule("S276", "S506")
def test_an_active_connection_forbids_the_deletion_on_either_side(server: InProcess) -> None:
    requester, accepter = server.client(), server.client(OTHER_ACCOUNT)
    one, other, peering_id = pending(requester, accepter)
    accepter.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    for ec2, vpc_id in ((requester, one), (accepter, other)):
        with pytest.raises(ClientError) as error:
            ec2.delete_vpc(VpcId=vpc_id)
        assert refusal(error) == (
            "DependencyViolation",
            f"The vpc '{vpc_id}' has dependencies and cannot be deleted.",
        )
        assert len(shown(ec2)) == 1
    assert state(requester, peering_id) == "active"
    requester.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    requester.delete_vpc(VpcId=one)
    accepter.delete_vpc(VpcId=other)


@pytest.mark.rule("S277")
def test_a_request_ends_with_its_requesters_vpc_but_holds_the_accepters(server: InProcess) -> None:
    requester, accepter = server.client(), server.client(OTHER_ACCOUNT)
    one, other, peering_id = pending(requester, accepter)
    with pytest.raises(ClientError) as error:
        accepter.delete_vpc(VpcId=other)
    assert refusal(error)[0] == "DependencyViolation"
    assert state(accepter, peering_id) == "pending-acceptance"
    requester.delete_vpc(VpcId=one)
    assert state(requester, peering_id) == "deleted"
    accepter.delete_vpc(VpcId=other)


def test_a_dry_run_deletes_nothing(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)["VpcId"]
    with pytest.raises(ClientError) as error:
        ec2.delete_vpc(VpcId=vpc_id, DryRun=True)
    assert refusal(error)[0] == "DryRunOperation"
    assert [vpc["VpcId"] for vpc in shown(ec2)] == [vpc_id]
