"""Small builders of rows, and a store on a running event loop, for the tests of the store."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from isthmus.domain.cidr import Prefix
from isthmus.domain.peering import Delays, End, Peering, State, enter, request
from isthmus.domain.vpc import Vpc, VpcCidrBlock
from isthmus.store.api import Kind
from isthmus.store.clock import Clock, ManualClock, counted_seeds
from isthmus.store.postgres import PostgresStore
from isthmus.store.sqlite import SqliteSettings, SqliteStore
from isthmus.store.unit import Unit

NOW = 1_767_323_045_000
REGION = "us-east-1"
ONE, OTHER = "111111111111", "222222222222"

Work = Callable[[Unit], Any]
AnyStore = SqliteStore | PostgresStore


def vpc(number: int = 1, account: str = ONE, region: str = REGION) -> Vpc:
    return Vpc(f"vpc-{number:017x}", account, region, "dopt-1", "default", False, True, False, False, NOW)


def block(number: int = 1, text: str = "10.0.0.0/16", of: int = 1, *, is_primary: bool = True) -> VpcCidrBlock:
    prefix = Prefix.parse(text)
    return VpcCidrBlock(f"vpc-cidr-assoc-{number:017x}", ONE, REGION, f"vpc-{of:017x}", prefix, is_primary, "", "")


def end(number: int, account: str = ONE, region: str = REGION) -> End:
    return End(account, region, f"vpc-{number:017x}", (Prefix.parse(f"10.{number}.0.0/16"),))


def asked(
    number: int = 1,
    requester: End | None = None,
    accepter: End | None = None,
    *,
    now: int = NOW,
    delays: Delays | None = None,
    exists: bool = True,
) -> Peering:
    """A connection in `initiating-request`."""
    one, other = requester or end(1), accepter or end(2, OTHER)
    return request(f"pcx-{number:017x}", one, other, accepter_exists=exists, now=now, delays=delays or Delays(60_000))


def peering(
    number: int = 1, state: State = State.PENDING_ACCEPTANCE, requester: End | None = None, accepter: End | None = None
) -> Peering:
    """A connection in a state, as if it had just got there."""
    blank = asked(number, requester, accepter)
    by = blank.requester.account if state in (State.DELETING, State.DELETED) else ""
    return enter(replace(blank, ended_by=by), state, NOW, Delays(60_000, 60_000, 60_000))


def put_vpc(number: int) -> Work:
    """A unit of work that makes a VPC."""
    return lambda unit: unit.vpcs.put(vpc(number))


def vpc_ids(unit: Unit) -> list[str]:
    return [row.id for row in unit.vpcs.where()]


class TracedStore(SqliteStore):
    """A store whose COMMIT can be made to wait or fail, and that notes who uses the writing connection meanwhile."""

    def __init__(self, path: Path | None, **more: Any) -> None:
        self.committing = False
        self.commits = 0
        self.touched_while_committing: list[str] = []
        self.before_commit: Callable[[], None] = lambda: None
        super().__init__(path, **more)
        self._writer.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        if self.committing and not statement.startswith("COMMIT"):
            self.touched_while_committing.append(statement)

    def make_durable(self, connection: sqlite3.Connection) -> None:
        self.commits += 1
        self.committing = True
        try:
            self.before_commit()
            super().make_durable(connection)
        finally:
            self.committing = False


def opened(path: Path | None, clock: Clock | None = None, **settings: Any) -> TracedStore:
    return TracedStore(path, clock=clock or ManualClock(NOW), seeds=counted_seeds(), settings=SqliteSettings(**settings))


@asynccontextmanager
async def served(path: Path | None, clock: Clock | None = None, **settings: Any) -> AsyncIterator[TracedStore]:
    """A store that serves the running event loop."""
    store = opened(path, clock, **settings)
    await store.start()
    try:
        yield store
        await store.stop()
    finally:
        store.close()


async def write_all(store: SqliteStore, *works: Work) -> list[Any]:
    """Start all units in one turn of the loop and return their answers, or what they raised."""
    return await asyncio.gather(*(store.run(Kind.WRITE, work) for work in works), return_exceptions=True)


def read(store: AnyStore, work: Work) -> Any:
    return store.run_now(Kind.READ, work)


def write(store: AnyStore, work: Work) -> Any:
    return store.run_now(Kind.WRITE, work)


def wipe(file: Path, name: str, filler: bytes = b"\0") -> None:
    """Overwrite the first page of a table or an index of a SQLite file that nobody has open."""
    with closing(sqlite3.connect(file)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,))
        ((size,),) = connection.execute("PRAGMA page_size")
    with file.open("r+b") as raw:
        raw.seek((root - 1) * size)
        raw.write(filler * size)
