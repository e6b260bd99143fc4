"""Policy variables."""

from typing import Any

import pytest

from isthmus.policy import variables
from isthmus.policy.context import Context
from isthmus.policy.evaluate import PrincipalPolicies, evaluate
from isthmus.policy.faults import Malformed
from isthmus.policy.match import Wildcard
from isthmus.policy.variables import OPENING, VERSION
from tests.policies import attached, decide, fires, request, statement

OWNER = "ec2:ResourceTag/Owner"
USERS = "arn:aws:iam::111111111111:user/"


def resolved(text: str, context: Any = None, version: str = VERSION, *, wildcards: bool = True) -> Any:
    tokens = variables.resolve(variables.template(text, version, wildcards=wildcards), Context.of(context or {}))
    return None if tokens is None else list(tokens)


@pytest.mark.rule("I71")
@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_before_2012_a_variable_is_literal_text(version: str | None) -> None:
    condition = {"StringEquals": {OWNER: "${aws:username}"}}
    assert not fires(condition, {OWNER: "alice", "aws:username": "alice"}, version=version)
    assert fires(condition, {OWNER: "${aws:username}", "aws:username": "alice"}, version=version)
    assert fires(condition, {OWNER: "alice", "aws:username": "alice"})


@pytest.mark.rule("I72")
@pytest.mark.parametrize("operator", ["StringEquals", "StringEqualsIgnoreCase", "StringLike"])
def test_a_variable_may_stand_among_other_text(operator: str) -> None:
    condition = {operator: {OWNER: "team-${aws:username}-${aws:none, 'x'}"}}
    assert fires(condition, {OWNER: "team-alice-x", "aws:username": "alice"})
    assert not fires(condition, {OWNER: "team-alice-y", "aws:username": "alice"})


@pytest.mark.rule("I73")
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("${aws:username}", ["alice"]),
        ("${AWS:UserName}", ["alice"]),
        ("${ aws:username }", ["alice"]),
        ("a-${aws:username}-z", ["a-", "alice", "-z"]),
        ("${aws:username}${aws:username}", ["alice", "alice"]),
        ("${aws:none, 'nobody'}", ["nobody"]),
        ("${aws:none,''}", [""]),
        ("${aws:username, 'nobody'}", ["alice"]),
        ("${aws:none}", None),
        ("x${aws:none}y${aws:none, 'z'}", None),
        ("${aws:PrincipalTag/cost center}", ["cc"]),
        ("${*}", ["*"]),
        ("${?}", ["?"]),
        ("${$}", ["$"]),
        ("${$}{aws:username}", ["$", "{aws:username}"]),
        ("*${aws:username}?", [Wildcard.STAR, "alice", Wildcard.HOLE]),
        ("$aws:username}", ["$aws:username}"]),
        ("", []),
    ],
)
def test_a_variable_is_its_key_s_value_or_its_default(text: str, tokens: Any) -> None:
    assert resolved(text, {"aws:username": "alice", "aws:PrincipalTag/cost center": "cc"}) == tokens


@pytest.mark.rule("I73", "I56")
@pytest.mark.parametrize(
    "text",
    [OPENING, "${}", "${aws:username", "a${b${aws:username}", "${a,b}", "${a, 'b'", "${a'b}", "${a, 'b'c}", "${**}"],
)
def test_what_opens_like_a_variable_and_is_none_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="Syntax errors in policy"):
        variables.template(text, VERSION)


@pytest.mark.rule("I84")
def test_without_wildcards_a_star_is_a_letter() -> None:
    assert resolved("a*?${*}", wildcards=False) == ["a*?", "*"]
    assert resolved("", wildcards=False) == []


@pytest.mark.rule("I73", "I56")
def test_a_multivalued_key_is_no_variable_so_an_allow_does_not_match_and_a_deny_does() -> None:
    condition = {"StringEquals": {OWNER: ["x", "${aws:TagKeys}"]}}
    context = {OWNER: "x", "aws:TagKeys": ("x",)}
    assert not fires(condition, context)
    assert fires(condition, context, effect="Deny")
    for effect, element, outcome in [
        ("Allow", "Resource", "implicitDeny"),
        ("Allow", "NotResource", "implicitDeny"),
        ("Deny", "Resource", "explicitDeny"),
        ("Deny", "NotResource", "explicitDeny"),
    ]:
        guarded = {"Effect": effect, "Action": "*", element: [f"{USERS}alice", f"{USERS}${{aws:TagKeys}}"]}
        decision = decide(guarded, action="iam:GetUser", resource=f"{USERS}alice", context=context)
        assert decision.outcome == outcome, (effect, element)


@pytest.mark.rule("I74")
@pytest.mark.parametrize(
    ("operator", "fired"),
    [("StringEquals", False), ("StringLike", False), ("ArnLike", False), ("StringNotEquals", True), ("StringNotLike", True)],
)
def test_without_a_value_a_positive_operator_does_not_match_and_a_negated_one_does(operator: str, fired: bool) -> None:
    assert fires({operator: {OWNER: "${aws:none}"}}, {OWNER: "alice"}) is fired


@pytest.mark.rule("I74")
def test_a_value_that_could_not_be_filled_in_leaves_the_others() -> None:
    values = ["${aws:none}", "alice"]
    assert fires({"StringEquals": {OWNER: values}}, {OWNER: "alice"})
    assert not fires({"StringNotEquals": {OWNER: values}}, {OWNER: "alice"})
    assert fires({"StringNotEquals": {OWNER: values}}, {OWNER: "bob"})


