"""Filling a store in bulk, and timing the store's own statements: a program, so its memory is its own.

    python -m bench.bulk fill --data DATA --connections N --active M > seeded.json
    python -m bench.bulk time --data DATA DATA ... --seeded seeded.json seeded.json ...

DATA is a file or `postgresql://...`. `fill` makes one account in it, N connections in one Region, M of them active and the
others pending, and spare VPCs; it prints what is needed to ask for them, as JSON. Every connection goes through the domain's
rules and the store's `put`; a database gets many in a statement (`bench/many_rows.py`). The quotas of peering hold (S243);
that of VPCs per Region does not, and no figure hangs on it.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.many_rows import in_many_rows
from bench.seed import OUTSTANDING
from isthmus import bootstrap
from isthmus.actions.administration import create_account
from isthmus.config import Settings
from isthmus.domain import ids, peering
from isthmus.domain.cidr import Prefix
from isthmus.domain.peering import Delays, End, Peering
from isthmus.domain.vpc import Vpc, VpcCidrBlock
from isthmus.store.api import Kind
from isthmus.store.sqlite import SqliteStore
from isthmus.store.unit import Unit

if TYPE_CHECKING:
    from isthmus.store.postgres import PostgresStore

REGION = "us-east-1"
BATCH = 5_000
SAMPLE = 1_000
SPARE_REQUESTERS = 1_600
# Requesters may overlap one another; what must not overlap is a requester and an accepter.
REQUESTER_BLOCK = "10.0.0.0/24"
TIMED_RUNS = 5
READS, LISTS, CREATES = 3_000, 300, 500
PAGE = 200

Draw = Callable[[str], str]


def drawer(seed: int) -> Draw:
    """Ids spread as a server's are, the same for the same seed."""
    source = random.Random(seed)
    return lambda kind: ids.new_id(kind, f"{source.getrandbits(68):017x}")


