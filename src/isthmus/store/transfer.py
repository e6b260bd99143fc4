"""The whole state out of a store, as one file; `importing` takes it into another, of another engine or of a newer Isthmus.

It speaks the engine's verbs alone, pages by key and keeps one page in memory, so that a state may be larger than the memory.
The caller gives an engine inside one transaction, so that all pages show one state.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from isthmus import __version__
from isthmus.store import migrate, tables
from isthmus.store.api import Engine
from isthmus.store.layout import FORMAT, Header, Write, Writer
from isthmus.store.table import Table

PAGE: Final = 1_000

Progress = Callable[[int], None]
"""Told how many rows were moved since it was told last."""


class Part(msgspec.Struct, frozen=True):
    """A table as it is moved: its columns, and the key that its pages follow."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("seq",)


def _of(table: Table[Any]) -> Part:
    return Part(table.name, table.columns)


PARTS: Final = (
    Part("server_state", ("id", "installation", "clock_offset", "authorization_generation"), ("id",)),
    _of(tables.ACCOUNTS),
    _of(tables.ACCESS_KEYS),
    _of(tables.SESSIONS),
    _of(tables.VPCS),
    _of(tables.VPC_CIDR_BLOCKS),
    _of(tables.ROUTE_TABLES),
    _of(tables.SECURITY_GROUPS),
    _of(tables.SECURITY_GROUP_RULES),
    _of(tables.NETWORK_ACLS),
    _of(tables.NETWORK_ACL_ENTRIES),
    _of(tables.PEERINGS),
    Part(
        "peering_view",
        ("account", "region", "peering_seq", "state", "hide_at"),
        ("account", "region", "peering_seq"),
    ),
    _of(tables.TAGS),
    *map(_of, tables.IAM),
    _of(tables.ORGANIZATIONS),
    _of(tables.SERVICE_CONTROL_POLICIES),
    _of(tables.SERVICE_CONTROL_ATTACHMENTS),
    Part("journal", ("seq", "at", "request_id", "actor", "account", "region", "action", "changes")),
)
"""Every table, parents before their children. A test holds it against the database's own catalogue."""


def silent(_: int) -> None:
    """Tell nobody."""


def newest_schema() -> int:
    """Return the version of the schema that this Isthmus works with."""
    return migrate.scripts()[-1][0]


def count(engine: Engine) -> int:
    """Count the rows of all tables."""
    return sum(int(engine.query(f"SELECT count(*) FROM {part.name}")[0][0]) for part in PARTS)


def export(engine: Engine, write: Write, progress: Progress = silent) -> dict[str, int]:
    """Write the whole state; return how many rows of each table there were. Same state, same bytes."""
    writer = Writer(write, Header(FORMAT, newest_schema(), __version__))
    for part in PARTS:
        writer.part(part.name, part.columns, pages(engine, part, progress))
    writer.end()
    return writer.counts


def pages(engine: Engine, part: Part, progress: Progress = silent) -> Iterator[list[Any]]:
    """Yield a table in the order of its key."""
    picked, key = ", ".join(part.columns), ", ".join(part.key)
    bound = f"WHERE ({key}) > ({', '.join('?' * len(part.key))})"
    places = [part.columns.index(column) for column in part.key]
    page = engine.query(f"SELECT {picked} FROM {part.name} ORDER BY {key} LIMIT ?", (PAGE,))
    while page:
        yield page
        progress(len(page))
        after = [page[-1][place] for place in places]
        sql = f"SELECT {picked} FROM {part.name} {bound} ORDER BY {key} LIMIT ?"
        page = engine.query(sql, (*after, PAGE)) if len(page) == PAGE else []
