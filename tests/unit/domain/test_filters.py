"""Filters: which objects they let through, and which requests they refuse."""

from collections.abc import Sequence
from time import process_time

import pytest

from isthmus.domain import filters
from isthmus.domain.errors import ApiError
from isthmus.domain.filters import Filter, FilterTable, exact, flag, pattern

Boat = dict[str, list[str]]

BOATS: FilterTable[Boat] = FilterTable(
    getters={
        "name": lambda boat: boat["name"],
        "port": lambda boat: boat.get("port", []),
        "is-default": lambda boat: flag(boat["name"] == ["Ann"]),
    },
    aliases={"isDefault": "is-default", "boatName": "name"},
)


def wanted(name: str, *values: str) -> Filter:
    return Filter(name, values)


def finds(boat: Boat, *conditions: Filter, tags: dict[str, str] | None = None) -> bool:
    return BOATS.compile(conditions)(boat, tags or {})


def refusal(*conditions: Filter) -> tuple[str, str]:
    with pytest.raises(ApiError) as refused:
        BOATS.compile(conditions)
    return refused.value.code, refused.value.message


ANN: Boat = {"name": ["Ann"], "port": ["Oslo", "Kiel"]}
BEA: Boat = {"name": ["Bea"]}


def test_no_filter_lets_everything_through() -> None:
    assert finds(ANN)
    assert finds(BEA)


@pytest.mark.rule("S324")
def test_several_values_mean_any_of_them() -> None:
    assert finds(ANN, wanted("name", "Cid", "Ann"))
    assert not finds(BEA, wanted("name", "Cid", "Ann"))


@pytest.mark.rule("S324")
def test_several_filters_mean_all_of_them() -> None:
    assert finds(ANN, wanted("name", "Ann"), wanted("port", "Oslo"))
    assert not finds(ANN, wanted("name", "Ann"), wanted("port", "Rome"))
    assert not finds(ANN, wanted("name", "Bea"), wanted("port", "Oslo"))


@pytest.mark.rule("S324")
def test_the_same_name_twice_means_both() -> None:
    assert finds(ANN, wanted("port", "Oslo"), wanted("port", "Kiel"))
    assert not finds(ANN, wanted("name", "Ann"), wanted("name", "Bea"))


@pytest.mark.rule("S324")
@pytest.mark.parametrize("condition", [wanted("name", "ann"), wanted("name", "A", "nn"), wanted("name", "Ann ")])
def test_values_are_compared_letter_for_letter(condition: Filter) -> None:
    assert not finds(ANN, condition)


@pytest.mark.rule("S324", "S326")
@pytest.mark.parametrize("name", ["Name", "colour", "", "tag", "Tag:Name", "tag-keys", "is_default"])
def test_an_unknown_name_is_refused_in_the_spelling_it_came_in(name: str) -> None:
    assert refusal(wanted(name, "x")) == ("InvalidParameterValue", f"The filter '{name}' is invalid")


def test_an_object_without_the_member_matches_no_value() -> None:
    assert not finds(BEA, wanted("port", "*"))
    assert not finds(BEA, wanted("port", ""))


def test_one_of_several_texts_is_enough() -> None:
    assert finds(ANN, wanted("port", "Kiel"))
    assert finds(ANN, wanted("port", "K*"))
    assert not finds(ANN, wanted("port", "L*"))


def test_a_filter_without_values_matches_nothing() -> None:
    assert not finds(ANN, Filter("name", ()))


def test_another_spelling_of_a_name_is_the_same_filter() -> None:
    assert finds(ANN, wanted("isDefault", "true"), wanted("boatName", "Ann"))
    assert not finds(BEA, wanted("isDefault", "true"))


def test_booleans_are_the_words_true_and_false() -> None:
    assert (flag(True), flag(False)) == (("true",), ("false",))
    assert finds(BEA, wanted("is-default", "false"))
    assert not finds(BEA, wanted("is-default", "False"))


