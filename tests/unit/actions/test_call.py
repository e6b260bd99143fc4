"""One call: who, where, and that looking up and authorizing are one act."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from isthmus.actions.call import LEAD_MILLISECONDS, Call, RandomIdentifiers, lead
from isthmus.domain import ids
from isthmus.domain.errors import ApiError
from isthmus.store.api import Kind
from isthmus.store.unit import Unit
from tests.store.builders import NOW
from tests.unit.actions.test_describe import ACCOUNT, REGION, call_in, filled, vpc


def within(work: Callable[[Call], None]) -> None:
    def run(unit: Unit) -> None:
        work(call_in(unit))

    filled(3).run_now(Kind.READ, run)


def test_a_call_knows_who_asks_where_and_when() -> None:
    def look(call: Call) -> None:
        assert (call.account, call.region, call.request_id) == (ACCOUNT, REGION, "an-id")
        assert call.now == call.store.now

    within(look)


def test_finding_authorizes() -> None:
    def look(call: Call) -> None:
        assert not call.authorized
        assert call.find(call.store.vpcs, vpc(1).id).id == vpc(1).id
        assert call.authorized

    within(look)


@pytest.mark.rule("S138")
@pytest.mark.parametrize("stranger", [vpc(10**6).id, vpc(10**6 + 1).id, vpc(77).id])
def test_what_is_anothers_or_elsewhere_is_not_found_and_was_asked_about_with_rights(stranger: str) -> None:
    def look(call: Call) -> None:
        with pytest.raises(ApiError) as caught:
            call.find(call.store.vpcs, stranger)
        assert (caught.value.code, call.authorized) == ("InvalidVpcID.NotFound", True)

    within(look)


@pytest.mark.rule("S137")
def test_an_impossible_id_is_malformed_before_anything_is_looked_up() -> None:
    def look(call: Call) -> None:
        for ask in (lambda: call.find(call.store.vpcs, "x"), lambda: call.find_all(call.store.vpcs, [vpc(77).id, "x"])):
            with pytest.raises(ApiError) as caught:
                ask()
            assert (caught.value.code, call.authorized) == ("InvalidVpcId.Malformed", False)

    within(look)


# --- ids --------------------------------------------------------------------------------------------------------------


def test_ids_that_are_made_together_begin_alike_and_are_all_different() -> None:
    def look(call: Call) -> None:
        made = [RandomIdentifiers().object_id(call.store, "vpc") for _ in range(1_000)]
        assert len(set(made)) == 1_000
        assert {each[:7] for each in made} == {f"vpc-{lead(call.store.wall)}"}
        assert len({each[7:9] for each in made}) > 200  # of 256: what follows is random
        assert all(ids.check("vpc", each) and len(each) == len("vpc-") + 17 for each in made)

    within(look)


def test_what_ids_begin_with_changes_with_the_time_and_is_spread_evenly() -> None:
    seen = [lead(NOW + step * LEAD_MILLISECONDS) for step in range(4_096)]
    assert all(one != other for one, other in pairwise(seen))
    assert len(set(seen)) > 3_500
    assert {digits[0] for digits in seen[:64]} == set("0123456789abcdef")
    assert lead(NOW // LEAD_MILLISECONDS * LEAD_MILLISECONDS + LEAD_MILLISECONDS - 1) == lead(NOW)


def test_several_are_found_each_once() -> None:
    def look(call: Call) -> None:
        found = call.find_all(call.store.vpcs, [vpc(2).id, vpc(1).id, vpc(2).id])
        assert [row.id for row in found] == [vpc(2).id, vpc(1).id]

    within(look)


@pytest.mark.rule("S501")
def test_new_ids_differ_and_have_seventeen_digits() -> None:
    def look(call: Call) -> None:
        ids = {call.new_id("vpc-peering-connection") for _ in range(100)}
        assert len(ids) == 100
        assert all(each.startswith("pcx-") and len(each) == 21 for each in ids)
        assert len(call.new_hex(11)) == 11

    within(look)
