"""What must hold in a PostgreSQL database: what must hold on every engine, in columns that are what the migrations make.

The database itself keeps a value to its column's type, so it is enough that the columns are right.
"""

from collections.abc import Mapping
from typing import Final

from isthmus.store import invariants
from isthmus.store.api import Engine
from isthmus.store.invariants import Broken, Invariant
from isthmus.store.sqlite_engine import declared, made_anew
from isthmus.store.unit import UnitEngine

WORDS: Final = {"numbered": "BIGINT", "identity": "BIGINT", "clustered": ""}
"""Our words as far as both engines know them: SQLite is to read the types that PostgreSQL is given."""
TEXT: Final = "text"
BY_BYTE: Final = "C"
_COLUMNS: Final = """
SELECT class.relname, attribute.attname, format_type(attribute.atttypid, attribute.atttypmod), pg_collation.collname
FROM pg_attribute AS attribute
JOIN pg_class AS class ON class.oid = attribute.attrelid
LEFT JOIN pg_collation ON pg_collation.oid = attribute.attcollation
WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind IN ('r', 'p')
    AND attribute.attnum > 0 AND NOT attribute.attisdropped
"""

Columns = Mapping[tuple[str, str], str]
"""Types by table and column."""


def _strange_columns(engine: UnitEngine) -> Broken:
    with made_anew(WORDS) as fresh:
        wanted = {place: type_.lower() for place, type_ in declared(fresh).items()}
    tables = {table for table, _ in wanted}
    held = {place: type_ for place, type_ in _columns(engine).items() if place[0] in tables}
    for place in sorted(wanted.keys() | held.keys()):
        if held.get(place) != wanted.get(place):
            yield _told(*place, held.get(place), wanted.get(place))


def _columns(engine: Engine) -> Columns:
    """Return the columns there are; text that is not compared byte by byte, as SQLite does, is another type."""
    return {
        (table, column): f"{type_} in the collation {collation}" if type_ == TEXT and collation != BY_BYTE else type_
        for table, column, type_, collation in engine.query(_COLUMNS)
    }


def _told(table: str, column: str, held: str | None, wanted: str | None) -> str:
    if held is None:
        return f"{table}.{column} is missing"
    if wanted is None:
        return f"{table}.{column} is none of this Isthmus"
    return f"{table}.{column} is {held} where this Isthmus makes it {wanted}"


INVARIANTS: Final = (
    Invariant("schema", "Tables have the columns that this Isthmus gives them, of their types.", _strange_columns),
    *invariants.INVARIANTS,
)
"""What must hold in a PostgreSQL database."""
