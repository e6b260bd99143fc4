"""Layers, and which of them decides."""

from functools import partial
from itertools import product
from typing import Any

import pytest

from isthmus.policy import compiled
from isthmus.policy import evaluate as module
from isthmus.policy.compiled import Kind
from isthmus.policy.context import Context
from isthmus.policy.evaluate import (
    Attached,
    Decision,
    Layer,
    Outcome,
    PolicySet,
    PrincipalPolicies,
    Request,
    ResourcePolicy,
    evaluate,
    evaluate_all,
    evaluate_trust,
)
from isthmus.policy.principals import Caller
from tests.policies import EVERYTHING, NOTHING, attached, document, request, statement, steps_of, trust

A, B = "111111111111", "222222222222"
ALLOW = [attached(EVERYTHING)]
DENY = [attached(NOTHING)]
BOTH = [attached(EVERYTHING), attached(NOTHING)]
SILENT: list[Attached] = []
SAYING = {"allow": ALLOW, "deny": DENY, "both": BOTH, "silent": SILENT, "none": None}


def outcome(policies: PrincipalPolicies, action: str = "ec2:DescribeVpcs") -> tuple[Outcome, Layer | None]:
    decision = evaluate(policies, request(action))
    return decision.outcome, decision.layer


@pytest.mark.rule("I112", "I113", "I114", "I115", "I116", "I155")
@pytest.mark.parametrize(
    ("scp", "identity", "boundary", "session"), list(product(SAYING, ("allow", "deny", "silent"), SAYING, SAYING))
)
def test_a_deny_in_any_layer_wins_and_else_all_that_there_are_must_allow(
    scp: str, identity: str, boundary: str, session: str
) -> None:
    said = {Layer.SERVICE_CONTROL: scp, Layer.IDENTITY: identity, Layer.BOUNDARY: boundary, Layer.SESSION: session}
    level = SAYING[scp]
    policies = PrincipalPolicies(
        SAYING[identity] or [], SAYING[boundary], SAYING[session], None if level is None else [level]
    )
    denying = [layer for layer, word in said.items() if word in {"deny", "both"}]
    silent = [layer for layer, word in said.items() if word == "silent"]
    expected: tuple[Outcome, Layer | None] = (Outcome.ALLOWED, None)
    if denying:
        expected = (Outcome.EXPLICIT_DENY, denying[0])
    elif silent:
        expected = (Outcome.IMPLICIT_DENY, silent[0])
    assert outcome(policies) == expected


@pytest.mark.rule("I112")
def test_without_policies_nothing_is_allowed() -> None:
    assert outcome(PrincipalPolicies()) == (Outcome.IMPLICIT_DENY, Layer.IDENTITY)


@pytest.mark.rule("I111", "I115")
def test_the_policies_of_a_layer_add_up() -> None:
    policies = [attached(statement(action="ec2:Create*")), attached(statement(action="ec2:Describe*"))]
    assert outcome(PrincipalPolicies(policies))[0] is Outcome.ALLOWED
    assert outcome(PrincipalPolicies(ALLOW, session=policies))[0] is Outcome.ALLOWED
    assert outcome(PrincipalPolicies(ALLOW, session=policies), "iam:GetUser") == (Outcome.IMPLICIT_DENY, Layer.SESSION)
    assert outcome(PrincipalPolicies(ALLOW, session=[*policies, *DENY])) == (Outcome.EXPLICIT_DENY, Layer.SESSION)


@pytest.mark.rule("I116")
@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], (Outcome.ALLOWED, None)),
        ([ALLOW, ALLOW, ALLOW], (Outcome.ALLOWED, None)),
        ([ALLOW, SILENT, ALLOW], (Outcome.IMPLICIT_DENY, Layer.SERVICE_CONTROL)),
        ([ALLOW, [attached(statement(action="s3:*")), *ALLOW], ALLOW], (Outcome.ALLOWED, None)),
        ([ALLOW, BOTH], (Outcome.EXPLICIT_DENY, Layer.SERVICE_CONTROL)),
        ([SILENT, BOTH], (Outcome.EXPLICIT_DENY, Layer.SERVICE_CONTROL)),
    ],
)
def test_every_level_of_service_control_policies_must_allow(levels: Any, expected: Any) -> None:
    assert outcome(PrincipalPolicies(ALLOW, scps=levels)) == expected
    assert outcome(PrincipalPolicies.root(levels)) == expected


