"""Ids, filters and pages of every Describe, over VPCs in a store in memory."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from isthmus.actions.call import Call, RandomIdentifiers, Rules
from isthmus.actions.describe import CHUNK, HINT_VALUES, Listing, Page, as_filters, describe
from isthmus.domain import accounts
from isthmus.domain.errors import ApiError
from isthmus.domain.filters import FilterTable
from isthmus.domain.peering import Delays
from isthmus.domain.quotas import DEFAULT
from isthmus.domain.vpc import Vpc
from isthmus.store.api import Kind, TooMuchForTheLoop
from isthmus.store.clock import ManualClock, counted_seeds
from isthmus.store.sqlite import SqliteStore
from isthmus.store.unit import LOOP_BUDGET, Unit
from isthmus.wire.shapes import ec2

T = TypeVar("T")
ACCOUNT, REGION = "111111111111", "us-east-1"
LISTING: Listing[Vpc] = Listing(
    rows=lambda unit: unit.vpcs,
    filters=FilterTable({"vpc-id": lambda vpc: (vpc.id,), "tenancy": lambda vpc: (vpc.instance_tenancy,)}),
    load=lambda _, rows: rows,
    ids_parameter="VpcIds",
    indexed={"vpc-id": "id"},
)


def vpc(number: int, account: str = ACCOUNT, region: str = REGION) -> Vpc:
    return Vpc(
        id=f"vpc-{number:017x}",
        account=account,
        region=region,
        dhcp_options_id="dopt-1",
        instance_tenancy="dedicated" if number % 10 == 0 else "default",
        is_default=False,
        enable_dns_support=True,
        enable_dns_hostnames=False,
        enable_network_address_usage_metrics=False,
        created_at=0,
    )


def call_in(unit: Unit, max_unpaged: int = 10_000) -> Call:
    who = accounts.root(ACCOUNT, access_key_id="", region=REGION, service="ec2")
    return Call("DescribeVpcs", who, unit, Rules(Delays(), DEFAULT, max_unpaged), "an-id", RandomIdentifiers())


def filled(count: int) -> SqliteStore:
    store = SqliteStore(None, clock=ManualClock(), seeds=counted_seeds())

    def fill(unit: Unit) -> None:
        for number in range(count):
            unit.vpcs.put(vpc(number))
        unit.vpcs.put(vpc(10**6, account="222222222222"))
        unit.vpcs.put(vpc(10**6 + 1, region="eu-west-1"))

    store.run_now(Kind.WRITE, fill)
    return store


def read(store: SqliteStore, work: Callable[[Call], T], **more: Any) -> T:
    return store.run_now(Kind.READ, lambda unit: work(call_in(unit, **more)))


def numbers(page: Page[Vpc]) -> list[int]:
    return [int(item.id[4:], 16) for item, _ in page.items]


def named(name: str, *values: str) -> list[ec2.Filter]:
    return [ec2.Filter(name=name, values=list(values))]


def all_pages(store: SqliteStore, size: int, filters: Sequence[ec2.Filter] | None = None) -> list[list[int]]:
    pages, token = [], None
    while True:
        page = read(store, lambda call, token=token: describe(call, LISTING, None, filters, size, token))  # type: ignore[misc]  # bound now
        pages.append(numbers(page))
        token = page.next_token
        if token is None:
            return pages


def test_a_caller_sees_what_its_account_has_in_its_region_only() -> None:
    store = filled(3)
    assert numbers(read(store, lambda call: describe(call, LISTING, None, None))) == [0, 1, 2]


@pytest.mark.parametrize("size", [5, 7, 1_000])
@pytest.mark.parametrize("filters", [None, named("tenancy", "d*"), named("tenancy", "dedicated")])
def test_pages_join_to_the_whole_without_repeating_or_skipping(size: int, filters: Sequence[ec2.Filter] | None) -> None:
    store = filled(CHUNK + 31)
    pages = all_pages(store, size, filters)
    step = 10 if filters and filters[0].values == ["dedicated"] else 1
    assert [number for page in pages for number in page] == list(range(0, CHUNK + 31, step))
    assert all(len(page) == size for page in pages[:-1])
    assert 0 < len(pages[-1]) <= size


def test_no_token_comes_with_a_last_page_that_is_full() -> None:
    assert [len(page) for page in all_pages(filled(10), 5)] == [5, 5]


def test_an_unpaged_answer_is_bounded_and_then_says_how_to_go_on() -> None:
    page = read(filled(20), lambda call: describe(call, LISTING, None, None), max_unpaged=12)
    assert (len(page.items), page.next_token is None) == (12, False)


def test_a_token_is_good_only_for_the_question_it_came_from() -> None:
    store = filled(12)
    token = read(store, lambda call: describe(call, LISTING, None, None, 5)).next_token
    with pytest.raises(ApiError, match="The token is invalid"):
        read(store, lambda call: describe(call, LISTING, None, named("tenancy", "default"), 5, token))


def test_ids_come_each_once_and_one_missing_fails_all() -> None:
    store = filled(4)
    ids = [vpc(2).id, vpc(1).id, vpc(2).id]
    assert sorted(numbers(read(store, lambda call: describe(call, LISTING, ids, None)))) == [1, 2]
    for stranger in (vpc(10**6).id, vpc(10**6 + 1).id, vpc(99).id):
        with pytest.raises(ApiError, match=stranger):
            read(store, lambda call, stranger=stranger: describe(call, LISTING, [*ids, stranger], None))  # type: ignore[misc]  # bound now


def test_ids_and_filters_meet() -> None:
    ids = [vpc(number).id for number in (0, 1, 10)]
    page = read(filled(11), lambda call: describe(call, LISTING, ids, named("tenancy", "dedicated")))
    assert sorted(numbers(page)) == [0, 10]


def test_several_values_of_an_index_are_merged_in_order() -> None:
    wanted = named("vpc-id", *(vpc(number).id for number in (7, 3, 9, 3)))
    assert numbers(read(filled(12), lambda call: describe(call, LISTING, None, wanted))) == [3, 7, 9]


def test_more_values_than_an_index_is_asked_for_give_the_same() -> None:
    wanted = named("vpc-id", *(vpc(number).id for number in range(HINT_VALUES + 5)))
    found = numbers(read(filled(40), lambda call: describe(call, LISTING, None, wanted)))
    assert found == list(range(HINT_VALUES + 5))


def test_the_most_selective_index_is_driven_from(monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(60)
    seen: list[int] = []
    spend = Unit.spend

    def noted(unit: Unit, rows: int) -> None:
        seen.append(rows)
        spend(unit, rows)

    monkeypatch.setattr(Unit, "spend", noted)

    def tag(unit: Unit) -> None:
        for number in range(50):
            row = unit.vpcs.get(vpc(number).id)
            assert row is not None
            unit.tags.replace(ACCOUNT, REGION, "vpc", row, {"a": "common"})

    store.run_now(Kind.WRITE, tag)
    wanted = [*named("tag:a", "common"), *named("vpc-id", vpc(7).id, vpc(8).id)]
    assert numbers(read(store, lambda call: describe(call, LISTING, None, wanted))) == [7, 8]
    assert sum(seen) == 2, "it looked at more rows than the narrower of the two filters names"


def test_a_read_that_looks_at_too_much_leaves_the_event_loop() -> None:
    store = filled(LOOP_BUDGET + 1)

    def bounded(unit: Unit) -> None:
        unit.bounded = True
        with pytest.raises(TooMuchForTheLoop):
            describe(call_in(unit), LISTING, None, named("tenancy", "dedicated"))
        unit.bounded = False

    store.run_now(Kind.READ, bounded)


def test_a_filter_without_name_or_values_is_read_as_empty() -> None:
    (only,) = as_filters([ec2.Filter()])
    assert (only.name, only.values) == ("", ())
    assert as_filters(None) == []
