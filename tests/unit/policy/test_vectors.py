"""The evaluation vectors of docs/spec/iam-vectors.json, each as it stands there."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.policy.context import Context
from isthmus.policy.evaluate import (
    Attached,
    Decision,
    Outcome,
    PrincipalPolicies,
    Request,
    ResourcePolicy,
    evaluate_all,
    evaluate_trust,
)
from isthmus.policy.principals import Caller

SPEC = Path(__file__).resolve().parents[3] / "docs" / "spec" / "iam-vectors.json"
DOCUMENT = json.loads(SPEC.read_text(encoding="utf-8"))
VECTORS = DOCUMENT["vectors"]
OUTCOMES = {
    "ALLOW": Outcome.ALLOWED,
    "IMPLICIT_DENY": Outcome.IMPLICIT_DENY,
    "EXPLICIT_DENY": Outcome.EXPLICIT_DENY,
}


def attached(policies: Iterable[Any]) -> list[Attached]:
    return [Attached(compiled.load(json.dumps(each))) for each in policies]


def optional(policy: Any) -> list[Attached] | None:
    return None if policy is None else attached([policy])


def values(given: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


def requests(vector: dict[str, Any]) -> list[Request]:
    base = {key: value for key, value in DOCUMENT["base_context"].items() if key not in vector["context_without"]}
    common = Context.of(values({**base, **vector["context"]}))
    return [
        Request(vector["action"], resource["arn"], Context.of(values(resource["ctx"]), common))
        for resource in vector["resources"]
    ]


def caller(vector: dict[str, Any]) -> Caller:
    arn = vector["principal"]
    role = vector["context"].get("aws:PrincipalArn", "") if ":assumed-role/" in arn else ""
    return Caller(account=arn.split(":")[4], arn=arn, role_arn=role)


def decision(vector: dict[str, Any]) -> Decision:
    policies = PrincipalPolicies(
        identity=attached(vector["identity"]),
        boundary=optional(vector["boundary"]),
        session=optional(vector["session"]),
        scps=None if vector["scps"] is None else [attached(level) for level in vector["scps"]],
    )
    checks = requests(vector)
    if vector["trust"] is None:
        return evaluate_all(policies, checks)
    (check,) = checks
    trust = ResourcePolicy(compiled.load(json.dumps(vector["trust"]), Kind.TRUST), check.resource.split(":")[4])
    return evaluate_trust(policies, caller(vector), trust, check)


@pytest.mark.rule("I61", "I62", "I63", "I66", "I67", "I71", "I74", "I75", "I83", "I90", "I112", "I113", "I119", "I120")
@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_evaluator_decides_each_vector_as_the_specification_says(vector: dict[str, Any]) -> None:
    assert decision(vector).outcome is OUTCOMES[vector["expect"]], vector["title"]


def test_there_are_90_vectors() -> None:
    assert len(VECTORS) == 90
