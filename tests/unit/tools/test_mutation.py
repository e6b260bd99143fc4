import pytest

from tools.mutation import by_room, chosen, percent_noticed, results_in, survivors

LISTING = """
    isthmus.domain.cidr.x_overlap__mutmut_1: killed
    isthmus.domain.cidr.x_overlap__mutmut_2: survived
    isthmus.domain.cidr.x_overlap__mutmut_3: no tests
    isthmus.domain.cidr.x_overlap__mutmut_4: timeout
    isthmus.domain.tags.x_check__mutmut_1: not checked
"""


def test_each_line_of_the_listing_is_a_mutant_and_its_status() -> None:
    assert results_in(LISTING)["isthmus.domain.cidr.x_overlap__mutmut_3"] == "no tests"
    assert len(results_in(LISTING)) == 5


@pytest.mark.parametrize(
    ("statuses", "percent"),
    [
        (["killed", "survived"], 50.0),
        (["killed", "no tests"], 50.0),
        (["killed", "timeout", "segfault", "survived"], 75.0),
        (["killed", "suspicious"], 50.0),
        (["killed", "not checked", "skipped"], 100.0),
        ([], 0.0),
    ],
)
def test_only_a_failing_or_hanging_test_counts_as_noticed(statuses: list[str], percent: float) -> None:
    assert percent_noticed(statuses) == percent


def test_each_room_is_judged_by_itself() -> None:
    listing = {"isthmus.policy.match.x_glob__mutmut_1": "survived", **results_in(LISTING)}
    assert by_room(listing) == {
        "domain": ["killed", "survived", "no tests", "timeout", "not checked"],
        "policy": ["survived"],
    }


def test_what_survived_or_was_never_reached_is_told() -> None:
    assert survivors(results_in(LISTING)) == [
        "survived: isthmus.domain.cidr.x_overlap__mutmut_2",
        "no tests: isthmus.domain.cidr.x_overlap__mutmut_3",
    ]


@pytest.mark.parametrize(
    ("patterns", "expected"), [([], True), (["isthmus.domain.cidr*"], True), (["isthmus.domain.tags*"], False)]
)
def test_patterns_choose_mutants(patterns: list[str], expected: bool) -> None:
    assert chosen("isthmus.domain.cidr.x_overlap__mutmut_1", patterns) is expected
