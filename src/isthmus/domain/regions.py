"""Regions and their Availability Zones, as data (S601, S602).

Zones map to the same zone ids in every account here; the service shuffles them per account, which nothing can rely on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from isthmus.domain import errors

USUAL_ZONES = 3
DNS_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
)


class Zone(Struct, frozen=True):
    """An Availability Zone: `us-east-1a`, known across accounts as `use1-az1` (S602)."""

    name: str
    zone_id: str
    region: str
    group_name: str
    group_long_name: str
    network_border_group: str


class Region(Struct, frozen=True):
    """A Region. Until an account opts in, one with `opt_in` is listed only on request (S601)."""

    name: str
    long_name: str
    zone_prefix: str
    partition: str = "aws"
    opt_in: bool = False
    zone_count: int = USUAL_ZONES

    @property
    def opt_in_status(self) -> str:
        """As DescribeRegions says it; nobody can opt in here."""
        return "not-opted-in" if self.opt_in else "opt-in-not-required"

    @property
    def endpoint(self) -> str:
        """The host name of the service's own endpoint (S601)."""
        return f"ec2.{self.name}.{DNS_SUFFIXES[self.partition]}"

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The Region's Availability Zones in order of name."""
        return tuple(
            Zone(
                name=f"{self.name}{letter}",
                zone_id=f"{self.zone_prefix}-az{number}",
                region=self.name,
                group_name=f"{self.name}-zg-1",
                group_long_name=f"{self.long_name} 1",
                network_border_group=self.name,
            )
            for number, letter in enumerate("abcdefgh"[: self.zone_count], start=1)
        )


REGIONS: Mapping[str, Region] = MappingProxyType(
    {
        region.name: region
        for region in (
            Region("af-south-1", "Africa (Cape Town)", "afs1", opt_in=True),
            Region("ap-east-1", "Asia Pacific (Hong Kong)", "ape1", opt_in=True),
            Region("ap-east-2", "Asia Pacific (Taipei)", "ape2", opt_in=True),
            Region("ap-northeast-1", "Asia Pacific (Tokyo)", "apne1"),
            Region("ap-northeast-2", "Asia Pacific (Seoul)", "apne2"),
            Region("ap-northeast-3", "Asia Pacific (Osaka)", "apne3"),
            Region("ap-south-1", "Asia Pacific (Mumbai)", "aps1"),
            Region("ap-south-2", "Asia Pacific (Hyderabad)", "aps2", opt_in=True),
            Region("ap-southeast-1", "Asia Pacific (Singapore)", "apse1"),
            Region("ap-southeast-2", "Asia Pacific (Sydney)", "apse2"),
            Region("ap-southeast-3", "Asia Pacific (Jakarta)", "apse3", opt_in=True),
            Region("ap-southeast-4", "Asia Pacific (Melbourne)", "apse4", opt_in=True),
            Region("ap-southeast-5", "Asia Pacific (Malaysia)", "apse5", opt_in=True),
            Region("ap-southeast-6", "Asia Pacific (New Zealand)", "apse6", opt_in=True),
            Region("ap-southeast-7", "Asia Pacific (Thailand)", "apse7", opt_in=True),
            Region("ca-central-1", "Canada (Central)", "cac1"),
            Region("ca-west-1", "Canada West (Calgary)", "caw1", opt_in=True),
            Region("eu-central-1", "Europe (Frankfurt)", "euc1"),
            Region("eu-central-2", "Europe (Zurich)", "euc2", opt_in=True),
            Region("eu-north-1", "Europe (Stockholm)", "eun1"),
            Region("eu-south-1", "Europe (Milan)", "eus1", opt_in=True),
            Region("eu-south-2", "Europe (Spain)", "eus2", opt_in=True),
            Region("eu-west-1", "Europe (Ireland)", "euw1"),
            Region("eu-west-2", "Europe (London)", "euw2"),
            Region("eu-west-3", "Europe (Paris)", "euw3"),
            Region("il-central-1", "Israel (Tel Aviv)", "ilc1", opt_in=True),
            Region("me-central-1", "Middle East (UAE)", "mec1", opt_in=True),
            Region("me-south-1", "Middle East (Bahrain)", "mes1", opt_in=True),
            Region("mx-central-1", "Mexico (Central)", "mxc1", opt_in=True),
            Region("sa-east-1", "South America (Sao Paulo)", "sae1"),
            Region("us-east-1", "US East (N. Virginia)", "use1", zone_count=6),
            Region("us-east-2", "US East (Ohio)", "use2"),
            Region("us-west-1", "US West (N. California)", "usw1"),
            Region("us-west-2", "US West (Oregon)", "usw2"),
            Region("cn-north-1", "China (Beijing)", "cnn1", partition="aws-cn"),
            Region("cn-northwest-1", "China (Ningxia)", "cnnw1", partition="aws-cn"),
            Region("us-gov-east-1", "AWS GovCloud (US-East)", "usge1", partition="aws-us-gov"),
            Region("us-gov-west-1", "AWS GovCloud (US-West)", "usgw1", partition="aws-us-gov"),
        )
    }
)


def find(name: str, parameter: str) -> Region:
    """The Region of that name; else InvalidParameterValue for the parameter that named it (S238, S601)."""
    region = REGIONS.get(name)
    if region is None:
        raise errors.unknown_region(name, parameter)
    return region


def partition_of(name: str) -> str:
    """The partition that a Region in REGIONS belongs to; nothing is joined across partitions (S238)."""
    return REGIONS[name].partition


def of_partition(partition: str, *, all_regions: bool = False) -> tuple[Region, ...]:
    """The Regions that an account of that partition is shown, by name: the usable ones unless all are wanted (S601)."""
    return tuple(
        region for region in REGIONS.values() if region.partition == partition and (all_regions or not region.opt_in)
    )
