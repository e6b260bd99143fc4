"""DHCP options as boto3 sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.testing import InProcess

UNKNOWN = "dopt-0123456789abcdef0"


def sets(ec2: Any, *filters: tuple[str, str], **parameters: object) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_dhcp_options(Filters=wanted, **parameters)["DhcpOptions"]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.rule("S592", "S594")
@pytest.mark.parametrize(
    ("region", "domain_name"), [("us-east-1", "ec2.internal"), ("eu-west-1", "eu-west-1.compute.internal")]
)
def test_a_region_has_a_default_set_before_there_is_any_vpc(server: InProcess, region: str, domain_name: str) -> None:
    ec2 = server.client(region=region)
    (found,) = sets(ec2)
    assert found == {
        "DhcpOptionsId": found["DhcpOptionsId"],
        "OwnerId": "111111111111",
        "DhcpConfigurations": [
            {"Key": "domain-name", "Values": [{"Value": domain_name}]},
            {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
        ],
        "Tags": [],
    }
    assert sets(ec2, DhcpOptionsIds=[found["DhcpOptionsId"]]) == [found]


@pytest.mark.rule("S594", "S508")
def test_every_account_and_region_has_its_own(server: InProcess) -> None:
    own = sets(server.client())[0]["DhcpOptionsId"]
    for elsewhere in (server.client("222222222222"), server.client(region="eu-west-1")):
        with pytest.raises(ClientError) as error:
            sets(elsewhere, DhcpOptionsIds=[own])
        assert refusal(error) == ("InvalidDhcpOptionID.NotFound", f"The dhcpOption ID '{own}' does not exist")


@pytest.mark.rule("S577")
def test_filters_look_at_keys_values_owner_and_tags(server: InProcess) -> None:
    ec2 = server.client()
    (found,) = sets(ec2)
    ec2.create_tags(Resources=[found["DhcpOptionsId"]], Tags=[{"Key": "Name", "Value": "default"}])
    for name, value in (
        ("dhcp-options-id", found["DhcpOptionsId"]),
        ("key", "domain-name"),
        ("value", "AmazonProvidedDNS"),
        ("owner-id", "111111111111"),
        ("tag:Name", "default"),
        ("tag-key", "Name"),
    ):
        assert len(sets(ec2, (name, value))) == 1, name
        assert sets(ec2, (name, "other")) == [], name


@pytest.mark.rule("S502", "S504")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"DhcpOptionsIds": [UNKNOWN]}, "InvalidDhcpOptionID.NotFound"),
        ({"DhcpOptionsIds": ["dopt-x"]}, "InvalidDhcpOptionsId.Malformed"),
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"NextToken": "made-up"}, "InvalidParameterValue"),
        ({"DhcpOptionsIds": [UNKNOWN], "MaxResults": 5}, "InvalidParameterCombination"),
    ],
)
def test_unknown_ids_and_impossible_pages_are_refused(server: InProcess, parameters: dict, code: str) -> None:
    with pytest.raises(ClientError) as error:
        sets(server.client(validate=False), **parameters)
    assert refusal(error)[0] == code
