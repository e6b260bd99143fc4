"""Decisions in words."""

from typing import Any

import pytest

from isthmus.policy import explain
from isthmus.policy.evaluate import Attached, Layer, Outcome, PrincipalPolicies, ResourcePolicy, evaluate, evaluate_trust
from isthmus.policy.explain import Verdict
from isthmus.policy.principals import Caller
from tests.policies import EVERYTHING, NOTHING, attached, request, statement, trust

A = "111111111111"
ALICE = Caller(A, f"arn:aws:iam::{A}:user/alice")
ROLE = f"arn:aws:iam::{A}:role/net"
ALLOW = [attached(EVERYTHING)]
DENY = [attached(EVERYTHING, NOTHING)]
MANAGED = [attached(EVERYTHING, NOTHING, name="Guard", arn=f"arn:aws:iam::{A}:policy/Guard")]


@pytest.mark.rule("I153", "I155")
@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        (PrincipalPolicies(), "because no identity-based policy allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies(ALLOW, []), "because no permissions boundary allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies(ALLOW, None, []), "because no session policy allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies(ALLOW, scps=[[]]), "because no service control policy allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies(DENY), "with an explicit deny in an identity-based policy"),
        (PrincipalPolicies(ALLOW, DENY), "with an explicit deny in a permissions boundary"),
        (PrincipalPolicies(ALLOW, None, DENY), "with an explicit deny in a session policy"),
        (PrincipalPolicies(ALLOW, scps=[DENY]), "with an explicit deny in a service control policy"),
        (PrincipalPolicies(MANAGED), f"with an explicit deny in an identity-based policy: arn:aws:iam::{A}:policy/Guard"),
        (PrincipalPolicies([], MANAGED), f"with an explicit deny in a permissions boundary: arn:aws:iam::{A}:policy/Guard"),
        (PrincipalPolicies(DENY, MANAGED), "with an explicit deny in an identity-based policy"),
        (PrincipalPolicies([], [], [], [[]]), "because no service control policy allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies([], [], []), "because no identity-based policy allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies(ALLOW, [], []), "because no permissions boundary allows the ec2:DescribeVpcs action"),
        (PrincipalPolicies(ALLOW), ""),
    ],
)
def test_a_refusal_names_the_first_layer_that_denied_or_else_did_not_allow(policies: PrincipalPolicies, reason: str) -> None:
    assert explain.reason(evaluate(policies, request())) == reason


def trusting(effect: str, principal: Any) -> Any:
    return {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal}


