"""SQLite itself: how a connection is opened, the verbs that a unit has of it, what a refusal means, whose file it is."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from isthmus.domain import errors
from isthmus.domain.errors import Conflict
from isthmus.store import migrate
from isthmus.store.api import Engine, Params, SchemaError
from isthmus.store.table import numbered

APPLICATION_ID: Final = 0x49535448  # "ISTH" in the file's header: tells our files from other SQLite files
WORDS: Final = {"numbered": "INTEGER PRIMARY KEY", "identity": "INTEGER PRIMARY KEY", "clustered": "WITHOUT ROWID"}
"""This engine's own words in the migrations."""
LOST_RACES: Final = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
"""What the database refuses because another row is there; any other constraint is broken by a bug only."""
Troubled = Callable[[sqlite3.DatabaseError], None]
"""Told of a disk or a file that fails."""
PATIENCE_SECONDS: Final = 5.0
"""How long a statement waits for another process that has the file locked, a backup tool for one."""
KEPT_STATEMENTS: Final = 512
"""Statements that a connection keeps prepared: enough for all that a server asks."""


# --- a connection -----------------------------------------------------------------------------------------------------


def connect(path: Path | None, *, synchronous: str = "FULL", read_only: bool = False) -> sqlite3.Connection:
    """Open a connection to a file, or to a database of its own in memory where `path` is None.

    Any thread may use it, one at a time. Raises `SchemaError` for a file that is none of ours.
    """
    connection = sqlite3.connect(
        ":memory:" if path is None else path,
        isolation_level=None,  # transactions begin and end where we say so
        check_same_thread=False,
        cached_statements=KEPT_STATEMENTS,
        timeout=PATIENCE_SECONDS,
    )
    try:
        check_file(connection, str(path))  # before anything touches it: it may not be ours
        for pragma in _pragmas(path, synchronous, read_only=read_only):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _pragmas(path: Path | None, synchronous: str, *, read_only: bool) -> list[str]:
    chosen = [
        # Units run one after the other: what a handler has seen to be there is there, and need not be looked for again
        # (ADR 22). `isthmus check` and the tests hold the rows against what the schema declares; PostgreSQL always does.
        "foreign_keys = OFF",
        # What is deleted is overwritten, except for whole pages, as some builds of SQLite would: it trebles a reset's cost.
        "secure_delete = FAST",
        "cache_size = -16384",  # 16 MiB
        "temp_store = MEMORY",  # what is sorted aside never becomes a file that others could find
    ]
    if path is not None:
        # Readers go by a snapshot while others write; FULL, since otherwise a commit could be lost with the power (ADR 4).
        chosen += ["journal_mode = WAL", f"synchronous = {synchronous}"]
    if read_only:
        chosen.append("query_only = ON")
    return chosen


# --- its verbs --------------------------------------------------------------------------------------------------------


