"""DHCP options: DescribeDhcpOptions, over the one set that every Region of an account has by default."""

from collections.abc import Sequence

from isthmus.actions.call import Call
from isthmus.actions.describe import as_filters
from isthmus.actions.tagging import tag_set
from isthmus.domain import dhcp_options as rules
from isthmus.domain import errors, ids, pages
from isthmus.domain.dhcp_options import DhcpOptions
from isthmus.domain.filters import Tags
from isthmus.wire.shapes import ec2


def describe_dhcp_options(request: ec2.DescribeDhcpOptionsRequest, call: Call) -> ec2.DescribeDhcpOptionsResult:
    """List the DHCP options sets of the account in the Region (S592, S594, S577)."""
    call.authorize()
    predicate = rules.FILTERS.compile(as_filters(request.filters))
    limits, ids_given = pages.MAX_RESULTS["DescribeDhcpOptions"], bool(request.dhcp_options_ids)
    pages.check_max_results(request.max_results, *limits, ids_given=ids_given, ids_parameter="DhcpOptionsIds")
    pages.check_token(request.next_token, ids_given=ids_given, ids_parameter="DhcpOptionsIds")
    # One set never fills a page, so no token of this list was ever given out.
    if request.next_token is not None:
        raise errors.invalid_token(request.next_token)
    default = rules.default_set(call.store.installation, call.account, call.region)
    _check_ids(default, request.dhcp_options_ids or ())
    tags = call.store.tags.of(call.account, call.region, [default.id]).get(default.id, {})
    found = [_dhcp_options(default, tags)] if predicate(default, tags) else []
    return ec2.DescribeDhcpOptionsResult(dhcp_options=found)


def _check_ids(default: DhcpOptions, wanted: Sequence[str]) -> None:
    for each in wanted:
        ids.check("dhcp-options", each)
    for each in wanted:
        if each != default.id:
            raise errors.not_found("dhcp-options", each)


def _dhcp_options(item: DhcpOptions, tags: Tags) -> ec2.DhcpOptions:
    return ec2.DhcpOptions(
        dhcp_options_id=item.id,
        owner_id=item.account,
        dhcp_configurations=[
            ec2.DhcpConfiguration(key=key, values=[ec2.AttributeValue(value=value) for value in values])
            for key, values in item.configurations
        ],
        tags=tag_set(tags),
    )
