"""Tags: CreateTags, DeleteTags, DescribeTags. An account has its own tags on an object, per Region (S295)."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from isthmus.actions.call import Call
from isthmus.actions.describe import CHUNK, as_filters
from isthmus.actions.resources import ROWS
from isthmus.actions.tagging import pairs
from isthmus.domain import dhcp_options, errors, ids, pages
from isthmus.domain import tags as rules
from isthmus.domain.filters import Filter, FilterTable, exact
from isthmus.store.tables import Tag
from isthmus.wire.shapes import ec2

_FILTERS: FilterTable[Tag] = FilterTable(
    {
        "key": lambda tag: (tag.key,),
        "resource-id": lambda tag: (tag.resource_id,),
        "resource-type": lambda tag: (tag.resource_type,),
        "value": lambda tag: (tag.value,),
    }
)


def create_tags(request: ec2.CreateTagsRequest, call: Call) -> ec2.CreateTagsResult:
    """Set tags on objects of any kind, on all of them or on none (S596, S295, S296, S297)."""
    limit = call.quotas.tags_per_resource
    added = rules.to_create(pairs(request.tags), limit)
    found = _resources(call, request.resources)
    call.alone(*(f"tags of {resource_id} of {call.account} in {call.region}" for resource_id in found))
    held = call.store.tags.of(call.account, call.region, list(found))
    for resource_id in found:
        rules.merged(held.get(resource_id, {}), added, limit)
    for kind, row in found.values():
        call.store.tags.replace(call.account, call.region, kind, row, added)
    return ec2.CreateTagsResult(return_=True)


def delete_tags(request: ec2.DeleteTagsRequest, call: Call) -> ec2.DeleteTagsResult:
    """Take tags from objects of any kind (S597)."""
    selectors = [(key or "", value) for key, value in pairs(request.tags)]
    found = _resources(call, request.resources)
    held = call.store.tags.of(call.account, call.region, list(found))
    for resource_id, present in held.items():
        if keys := rules.to_delete(present, selectors):
            call.store.tags.remove_keys(call.account, call.region, resource_id, keys)
    return ec2.DeleteTagsResult(return_=True)


def describe_tags(request: ec2.DescribeTagsRequest, call: Call) -> ec2.DescribeTagsResult:
    """List the tags that the account has set in the Region (S598)."""
    call.authorize()
    wanted = as_filters(request.filters)
    pages.check_max_results(request.max_results, *pages.MAX_RESULTS["DescribeTags"], ids_given=False, ids_parameter="")
    scope = f"{call.account}/{call.region}/{call.action}/{wanted!r}"
    secret = call.store.installation.encode()
    after = pages.decode_token(secret, scope, request.next_token) if request.next_token is not None else 0
    limit = request.max_results or call.rules.max_unpaged_items
    found = list(islice(_walk(call, wanted, after), limit + 1))
    token = pages.encode_token(secret, scope, found[limit - 1].seq) if len(found) > limit else None
    return ec2.DescribeTagsResult(tags=[_tag(tag) for tag in found[:limit]], next_token=token)


def _resources(call: Call, wanted: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """Return kind and row of each object by id; the first one that is malformed or missing fails the whole call."""
    kinds = {each: ids.kind_of(each) for each in wanted}
    return {each: (kind, _resource(call, kind, each)) for each, kind in kinds.items()}


def _resource(call: Call, kind: str, resource_id: str) -> Any:  # noqa: ANN401 - a row of any resource
    if kind in ROWS:
        return call.find(ROWS[kind](call.store), resource_id)
    call.authorize()
    default = dhcp_options.default_set(call.store.installation, call.account, call.region)
    if resource_id != default.id:
        raise errors.not_found(kind, resource_id)
    return default


def _walk(call: Call, wanted: Sequence[Filter], after: int) -> Iterator[Tag]:
    """Yield the tags that match after a `seq`, in the order in which they were set."""
    predicate = _FILTERS.compile(wanted)
    named = exact(wanted, "resource-id")
    rows = _all(call, after) if named is None else _of_resources(call, named, after)
    return (row for row in rows if predicate(row, {row.key: row.value}))


def _of_resources(call: Call, resource_ids: Sequence[str], after: int) -> Iterator[Tag]:
    """Yield the tags of some objects; no object has many, so they are read at once."""
    rows = call.store.tags.where(account=call.account, region=call.region, resource_id=list(resource_ids))
    call.store.spend(len(rows))
    return (row for row in rows if row.seq > after)


def _all(call: Call, after: int) -> Iterator[Tag]:
    """Yield all tags of the account in the Region, chunk by chunk."""
    while rows := call.store.tags.page(call.account, call.region, after, CHUNK):
        call.store.spend(len(rows))
        yield from rows
        after = rows[-1].seq


def _tag(tag: Tag) -> ec2.TagDescription:
    return ec2.TagDescription(resource_id=tag.resource_id, resource_type=tag.resource_type, key=tag.key, value=tag.value)