class SqliteEngine:
    """The verbs of one SQLite connection."""

    several = "IN (SELECT value FROM json_each(?))"
    for_update = ""

    def __init__(self, connection: sqlite3.Connection, troubled: Troubled | None = None) -> None:
        """Wrap a connection. One cursor serves all statements: each is read to its end at once.

        Without `troubled` a disk or a file that fails raises what SQLite raised.
        """
        self.connection, self._troubled = connection, troubled
        self._execute = connection.cursor().execute
        self._waiting: dict[str, list[Sequence[Any]]] = {}  # rows to be inserted, by their INSERT
        self._numbers: dict[str, int] = {}  # the last seq of tables whose rows wait
        self.has_lost = False

    def query(self, sql: str, params: Params = ()) -> list[Any]:
        """Return all rows of a statement. Raises as `execute` does."""
        if self._waiting:
            self.insert_waiting()
        try:
            return self._execute(sql, params).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement that writes; return how many rows it touched.

        Raises `Conflict` where the database refuses a row, and `Unavailable` where the disk is full or fails.
        """
        if self._waiting:
            self.insert_waiting()
        try:
            return self._execute(sql, params).rowcount
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def insert(self, sql: str, params: Params = ()) -> int:
        """Run an INSERT; return the seq of the new row. Raises as `execute` does.

        Without RETURNING, for which SQLite would copy every page that it is going to change.
        """
        if self._waiting:
            self.insert_waiting()
        try:
            return self._execute(sql, params).lastrowid or 0
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from error

    def insert_soon(self, table: str, sql: str, params: Sequence[Any]) -> int:
        """Number a row and let it wait: many that are inserted in a row cost half of what each by itself does (ADR 31)."""
        last = self._numbers.get(table)
        if last is None:
            last = self.query(f"SELECT coalesce(max(seq), 0) FROM {table}")[0][0]
        self._numbers[table] = last + 1
        self.append(numbered(sql), (last + 1, *params))
        return last + 1

    def append(self, sql: str, params: Sequence[Any]) -> None:
        """Let a row wait. The order among tables does not count: no key is enforced between them."""
        self._waiting.setdefault(sql, []).append(params)

    def insert_waiting(self) -> None:
        """Insert the rows that wait. Raises as `execute` does; what is open `has_lost` rows then and must be taken back."""
        waiting, self._waiting = self._waiting, {}
        try:
            for sql, rows in waiting.items():
                self.connection.executemany(sql, rows)  # a cursor of its own: it would keep the statement open
        except Exception as error:
            self.has_lost = True
            if isinstance(error, sqlite3.DatabaseError):
                raise self._refusal(error) from error
            raise  # a value that SQLite cannot hold

    def roll_back(self) -> None:
        """Take back what is open, unless SQLite has done so by itself, as it does when the disk is full."""
        self._waiting.clear()
        self._numbers.clear()
        self.has_lost = False
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def later(self, sql: str, params: Params = ()) -> None:
        """Run a statement at once: there is no way to save."""
        self.execute(sql, params)

    def expect_one(self, sql: str, params: Params = ()) -> None:
        """Run a statement; raise `Conflict` if it does not touch a row."""
        if self.execute(sql, params) != 1:
            raise Conflict(sql)

    def ahead(self, sql: str, params: Params = ()) -> None:
        """Do nothing: whoever asks will be answered at once."""

    def hold(self, _table: str, _ids: Sequence[str]) -> bool:
        """Lock nothing: units that write run one after the other."""
        return False

    def alone(self, *names: str) -> None:
        """Do nothing, for the same reason."""

    def pack(self, values: Sequence[Any]) -> str:
        """Return a list as one JSON parameter."""
        return json.dumps(list(values))

    def reached(self, table: str, _seq: int) -> None:
        """Forget what the last number was; those that SQLite gives are beyond it by themselves."""
        self._numbers.pop(table, None)

    def _refusal(self, error: sqlite3.DatabaseError) -> Exception:
        """Say what a failed statement means to the unit; one that only a bug can cause stays what it is."""
        from isthmus.store import trouble  # seldom needed

        if getattr(error, "sqlite_errorname", "") in LOST_RACES:
            return Conflict(str(error))
        if self._troubled is None or not trouble.family(error):
            return error
        self._troubled(error)
        return errors.unavailable()


# --- its file ---------------------------------------------------------------------------------------------------------


def cannot_open(error: sqlite3.DatabaseError, where: str) -> Exception:
    """Return what to raise for a store that cannot be opened; what only a bug can cause stays what it is."""
    from isthmus.store import trouble

    sentence = trouble.at_start(error, where)
    return SchemaError(sentence) if sentence else error


def check_file(connection: sqlite3.Connection, where: str) -> None:
    """Raise `SchemaError` for a file that is not ours, before anything in it is changed."""
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        raise cannot_open(error, where) from None
    if tables and application != APPLICATION_ID:
        raise SchemaError(f"{where} is a database of some other program. Choose another file with --data.")


def migrate_file(connection: sqlite3.Connection, where: str) -> None:
    """Bring a file's schema up to date."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = migrate.pending(version, where)
    if scripts:  # else it is ours already, and opening it writes nothing
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, script in scripts:
        connection.execute("BEGIN IMMEDIATE")
        for statement in migrate.statements(script, WORDS):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


# --- its schema -------------------------------------------------------------------------------------------------------


@contextmanager
def made_anew(words: Mapping[str, str] = WORDS) -> Iterator[SqliteEngine]:
    """Yield an empty database in memory as the migrations make it, for comparison."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for _, script in migrate.scripts():
            for statement in migrate.statements(script, words):
                connection.execute(statement)
        yield SqliteEngine(connection)


def declared(engine: Engine) -> dict[tuple[str, str], str]:
    """Return the type of every column, by table and column, as it was declared."""
    found = engine.query(
        "SELECT made.name, info.name, info.type FROM sqlite_master AS made, pragma_table_info(made.name) AS info "
        "WHERE made.type = 'table' AND made.name NOT LIKE 'sqlite%'"
    )
    return {(table, column): type_ for table, column, type_ in found}
