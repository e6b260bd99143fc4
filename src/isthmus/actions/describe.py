"""How every Describe works: ids, filters, pages.

A Describe drives from its most selective index and re-checks every filter with one predicate (ADR 6), so that its cost
follows what it returns and not what there is. Pages go by `seq`, never by offset.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import Struct, field

from isthmus.actions.call import Call
from isthmus.domain import pages
from isthmus.domain.filters import Filter, FilterTable, Tags, exact
from isthmus.store.rows import Hint, Rows
from isthmus.store.unit import Unit

Item = TypeVar("Item")
Row = Any  # any resource's row class

CHUNK: Final = 200
HINT_VALUES: Final = 20
NO_TAGS: Final[Tags] = {}


class WireFilter(Protocol):
    """A filter as the wire has it."""

    @property
    def name(self) -> str | None:
        """The filter's name."""

    @property
    def values(self) -> list[str] | None:
        """The values of which one must match."""


class Listing(Struct, Generic[Item], frozen=True):
    """What one resource brings to its Describe.

    `rows` picks the table from a unit; `load` turns rows into what the filters and the answer need, in a few statements for
    all of them, and answers as many as it was given; `ids_parameter` is the name that complaints give the ids, empty where
    the action takes none; `indexed` names the columns with an index, by filter; `max_results` is the range S504 gives.
    """

    rows: Callable[[Unit], Rows[Any]]
    filters: FilterTable[Item]
    load: Callable[[Call, Sequence[Any]], Sequence[Item]]
    ids_parameter: str = ""
    indexed: Mapping[str, str] = field(default_factory=dict)
    max_results: tuple[int, int] = (5, 1_000)


class Page(Struct, Generic[Item], frozen=True):
    """One page: the items with their tags, and the token of the next page if there is one."""

    items: list[tuple[Item, Tags]]
    next_token: str | None


def as_filters(filters: Sequence[WireFilter] | None) -> list[Filter]:
    """Return wire filters as the domain knows them."""
    return [Filter(each.name or "", tuple(each.values or ())) for each in filters or ()]


def describe(
    call: Call,
    listing: Listing[Item],
    ids: Sequence[str] | None,
    filters: Sequence[WireFilter] | None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> Page[Item]:
    """Answer a Describe. Raises for unknown ids and filters, and for page parameters out of range (S326, S329-S332)."""
    call.authorize()
    wanted = as_filters(filters)
    predicate = listing.filters.compile(wanted) if wanted else None
    pages.check_max_results(max_results, *listing.max_results, ids_given=bool(ids), ids_parameter=listing.ids_parameter)
    pages.check_token(next_token, ids_given=bool(ids), ids_parameter=listing.ids_parameter)
    if ids:
        wanted_ids = list(dict.fromkeys(ids))
        call.store.tags.ahead_of(call.account, call.region, wanted_ids)
        rows = call.find_all(listing.rows(call.store), wanted_ids)
        return Page([found[1:] for found in _matching(call, listing, rows, predicate)], None)
    scope = f"{call.account}/{call.region}/{call.action}/{wanted!r}"
    secret = call.store.installation.encode()
    after = pages.decode_token(secret, scope, next_token) if next_token is not None else 0
    limit = max_results or call.rules.max_unpaged_items
    found = list(islice(_walk(call, listing, wanted, predicate, after, limit), limit + 1))
    more = len(found) > limit
    token = pages.encode_token(secret, scope, found[limit - 1][0]) if more else None
    return Page([each[1:] for each in found[:limit]], token)


Predicate = Callable[[Item, Tags], bool]
Found = tuple[int, Item, Tags]


def _matching(
    call: Call, listing: Listing[Item], rows: Sequence[Row], predicate: Predicate[Item] | None
) -> list[Found[Item]]:
    """Load rows with their tags and keep those that the filters let through; without filters, that is all."""
    call.store.spend(len(rows))
    tags = call.store.tags.of(call.account, call.region, [row.id for row in rows])
    items = zip(rows, listing.load(call, rows), strict=True)
    found = [(row.seq, item, tags.get(row.id, NO_TAGS)) for row, item in items]
    return found if predicate is None else [each for each in found if predicate(each[1], each[2])]


def _walk(
    call: Call, listing: Listing[Item], wanted: Sequence[Filter], predicate: Predicate[Item] | None, after: int, limit: int
) -> Iterator[Found[Item]]:
    """Yield what matches after a `seq`, reading no more rows at a time than one page can need."""
    hints = _best_hints(call, listing, wanted)
    chunk = CHUNK if wanted else min(CHUNK, limit + 1)
    while rows := _chunk(call, listing, hints, after, chunk):
        yield from _matching(call, listing, rows, predicate)
        if len(rows) < chunk:
            return
        after = rows[-1].seq


def _chunk(call: Call, listing: Listing[Item], hints: Sequence[Hint], after: int, size: int) -> list[Row]:
    """Read the next rows: of the whole place, or of each hinted value, merged by `seq`."""
    table = listing.rows(call.store)
    if not hints:
        return table.page(call.account, call.region, after, size)
    runs = [table.page(call.account, call.region, after, size, hint) for hint in hints]
    return runs[0] if len(runs) == 1 else list(islice(heapq.merge(*runs, key=lambda row: row.seq), size))


def _best_hints(call: Call, listing: Listing[Item], wanted: Sequence[Filter]) -> list[Hint]:
    """Choose the index to drive from: the filter that yields the fewest rows (counted up to a limit)."""
    candidates = [hints for each in wanted if (hints := _hints(listing, each))]
    if len(candidates) < 2:
        return candidates[0] if candidates else []
    table = listing.rows(call.store)
    return min(candidates, key=lambda hints: sum(table.estimate(call.account, call.region, hint) for hint in hints))


def _hints(listing: Listing[Item], each: Filter) -> list[Hint]:
    column = each.name if each.name.startswith("tag:") else listing.indexed.get(each.name)
    values = exact([each], each.name)
    if column is None or not values or len(values) > HINT_VALUES:
        return []
    return [(column, value) for value in dict.fromkeys(values)]
