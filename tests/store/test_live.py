"""What a VPC has asked for is remembered, and is never anything but what asking the database would say (S242, S243)."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from isthmus.actions import administration
from isthmus.domain.peering import LIVE, Delays, Peering, State, accept, delete, reject, settle
from isthmus.store.api import Kind, Undo
from isthmus.store.clock import ManualClock
from isthmus.store.peering_rows import MOST_LIVE
from isthmus.store.sqlite import SqliteStore
from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.unit import Unit
from tests.store.builders import NOW, ONE, OTHER, asked, end, peering, read, write

WEEK = 7 * 86_400_000
REQUESTERS = [end(number) for number in (1, 2, 3)]
ACCEPTERS = [*(end(number, OTHER) for number in (4, 5)), end(6, OTHER, "eu-west-1")]
QUESTIONS = [(one.vpc_id, other.identity) for one in REQUESTERS for other in ACCEPTERS]
NO_DELAYS = Delays(0, 0, 0)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    path = tmp_path / "data.db" if request.param == "file" else None
    made = SqliteStore(path, clock=ManualClock(NOW))
    yield made
    made.close()


def answers(unit: Unit) -> list[Any]:
    found = (unit.peerings.asked_by(*question) for question in QUESTIONS)
    return [(outstanding, live and live.id) for outstanding, live in found]


def asked_afresh(unit: Unit) -> list[Any]:
    unit.memo.live.spoil()
    return answers(unit)


class Failed(Exception):
    """Ends a unit that has written."""


class History:
    """Units of all kinds, in an order drawn from a seed."""

    def __init__(self, store: SqliteStore, seed: int) -> None:
        self.store, self.draw, self.made = store, random.Random(seed), 0

    def step(self) -> None:
        kinds: list[Callable[[], None]] = [self.ask, self.ask, self.ask, self.take_back, self.change, self.wait, self.forget]
        self.draw.choice(kinds)()

    def new(self, unit: Unit) -> None:
        one, other = self.draw.choice(REQUESTERS), self.draw.choice(ACCEPTERS)
        outstanding, live = unit.peerings.asked_by(one.vpc_id, other.identity)
        assert outstanding >= 0
        if live is None:
            self.made += 1
            exists = self.draw.random() < 0.9
            new = asked(self.made, one, other, now=unit.now, delays=NO_DELAYS, exists=exists)
            saved = unit.peerings.put(settle(new, unit.now) if self.draw.random() < 0.8 else new)
            held = unit.peerings.asked_by(one.vpc_id, other.identity)[1]
            assert held == (saved if saved.state in LIVE else None)

    def ask(self) -> None:
        def work(unit: Unit) -> None:
            for _ in range(self.draw.randrange(1, 4)):
                self.new(unit)

        write(self.store, work)

    def take_back(self) -> None:
        def work(unit: Unit) -> None:
            self.new(unit)
            raise self.draw.choice([Failed(), Undo(None)])

        with suppress(Failed):
            write(self.store, work)

    def change(self) -> None:
        def work(unit: Unit) -> None:
            changes: list[Peering] = []
            for row in unit.peerings.where():
                if row.state is State.PENDING_ACCEPTANCE:
                    changes += [accept(row, unit.now, NO_DELAYS), reject(row, OTHER, row.accepter.region, unit.now)]
                if row.state in {State.PENDING_ACCEPTANCE, State.ACTIVE}:
                    changes.append(delete(row, ONE, unit.now, NO_DELAYS))
            if changes:
                unit.peerings.put(settle(self.draw.choice(changes), unit.now))
            assert answers(unit) == asked_afresh(unit)

        write(self.store, work)

    def wait(self) -> None:
        clock = self.store._time._clock
        assert isinstance(clock, ManualClock)
        clock.advance(self.draw.choice([1_000, WEEK // 2, WEEK]))

    def forget(self) -> None:
        if self.draw.random() < 0.2:
            write(self.store, lambda unit: administration.reset(unit, identity=False))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_remembered_is_what_the_database_says_after_every_unit(store: SqliteStore, seed: int) -> None:
    history = History(store, seed)
    for _ in range(80):
        history.step()
        remembered = write(store, answers)
        assert remembered == write(store, asked_afresh)
        write(store, answers)  # is remembered in the next step
    assert history.made > 20


def test_a_vpc_that_asks_again_is_not_read_again(store: SqliteStore) -> None:
    write(store, lambda unit: (answers(unit), unit.peerings.put(peering(1, requester=end(1), accepter=ACCEPTERS[0]))))
    statements: list[str] = []
    store._writer.set_trace_callback(statements.append)
    outstanding, live = write(store, lambda unit: unit.peerings.asked_by(end(1).vpc_id, ACCEPTERS[1].identity))
    assert (outstanding, live) == (1, None)
    assert not [each for each in statements if "peering" in each]


def test_a_vpc_with_many_live_connections_is_asked_each_time(store: SqliteStore) -> None:
    many = MOST_LIVE + 3
    rows = [peering(number, requester=end(1), accepter=end(number + 10, OTHER)) for number in range(1, many + 1)]
    write(store, lambda unit: [unit.peerings.put(row) for row in rows])
    for _ in range(2):
        outstanding, live = write(store, lambda unit: unit.peerings.asked_by(end(1).vpc_id, rows[-1].accepter.identity))
        assert (outstanding, live and live.id) == (many, rows[-1].id)


def test_a_vpc_that_asks_for_many_is_forgotten(store: SqliteStore) -> None:
    def work(unit: Unit) -> None:
        for number in range(1, MOST_LIVE + 2):
            accepter = end(number + 10, OTHER)
            assert unit.peerings.asked_by(end(1).vpc_id, accepter.identity) == (number - 1, None)
            assert unit.memo.live.get(end(1).vpc_id) is not None
            unit.peerings.put(peering(number, requester=end(1), accepter=accepter))
        assert unit.memo.live.get(end(1).vpc_id) is None

    write(store, work)


def test_rows_that_wait_to_be_inserted_are_there_for_whoever_asks(store: SqliteStore) -> None:
    def work(unit: Unit) -> None:
        engine = unit.engine
        assert isinstance(engine, SqliteEngine)
        saved = unit.peerings.put(peering(1))
        assert engine._waiting
        assert unit.peerings.get(saved.id) == saved
        assert not engine._waiting

    write(store, work)
    assert read(store, lambda unit: [row.id for row in unit.peerings.where()]) == [peering(1).id]


def test_rows_that_wait_are_taken_back_with_their_unit(store: SqliteStore) -> None:
    def work(unit: Unit) -> None:
        unit.peerings.put(peering(1))
        raise Failed

    with pytest.raises(Failed):
        write(store, work)
    store.run_now(Kind.WRITE, lambda unit: unit.peerings.put(peering(2)))
    assert read(store, lambda unit: [row.id for row in unit.peerings.where()]) == [peering(2).id]