@pytest.mark.rule("I117")
def test_root_may_do_everything_that_no_service_control_policy_denies() -> None:
    assert outcome(PrincipalPolicies.root()) == (Outcome.ALLOWED, None)
    assert outcome(PrincipalPolicies.root([DENY])) == (Outcome.EXPLICIT_DENY, Layer.SERVICE_CONTROL)


@pytest.mark.rule("I121")
@pytest.mark.parametrize("policies", [PrincipalPolicies(), PrincipalPolicies(DENY, DENY, DENY, [DENY])])
@pytest.mark.parametrize("action", ["sts:GetCallerIdentity", "STS:getcalleridentity"])
def test_who_one_is_can_be_asked_in_spite_of_everything(policies: PrincipalPolicies, action: str) -> None:
    assert outcome(policies, action) == (Outcome.ALLOWED, None)


@pytest.mark.rule("I121")
def test_a_session_token_needs_no_allow_but_can_be_denied() -> None:
    assert outcome(PrincipalPolicies(), "sts:GetSessionToken") == (Outcome.ALLOWED, None)
    assert outcome(PrincipalPolicies(DENY), "sts:GetSessionToken") == (Outcome.EXPLICIT_DENY, Layer.IDENTITY)
    assert outcome(PrincipalPolicies(), "sts:GetFederationToken") == (Outcome.IMPLICIT_DENY, Layer.IDENTITY)


# Several checks


VPC = f"arn:aws:ec2:us-east-1:{A}:vpc/vpc-1"
PCX = f"arn:aws:ec2:us-east-1:{A}:vpc-peering-connection/*"


def call(*statements: Any) -> Decision:
    checks = [Request("ec2:CreateVpcPeeringConnection", arn, Context()) for arn in (PCX, VPC)]
    return evaluate_all(PrincipalPolicies([attached(*statements)]), checks)


@pytest.mark.rule("I112", "I119")
def test_every_check_of_a_call_must_be_allowed_and_a_deny_counts_first() -> None:
    assert call(EVERYTHING).allowed
    implicit = call(statement(resource=PCX))
    assert (implicit.outcome, implicit.resource) == (Outcome.IMPLICIT_DENY, VPC)
    neither = call(statement(action="s3:*"))
    assert (neither.outcome, neither.resource) == (Outcome.IMPLICIT_DENY, PCX)
    explicit = call(statement("Deny", resource=VPC))
    assert (explicit.outcome, explicit.resource) == (Outcome.EXPLICIT_DENY, VPC)


def test_a_call_without_checks_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        evaluate_all(PrincipalPolicies(ALLOW), [])


# What a decision says


@pytest.mark.rule("I122", "I155")
def test_a_decision_names_the_statements_that_decided() -> None:
    first = attached(statement(action="s3:*", Sid="S3"), statement(Sid="All"), statement(Sid="More"), name="first")
    second = attached(EVERYTHING, name="second")
    decision = evaluate(PrincipalPolicies([first, second], boundary=[second]), request())
    assert decision.outcome is Outcome.ALLOWED
    assert [(found.layer, found.source.name, found.statement.sid, found.statement.index) for found in decision.matches] == [
        (Layer.IDENTITY, "first", "All", 1),
        (Layer.BOUNDARY, "second", "", 0),
    ]
    assert (decision.action, decision.resource, decision.layer) == ("ec2:DescribeVpcs", "*", None)


@pytest.mark.rule("I122", "I155")
def test_all_statements_that_deny_are_named_in_the_order_of_their_layers() -> None:
    def denying(name: str) -> list[Attached]:
        return [attached(NOTHING, statement("Deny", "s3:*"), {**NOTHING, "Sid": "again"}, name=name)]

    policies = PrincipalPolicies(denying("i"), denying("b"), denying("s"), [denying("o1"), denying("o2")])
    decision = evaluate(policies, request())
    assert [(found.source.name, found.statement.index) for found in decision.matches] == [
        (name, index) for name in ("o1", "o2", "i", "b", "s") for index in (0, 2)
    ]
    assert (decision.action, decision.resource, decision.layer) == ("ec2:DescribeVpcs", "*", Layer.SERVICE_CONTROL)


@pytest.mark.rule("I122")
def test_an_implicit_deny_has_no_statements() -> None:
    decision = evaluate(PrincipalPolicies(ALLOW, boundary=[]), request("ec2:CreateVpc", VPC))
    assert decision == Decision(Outcome.IMPLICIT_DENY, "ec2:CreateVpc", VPC, Layer.BOUNDARY)
    assert not decision.allowed


