"""What is gathered is sent once, in many rows of a statement, and in the order of the tables."""

from collections.abc import Sequence
from typing import Any

from bench.many_rows import BLOCKS, ManyRows
from isthmus.store.postgres_engine import BLOCK


class Engine:
    """Notes what it is sent, and gives out numbers as the database does."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Sequence[Any]]] = []
        self.drawn = 0

    def query(self, _sql: str, params: Sequence[Any]) -> list[tuple[int]]:
        self.drawn += 1
        return [(BLOCK * (BLOCKS * (self.drawn - 1) + at),) for at in range(params[0])]

    def later(self, sql: str, params: Sequence[Any]) -> None:
        self.sent.append((sql, params))


def test_rows_of_one_table_travel_in_one_statement() -> None:
    engine = Engine()
    many = ManyRows(engine)
    assert [many.insert("INSERT INTO a (x, version) VALUES (?, 1)", [name]) for name in "pq"] == [0, 1]
    many.later("INSERT INTO b (y) VALUES (?)", ["r"])
    assert engine.sent == []
    many.flush()
    many.flush()
    assert engine.sent == [
        ("INSERT INTO a (seq, x, version) VALUES (?, ?, 1), (?, ?, 1)", [0, "p", 1, "q"]),
        ("INSERT INTO b (y) VALUES (?)", ["r"]),
    ]


def test_numbers_are_drawn_in_many_blocks_and_given_once() -> None:
    engine = Engine()
    many = ManyRows(engine)
    given = [many.insert("INSERT INTO a (x) VALUES (?)", ["p"]) for _ in range(BLOCK * BLOCKS + 1)]
    assert given == list(range(BLOCK * BLOCKS + 1))
    assert engine.drawn == 2
