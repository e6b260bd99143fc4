"""Laws of the life cycle, over random histories: what one account after another asks, with any time in between."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain import cidr
from isthmus.domain import peering as rules
from isthmus.domain.errors import ApiError
from isthmus.domain.peering import (
    DAY,
    ENDED,
    ESTABLISHED,
    LIFETIME,
    Delays,
    End,
    OptionChange,
    Options,
    Peering,
    Side,
    State,
)
from tests.peerings import ACCEPTER_VPC, CREATED, HERE, ID, ONE, OTHER, REQUESTER_VPC, THERE, prefixes

Step: TypeAlias = tuple[int, str, str]
"""Milliseconds that go by, then what is done, and by which account."""

BLOCKS = ("10.1.0.0/16", "10.1.7.0/24", "10.2.0.0/16", "10.2.7.0/24", "10.3.0.0/16")
ON = OptionChange(Options.DNS_RESOLUTION, Options.DNS_RESOLUTION)

spans = st.one_of(st.integers(0, 5_000), st.sampled_from([LIFETIME - 1, LIFETIME, 2 * DAY]), st.integers(0, 8 * DAY))
delays = st.builds(Delays, *[st.sampled_from([0, 1, 1_500])] * 3)


def vpc_end(account: str, region: str, vpc_id: str) -> st.SearchStrategy[End]:
    blocks = st.sampled_from(BLOCKS).map(prefixes)
    return st.builds(End, st.just(account), st.just(region), st.just(vpc_id), blocks)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Peering, Delays]:
    """A connection just asked for, in any of the four relations."""
    requester = draw(vpc_end(ONE, HERE, REQUESTER_VPC))
    place = draw(st.tuples(st.sampled_from([ONE, OTHER]), st.sampled_from([HERE, THERE])))
    accepter = draw(vpc_end(*place, ACCEPTER_VPC))
    now, slow = CREATED + draw(st.integers(0, 999)), draw(delays)
    exists = draw(st.sampled_from([True, True, True, False]))
    return rules.request(ID, requester, accepter, accepter_exists=exists, now=now, delays=slow), slow


def _accept(it: Peering, account: str, now: int, slow: Delays) -> Peering:
    rules.check_may_accept(it, account, it.accepter.region)
    return rules.accept(it, now, slow)


def _modify(it: Peering, account: str, now: int, slow: Delays) -> Peering:
    side = Side.REQUESTER if account == it.requester.account else Side.ACCEPTER
    rules.check_may_modify(it, account, it.end(side).region, {side: ON})
    return rules.modify(it, {side: ON})


def _add(it: Peering, vpc_id: str, block: str, now: int) -> Peering:
    (added,) = prefixes(block)
    side = Side.REQUESTER if vpc_id == REQUESTER_VPC else Side.ACCEPTER
    changed = rules.block_added(it, vpc_id, added, now)
    return rules.with_blocks(changed, vpc_id, (*it.end(side).blocks, added))


Act: TypeAlias = Callable[[Peering, str, int, Delays], Peering]
ACTS: dict[str, Act] = {
    "wait": lambda it, _account, _now, _slow: it,
    "accept": _accept,
    "reject": lambda it, account, now, _slow: rules.reject(it, account, it.accepter.region, now),
    "delete": rules.delete,
    "modify": _modify,
    "add here": lambda it, _account, now, _slow: _add(it, REQUESTER_VPC, "10.2.9.0/24", now),
    "add there": lambda it, _account, now, _slow: _add(it, ACCEPTER_VPC, "10.1.9.0/24", now),
    "add beside": lambda it, _account, now, _slow: _add(it, ACCEPTER_VPC, "10.9.0.0/24", now),
    "delete vpc": lambda it, account, now, _slow: rules.vpc_deleted(it, REQUESTER_VPC, account, now),
}
steps = st.lists(st.tuples(spans, st.sampled_from(sorted(ACTS)), st.sampled_from([ONE, OTHER])), max_size=8)


def history(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> list[tuple[int, Peering]]:
    """The connection after each step, with the instant of it; a refused step leaves it as it was."""
    it, slow = asked
    now = it.created_at
    seen = [(now, it)]
    for gone_by, act, account in wanted:
        now += gone_by
        it = rules.settle(it, now)
        with suppress(ApiError):
            it = rules.settle(ACTS[act](it, account, now, slow), now)
        seen.append((now, it))
    return seen


@pytest.mark.rule("S206")
@given(requests(), steps)
def test_a_terminal_state_never_moves_again(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> None:
    seen = [it for _, it in history(asked, wanted)]
    ended = [it for it in seen if it.state in ENDED]
    assert all(it == ended[0] for it in ended)
    assert ended == seen[len(seen) - len(ended) :]


@pytest.mark.rule("S211")
@given(requests(), st.lists(spans, max_size=6))
def test_time_may_be_cut_anyhow(asked: tuple[Peering, Delays], cuts: Sequence[int]) -> None:
    it, _ = asked
    step_by_step, now = it, it.created_at
    for gone_by in (0, *cuts):
        now += gone_by
        step_by_step = rules.settle(step_by_step, now)
    at_once = rules.settle(it, now)
    assert step_by_step == at_once
    assert rules.settle(at_once, now) == at_once
    assert at_once.due_at is None or at_once.due_at > now


@given(requests(), steps)
def test_what_is_due_and_what_has_ended_exclude_each_other(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> None:
    for now, it in history(asked, wanted):
        assert (it.due_at is None) == (it.due_state is None)
        assert (it.ended_at is not None) == (it.state in ENDED)
        assert it.ended_at is None or (it.due_at is None and it.created_at <= it.ended_at <= now)
        assert (it.ended_by != "") == (it.state in (State.DELETING, State.DELETED))


@pytest.mark.rule("S211")
@given(requests(), steps)
def test_no_request_is_answered_after_its_seven_days(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> None:
    before = None
    for now, it in history(asked, wanted):
        if before in (State.INITIATING_REQUEST, State.PENDING_ACCEPTANCE) and now >= it.expires_at:
            assert it.state in (State.EXPIRED, State.FAILED)
        before = it.state


@pytest.mark.rule("S241", "S278")
@given(requests(), steps)
def test_established_ends_never_overlap_and_exist(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> None:
    for _, it in history(asked, wanted):
        if it.state in ESTABLISHED:
            assert it.accepter_exists
            assert not cidr.overlap(it.requester.blocks, it.accepter.blocks)


@pytest.mark.rule("S212")
@given(requests(), steps)
def test_after_the_end_who_sees_it_only_shrinks(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> None:
    seen = [it for _, it in history(asked, wanted)]
    for before, after in pairwise(seen):
        places = [{(view.account, view.region): view.hide_at for view in rules.views(it)} for it in (before, after)]
        assert (places[1][ONE, HERE] is None) == (after.state not in ENDED)  # the store goes by this
        if after.state in ENDED:
            assert None not in places[1].values()
        if before.state not in (State.INITIATING_REQUEST, State.PENDING_ACCEPTANCE):
            assert set(places[1]) <= set(places[0])


@pytest.mark.rule("S226")
@given(requests(), steps)
def test_nobody_ever_sees_the_options_of_another_account(asked: tuple[Peering, Delays], wanted: Sequence[Step]) -> None:
    for _, it in history(asked, wanted):
        for side in Side:
            stranger = OTHER if it.end(side).account == ONE else ONE
            assert not rules.shows_options(it, side, stranger)
