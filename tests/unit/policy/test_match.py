"""Wildcards, actions and ARNs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.policy import match
from isthmus.policy.faults import Malformed
from isthmus.policy.match import Wildcard
from tests.policies import steps_of


@pytest.mark.rule("I61", "I84")
@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("*", "", True),
        ("**", "anything", True),
        ("a*", "a", True),
        ("a*", "ba", False),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a*b*c", "abb", False),
        ("*ab*ab*", "aab", False),
        ("*ab*ab*", "xabyabz", True),
        ("?", "", False),
        ("?", "x", True),
        ("?", "xy", False),
        ("a?c", "abc", True),
        ("a?c", "abd", False),
        ("a?c*", "axcd", True),
        ("*a?c", "xxabc", True),
        ("*?b?*", "aabb", True),
        ("*?b?*", "ab", False),
        ("*?*?*", "x", False),
        ("*?*?*", "xy", True),
        ("x*a?a*y", "xaxaay", True),
        ("x*a?a*y", "xaay", False),
        ("*aab*", "aaab", True),
        ("*a?b*", "aa?b", True),
        ("??*b", "ab", False),
        ("a?*c", "abc", True),
        ("a*bc*c", "abc", False),
        ("a*b?*c", "abc", False),
        ("*[a-z].+*", "x[a-z].+y", True),
        ("*[a-z].+*", "xqy", False),
    ],
)
def test_a_star_is_any_run_and_a_question_mark_one_character(pattern: str, text: str, matches: bool) -> None:
    assert match.pattern(pattern)(text) is matches


def slowly(pattern: str, text: str) -> bool:
    """The two wildcards by the book."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return slowly(pattern[1:], text) or (bool(text) and slowly(pattern, text[1:]))
    return bool(text) and pattern[0] in {"?", text[0]} and slowly(pattern[1:], text[1:])


@pytest.mark.rule("I57", "I84")
@given(pattern=st.text("ab*?", max_size=9), text=st.text("ab?", max_size=11))
def test_patterns_match_what_a_slow_matcher_says(pattern: str, text: str) -> None:
    assert match.pattern(pattern)(text) is slowly(pattern, text)


def test_a_long_pattern_matches_as_a_short_one_does() -> None:
    for size in (match.MAX_REMEMBERED_LENGTH - 1, match.MAX_REMEMBERED_LENGTH):
        test = match.pattern("a" * size + "*")
        assert test("a" * size + "b")
        assert not test("a" * (size - 1) + "b")


@pytest.mark.rule("I57")
def test_only_short_patterns_are_remembered() -> None:
    match._remembered.cache_clear()
    match.pattern("x" * (match.MAX_REMEMBERED_LENGTH + 1))
    assert match._remembered.cache_info().currsize == 0
    match.pattern("x" * match.MAX_REMEMBERED_LENGTH)
    assert match._remembered.cache_info().currsize == 1


@pytest.mark.rule("I75")
def test_what_is_text_among_the_tokens_is_no_wildcard() -> None:
    test = match.glob(["a", "*", Wildcard.STAR, "?"])
    assert test("a*xyz?")
    assert not test("abxyz?")
    assert not test("a*xyzz")


@pytest.mark.rule("I75")
def test_texts_that_stand_side_by_side_are_one_text() -> None:
    test = match.glob(["a", "b", Wildcard.STAR, "c", "d"])
    assert test("abcd")
    assert test("ab-cd")
    assert not test("acd")


