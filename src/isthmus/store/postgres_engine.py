"""The verbs of a unit of work on PostgreSQL: what may wait is sent later, what is known early is asked ahead."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from isthmus.domain import errors
from isthmus.domain.errors import Conflict
from isthmus.store.api import Lost, Params
from isthmus.store.pipeline import Link, LostError, Reply, Row, array
from isthmus.store.table import numbered

log = logging.getLogger("isthmus.store")

BLOCK: Final = 64
"""Numbers that a unit draws at once for its new rows: the increment of the sequence `row_seq`."""
LOST_RACES: Final = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "23505",  # another row has this key
        "23503",  # the row that is referred to is not there, or the one to be deleted is referred to
        "22012",  # `expect_one` hit nothing
    }
)
CUT: Final = ("08", "57P")
"""The connection was cut, or the database shut down; said of a COMMIT, by a proxy too, it leaves open what became of it."""
GONE: Final = (*CUT, "26000", "42P05", "25006", "25P02")
"""The connection is of no use: cut, behind a proxy that forgot our statements or mixed them up, or led to a standby."""
TROUBLE: Final = ("53", "58", "57014", "55P03")
"""Disk full, out of memory, too many connections, input or output failed; a time limit of the operator's ran out."""


class BehindError(Conflict):
    """The unit began with what is not so; it runs again, and knows better then."""