def test_a_tag_filter_looks_at_the_value_of_that_key() -> None:
    tags = {"Name": "web", "Stage": "prod"}
    assert finds(ANN, wanted("tag:Name", "web"), tags=tags)
    assert finds(ANN, wanted("tag:Name", "w*"), tags=tags)
    assert not finds(ANN, wanted("tag:Name", "prod"), tags=tags)
    assert not finds(ANN, wanted("tag:name", "web"), tags=tags)
    assert not finds(ANN, wanted("tag:Owner", "*"), tags=tags)
    assert not finds(ANN, wanted("tag:Owner", ""), tags=tags)


def test_tag_filters_stand_beside_others() -> None:
    assert finds(ANN, wanted("tag:Name", "web"), wanted("name", "Ann"), tags={"Name": "web"})
    assert not finds(ANN, wanted("tag:Name", "web"), wanted("name", "Ann"), tags={"Name": "db"})


def test_a_tag_key_filter_looks_at_keys_only() -> None:
    tags = {"Name": "web", "Stage": "prod"}
    assert finds(ANN, wanted("tag-key", "Stage"), tags=tags)
    assert finds(ANN, wanted("tag-key", "St*"), tags=tags)
    assert not finds(ANN, wanted("tag-key", "prod"), tags=tags)
    assert not finds(ANN, wanted("tag-key", "*"))


def test_a_key_may_hold_anything_even_a_colon_or_nothing() -> None:
    assert finds(ANN, wanted("tag:a:b", "1"), tags={"a:b": "1"})
    assert finds(ANN, wanted("tag:", "1"), tags={"": "1"})
    assert finds(ANN, wanted("tag:*", "1"), tags={"*": "1"})
    assert not finds(ANN, wanted("tag:*", "1"), tags={"a": "1"})


WILDCARDS = [
    ("*", "", True),
    ("*", "anything", True),
    ("**", "", True),
    ("a*", "a", True),
    ("a*", "abc", True),
    ("a*", "ba", False),
    ("*c", "abc", True),
    ("*c", "cab", False),
    ("a*c", "ac", True),
    ("a*c", "abcbc", True),
    ("a*c", "abcb", False),
    ("*b*", "abc", True),
    ("*b*", "ac", False),
    ("?", "", True),
    ("?", "a", True),
    ("?", "ab", False),
    ("??", "", True),
    ("??", "ab", True),
    ("??", "abc", False),
    ("a?c", "ac", True),
    ("a?c", "abc", True),
    ("a?c", "abbc", False),
    ("a???", "a", True),
    ("a???", "abcd", True),
    ("a???", "abcde", False),
    ("?a?b?", "ab", True),
    ("?a?b?", "xaybz", True),
    ("?a?b?", "xxab", False),
    ("?*b", "b", True),
    ("*?", "", True),
    ("?*?b??*c", "bc", True),
    ("?*?b??*c", "c", False),
    ("a?b?c", "ac", False),
    ("aa?a?a", "aaaa", True),
    ("aa?a?a", "aaa", False),
    ("aa?a?a", "aaaaaa", True),
    ("aa?a?a", "aaaaaaa", False),
    (r"\*", "*", True),
    (r"\*", "a", False),
    (r"\?", "?", True),
    (r"\?", "", False),
    (r"\\", "\\", True),
    (r"\\*", "\\abc", True),
    (r"\\\*", "\\*", True),
    (r"\\\*", "\\a", False),
    (r"*\*", "a*", True),
    (r"*\*", "ab", False),
    (r"C:\t*", r"C:\temp", True),
    ("a*\\", "ab\\", True),
    ("a*\\", "ab", False),
    ("abc", "abc", True),
    ("abc", "abcd", False),
    ("", "", True),
    ("", "a", False),
    ("a.c*", "abc", False),
    ("*\n*", "a\nb", True),
    ("?", "\n", True),
    ("A*", "a", False),
]