@pytest.mark.rule("I122")
def test_the_same_question_has_the_same_answer_and_another_has_its_own() -> None:
    guarded = statement(action="ec2:*", resource=VPC, Condition={"StringEquals": {"aws:username": "alice"}})
    policies = PrincipalPolicies([attached(guarded)])
    asked = [
        ("ec2:CreateVpc", VPC, "alice"),
        ("ec2:CreateVpc", VPC, "bob"),
        ("ec2:CreateVpc", PCX, "alice"),
        ("iam:GetUser", VPC, "alice"),
    ]
    answers = [
        evaluate(policies, request(action, resource, aws__username=name)).allowed
        for _ in range(3)
        for action, resource, name in asked
    ]
    assert answers == [True, False, False, False] * 3


@pytest.mark.rule("I122")
def test_a_condition_s_value_is_not_worked_out_for_an_action_that_no_statement_covers() -> None:
    def never() -> str:
        raise AssertionError("asked")

    guarded = statement("Deny", "s3:*", Condition={"StringEquals": {"aws:k": "x"}})
    context = Context({"aws:k": never})
    decision = evaluate(PrincipalPolicies([attached(guarded, EVERYTHING)]), Request("ec2:DescribeVpcs", "*", context))
    assert decision.allowed


@pytest.mark.rule("I57")
def test_the_actions_and_resources_that_are_remembered_are_bounded() -> None:
    layer = PolicySet(Layer.IDENTITY, ALLOW)
    for number in range(3 * module.REMEMBERED_ACTIONS):
        layer.candidates(f"ec2:Action{number}")
        layer.about("ec2:DeleteVpc", f"arn:aws:ec2:us-east-1:{A}:vpc/vpc-{number}")
    assert layer.candidates.cache_info().currsize == module.REMEMBERED_ACTIONS
    assert layer.about.cache_info().currsize == module.REMEMBERED_RESOURCES


def hostile(size: int) -> dict[str, Any]:
    """A statement of patterns that match for long before they do not."""
    stars = "a*" * size + "b"
    condition = {"StringLike": {"aws:k": [f"{stars}{number}" for number in range(size)]}}
    return statement("Deny", [f"ec2:{stars}", "ec2:*"], f"arn:aws:ec2:*:*:{stars}*?", Condition=condition)


@pytest.mark.rule("I57")
@pytest.mark.parametrize("resource", ["a" * 1_000, "a" * 999 + "b?"])
def test_a_hostile_policy_costs_at_most_what_its_size_asks(resource: str) -> None:
    steps = []
    for size in (20, 40):
        policies = PrincipalPolicies([attached(*[hostile(size)] * 4)])
        asked = request("ec2:" + "a" * 500, f"arn:aws:ec2:us-east-1:1:{resource}", aws__k="a" * 500)
        steps.append(steps_of(partial(evaluate, policies, asked)))
    # Twice the stars in twice the patterns: four times the text.
    assert steps[1] < 4.4 * steps[0] + 1_000


# Trust


ALICE = f"arn:aws:iam::{A}:user/alice"
NET = f"arn:aws:iam::{A}:role/net"
SESSION = f"arn:aws:sts::{A}:assumed-role/net/ci"
USER = Caller(A, ALICE)
IN_SESSION = Caller(A, SESSION, role_arn=NET)


def trusting(principal: Any, effect: str = "Allow", **others: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal, **others}


def assume(
    policies: PrincipalPolicies, caller: Caller, *statements: Any, owner: str = A, layer: Layer = Layer.TRUST
) -> tuple[Outcome, Layer | None]:
    target = ResourcePolicy(trust(*statements), owner, layer)
    decision = evaluate_trust(policies, caller, target, request("sts:AssumeRole", f"arn:aws:iam::{owner}:role/target"))
    return decision.outcome, decision.layer


YES = (Outcome.ALLOWED, None)


def no(layer: Layer) -> tuple[Outcome, Layer | None]:
    return (Outcome.IMPLICIT_DENY, layer)


