"""One call: who, where, and that looking up and authorizing are one act."""

from collections.abc import Callable

import pytest

from isthmus.actions.call import Call
from isthmus.domain.errors import ApiError
from isthmus.store.api import Kind
from isthmus.store.unit import Unit
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
