"""Tags: what may be one, how many fit, and what untagging takes away."""

from collections.abc import Callable

import pytest

from isthmus.domain.errors import ApiError
from isthmus.domain.tags import check_tags, from_specifications, merged, to_create, to_delete


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value.code, refused.value.message


def many(count: int) -> list[tuple[str | None, str | None]]:
    return [(f"key{number}", "") for number in range(count)]


LIMIT = ("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")


@pytest.mark.rule("S596")
def test_tags_keep_their_order_and_their_letter_case() -> None:
    tags = check_tags([("b", "1"), ("B", "2"), ("a", "")])
    assert list(tags.items()) == [("b", "1"), ("B", "2"), ("a", "")]


def test_no_tags_are_no_tags() -> None:
    assert check_tags([]) == {}


def test_an_absent_value_is_an_empty_one() -> None:
    assert check_tags([("Name", None)]) == {"Name": ""}


@pytest.mark.rule("S596")
def test_a_key_has_up_to_128_characters() -> None:
    assert check_tags([("ä" * 128, "")]) == {"ä" * 128: ""}
    assert refusal(lambda: check_tags([("ä" * 129, "")])) == (
        "InvalidParameterValue",
        "Tag key exceeds the maximum length of 128 characters",
    )


@pytest.mark.rule("S596")
@pytest.mark.parametrize("key", ["", None])
def test_a_key_has_at_least_one_character(key: str | None) -> None:
    assert refusal(lambda: check_tags([(key, "x")])) == ("InvalidTagKey.Malformed", "The tag key cannot be empty")


@pytest.mark.rule("S596")
def test_a_value_has_up_to_256_characters() -> None:
    assert check_tags([("k", "ä" * 256)]) == {"k": "ä" * 256}
    assert refusal(lambda: check_tags([("k", "ä" * 257)])) == (
        "InvalidParameterValue",
        "Tag value exceeds the maximum length of 256 characters",
    )


@pytest.mark.rule("S596")
@pytest.mark.parametrize("key", ["aws:", "aws:createdBy"])
def test_the_aws_prefix_is_reserved(key: str) -> None:
    assert refusal(lambda: check_tags([(key, "x")])) == (
        "InvalidParameterValue",
        "Tag keys starting with 'aws:' are reserved for internal use",
    )


@pytest.mark.parametrize("key", ["aws", "AWS:x", "my-aws:x", " "])
def test_only_that_prefix_in_lower_case_is_reserved(key: str) -> None:
    assert check_tags([(key, "aws:x")]) == {key: "aws:x"}


def test_one_request_names_a_key_once() -> None:
    assert refusal(lambda: check_tags([("a", "1"), ("b", "1"), ("a", "1")])) == (
        "InvalidParameterValue",
        "Duplicate tag key 'a' specified.",
    )


@pytest.mark.rule("S596")
def test_an_object_takes_fifty_tags_and_no_more() -> None:
    assert len(check_tags(many(50))) == 50
    assert refusal(lambda: check_tags(many(51))) == LIMIT
    assert len(to_create(many(50))) == 50
    assert refusal(lambda: to_create(many(51))) == LIMIT
    assert len(from_specifications([("vpc", many(50))], "vpc")) == 50
    assert refusal(lambda: from_specifications([("vpc", many(51))], "vpc")) == LIMIT


def test_the_limit_can_be_another() -> None:
    assert len(check_tags(many(2), limit=2)) == 2
    assert refusal(lambda: check_tags(many(3), limit=2)) == LIMIT
    assert refusal(lambda: to_create(many(3), limit=2)) == LIMIT
    assert refusal(lambda: from_specifications([("vpc", many(3))], "vpc", limit=2)) == LIMIT
    assert refusal(lambda: merged({"a": "", "b": ""}, {"c": ""}, limit=2)) == LIMIT


