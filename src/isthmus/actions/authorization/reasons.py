"""Why somebody may or may not, statement by statement, for `isthmus why-denied`.

The decision is made anew from the policies and the objects as they are now. What a request would have said beside that, its
tags or its address, is for whoever asks to say; an encoded message brings it along.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from isthmus.actions.authorization import callers, permissions, refusals
from isthmus.actions.authorization.asking import named
from isthmus.actions.authorization.callers import Caller
from isthmus.actions.authorization.ec2_table import ACTIONS, TAGGING
from isthmus.actions.authorization.keys import ANY, NOTHING_REQUESTED, CommonContext, ResourceContext
from isthmus.actions.call import Call, RandomIdentifiers, Rules
from isthmus.domain import accounts, quotas, regions
from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, USER, Principal
from isthmus.domain.peering import Delays
from isthmus.policy import explain, match
from isthmus.policy.compiled import Kind
from isthmus.policy.conditions import Clause
from isthmus.policy.context import Context, Value, key
from isthmus.policy.evaluate import Decision, Layer, Request, ResourcePolicy, evaluate, evaluate_trust
from isthmus.policy.explain import Step
from isthmus.store.unit import Unit
from isthmus.wire import services

ASSUME_ROLE: Final = "sts:AssumeRole"
WITHOUT_ACTION: Final = frozenset({"sts:TagSession", "sts:SetSourceIdentity", "iam:PassRole"})
"""What AssumeRole and AddRoleToInstanceProfile ask permission for besides themselves (I103, I177): names of no actions."""
DEFAULT_REGION: Final = "us-east-1"
LEVELS: Final = ("organization", "account")
"""Where service control policies are attached, in the order in which they are asked (I116)."""
PSEUDO: Final = frozenset({"aws:Region", "aws:Service", "aws:Resource", "aws:Type", "aws:Account", "aws:ARN"})
"""What an encoded message has among its conditions and no policy can ask for (I160)."""


class UnknownCallerError(ValueError):
    """What was named is nobody; the text is a sentence for the operator."""


def of_message(unit: Unit, text: str) -> dict[str, Any]:
    """Explain what was refused with this encoded message, which may stand at the end of its refusal.

    Raises `ValueError` for a text that is none of ours.
    """
    try:
        message = json.loads(refusals.decoded(unit.installation, text.strip().rpartition(" ")[2])[1])
    except ValueError:
        raise ValueError("This is no encoded message of this installation.") from None
    asked = message["context"]
    said = {name: value for name, value in refusals.conditions_of(message).items() if name not in PSEUDO}
    now = of_call(unit, asked["principal"]["arn"], asked["action"], [asked["resource"]], said)
    since = (
        ["It was refused when it was asked: what decides has changed since, or is not seen here."] if now["allowed"] else []
    )
    return {**now, "notes": since + now["notes"], "refused": message}


def of_call(
    unit: Unit, who: str, action: str, resources: Sequence[str], said: Mapping[str, Value], region: str = ""
) -> dict[str, Any]:
    """Explain whether a caller, an ARN or an access key id, may do an action on these resources.

    `said` are condition keys that the request says. Raises `UnknownCallerError`, and `ValueError` for what is no action,
    no ARN or no Region.
    """
    service, colon, name = action.partition(":")
    if not colon:
        raise ValueError(f"{action!r} is no action. Write it like ec2:DeleteVpc.")
    for resource in resources:
        if resource != ANY and match.arn(resource) is None:
            raise ValueError(f"{resource!r} is no ARN. Write it like arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1234abcd.")
    principal = _principal(unit, who, service, _region(region, resources))
    caller = callers.caller(principal, permissions.read(principal, unit))
    call = Call(name, principal, unit, Rules(Delays(), quotas.DEFAULT), "", RandomIdentifiers())
    checks = [_check(call, caller, action, resource, said) for resource in resources or [ANY]]
    return {
        "caller": principal.arn,
        "allowed": all(check["allowed"] for check in checks),
        "checks": checks,
        "notes": list(_notes(principal, action, resources)),
    }


def _region(given: str, resources: Sequence[str]) -> str:
    """Return the Region that is called: the given one, else that of the first resource if it names one."""
    if given:
        if given not in regions.REGIONS:
            raise ValueError(f"{given!r} is no Region.")
        return given
    fields = match.arn(resources[0]) if resources else None
    return fields[3] if fields and fields[3] in regions.REGIONS else DEFAULT_REGION


def _notes(principal: Principal, action: str, resources: Sequence[str]) -> Iterator[str]:
    """Yield what could mislead whoever reads the decision."""
    if principal.kind == ASSUMED_ROLE and principal.session is None and ":sts:" in principal.arn:
        yield "A session's ARN does not say which policies and tags it was given: name its access key to have them count."
    service, _, name = action.partition(":")
    if not _is_known(service, name):
        yield f"This Isthmus has no action {action}."
    types = ACTIONS.get(name, ()) if service.casefold() == "ec2" and not resources else ()
    if types:
        among = " or ".join(each.name for each in types)
        yield f"{action} is decided for a resource ({among}). Without its ARN, only what is about every resource (*) counts."


def _is_known(service: str, name: str) -> bool:
    """Whether an action is one of ours, in whatever letter case (I61), or of a service that is not."""
    folded = service.casefold()
    if folded not in services.BY_NAME:
        return True
    listed = {f"{folded}:{each}" for each in services.tables(folded).actions} | WITHOUT_ACTION
    return f"{folded}:{name}".casefold() in {each.casefold() for each in listed}


# --- who --------------------------------------------------------------------------------------------------------------


def _principal(unit: Unit, who: str, service: str, region: str) -> Principal:
    if (issued := unit.access_keys.issued(who)) is not None:
        return accounts.holder(issued, region=region, service=service, partition=regions.partition_of(region))
    fields = match.arn(who)
    if fields is None:
        raise UnknownCallerError(f"{who!r} is neither an ARN nor the id of a key that was issued here.")
    account, (kind, _, rest) = fields[4], fields[5].partition("/")
    if kind == "root":
        return accounts.root(account, access_key_id="", region=region, service=service, partition=fields[1])
    held = _holder_id(unit, account, kind, rest)
    if held is None:
        why = "a federated user is only its key" if kind == FEDERATED_USER else "there is no such user or role"
        raise UnknownCallerError(f"Nothing is known of {who}: {why}.")
    holder_id, form = held
    return Principal(account, who, holder_id, "", region, service, form, holder_id)


def _holder_id(unit: Unit, account: str, kind: str, rest: str) -> tuple[str, str] | None:
    """Return the unique id of a user or a role, and the kind of principal it makes; a session's own policy is unknown."""
    if kind == USER:
        user = unit.iam_users.named(account, rest.rpartition("/")[2])
        return None if user is None else (user.id, USER)
    role = unit.iam_roles.named(account, rest.partition("/")[0] if kind == ASSUMED_ROLE else rest.rpartition("/")[2])
    return None if role is None or kind == FEDERATED_USER else (role.id, ASSUMED_ROLE)


