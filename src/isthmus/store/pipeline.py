"""A connection to PostgreSQL that sends much and waits seldom: libpq's pipeline mode, by psycopg's `pq` layer.

Statements are queued here and go out together when somebody waits for one of their results; that wait is the round trip that
counts. psycopg's cursors do the same with twice the work per statement (ADR 23). Nothing is asked of the session between two
transactions but the prepared statements, which a setting turns off, so a proxy in transaction mode may stand between.
"""

import re
import select
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import psycopg
from psycopg import pq

from isthmus.store.api import Params

INTEGERS: Final = frozenset({20, 21, 23})
"""The type numbers of BIGINT, SMALLINT and INTEGER."""
BIGINT: Final = 20
GUESSED: Final = 0
"""The type of a parameter that the database infers from its place."""
ESCAPE: Final = "\U0010ffff"
"""PostgreSQL's text knows no NUL, so one is kept as this, which is no character, and a 0; this itself with a 1."""
GOOD: Final = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})
CONNECT_SECONDS: Final = 5
APPLICATION: Final = "isthmus"
"""What our connections are called, unless the address says otherwise: for people and for `check_unserved`."""

Row = tuple[Any, ...]


class LostError(Exception):
    """The connection broke, or did not answer in time."""


class Reply:
    """What a statement answered, once it has: its rows, how many it touched, and the command it was."""

    __slots__ = ("command", "done", "rows", "sql", "text", "touched")

    def __init__(self, text: "Text | None", sql: bytes) -> None:
        """Await the answer to a statement or, without its text, to its preparation."""
        self.text, self.sql, self.done = text, sql, False
        self.rows: list[Row] = []
        self.touched, self.command = 0, b""


class Text:
    """A statement in PostgreSQL's words: its parameters are `$1`, `$2` and so on, `names` those that were named."""

    __slots__ = ("names", "readers", "sql")

    def __init__(self, sql: str, names: Sequence[str]) -> None:
        """Take a statement that was translated."""
        self.sql, self.names = sql.encode(), tuple(names)
        self.readers: tuple[Callable[[bytes], Any], ...] | None = None

    def values(self, params: Params) -> Sequence[Any]:
        """Return the parameters in their order."""
        return [params[name] for name in self.names] if isinstance(params, Mapping) else params


@lru_cache(maxsize=2_048)
def translated(sql: str) -> Text:
    """Return a statement of the common dialect, whose parameters are `?` in order or `:name`, for PostgreSQL."""
    names: list[str] = []
    count = 0

    def numbered(found: "re.Match[str]") -> str:
        nonlocal count
        word = found[0]
        if word == "?":
            count += 1
            return f"${count}"
        if not word.startswith(":") or word.startswith("::"):
            return word
        if word[1:] not in names:
            names.append(word[1:])
        return f"${names.index(word[1:]) + 1}"

    return Text(re.sub(r"'[^']*'|\?|::?\w+", numbered, sql), names)


def encoded(value: Any) -> bytes | None:  # noqa: ANN401 - a parameter
    """Return a parameter as text."""
    if value is None:
        return None
    if isinstance(value, int):
        return b"%d" % value
    if "\0" in value or ESCAPE in value:
        value = value.replace(ESCAPE, ESCAPE + "1").replace("\0", ESCAPE + "0")
    return value.encode()  # type: ignore[no-any-return]  # a str


def _text(raw: bytes) -> str:
    text = raw.decode()
    if ESCAPE in text:
        return text.replace(ESCAPE + "0", "\0").replace(ESCAPE + "1", ESCAPE)
    return text


