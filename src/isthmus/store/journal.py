"""The journal: who changed what, in the transaction that changes it (ADR 10)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import json

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

COLUMNS: Final = ("seq", "at", "request_id", "actor", "account", "region", "action", "changes")
PAGE: Final = 200
"""Lines that the event loop may wait for."""
_WRITE: Final = "INSERT INTO journal (at, request_id, actor, account, region, action, changes) VALUES (?, ?, ?, ?, ?, ?, ?)"
_READ: Final = f"SELECT {', '.join(COLUMNS)} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"


class Entry(NamedTuple):
    """A line of the journal; `at` in milliseconds of service time, `changes` as (id, state before, state after)."""

    seq: int
    at: int
    request_id: str
    actor: str
    account: str
    region: str
    action: str
    changes: list[tuple[str, str, str]]


def write(unit: "Unit", request_id: str, actor: str, account: str, region: str, action: str) -> None:
    """Note what the unit has changed, in its own transaction."""
    changes = json.encode(list(unit.changes.values())).decode()
    unit.engine.append(_WRITE, (unit.now, request_id, actor, account, region, action, changes))


def read(unit: "Unit", after: int = 0) -> list[Entry]:
    """Return the next lines after one, the oldest first."""
    return [_entry(row) for row in unit.engine.query(_READ, (after, PAGE))]


def _entry(row: Sequence[Any]) -> Entry:
    return Entry._make((*row[:-1], json.decode(row[-1], type=list[tuple[str, str, str]])))
