"""Tags of IAM's objects: what tagging and untagging leave."""

import pytest

from isthmus.domain.errors import ApiError
from isthmus.domain.iam import tags

Pairs = list[tuple[str | None, str | None]]


def code(kind: str, given: Pairs, present: dict[str, str] | None = None) -> str:
    with pytest.raises(ApiError) as caught:
        tags.merged(kind, present or {}, given)
    return caught.value.code


@pytest.mark.rule("I192", "I194", "I195")
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("user", {"b": "2", "team": "new"}),
        ("role", {"b": "2", "team": "new"}),
        ("policy", {"Team": "old", "b": "2", "team": "new"}),
        ("instance-profile", {"Team": "old", "b": "2", "team": "new"}),
    ],
)
def test_the_keys_of_principals_differ_by_more_than_letter_case(kind: str, outcome: dict[str, str]) -> None:
    present = {"Team": "old", "b": "2"}
    assert tags.merged(kind, present, [("team", "new")]) == outcome
    assert tags.without(kind, outcome, ["TEAM"]) == ({"b": "2"} if kind in tags.FOLDING else outcome)
    assert present == {"Team": "old", "b": "2"}


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "Aws:"])
def test_the_services_own_keys_are_reserved(key: str) -> None:
    assert code("user", [(key, "")]) == "InvalidInput"


@pytest.mark.parametrize(("kind", "twice"), [("user", "TEAM"), ("policy", "Team")])
def test_a_key_comes_once_in_a_request(kind: str, twice: str) -> None:
    assert code(kind, [("Team", "1"), (twice, "2")]) == "InvalidInput"


@pytest.mark.parametrize("pair", [(None, "x"), ("x", None)])
def test_a_tag_has_a_key_and_a_value(pair: tuple[str | None, str | None]) -> None:
    assert code("user", [("a", "b"), pair]) == "ValidationError"


def test_fifty_tags_are_enough_whatever_takes_the_place_of_what() -> None:
    full = {f"k{number}": "" for number in range(50)}
    assert len(tags.merged("user", full, [("K7", "new")])) == 50
    assert code("user", [("k50", "")], full) == "LimitExceeded"
    assert code("policy", [("K7", "")], full) == "LimitExceeded"


def test_keys_that_are_not_there_are_no_error() -> None:
    assert tags.without("user", {"a": "1"}, ["b"]) == {"a": "1"}
