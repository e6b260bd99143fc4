"""The account's attributes as boto3 sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.config import Settings
from isthmus.testing import InProcess


def attributes(ec2: Any, *names: str) -> dict[str, list[str]]:
    found = ec2.describe_account_attributes(**({"AttributeNames": list(names)} if names else {}))
    return {
        each["AttributeName"]: [value["AttributeValue"] for value in each["AttributeValues"]]
        for each in found["AccountAttributes"]
    }


@pytest.mark.rule("S603")
def test_all_attributes_are_shown() -> None:
    with InProcess(Settings(data="memory", quota={"security_groups_per_interface": 7})) as server:
        found = attributes(server.client())
    assert found == {
        "supported-platforms": ["VPC"],
        "default-vpc": ["none"],
        "max-instances": ["20"],
        "vpc-max-security-groups-per-interface": ["7"],
        "max-elastic-ips": ["5"],
        "vpc-max-elastic-ips": ["5"],
    }


@pytest.mark.rule("S603")
def test_named_attributes_are_shown_alone(server: InProcess) -> None:
    ec2 = server.client()
    assert attributes(ec2, "default-vpc", "supported-platforms") == {
        "default-vpc": ["none"],
        "supported-platforms": ["VPC"],
    }


@pytest.mark.rule("S603")
def test_every_attribute_that_is_shown_can_be_asked_for(server: InProcess) -> None:
    ec2 = server.client()
    for name, values in attributes(ec2).items():
        assert attributes(ec2, name) == {name: values}


@pytest.mark.rule("S603")
def test_an_unknown_attribute_is_refused(server: InProcess) -> None:
    with pytest.raises(ClientError) as error:
        attributes(server.client(), "supported-platforms", "shoe-size")
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert "shoe-size" in error.value.response["Error"]["Message"]
