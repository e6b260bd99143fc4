"""The bench's arithmetic."""

import pytest

from bench.figures import Claim, Figure, Sense, Target, at_most_a, compare, compare_by_turns, microseconds, ratio

TENTH = at_most_a(10, "ours / theirs")
AT_LEAST_ONE = Target("rate", Sense.AT_LEAST, 1.0)


def us(*runs: float) -> Figure:
    return Figure("us", runs)


def test_one_disturbed_run_does_not_move_the_median() -> None:
    assert us(10, 11, 900, 9, 10).median == 10


def test_an_even_number_of_runs_is_halved_between_the_middle_two() -> None:
    assert us(1, 2, 4, 9).median == 3


def test_the_spread_is_the_range_over_the_median() -> None:
    assert us(8, 10, 13).spread == pytest.approx(0.5)
    assert us(0, 0).spread == 0


def test_cpu_seconds_become_microseconds_per_request() -> None:
    assert microseconds(0.5, 1000) == pytest.approx(500)


def test_a_window_without_a_request_has_no_cost() -> None:
    with pytest.raises(ValueError, match="at least one request"):
        microseconds(1.0, 0)


def test_a_ratio_is_median_over_median() -> None:
    assert ratio(us(1, 2, 300), us(7, 8, 9)) == pytest.approx(0.25)


@pytest.mark.parametrize(("ours", "theirs"), [(None, us(1)), (us(1), None), (us(1), us(0))])
def test_there_is_no_ratio_without_both_figures(ours: Figure | None, theirs: Figure | None) -> None:
    assert ratio(ours, theirs) is None


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (TENTH, 0.1, True),
        (TENTH, 0.1001, False),
        (TENTH, None, None),
        (AT_LEAST_ONE, 1.0, True),
        (AT_LEAST_ONE, 0.99, False),
        (AT_LEAST_ONE, None, None),
    ],
)
def test_a_claim_is_met_at_its_bound_and_unknown_when_not_measured(
    target: Target, value: float | None, met: bool | None
) -> None:
    assert Claim(target, value).met is met


def test_a_missing_server_leaves_the_claim_unmeasured_and_is_named() -> None:
    claim = compare(TENTH, {"ours": us(1)}, "ours", "theirs")
    assert (claim.met, claim.remark) == (None, "no figure for theirs")


def test_a_comparison_divides_ours_by_theirs() -> None:
    assert compare(TENTH, {"ours": us(1), "theirs": us(20)}, "ours", "theirs").value == pytest.approx(0.05)


def test_turns_are_compared_each_with_its_neighbour() -> None:
    ours, theirs = us(12, 11, 24, 44, 90), us(10, 10, 20, 40, 80)
    claim = compare_by_turns(AT_LEAST_ONE, {"ours": ours, "theirs": theirs}, "ours", "theirs")
    assert claim.value == pytest.approx(1.125)  # the middle one of 1.2, 1.1, 1.2, 1.1 and 1.125; the medians are 24 and 20
    assert compare_by_turns(AT_LEAST_ONE, {"ours": ours}, "ours", "theirs").met is None
