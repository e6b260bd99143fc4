"""The power fails at any moment: every answer that a client had received is on the disk, and nothing is half done.

The server runs under a shim that notes its writes and syncs; the disk as it may have been at a moment is rebuilt from that
(`power.py`). The same test with `synchronous` OFF loses answers, so it would notice if they were given too early.
"""

import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from isthmus import bootstrap
from isthmus.config import Settings
from isthmus.store.api import SchemaError
from isthmus.store.sqlite import SqliteStore
from tests.crash import load, power, server
from tests.crash.invariants import lies, violations
from tests.crash.load import Claim
from tests.crash.power import DATABASE, FATES, SYNC, WAL, Record

CLIENTS = 4
LOAD_SECONDS = 4.0
MOMENTS = 50
MANY_MOMENTS = 500

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the shim is loaded by Linux's dynamic linker"),
    pytest.mark.skipif(power.compiler() is None, reason="the shim needs a C compiler"),
]


@dataclass
class History:
    """What a traced server wrote, and what its clients were told."""

    base: bytes
    records: list[Record]
    claims: list[Claim]

    def moments(self, count: int, draw: random.Random) -> list[int]:
        """Random moments; every other one is that of an answer, when a promise is youngest."""
        answers = [claim.received for claim in self.claims if claim.received]
        between = (min(answers), max(answers))
        return [draw.choice(answers) if each % 2 else draw.randint(*between) for each in range(count)]


def traced(folder: Path, synchronous: str) -> History:
    """Let clients work on a server under the shim, and kill it."""
    data = folder / "data.db"
    bootstrap.store(Settings(data=str(data))).close()
    base = data.read_bytes()
    environment = {
        "LD_PRELOAD": str(power.shim(folder)),
        "POWERCUT_DATA": str(data.resolve()),
        "POWERCUT_TRACE": str(folder / "trace"),
    }
    running = server.start(data, synchronous=synchronous, environment=environment)
    try:
        some = load.clients(running.port, CLIENTS, seed=5)
        load.run_for(some, LOAD_SECONDS)
    finally:
        running.kill()
    for each in some:
        each.end()
    return History(base, power.trace(folder / "trace"), load.claims_of(some))


def broken_promises(history: History, folder: Path, count: int) -> Iterator[str]:
    """Cut the power at so many moments, and yield what does not hold afterwards."""
    draw = random.Random(6)
    for number, moment in enumerate(history.moments(count, draw)):
        fate = FATES[number // 2 % len(FATES)]  # each for both kinds of moments
        images = power.disk(history.base, history.records, moment, fate, draw)
        data = folder / f"cut-{number}" / "data.db"
        data.parent.mkdir()
        data.write_bytes(images[DATABASE])
        data.with_name("data.db-wal").write_bytes(images[WAL])
        for problem in problems_after(data, history.claims, moment):
            yield f"power cut {number} at {moment}, unsafe writes {fate}: {problem}"


def problems_after(data: Path, claims: list[Claim], moment: int) -> list[str]:
    """Open a file as a server would that starts after the power cut, and look."""
    try:
        SqliteStore(data).close()
        return lies(data, claims, moment) + violations(data, time.time_ns() // 1_000_000)
    except (sqlite3.DatabaseError, SchemaError) as error:
        return [f"the file is damaged: {error!r}"]


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> History:
    return traced(tmp_path_factory.mktemp("full"), "FULL")


@pytest.mark.extended
def test_the_trace_is_complete(durable: History, tmp_path: Path) -> None:
    """Rebuilt with everything kept, the file is what the server left; and there was enough of every kind of work."""
    end = durable.records[-1].done + 1
    data = tmp_path / "data.db"
    images = power.disk(durable.base, durable.records, end, power.KEPT, random.Random(0))
    data.write_bytes(images[DATABASE])
    data.with_name("data.db-wal").write_bytes(images[WAL])
    assert problems_after(data, durable.claims, end) == []
    syncs = [record.file for record in durable.records if record.kind == SYNC]
    assert syncs.count(WAL) > 100
    assert syncs.count(DATABASE) >= 1, "no checkpoint happened"
    assert len(durable.claims) > 200


@pytest.mark.extended
def test_a_power_cut_loses_no_answer_and_leaves_nothing_half_done(durable: History, tmp_path: Path) -> None:
    assert list(broken_promises(durable, tmp_path, MOMENTS)) == []


@pytest.mark.long
def test_no_power_cut_of_very_many_loses_an_answer(durable: History, tmp_path: Path) -> None:
    assert list(broken_promises(durable, tmp_path, MANY_MOMENTS)) == []


@pytest.mark.extended
@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_without_synchronous_full_a_power_cut_loses_answers(tmp_path: Path, synchronous: str) -> None:
    history = traced(tmp_path, synchronous)
    found = list(broken_promises(history, tmp_path, MOMENTS))
    assert any("was answered to be" in problem for problem in found)
