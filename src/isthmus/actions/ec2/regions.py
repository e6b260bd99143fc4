"""Regions and Availability Zones: DescribeRegions, DescribeAvailabilityZones."""

from collections.abc import Sequence
from typing import Final

from isthmus.actions.call import Call
from isthmus.actions.describe import as_filters
from isthmus.domain import errors, regions
from isthmus.domain.filters import FilterTable
from isthmus.domain.regions import Region, Zone
from isthmus.wire.shapes import ec2

AVAILABLE: Final = "available"
AVAILABILITY_ZONE: Final = "availability-zone"
# Zones of this type belong to their Region; only Local and Wavelength Zones are opted into one by one.
ZONE_OPT_IN_STATUS: Final = "opt-in-not-required"

_REGION_FILTERS: FilterTable[Region] = FilterTable(
    {
        "endpoint": lambda region: (region.endpoint,),
        "opt-in-status": lambda region: (region.opt_in_status,),
        "region-name": lambda region: (region.name,),
    }
)

_ZONE_FILTERS: FilterTable[Zone] = FilterTable(
    {
        "group-long-name": lambda zone: (zone.group_long_name,),
        "group-name": lambda zone: (zone.group_name,),
        "message": lambda _: (),
        "opt-in-status": lambda _: (ZONE_OPT_IN_STATUS,),
        "parent-zone-id": lambda _: (),
        "parent-zone-name": lambda _: (),
        "region-name": lambda zone: (zone.region,),
        "state": lambda _: (AVAILABLE,),
        "zone-id": lambda zone: (zone.zone_id,),
        "zone-name": lambda zone: (zone.name,),
        "zone-type": lambda _: (AVAILABILITY_ZONE,),
    }
)


def describe_regions(request: ec2.DescribeRegionsRequest, call: Call) -> ec2.DescribeRegionsResult:
    """List the Regions: those in use, the named ones, or all of the caller's partition (S601)."""
    call.authorize()
    predicate = _REGION_FILTERS.compile(as_filters(request.filters))
    partition = regions.partition_of(call.region)
    shown = (
        _named(request.region_names, partition)
        if request.region_names
        else regions.of_partition(partition, all_regions=bool(request.all_regions))
    )
    return ec2.DescribeRegionsResult(regions=[_region(region) for region in shown if predicate(region, {})])


def describe_availability_zones(
    request: ec2.DescribeAvailabilityZonesRequest, call: Call
) -> ec2.DescribeAvailabilityZonesResult:
    """List the zones of the Region that was called (S602). It has no zones that need opting in, so all are shown."""
    call.authorize()
    predicate = _ZONE_FILTERS.compile(as_filters(request.filters))
    zones = regions.REGIONS[call.region].zones
    names, zone_ids = request.zone_names or (), request.zone_ids or ()
    _check_known("zone", names, [zone.name for zone in zones])
    _check_known("zone-id", zone_ids, [zone.zone_id for zone in zones])
    shown = [
        _zone(zone)
        for zone in zones
        if (not names or zone.name in names) and (not zone_ids or zone.zone_id in zone_ids) and predicate(zone, {})
    ]
    return ec2.DescribeAvailabilityZonesResult(availability_zones=shown)


def _named(names: Sequence[str], partition: str) -> list[Region]:
    wanted = [regions.find(name, "regionName") for name in dict.fromkeys(names)]
    for region in wanted:
        if region.partition != partition:
            raise errors.unknown_region(region.name, "regionName")
    return sorted(wanted, key=lambda region: region.name)


def _check_known(word: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    unknown = [each for each in wanted if each not in known]
    if unknown:
        raise errors.invalid_parameter(f"Invalid availability {word}: [{', '.join(unknown)}]")


def _region(region: Region) -> ec2.Region:
    return ec2.Region(region_name=region.name, endpoint=region.endpoint, opt_in_status=region.opt_in_status)


def _zone(zone: Zone) -> ec2.AvailabilityZone:
    return ec2.AvailabilityZone(
        zone_name=zone.name,
        zone_id=zone.zone_id,
        state=AVAILABLE,
        zone_type=AVAILABILITY_ZONE,
        region_name=zone.region,
        group_name=zone.group_name,
        group_long_name=zone.group_long_name,
        network_border_group=zone.network_border_group,
        opt_in_status=ZONE_OPT_IN_STATUS,
        messages=[],
    )