def array(values: Sequence[Any]) -> str:
    """Return values as the text of one array parameter."""
    return "{" + ",".join(str(each) if isinstance(each, int) else _quoted(each) for each in values) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Link:
    """One connection, always in pipeline mode, used by one thread at a time."""

    def __init__(self, url: str, *, prepared: bool, patience_seconds: float) -> None:
        """Connect. Raises `psycopg.OperationalError`."""
        self._connection = connect(url)
        self._pg = self._connection.pgconn
        self._pg.enter_pipeline_mode()
        self._wait = select.poll()
        self._socket = self._pg.socket
        self._prepared, self._patience = prepared, round(patience_seconds * 1_000)
        self._names: dict[bytes, bytes] = {}
        self._queue: list[tuple[Reply, Sequence[Any]]] = []
        self._awaited: deque[Reply | None] = deque()  # None stands for the end of what was sent together
        self._error: psycopg.Error | None = None
        self.trips = 0
        """How often somebody waited for an answer."""

    def send(self, sql: str, params: Params = ()) -> Reply:
        """Queue a statement; `collect` sends it."""
        text = translated(sql)
        reply = Reply(text, text.sql)
        self._queue.append((reply, text.values(params)))
        return reply

    def send_first(self, sql: str) -> None:
        """Queue a statement before those that are queued already."""
        text = translated(sql)
        self._queue.insert(0, (Reply(text, text.sql), ()))

    def forget(self) -> None:
        """Drop what was queued and not sent."""
        self._queue.clear()

    def flush(self) -> None:
        """Send what is queued, without waiting for the answers. Raises `LostError`."""
        if not self._queue:
            return
        queue, self._queue = self._queue, []
        try:
            for reply, values in queue:
                self._hand_over(reply, values)
            self._pg.pipeline_sync()
            self._awaited.append(None)
            while self._pg.flush():
                self._ready(select.POLLIN | select.POLLOUT)
                self._pg.consume_input()
        except psycopg.OperationalError as error:
            raise LostError(str(error)) from error

    def collect(self, reply: Reply) -> Reply:
        """Return a reply once it is there. Raises `LostError`, or the error of the first statement that failed."""
        if not reply.done:
            self.flush()
            self.trips += 1
            self._receive(reply)
        if self._error is not None:
            self._check()
            error, self._error = self._error, None
            raise error
        return reply

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _hand_over(self, reply: Reply, values: Sequence[Any]) -> None:
        sql, raw = reply.sql, [encoded(value) for value in values]
        if not self._prepared:
            self._pg.send_query_params(sql, raw, _types(values))
        else:
            name = self._names.get(sql)
            if name is None:
                types = _types(values)
                name = self._names[sql] = prepared_name(sql, types)
                self._pg.send_prepare(name, sql, types)
                self._awaited.append(Reply(None, sql))
            self._pg.send_query_prepared(name, raw)
        self._awaited.append(reply)

    def _receive(self, reply: Reply) -> None:
        """Take results until the reply is there; after an error, all that is on its way."""
        try:
            while self._awaited and not (reply.done and self._error is None):
                self._take()
        except psycopg.OperationalError as problem:
            raise LostError(str(problem)) from problem

    def _ready(self, events: int) -> None:
        self._wait.register(self._socket, events)
        if not self._wait.poll(self._patience):
            raise LostError("the database did not answer in time")

    def _check(self) -> None:
        if self._pg.status == pq.ConnStatus.BAD:
            raise LostError(self._pg.get_error_message())

    def _take(self) -> None:
        """Take the next result."""
        pg = self._pg
        while pg.is_busy():
            self._ready(select.POLLIN)
            pg.consume_input()
        result = pg.get_result()
        if result is None:  # the end of one statement, or of everything
            self._check()
            return
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            assert self._awaited.popleft() is None
            return
        reply = self._awaited.popleft()
        assert reply is not None
        if result.status in GOOD:
            if reply.text is not None:
                _fill(reply, reply.text, result)
        else:
            self._failed(reply, result)
        reply.done = True

    def _failed(self, reply: Reply, result: "pq.abc.PGresult") -> None:
        if reply.text is None:  # what could not be prepared will have to be
            self._names.pop(reply.sql, None)
        if result.status != pq.ExecStatus.PIPELINE_ABORTED and self._error is None:
            self._error = psycopg.errors.error_from_result(result)


def prepared_name(sql: bytes, types: Sequence[int]) -> bytes:
    """Return the name under which a statement is prepared: its own on every connection.

    A proxy that hands out sessions without knowing of prepared statements may lead us to one where another connection has
    prepared something under the same name; that must never be a different statement.
    """
    return b"i" + blake2b(sql + repr(types).encode(), digest_size=12).hexdigest().encode()


def connect(url: str) -> "psycopg.Connection[Row]":
    """Connect as every part of the store does. Of several hosts, one that takes writes is meant."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "target_session_attrs": "read-write",
        "application_name": APPLICATION,
        "client_encoding": "utf8",
    }
    given = conninfo_to_dict(url)
    # What psycopg would prepare by itself has names that other connections use too, in the sessions that a proxy hands out.
    return psycopg.connect(make_conninfo("", **{**ours, **given}), autocommit=True, prepare_threshold=None)


def masked(url: str) -> str:
    """Return the address of a database without its password, for people and logs."""
    scheme, _, rest = url.partition("://")
    authority = re.match(r"(?:.*@)?[^/?]*", rest)
    assert authority is not None
    login, at, host = authority[0].rpartition("@")
    tail, mark, query = rest[authority.end() :].partition("?")
    kept = "&".join(each for each in query.split("&") if not each.startswith(("password=", "sslpassword=")))
    return f"{scheme}://{login.partition(':')[0]}{at}{host}{tail}{mark if kept else ''}{kept}"


def _types(values: Sequence[Any]) -> list[int]:
    return [BIGINT if isinstance(value, int) else GUESSED for value in values]


def _fill(reply: Reply, text: Text, result: "pq.abc.PGresult") -> None:
    count = result.ntuples
    if count:
        readers = text.readers
        if readers is None:
            readers = text.readers = tuple(
                int if result.ftype(column) in INTEGERS else _text for column in range(result.nfields)
            )
        get, columns = result.get_value, tuple(enumerate(readers))
        reply.rows = [
            tuple([None if (raw := get(row, column)) is None else read(raw) for column, read in columns])
            for row in range(count)
        ]
    reply.touched = result.command_tuples or 0
    reply.command = result.command_status or b""
