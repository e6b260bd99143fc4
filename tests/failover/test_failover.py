"""The primary database is killed under load and its synchronous standby takes over: nothing that was answered is lost."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from tests.concurrency import load
from tests.concurrency.fleet import Fleet
from tests.concurrency.history import CREATE, Event, Outcome
from tests.concurrency.laws import violations
from tests.postgres import Clusters

CLIENTS = 16
SERVERS = 2
BEFORE_SECONDS = 2.0
AFTER_ANSWERS = 50
PATIENCE_SECONDS = 60.0
LEVELS = ("on", "remote_apply")
# What a client may meet and repeat: the connection was cut (no code), or the store has none to its database.
RETRYABLE = {"", "Unavailable", "RequestLimitExceeded"}
IMPATIENT = "--database-seconds=2"

Tell = Callable[[str], None]


def failed_over(clusters: Clusters, folder: Path, seed: int, *, hangs: bool = False, first: str = "primary") -> float:
    """Lose the primary and go on; answers how long no change was answered, in seconds.

    The address of the database names `first` before the other.
    """
    primary = clusters.new().start()
    standby = primary.standby(LEVELS[seed % len(LEVELS)])
    name = primary.database().rpartition("/")[2]
    url = primary.url(name, also=standby) if first == "primary" else standby.url(name, also=primary)
    with Fleet(folder, url, SERVERS, IMPATIENT) as fleet:
        with load.at_work(lambda: fleet.urls, CLIENTS, seed) as work:
            time.sleep(BEFORE_SECONDS)
            killed = time.monotonic_ns()
            (primary.freeze if hangs else primary.kill)()
            standby.promote()
            wait_for_answers(work, killed)
        assert violations(work.history, work.places) == []
        assert {event.code for event in work.history if event.outcome is Outcome.UNKNOWN} <= RETRYABLE
        assert any(event.outcome is Outcome.UNKNOWN for event in work.history if event.begin > killed), "nobody noticed"
    primary.kill()
    standby.stop()
    return outage(work.history, killed)


def lost(clusters: Clusters, folder: Path) -> list[str]:
    """The same with a standby that nobody waits for, and that hears nothing more for a second."""
    primary = clusters.new().start()
    standby = primary.standby("local")
    name = primary.database().rpartition("/")[2]
    with Fleet(folder, primary.url(name, also=standby), SERVERS) as fleet:
        with load.at_work(lambda: fleet.urls, CLIENTS, seed=99) as work:
            time.sleep(BEFORE_SECONDS / 2)
            standby.sql("ALTER SYSTEM SET primary_conninfo = ''")
            standby.sql("SELECT pg_reload_conf()")
            time.sleep(BEFORE_SECONDS / 2)
            killed = time.monotonic_ns()
            primary.kill()
            standby.promote()
            wait_for_answers(work, killed)
        found = violations(work.history, work.places)
    standby.stop()
    return found


def wait_for_answers(work: load.Work, since: int) -> None:
    """Wait until so many changes were answered that were asked for after an instant."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(event.begin > since for each in work.clients for event in made(list(each.history))) < AFTER_ANSWERS:
        assert time.monotonic() < deadline, "no change is answered any more"
        time.sleep(0.1)


def made(history: Sequence[Event]) -> list[Event]:
    """The connections that were asked for with success."""
    return [event for event in history if event.action == CREATE and event.outcome is Outcome.DONE]


def outage(history: Sequence[Event], killed: int) -> float:
    """The longest time without an answered change that ended after the kill; some are still answered while it strikes."""
    ends = sorted(event.end for event in made(history))
    return max(after - before for before, after in pairwise(ends) if after > killed) / 1e9


@pytest.mark.extended
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_when_the_primary_dies(clusters: Clusters, tmp_path: Path, tell: Tell, seed: int) -> None:
    tell(f"failover {seed + 1}: the outage lasted {failed_over(clusters, tmp_path, seed):.2f} s")


@pytest.mark.extended
@pytest.mark.parametrize("order", ["primary first", "standby first"])
def test_nothing_is_lost_when_the_primary_hangs(clusters: Clusters, tmp_path: Path, tell: Tell, order: str) -> None:
    """A machine that hangs cuts no connection: the servers give up waiting by themselves, after --database-seconds."""
    length = failed_over(clusters, tmp_path, 0, hangs=True, first=order.partition(" ")[0])
    tell(f"failover from a primary that hangs, {order} in the address: the outage lasted {length:.2f} s")


@pytest.mark.extended
def test_the_laws_would_notice_what_an_asynchronous_standby_loses(clusters: Clusters, tmp_path: Path) -> None:
    assert any("did not see it" in sentence for sentence in lost(clusters, tmp_path))


@pytest.mark.long
def test_nothing_is_lost_when_the_primary_dies_twenty_times(clusters: Clusters, tmp_path: Path, tell: Tell) -> None:
    lengths = [failed_over(clusters, tmp_path / str(seed), seed) for seed in range(3, 23)]
    tell(f"20 failovers: the outages lasted {min(lengths):.2f} to {max(lengths):.2f} s, the median {median(lengths):.2f} s")