@pytest.mark.rule("S596")
def test_tagging_again_overwrites() -> None:
    before, added = {"a": "1", "b": "2"}, {"b": "3", "c": "4"}
    assert merged(before, added) == {"a": "1", "b": "3", "c": "4"}
    assert (before, added) == ({"a": "1", "b": "2"}, {"b": "3", "c": "4"})


@pytest.mark.rule("S596")
def test_old_and_new_tags_count_together_but_an_overwritten_one_once() -> None:
    full = {f"key{number}": "old" for number in range(50)}
    assert len(merged(full, {"key7": "new"})) == 50
    assert refusal(lambda: merged(full, {"one more": ""})) == LIMIT


@pytest.mark.rule("S244")
def test_create_tags_needs_tags() -> None:
    assert to_create([("Name", "web")]) == {"Name": "web"}
    assert refusal(lambda: to_create([])) == (
        "InvalidParameterValue",
        "You must specify one or more tags to create",
    )


@pytest.mark.rule("S505")
def test_a_create_takes_the_tags_of_its_own_kind() -> None:
    assert from_specifications([], "vpc") == {}
    assert from_specifications([("vpc", [("a", "1"), ("b", None)]), ("vpc", [("c", "3")])], "vpc") == {
        "a": "1",
        "b": "",
        "c": "3",
    }


@pytest.mark.rule("S244", "S505")
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("vpc", "InvalidParameter"),
        ("subnet", "InvalidParameter"),
        ("network-interface", "InvalidParameter"),
        ("security-group-rule", "InvalidParameter"),
        ("vpc-peering-connection", "InvalidParameterValue"),
        ("security-group", "InvalidParameterValue"),
        ("route-table", "InvalidParameterValue"),
        ("internet-gateway", "InvalidParameterValue"),
    ],
)
def test_tags_for_another_kind_are_refused_with_the_code_of_the_action(kind: str, code: str) -> None:
    assert refusal(lambda: from_specifications([(kind, [("a", "")]), ("boat", [("b", "")])], kind)) == (
        code,
        "'boat' is not a valid taggable resource type for this operation.",
    )


@pytest.mark.rule("S244")
def test_a_specification_holds_a_tag() -> None:
    assert refusal(lambda: from_specifications([("vpc", [("a", "")]), ("vpc", [])], "vpc")) == (
        "InvalidParameterValue",
        "Tag specification must have at least one tag",
    )


@pytest.mark.parametrize("resource_type", [None, ""])
def test_a_specification_says_what_it_is_for(resource_type: str | None) -> None:
    assert refusal(lambda: from_specifications([(resource_type, [("a", "")])], "vpc")) == (
        "InvalidParameterValue",
        "Tag specification resource type must have a value",
    )


def test_a_key_is_given_once_over_all_specifications() -> None:
    specifications = [("vpc", [("a", "1")]), ("vpc", [("a", "2")])]
    assert refusal(lambda: from_specifications(specifications, "vpc"))[1] == "Duplicate tag key 'a' specified."


PRESENT = {"Name": "web", "Stage": "", "Owner": "ann"}


@pytest.mark.rule("S597")
@pytest.mark.parametrize(
    ("selectors", "deleted"),
    [
        ([], ["Name", "Stage", "Owner"]),
        ([("Name", None)], ["Name"]),
        ([("Name", "web")], ["Name"]),
        ([("Name", "db")], []),
        ([("Name", "")], []),
        ([("Stage", "")], ["Stage"]),
        ([("Stage", None)], ["Stage"]),
        ([("name", None)], []),
        ([("Nobody", None)], []),
        ([("Owner", None), ("Name", "web"), ("Nobody", "x")], ["Name", "Owner"]),
        ([("Name", "db"), ("Name", "web")], ["Name"]),
        ([("Name", None), ("Name", None)], ["Name"]),
    ],
)
def test_untagging_takes_a_key_whatever_its_value_unless_a_value_is_named(
    selectors: list[tuple[str, str | None]], deleted: list[str]
) -> None:
    assert to_delete(PRESENT, selectors) == deleted