@pytest.mark.rule("I118", "I120")
@pytest.mark.parametrize(
    ("caller", "principal", "identity", "boundary", "session"),
    [
        # Who is named, and which of the caller's own layers must then allow.
        (USER, {"AWS": ALICE}, False, False, False),
        (IN_SESSION, {"AWS": SESSION}, False, False, False),
        (IN_SESSION, {"AWS": NET}, False, True, True),
        (USER, "*", False, True, True),
        (USER, {"AWS": A}, True, True, True),
        (IN_SESSION, {"AWS": A}, True, True, True),
        (USER, {"AWS": [A, ALICE]}, False, False, False),
    ],
)
def test_in_the_same_account_the_firmer_the_grant_the_less_is_needed_beside_it(
    caller: Caller, principal: Any, identity: bool, boundary: bool, session: bool
) -> None:
    named = trusting(principal)
    assert assume(PrincipalPolicies(ALLOW, ALLOW, ALLOW), caller, named) == YES
    assert assume(PrincipalPolicies([], ALLOW, ALLOW), caller, named) == (no(Layer.IDENTITY) if identity else YES)
    assert assume(PrincipalPolicies(ALLOW, [], ALLOW), caller, named) == (no(Layer.BOUNDARY) if boundary else YES)
    assert assume(PrincipalPolicies(ALLOW, ALLOW, []), caller, named) == (no(Layer.SESSION) if session else YES)


@pytest.mark.rule("I119", "I120")
@pytest.mark.parametrize("principal", ["*", {"AWS": A}, {"AWS": ALICE}])
def test_across_accounts_the_caller_s_own_policies_must_allow_whoever_is_named(principal: Any) -> None:
    named = trusting(principal)
    assert assume(PrincipalPolicies(ALLOW, ALLOW, ALLOW), USER, named, owner=B) == YES
    assert assume(PrincipalPolicies(), USER, named, owner=B) == no(Layer.IDENTITY)
    assert assume(PrincipalPolicies(ALLOW, []), USER, named, owner=B) == no(Layer.BOUNDARY)
    assert assume(PrincipalPolicies(ALLOW, session=[]), USER, named, owner=B) == no(Layer.SESSION)


@pytest.mark.rule("I116", "I118")
def test_service_control_policies_bind_whoever_is_named() -> None:
    for caller, principal in ((USER, ALICE), (IN_SESSION, SESSION)):
        named = trusting({"AWS": principal})
        assert assume(PrincipalPolicies(scps=[SILENT]), caller, named) == no(Layer.SERVICE_CONTROL)
        assert assume(PrincipalPolicies(scps=[DENY]), caller, named) == (Outcome.EXPLICIT_DENY, Layer.SERVICE_CONTROL)


@pytest.mark.rule("I120", "I155")
def test_who_is_not_named_is_not_let_in_and_the_trust_policy_is_what_is_missing() -> None:
    for owner in (A, B):
        other = trusting({"AWS": f"arn:aws:iam::{A}:user/other"})
        assert assume(PrincipalPolicies(ALLOW), USER, other, owner=owner) == no(Layer.TRUST)
        assert assume(PrincipalPolicies(), USER, other, owner=owner) == no(Layer.TRUST)
        assert assume(PrincipalPolicies(ALLOW, scps=[[]]), USER, other, owner=owner) == no(Layer.SERVICE_CONTROL)
        assert assume(PrincipalPolicies(ALLOW), USER, trusting({"AWS": B}), owner=owner) == no(Layer.TRUST)
        assert assume(PrincipalPolicies.root(), Caller(A, f"arn:aws:iam::{A}:root"), other, owner=owner) == no(Layer.TRUST)


@pytest.mark.rule("I112", "I120", "I155")
def test_a_deny_on_either_side_wins() -> None:
    denied = trusting({"AWS": A}, "Deny")
    named = trusting({"AWS": ALICE})
    for owner in (A, B):
        assert assume(PrincipalPolicies(ALLOW), USER, named, denied, owner=owner) == (Outcome.EXPLICIT_DENY, Layer.TRUST)
        assert assume(PrincipalPolicies(BOTH), USER, named, owner=owner) == (Outcome.EXPLICIT_DENY, Layer.IDENTITY)
        assert assume(PrincipalPolicies(BOTH), USER, denied, named, owner=owner) == (Outcome.EXPLICIT_DENY, Layer.TRUST)
        assert assume(PrincipalPolicies(BOTH, scps=[DENY]), USER, denied) == (
            Outcome.EXPLICIT_DENY,
            Layer.SERVICE_CONTROL,
        )
    assert assume(PrincipalPolicies(ALLOW), USER, named, trusting({"AWS": B}, "Deny")) == YES


@pytest.mark.rule("I72", "I196a")
def test_a_resource_s_policy_may_say_of_which_resource_by_a_variable() -> None:
    granting = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": f"arn:aws:iam::{A}:user/${{aws:username}}"}
    target = ResourcePolicy(compiled.load(document(granting), Kind.RESOURCE), A, Layer.RESOURCE)
    answers = [
        evaluate_trust(PrincipalPolicies(), USER, target, request("iam:GetUser", ALICE, aws__username=name)).allowed
        for name in ("alice", "bob")
    ]
    assert answers == [True, False]