# --- what -------------------------------------------------------------------------------------------------------------


def _check(call: Call, caller: Caller, action: str, resource: str, said: Mapping[str, Value]) -> dict[str, Any]:
    request = Request(action, resource, Context.of(said, _context(call, caller, resource)))
    policies, trust = caller.held.policies, _trust(call.store, action, resource)
    who = named(call, caller)
    decision = evaluate(policies, request) if trust is None else evaluate_trust(policies, who, trust, request)
    return {
        "action": action,
        "resource": resource,
        "allowed": decision.allowed,
        "decision": decision.outcome.value,
        "layer": None if decision.layer is None else decision.layer.value,
        "reason": explain.reason(decision),
        "statements": [_statement(step, decision, request) for step in explain.steps(policies, request, who, trust)],
    }


def _context(call: Call, caller: Caller, resource: str) -> Context:
    """Return what is known without the request: of the caller, and of a resource that is there."""
    common, fields = CommonContext(call, caller), match.arn(resource)
    kind, _, resource_id = fields[5].partition("/") if fields else ("", "", ANY)
    types = {each.name: each for each in ACTIONS.get(call.action, ())} or TAGGING
    if fields is None or fields[2] != "ec2" or resource_id == ANY or kind not in types:
        return common
    return ResourceContext(call, types[kind], (fields[4], fields[3], resource_id), NOTHING_REQUESTED[0], None, common)


def _trust(unit: Unit, action: str, resource: str) -> ResourcePolicy | None:
    """Return the trust policy of a role that is to be assumed."""
    fields = match.arn(resource)
    if action.casefold() != ASSUME_ROLE.casefold() or fields is None:
        return None
    role = unit.iam_roles.named(fields[4], fields[5].rpartition("/")[2])
    return None if role is None else ResourcePolicy(permissions.load(role.trust_policy, Kind.TRUST), fields[4])


def _statement(step: Step, decision: Decision, request: Request) -> dict[str, Any]:
    match_, statement = step.match, step.match.statement
    return {
        "layer": match_.layer.value,
        "level": LEVELS[step.level] if match_.layer is Layer.SERVICE_CONTROL else "",
        "policy": match_.source.arn or match_.source.name,
        "name": match_.source.name,
        "statement": statement.index + 1,
        "sid": statement.sid,
        "effect": statement.effect.value,
        "verdict": step.verdict.value,
        "decides": match_ in decision.matches,
        **({"conditions": [_condition(clause, request) for clause in step.failed]} if step.failed else {}),
    }


def _condition(clause: Clause, request: Request) -> dict[str, Any]:
    """Return a condition that did not hold, with what its key said."""
    said = request.context.get(key(clause.key))
    return {"operator": clause.operator, "key": clause.key, "values": list(clause.values), "said": said}
