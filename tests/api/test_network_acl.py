"""Network ACLs as boto3 sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.testing import InProcess

UNKNOWN = "acl-0123456789abcdef0"


def create(ec2: Any, **parameters: object) -> str:
    return ec2.create_vpc(CidrBlock="10.0.0.0/16", **parameters)["Vpc"]["VpcId"]


def acls(ec2: Any, *filters: tuple[str, str]) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_network_acls(Filters=wanted)["NetworkAcls"]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def entry(number: int, action: str, *, egress: bool, **block: str) -> dict:
    return {"RuleNumber": number, "RuleAction": action, "Egress": egress, "Protocol": "-1", **block}


@pytest.mark.rule("S571", "S573", "S516")
def test_the_default_acl_allows_all_and_then_denies_all(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2)
    (acl,) = acls(ec2)
    assert acl == {
        "NetworkAclId": acl["NetworkAclId"],
        "VpcId": vpc_id,
        "OwnerId": "111111111111",
        "IsDefault": True,
        "Associations": [],
        "Entries": [
            entry(number, action, egress=egress, CidrBlock="0.0.0.0/0")
            for egress in (True, False)
            for number, action in ((100, "allow"), (32767, "deny"))
        ],
        "Tags": [],
    }


@pytest.mark.rule("S571")
def test_with_ipv6_it_does_the_same_for_ipv6(server: InProcess) -> None:
    ec2 = server.client()
    create(ec2, AmazonProvidedIpv6CidrBlock=True)
    assert acls(ec2)[0]["Entries"] == [
        entry(number, action, egress=egress, **block)
        for egress in (True, False)
        for number, action, block in (
            (100, "allow", {"CidrBlock": "0.0.0.0/0"}),
            (101, "allow", {"Ipv6CidrBlock": "::/0"}),
            (32767, "deny", {"CidrBlock": "0.0.0.0/0"}),
            (32768, "deny", {"Ipv6CidrBlock": "::/0"}),
        )
    ]


@pytest.mark.rule("S577")
def test_every_filter_finds_its_acl_and_not_the_other(server: InProcess) -> None:
    ec2 = server.client()
    vpc_id = create(ec2, AmazonProvidedIpv6CidrBlock=True)
    create(ec2)
    acl_id = acls(ec2)[0]["NetworkAclId"]
    ec2.create_tags(Resources=[acl_id], Tags=[{"Key": "Name", "Value": "main"}])
    for name, value in (
        ("entry.ipv6-cidr", "::/0"),
        ("entry.rule-number", "101"),
        ("network-acl-id", acl_id),
        ("tag:Name", "main"),
        ("tag-key", "Name"),
        ("vpc-id", vpc_id),
    ):
        assert [each["NetworkAclId"] for each in acls(ec2, (name, value))] == [acl_id], name
    for name, value in (
        ("default", "true"),
        ("entry.cidr", "0.0.0.0/0"),
        ("entry.egress", "true"),
        ("entry.protocol", "-1"),
        ("entry.rule-action", "deny"),
        ("owner-id", "111111111111"),
    ):
        assert len(acls(ec2, (name, value))) == 2, name
    for name in (
        "association.association-id",
        "association.network-acl-id",
        "association.subnet-id",
        "entry.icmp.code",
        "entry.icmp.type",
        "entry.port-range.from",
        "entry.port-range.to",
    ):
        assert acls(ec2, (name, "*")) == [], name
    assert acls(ec2, ("default", "false")) == []


@pytest.mark.rule("S502", "S503")
def test_an_unknown_id_is_not_found(server: InProcess) -> None:
    with pytest.raises(ClientError) as error:
        server.client().describe_network_acls(NetworkAclIds=[UNKNOWN])
    assert refusal(error) == ("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{UNKNOWN}' does not exist")


@pytest.mark.rule("S504")
def test_acls_are_paged(server: InProcess) -> None:
    ec2 = server.client()
    for _ in range(6):
        create(ec2)
    pages = list(ec2.get_paginator("describe_network_acls").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["NetworkAcls"]) for page in pages] == [5, 1]
    unchecked = server.client(validate=False)
    for asked in (4, 1001):
        with pytest.raises(ClientError) as error:
            unchecked.describe_network_acls(MaxResults=asked)
        assert refusal(error)[0] == "InvalidParameterValue"
