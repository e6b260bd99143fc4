"""A SQLite file without its writer's lock: looked at in one snapshot, copied and verified, while a server writes on.

SQLite's write-ahead log lets a reader see one state for as long as its transaction lasts; writers neither wait for it nor
disturb it. All that it costs them is that the log cannot be shortened meanwhile.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from isthmus.store import invariants, migrate
from isthmus.store.api import SchemaError, TransferError
from isthmus.store.invariants import Invariant
from isthmus.store.sqlite_engine import SqliteEngine, Troubled, check_file, declared, made_anew
from isthmus.store.transfer import silent
from isthmus.store.unit import UnitEngine

PAGES_PER_STEP: Final = 64
"""A quarter of a megabyte: a step takes about a millisecond."""
PAUSE_SECONDS: Final = 0.001
"""Between two steps, so that a server on the same machine gets its share of the disk and the processor."""
FILE_MODE: Final = 0o600
NO_ROOM: Final = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""What SQLite says where it cannot put the index of its log beside the file."""

Told = Callable[[int], None]
"""Told how many bytes are copied so far."""


# --- looking ----------------------------------------------------------------------------------------------------------


@contextmanager
def snapshot(path: Path, called: Path | None = None) -> Iterator[SqliteEngine]:
    """Yield the verbs of a read-only connection that sees what is committed now, and nothing that comes later.

    `called` is the name that the file is about to have, where it has another still: errors are told about that one.
    Raises `SchemaError` for a file that is none of ours or has another schema, `TransferError` for one that cannot be read.
    """
    named = called or path
    with closing(_connect(path, named)) as connection:
        check_file(connection, str(named))
        _check_version(connection, named)
        connection.execute("BEGIN")
        engine = SqliteEngine(connection, _teller(named))
        engine.query("SELECT count(*) FROM server_state")  # the snapshot is taken by the first read
        yield engine


def _teller(path: Path) -> Troubled:
    """Return what turns a disk or a file that fails into a sentence about it."""

    def told(error: sqlite3.DatabaseError) -> None:
        from isthmus.store import trouble  # seldom needed

        raise TransferError(trouble.at_start(error, str(path))) from error

    return told


