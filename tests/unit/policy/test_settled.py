"""What is decided once about a caller decides what it would have decided at every request."""

import json
from collections.abc import Mapping
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from isthmus.policy import compiled
from isthmus.policy.context import Context, Value, fold
from isthmus.policy.evaluate import Attached, PrincipalPolicies, Request, evaluate

NAMES: Final = ("aws:username", "aws:PrincipalTag/team", "aws:SourceIp", "ec2:Tenancy")
CONSTANT: Final = frozenset({"aws:username", "aws:principaltag/"})
VALUES: Final = ("ann", "bob", "10.0.0.1", "${aws:username}", "${aws:SourceIp}", "${aws:PrincipalTag/team, 'ann'}")
OPERATORS: Final = (
    "StringEquals",
    "StringNotEquals",
    "StringLikeIfExists",
    "ForAnyValue:StringEquals",
    "IpAddress",
    "Unknown",
)

clauses = st.dictionaries(
    st.sampled_from(OPERATORS), st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), min_size=1), max_size=3
) | st.just({"Null": {"aws:username": "true"}})
statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(("Allow", "Deny")),
        "Action": st.sampled_from(("*", "ec2:*", "ec2:DeleteVpc", "ec2:CreateVpc")),
        "Resource": st.sampled_from(("*", "arn:aws:ec2:*:*:vpc/${aws:username}")),
        "Condition": clauses,
    }
)
contexts = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("ann", "bob", "10.0.0.1")))


def policy(given: list[Mapping[str, Any]]) -> Attached:
    return Attached(compiled.load(json.dumps({"Version": "2012-10-17", "Statement": given})))


def test_what_asks_for_constants_alone_is_decided_once_and_the_rest_is_left() -> None:
    condition = {"StringEquals": {"aws:username": "ann", "ec2:Tenancy": "default"}}
    (whole,) = policy([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}]).policy.statements
    ann, constant = Context.of({"aws:username": "ann"}), frozenset({"aws:username"})
    left = whole.settled(ann, constant)
    assert left is not None
    assert left.asks == (frozenset({"ec2:tenancy"}),)
    assert left.conditions == whole.conditions[1:]
    assert left.settled(ann, constant) == left
    assert whole.settled(Context.of({"aws:username": "bob"}), constant) is None


def test_what_was_settled_is_not_asked_again() -> None:
    guarded = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "ann"}}}
    whole = PrincipalPolicies([policy([guarded])], boundary=[policy([guarded])])
    settled = whole.settled(Context.of({"aws:username": "ann"}), CONSTANT)
    assert evaluate(settled, Request("ec2:DeleteVpc", "*", Context())).allowed


@given(
    identity=st.lists(statements, min_size=1, max_size=4),
    boundary=st.none() | st.lists(statements, min_size=1, max_size=2),
    said=contexts,
)
def test_a_settled_policy_decides_as_the_whole_one(
    identity: list[Mapping[str, Any]], boundary: list[Mapping[str, Any]] | None, said: dict[str, Value]
) -> None:
    whole = PrincipalPolicies([policy(identity)], None if boundary is None else [policy(boundary)])
    about_caller = {name: value for name, value in said.items() if fold(name).startswith(("aws:user", "aws:principaltag"))}
    constants = Context.of(about_caller)
    rest = Context.of({name: value for name, value in said.items() if name not in about_caller}, constants)
    request = Request("ec2:DeleteVpc", "arn:aws:ec2:us-east-1:111122223333:vpc/ann", rest)
    one, other = evaluate(whole, request), evaluate(whole.settled(constants, CONSTANT), request)
    assert (one.outcome, one.layer) == (other.outcome, other.layer)
    assert [each.statement for each in one.matches] == [each.statement for each in other.matches]
