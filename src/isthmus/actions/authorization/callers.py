"""Who is calling: what binds it, and what condition keys always say of it, as long as nothing of that is changed.

Because those keys never say anything else of one caller, the conditions that ask for nothing but them are decided once, when
what binds the caller is read; those that ask for its address or the clock too, once for each address and for each time at
which they begin to say something else. What is left for a request looks at its resources or at what it says of itself.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from isthmus.actions.authorization import permissions
from isthmus.actions.authorization.permissions import Permissions
from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, ROOT, USER, Principal
from isthmus.policy.conditions import CLOCK
from isthmus.policy.context import Context, fold
from isthmus.policy.evaluate import PrincipalPolicies
from isthmus.wire.xml import instant

if TYPE_CHECKING:
    from isthmus.actions.call import Call


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


@lru_cache(maxsize=16)
def _time(second: int) -> str:
    """Return the time as these keys have it, without a fraction."""
    return f"{instant(second * 1_000).partition('.')[0]}Z"


def _now(call: "Call") -> str:
    return _time(call.now // 1_000)


def _epoch(call: "Call") -> str:
    return str(call.now // 1_000)


def _source_ip(call: "Call") -> str | None:
    return call.origin.source_ip()


def _over_tls(call: "Call") -> str:
    return "true" if call.origin.is_secure() else "false"


OF_PLACE: Final[Mapping[str, Callable[["Call"], str | None]]] = {
    "aws:CurrentTime": _now,
    "aws:EpochTime": _epoch,
    "aws:SourceIp": _source_ip,
    "aws:SecureTransport": _over_tls,
}
"""What keys say of when and where a call is made. A caller cannot make that up, as it can its headers."""
PLACES: Final = {fold(name): source for name, source in OF_PLACE.items()}


class Caller(Struct, frozen=True):
    """Who calls from one Region with one key. `policies` are those of `held` with what `constants` say decided.

    `asks_of_place` are the keys of `OF_PLACE`, folded, that can be decided for each of its places.
    """

    held: Permissions
    constants: Context
    policies: PrincipalPolicies
    asks_of_place: tuple[str, ...] = ()


def of(call: "Call") -> Caller:
    """Return who is calling, from memory where that is as good."""
    principal, known = call.principal, call.store.memo.callers
    name = f"{principal.access_key_id} {principal.region}"
    found: Caller | None = known.get(name)
    if found is None:
        found = caller(principal, permissions.read(principal, call.store))
        known.keep(name, found)
    return _placed(found, call, name) if found.asks_of_place else found


def _placed(found: Caller, call: "Call", name: str) -> Caller:
    """Return a caller with what its place says decided too. Of the clock its policies see only which turns are behind it."""
    known, turns, second = call.store.memo.callers, found.held.turns or (), call.now // 1_000
    where = [PLACES[each](call) for each in found.asks_of_place if each not in CLOCK]
    place = f"{name} {where} {bisect_left(turns, second)} {bisect_right(turns, second)}"
    placed: Caller | None = known.get(place)
    if placed is None:
        said = {each: value for each in found.asks_of_place if (value := PLACES[each](call)) is not None}
        policies = found.policies.settled(Context(said, parent=found.constants), CONSTANT.union(found.asks_of_place))
        placed = replace(found, policies=policies)
        known.keep(place, placed)
    return placed


def caller(principal: Principal, held: Permissions) -> Caller:
    """Return the caller that a principal is with these permissions."""
    who = Who(principal, held)
    said = {fold(name): value for name, source in CONSTANTS.items() if (value := source(who)) is not None}
    constants = Context(said, {PRINCIPAL_TAGS: held.tags})
    of_place = held.asks & PLACES.keys()
    if held.turns is None:
        of_place -= CLOCK
    return Caller(held, constants, held.policies.settled(constants, CONSTANT), tuple(sorted(of_place)))
