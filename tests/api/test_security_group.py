"""Security groups and their rules as boto3 sees them."""

import functools
import operator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.testing import InProcess

UNKNOWN = "sg-0123456789abcdef0"


def create(ec2: Any, **parameters: object) -> str:
    return ec2.create_vpc(CidrBlock="10.0.0.0/16", **parameters)["Vpc"]["VpcId"]


def groups(ec2: Any, *filters: tuple[str, str]) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]


def rules(ec2: Any, *filters: tuple[str, str]) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_security_group_rules(Filters=wanted)["SecurityGroupRules"]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.rule("S555", "S564", "S563", "S516")
def test_the_default_group_lets_itself_in_and_everything_out(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    (group,) = groups(ec2)
    group_id = group["GroupId"]
    none: dict = {"IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
    assert group == {
        "GroupId": group_id,
        "GroupName": "default",
        "Description": "default VPC security group",
        "OwnerId": "111111111111",
        "VpcId": vpc_id,
        "SecurityGroupArn": f"arn:aws:ec2:us-east-1:111111111111:security-group/{group_id}",
        "IpPermissions": [
            {**none, "IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id, "UserId": "111111111111"}]}
        ],
        "IpPermissionsEgress": [{**none, "IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        "Tags": [],
    }


@pytest.mark.rule("S555", "S564")
def test_with_ipv6_one_permission_lets_both_versions_out(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2, AmazonProvidedIpv6CidrBlock=True)
    (permission,) = groups(ec2)[0]["IpPermissionsEgress"]
    assert permission["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]


@pytest.mark.rule("S565", "S563")
def test_rules_have_the_members_that_they_need_and_no_others(server: InProcess) -> None:
    ec2 = server.client(region="cn-north-1")
    create(ec2, AmazonProvidedIpv6CidrBlock=True)
    (group,) = groups(ec2)
    found = rules(ec2)
    common = {
        "GroupId": group["GroupId"],
        "GroupOwnerId": "111111111111",
        "IpProtocol": "-1",
        "FromPort": -1,
        "ToPort": -1,
        "Tags": [],
    }
    own = [
        {"IsEgress": False, "ReferencedGroupInfo": {"GroupId": group["GroupId"], "UserId": "111111111111"}},
        {"IsEgress": True, "CidrIpv4": "0.0.0.0/0"},
        {"IsEgress": True, "CidrIpv6": "::/0"},
    ]
    arn = "arn:aws-cn:ec2:cn-north-1:111111111111:security-group-rule/"
    assert found == [
        {
            **common,
            **members,
            "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
            "SecurityGroupRuleArn": arn + rule["SecurityGroupRuleId"],
        }
        for rule, members in zip(found, own, strict=True)
    ]


@pytest.mark.rule("S570a")
def test_every_filter_of_groups_finds_its_group_and_not_the_other(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, AmazonProvidedIpv6CidrBlock=True)
    create(ec2)
    group_id = groups(ec2)[0]["GroupId"]
    ec2.create_tags(Resources=[group_id], Tags=[{"Key": "Name", "Value": "web"}])
    for name, value in (
        ("egress.ip-permission.ipv6-cidr", "::/0"),
        ("group-id", group_id),
        ("ip-permission.group-id", group_id),
        ("tag:Name", "web"),
        ("tag-key", "Name"),
        ("vpc-id", vpc_id),
    ):
        assert [each["GroupId"] for each in groups(ec2, (name, value))] == [group_id], name
    for name, value in (
        ("description", "default VPC security group"),
        ("egress.ip-permission.cidr", "0.0.0.0/0"),
        ("egress.ip-permission.protocol", "-1"),
        ("group-name", "default"),
        ("ip-permission.group-name", "default"),
        ("ip-permission.protocol", "-1"),
        ("ip-permission.user-id", "111111111111"),
        ("owner-id", "111111111111"),
    ):
        assert len(groups(ec2, (name, value))) == 2, name
    for name in ("cidr", "from-port", "ipv6-cidr", "prefix-list-id", "to-port"):
        assert groups(ec2, (f"ip-permission.{name}", "*")) == [], name
    for name in ("from-port", "group-id", "group-name", "prefix-list-id", "to-port", "user-id"):
        assert groups(ec2, (f"egress.ip-permission.{name}", "*")) == [], name


@pytest.mark.rule("S503", "S570a")
def test_rules_are_found_by_group_and_id(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2)
    create(ec2)
    first, second = groups(ec2)
    assert {rule["GroupId"] for rule in rules(ec2, ("group-id", second["GroupId"]))} == {second["GroupId"]}
    one = rules(ec2, ("group-id", first["GroupId"]))[1]
    assert rules(ec2, ("security-group-rule-id", one["SecurityGroupRuleId"])) == [one]
    assert ec2.describe_security_group_rules(SecurityGroupRuleIds=[one["SecurityGroupRuleId"]])["SecurityGroupRules"] == [
        one
    ]
    ec2.create_tags(Resources=[one["SecurityGroupRuleId"]], Tags=[{"Key": "why", "Value": "all"}])
    assert rules(ec2, ("tag:why", "all")) == [{**one, "Tags": [{"Key": "why", "Value": "all"}]}]


@pytest.mark.rule("S503")
def test_an_unknown_group_has_no_rules_and_a_malformed_one_is_an_error(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2)
    assert rules(ec2, ("group-id", UNKNOWN)) == []
    with pytest.raises(ClientError) as error:
        rules(ec2, ("group-id", "sg-nonsense"))
    assert refusal(error) == ("InvalidGroupId.Malformed", "The security group ID 'sg-nonsense' is malformed")


@pytest.mark.rule("S502", "S503")
def test_unknown_ids_and_names_are_not_found(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2)
    with pytest.raises(ClientError) as error:
        ec2.describe_security_groups(GroupIds=[UNKNOWN])
    assert refusal(error) == ("InvalidGroup.NotFound", f"The security group '{UNKNOWN}' does not exist")
    # A name alone means a group of the default VPC, which there is none of here.
    with pytest.raises(ClientError) as error:
        ec2.describe_security_groups(GroupNames=["default"])
    assert refusal(error) == ("InvalidGroup.NotFound", "The security group 'default' does not exist")
    with pytest.raises(ClientError) as error:
        ec2.describe_security_group_rules(SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
    assert refusal(error) == (
        "InvalidSecurityGroupRuleId.NotFound",
        "The security group rule ID 'sgr-0123456789abcdef0' does not exist",
    )


@pytest.mark.rule("S504")
@pytest.mark.parametrize(
    ("action", "member", "sizes"),
    [
        ("describe_security_groups", "SecurityGroups", [5, 1]),
        ("describe_security_group_rules", "SecurityGroupRules", [5, 5, 2]),
    ],
)
def test_both_lists_are_paged(server: InProcess, action: str, member: str, sizes: list[int]) -> None:
    ec2 = server.client()
    for _ in range(6):
        create(ec2)
    pages = list(ec2.get_paginator(action).paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page[member]) for page in pages] == sizes
    assert functools.reduce(operator.iadd, (page[member] for page in pages), []) == getattr(ec2, action)()[member]
    unchecked = server.client(validate=False)
    for asked in (4, 1001):
        with pytest.raises(ClientError) as error:
            getattr(unchecked, action)(MaxResults=asked)
        assert refusal(error)[0] == "InvalidParameterValue"
