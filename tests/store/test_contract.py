"""What every engine promises to a unit of work."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from isthmus.domain.errors import ApiError, Conflict
from isthmus.domain.peering import DAY, LIFETIME, Delays, Peering, State, accept, settle
from isthmus.gateway.admin import PREFIX, Admin
from isthmus.gateway.guard import Bounds
from isthmus.store.api import Kind, TooMuchForTheLoop, Undo
from isthmus.store.clock import ManualClock
from isthmus.store.outcomes import ends
from isthmus.store.postgres import PostgresStore
from isthmus.store.unit import LOOP_BUDGET, Unit
from tests.store.builders import (
    NOW,
    ONE,
    OTHER,
    REGION,
    AnyStore,
    asked,
    block,
    end,
    peering,
    put_vpc,
    read,
    vpc,
    vpc_ids,
    write,
)

# --- rows -----------------------------------------------------------------------------------------------------------


def test_a_new_row_comes_back_as_it_was_put_with_seq_and_version(store: AnyStore) -> None:
    saved = write(store, put_vpc(1))
    assert saved == replace(vpc(1), seq=saved.seq, version=1)
    assert saved.seq > 0
    assert read(store, lambda unit: unit.vpcs.get(vpc(1).id)) == saved


def test_nested_and_optional_parts_come_back_as_they_were_put(store: AnyStore) -> None:
    saved = write(store, lambda unit: unit.peerings.put(peering(1)))
    found = read(store, lambda unit: unit.peerings.get(saved.id))
    assert found == saved
    assert found.requester == end(1)
    assert found.ended_at is None
    assert isinstance(found.state, State)


def test_rows_are_ordered_by_their_arrival(store: AnyStore) -> None:
    for number in (3, 1, 2):
        write(store, put_vpc(number))
    assert read(store, vpc_ids) == [vpc(number).id for number in (3, 1, 2)]


def test_a_changed_row_is_saved_with_the_next_version(store: AnyStore) -> None:
    saved = write(store, put_vpc(1))
    changed = write(store, lambda unit: unit.vpcs.put(replace(saved, enable_dns_hostnames=True)))
    assert changed == replace(saved, enable_dns_hostnames=True, version=2)
    assert read(store, lambda unit: unit.vpcs.get(saved.id)) == changed


def test_a_row_that_somebody_else_wrote_meanwhile_is_not_overwritten(store: AnyStore) -> None:
    stale = write(store, put_vpc(1))
    newer = write(store, lambda unit: unit.vpcs.put(replace(stale, enable_dns_hostnames=True)))
    with pytest.raises(Conflict):
        write(store, lambda unit: unit.vpcs.put(replace(stale, enable_dns_support=False)))
    with pytest.raises(Conflict):
        write(store, lambda unit: unit.vpcs.delete(stale))
    assert read(store, lambda unit: unit.vpcs.get(stale.id)) == newer


def test_a_peering_that_somebody_else_wrote_meanwhile_is_not_overwritten(store: AnyStore) -> None:
    stale = write(store, lambda unit: unit.peerings.put(peering(1)))
    newer = write(store, lambda unit: unit.peerings.put(settle(accept(stale, NOW, Delays()), NOW)))
    with pytest.raises(Conflict):
        write(store, lambda unit: unit.peerings.put(stale))
    assert read(store, lambda unit: unit.peerings.get(stale.id)) == newer


def test_a_deleted_row_is_gone_with_its_tags(store: AnyStore) -> None:
    def make(unit: Unit) -> Any:
        saved = unit.vpcs.put(vpc(1))
        unit.tags.replace(ONE, REGION, "vpc", saved, {"Name": "a"})
        return saved

    saved = write(store, make)
    write(store, lambda unit: unit.vpcs.delete(saved))
    assert read(store, lambda unit: unit.vpcs.get(saved.id)) is None
    assert read(store, lambda unit: unit.tags.where()) == []


def test_a_row_is_visible_in_its_own_account_and_region_only(store: AnyStore) -> None:
    saved = write(store, put_vpc(1))
    places = [(ONE, REGION), (OTHER, REGION), (ONE, "eu-west-1")]
    seen = read(store, lambda unit: [unit.vpcs.visible(*place, saved.id) for place in places])
    assert seen == [saved, None, None]


def test_where_and_count_take_one_value_or_several_of_each_column(store: AnyStore) -> None:
    write(store, lambda unit: [unit.vpcs.put(vpc(number, account)) for number, account in ((1, ONE), (2, OTHER), (3, ONE))])

    def ask(unit: Unit) -> Any:
        found = unit.vpcs.where(id=[vpc(3).id, vpc(2).id, vpc(9).id])
        return (
            [row.id for row in found],
            unit.vpcs.where(id=[]),
            unit.vpcs.count(account=ONE, region=REGION),
            unit.vpcs.count(),
        )

    assert read(store, ask) == ([vpc(2).id, vpc(3).id], [], 2, 3)


def test_text_of_every_kind_survives(store: AnyStore) -> None:
    nasty = ["", " ", "'", '"', "\x00", "é", "日本", "\U0001f600", "%_", "?", ":now", "\\"]

    def make(unit: Unit) -> None:
        saved = unit.vpcs.put(vpc(1))
        unit.tags.replace(ONE, REGION, "vpc", saved, dict(zip(nasty, reversed(nasty), strict=True)))

    write(store, make)
    tags = read(store, lambda unit: unit.tags.of(ONE, REGION, [vpc(1).id])[vpc(1).id])
    assert tags == dict(zip(nasty, reversed(nasty), strict=True))


# --- pages ----------------------------------------------------------------------------------------------------------


def every_page(unit: Unit, hint: tuple[str, str] | None, size: int) -> list[int]:
    seqs: list[int] = []
    while rows := unit.vpcs.page(ONE, REGION, seqs[-1] if seqs else 0, size, hint):
        seqs += [row.seq for row in rows]
    return seqs


@pytest.mark.parametrize("hint", [None, ("tag:team", "net"), ("id", vpc(4).id)])
def test_pages_hold_each_visible_row_once_in_order(store: AnyStore, hint: tuple[str, str] | None) -> None:
    def make(unit: Unit) -> list[int]:
        wanted = []
        for number in range(1, 11):
            saved = unit.vpcs.put(vpc(number, OTHER if number % 5 == 0 else ONE))
            unit.tags.replace(saved.account, REGION, "vpc", saved, {"team": "net" if number % 2 else "web"})
            fits = {None: True, "tag:team": number % 2 == 1, "id": number == 4}[hint and hint[0]]
            if fits and saved.account == ONE:
                wanted.append(saved.seq)
        return wanted

    wanted = write(store, make)
    for size in (1, 2, 3, 100):
        assert read(store, partial(every_page, hint=hint, size=size)) == wanted
    if hint:
        assert read(store, lambda unit: unit.vpcs.estimate(ONE, REGION, hint)) == len(wanted)


def test_pages_of_connections_follow_who_sees_them_and_their_state(store: AnyStore) -> None:
    states = [State.PENDING_ACCEPTANCE, State.ACTIVE, State.INITIATING_REQUEST, State.ACTIVE]

    def make(unit: Unit) -> list[Peering]:
        made = [
            peering(number, state, end(2 * number), end(2 * number + 1, OTHER)) for number, state in enumerate(states, 1)
        ]
        return [unit.peerings.put(each) for each in made]

    pending, active, starting, also = write(store, make)

    def ids(unit: Unit, account: str, hint: tuple[str, str] | None) -> list[str]:
        return [row.id for row in unit.peerings.page(account, REGION, 0, 10, hint)]

    assert read(store, lambda unit: ids(unit, ONE, None)) == [pending.id, active.id, starting.id, also.id]
    assert read(store, lambda unit: ids(unit, OTHER, None)) == [pending.id, active.id, also.id]
    assert read(store, lambda unit: ids(unit, OTHER, ("state", "active"))) == [active.id, also.id]
    assert read(store, lambda unit: ids(unit, ONE, ("requester_vpc_id", end(4).vpc_id))) == [active.id]
    assert read(store, lambda unit: ids(unit, OTHER, ("accepter_vpc_id", end(5).vpc_id))) == [active.id]
    assert read(store, lambda unit: ids(unit, OTHER, ("requester_vpc_id", end(4).vpc_id))) == [active.id]
    assert read(store, lambda unit: ids(unit, "333333333333", ("requester_vpc_id", end(4).vpc_id))) == []
    assert read(store, lambda unit: ids(unit, OTHER, ("id", starting.id))) == []
    assert read(store, lambda unit: unit.peerings.estimate(OTHER, REGION, ("state", "active"))) == 2


def test_a_requester_loses_sight_of_what_has_ended(store: AnyStore) -> None:
    def ids(unit: Unit) -> list[str]:
        return [row.id for row in unit.peerings.page(ONE, REGION, 0, 10, ("requester_vpc_id", end(1).vpc_id))]

    failed = write(store, lambda unit: unit.peerings.put(peering(1, State.FAILED)))
    pending = write(store, lambda unit: unit.peerings.put(peering(2)))
    assert read(store, ids) == [failed.id, pending.id]

    def hide(unit: Unit) -> None:
        unit.writes()
        unit.engine.execute("DELETE FROM peering_view WHERE state = 'failed'")

    write(store, hide)
    assert read(store, ids) == [pending.id]


# --- guards ---------------------------------------------------------------------------------------------------------

GUARDED = {
    "the same ordered pair twice": (peering(1), peering(2)),
    "a request while one is active": (peering(1, State.ACTIVE), peering(2)),
    "established in both directions": (
        peering(1, State.ACTIVE, end(1), end(2, OTHER)),
        peering(2, State.PROVISIONING, end(2, OTHER), end(1)),
    ),
}


@pytest.mark.rule("S242")
@pytest.mark.parametrize("case", GUARDED)
def test_the_database_refuses_a_second_live_connection_of_a_pair(store: AnyStore, case: str) -> None:
    first, second = GUARDED[case]
    saved = write(store, lambda unit: unit.peerings.put(first))
    with pytest.raises(Conflict):
        write(store, lambda unit: unit.peerings.put(second))
    assert read(store, lambda unit: unit.peerings.where()) == [saved]


@pytest.mark.rule("S242")
def test_pairs_that_may_live_side_by_side_do(store: AnyStore) -> None:
    elsewhere = replace(end(2, OTHER), region="eu-west-1")
    may = [
        peering(1, State.PENDING_ACCEPTANCE, end(1), end(2, OTHER)),
        peering(2, State.PENDING_ACCEPTANCE, end(2, OTHER), end(1)),
        peering(3, State.PENDING_ACCEPTANCE, end(1), elsewhere),
        peering(4, State.ACTIVE, end(1), end(3, OTHER)),
        peering(5, State.DELETED, end(1), end(3, OTHER)),
        peering(6, State.DELETED, end(1), end(3, OTHER)),
    ]
    write(store, lambda unit: [unit.peerings.put(each) for each in may])
    assert read(store, lambda unit: unit.peerings.count()) == len(may)


def test_two_primary_blocks_or_a_second_equal_id_are_refused(store: AnyStore) -> None:
    write(store, lambda unit: (unit.vpcs.put(vpc(1)), unit.vpc_cidr_blocks.put(block(1))))
    with pytest.raises(Conflict):
        write(store, lambda unit: unit.vpc_cidr_blocks.put(block(2, "10.9.0.0/16")))
    with pytest.raises(Conflict):
        write(store, put_vpc(1))


def test_a_row_that_makes_no_sense_is_our_bug_and_no_lost_race(store: AnyStore) -> None:
    with pytest.raises(Exception, match=r"(?i)check") as caught:
        write(store, lambda unit: unit.peerings.put(replace(peering(1), due_state=None)))
    assert not isinstance(caught.value, Conflict | ApiError)
    assert read(store, lambda unit: unit.peerings.count()) == 0


# --- questions about connections --------------------------------------------------------------------------------------


def test_connections_are_counted_per_vpc_and_pair(store: AnyStore) -> None:
    one, two, three = end(1), end(2, OTHER), end(3, OTHER)
    made = [
        peering(1, State.ACTIVE, one, two),
        peering(2, State.PENDING_ACCEPTANCE, two, one),
        peering(3, State.INITIATING_REQUEST, one, three),
        peering(4, State.PROVISIONING, three, one),
        peering(5, State.EXPIRED, one, three),
    ]
    write(store, lambda unit: [unit.peerings.put(each) for each in made])

    def ask(unit: Unit) -> Any:
        rows = unit.peerings
        between = [rows.established_between(*pair) for pair in ((one.vpc_id, two.vpc_id), (two.vpc_id, one.vpc_id))]
        outstanding, live = rows.asked_by(one.vpc_id, three.identity)
        _, elsewhere = rows.asked_by(one.vpc_id, (three.account, "eu-west-1", three.vpc_id))
        return {
            "established": [rows.established_of(vpc_id) for vpc_id in (one.vpc_id, two.vpc_id)],
            "outstanding": [outstanding, rows.asked_by(two.vpc_id, three.identity)[0]],
            "between": between,
            "live": (live and live.id, elsewhere),
            "of": [row.id[-1] for row in rows.of_vpc(one.vpc_id)],
        }

    assert read(store, ask) == {
        "established": [2, 1],
        "outstanding": [1, 1],
        "between": [1, 1],
        "live": (made[2].id, None),
        "of": ["1", "2", "3", "4"],
    }


# --- who sees a connection --------------------------------------------------------------------------------------------


def views_of(unit: Unit) -> list[tuple[str, str, str, int | None]]:
    rows = unit.engine.query("SELECT account, region, state, hide_at FROM peering_view ORDER BY account, region")
    return [tuple(row) for row in rows]


def test_a_request_appears_at_its_accepter_once_it_is_pending(store: AnyStore) -> None:
    saved = write(store, lambda unit: unit.peerings.put(asked()))
    assert read(store, views_of) == [(ONE, REGION, "initiating-request", None)]
    write(store, lambda unit: unit.peerings.put(replace(peering(1), seq=saved.seq, version=saved.version)))
    assert read(store, views_of) == [
        (ONE, REGION, "pending-acceptance", None),
        (OTHER, REGION, "pending-acceptance", None),
    ]


def tag_it(unit: Unit, account: str, saved: Peering) -> None:
    unit.tags.replace(account, REGION, "vpc-peering-connection", saved, {"of": account})


@pytest.mark.rule("S212")
def test_a_failed_request_leaves_the_accepters_sight_with_its_tags(store: AnyStore) -> None:
    saved = write(store, lambda unit: unit.peerings.put(peering(1)))
    for account in (ONE, OTHER):
        write(store, partial(tag_it, account=account, saved=saved))
    failed = replace(saved, state=State.FAILED, ended_at=NOW, due_at=None, due_state=None)
    write(store, lambda unit: unit.peerings.put(failed))
    assert [view[:3] for view in read(store, views_of)] == [(ONE, REGION, "failed")]
    assert [tag.account for tag in read(store, lambda unit: unit.tags.where())] == [ONE]


def test_sight_that_was_lost_does_not_come_back_when_the_clock_goes_back(store: AnyStore, clock: ManualClock) -> None:
    write(store, lambda unit: unit.peerings.put(peering(1)))
    clock.advance(LIFETIME + DAY)
    assert {view[2] for view in read(store, views_of)} == {"expired"}
    clock.advance(2 * DAY)
    assert read(store, views_of) == []
    assert read(store, lambda unit: unit.peerings.count()) == 0
    clock.advance(-10 * DAY)
    assert read(store, views_of) == []


# --- tags -----------------------------------------------------------------------------------------------------------


def test_tags_belong_to_a_place_and_are_set_and_removed_one_by_one(store: AnyStore) -> None:
    saved = write(store, lambda unit: unit.peerings.put(peering(1)))
    kind = "vpc-peering-connection"

    def tag(unit: Unit) -> None:
        unit.tags.replace(ONE, REGION, kind, saved, {"a": "1", "b": "2"})
        unit.tags.replace(OTHER, REGION, kind, saved, {"a": "theirs"})
        unit.tags.replace(ONE, REGION, kind, saved, {"b": "3", "c": "4"})
        unit.tags.remove_keys(ONE, REGION, saved.id, ["a", "missing"])

    write(store, tag)
    mine = read(store, lambda unit: unit.tags.of(ONE, REGION, [saved.id, "vpc-none"]))
    assert mine == {saved.id: {"b": "3", "c": "4"}}
    assert read(store, lambda unit: unit.tags.of(OTHER, REGION, [saved.id])) == {saved.id: {"a": "theirs"}}
    assert read(store, lambda unit: unit.tags.of(ONE, REGION, [])) == {}


# --- units ----------------------------------------------------------------------------------------------------------


def test_a_read_that_writes_is_a_bug_and_says_so(store: AnyStore) -> None:
    with pytest.raises(AssertionError, match="READ"):
        read(store, put_vpc(1))
    assert read(store, vpc_ids) == []


def test_a_dry_run_ends_at_its_first_write(store: AnyStore) -> None:
    saved = write(store, put_vpc(1))

    def dry(unit: Unit, work: Any) -> None:
        unit.dry_run = True
        work(unit)

    tries = (
        put_vpc(2),
        lambda unit: unit.vpcs.delete(saved),
        lambda unit: unit.tags.replace(ONE, REGION, "vpc", saved, {"a": "b"}),
        lambda unit: unit.tags.remove_keys(ONE, REGION, saved.id, ["a"]),
        lambda unit: unit.peerings.put(peering(1)),
    )
    for work in tries:
        with pytest.raises(ApiError, match="DryRunOperation"):
            write(store, partial(dry, work=work))
    assert read(store, lambda unit: (vpc_ids(unit), unit.tags.count(), unit.peerings.count())) == ([saved.id], 0, 0)


def test_a_unit_may_take_its_writes_back_and_still_answer(store: AnyStore) -> None:
    def work(unit: Unit) -> None:
        unit.vpcs.put(vpc(1))
        raise Undo("answer")

    assert write(store, work) == "answer"
    assert asyncio.run(once(store, Kind.WRITE, work)) == "answer"
    assert read(store, vpc_ids) == []


def test_a_unit_that_raises_leaves_nothing_behind(store: AnyStore) -> None:
    def work(unit: Unit) -> None:
        unit.vpcs.put(vpc(1))
        unit.peerings.put(peering(1))
        raise KeyError("bug")

    with pytest.raises(KeyError):
        write(store, work)
    with pytest.raises(KeyError):
        asyncio.run(once(store, Kind.WRITE, work))
    assert read(store, lambda unit: (vpc_ids(unit), unit.peerings.count(), views_of(unit))) == ([], 0, [])
    assert write(store, put_vpc(2)).id == vpc(2).id


def test_a_units_randomness_follows_from_its_seed(store: AnyStore) -> None:
    drawn = [read(store, lambda unit: (unit.entropy(8), unit.entropy(8), unit.entropy(16))) for _ in range(2)]
    flat = [each for unit in drawn for each in unit]
    assert len(set(flat)) == 6
    assert [len(each) for each in drawn[0]] == [8, 8, 16]


def taken_away(unit: Unit, vpc_id: str) -> dict[str, tuple[str, str, str]]:
    found = unit.vpcs.get(vpc_id)
    assert found
    unit.vpcs.delete(found)
    return dict(unit.changes)


def test_a_unit_notes_what_became_of_each_object(store: AnyStore) -> None:
    def work(unit: Unit) -> dict[str, tuple[str, str, str]]:
        saved = unit.vpcs.put(vpc(1))
        unit.tags.replace(ONE, REGION, "vpc", saved, {"a": "b"})
        asking = unit.peerings.put(peering(1))
        unit.peerings.put(settle(accept(asking, NOW, Delays()), NOW))
        return dict(unit.changes)

    assert write(store, work) == {vpc(1).id: (vpc(1).id, "", "present"), peering(1).id: (peering(1).id, "", "active")}
    rows = write(store, lambda unit: taken_away(unit, vpc(1).id))
    assert rows == {vpc(1).id: (vpc(1).id, "present", "")}


def test_a_step_of_the_service_is_in_the_journal(store: AnyStore, clock: ManualClock) -> None:
    saved = write(store, lambda unit: unit.peerings.put(peering(1)))
    clock.advance(LIFETIME)
    (row,) = read(store, lambda unit: unit.engine.query("SELECT at, actor, account, region, action, changes FROM journal"))
    assert tuple(row[:5]) == (saved.expires_at, "service", ONE, REGION, "Settle")
    assert json.loads(row[5]) == [[saved.id, "pending-acceptance", "expired"]]


# --- the event loop's side ----------------------------------------------------------------------------------------------


async def once(store: AnyStore, kind: Kind, work: Any) -> Any:
    await store.start()
    try:
        return await store.run(kind, work)
    finally:
        await store.stop()


def test_a_read_of_many_rows_gives_the_same_result_wherever_it_runs(store: AnyStore) -> None:
    write(store, lambda unit: [unit.vpcs.put(vpc(number)) for number in range(1, LOOP_BUDGET + 50)])
    runs: list[bool] = []

    def work(unit: Unit) -> list[str]:
        runs.append(unit.bounded)
        found = vpc_ids(unit)
        unit.spend(len(found))
        return found

    assert asyncio.run(once(store, Kind.READ, work)) == read(store, vpc_ids)
    assert runs[-1] is False
    if store.path:
        assert runs == [True, False]


def test_the_signal_for_many_rows_never_reaches_a_caller_without_a_loop(store: AnyStore) -> None:
    try:
        read(store, lambda unit: unit.spend(LOOP_BUDGET + 1))
    except TooMuchForTheLoop:
        pytest.fail("run_now has no loop to spare")


def test_writes_on_the_loop_are_read_by_their_writer(store: AnyStore) -> None:
    async def scenario() -> list[str]:
        await store.start()
        for number in range(1, 4):
            await store.run(Kind.WRITE, put_vpc(number))
            assert await store.run(Kind.READ, lambda unit: unit.vpcs.count()) == number
        found: list[str] = await store.run(Kind.READ, vpc_ids)
        await store.stop()
        return found

    assert asyncio.run(scenario()) == [vpc(number).id for number in (1, 2, 3)]


def lost(_: Unit) -> None:
    raise KeyError("missing")


async def begun(store: AnyStore, kind: Kind, work: Callable[[Unit], Any]) -> tuple[Any, bool]:
    """What a unit that was begun came to, and whether that had to be told later."""
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    result = store.begin(kind, work, ends(ended))
    return (result, False) if result is not None else (await ended, True)


def test_what_need_not_wait_is_answered_at_once(store: AnyStore) -> None:
    async def scenario() -> None:
        await store.start()
        assert await begun(store, Kind.READ, vpc_ids) == ([], isinstance(store, PostgresStore))
        made, _ = await begun(store, Kind.WRITE, put_vpc(1))
        assert made.id == vpc(1).id
        assert (await begun(store, Kind.READ, vpc_ids))[0] == [vpc(1).id]
        with pytest.raises(KeyError):
            await store.run(Kind.READ, lost)
        await store.stop()

    asyncio.run(scenario())


def test_threads_take_turns(store: AnyStore) -> None:
    def work(first: int) -> list[int]:
        return [len(read(store, vpc_ids)) for n in range(20) if write(store, put_vpc(100 * first + n))]

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(work, range(1, 5)))
    assert all(counts == sorted(counts) for counts in seen)
    assert read(store, lambda unit: unit.vpcs.count()) == 80


def test_service_time_moves_once_the_unit_is_committed_and_stays(store: AnyStore) -> None:
    def move(unit: Unit) -> int:
        store.set_offset(unit, DAY)
        return unit.now

    assert write(store, move) == NOW
    assert read(store, lambda unit: (unit.wall, unit.now)) == (NOW, NOW + DAY)

    def fail(unit: Unit) -> None:
        store.set_offset(unit, 0)
        raise KeyError

    with pytest.raises(KeyError):
        write(store, fail)
    assert read(store, lambda unit: unit.now) == NOW + DAY


def test_advances_that_come_at_once_all_count(store: AnyStore) -> None:
    async def scenario() -> list[int]:
        await store.start()
        admin = Admin("", Bounds("127.0.0.1"))
        asked_for = [admin.perform("POST", f"{PREFIX}clock", {"advance": "1d"}, store) for _ in range(4)]
        answers = await asyncio.gather(*asked_for)
        await store.stop()
        return [answer.status for answer in answers]

    assert asyncio.run(scenario()) == [200] * 4
    assert read(store, lambda unit: unit.now - unit.wall) == 4 * DAY