class PostgresEngine:
    """The verbs of one unit of work at a time. `opened` is called once the state row is there, before any other result."""

    several = "= ANY (?)"
    for_update = " FOR NO KEY UPDATE"

    def __init__(self) -> None:
        """Begin without a connection; `begin` brings one."""
        self.link: Link | None = None
        self._ahead: dict[tuple[str, tuple[Any, ...]], Reply] = {}
        self._state: Reply | None = None
        self._opened: Callable[[Row], None] = lambda _: None
        self._next = self._last = 0
        self._asked = ""
        self._longer: set[str] = set()  # first questions that others have followed
        self._begin = ""
        self._transaction = False

    # --- a transaction ------------------------------------------------------------------------------------------------

    def begin(self, link: Link, begin: str, state: str, opened: Callable[[Row], None], *, eager: bool) -> None:
        """Start a unit of work; nothing is sent before something is waited for.

        One that is not `eager` has no transaction if all it asks is sent at once, as most that only read do: BEGIN and its
        end would cost as much as the question.
        """
        self.link, self._opened, self._asked = link, opened, ""
        self._ahead.clear()
        self._next = self._last = 0
        link.forget()
        self._begin, self._transaction = begin, eager
        if eager:
            link.send(begin)
        self._state = link.send(state)

    def look(self) -> None:
        """Wait for the state row, unless it is there."""
        if self._state is not None:
            self._collect(self._state)

    def commit(self) -> None:
        """Make it durable. Raises `Unavailable` where nobody can know whether it is."""
        assert self.link is not None
        reply = self.link.send("COMMIT")
        try:
            self.link.collect(reply)
        except (LostError, psycopg.Error) as error:
            if not isinstance(error, LostError) and not (error.sqlstate or "").startswith(CUT):
                raise _refusal(error) from error
            log.error("a commit was cut off, nobody knows its outcome: %s", error)  # noqa: TRY400 - not a bug of ours
            raise errors.unavailable() from error
        if reply.command != b"COMMIT":
            raise AssertionError(f"COMMIT answered {reply.command!r}")

    def end(self) -> None:
        """Take back what was done, without waiting for it. Raises `Lost`."""
        assert self.link is not None
        self.link.forget()
        if not self._transaction:
            return
        self.link.send("ROLLBACK")
        try:
            self.link.flush()
        except LostError as error:
            raise Lost(str(error)) from error

    def give_numbers(self, first: int) -> None:
        """Take a block of numbers for new rows."""
        self._next, self._last = first, first + BLOCK

    # --- verbs --------------------------------------------------------------------------------------------------------

    def query(self, sql: str, params: Params = ()) -> list[Any]:
        """Return all rows of a statement. Raises `Conflict` for a lost race, and `Unavailable` where the disk fails."""
        reply = self._ahead.pop(_question(sql, params), None) if self._ahead else None
        reply = reply or self._send(sql, params)
        if not self._transaction and not reply.done:
            self._want_transaction(sql)
        return self._collect(reply).rows

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement that writes; return how many rows it touched. Raises as `query` does."""
        self._ahead.clear()
        return self._collect(self._send(sql, params)).touched

    def later(self, sql: str, params: Params = ()) -> None:
        """Run a statement whose outcome nobody waits for: it is sent with the next one that is, at the latest COMMIT."""
        self._ahead.clear()
        self._send(sql, params)

    def expect_one(self, sql: str, params: Params = ()) -> None:
        """Do the same; if it does not touch a row, the transaction fails with `Conflict`."""
        self.later(f"WITH one AS ({sql} RETURNING 1) SELECT 1 / count(*) FROM one", params)

    def insert(self, sql: str, params: Params = ()) -> int:
        """Insert a row into a table with `seq`, later; return its seq."""
        seq = self._number()
        self.later(numbered(sql), (seq, *params))
        return seq

    def insert_soon(self, _table: str, sql: str, params: Sequence[Any]) -> int:
        """Insert a row; each is sent later as it is."""
        return self.insert(sql, params)

    def append(self, sql: str, params: Sequence[Any]) -> None:
        """Insert a row later."""
        self.later(sql, params)

    def ahead(self, sql: str, params: Params = ()) -> None:
        """Ask what `query` is going to ask in the same words, so that the answer comes with what is waited for before."""
        self._ahead[_question(sql, params)] = self._send(sql, params)

    def hold(self, table: str, ids: Sequence[str]) -> bool:
        """Lock rows in the order of their ids, until the end. Nobody else changes or deletes them meanwhile."""
        self.later(f"SELECT 1 FROM {table} WHERE id {self.several} ORDER BY id FOR NO KEY UPDATE", (array(ids),))
        return True

    def alone(self, *names: str) -> None:
        """Let no other unit that says one of these names run beside this one, from here to its end."""
        for name in sorted(set(names)):
            self.later("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (f"isthmus/{name}",))

    def reached(self, table: str, seq: int) -> None:
        """Give new rows numbers beyond `seq`: those of a table that the database numbers itself, or of all others."""
        own = self.query("SELECT pg_get_serial_sequence(?, 'seq')", (table,))[0][0]
        sequence = own or "row_seq"
        held = self.query(f"SELECT last_value FROM {sequence}")[0][0]
        self.query("SELECT setval(CAST(? AS regclass), ?)", (sequence, max(held, seq)))

    def pack(self, values: Sequence[Any]) -> str:
        """Return a list as one array parameter."""
        return array(values)

    def _want_transaction(self, sql: str) -> None:
        """Begin a transaction, so that several questions are answered from one snapshot, where they are to be expected.

        What follows a first question is learnt: where another one does so for the first time, the unit runs again.
        """
        assert self.link is not None
        if self._state is None:
            self._longer.add(self._asked)
            raise BehindError("more is asked than was expected")
        self._asked = sql
        if sql in self._longer:
            self._transaction = True
            self.link.send_first(self._begin)

    # --- below --------------------------------------------------------------------------------------------------------

    def _number(self) -> int:
        self.look()
        if self._next == self._last:
            self.give_numbers(self.query("SELECT nextval('row_seq')")[0][0])
        self._next += 1
        return self._next - 1

    def _send(self, sql: str, params: Params) -> Reply:
        assert self.link is not None
        return self.link.send(sql, params)

    def _collect(self, reply: Reply) -> Reply:
        assert self.link is not None
        try:
            self.link.collect(reply)
        except LostError as error:
            raise Lost(str(error)) from error
        except psycopg.Error as error:
            raise _refusal(error) from error
        finally:
            state = self._state
            if state is not None and state.done and state.rows:
                self._state = None
                self._opened(state.rows[0])
        return reply


def _question(sql: str, params: Params) -> tuple[str, tuple[Any, ...]]:
    return sql, tuple(params.items() if isinstance(params, dict) else params)


def _refusal(error: psycopg.Error) -> Exception:
    """Say what a failed statement means to the unit; one that only a bug can cause stays what it is."""
    state = error.sqlstate or ""
    if state in LOST_RACES:
        return Conflict(str(error))
    if state.startswith(GONE):
        return Lost(str(error))
    if state.startswith(TROUBLE):
        log.error("the database cannot be used: %s", error)
        return errors.unavailable()
    return error
