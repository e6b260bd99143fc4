"""One action on one resource, put to the evaluator of live calls, and what each layer says alone (I113, I119, I122)."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from isthmus.actions.authorization.permissions import EVERYTHING
from isthmus.actions.simulation import context
from isthmus.actions.simulation.sources import Bound, Source
from isthmus.domain.accounts import is_account_id
from isthmus.policy.compiled import Policy
from isthmus.policy.context import Key, Value
from isthmus.policy.evaluate import (
    Decision,
    Layer,
    Match,
    Outcome,
    PrincipalPolicies,
    Request,
    ResourcePolicy,
    evaluate,
    evaluate_trust,
)
from isthmus.policy.match import arn as arn_fields
from isthmus.policy.principals import Caller

SEVEREST: Final = (Outcome.EXPLICIT_DENY, Outcome.IMPLICIT_DENY, Outcome.ALLOWED)
SHOWN: Final = frozenset({Layer.IDENTITY, Layer.RESOURCE})
"""Whose statements and keys results name; the others are told of in details of their own."""
# What EvalDecisionDetails calls each kind of policy: inferred.
IDENTITY_DETAIL: Final = "IAM Policy"
RESOURCE_DETAIL: Final = "Resource Policy"
BOUNDARY_DETAIL: Final = "Permissions Boundary Policy"
NO_STATEMENTS: Final = Policy((), frozenset())


class Verdict(Struct, frozen=True):
    """What came of one action on one resource.

    `by_organization` and `by_boundary` say what those alone decide, None where there are none; `details` what each kind of
    policy does where caller and resource are of two accounts, None elsewhere and where the organization ends it.
    """

    resource: str
    outcome: Outcome
    matches: tuple[Match, ...]
    missing: list[str]
    by_organization: bool | None
    by_boundary: bool | None
    details: Mapping[str, str] | None


class Simulation(Struct, frozen=True):
    """The policies, the caller and the values that all verdicts of a call have in common. `owner` is the ResourceOwner."""

    bound: Bound
    policies: PrincipalPolicies
    resource_policy: Source | None
    caller: Caller | None
    owner: str
    values: Mapping[str, Value]
    of_caller: Mapping[str, str]
    asked: Sequence[Key]

    @property
    def statements(self) -> int:
        """How many statements a verdict may have to look at."""
        theirs = 0 if self.resource_policy is None else len(self.resource_policy.policy.statements)
        return theirs + sum(len(each.statements) for each in self.policies.layers)

    def source_of(self, match: Match) -> Source:
        """Return the policy of a statement that matched in a layer that results name."""
        source = self.resource_policy if match.layer is Layer.RESOURCE else match.source
        assert isinstance(source, Source), source
        return source

    def judge(self, action: str, resource: str) -> Verdict:
        """Return what comes of an action on a resource, an ARN or `*`."""
        owner = _account(resource) or self.owner
        request = Request(action, resource, context.about(owner, self.values, self.of_caller))
        decision = self._decide(request, owner)
        by_organization = self._alone(Layer.SERVICE_CONTROL, request, present=self.bound.scps is not None)
        by_boundary = self._alone(Layer.BOUNDARY, request, present=self.bound.boundary is not None)
        ended = by_organization is not None and by_organization is not Outcome.ALLOWED
        return Verdict(
            resource=resource,
            outcome=decision.outcome,
            matches=tuple(each for each in decision.matches if each.layer in SHOWN),
            missing=context.missing(self.asked, request.context),
            by_organization=_allows(by_organization),
            by_boundary=_allows(by_boundary),
            details=self._details(request, owner, by_boundary) if self._crosses(owner) and not ended else None,
        )

    def _decide(self, request: Request, owner: str) -> Decision:
        if self.caller is None or (self.resource_policy is None and not self._crosses(owner)):
            return evaluate(self.policies, request)
        return evaluate_trust(self.policies, self.caller, self._policy_of(owner), request)

    def _policy_of(self, owner: str) -> ResourcePolicy:
        """Return the resource's policy; in another account a resource without one lets nobody in (I119)."""
        policy = NO_STATEMENTS if self.resource_policy is None else self.resource_policy.policy
        account = owner or (self.caller.account if self.caller is not None else "")
        return ResourcePolicy(policy, account, Layer.RESOURCE)

    def _crosses(self, owner: str) -> bool:
        """Whether caller and resource are of two accounts; a resource that names no owner is the caller's."""
        return self.caller is not None and owner not in {"", self.caller.account}

    def _alone(self, layer: Layer, request: Request, *, present: bool) -> Outcome | None:
        return evaluate(self.policies.only(layer), request).outcome if present else None

    def _details(self, request: Request, owner: str, by_boundary: Outcome | None) -> Mapping[str, str]:
        """Return what the policies on either side of two accounts say, each kind by itself."""
        assert self.caller is not None, "only a caller can come from another account"
        everything = PrincipalPolicies([EVERYTHING])
        theirs = evaluate_trust(everything, self.caller, self._policy_of(owner), request).outcome
        own = evaluate(self.policies.only(Layer.IDENTITY), request).outcome
        bounded = {} if by_boundary is None else {BOUNDARY_DETAIL: by_boundary.value}
        return {IDENTITY_DETAIL: own.value, RESOURCE_DETAIL: theirs.value, **bounded}


def simulation(
    bound: Bound,
    resource_policy: Source | None,
    caller: Caller | None,
    owner: str,
    values: Mapping[str, Value],
    of_caller: Mapping[str, str],
) -> Simulation:
    """Return what judges each action on each resource."""
    named = [*bound.identity, *([] if resource_policy is None else [resource_policy])]
    asked = {key.name: key for each in named for key in sorted(each.policy.keys, key=lambda key: key.written)}
    policies = PrincipalPolicies(bound.identity, bound.boundary, scps=bound.scps)
    keys = sorted(asked.values(), key=lambda key: key.name)
    return Simulation(bound, policies, resource_policy, caller, owner, values, of_caller, keys)


def severest(outcomes: Sequence[Outcome]) -> Outcome:
    """Return what several resources come to together: the most restrictive decision."""
    return min(outcomes, key=SEVEREST.index)


def _allows(outcome: Outcome | None) -> bool | None:
    return None if outcome is None else outcome is Outcome.ALLOWED


def _account(resource: str) -> str:
    """Return the account that an ARN names; nothing for one that names none, or the vendor or any, and for `*`."""
    fields = arn_fields(resource)
    return fields[4] if fields is not None and is_account_id(fields[4]) else ""
