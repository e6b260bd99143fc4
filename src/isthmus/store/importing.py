"""Takes an export into an empty store, all or nothing. Numbers (`seq`) and versions come along, so that pages, tokens and
order go on.

It is the work of one unit, which is rolled back where something here raises: the checksum stands at the end of the file, and
by then everything has been written. The store must be opened anew afterwards: it knows its name and clock from before.

An export of an older schema goes through a scratch database, which is migrated by the very scripts that migrate a store: so
a migration need not be written twice.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from isthmus import __version__
from isthmus.domain.errors import ApiError
from isthmus.store import migrate
from isthmus.store.api import Engine, Lost, TransferError
from isthmus.store.layout import FORMAT, Header, Reader, Value
from isthmus.store.sqlite_engine import WORDS, SqliteEngine
from isthmus.store.transfer import PARTS, newest_schema, pages
from isthmus.store.unit import Unit, UnitEngine

ROWS_PER_INSERT: Final = 100
"""One statement takes so many: several times faster than one by one, and far from any engine's limit of parameters."""
STATE: Final = "server_state"
"""Every store has its one row, even an empty one; an import puts another in its place."""


def import_state(unit: Unit, file: BinaryIO, *, replace: bool = False) -> dict[str, int]:
    """Put an export into a store; return how many rows of each table there were in it.

    Raises `TransferError` where the store is not empty and nothing was said of replacing, where a newer Isthmus wrote the
    file, where the file is not whole, and where the connection to the store's database is lost.
    """
    unit.writes()
    unit.memo.spoil()
    unit.held_offset()  # a unit that has to begin anew learns so from its first question: before the file is read, once
    try:
        return _taken_in(unit.engine, Reader(file), replace=replace)
    except Lost as error:
        why = " ".join(str(error).split())
        raise TransferError(
            f"The connection to the database was lost during the import ({why}). The database is as it was. See that it "
            "runs and can be reached, and import again."
        ) from error


def _taken_in(engine: UnitEngine, reader: Reader, *, replace: bool) -> dict[str, int]:
    check_readable(reader.header)
    _make_room(engine, replace=replace)
    if reader.header.schema == newest_schema():
        _fill(engine, reader, {part.name: part.columns for part in PARTS})
    else:
        with _migrated(reader) as scratch:
            _copy(scratch, engine)
    if reader.counts[STATE] != 1:
        raise TransferError(f"The export has {reader.counts[STATE]} rows in {STATE} where it needs one. Export again.")
    _go_on_numbering(engine)
    return reader.counts


def _go_on_numbering(engine: UnitEngine) -> None:
    for part in PARTS:
        if part.key == ("seq",) and (highest := engine.query(f"SELECT max(seq) FROM {part.name}")[0][0]) is not None:
            engine.reached(part.name, highest)


def check_readable(header: Header) -> None:
    """Raise `TransferError` for an export of a newer Isthmus."""
    if header.format > FORMAT or header.schema > newest_schema():
        raise TransferError(
            f"The export was written by a newer Isthmus ({header.version}, format {header.format}, schema {header.schema}; "
            f"this is {__version__}, format {FORMAT}, schema {newest_schema()}). Import it with that one or a later one."
        )


def _make_room(engine: Engine, *, replace: bool) -> None:
    held = [part.name for part in PARTS if part.name != STATE and engine.query(f"SELECT 1 FROM {part.name} LIMIT 1")]
    if held and not replace:
        raise TransferError(
            f"The store is not empty: it has rows in {', '.join(held)}. Import into a new one with --data, or say "
            "--replace to lose what it holds."
        )
    for part in reversed(PARTS):
        engine.execute(f"DELETE FROM {part.name}")


def _fill(engine: Engine, reader: Reader, known: Mapping[str, Sequence[str]]) -> None:
    """Insert every row of an export into tables with these columns."""
    for name, columns, rows in reader.parts():
        if sorted(columns) != sorted(known.get(name, ())):
            raise reader.spoilt(f"schema {reader.header.schema} has no table {name} with these columns")
        for chunk in _chunks(rows, ROWS_PER_INSERT):
            if any(len(row) != len(columns) for row in chunk):
                raise reader.spoilt(f"a row of the table {name} has too many values or too few")
            try:
                _insert(engine, name, columns, chunk)
            except (ApiError, Lost):  # the disk is full or fails, or nobody is there any more
                raise
            except Exception as error:
                raise reader.spoilt(f"the database does not take a row of the table {name} ({error})") from error
    if missing := known.keys() - reader.counts.keys():
        raise TransferError(f"The export lacks the tables {', '.join(sorted(missing))}. Export again.")


def _insert(engine: Engine, name: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    one = f"({', '.join('?' * len(columns))})"
    sql = f"INSERT INTO {name} ({', '.join(columns)}) VALUES {', '.join([one] * len(rows))}"
    engine.execute(sql, [value for row in rows for value in row])


def _chunks(rows: Iterable[list[Value]], size: int) -> Iterator[list[list[Value]]]:
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        yield chunk


# --- an older schema --------------------------------------------------------------------------------------------------


@contextmanager
def _migrated(reader: Reader) -> Iterator[Engine]:
    """Yield a scratch database that holds the export and was brought up to the newest schema."""
    with (
        TemporaryDirectory(prefix="isthmus-import-") as folder,  # its owner's only, as its content must be
        closing(sqlite3.connect(Path(folder) / "scratch.db", isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        engine = SqliteEngine(connection)
        before = [script for number, script in migrate.scripts() if number <= reader.header.schema]
        after = [script for number, script in migrate.scripts() if number > reader.header.schema]
        _apply(engine, before)
        engine.execute("BEGIN")
        _fill(engine, reader, _catalogue(engine))
        engine.execute("COMMIT")
        _apply(engine, after)
        yield engine


def _apply(engine: Engine, scripts: Iterable[str]) -> None:
    for script in scripts:
        for statement in migrate.statements(script, WORDS):
            engine.execute(statement)


def _catalogue(engine: Engine) -> dict[str, list[str]]:
    names = [name for (name,) in engine.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [row[1] for row in engine.query(f"PRAGMA table_info({name})")] for name in names}


def _copy(source: Engine, target: Engine) -> None:
    for part in PARTS:
        for page in pages(source, part):
            for first in range(0, len(page), ROWS_PER_INSERT):
                _insert(target, part.name, part.columns, page[first : first + ROWS_PER_INSERT])
