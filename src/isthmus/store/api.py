"""What a store promises, in types: the units of work that handlers see, and the engine that runs them.

An engine gives a unit a few verbs; everything above them is common to all engines. Some of them (`later`, `ahead`, ...) only
matter where the database is a round trip away, or where other servers write too; an embedded engine does the obvious.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from isthmus.domain.errors import Conflict

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any]

Told = Callable[[Any, BaseException | None], None]
"""Told on the loop what a unit has come to: its result, or the error that it ended with."""

CELLS: Final = 3
"""What is counted of each connection to a database: units, commits, units that had to run again."""


class Kind(Enum):
    """What a unit of work may do: a READ that writes is a bug and raises."""

    READ = "read"
    WRITE = "write"


class Undo(Exception):
    """Raised by a unit of work to take its writes back and still answer `result`."""

    def __init__(self, result: object) -> None:
        """Carry the answer."""
        super().__init__("the unit takes its writes back")
        self.result = result


class TooMuchForTheLoop(Exception):
    """A READ has looked at more rows than the event loop may wait for; the store runs it again on a thread of its own."""


class StoreInUseError(Exception):
    """Another process already writes this file; the text says which."""


class SchemaError(Exception):
    """The data cannot be opened: made by a newer Isthmus, none of ours, damaged, no room; the text says what to do."""


class TransferError(Exception):
    """A state cannot be moved or looked at; the text says why and what to do."""


class Lost(Conflict):
    """The connection to the database broke before anything was committed; the unit may run again on another."""


class Engine(Protocol):
    """The verbs of a database connection. Parameters are `?` in order, or `:name`."""

    def query(self, sql: str, params: Params = ()) -> list[Any]:
        """Return all rows of a statement."""

    def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement that writes; return how many rows it touched."""

    def insert(self, sql: str, params: Params = ()) -> int:
        """Run an INSERT into a table with `seq`; return the new row's seq."""

    def insert_soon(self, table: str, sql: str, params: Sequence[Any]) -> int:
        """Do the same for a row that nothing in the table is opposed to: before the next query, or with the commit."""

    def append(self, sql: str, params: Sequence[Any]) -> None:
        """Run such an INSERT for a row whose seq nobody asks for, or that has none."""

    def later(self, sql: str, params: Params = ()) -> None:
        """Run a statement that writes and whose outcome nobody waits for: before the next query, or with the commit."""

    def expect_one(self, sql: str, params: Params = ()) -> None:
        """Run an UPDATE or DELETE of one row; raise `Conflict`, at the latest at the commit, if there is no such row."""

    def ahead(self, sql: str, params: Params = ()) -> None:
        """Announce a query, in the words in which `query` is going to ask it, so that it need not be waited for alone."""

    def hold(self, table: str, ids: Sequence[str]) -> bool:
        """Lock rows in the order of their ids until the unit ends; tell whether others may have written while it waited."""

    def alone(self, *names: str) -> None:
        """Let no unit that says one of these names too run beside this one, from here to its end."""


class Store(Protocol):
    """Runs units of work: `run` for the server's event loop, `run_now` for everybody else."""

    async def run(self, kind: Kind, work: "Callable[[Unit], T]") -> T:
        """Run `work` in one unit; a WRITE's result is returned once it is durable."""

    def run_now(self, kind: Kind, work: "Callable[[Unit], T]") -> T:
        """Do the same on the calling thread, without an event loop."""

    def close(self) -> None:
        """Finish what was accepted and let the file go."""