@pytest.mark.rule("I72", "I74")
@pytest.mark.parametrize(
    ("element", "pattern", "outcome"),
    [
        ("Resource", f"{USERS}${{aws:username}}", "allowed"),
        ("Resource", f"{USERS}team/${{aws:username}}", "implicitDeny"),
        ("Resource", f"{USERS}${{aws:none}}", "implicitDeny"),
        ("NotResource", f"{USERS}${{aws:username}}", "implicitDeny"),
        ("NotResource", f"{USERS}${{aws:none}}", "allowed"),
        ("Resource", f"{USERS}al*${{aws:none, 'ce'}}", "allowed"),
        ("Resource", f"{USERS}${{*}}", "implicitDeny"),
    ],
)
def test_a_variable_may_stand_in_the_last_field_of_a_resource(element: str, pattern: str, outcome: str) -> None:
    allowing = {"Effect": "Allow", "Action": "iam:*", element: pattern}
    decision = decide(allowing, action="iam:GetUser", resource=f"{USERS}alice", context={"aws:username": "alice"})
    assert decision.outcome == outcome


@pytest.mark.rule("I72", "I66")
def test_a_resource_with_a_variable_does_not_match_an_action_without_resources() -> None:
    assert not decide(statement(resource=f"{USERS}${{aws:username}}"), context={"aws:username": "*"}).allowed


@pytest.mark.rule("I72", "I56")
@pytest.mark.parametrize(("effect", "outcome"), [("Allow", "implicitDeny"), ("Deny", "explicitDeny")])
@pytest.mark.parametrize(
    "pattern",
    [
        "arn:aws:iam::${aws:PrincipalAccount}:user/alice",
        "arn:aws:${user, 'user'}*",
        "arn:aws:iam${user, ''}*",
        "arn:aws:iam::${account, '1'}*",
    ],
)
def test_a_variable_elsewhere_in_a_resource_cannot_be_evaluated(effect: str, outcome: str, pattern: str) -> None:
    early = statement(effect, resource=pattern)
    context = {"aws:PrincipalAccount": "111111111111"}
    assert decide(early, action="iam:GetUser", resource=f"{USERS}alice", context=context).outcome == outcome


@pytest.mark.rule("I71")
def test_before_2012_a_resource_keeps_its_dollar() -> None:
    text = f"{USERS}${{aws:username}}"
    policies = PrincipalPolicies([attached(statement(resource=text), version="2008-10-17")])
    assert evaluate(policies, request("iam:GetUser", text)).allowed
    assert not evaluate(policies, request("iam:GetUser", f"{USERS}alice", aws__username="alice")).allowed


@pytest.mark.rule("I72")
@pytest.mark.parametrize(
    "condition",
    [
        {"NumericLessThan": {"aws:number": "${aws:other}"}},
        {"DateLessThan": {"aws:number": "${aws:other}"}},
        {"IpAddress": {"aws:number": "${aws:other}"}},
        {"BinaryEquals": {"aws:number": "${aws:other}"}},
        {"Null": {"aws:number": "${aws:other}"}},
    ],
    ids=lambda condition: next(iter(condition)),
)
def test_numbers_dates_addresses_bytes_and_null_take_no_variables(condition: Any) -> None:
    context = {"aws:number": "1", "aws:other": "2"}
    assert not fires(condition, context)
    assert fires(condition, context, effect="Deny")  # and fail closed (I56)


@pytest.mark.rule("I72")
@pytest.mark.parametrize(
    ("operator", "given", "variable"),
    [
        ("StringEquals", "alice", "alice"),
        ("StringEqualsIgnoreCase", "ALICE", "alice"),
        ("StringLike", "x-alice-y", "alice"),
        ("ArnEquals", "arn:aws:iam::1:user/alice", "alice"),
        ("Bool", "TRUE", "true"),
    ],
)
def test_strings_arns_and_booleans_take_variables(operator: str, given: str, variable: str) -> None:
    texts = {"StringLike": "x-${aws:v}-?", "ArnEquals": "arn:aws:iam::*:user/${aws:v}"}
    condition = {operator: {"aws:given": texts.get(operator, "${aws:v}")}}
    assert fires(condition, {"aws:given": given, "aws:v": variable})
    assert not fires(condition, {"aws:given": given, "aws:v": "false"})


@pytest.mark.rule("I72", "I56")
@pytest.mark.parametrize(("effect", "fired"), [("Allow", False), ("Deny", True)])
def test_a_variable_whose_value_does_not_fit_the_operator_fails_closed(effect: str, fired: bool) -> None:
    assert fires({"Bool": {"aws:a": "${aws:b}"}}, {"aws:a": "true", "aws:b": "maybe"}, effect=effect) is fired


@pytest.mark.rule("I75")
@pytest.mark.parametrize("value", ["*", "al?ce", "a*"])
def test_wildcards_that_come_through_a_variable_are_letters(value: str) -> None:
    condition = {"StringLike": {OWNER: "${aws:PrincipalTag/own}"}}
    assert not fires(condition, {OWNER: "alice", "aws:PrincipalTag/own": value})
    assert fires(condition, {OWNER: value, "aws:PrincipalTag/own": value})
    assert not decide(
        statement(resource=f"{USERS}${{aws:PrincipalTag/own}}"),
        action="iam:GetUser",
        resource=f"{USERS}alice",
        context={"aws:PrincipalTag/own": value},
    ).allowed


@pytest.mark.rule("I75")
def test_a_value_is_not_read_for_variables_again() -> None:
    condition = {"StringEquals": {OWNER: "${aws:PrincipalTag/own}"}}
    context = {"aws:PrincipalTag/own": "${aws:username}", "aws:username": "alice"}
    assert not fires(condition, {OWNER: "alice", **context})
    assert fires(condition, {OWNER: "${aws:username}", **context})
