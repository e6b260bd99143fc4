"""Regions and zones: the data's promises."""

import pytest

from isthmus.domain import regions
from isthmus.domain.errors import ApiError
from isthmus.domain.regions import REGIONS, Zone

USABLE = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
]
OPT_IN = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
]
CHINA = ["cn-north-1", "cn-northwest-1"]
GOVERNMENT = ["us-gov-east-1", "us-gov-west-1"]


@pytest.mark.rule("S601")
def test_without_asking_for_all_only_usable_regions_are_shown() -> None:
    assert [region.name for region in regions.of_partition("aws")] == USABLE


@pytest.mark.rule("S601")
def test_all_regions_include_those_that_need_opting_in() -> None:
    shown = regions.of_partition("aws", all_regions=True)
    assert [region.name for region in shown] == sorted(USABLE + OPT_IN)
    assert {region.name: region.opt_in_status for region in shown} == (
        dict.fromkeys(USABLE, "opt-in-not-required") | dict.fromkeys(OPT_IN, "not-opted-in")
    )


def test_each_partition_shows_its_own_regions() -> None:
    assert [region.name for region in regions.of_partition("aws-cn", all_regions=True)] == CHINA
    assert [region.name for region in regions.of_partition("aws-us-gov")] == GOVERNMENT
    assert regions.of_partition("mars", all_regions=True) == ()
    assert len(REGIONS) == len(USABLE + OPT_IN + CHINA + GOVERNMENT)


def test_a_region_knows_its_partition() -> None:
    assert regions.partition_of("eu-west-1") == "aws"
    assert regions.partition_of("cn-north-1") == "aws-cn"
    assert regions.partition_of("us-gov-west-1") == "aws-us-gov"


@pytest.mark.rule("S601")
@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("us-east-1", "ec2.us-east-1.amazonaws.com"),
        ("cn-north-1", "ec2.cn-north-1.amazonaws.com.cn"),
        ("us-gov-east-1", "ec2.us-gov-east-1.amazonaws.com"),
    ],
)
def test_the_endpoint_has_the_region_in_it(name: str, endpoint: str) -> None:
    assert REGIONS[name].endpoint == endpoint


@pytest.mark.rule("S602")
def test_a_zone_has_all_its_names() -> None:
    assert REGIONS["us-east-1"].zones[1] == Zone(
        name="us-east-1b",
        zone_id="use1-az2",
        region="us-east-1",
        group_name="us-east-1-zg-1",
        group_long_name="US East (N. Virginia) 1",
        network_border_group="us-east-1",
    )


def test_us_east_1_has_six_zones_and_every_other_region_three() -> None:
    assert [zone.name[-1] for zone in REGIONS["us-east-1"].zones] == list("abcdef")
    assert [zone.zone_id for zone in REGIONS["us-east-1"].zones] == [f"use1-az{number}" for number in range(1, 7)]
    others = [region for name, region in REGIONS.items() if name != "us-east-1"]
    assert all([zone.name for zone in region.zones] == [f"{region.name}{x}" for x in "abc"] for region in others)


def test_no_two_zones_share_a_name_or_an_id() -> None:
    zones = [zone for region in REGIONS.values() for zone in region.zones]
    assert len({zone.name for zone in zones}) == len({zone.zone_id for zone in zones}) == len(zones)


# The zone id's prefix is the Region's name with its words shortened; two words of compass keep both letters.
SHORT = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "gov": "g",
}


@pytest.mark.parametrize("name", REGIONS)
def test_zone_ids_begin_with_the_shortened_name_of_the_region(name: str) -> None:
    area, *compass, number = name.split("-")
    expected = area + "".join(SHORT[word] for word in compass) + number
    assert REGIONS[name].zone_prefix == expected
    assert REGIONS[name].name == name


@pytest.mark.parametrize(
    ("name", "long_name"),
    [
        ("eu-central-1", "Europe (Frankfurt)"),
        ("us-west-2", "US West (Oregon)"),
        ("cn-northwest-1", "China (Ningxia)"),
        ("us-gov-west-1", "AWS GovCloud (US-West)"),
    ],
)
def test_a_region_has_a_name_for_people(name: str, long_name: str) -> None:
    assert REGIONS[name].long_name == long_name


def test_long_names_are_told_apart() -> None:
    assert len({region.long_name for region in REGIONS.values()}) == len(REGIONS)


def test_a_region_is_found_by_its_name() -> None:
    assert regions.find("eu-west-1", "RegionName") is REGIONS["eu-west-1"]


@pytest.mark.rule("S601")
@pytest.mark.parametrize("name", ["", "mars-1", "US-EAST-1", "us-east-1a"])
def test_an_unknown_region_is_an_invalid_value_of_the_parameter_that_named_it(name: str) -> None:
    with pytest.raises(ApiError) as refused:
        regions.find(name, "RegionName")
    assert (refused.value.code, refused.value.message) == (
        "InvalidParameterValue",
        f"Value ({name}) for parameter RegionName is invalid. There is no such Region.",
    )
