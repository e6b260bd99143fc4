"""A server that is killed at any moment, under load: what it answered is there, and nothing is half done."""

import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from tests.crash import load, server
from tests.crash.invariants import lies, looked_at, violations
from tests.crash.load import Claim

CLIENTS = 6
LONGEST_SECONDS = 0.5
ROUNDS_PER_FILE = 20


def now() -> int:
    """Service time, which nobody moves here."""
    return time.time_ns() // 1_000_000


def killed_again_and_again(data: Path, rounds: int, seed: int) -> list[Claim]:
    """Kill a server on the same file so many times; after each restart, everything that was ever answered is there."""
    draw = random.Random(seed)
    claims: list[Claim] = []
    for number in range(rounds + 1):
        running = server.start(data)
        try:
            assert lies(data, claims) == []
            assert violations(data, now()) == []
            if number == rounds:
                break
            some = load.clients(running.port, CLIENTS, draw.randrange(10**9), first=number * CLIENTS)
            load.run_for(some, draw.uniform(0.01, LONGEST_SECONDS))
        finally:
            running.kill()
        for each in some:
            each.end()
        claims += load.claims_of(some)
    return claims


@pytest.mark.extended
def test_a_server_that_is_killed_under_load_keeps_every_answer(tmp_path: Path) -> None:
    claims = killed_again_and_again(tmp_path / "data.db", ROUNDS_PER_FILE, seed=1)
    assert len(claims) > 20 * ROUNDS_PER_FILE, "there was hardly any load"
    assert any(claim.received is None for claim in claims), "no kill met a request on its way"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_a_server_that_is_killed_two_hundred_times_keeps_every_answer(tmp_path: Path, seed: int) -> None:
    killed_again_and_again(tmp_path / "data.db", ROUNDS_PER_FILE, seed)


@pytest.mark.extended
def test_a_server_that_is_asked_to_stop_under_load_answers_what_it_accepted(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    running = server.start(data)
    some = load.clients(running.port, CLIENTS, seed=3)
    try:
        load.run_for(some, 0.5)
        assert running.stop() == 0
    finally:
        running.kill()
    for each in some:
        each.end()
    assert lies(data, load.claims_of(some)) == []
    assert violations(data, now()) == []


# --- the check itself -------------------------------------------------------------------------------------------------

DAMAGE = {
    "views-follow": "DELETE FROM peering_view WHERE account LIKE '2%'",
    "no-strangers": "DELETE FROM peering",
    "one-live-connection": "DROP INDEX peering_asked; DROP INDEX peering_established_pair; "
    "UPDATE peering SET requester_vpc_id = 'vpc-1', accepter_vpc_id = 'vpc-2', state = 'active', "
    "accepter_account = '1', accepter_region = 'r', ended_at = NULL, ended_by = ''",
    "blocks-follow": "UPDATE peering SET requester_blocks = '10.9.9.0/24' WHERE state IN ('active', 'pending-acceptance')",
    "main-route-table": "DELETE FROM route_table WHERE seq = (SELECT min(seq) FROM route_table)",
    "ACL entries in both": "DELETE FROM network_acl_entry WHERE is_egress = 1",
    "tags-are-seen": "UPDATE tag SET resource_id = resource_id || '0'",
    "journal: ": """UPDATE journal SET changes = replace(changes, '"pending-acceptance"]', '"failed"]')""",
    "foreign-keys": "DELETE FROM vpc",
}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that a server has worked on until there is something of everything, undamaged."""
    data = tmp_path_factory.mktemp("used") / "data.db"
    running = server.start(data)
    some = load.clients(running.port, 2, seed=4)
    load.run_until(some, answers=100)
    for each in some:
        each.end()
    assert running.stop() == 0
    running.kill()
    assert violations(data, now()) == lies(data, load.claims_of(some)) == []
    return data


@pytest.mark.parametrize("name", DAMAGE)
def test_the_check_notices_damage(used: Path, tmp_path: Path, name: str) -> None:
    damaged = Path(shutil.copy(used, tmp_path))
    connection = sqlite3.connect(damaged, isolation_level=None)
    connection.executescript(DAMAGE[name])
    connection.close()
    assert any(name in problem for problem in violations(damaged, now()))


def test_the_check_notices_an_answer_that_was_lost(used: Path) -> None:
    vpc = looked_at(used).execute("SELECT id FROM vpc").fetchone()[0]
    kept, lost = Claim(vpc, "present", 1), Claim("vpc-0", "present", 5)
    gone, maybe = Claim(vpc, "absent", 7), Claim(vpc, "absent")
    assert lies(used, [kept, maybe]) == []
    assert lies(used, [kept, gone], until=6) == []
    assert len(lies(used, [kept, gone])) == 1
    assert len(lies(used, [lost])) == 1
    assert lies(used, [lost], until=4) == []