@pytest.mark.rule("I120")
def test_only_statements_that_match_the_request_grant_or_deny() -> None:
    external: dict[str, Any] = {"Condition": {"StringEquals": {"sts:ExternalId": "x"}}}
    assert assume(PrincipalPolicies(ALLOW), USER, trusting({"AWS": ALICE}, **external)) == no(Layer.TRUST)
    assert assume(PrincipalPolicies(ALLOW), USER, trusting("*"), trusting({"AWS": ALICE}, "Deny", **external)) == YES
    tagging = {"Effect": "Allow", "Action": "sts:TagSession", "Principal": "*"}
    assert assume(PrincipalPolicies(ALLOW), USER, tagging) == no(Layer.TRUST)
    # The firmest grant is the firmest of those that match.
    weaker = [trusting({"AWS": ALICE}, **external), trusting({"AWS": A})]
    assert assume(PrincipalPolicies(), USER, *weaker) == no(Layer.IDENTITY)


@pytest.mark.rule("I122")
def test_the_firmest_grant_is_the_one_that_is_named() -> None:
    statements = [trusting({"AWS": A}, Sid="account"), trusting({"AWS": ALICE}, Sid="alice"), trusting("*", Sid="all")]
    target = ResourcePolicy(trust(*statements), A, name="net")
    decision = evaluate_trust(PrincipalPolicies(ALLOW), USER, target, request("sts:AssumeRole", NET))
    assert [(found.layer, found.source.name, found.statement.sid) for found in decision.matches] == [
        (Layer.IDENTITY, "policy", ""),
        (Layer.TRUST, "net", "alice"),
    ]


@pytest.mark.rule("I122")
def test_of_grants_that_are_as_firm_the_first_is_named() -> None:
    statements = [trusting({"AWS": ALICE}, Sid="first"), trusting({"AWS": ALICE}, Sid="second")]
    decision = evaluate_trust(
        PrincipalPolicies(), USER, ResourcePolicy(trust(*statements), A), request("sts:AssumeRole", NET)
    )
    assert [(found.statement.sid, found.source.name) for found in decision.matches] == [("first", "")]


@pytest.mark.rule("I63", "I118")
def test_a_resource_s_policy_may_name_resources_of_its_own() -> None:
    bucket, other = "arn:aws:s3:::bucket/*", "arn:aws:s3:::other/*"
    allowing = {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": ALICE}, "Resource": bucket}
    denying = {"Effect": "Deny", "Action": "s3:*", "Principal": "*", "NotResource": [bucket, other]}
    policy = compiled.load(document(allowing, denying), Kind.RESOURCE)
    target = ResourcePolicy(policy, A, Layer.RESOURCE)

    def asked(arn: str) -> str:
        return evaluate_trust(PrincipalPolicies(), USER, target, request("s3:GetObject", arn)).outcome

    assert [asked(f"arn:aws:s3:::{place}") for place in ("bucket/x", "other/x", "third/x")] == [
        "allowed",
        "implicitDeny",
        "explicitDeny",
    ]


@pytest.mark.rule("I117", "I120")
def test_the_account_s_root_goes_where_its_account_is_named() -> None:
    root = Caller(A, f"arn:aws:iam::{A}:root")
    assert assume(PrincipalPolicies.root(), root, trusting({"AWS": A})) == YES
    assert assume(PrincipalPolicies.root(), root, trusting({"AWS": A}), owner=B) == YES
    assert assume(PrincipalPolicies.root(), root, trusting({"AWS": ALICE})) == no(Layer.TRUST)


@pytest.mark.rule("I113", "I118")
def test_another_resource_s_policy_is_needed_only_by_strangers_and_by_those_whose_own_do_not_allow() -> None:
    other = trusting({"AWS": f"arn:aws:iam::{A}:user/other"})
    named = trusting({"AWS": ALICE})
    layer = Layer.RESOURCE
    assert assume(PrincipalPolicies(ALLOW), USER, other, layer=layer) == YES
    assert assume(PrincipalPolicies(), USER, other, layer=layer) == no(Layer.IDENTITY)
    assert assume(PrincipalPolicies(), USER, named, layer=layer) == YES
    assert assume(PrincipalPolicies(ALLOW), USER, other, layer=layer, owner=B) == no(Layer.RESOURCE)
    assert assume(PrincipalPolicies(ALLOW), USER, named, layer=layer, owner=B) == YES
