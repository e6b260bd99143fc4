"""What must always hold in a store's file, whatever happened to its server. Reusable on any file that nobody writes."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isthmus.domain.peering import views
from isthmus.store import invariants, sqlite_file
from isthmus.store.tables import OWNED, PEERINGS
from tests.crash.load import ABSENT, PRESENT, Claim

Connection = sqlite3.Connection


def looked_at(file: Path) -> Connection:
    """Open a file to look at it. What a killed server left in the write-ahead log is read with it."""
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)


def violations(file: Path, now: int) -> list[str]:
    """Return a sentence for everything that is half done or contradicts itself in a file, at the service time `now`."""
    with sqlite_file.snapshot(file) as engine:
        found = invariants.check(engine, sqlite_file.INVARIANTS)
    broken = [f"{each.name}: {sentence}" for each in found for sentence in each.broken]
    if broken:  # what else is in such a file may not even be readable
        return broken
    connection = looked_at(file)
    try:
        connection.execute("BEGIN")
        return [problem for check in CHECKS for problem in check(connection, now)]
    finally:
        connection.close()


# --- beyond what must always hold -------------------------------------------------------------------------------------


def _is_seen_until_its_window_ends(connection: Connection, now: int) -> Iterator[str]:
    """Where nobody moves the clock or deletes an account, those who saw an ended connection see it for its time."""
    seen = {tuple(row) for row in connection.execute("SELECT account, region, peering_seq FROM peering_view")}
    for each in map(PEERINGS.decode, connection.execute(f"SELECT {PEERINGS.picked} FROM peering")):
        for view in views(each):
            if view.hide_at is not None and view.hide_at > now and (view.account, view.region, each.seq) not in seen:
                yield f"{each.id} is {each.state}, and {view.account} in {view.region} sees it no longer"


BELONGINGS: Mapping[str, str] = {
    "rules in both directions": (
        "SELECT vpc_id FROM security_group_rule GROUP BY vpc_id HAVING count(DISTINCT is_egress) = 2"
    ),
    "ACL entries in both directions": (
        "SELECT network_acl.vpc_id FROM network_acl_entry JOIN network_acl ON network_acl.id = network_acl_id "
        "GROUP BY network_acl.vpc_id HAVING count(DISTINCT is_egress) = 2"
    ),
}


def _is_a_whole_vpc(connection: Connection, _: int) -> Iterator[str]:
    """Nobody has taken a rule away yet, so that each VPC has what it was made with."""
    vpcs = {row[0] for row in connection.execute("SELECT id FROM vpc")}
    for what, sql in BELONGINGS.items():
        yield from (f"{vpc} lacks {what}" for vpc in vpcs - {row[0] for row in connection.execute(sql)})


def _is_journaled(connection: Connection, _: int) -> Iterator[str]:
    """Every object is as its last line in the journal says, where nothing of the journal is forgotten."""
    last: dict[str, str] = {}
    for (text,) in connection.execute("SELECT changes FROM journal ORDER BY seq"):
        for resource, _before, after in json.loads(text):
            if after != "present" or resource not in last:
                last[resource] = after
    states = {row[0]: row[1] for row in connection.execute("SELECT id, state FROM peering")}
    for table in OWNED:
        states.update((row[0], PRESENT) for row in connection.execute(f"SELECT id FROM {table}"))
    for resource in states.keys() | {it for it, state in last.items() if state}:
        if states.get(resource) != last.get(resource):
            yield f"{resource} is {states.get(resource)}, and {last.get(resource)} in the journal"


CHECKS = (_is_seen_until_its_window_ends, _is_a_whole_vpc, _is_journaled)


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