@pytest.mark.rule("S325")
@pytest.mark.parametrize(("value", "text", "matches"), WILDCARDS)
def test_a_star_is_any_run_and_a_question_mark_one_or_none(value: str, text: str, matches: bool) -> None:
    assert pattern(value)(text) is matches
    assert finds({"name": [text]}, wanted("name", value)) is matches


@pytest.mark.rule("S325")
def test_plain_values_and_wildcards_stand_together() -> None:
    for name in ("Ann", "Bea"):
        assert finds({"name": [name]}, wanted("name", "Ann", "B*"))
    assert not finds({"name": ["Cid"]}, wanted("name", "Ann", "B*"))
    assert not finds({"name": ["B*"]}, wanted("name", r"A\*", "C*"))
    assert finds({"name": ["A*"]}, wanted("name", r"A\*", "C*"))


@pytest.mark.parametrize("value", ["*a" * 127, "?" * 255, "a?" * 127, "*?" * 127 + "b", "*" * 255])
def test_no_value_makes_the_server_think_for_long(value: str) -> None:
    matches = pattern(value)
    begun = process_time()
    for _ in range(10):
        matches("a" * 2000)
    assert process_time() - begun < 1


@pytest.mark.rule("S325", "S141")
def test_fifty_filters_are_allowed_and_no_more() -> None:
    assert finds(ANN, *[wanted("name", "Ann")] * 50)
    assert refusal(*[wanted("name", "Ann")] * 51) == (
        "FilterLimitExceeded",
        "The maximum number of filters that can be specified is 50.",
    )


@pytest.mark.rule("S325", "S141")
def test_two_hundred_values_are_allowed_and_no_more() -> None:
    assert finds(ANN, wanted("name", *["x"] * 199, "Ann"))
    assert refusal(wanted("name", "Ann"), wanted("isDefault", *["x"] * 201)) == (
        "FilterLimitExceeded",
        "The maximum number of values that can be specified for the filter 'isDefault' is 200.",
    )


@pytest.mark.rule("S325")
def test_values_of_255_characters_are_allowed_and_no_longer_ones() -> None:
    assert finds({"name": ["x" * 255]}, wanted("name", "x" * 255))
    assert refusal(wanted("name", "ok", "x" * 256)) == (
        "InvalidParameterValue",
        "A value of the filter 'name' is longer than 255 characters.",
    )


@pytest.mark.rule("S325")
def test_the_limits_hold_for_tag_filters_too() -> None:
    assert refusal(wanted("tag:Name", "x" * 256))[0] == "InvalidParameterValue"
    assert refusal(wanted("tag-key", *["x"] * 201))[0] == "FilterLimitExceeded"


@pytest.mark.parametrize(
    ("conditions", "values"),
    [
        ([], None),
        ([wanted("port", "Oslo")], None),
        ([wanted("name", "Ann", "Bea")], ("Ann", "Bea")),
        ([wanted("port", "Oslo"), wanted("name", "Ann")], ("Ann",)),
        ([wanted("name", "Ann"), wanted("name", "Bea")], ("Ann",)),
        ([wanted("name", "A*"), wanted("name", "Bea")], ("Bea",)),
        ([wanted("name", "Ann", "B*")], None),
        ([wanted("name", "Ann?")], None),
        ([wanted("name", r"A\*\?\\n\n")], ("A*?\\n\\n",)),
        ([wanted("name", "")], ("",)),
        ([Filter("name", ())], ()),
    ],
)
def test_an_index_is_asked_only_for_plain_values(conditions: Sequence[Filter], values: tuple[str, ...] | None) -> None:
    assert exact(conditions, "name") == values


def test_the_limits_are_the_documented_ones() -> None:
    assert (filters.MAX_FILTERS, filters.MAX_VALUES, filters.MAX_VALUE_LENGTH) == (50, 200, 255)
