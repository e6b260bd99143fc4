"""Policy documents: from JSON text to statements, with what is wrong noted (I51).

What a text means by itself is here. Whether its parts can be evaluated is found out by compiling them, whether it may be
saved as a policy of some kind by `compiled.validate`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NoReturn

from msgspec import Struct

from isthmus.policy import faults
from isthmus.policy.conditions import Clause
from isthmus.policy.faults import Malformed

MAX_LENGTH: Final = 131_072  # characters; IAM's model takes no longer text for any document
VERSIONS: Final = ("2008-10-17", "2012-10-17")
DOCUMENT_MEMBERS: Final = frozenset({"Version", "Id", "Statement"})
STATEMENT_MEMBERS: Final = frozenset(
    {
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
    }
)  # fmt: skip
PRINCIPAL_KINDS: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
ANYBODY: Final = "*"


class Effect(StrEnum):
    """What a statement does when it matches."""

    ALLOW = "Allow"
    DENY = "Deny"


class Element(Struct, frozen=True):
    """Action, Resource or Principal with its values, or, `negated`, its Not form."""

    values: tuple[str, ...]
    negated: bool = False


class Statement(Struct, frozen=True):
    """A statement as it was written; `index` counts from 0 in its policy.

    A principal is `kind:name`, as in `AWS:111122223333`; everybody is `AWS:*` (I67). `problem` says why the statement
    cannot be read; its other members are then empty.
    """

    index: int
    sid: str
    effect: Effect
    actions: Element | None = None
    resources: Element | None = None
    principals: Element | None = None
    conditions: tuple[Clause, ...] = ()
    problem: str = ""


class Document(Struct, frozen=True):
    """A policy document, statement by statement."""

    version: str
    id: str
    statements: tuple[Statement, ...]


class _Number(str):
    """A JSON number in its own digits: a condition compares text, and nothing else takes a number."""

    __slots__ = ()


def parse(text: str) -> Document:
    """Read a policy document. What is wrong with one statement is noted in that statement.

    Raises Malformed for what is wrong with the document: no JSON, a key twice, an unknown member, a wrong type.
    """
    if len(text) > MAX_LENGTH:
        raise Malformed(faults.SYNTAX)
    members = _object(_json(text), DOCUMENT_MEMBERS)
    version = _string(members, "Version", VERSIONS[0])
    if version not in VERSIONS:
        raise Malformed(faults.VERSION)
    given = members.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if not statements:
        raise Malformed(faults.SYNTAX)
    read = tuple(_statement(index, each) for index, each in enumerate(statements))
    return Document(version, _string(members, "Id", ""), read)


def size(text: str) -> int:
    """The characters of a document that count towards a limit: all but white space (I55)."""
    return len(text) - sum(map(text.count, "\t\n\r "))


def rename_principals(text: str, names: Mapping[str, str]) -> str:
    """The document with the AWS principals that `names` has under their other names (I54).

    From ARNs to unique ids when a trust policy is saved, and back when it is shown. Text without any stays as it is.
    Raises Malformed for a text that is no policy.
    """
    members = _object(_json(text, number=None), DOCUMENT_MEMBERS)
    changed = False
    given = members["Statement"] if "Statement" in members else _refuse()
    for statement in given if isinstance(given, list) else [given]:
        principal = statement.get("Principal") if isinstance(statement, dict) else None
        if isinstance(principal, dict) and "AWS" in principal:
            renamed = _renamed(principal["AWS"], names)
            changed = changed or renamed != principal["AWS"]
            principal["AWS"] = renamed
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False) if changed else text


def _renamed(given: object, names: Mapping[str, str]) -> object:
    if isinstance(given, list):
        return [_renamed(each, names) for each in given]
    return names.get(given, given) if isinstance(given, str) else given


def _json(text: str, number: Callable[[str], object] | None = _Number) -> object:
    """What the JSON text says; without `number` its numbers are Python's."""
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_int=number, parse_float=number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Malformed(faults.SYNTAX) from None


def _refuse(_constant: str = "") -> NoReturn:
    raise Malformed(faults.SYNTAX)


def _pairs(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed(faults.SYNTAX)
    return members


def _object(given: object, allowed: frozenset[str]) -> dict[str, Any]:
    if not isinstance(given, dict) or not allowed.issuperset(given):
        raise Malformed(faults.SYNTAX)
    return given


def _statement(index: int, given: object) -> Statement:
    """One statement; one that cannot be read is an Allow or a Deny with a problem (I56)."""
    try:
        return _read_statement(index, _object(given, STATEMENT_MEMBERS))
    except Malformed as malformed:
        allows = isinstance(given, dict) and given.get("Effect") == Effect.ALLOW
        return Statement(index, "", Effect.ALLOW if allows else Effect.DENY, problem=str(malformed))


def _read_statement(index: int, members: Mapping[str, Any]) -> Statement:
    effect = _string(members, "Effect", "")
    if effect not in {*Effect}:
        raise Malformed(faults.SYNTAX)
    return Statement(
        index=index,
        sid=_string(members, "Sid", ""),
        effect=Effect(effect),
        actions=_element(members, "Action", _strings),
        resources=_element(members, "Resource", _strings),
        principals=_element(members, "Principal", _principals),
        conditions=_conditions(members.get("Condition", {})),
    )


def _string(members: Mapping[str, Any], name: str, default: str) -> str:
    value = members.get(name, default)
    if type(value) is not str:  # a number in its digits is none
        raise Malformed(faults.SYNTAX)
    return value


def _element(members: Mapping[str, Any], name: str, read: Callable[[object], tuple[str, ...]]) -> Element | None:
    """The element or its Not form; both at once are an error (I51)."""
    given = [(each, each != name) for each in (name, f"Not{name}") if each in members]
    if len(given) > 1:
        raise Malformed(faults.SYNTAX)
    return Element(read(members[given[0][0]]), given[0][1]) if given else None


def _strings(given: object) -> tuple[str, ...]:
    values = given if isinstance(given, list) else [given]
    if any(type(value) is not str for value in values):
        raise Malformed(faults.SYNTAX)
    return tuple(values)


def _principals(given: object) -> tuple[str, ...]:
    if given == ANYBODY:
        return (f"AWS:{ANYBODY}",)
    kinds = _object(given, PRINCIPAL_KINDS)
    return tuple(f"{kind}:{name}" for kind, names in kinds.items() for name in _strings(names))


def _conditions(given: object) -> tuple[Clause, ...]:
    if not isinstance(given, dict):
        raise Malformed(faults.SYNTAX)
    return tuple(
        Clause(operator, key, _condition_values(values))
        for operator, keys in given.items()
        for key, values in (keys if isinstance(keys, dict) else _refuse()).items()
    )


def _condition_values(given: object) -> tuple[str, ...]:
    return tuple(_condition_value(value) for value in (given if isinstance(given, list) else [given]))


def _condition_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else _refuse()
