"""Many connections at once, in slices: the store's statements do in bulk what the domain says of one connection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from isthmus.domain import peering as rules
from isthmus.domain.peering import DAY, HOUR, LIFETIME, Delays, End, Peering, State, View, enter, fate
from isthmus.store import settle
from isthmus.store.clock import ManualClock
from isthmus.store.sqlite import SqliteStore
from isthmus.store.unit import Unit
from tests.store.builders import NOW, asked, end, read, write

ACCOUNTS = ("111111111111", "222222222222")
REGIONS = ("us-east-1", "eu-west-1")
LONGEST = LIFETIME + 3 * DAY
MOMENTS = (0, 1, 999, 1_000, 60_000, 2 * HOUR - 1, 2 * HOUR, 2 * DAY, LIFETIME - 46_000, LIFETIME, LIFETIME + 2 * DAY)


@contextmanager
def slices_of(size: int) -> Iterator[None]:
    with mock.patch.object(settle, "SLICE", size):
        yield


def ends(number: int) -> st.SearchStrategy[End]:
    return st.builds(end, st.just(number), st.sampled_from(ACCOUNTS), st.sampled_from(REGIONS))


delays = st.integers(0, 90_000)


@st.composite
def connections(draw: st.DrawFn, number: int) -> Peering:
    """A connection in any state that it can be saved in, made at any time of the last days."""
    began = NOW - draw(st.integers(0, LONGEST))
    one, other = draw(ends(2 * number)), draw(ends(2 * number + 1))
    waits = Delays(draw(delays), draw(delays), draw(delays))
    new = asked(number, one, other, now=began, delays=waits, exists=draw(st.integers(0, 4)) > 0)
    pending = rules.settle(new, new.due_at or began)
    state = draw(st.sampled_from([*State]))
    later = began + draw(st.integers(waits.initiating, LIFETIME - 1_000))
    if state is State.INITIATING_REQUEST or fate(new) is State.FAILED:
        return new
    if state in (State.PENDING_ACCEPTANCE, State.EXPIRED, State.FAILED):
        return pending
    by = draw(st.sampled_from([one.account, other.account])) if state in (State.DELETING, State.DELETED) else ""
    return enter(replace(pending, ended_by=by), state, later, waits)


@st.composite
def histories(draw: st.DrawFn) -> list[Peering]:
    return [draw(connections(number)) for number in range(1, draw(st.integers(1, 12)) + 1)]


spans = st.one_of(st.sampled_from(MOMENTS), st.integers(0, LONGEST + 3 * DAY))


def outcome(unit: Unit) -> dict[str, Any]:
    """What the store holds: connections, who sees them, whose tags are left."""
    seen = unit.engine.query(
        "SELECT peering.id, view.account, view.region, view.state, view.hide_at "
        "FROM peering_view AS view JOIN peering ON peering.seq = view.peering_seq"
    )
    return {
        "connections": {row.id: replace(row, seq=0, version=0) for row in unit.peerings.where()},
        "views": {tuple(row) for row in seen},
        "orphans": unit.engine.query("SELECT * FROM peering_view WHERE peering_seq NOT IN (SELECT seq FROM peering)"),
        "tags": {(tag.resource_id, tag.account, tag.region) for tag in unit.tags.where()},
    }


def visible(now: int, peering: Peering) -> list[View]:
    return [view for view in rules.views(peering) if view.hide_at is None or view.hide_at > now]


def expected(made: Sequence[Peering], now: int) -> dict[str, Any]:
    """What the domain says of each connection, one by one."""
    settled = [replace(rules.settle(each, now), seq=0, version=0) for each in made]
    kept = {each.id: each for each in settled if visible(now, each)}
    seen = [(each, view) for each in kept.values() for view in visible(now, each)]
    return {
        "connections": kept,
        "views": {(each.id, view.account, view.region, each.state.value, view.hide_at) for each, view in seen},
        "orphans": [],
        "tags": {(each.id, view.account, view.region) for each, view in seen},
    }


def tag_everywhere(unit: Unit, saved: Sequence[Peering]) -> None:
    for each in saved:
        for place in {each.requester.place, each.accepter.place}:
            unit.tags.replace(*place, rules.KIND, each, {"Name": each.id})


def only_where_seen(unit: Unit) -> None:
    """A tag exists only where its object is seen; drop the others, as a server would never have made them."""
    unit.engine.execute(
        "DELETE FROM tag WHERE NOT EXISTS (SELECT 1 FROM peering_view AS view WHERE view.account = tag.account "
        "AND view.region = tag.region AND view.peering_seq = tag.resource_seq)"
    )


def put_all(unit: Unit, made: Sequence[Peering]) -> None:
    saved = [unit.peerings.put(each) for each in made]
    tag_everywhere(unit, saved)


def settled_store(made: Sequence[Peering], spans: Sequence[int], size: int) -> dict[str, Any]:
    clock = ManualClock(min(each.created_at for each in made))
    store = SqliteStore(None, clock=clock)
    try:
        with slices_of(size):
            write(store, lambda unit: put_all(unit, made))
            for gone_by in sorted(spans):
                clock.at = NOW + gone_by
                write(store, lambda unit: tag_everywhere(unit, unit.peerings.where()))
                write(store, only_where_seen)
            found: dict[str, Any] = read(store, outcome)
            return found
    finally:
        store.close()


@pytest.mark.rule("S211", "S212", "S321")
@settings(max_examples=60)
@given(histories(), st.lists(spans, min_size=1, max_size=3), st.sampled_from([1, 2, 5, 1_000]))
def test_settling_many_in_slices_equals_settling_each(made: list[Peering], gone_by: list[int], size: int) -> None:
    assert settled_store(made, gone_by, size) == expected(made, NOW + max(gone_by))


def test_every_step_is_in_the_journal_once_whatever_the_slice() -> None:
    for size in (1, 3, 1_000):
        clock = ManualClock(NOW)
        store = SqliteStore(None, clock=clock)
        with slices_of(size):
            write(store, lambda unit: [unit.peerings.put(asked(n, end(2 * n), end(2 * n + 1))) for n in range(1, 8)])
            clock.advance(LIFETIME + DAY)
            rows = read(store, lambda unit: unit.engine.query("SELECT at, changes FROM journal ORDER BY seq"))
        store.close()
        steps = [each for _, each in rows]
        assert len(steps) == len(set(steps)) == 14
        assert [at for at, _ in rows] == sorted(at for at, _ in rows)


def test_a_slice_is_a_bound() -> None:
    store = SqliteStore(None, clock=ManualClock(NOW))
    write(store, lambda unit: [unit.peerings.put(asked(n, end(2 * n), end(2 * n + 1))) for n in range(1, 8)])

    def one_slice(unit: Unit) -> int:
        unit.now += LIFETIME
        settle.settle_slice(unit)
        return unit.peerings.count(state="pending-acceptance")

    with slices_of(3):
        assert write(store, one_slice) == 3
    store.close()