HOSTILE = {
    "stars": lambda size: ("a*" * (size // 2) + "b", "a" * size),
    "stars and holes": lambda size: ("a?*" * (size // 3) + "b", "a" * size),
    "a long run after a star": lambda size: ("*" + "a" * (size // 2) + "b*", "a" * size),
    "a long run with a hole": lambda size: ("*?" + "a" * (size // 2) + "b*", "a" * size),
    "holes": lambda size: ("*" + "?" * (size // 2) + "b*", "a" * size),
    "only holes and stars": lambda size: ("*?" * (size // 2), "a" * (size // 3)),
}


@pytest.mark.rule("I57")
@pytest.mark.parametrize("family", HOSTILE)
def test_a_pattern_made_to_blow_up_costs_a_few_steps_a_character(family: str) -> None:
    size = 2_000
    pattern, text = HOSTILE[family](size)
    tokens = match.tokens(pattern)
    assert steps_of(lambda: match.glob(tokens)(text)) < 200 * size  # a matcher that takes choices back needs thousands


@pytest.mark.rule("I57")
@pytest.mark.parametrize("family", HOSTILE)
def test_twice_the_size_takes_at_most_about_twice_the_steps(family: str) -> None:
    small, large = (match.tokens(HOSTILE[family](size)[0]) for size in (1_000, 2_000))
    first = steps_of(lambda: match.glob(small)("a" * 1_000))
    second = steps_of(lambda: match.glob(large)("a" * 2_000))
    assert second < 2.2 * first + 100


@pytest.mark.rule("I61")
@pytest.mark.parametrize(
    ("patterns", "asked", "covered"),
    [
        (["ec2:DescribeVpcs"], "ec2:describevpcs", True),
        (["EC2:describe*"], "ec2:describevpcs", True),
        (["ec2:DescribeVpc"], "ec2:describevpcs", False),
        (["ec2:Describe"], "ec2:describevpcs", False),
        (["*"], "ec2:describevpcs", True),
        (["*:*"], "ec2:describevpcs", True),
        (["iam:*", "ec2:Create*"], "ec2:describevpcs", False),
        (["iam:*", "ec2:*Vpcs"], "ec2:describevpcs", True),
        (["ec?:*"], "ec2:describevpcs", True),
        ([], "ec2:describevpcs", False),
    ],
)
def test_an_action_is_matched_whole_and_in_any_case(patterns: list[str], asked: str, covered: bool) -> None:
    assert match.actions(patterns)(asked) is covered


@pytest.mark.rule("I61", "I52")
@pytest.mark.parametrize("pattern", ["DescribeVpcs", "ec2*", "**", ""])
def test_an_action_without_a_service_is_malformed(pattern: str) -> None:
    with pytest.raises(Malformed, match="prefaced by a vendor"):
        match.actions(["ec2:*", pattern])


VPC = "arn:aws:ec2:us-east-1:111111111111:vpc/vpc-0aaa"


@pytest.mark.rule("I63", "I64", "I65")
@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (VPC, True),
        ("arn:aws:ec2:us-east-1:111111111111:vpc/*", True),
        ("arn:aws:ec2:*:*:vpc/vpc-????", True),
        ("arn:aws:ec2:*:*:*", True),
        ("arn:aws:ec2:*:*:subnet/*", False),
        ("ARN:aws:ec2:*:*:*", None),  # no ARN: it does not begin with arn
        ("arn:AWS:EC2:US-EAST-1:111111111111:vpc/vpc-0aaa", True),
        ("arn:aws:ec2:us-east-1:111111111111:VPC/vpc-0aaa", False),
        ("arn:aws:ec2:us-east-1:111111111111:vpc/VPC-0AAA", False),
        ("arn:aws:ec2:*/vpc-0aaa", None),
        ("arn:aws:ec2:*", True),
        ("arn:aws:ec*", True),
        ("arn:aws:EC*", True),
        ("arn:aws:s3:*", False),
        ("arn:*", True),
        ("arn:aws:ec2", None),
        ("arn:", None),
        ("*:*", None),
        ("vpc/vpc-0aaa", None),
        ("", None),
        ("arn:aws:ec2:us-*:1*:vpc/*", True),
        ("arn:aws:ec2:us-east-1:2*:vpc/*", False),
        ("arn:aws:ec2:eu-*:*:vpc/*", False),
        ("arn:aws-cn:ec2:*:*:vpc/*", False),
    ],
)
def test_a_resource_is_matched_field_by_field(pattern: str, matches: bool | None) -> None:
    test = match.resource_pattern(pattern)
    fields = match.resource_arn(VPC)
    assert fields is not None
    assert (None if test is None else test(fields)) is matches


@pytest.mark.rule("I63")
def test_inside_the_last_field_a_star_crosses_slashes_and_colons() -> None:
    test = match.resource_pattern("arn:aws:logs:*:*:log-group:*z")
    fields = match.resource_arn("arn:aws:logs:us-east-1:111111111111:log-group:a/b:stream:z")
    assert test is not None
    assert fields is not None
    assert test(fields)


@pytest.mark.rule("I66")
@pytest.mark.parametrize("text", ["*", "", "vpc/vpc-1", "arn:aws:ec2:us-east-1:111111111111"])
def test_what_has_no_six_fields_is_no_arn(text: str) -> None:
    assert match.resource_arn(text) is None
    assert match.arn(text) is None


@pytest.mark.rule("I64")
def test_the_first_five_fields_of_a_resource_are_folded_and_the_last_is_not() -> None:
    assert match.resource_arn("arn:AWS:EC2:us:1:VPC/x:Y") == ("arn", "aws", "ec2", "us", "1", "VPC/x:Y")
    assert match.arn("arn:AWS:EC2:us:1:VPC/x:Y") == ("arn", "AWS", "EC2", "us", "1", "VPC/x:Y")


@pytest.mark.rule("I85")
@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("arn:aws:iam::1:user/alice", "arn:aws:iam::1:user/alice", True),
        ("arn:aws:iam::1:user/*", "arn:aws:iam::1:user/a:b/c", True),
        ("arn:aws:iam::1:user/a:b*:*d", "arn:aws:iam::1:user/a:b:c:d", True),
        ("arn:aws:*/alice", "arn:aws:iam::1:user/alice", False),
        ("arn:aws:*:*:*:user/alice", "arn:aws:iam::1:user/alice", True),
        ("arn:AWS:iam::1:user/alice", "arn:aws:iam::1:user/alice", False),
        ("arn:aws:iam::*", "arn:aws:iam::1:user/alice", True),
        ("*", "arn:aws:iam::1:user/alice", True),
        ("", "arn:aws:iam::1:user/alice", False),
    ],
)
def test_an_arn_of_a_condition_is_matched_letter_for_letter(pattern: str, text: str, matches: bool) -> None:
    fields = match.arn(text)
    assert fields is not None
    assert match.arn_pattern(match.tokens(pattern))(fields) is matches


@pytest.mark.rule("I75", "I85")
def test_colons_that_came_as_text_part_the_fields_too() -> None:
    fields = match.arn("arn:aws:iam::1:user/a*")
    assert fields is not None
    assert match.arn_pattern(["arn:aws:iam::1:user/", "a*"])(fields)
    assert not match.arn_pattern(["arn:aws:iam::1:user/", "*"])(fields)
    assert match.arn_pattern([Wildcard.STAR, ":aws:iam:", ":1:", "user/", Wildcard.STAR])(fields)
