"""Who is named by the Principal element of a trust policy, and how firmly (I54, I67, I118, I120)."""

import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from isthmus.domain.accounts import is_account_id
from isthmus.policy import faults
from isthmus.policy.faults import Malformed
from isthmus.policy.match import Wildcard, arn, tokens


class Caller(Struct, frozen=True):
    """Who is calling, as a resource policy sees it.

    `arn` is what GetCallerIdentity answers; a role session has its role's ARN beside it, with the path (I96). `ids` are
    the unique ids that a saved trust policy may name instead (I54): a user's AIDA, a role's AROA. `kind` is `Service` or
    `Federated` for callers without an account; `arn` is then the service's or provider's name.
    """

    account: str
    arn: str
    role_arn: str = ""
    ids: frozenset[str] = frozenset()
    kind: str = "AWS"


class Grant(IntEnum):
    """How firmly a statement names a caller. What is firmer needs less beside it (I118, I120)."""

    NONE = 0
    ACCOUNT = 1  # the account may, and its own policies say who of it
    ROLE = 2  # the role, or everybody: the caller's boundary and session policy still count
    CALLER = 3  # this user, this session


Naming: TypeAlias = Callable[[Caller], Grant]

ANYBODY = "*"
_UNIQUE_ID = r"A(?:ID|RO)A[A-Z0-9]{8,124}"
_USER_ID = "AIDA"
_IAM_PARTS = ("user/", "role/")
_STS_PARTS = ("assumed-role/", "federated-user/")


def naming(principals: Iterable[str]) -> Naming:
    """How firmly a Principal element, its entries as `kind:name`, names a caller: as its firmest entry does.

    Raises Malformed for an entry that can be nobody, such as one with a wildcard in it.
    """
    named = [_entry(*principal.split(":", 1)) for principal in principals]
    if not named:
        raise Malformed(faults.SYNTAX)
    return lambda caller: max(entry(caller) for entry in named)


def _entry(kind: str, name: str) -> Naming:
    if kind != "AWS":
        return _outsider(kind, name)
    if name == ANYBODY:
        return lambda _caller: Grant.ROLE
    if is_account_id(name):
        return _account(name)
    if re.fullmatch(_UNIQUE_ID, name):
        grant = Grant.CALLER if name.startswith(_USER_ID) else Grant.ROLE
        return lambda caller: grant if name in caller.ids else Grant.NONE
    return _by_arn(name)


def _outsider(kind: str, name: str) -> Naming:
    if _has_wildcard(name):
        raise invalid(kind, name)
    return lambda caller: Grant.CALLER if (caller.kind, caller.arn) == (kind, name) else Grant.NONE


def _account(account: str) -> Naming:
    return lambda caller: Grant.ACCOUNT if caller.account == account and caller.kind == "AWS" else Grant.NONE


def _by_arn(name: str) -> Naming:
    fields = arn(name)
    if fields is None or _has_wildcard(name) or not is_account_id(fields[4]) or fields[0] != "arn" or fields[3]:
        raise invalid("AWS", name)
    service, account, resource = fields[2], fields[4], fields[5]
    if service == "iam" and resource == "root":
        return _account(account)
    if not resource.startswith({"iam": _IAM_PARTS, "sts": _STS_PARTS}.get(service, ())):
        raise invalid("AWS", name)

    def entry(caller: Caller) -> Grant:
        if caller.arn == name:
            return Grant.CALLER
        return Grant.ROLE if name == caller.role_arn else Grant.NONE

    return entry


def _has_wildcard(name: str) -> bool:
    return any(isinstance(token, Wildcard) for token in tokens(name))


def invalid(kind: str, name: str) -> Malformed:
    """The refusal of a principal that there is not, or cannot be (I53)."""
    return Malformed(faults.INVALID_PRINCIPAL.format(kind=kind, name=name))