def even(items: Sequence[str], count: int) -> list[str]:
    """So many of the items, drawn evenly from the first to the last."""
    return list(items[:: max(1, len(items) // count)][:count])


def make_vpc(unit: Unit, draw: Draw, account: str, block: str) -> End:
    """A VPC with its primary block, as one end of connections."""
    prefix = Prefix.parse(block)
    flags = (False, True, False, False)
    vpc = unit.vpcs.put(Vpc(draw("vpc"), account, REGION, "dopt-0123456789abcdef0", "default", *flags, unit.now))
    association = draw("vpc-cidr-block-association")
    unit.vpc_cidr_blocks.put(VpcCidrBlock(association, account, REGION, vpc.id, prefix, True, "", ""))
    return End(account, REGION, vpc.id, (prefix,))


def make_vpcs(unit: Unit, draw: Draw, account: str, blocks: Sequence[str]) -> list[End]:
    """A transaction's worth of VPCs."""
    return [make_vpc(unit, draw, account, block) for block in blocks]


def make_ends(store: "SqliteStore | PostgresStore", draw: Draw, account: str, blocks: Sequence[str]) -> list[End]:
    """VPCs with these blocks."""
    made: list[End] = []
    for at in range(0, len(blocks), BATCH):
        some = blocks[at : at + BATCH]
        work = in_many_rows(
            partial(make_vpcs, draw=draw, account=account, blocks=some), far=not isinstance(store, SqliteStore)
        )
        made += store.run_now(Kind.WRITE, work)
    return made


def asked(unit: Unit, draw: Draw, requester: End, accepter: End) -> Peering:
    """A pending connection, by the rules."""
    new = peering.request(draw(peering.KIND), requester, accepter, accepter_exists=True, now=unit.now, delays=Delays())
    return peering.settle(new, unit.now)


def connect(unit: Unit, draw: Draw, pairs: Sequence[tuple[End, End]], active: frozenset[tuple[str, str]]) -> list[str]:
    """A connection for each pair, accepted where `active` says so; their ids."""
    made = []
    for requester, accepter in pairs:
        row = asked(unit, draw, requester, accepter)
        if (requester.vpc_id, accepter.vpc_id) in active:
            row = peering.settle(peering.accept(row, unit.now, Delays()), unit.now)
        made.append(unit.peerings.put(row).id)
    return made


def in_batches(pairs: Iterator[tuple[End, End]]) -> Iterator[list[tuple[End, End]]]:
    """A transaction's worth at a time."""
    while some := list(islice(pairs, BATCH)):
        yield some


def fill(data: str, connections: int, active: int) -> dict[str, Any]:
    """Fill a new file or database; what is needed to ask for its contents."""
    draw = drawer(connections)
    store = bootstrap.store(Settings(data=data))
    try:
        owner = store.run_now(Kind.WRITE, lambda unit: create_account(unit, "bench"))
        requester_blocks = [REQUESTER_BLOCK] * (-(-connections // OUTSTANDING) + SPARE_REQUESTERS)
        accepter_blocks = [f"192.168.{number}.0/24" for number in range(2 * OUTSTANDING)]
        requesters = make_ends(store, draw, owner.account.id, requester_blocks)
        accepters = make_ends(store, draw, owner.account.id, accepter_blocks)
        used, spare = requesters[:-SPARE_REQUESTERS], requesters[-SPARE_REQUESTERS:]
        # One accepter after the other, so that a requester's connections lie far apart, as they come to lie in use.
        pairs = [(one, other) for other in accepters[:OUTSTANDING] for one in used][:connections]
        step = max(1, len(pairs) // max(1, active))
        chosen = frozenset((one.vpc_id, other.vpc_id) for one, other in pairs[::step][:active])
        made: list[str] = []
        for some in in_batches(iter(pairs)):
            work = in_many_rows(
                partial(connect, draw=draw, pairs=some, active=chosen), far=not isinstance(store, SqliteStore)
            )
            made += store.run_now(Kind.WRITE, work)
    finally:
        store.close()
    return {
        "account_id": owner.account.id,
        "access_key_id": owner.key.id,
        "secret_access_key": owner.key.secret,
        "region": REGION,
        "connection_ids": even(made, SAMPLE),
        "requester_vpc_ids": even([end.vpc_id for end in used], SAMPLE),
        "spare_requester_vpc_ids": [end.vpc_id for end in spare],
        "spare_accepter_vpc_ids": [end.vpc_id for end in accepters[OUTSTANDING:]],
    }


# --- statements -------------------------------------------------------------------------------------------------------


def microseconds_each(work: Callable[[], object], times: int) -> float:
    """CPU time of one call, from many."""
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) * 1e6 / times


def create(unit: Unit, draw: Draw, pair: tuple[End, End]) -> None:
    """What CreateVpcPeeringConnection asks of the store, and what it puts."""
    requester, accepter = pair
    unit.vpcs.ends(requester.vpc_id, accepter.vpc_id)
    unit.peerings.asked_by(requester.vpc_id, accepter.identity)
    unit.peerings.put(asked(unit, draw, requester, accepter))


@dataclass(slots=True)
class Timing:
    """One store whose statements are timed: what to ask for in turn, and pairs that are not connected yet."""

    store: "SqliteStore | PostgresStore"
    account: str
    draw: Draw
    connections: Iterator[str]
    requesters: Iterator[str]
    pairs: Iterator[tuple[End, End]]

    @classmethod
    def of(cls, data: str, seeded: Mapping[str, Any]) -> "Timing":
        """Open what was filled, and add VPCs to connect."""
        store, draw, account = bootstrap.store(Settings(data=data)), drawer(0), seeded["account_id"]
        count = -(-CREATES * (TIMED_RUNS + 1) // OUTSTANDING)
        ours = make_ends(store, draw, account, [REQUESTER_BLOCK] * count)
        theirs = make_ends(store, draw, account, [f"192.168.{number}.0/24" for number in range(OUTSTANDING)])
        pairs = iter([(one, other) for one in ours for other in theirs])
        return cls(store, account, draw, cycle(seeded["connection_ids"]), cycle(seeded["requester_vpc_ids"]), pairs)

    def run(self) -> dict[str, float]:
        """Microseconds of each kind of work."""
        return {
            "describe_by_id": self.store.run_now(Kind.READ, self._describe_by_id),
            "create": self.store.run_now(Kind.WRITE, self._create),
            "selective": self.store.run_now(Kind.READ, self._selective),
        }

    def _describe_by_id(self, unit: Unit) -> float:
        return microseconds_each(lambda: unit.peerings.visible(self.account, REGION, next(self.connections)), READS)

    def _selective(self, unit: Unit) -> float:
        def page() -> object:
            return unit.peerings.page(self.account, REGION, 0, PAGE, ("requester_vpc_id", next(self.requesters)))

        return microseconds_each(page, LISTS)

    def _create(self, unit: Unit) -> float:
        return microseconds_each(lambda: create(unit, self.draw, next(self.pairs)), CREATES)


def time_statements(filled: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, list[float]]]:
    """For each store, microseconds of CPU time of its statements by kind of work, one number a run, alternating.

    It is this process's CPU time: what a database server spends is not in it.
    """
    timings = [Timing.of(data, seeded) for data, seeded in filled]
    try:
        runs = [[timing.run() for timing in timings] for _ in range(TIMED_RUNS + 1)][1:]  # the first warms the caches
    finally:
        for timing in timings:
            timing.store.close()
    return [{kind: [run[at][kind] for run in runs] for kind in runs[0][at]} for at in range(len(filled))]


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="bench.bulk")
    parser.add_argument("work", choices=("fill", "time"))
    parser.add_argument("--data", required=True, nargs="+")
    parser.add_argument("--seeded", type=Path, default=[], nargs="+", help="what `fill` said of each, for `time`")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--active", type=int, default=50)
    options = parser.parse_args()
    answer: Any
    if options.work == "fill":
        answer = fill(options.data[0], options.connections, options.active)
    else:
        told = [json.loads(path.read_text()) for path in options.seeded]
        answer = time_statements(list(zip(options.data, told, strict=True)))
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
