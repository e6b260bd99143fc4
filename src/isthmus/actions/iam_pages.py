"""How every List of IAM is cut into pages: Marker, MaxItems, IsTruncated (I197)."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import Struct

from isthmus.actions.call import Call
from isthmus.domain import pages
from isthmus.domain.errors import ApiError
from isthmus.domain.iam import errors
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.store.iam_rows import IamRows
from isthmus.store.table import Row

DEFAULT_ITEMS: Final = 100

Item = TypeVar("Item")


class Asked(Protocol):
    """What every List asks."""

    @property
    def marker(self) -> str | None:
        """Where to go on."""

    @property
    def max_items(self) -> int | None:
        """How many items to answer at most; the model bounds it (1 to 1000)."""


class Page(Struct, Generic[Item], frozen=True):
    """One page, and the Marker of the next if there is one."""

    items: list[Item]
    marker: str | None

    @property
    def is_truncated(self) -> bool:
        """Whether there is more."""
        return self.marker is not None


class Place(Struct, frozen=True):
    """Where a page begins in its list, and how long it may be; `scope` names the list, for its Markers alone."""

    secret: bytes
    scope: str
    after: int
    limit: int

    def cut(self, found: Sequence[Item], seq_of: Callable[[Item], int]) -> Page[Item]:
        """Make a page of what was found behind the place, of which there should be one more than the page takes."""
        shown = list(found[: self.limit])
        more = len(found) > self.limit
        return Page(shown, pages.encode_token(self.secret, self.scope, seq_of(shown[-1])) if more else None)


def place(call: Call, asked: Asked, *words: str | None) -> Place:
    """Return where the page that is asked for begins. Raises for a Marker of another list."""
    scope = f"{call.account}/{call.action}/{words!r}"
    secret = call.store.installation.encode()
    try:
        after = 0 if asked.marker is None else pages.decode_token(secret, scope, asked.marker)
    except ApiError:
        raise errors.invalid_marker() from None
    return Place(secret, scope, after, asked.max_items or DEFAULT_ITEMS)


def of_rows(call: Call, rows: IamRows[Row], asked: Asked, *, path_prefix: str | None = None, **columns: str) -> Page[Row]:
    """Return a page of the rows whose columns have these values, and whose path begins so."""
    prefix = path_prefix or ROOT_PATH
    here = place(call, asked, prefix, *columns.values())
    found = rows.after(here.after, here.limit + 1, path_prefix=prefix, **columns)
    call.store.spend(len(found))
    return here.cut(found, _seq)


def of_list(call: Call, items: Sequence[Item], asked: Asked, *words: str) -> Page[Item]:
    """Return a page of a list that is short enough to be read whole, such as an object's tags."""
    here = place(call, asked, *words)
    numbered = list(enumerate(items, 1))[here.after : here.after + here.limit + 1]
    page = here.cut(numbered, lambda each: each[0])
    return Page([item for _, item in page.items], page.marker)


def _seq(row: Any) -> int:  # noqa: ANN401 - a row
    return int(row.seq)
