"""Filling a file in bulk through the store, and timing the store's own statements: a program, so its memory is its own.

    python -m bench.bulk fill --data FILE --connections N --active M
    python -m bench.bulk time --data FILE

`fill` makes a new file with one account, N connections in one Region, M of them active and the others pending, and
spare VPCs; it prints what is needed to ask for them, as JSON. Every connection goes through the domain's rules and the
store's `put`. The quotas of peering hold (S243); that of VPCs per Region does not, and no figure hangs on it.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

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

REGION = "us-east-1"
BATCH = 5_000
SAMPLE = 1_000
SPARE_REQUESTERS = 400
# Requesters may overlap one another; what must not overlap is a requester and an accepter.
REQUESTER_BLOCK = "10.0.0.0/24"
TIMED_RUNS, TIMED_EACH = 5, 500

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


def make_ends(store: SqliteStore, draw: Draw, account: str, blocks: Sequence[str]) -> list[End]:
    """VPCs with these blocks."""
    made: list[End] = []
    for at in range(0, len(blocks), BATCH):
        some = blocks[at : at + BATCH]
        made += store.run_now(Kind.WRITE, partial(make_vpcs, draw=draw, account=account, blocks=some))
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


def fill(path: Path, connections: int, active: int) -> dict[str, Any]:
    """Make the file; what is needed to ask for its contents."""
    draw = drawer(connections)
    store = bootstrap.store(Settings(data=str(path)))
    try:
        owner = store.run_now(Kind.WRITE, lambda unit: create_account(unit, "bench"))
        requester_blocks = [REQUESTER_BLOCK] * (-(-connections // OUTSTANDING) + SPARE_REQUESTERS)
        accepter_blocks = [f"192.168.{number}.0/24" for number in range(2 * OUTSTANDING)]
        requesters = make_ends(store, draw, owner.account.id, requester_blocks)
        accepters = make_ends(store, draw, owner.account.id, accepter_blocks)
        used, spare = requesters[:-SPARE_REQUESTERS], requesters[-SPARE_REQUESTERS:]
        # One accepter after the other, so that a requester's connections lie far apart, as they come to lie in use.
        pairs = [(one, other) for other in accepters[:OUTSTANDING] for one in used][:connections]
        step = max(1, len(pairs) // active) if active else len(pairs)
        chosen = frozenset((one.vpc_id, other.vpc_id) for one, other in pairs[::step][:active])
        made: list[str] = []
        for some in in_batches(iter(pairs)):
            made += store.run_now(Kind.WRITE, partial(connect, draw=draw, pairs=some, active=chosen))
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


def microseconds_each(work: Callable[[], object]) -> float:
    """CPU time of one call, from many."""
    began = time.thread_time()
    for _ in range(TIMED_EACH):
        work()
    return (time.thread_time() - began) * 1e6 / TIMED_EACH


def creating(unit: Unit, draw: Draw, ends: Iterator[tuple[End, End]]) -> Callable[[], object]:
    """What CreateVpcPeeringConnection asks of the store, and what it puts."""

    def create() -> object:
        requester, accepter = next(ends)
        unit.vpcs.visible(*requester.place, requester.vpc_id)
        unit.vpc_cidr_blocks.where(vpc_id=requester.vpc_id)
        unit.vpcs.visible(*accepter.place, accepter.vpc_id)
        unit.vpc_cidr_blocks.where(vpc_id=accepter.vpc_id)
        unit.peerings.live_between(requester.vpc_id, accepter.identity)
        unit.peerings.outstanding_of(requester.vpc_id)
        return unit.peerings.put(asked(unit, draw, requester, accepter))

    return create


def time_statements(path: Path, seeded: dict[str, Any]) -> dict[str, list[float]]:
    """Microseconds of CPU time of the store's statements for each kind of work, one number a run."""
    account, draw = seeded["account_id"], drawer(0)
    store = bootstrap.store(Settings(data=str(path)))
    found: dict[str, list[float]] = {"describe_by_id": [], "create": [], "selective": []}
    connection_ids, vpc_ids = cycle(seeded["connection_ids"]), cycle(seeded["requester_vpc_ids"])
    try:
        ours = make_ends(store, draw, account, [REQUESTER_BLOCK] * (TIMED_EACH // OUTSTANDING * (TIMED_RUNS + 1)))
        theirs = make_ends(store, draw, account, [f"192.168.{number}.0/24" for number in range(OUTSTANDING)])
        ends = ((one, other) for one in ours for other in theirs)

        def read(unit: Unit) -> tuple[float, float]:
            return (
                microseconds_each(lambda: unit.peerings.visible(account, REGION, next(connection_ids))),
                microseconds_each(lambda: unit.peerings.page(account, REGION, 0, 200, ("requester_vpc_id", next(vpc_ids)))),
            )

        for number in range(TIMED_RUNS + 1):
            by_id, selective = store.run_now(Kind.READ, read)
            create = store.run_now(Kind.WRITE, lambda unit: microseconds_each(creating(unit, draw, ends)))
            if number:  # the first run warms the caches
                for name, value in (("describe_by_id", by_id), ("create", create), ("selective", selective)):
                    found[name].append(value)
    finally:
        store.close()
    return found


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="bench.bulk")
    parser.add_argument("work", choices=("fill", "time"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--active", type=int, default=50)
    options = parser.parse_args()
    beside = options.data.with_suffix(".seeded.json")
    if options.work == "fill":
        answer: Any = fill(options.data, options.connections, options.active)
        beside.write_text(json.dumps(answer))
    else:
        answer = time_statements(options.data, json.loads(beside.read_text()))
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
