"""Regions and Availability Zones as boto3 sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.testing import InProcess


def regions(ec2: Any, *filters: tuple[str, str], **parameters: object) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_regions(Filters=wanted, **parameters)["Regions"]


def zones(ec2: Any, *filters: tuple[str, str], **parameters: object) -> list[dict]:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters]
    return ec2.describe_availability_zones(Filters=wanted, **parameters)["AvailabilityZones"]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.rule("S601")
def test_only_usable_regions_are_listed_unless_all_are_wanted(server: InProcess) -> None:
    ec2 = server.client()
    usable = regions(ec2)
    assert {
        "RegionName": "us-east-1",
        "Endpoint": "ec2.us-east-1.amazonaws.com",
        "OptInStatus": "opt-in-not-required",
    } in usable
    assert {region["OptInStatus"] for region in usable} == {"opt-in-not-required"}
    all_regions = regions(ec2, AllRegions=True)
    assert regions(ec2, AllRegions=False) == usable
    assert [region for region in all_regions if region["OptInStatus"] == "opt-in-not-required"] == usable
    assert {
        "RegionName": "af-south-1",
        "Endpoint": "ec2.af-south-1.amazonaws.com",
        "OptInStatus": "not-opted-in",
    } in all_regions


@pytest.mark.rule("S601")
def test_named_regions_are_shown_whether_usable_or_not(server: InProcess) -> None:
    found = regions(server.client(), RegionNames=["us-east-1", "af-south-1", "us-east-1"])
    assert [region["RegionName"] for region in found] == ["af-south-1", "us-east-1"]


@pytest.mark.rule("S601")
def test_regions_of_another_partition_do_not_exist(server: InProcess) -> None:
    assert {region["RegionName"] for region in regions(server.client(region="cn-north-1"))} == {
        "cn-north-1",
        "cn-northwest-1",
    }
    for name in ("cn-north-1", "mars-north-1"):
        with pytest.raises(ClientError) as error:
            regions(server.client(), RegionNames=["us-east-1", name])
        assert refusal(error)[0] == "InvalidParameterValue"
        assert name in refusal(error)[1]


@pytest.mark.rule("S601")
@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("region-name", "eu-west-1", ["eu-west-1"]),
        ("endpoint", "ec2.eu-west-1.amazonaws.com", ["eu-west-1"]),
        ("endpoint", "*us-west*", ["us-west-1", "us-west-2"]),
        ("opt-in-status", "opted-in", []),
        ("region-name", "nowhere", []),
    ],
)
def test_regions_are_filtered(server: InProcess, name: str, value: str, found: list[str]) -> None:
    assert [region["RegionName"] for region in regions(server.client(), (name, value))] == found


@pytest.mark.rule("S602")
def test_zones_have_every_member(server: InProcess) -> None:
    found = zones(server.client(region="eu-west-1"))
    assert found == [
        {
            "ZoneName": f"eu-west-1{letter}",
            "ZoneId": f"euw1-az{number}",
            "State": "available",
            "ZoneType": "availability-zone",
            "RegionName": "eu-west-1",
            "GroupName": "eu-west-1-zg-1",
            "GroupLongName": "Europe (Ireland) 1",
            "NetworkBorderGroup": "eu-west-1",
            "OptInStatus": "opt-in-not-required",
            "Messages": [],
        }
        for number, letter in enumerate("abc", start=1)
    ]
    assert zones(server.client(region="eu-west-1"), AllAvailabilityZones=True) == found


@pytest.mark.rule("S602")
def test_zones_are_named_by_name_and_by_id(server: InProcess) -> None:
    ec2 = server.client()
    assert [zone["ZoneId"] for zone in zones(ec2, ZoneNames=["us-east-1b", "us-east-1a"])] == ["use1-az1", "use1-az2"]
    assert [zone["ZoneName"] for zone in zones(ec2, ZoneIds=["use1-az6"])] == ["us-east-1f"]
    assert zones(ec2, ZoneNames=["us-east-1a"], ZoneIds=["use1-az2"]) == []


@pytest.mark.rule("S601")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ZoneNames": ["us-east-1a", "us-east-1z"]}, "Invalid availability zone: [us-east-1z]"),
        ({"ZoneIds": ["use1-az9", "x"]}, "Invalid availability zone-id: [use1-az9, x]"),
    ],
)
def test_an_unknown_zone_is_refused(server: InProcess, parameters: dict, message: str) -> None:
    with pytest.raises(ClientError) as error:
        zones(server.client(), **parameters)
    assert refusal(error) == ("InvalidParameterValue", message)


@pytest.mark.rule("S602")
def test_every_filter_of_zones_looks_at_its_own_member(server: InProcess) -> None:
    ec2 = server.client(region="eu-west-1")
    for name, value, count in (
        ("zone-name", "eu-west-1a", 1),
        ("zone-id", "euw1-az2", 1),
        ("group-name", "eu-west-1-zg-1", 3),
        ("group-long-name", "Europe (Ireland) 1", 3),
        ("opt-in-status", "opt-in-not-required", 3),
        ("region-name", "eu-west-1", 3),
        ("state", "available", 3),
        ("zone-type", "availability-zone", 3),
    ):
        assert len(zones(ec2, (name, value))) == count, name
        assert zones(ec2, (name, "other")) == [], name
    for name in ("message", "parent-zone-id", "parent-zone-name"):
        assert zones(ec2, (name, "*")) == [], name


@pytest.mark.parametrize("action", ["describe_regions", "describe_availability_zones"])
def test_an_unknown_filter_is_refused(server: InProcess, action: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(server.client(), action)(Filters=[{"Name": "planet", "Values": ["earth"]}])
    assert refusal(error) == ("InvalidParameterValue", "The filter 'planet' is invalid")