def _connect(path: Path, named: Path) -> sqlite3.Connection:
    if not path.exists():
        raise TransferError(f"There is no file {named}. Name the server's with --data.")
    if path.is_dir():
        raise TransferError(f"{named} is a folder. Name the server's file with --data.")
    real = path.resolve()
    connection = sqlite3.connect(f"{real.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname.startswith(NO_ROOM) and os.access(real, os.R_OK) and not _log_of(real).exists():
            # Whoever had the file open would have a log beside it; so nobody has, and nothing is lost by looking without.
            return sqlite3.connect(f"{real.as_uri()}?immutable=1", uri=True, isolation_level=None)
        raise TransferError(f"{named} cannot be read ({error}). Run this as the server's user.") from None
    except sqlite3.DatabaseError as error:
        connection.close()
        raise SchemaError(f"{named} cannot be read as a database ({error}). Choose another file with --data.") from None
    return connection


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        raise SchemaError(f"{path} holds no state of Isthmus yet. Choose another file with --data.")
    if migrate.pending(version, str(path)):
        raise SchemaError(
            f"{path} was written by an older Isthmus and is only read here. `isthmus accounts list --data {path}` brings it "
            "up to date while no server has it open; then try again."
        )


# --- verifying --------------------------------------------------------------------------------------------------------


def _damages(engine: UnitEngine) -> Iterator[str]:
    return (word for (word,) in engine.query("PRAGMA integrity_check") if word != "ok")


def _orphans(engine: UnitEngine) -> Iterator[str]:
    for table, rowid, parent, _ in engine.query("PRAGMA foreign_key_check"):
        yield f"row {rowid} of {table} names a {parent} that is not there"


def _strange_schema(engine: UnitEngine) -> Iterator[str]:
    """Compare with a new database: a lost index would let in what it is there to keep out."""
    with made_anew() as fresh:
        ours, wanted = _schema(engine), _schema(fresh)
    for name in sorted(ours.keys() | wanted.keys()):
        if ours.get(name) != wanted.get(name):
            yield f"{name} is {'missing' if name not in ours else 'not as this Isthmus makes it'}"


def _schema(engine: UnitEngine) -> dict[str, str]:
    found = engine.query("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite%'")
    return dict(found)


def _mistyped(engine: UnitEngine) -> Iterator[str]:
    """Look at every value, since SQLite takes any into any column."""
    by_table: dict[str, list[tuple[str, str]]] = {}
    for (table, column), type_ in declared(engine).items():
        by_table.setdefault(table, []).append((column, "text" if type_ == "TEXT" else "integer"))
    for table, columns in by_table.items():
        counts = ", ".join(f"sum(typeof({column}) NOT IN ('{type_}', 'null'))" for column, type_ in columns)
        ((*found,),) = engine.query(f"SELECT {counts} FROM {table}")
        for (column, type_), count in zip(columns, found, strict=True):
            if count:
                yield f"{table}.{column} has {count} values that are no {type_}"


FOREIGN_KEYS: Final = Invariant("foreign-keys", "What a row refers to is there.", _orphans)
INVARIANTS: Final = (
    Invariant("file", "SQLite finds the file undamaged.", _damages),
    Invariant("schema", "Tables and indexes are those of this Isthmus.", _strange_schema),
    Invariant("types", "Every value is of its column's type.", _mistyped),
    FOREIGN_KEYS,
    *invariants.INVARIANTS,
)
"""What must hold in a SQLite file: first that it can be believed at all."""


# --- copying ----------------------------------------------------------------------------------------------------------


def backup(source: Path, target: Path, told: Told = silent) -> None:
    """Copy a file as it is at this moment, while a server may go on writing it, and verify the copy.

    The copy appears under its name once it is whole. Raises `TransferError` where there is a file already, or where the
    copy breaks an invariant, and as `snapshot` does.
    """
    with appearing(target) as copy:
        with snapshot(source) as engine, closing(sqlite3.connect(copy, isolation_level=None)) as made:
            made.execute("PRAGMA synchronous = OFF")  # flushed once, when it is whole
            (size,) = made.execute("PRAGMA page_size").fetchone()
            try:
                engine.connection.backup(made, pages=PAGES_PER_STEP, progress=_pausing(told, size))
            except sqlite3.DatabaseError as error:  # SQLite does not say on which side
                raise TransferError(
                    f"{source} could not be copied to {target} ({error}). Make room there, see that `isthmus check --data "
                    f"{source}` finds nothing, and try again."
                ) from error
        with snapshot(copy, target) as engine:
            broken = [finding for finding in invariants.check(engine, INVARIANTS) if finding.broken]
        _forget_log(copy)
    # A copy of a broken store is better than none, so it stays; but nobody should rely on it unknowingly.
    if broken:
        first = broken[0].broken[0].removesuffix(".")
        raise TransferError(
            f"{target} is written, and is as broken as {source} is: {broken[0].name}, {first}. "
            f"`isthmus check --data {source}` tells all."
        )


def _pausing(told: Told, page_size: int) -> Callable[[int, int, int], None]:
    def progress(_: int, remaining: int, total: int) -> None:
        told((total - remaining) * page_size)
        time.sleep(PAUSE_SECONDS)

    return progress


def _forget_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Yield an empty file for its owner only, which takes the name `path` once it is whole; where that fails it is gone.

    Raises `TransferError` where there is a file of that name, and where none can be made.
    """
    if path.exists() or path.is_symlink():
        raise TransferError(f"{path} is there already. Choose another name, or move it away.")
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        temporary.chmod(FILE_MODE)  # whatever the umask made of it
        yield temporary
        _sync(temporary)
        _name(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise TransferError(f"{path} cannot be written: {error.strerror or error}. Choose another place.") from None
    finally:
        for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
            with suppress(FileNotFoundError):
                temporary.with_name(temporary.name + suffix).unlink()


def _name(temporary: Path, path: Path) -> None:
    """Give the file its name, and never take another file's: a link, unlike a rename, fails where there is one."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise TransferError(f"{path} has come to be meanwhile, and stays as it is. Choose another name.") from None
    except OSError:  # a file system without links
        temporary.rename(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
