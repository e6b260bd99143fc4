"""The evaluator decides as a naive one does that reads the policies anew for every question (tests/naive_policy.py)."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.policy import compiled
from isthmus.policy.context import Context
from isthmus.policy.evaluate import Attached, PrincipalPolicies, Request, evaluate
from tests import naive_policy

A = "111111111111"
VPC = f"arn:aws:ec2:us-east-1:{A}:vpc/a"
ALICE = f"arn:aws:iam::{A}:user/alice"

ACTIONS = ["ec2:DescribeVpcs", "ec2:DeleteVpc", "iam:GetUser"]
ACTION_PATTERNS = ["*", "ec2:*", "EC2:describe*", "ec2:?eleteVpc", "iam:Get*", "ec2:DescribeVpcs", "*:*Vpc*", "DescribeVpcs"]
RESOURCES = ["*", VPC, f"arn:aws:ec2:us-east-1:{A}:vpc/*", ALICE]
RESOURCE_PATTERNS = [
    "*", VPC, VPC.upper().replace("ARN:", "arn:"),
    "arn:AWS:ec2:*:*:vpc/?", "arn:aws:ec2:*", "arn:aws:ec2:*/a", "arn:*", "vpc/a",
    "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:user/${aws:TagKeys}", "arn:aws:iam::*:user/${aws:none}",
    "arn:aws:ec2:*:*:vpc/${aws:none, 'a'}", "arn:aws:ec2:*:*:vpc/${*}", "arn:aws:iam::${aws:n}:user/alice",
]  # fmt: skip
TEXTS = [
    "alice",
    "Alice",
    "a*",
    "*",
    "al?ce",
    "",
    "${aws:username}",
    "x${aws:none}",
    "${aws:none, 'alice'}",
    "a${*}",
    "${aws:TagKeys}",
]
NUMBERS = ["1", "2.0", "2", "10", "1e1", "x"]
DATES = ["2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00", "2026-06", "1780315200", "soon"]
ADDRESSES = ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "2001:db8::7", "0.0.0.0/0", "10.0.0"]
ARNS = [ALICE, "arn:aws:iam::*:user/*", "arn:aws:*/alice", "*", "alice", "arn:aws:iam::*:user/${aws:username}"]
TRUTHS = ["true", "FALSE", "false", "maybe"]
BYTES = ["QQ==", "Qg==", "Q"]

# By beginning of the operator's name: what a policy compares with, the key it asks for, and what a request says of it.
KINDS: dict[str, tuple[list[str], str, list[str]]] = {
    "String": (TEXTS, "aws:username", ["alice", "Alice", "a*", "*", ""]),
    "Numeric": (NUMBERS, "aws:n", ["1", "2", "10.0", "x"]),
    "Date": (DATES, "aws:d", ["2026-06-01T12:00:00Z", "2026-06-01", "1780315201", "soon"]),
    "IpAddress": (ADDRESSES, "aws:ip", ["10.1.2.3", "2001:db8::7", "::ffff:10.1.2.3", "somewhere"]),
    "NotIpAddress": (ADDRESSES, "aws:ip", []),
    "Arn": (ARNS, "aws:arn", [ALICE, f"arn:aws:iam::{A}:role/x", "alice"]),
    "Bool": ([*TRUTHS, "${aws:b}"], "aws:b", ["true", "FALSE", "perhaps"]),
    "Binary": (BYTES, "aws:bytes", ["QQ==", "Q"]),
    "Null": (TRUTHS, "aws:none", []),
    "Unheard": (TEXTS, "aws:username", []),
}
OPERATORS = sorted({*naive_policy.POSITIVE, *naive_policy.NEGATED, "Null", "UnheardOf"})
TAGS = ["aws:RequestTag/Env", "aws:RequestTag/env", "AWS:requesttag/ENV"]


def one_or_more(choices: list[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(choices) | st.lists(st.sampled_from(choices), min_size=1, max_size=3)


@st.composite
def clauses(draw: st.DrawFn) -> tuple[str, str, Any]:
    name = draw(st.sampled_from(OPERATORS))
    values, key, _ = next(kind for start, kind in KINDS.items() if name.startswith(start))
    key = draw(st.sampled_from([key, key, key.upper(), "aws:TagKeys", *TAGS]))
    prefix = draw(st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"]))
    suffix = draw(st.sampled_from(["", "", "IfExists"])) if name != "Null" else ""
    return f"{prefix}{name}{suffix}", key, draw(one_or_more(values))


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    conditions: dict[str, dict[str, Any]] = {}
    for operator, key, values in draw(st.lists(clauses(), max_size=2)):
        conditions.setdefault(operator, {})[key] = values
    return {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(one_or_more(ACTION_PATTERNS)),
        draw(st.sampled_from(["Resource", "Resource", "NotResource"])): draw(one_or_more(RESOURCE_PATTERNS)),
        **({"Condition": conditions} if conditions else {}),
    }


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    version = draw(st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17", None]))
    members: dict[str, Any] = {"Statement": draw(st.lists(statements(), min_size=1, max_size=4))}
    return members if version is None else {"Version": version, **members}


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, str | tuple[str, ...]]:
    given: dict[str, str | tuple[str, ...]] = {}
    for _, key, values in KINDS.values():
        some = draw(st.lists(st.sampled_from(values), max_size=2)) if values else []
        if draw(st.booleans()) and values:
            given[key] = tuple(some) if len(some) != 1 else some[0]
    if draw(st.booleans()):
        given["aws:TagKeys"] = tuple(draw(st.lists(st.sampled_from(["alice", "x", "2"]), max_size=2)))
    for tag in draw(st.lists(st.sampled_from(TAGS[:2]), unique=True)):
        given[tag] = draw(st.sampled_from(["alice", "2", "true"]))
    return given


def attached(policies: list[Any]) -> list[Attached]:
    return [Attached(compiled.load(json.dumps(policy))) for policy in policies]


@pytest.mark.rule("I56", "I62", "I63", "I65", "I66", "I72", "I73", "I74", "I75", "I81", "I82", "I83", "I89", "I90", "I91")
@settings(max_examples=3 * settings().max_examples, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    policy=documents(),
    action=st.sampled_from(ACTIONS),
    resource=st.sampled_from(RESOURCES),
    asked=st.lists(contexts(), min_size=1, max_size=3),
)
def test_one_policy_decides_as_the_naive_evaluator_says(policy: Any, action: str, resource: str, asked: Any) -> None:
    policies = PrincipalPolicies(attached([policy]))  # which remember: what was asked before may not count
    for context in asked:
        decision = evaluate(policies, Request(action, resource, Context.of(context)))
        expected = naive_policy.decide([("identity-based policy", [policy])], action, resource, context)
        assert (decision.outcome, decision.layer or "") == expected


@pytest.mark.rule("I112", "I113", "I114", "I115", "I116", "I155")
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    identity=st.lists(documents(), max_size=2),
    boundary=st.none() | st.lists(documents(), max_size=1),
    session=st.none() | st.lists(documents(), max_size=2),
    scps=st.none() | st.lists(st.lists(documents(), max_size=2), max_size=2),
    action=st.sampled_from(ACTIONS),
    context=contexts(),
)
def test_layers_decide_as_the_naive_evaluator_says(
    identity: Any, boundary: Any, session: Any, scps: Any, action: str, context: Any
) -> None:
    layers = [("service control policy", level) for level in scps or []]
    named = [("identity-based policy", identity), ("permissions boundary", boundary), ("session policy", session)]
    layers += [(name, policies) for name, policies in named if policies is not None]
    policies = PrincipalPolicies(
        attached(identity),
        None if boundary is None else attached(boundary),
        None if session is None else attached(session),
        None if scps is None else [attached(level) for level in scps],
    )
    decision = evaluate(policies, Request(action, VPC, Context.of(context)))
    assert (decision.outcome, decision.layer or "") == naive_policy.decide(layers, action, VPC, context)


TEXTS_OF_ALL_SORTS = st.text(max_size=30) | st.sampled_from(
    ["*", "ec2:*", "Allow", "Deny", "Statement", "2012-10-17", "${aws:username}", "arn:aws:ec2:*", "StringEquals"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXTS_OF_ALL_SORTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS_OF_ALL_SORTS, inner, max_size=4),
    max_leaves=20,
)
MEMBERS = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"]
STATEMENT = st.dictionaries(st.sampled_from(MEMBERS), JSON)


@pytest.mark.rule("I51", "I56")
@given(
    text=st.text(max_size=200)
    | JSON.map(json.dumps)
    | st.fixed_dictionaries({"Statement": STATEMENT | st.lists(STATEMENT | JSON, max_size=3)}).map(json.dumps),
    resource=st.sampled_from(RESOURCES) | st.text(max_size=20),
)
def test_no_text_makes_the_evaluator_fail_and_none_that_cannot_be_saved_allows(text: str, resource: str) -> None:
    policy = compiled.load(text)
    decision = evaluate(PrincipalPolicies([Attached(policy)]), Request("ec2:DescribeVpcs", resource, Context()))
    assert not decision.allowed or any(not each.statement.problem for each in policy.statements)
