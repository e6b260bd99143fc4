"""What must always hold in a store's file, whatever happened to its server. Reusable on any file that nobody writes."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus.domain import cidr
from isthmus.domain.peering import ESTABLISHED, LIVE, Peering, views
from isthmus.store.tables import OWNED, PEERINGS, VPC_CIDR_BLOCKS
from tests.crash.load import ABSENT, PRESENT, Claim

Connection = sqlite3.Connection


def looked_at(file: Path) -> Connection:
    """Open a file to look at it. What a killed server left in the write-ahead log is read with it."""
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)


def violations(file: Path, now: int) -> list[str]:
    """Return a sentence for everything that is half done or contradicts itself in a file, at the service time `now`."""
    connection = looked_at(file)
    try:
        connection.execute("BEGIN")
        return [problem for check in CHECKS for problem in check(connection, now)]
    finally:
        connection.close()


# --- the file ---------------------------------------------------------------------------------------------------------


def _is_sound(connection: Connection, _: int) -> Iterator[str]:
    for (word,) in connection.execute("PRAGMA integrity_check"):
        if word != "ok":
            yield f"the file is damaged: {word}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row without its parent: {row}"


# --- connections ------------------------------------------------------------------------------------------------------


def _peerings(connection: Connection) -> list[Peering]:
    return [PEERINGS.decode(row) for row in connection.execute(f"SELECT {PEERINGS.picked} FROM peering")]


def _is_seen_as_it_should(connection: Connection, now: int) -> Iterator[str]:
    seen: dict[int, set[tuple[str, str, str, int | None]]] = defaultdict(set)
    for seq, *view in connection.execute("SELECT peering_seq, account, region, state, hide_at FROM peering_view"):
        seen[seq].add(tuple(view))
    for each in _peerings(connection):
        found = seen.pop(each.seq, set())
        wanted = {(view.account, view.region, each.state.value, view.hide_at) for view in views(each)}
        hidden = {view for view in wanted - found if view[3] is not None and view[3] <= now}
        if found != wanted - hidden:
            yield f"{each.id} in {each.state} is seen as {sorted(found)}, not as {sorted(wanted)}"
    for seq in seen:
        yield f"connection number {seq} is seen and does not exist"


def _is_the_only_one(connection: Connection, _: int) -> Iterator[str]:
    """S242, without trusting the index."""
    alive = [each for each in _peerings(connection) if each.state in LIVE]
    pairs = Counter((each.requester.vpc_id, each.accepter.identity) for each in alive)
    joined = Counter(frozenset((each.requester.vpc_id, each.accepter.vpc_id)) for each in alive if each.state in ESTABLISHED)
    yield from (f"{count} live connections of {pair}" for pair, count in pairs.items() if count > 1)
    yield from (f"{count} established connections of {set(pair)}" for pair, count in joined.items() if count > 1)


def _has_the_blocks_of_its_vpcs(connection: Connection, _: int) -> Iterator[str]:
    blocks: dict[str, set[Any]] = defaultdict(set)
    for row in connection.execute(f"SELECT {VPC_CIDR_BLOCKS.picked} FROM vpc_cidr_block"):
        block = VPC_CIDR_BLOCKS.decode(row)
        blocks[block.vpc_id].add(block.prefix)
    for each in _peerings(connection):
        if each.state in ESTABLISHED and cidr.overlap(each.requester.blocks, each.accepter.blocks):
            yield f"{each.id} is {each.state} and its blocks overlap"
        for end in (each.requester, each.accepter):
            if each.state in LIVE and end.blocks and set(end.blocks) != blocks[end.vpc_id]:
                yield f"{each.id} says that {end.vpc_id} has {end.blocks}"


# --- VPCs -------------------------------------------------------------------------------------------------------------

BELONGINGS: Mapping[str, str] = {
    "a primary block": "SELECT vpc_id FROM vpc_cidr_block WHERE is_primary = 1",
    "a main route table": "SELECT vpc_id FROM route_table WHERE is_main = 1",
    "a default security group": "SELECT vpc_id FROM security_group WHERE name = 'default'",
    "a default network ACL": "SELECT vpc_id FROM network_acl WHERE is_default = 1",
    "rules in both directions": (
        "SELECT vpc_id FROM security_group_rule GROUP BY vpc_id HAVING count(DISTINCT is_egress) = 2"
    ),
    "ACL entries in both directions": (
        "SELECT network_acl.vpc_id FROM network_acl_entry JOIN network_acl ON network_acl.id = network_acl_id "
        "GROUP BY network_acl.vpc_id HAVING count(DISTINCT is_egress) = 2"
    ),
}


def _is_a_whole_vpc(connection: Connection, _: int) -> Iterator[str]:
    vpcs = {row[0] for row in connection.execute("SELECT id FROM vpc")}
    for what, sql in BELONGINGS.items():
        owners = [row[0] for row in connection.execute(sql)]
        yield from (f"{vpc} has not exactly one of: {what}" for vpc in vpcs ^ set(owners))
        yield from (f"{vpc} has several of: {what}" for vpc, count in Counter(owners).items() if count > 1)


# --- tags and journal -------------------------------------------------------------------------------------------------


def _is_tagged_where_it_is_seen(connection: Connection, _: int) -> Iterator[str]:
    seen = {tuple(row) for row in connection.execute("SELECT account, region, peering_seq FROM peering_view")}
    ids = {row[0]: row[1] for row in connection.execute("SELECT id, seq FROM peering")}
    for table in OWNED:
        ids.update((row[0], row[1]) for row in connection.execute(f"SELECT id, seq FROM {table}"))
    for account, region, resource, seq in connection.execute("SELECT account, region, resource_id, resource_seq FROM tag"):
        if ids.get(resource) != seq:
            yield f"a tag of {account} is on {resource}, which is not there"
        elif resource.startswith("pcx-") and (account, region, seq) not in seen:
            yield f"{account} tags {resource} and does not see it"


def _is_journaled(connection: Connection, _: int) -> Iterator[str]:
    """Every object is as its last line in the journal says, and each line begins where the one before it ended."""
    last: dict[str, str] = {}
    for (text,) in connection.execute("SELECT changes FROM journal ORDER BY seq"):
        for resource, before, after in json.loads(text):
            if before != "present" and last.get(resource, "") != before:
                yield f"the journal has {resource} in {last.get(resource)!r} and then goes on from {before!r}"
            if after != "present" or resource not in last:
                last[resource] = after
    states = {each.id: each.state.value for each in _peerings(connection)}
    for table in OWNED:
        states.update((row[0], PRESENT) for row in connection.execute(f"SELECT id FROM {table}"))
    for resource in states.keys() | {it for it, state in last.items() if state}:
        if states.get(resource) != last.get(resource):
            yield f"{resource} is {states.get(resource)}, and {last.get(resource)} in the journal"


CHECKS = (
    _is_sound,
    _is_seen_as_it_should,
    _is_the_only_one,
    _has_the_blocks_of_its_vpcs,
    _is_a_whole_vpc,
    _is_tagged_where_it_is_seen,
    _is_journaled,
)


# --- answers ----------------------------------------------------------------------------------------------------------


def lies(file: Path, claims: Sequence[Claim], until: int | None = None) -> list[str]:
    """Return a sentence for every answer, received by the instant `until`, that the file does not bear out."""
    connection = looked_at(file)
    try:
        found = _states(connection)
    finally:
        connection.close()
    by_key: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_key[claim.key].append(claim)
    return [
        f"{key} is {found.get(key, ABSENT)}, and was answered to be {sorted(allowed)}"
        for key, of_key in by_key.items()
        if (allowed := _allowed(of_key, until)) and found.get(key, ABSENT) not in allowed
    ]


def _allowed(claims: Sequence[Claim], until: int | None) -> set[str]:
    """What an object may be: as last answered, or as any later request would have it. Empty: anything."""
    answered = [n for n, claim in enumerate(claims) if claim.received and (until is None or claim.received <= until)]
    return {claim.state for claim in claims[answered[-1] :]} if answered else set()


def _states(connection: Connection) -> dict[str, str]:
    states = {row[0]: PRESENT for row in connection.execute("SELECT id FROM vpc")}
    states.update((row[0], row[1]) for row in connection.execute("SELECT id, state FROM peering"))
    tags: Iterable[Any] = connection.execute("SELECT account, resource_id, value FROM tag WHERE key = 'Name'")
    states.update((f"tag:{account}:{resource}", value) for account, resource, value in tags)
    return states
