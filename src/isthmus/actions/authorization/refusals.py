"""What a caller is told that may not: the sentence (I151 to I156), and, sealed, how that was decided (I158 to I160)."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import json

from isthmus.actions.authorization.callers import CONSTANT, PRINCIPAL_TAGS
from isthmus.actions.authorization.keys import ANY, CREATE_ACTION, OF_CALL, SPELLED, ResourceContext
from isthmus.actions.authorization.permissions import Permissions
from isthmus.actions.authorization.sealing import Sealed, seal, unseal
from isthmus.actions.call import Call
from isthmus.domain import errors
from isthmus.domain.accounts import USER
from isthmus.domain.errors import ApiError
from isthmus.policy import explain, match
from isthmus.policy.context import Context, Value, key
from isthmus.policy.document import Element
from isthmus.policy.evaluate import Decision, Match, Outcome, Request

MAX_ENCODED: Final = 10_240
"""Characters that DecodeAuthorizationMessage takes (I158)."""
EC2: Final = "ec2"


def refusal(
    call: Call, permissions: Permissions, request: Request, decision: Decision, *, told: str = "", tells_why: bool = True
) -> ApiError:
    """Return the refusal of a request, in the words of the service that was called.

    `told` is what it calls the resource, where that is not its ARN. What nobody may learn, as whether another account's role
    exists, is left away with its reason (I156, I157).
    """
    why = explain.reason(decision) if tells_why else ""
    if call.principal.service != EC2:
        return errors.access_denied(call.principal.arn, decision.action, told or decision.resource, why)
    if decision.resource == ANY:
        return errors.unauthorized(call.principal.arn, decision.action, why)
    return errors.unauthorized(
        call.principal.arn, decision.action, why, decision.resource, encoded(call, permissions, request, decision)
    )


# --- the encoded message ----------------------------------------------------------------------------------------------


def encoded(call: Call, permissions: Permissions, request: Request, decision: Decision) -> str:
    """Return how a decision came about, sealed. Statements that would make it too long are left out, the last ones first."""
    matches = list(decision.matches) if decision.outcome is Outcome.EXPLICIT_DENY else []
    conditions = dict(_conditions(permissions, request))
    while True:
        message = json.encode(_message(call, decision, matches, conditions))
        text = seal(_secret(call.store.installation), Sealed(call.account, zlib.compress(message)))
        if len(text) <= MAX_ENCODED or not (matches or conditions):
            return text
        if matches:
            matches.pop()
        else:
            conditions.popitem()


def decoded(installation: str, text: str) -> tuple[str, str]:
    """Return the account that an encoded message is for, and the message. Raises `ValueError` for any other text."""
    sealed = unseal(_secret(installation), text)
    return sealed.account, zlib.decompress(sealed.message).decode()


def _secret(installation: str) -> bytes:
    return installation.encode()


def _items(values: Iterable[Any]) -> dict[str, list[Any]]:
    return {"items": list(values)}


def _values(values: Iterable[str]) -> dict[str, list[Any]]:
    return _items({"value": value} for value in values)


def _message(
    call: Call, decision: Decision, matches: Sequence[Match], conditions: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return the message as the vendor's decoder shows it (I159)."""
    principal = call.principal
    named = {"name": principal.arn.rpartition("/")[2]} if principal.kind == USER else {}
    return {
        "allowed": False,
        "explicitDeny": decision.outcome is Outcome.EXPLICIT_DENY,
        "matchedStatements": _items(map(_statement, matches)),
        "failures": _items(()),
        "context": {
            "principal": {"id": principal.user_id, **named, "arn": principal.arn},
            "action": decision.action,
            "resource": decision.resource,
            "conditions": _items({"key": name, "values": _values(values)} for name, values in conditions.items()),
        },
    }


def _statement(matched: Match) -> dict[str, Any]:
    statement = matched.statement
    return {
        "statementId": statement.sid,
        "effect": statement.effect.value.upper(),
        "principals": _values(_of(statement.principals)),
        "principalGroups": _items(()),
        "actions": _values(_of(statement.actions)),
        "resources": _values(_of(statement.resources)),
        "conditions": _items({"key": clause.key, "values": _values(clause.values)} for clause in statement.conditions),
    }


def _of(element: Element | None) -> Sequence[str]:
    return () if element is None else element.values


def _conditions(permissions: Permissions, request: Request) -> Iterable[tuple[str, Sequence[str]]]:
    """Yield what condition keys said: pseudo keys (I160), the resource's own, and those that the policies ask for."""
    yield from _pseudo(request)
    asked = permissions.asks & (CONSTANT | OF_CALL.keys()) | {"ec2:region"}
    if isinstance(request.context, ResourceContext):
        asked |= request.context.type.keys | {CREATE_ACTION}
    for name in sorted(asked & SPELLED.keys()):
        for written in _written(name, permissions, request.context):
            value = request.context.get(key(written))
            if value is not None:
                yield written, [value] if isinstance(value, str) else value


def _written(name: str, permissions: Permissions, context: Context) -> Iterable[str]:
    """Return a key as it is asked for: of a family, each member that there is."""
    spelled = SPELLED[name]
    if not name.endswith("/"):
        return [spelled]
    if name == PRINCIPAL_TAGS:
        return [spelled + each for each in permissions.tags]
    return [spelled + each for each in context.members(name)] if isinstance(context, ResourceContext) else []


def _pseudo(request: Request) -> Iterable[tuple[str, Sequence[str]]]:
    """Yield the parts of the resource's ARN under the names of the records (I160)."""
    fields = match.arn(request.resource)
    if fields is None:
        return
    _, _, service, region, account, resource = fields
    yield from (
        ("aws:Region", [region]),
        ("aws:Service", [service]),
        ("aws:Resource", [resource]),
        ("aws:Type", [resource.partition("/")[0]]),
        ("aws:Account", [account]),
        ("aws:ARN", [request.resource]),
    )


def conditions_of(message: Mapping[str, Any]) -> dict[str, Value]:
    """Return what condition keys said, from a decoded message."""
    found: dict[str, Value] = {}
    for item in message["context"]["conditions"]["items"]:
        values = tuple(value["value"] for value in item["values"]["items"])
        found[item["key"]] = values[0] if len(values) == 1 else values
    return found
