"""Who is calling: what binds it, and what condition keys always say of it, as long as nothing of that is changed.

Because those keys never say anything else of one caller, the conditions that ask for nothing but them are decided once, when
what binds the caller is read. What is left for a request looks at its resources, at the clock or at the address.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from isthmus.actions.authorization import permissions
from isthmus.actions.authorization.permissions import Permissions
from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, ROOT, USER, Principal
from isthmus.policy.context import Context, fold
from isthmus.policy.evaluate import PrincipalPolicies
from isthmus.wire.xml import instant

if TYPE_CHECKING:
    from isthmus.store.unit import Unit


class Who(NamedTuple):
    """A principal, and what was read of it."""

    principal: Principal
    held: Permissions


PRINCIPAL_TYPES: Final[Mapping[str, str]] = {
    ROOT: "Account",
    USER: "User",
    ASSUMED_ROLE: "AssumedRole",
    FEDERATED_USER: "FederatedUser",
}


def _user_name(who: Who) -> str | None:
    return who.principal.arn.rpartition("/")[2] if who.principal.kind == USER else None


def _issued(who: Who) -> str | None:
    return None if who.held.issued_at is None else f"{instant(who.held.issued_at).partition('.')[0]}Z"


def _with_mfa(who: Who) -> str | None:
    return None if who.held.with_mfa is None else "true" if who.held.with_mfa else "false"


CONSTANTS: Final[dict[str, Callable[[Who], str | None]]] = {
    "aws:RequestedRegion": lambda who: who.principal.region,
    "aws:PrincipalAccount": lambda who: who.principal.account,
    "aws:PrincipalArn": lambda who: who.held.role_arn or who.principal.arn,  # I96
    "aws:PrincipalType": lambda who: PRINCIPAL_TYPES[who.principal.kind],
    "aws:userid": lambda who: who.principal.user_id,
    "aws:username": _user_name,  # I97
    "aws:PrincipalIsAWSService": lambda _: "false",
    "aws:ViaAWSService": lambda _: "false",
    "aws:TokenIssueTime": _issued,
    "aws:MultiFactorAuthPresent": _with_mfa,
    "aws:SourceIdentity": lambda who: who.held.source_identity or None,
}
PRINCIPAL_TAGS: Final = "aws:principaltag/"
CONSTANT: Final = frozenset(map(fold, CONSTANTS)) | {PRINCIPAL_TAGS}
"""Their folded names."""


class Caller(Struct, frozen=True):
    """Who calls from one Region with one key. `policies` are those of `held` with what `constants` say decided."""

    held: Permissions
    constants: Context
    policies: PrincipalPolicies


def of(principal: Principal, unit: "Unit") -> Caller:
    """Return who is calling, from memory where that is as good."""
    known, asked = unit.memo.callers, f"{principal.access_key_id} {principal.region}"
    found: Caller | None = known.get(asked)
    if found is None:
        found = caller(principal, permissions.read(principal, unit))
        known.keep(asked, found)
    return found


def caller(principal: Principal, held: Permissions) -> Caller:
    """Return the caller that a principal is with these permissions."""
    who = Who(principal, held)
    said = {fold(name): value for name, source in CONSTANTS.items() if (value := source(who)) is not None}
    constants = Context(said, {PRINCIPAL_TAGS: held.tags})
    return Caller(held, constants, held.policies.settled(constants, CONSTANT))
