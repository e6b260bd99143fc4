"""Decisions in words: the reason in a refusal (I153), and every statement with why it did or did not match."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Final

from msgspec import Struct

from isthmus.policy import match
from isthmus.policy.compiled import Compiled
from isthmus.policy.conditions import Clause
from isthmus.policy.context import Context, fold
from isthmus.policy.evaluate import Decision, Layer, Match, Outcome, PrincipalPolicies, Request, ResourcePolicy
from isthmus.policy.match import Arn
from isthmus.policy.principals import Caller, Grant

# I153. A trust policy that does not allow is spoken of as any resource's policy, one that denies as what it is.
NO_ALLOW: Final = "because no {layer} allows the {action} action"
DENIED: Final = "with an explicit deny in {layer}"
WITHOUT: Final[Mapping[Layer, str]] = {
    Layer.SERVICE_CONTROL: "service control policy",
    Layer.TRUST: "resource-based policy",
    Layer.RESOURCE: "resource-based policy",
    Layer.IDENTITY: "identity-based policy",
    Layer.BOUNDARY: "permissions boundary",
    Layer.SESSION: "session policy",
}
WITHIN: Final[Mapping[Layer, str]] = {
    Layer.SERVICE_CONTROL: "a service control policy",
    Layer.TRUST: "the role trust policy",
    Layer.RESOURCE: "a resource-based policy",
    Layer.IDENTITY: "an identity-based policy",
    Layer.BOUNDARY: "a permissions boundary",
    Layer.SESSION: "a session policy",
}


def reason(decision: Decision) -> str:
    """Why a request was refused, as the end of the sentence in the refusal; empty for one that was allowed.

    A Deny in a policy that has an ARN names it (I153).
    """
    if decision.layer is None:
        return ""
    if decision.outcome is Outcome.IMPLICIT_DENY:
        return NO_ALLOW.format(layer=WITHOUT[decision.layer], action=decision.action)
    arn = decision.matches[0].source.arn
    return DENIED.format(layer=WITHIN[decision.layer]) + (f": {arn}" if arn else "")


class Verdict(StrEnum):
    """Whether a statement matched, or what about it did not."""

    MATCHES = "matches"
    ACTION = "action"
    RESOURCE = "resource"
    PRINCIPAL = "principal"
    CONDITION = "condition"
    UNREADABLE = "unreadable"


class Step(Struct, frozen=True):
    """One statement that was looked at; `failed` are the conditions that did not hold.

    `level` counts the levels of service control policies from 0, the organization's root (I116).
    """

    match: Match
    verdict: Verdict
    failed: tuple[Clause, ...] = ()
    level: int = 0


def steps(
    policies: PrincipalPolicies,
    request: Request,
    caller: Caller | None = None,
    resource_policy: ResourcePolicy | None = None,
) -> Iterator[Step]:
    """Every statement of every layer, in the order of I155, and what came of it.

    `caller` is needed where there is a resource's policy.
    """
    resource = match.resource_arn(request.resource)
    sets = [*policies.layers, *([] if resource_policy is None else [resource_policy.policies])]
    in_order = sorted(sets, key=lambda each: tuple(Layer).index(each.layer))
    for _, of_layer in groupby(in_order, attrgetter("layer")):
        for level, each in enumerate(of_layer):
            for found in each.statements:
                named = found.layer not in {Layer.TRUST, Layer.RESOURCE} or (
                    caller is not None and found.compiled.names(caller) is not Grant.NONE
                )
                verdict, failed = _verdict(found.compiled, request, resource) if named else (Verdict.PRINCIPAL, ())
                yield Step(found, verdict, failed, level)


def _verdict(compiled: Compiled, request: Request, resource: Arn | None) -> tuple[Verdict, tuple[Clause, ...]]:
    if not compiled.covers_action(fold(request.action)):
        return (Verdict.UNREADABLE if compiled.statement.problem else Verdict.ACTION), ()
    if not compiled.covers_resource(resource, request.context):
        return Verdict.RESOURCE, ()
    failed = _failed(compiled, request.context)
    return (Verdict.CONDITION if failed else Verdict.MATCHES), failed


def _failed(compiled: Compiled, context: Context) -> tuple[Clause, ...]:
    """All conditions that do not hold, where a decision is content with the first: each of them has to be put right."""
    pairs = zip(compiled.statement.conditions, compiled.conditions, strict=True)
    return tuple(clause for clause, condition in pairs if not condition(context))