@pytest.mark.rule("I153")
@pytest.mark.parametrize(
    ("statements", "layer", "reason"),
    [
        (
            [trusting("Allow", {"AWS": "222222222222"})],
            Layer.TRUST,
            "because no resource-based policy allows the sts:AssumeRole action",
        ),
        ([trusting("Allow", "*"), trusting("Deny", "*")], Layer.TRUST, "with an explicit deny in the role trust policy"),
        (
            [trusting("Allow", "*"), trusting("Deny", "*")],
            Layer.RESOURCE,
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_a_trust_policy_is_a_resource_s_policy_when_it_is_missing_and_itself_when_it_denies(
    statements: Any, layer: Layer, reason: str
) -> None:
    policy = ResourcePolicy(trust(*statements), A, layer)
    decision = evaluate_trust(PrincipalPolicies(ALLOW), ALICE, policy, request("sts:AssumeRole", ROLE))
    assert explain.reason(decision) == reason


def test_every_layer_has_its_words() -> None:
    assert set(explain.WITHOUT) == set(explain.WITHIN) == set(Layer)


@pytest.mark.rule("I122")
def test_every_statement_is_shown_with_what_kept_it_from_matching() -> None:
    condition = {"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": "true"}}
    policy = attached(
        statement(action="s3:*"),
        statement(resource="arn:aws:ec2:*:*:vpc/*"),
        statement(Condition=condition),
        EVERYTHING,
        {"Effect": "Allow", "Nonsense": 1},
    )
    policies = PrincipalPolicies([policy], session=[attached(NOTHING)], scps=[ALLOW])
    steps = list(explain.steps(policies, request(aws__a="1", aws__b="x", aws__c="false")))
    assert [(step.match.layer, step.match.statement.index, step.verdict) for step in steps] == [
        (Layer.SERVICE_CONTROL, 0, Verdict.MATCHES),
        (Layer.IDENTITY, 0, Verdict.ACTION),
        (Layer.IDENTITY, 1, Verdict.RESOURCE),
        (Layer.IDENTITY, 2, Verdict.CONDITION),
        (Layer.IDENTITY, 3, Verdict.MATCHES),
        (Layer.IDENTITY, 4, Verdict.UNREADABLE),
        (Layer.SESSION, 0, Verdict.MATCHES),
    ]
    failed = [(clause.operator, clause.key, clause.values) for step in steps for clause in step.failed]
    assert failed == [("StringEquals", "aws:b", ("2",)), ("Bool", "aws:c", ("true",))]


@pytest.mark.rule("I122")
@pytest.mark.parametrize(("kind", "verdict"), [("vpc", Verdict.MATCHES), ("subnet", Verdict.RESOURCE)])
def test_a_statement_is_shown_to_match_the_resource_that_was_asked_for(kind: str, verdict: Verdict) -> None:
    policies = PrincipalPolicies([attached(statement(resource="arn:aws:ec2:*:*:vpc/*"))])
    (step,) = explain.steps(policies, request("ec2:CreateVpc", f"arn:aws:ec2:us-east-1:{A}:{kind}/*"))
    assert (step.verdict, step.match.source.name) == (verdict, "policy")


@pytest.mark.rule("I116")
def test_the_levels_of_service_control_policies_are_counted_from_the_root() -> None:
    policies = PrincipalPolicies([attached(EVERYTHING)], scps=[ALLOW, [*ALLOW, *ALLOW]])
    steps = list(explain.steps(policies, request()))
    assert [(step.match.layer, step.level) for step in steps] == [
        (Layer.SERVICE_CONTROL, 0),
        (Layer.SERVICE_CONTROL, 1),
        (Layer.SERVICE_CONTROL, 1),
        (Layer.IDENTITY, 0),
    ]


@pytest.mark.rule("I72", "I122")
@pytest.mark.parametrize(("name", "verdict"), [("alice", Verdict.MATCHES), ("bob", Verdict.RESOURCE)])
def test_a_resource_with_a_variable_is_shown_with_what_the_request_says_of_it(name: str, verdict: Verdict) -> None:
    policies = PrincipalPolicies([attached(statement(resource="arn:aws:iam::*:user/${aws:username}"))])
    (step,) = explain.steps(policies, request("iam:GetUser", ALICE.arn, aws__username=name))
    assert step.verdict is verdict


@pytest.mark.rule("I122", "I155")
def test_a_trust_policy_s_statements_stand_after_the_service_control_policies() -> None:
    policy = ResourcePolicy(trust(trusting("Allow", {"AWS": "222222222222"}), trusting("Deny", "*")), A)
    asked = request("sts:AssumeRole", ROLE)
    policies = PrincipalPolicies(ALLOW, scps=[ALLOW])
    steps = list(explain.steps(policies, asked, ALICE, policy))
    assert [(step.match.layer, step.verdict) for step in steps] == [
        (Layer.SERVICE_CONTROL, Verdict.MATCHES),
        (Layer.TRUST, Verdict.PRINCIPAL),
        (Layer.TRUST, Verdict.MATCHES),
        (Layer.IDENTITY, Verdict.MATCHES),
    ]
    assert evaluate_trust(policies, ALICE, policy, asked).outcome is Outcome.EXPLICIT_DENY


@pytest.mark.rule("I56")
def test_a_statement_that_cannot_be_read_and_denies_is_shown_to_match() -> None:
    unreadable = Attached(attached({"Effect": "Deny", "Nonsense": 1}).policy)
    (step,) = explain.steps(PrincipalPolicies([unreadable]), request())
    assert step.verdict is Verdict.MATCHES
    assert step.match.statement.problem == "Syntax errors in policy."
