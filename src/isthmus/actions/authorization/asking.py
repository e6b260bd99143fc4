"""Asking: the decision about a call, or its refusal, for everybody who is not an account's root."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NoReturn

from isthmus.actions.authorization import callers, checks, permissions, refusals
from isthmus.actions.authorization.callers import Caller
from isthmus.actions.authorization.keys import OF_CALL, RESOURCE_ACCOUNT, SPELLED, VARYING, CommonContext
from isthmus.actions.call import EC2, Call, Found
from isthmus.policy import match, principals
from isthmus.policy.compiled import Kind, Policy
from isthmus.policy.context import Context, Source, Value
from isthmus.policy.evaluate import Decision, Outcome, Request, ResourcePolicy, evaluate, evaluate_trust

NO_STATEMENTS: Final = Policy((), frozenset())


def authorize(
    call: Call, resource: str, keys: Mapping[str, Source] | None, action: str, found: Found | None, told: str = ""
) -> None:
    """Do what `Call.authorize` says, by policies."""
    caller = callers.of(call)
    call.asks |= caller.held.asks & VARYING
    common, policies = CommonContext(call, caller), caller.policies
    asked: Sequence[Request]
    if call.principal.service == EC2:
        asked = checks.requests(call, common, found)
    else:
        asked = [Request(_action(call, action), resource, _context(resource, keys, common))]
    denied = [(each, decision) for each in asked if not (decision := evaluate(policies, each)).allowed]
    if denied:
        _refuse(call, caller, denied, told=told)


def authorize_role(call: Call, resource: str, trust: str | None, keys: Mapping[str, Source] | None, action: str) -> None:
    """Do what `Call.authorize_role` says."""
    caller = callers.of(call)
    account = resource.split(":")[4]
    policy = NO_STATEMENTS if trust is None else permissions.load(trust, Kind.TRUST)
    asked = Request(_action(call, action), resource, _context(resource, keys, CommonContext(call, caller)))
    decision = evaluate_trust(caller.policies, named(call, caller), ResourcePolicy(policy, account), asked)
    call.asks |= VARYING  # a trust policy may ask for any of them
    if not decision.allowed:
        _refuse(call, caller, [(asked, decision)], tells_why=account == call.account)


def named(call: Call, caller: Caller) -> principals.Caller:
    """Return who is calling, as a trust policy names it (I54, I96)."""
    return principals.Caller(call.account, call.principal.arn, caller.held.role_arn, caller.held.ids)


def _action(call: Call, action: str) -> str:
    return f"{call.principal.service}:{action or call.action}"


def _context(resource: str, keys: Mapping[str, Source] | None, common: CommonContext) -> Context:
    fields = match.arn(resource)
    owner: Mapping[str, Source] = {} if fields is None else {SPELLED[RESOURCE_ACCOUNT]: fields[4]}
    return Context.of({**owner, **(keys or {})}, common) if owner or keys else common


def said(call: Call, asks: Iterable[str]) -> dict[str, Value | None]:
    """Do what `Call.said` says."""
    return {name: OF_CALL[name](call) for name in asks}


def _refuse(
    call: Call, caller: Caller, denied: Sequence[tuple[Request, Decision]], *, told: str = "", tells_why: bool = True
) -> NoReturn:
    """Raise the refusal of what was denied: first what a Deny forbids, then what nothing allows (I131, I155)."""
    request, decision = next((pair for pair in denied if pair[1].outcome is Outcome.EXPLICIT_DENY), denied[0])
    call.denied = decision
    raise refusals.refusal(call, caller.held, request, decision, told=told, tells_why=tells_why)
