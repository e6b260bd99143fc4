"""What a request says under which key."""

import pytest

from isthmus.policy.context import Context, Key, Source, Value, key


def ask(given: dict[str, Source], written: str, parent: Context | None = None) -> Value | None:
    return Context.of(given, parent).get(key(written))


@pytest.mark.rule("I91")
@pytest.mark.parametrize("written", ["aws:username", "AWS:UserName", "aws:USERNAME"])
def test_a_key_is_found_in_any_case(written: str) -> None:
    assert ask({"aws:userName": "Alice"}, written) == "Alice"


@pytest.mark.rule("I91")
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("aws:RequestTag/Env", "exact"),
        ("AWS:requesttag/Env", "exact"),
        ("aws:RequestTag/env", "first by code point"),
        ("aws:RequestTag/other", None),
        ("ec2:RequestTag/Env", None),
    ],
)
def test_of_two_tags_that_differ_in_case_the_exact_one_counts_else_the_first(written: str, value: str | None) -> None:
    tags: dict[str, Source] = {
        "aws:RequestTag/Env": "exact",
        "aws:RequestTag/eNV": "last",
        "aws:RequestTag/ENV": "first by code point",
    }
    assert ask(tags, written) == value


def test_a_tag_key_may_have_slashes_of_its_own() -> None:
    assert key("aws:RequestTag/a/B") == Key("aws:RequestTag/a/B", "aws:requesttag/a/b", "aws:requesttag/", "a/B")
    assert ask({"aws:RequestTag/a/B": "v"}, "aws:requestTag/a/b") == "v"


def test_a_resource_s_context_stands_before_the_request_s() -> None:
    common = Context.of({"aws:a": "common", "aws:b": "common", "ec2:ResourceTag/x": "common", "ec2:ResourceTag/y": "common"})
    own: dict[str, Source] = {"aws:a": "own", "ec2:ResourceTag/x": "own"}
    assert [ask(own, name, common) for name in ("aws:a", "aws:b", "ec2:ResourceTag/x", "ec2:ResourceTag/y", "aws:c")] == [
        "own", "common", "own", "common", None,
    ]  # fmt: skip


def test_a_value_is_worked_out_only_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def clock() -> str:
        asked.append("clock")
        return "2026-06-01T12:00:00Z"

    context = Context({"aws:currenttime": clock, "aws:username": "alice", "aws:none": lambda: None})
    assert context.get(key("aws:username")) == "alice"
    assert asked == []
    assert context.get(key("aws:CurrentTime")) == "2026-06-01T12:00:00Z"
    assert asked == ["clock"]
    assert context.get(key("aws:none")) is None


@pytest.mark.rule("I89")
@pytest.mark.parametrize(("value", "found"), [((), None), (("",), ("",)), ("", "")])
def test_an_empty_set_is_no_value_and_an_empty_text_is_one(value: Value, found: Value | None) -> None:
    assert ask({"aws:TagKeys": value}, "aws:tagkeys") == found
