"""Many rows in one statement: what a unit of work would send INSERT by INSERT, gathered for a database that is a round trip
away.

Handlers and rows see the verbs of the engine, so every row still comes from the domain's rules and the store's `put`; only
how it travels differs. For units that write nothing but new rows, and read none of them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from isthmus.store.postgres_engine import BLOCK
from isthmus.store.table import numbered
from isthmus.store.unit import Unit

T = TypeVar("T")
MOST_PARAMETERS = 20_000
BLOCKS = 100
"""Blocks of numbers for rows that are drawn at once."""


def repeated(sql: str, times: int) -> str:
    """An INSERT of one row, for so many rows."""
    head, _, row = sql.partition("VALUES ")
    return f"{head}VALUES {', '.join([row] * times)}"


class ManyRows:
    """The engine of a unit, with its INSERTs kept back until `flush`."""

    def __init__(self, engine: Any) -> None:
        """Stand before an engine."""
        self._engine = engine
        self._numbers: Iterator[int] = iter(())
        self._kept: dict[str, list[Sequence[Any]]] = {}  # in the order in which the tables were first written to

    def __getattr__(self, verb: str) -> Any:
        """Every other verb is the engine's own."""
        return getattr(self._engine, verb)

    def insert(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Keep a row with `seq` back; its seq."""
        seq = self._number()
        self._kept.setdefault(numbered(sql), []).append((seq, *params))
        return seq

    def insert_soon(self, _table: str, sql: str, params: Sequence[Any]) -> int:
        """Do the same."""
        return self.insert(sql, params)

    def append(self, sql: str, params: Sequence[Any]) -> None:
        """Keep another row back."""
        self.later(sql, params)

    def later(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Do the same, for whoever may be writing something else."""
        assert sql.startswith("INSERT"), sql
        assert "CONFLICT" not in sql, sql
        self._kept.setdefault(sql, []).append(params)

    def flush(self) -> None:
        """Send what was kept."""
        for sql, rows in self._kept.items():
            size = max(1, MOST_PARAMETERS // max(1, len(rows[0])))
            for at in range(0, len(rows), size):
                some = rows[at : at + size]
                self._engine.later(repeated(sql, len(some)), [value for row in some for value in row])
        self._kept.clear()

    def _number(self) -> int:
        found = next(self._numbers, None)
        if found is not None:
            return found
        firsts = self._engine.query("SELECT nextval('row_seq') FROM generate_series(1, ?)", (BLOCKS,))
        self._numbers = iter([first + at for (first,) in firsts for at in range(BLOCK)])
        return next(self._numbers)


@contextmanager
def gathered(unit: Unit) -> Iterator[None]:
    """Let a unit of work keep its rows back until the end of this block."""
    engine = unit.engine
    many = ManyRows(engine)
    unit.engine = many  # type: ignore[assignment]  # every verb is there
    try:
        yield
        many.flush()
    finally:
        unit.engine = engine


def in_many_rows(work: Callable[[Unit], T], *, far: bool) -> Callable[[Unit], T]:
    """The same work, with its rows gathered where the database is `far`."""

    def done(unit: Unit) -> T:
        with gathered(unit):
            return work(unit)

    return done if far else work
