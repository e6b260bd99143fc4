"""A policy evaluator that is slow and plain: the oracle of tests/property/test_policy.py.

It walks the JSON of a policy for every question, by the rules of docs/spec/iam-semantics.md and with nothing of
`isthmus.policy`. A part that cannot be evaluated answers None; a statement takes that as no for an Allow and as yes for a
Deny (I56).
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

Context = Mapping[str, str | tuple[str, ...]]
Answer = bool | None
ANY, ONE = object(), object()  # the wildcards * and ?


class CannotSay(Exception):
    pass


# Text


def symbols(text: str) -> list[Any]:
    return [{"*": ANY, "?": ONE}.get(letter, letter) for letter in text]


def like(pattern: Sequence[Any], text: str) -> bool:
    if not pattern:
        return text == ""
    if pattern[0] is ANY:
        return like(pattern[1:], text) or (text != "" and like(pattern, text[1:]))
    return text != "" and (pattern[0] is ONE or pattern[0] == text[0]) and like(pattern[1:], text[1:])


def fields_of(pattern: Sequence[Any]) -> list[list[Any]]:
    fields: list[list[Any]] = [[]]
    for symbol in pattern:
        if symbol == ":" and len(fields) < 6:
            fields.append([])
        else:
            fields[-1].append(symbol)
    return fields


def arn_like(pattern: Sequence[Any], text: str, *, fold: bool = False) -> bool:
    given = fields_of(list(text))
    wanted = fields_of(pattern)
    if len(wanted) < 6:
        if not pattern or pattern[-1] is not ANY:
            return False
        wanted += [[ANY]] * (6 - len(wanted))
    if len(given) < 6:
        return False
    if fold:
        low = [[symbol.lower() if isinstance(symbol, str) else symbol for symbol in field] for field in wanted]
        wanted = [*low[:5], wanted[5]]
        given = [*(list("".join(field).lower()) for field in given[:5]), given[5]]
    return all(like(pattern, "".join(field)) for pattern, field in zip(wanted, given, strict=True))


def fill(text: str, version: str, context: Context) -> list[Any] | None:
    """The symbols of a text with variables; None without a value."""
    if version != "2012-10-17":
        return symbols(text)
    out: list[Any] = []
    while text:
        if not text.startswith("${"):
            out += symbols(text[0])
            text = text[1:]
            continue
        inside, closing, rest = text[2:].partition("}")
        if not closing:
            raise CannotSay
        if inside in {"*", "?", "$"}:
            out.append(inside)
        else:
            key, comma, default = inside.partition(",")
            value = look_up(context, key)
            if isinstance(value, tuple):
                raise CannotSay
            if value is None:
                if not comma:
                    return None
                value = default.strip()[1:-1]
            out += list(value)
        text = rest
    return out


def look_up(context: Context, key: str) -> str | tuple[str, ...] | None:
    """The exact tag first, else the first by code point (I91)."""
    head, _, tag = key.partition("/")
    same = [name for name in context if name.lower() == key.lower()]
    exact = [name for name in same if name.partition("/")[2] == tag and name.partition("/")[0].lower() == head.lower()]
    for name in exact or sorted(same, key=lambda name: name.partition("/")[2]):
        return context[name] if context[name] != () else None
    return None


# Values of conditions


def number(text: str) -> Decimal:
    if not re.fullmatch(r"[-+0-9.eE]+", text):
        raise CannotSay
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CannotSay from None


def date(text: str) -> Decimal:
    if re.fullmatch(r"[0-9]{1,3}|[0-9]{5,}", text):  # four digits are a year
        return Decimal(text)
    padded = text + "-01" * (2 - text.count("-")) if re.fullmatch(r"\d{4}(-\d\d)?", text) else text
    whole = f"{padded}T00:00:00Z" if "T" not in padded else padded
    try:
        moment = datetime.fromisoformat(whole)
    except ValueError:
        raise CannotSay from None
    if moment.tzinfo is None:
        raise CannotSay
    return Decimal(str(moment.timestamp()))


def truth(text: str) -> str:
    if text.lower() not in {"true", "false"}:
        raise CannotSay
    return text.lower()


def binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise CannotSay from None


def network(text: str) -> Any:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise CannotSay from None


def address(text: str) -> Any:
    try:
        found = ip_address(text)
    except ValueError:
        raise CannotSay from None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def plain(pattern: Sequence[Any]) -> str:
    return "".join({id(ANY): "*", id(ONE): "?"}.get(id(symbol), symbol) for symbol in pattern)


def inside(pattern: Sequence[Any], given: str) -> bool:
    block, found = network(plain(pattern)), address(given)
    return bool(block.version == found.version and found in block)


def by(read: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any], str], bool]:
    return lambda pattern, given: compare(read(given), read(plain(pattern)))


ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}
# Positive operators: how a policy's value is held against a request's; whether it takes variables.
POSITIVE: dict[str, tuple[Callable[[Sequence[Any], str], bool], bool]] = {
    "StringEquals": (lambda pattern, given: plain(pattern) == given, True),
    "StringEqualsIgnoreCase": (lambda pattern, given: plain(pattern).lower() == given.lower(), True),
    "StringLike": (like, True),
    "ArnEquals": (arn_like, True),
    "ArnLike": (arn_like, True),
    "Bool": (by(truth, ORDER["Equals"]), True),
    "BinaryEquals": (by(binary, ORDER["Equals"]), False),
    "IpAddress": (inside, False),
    **{f"Numeric{name}": (by(number, compare), False) for name, compare in ORDER.items()},
    **{f"Date{name}": (by(date, compare), False) for name, compare in ORDER.items()},
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
READERS = {"Numeric": number, "Date": date, "Bool": truth, "Binary": binary, "IpAddress": network}


def clause(operator: str, key: str, values: Sequence[str], version: str, context: Context) -> Answer:
    try:
        return clause_or_raise(operator, key, values, version, context)
    except CannotSay:
        return None


def clause_or_raise(operator: str, key: str, values: Sequence[str], version: str, context: Context) -> bool:
    prefix, colon, rest = operator.partition(":")
    quantifier, name = (prefix, rest) if colon else ("", prefix)
    value = look_up(context, key)
    if name == "Null":
        return str(value is None).lower() in [truth(wanted) for wanted in values]
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = name in NEGATED
    name = NEGATED.get(name, name)
    if name not in POSITIVE:
        raise CannotSay
    compare, variables = POSITIVE[name]
    check_values(name, [wanted for wanted in values if not variables or version != "2012-10-17" or "${" not in wanted])
    if value is None:
        return if_exists or (negated if quantifier == "" else quantifier == "ForAllValues")
    if quantifier == "" and isinstance(value, tuple):
        return False
    patterns = [fill(wanted, version if variables else "", context) for wanted in values]
    present = [pattern for pattern in patterns if pattern is not None]
    given = value if isinstance(value, tuple) else (value,)
    check_values(name, given)
    answers = [any([compare(pattern, each) for pattern in present]) is not negated for each in given]  # noqa: C419  # each must be readable
    return any(answers) if quantifier == "ForAnyValue" else all(answers)


def check_values(name: str, values: Sequence[str]) -> None:
    """A value that cannot be read spoils its clause, the policy's whatever is asked."""
    for start, read in READERS.items():
        if name.startswith(start):
            for value in values:
                read(value)


# Statements


def listed(given: Any) -> list[str]:
    return given if isinstance(given, list) else [given]


def action_matches(patterns: Iterable[str], action: str) -> Answer:
    answer = False
    for pattern in patterns:
        if pattern != "*" and ":" not in pattern:
            return None
        answer = answer or like(symbols(pattern.lower()), action.lower())
    return answer


def resource_matches(patterns: Sequence[str], resource: str, version: str, context: Context) -> Answer:
    if any(pattern != "*" and not is_arn_pattern(pattern, version) for pattern in patterns):
        return None
    try:
        return "*" in patterns or any([arn_matches(pattern, resource, version, context) for pattern in patterns])  # noqa: C419  # each must be usable
    except CannotSay:
        return None


def is_arn_pattern(pattern: str, version: str) -> bool:
    head = pattern.split(":", 5)[:5]
    whole = len(pattern.split(":")) >= 6 or pattern.endswith("*")
    return head[0] == "arn" and ":" in pattern and whole and not (version == "2012-10-17" and "${" in ":".join(head))


def arn_matches(pattern: str, resource: str, version: str, context: Context) -> bool:
    if resource == "*":
        return False
    head = symbols(":".join([*pattern.split(":", 5)[:5], "*"]))
    if "${" in pattern and not arn_like(head, resource, fold=True):  # its variable is not asked for
        return False
    filled = fill(pattern, version, context)
    return filled is not None and arn_like(filled, resource, fold=True)


def negate(answer: Answer) -> Answer:
    return None if answer is None else not answer


def statement_matches(statement: Any, version: str, action: str, resource: str, context: Context) -> bool:
    answers: list[Answer] = []
    if "Action" in statement:
        answers.append(action_matches(listed(statement["Action"]), action))
    else:
        answers.append(negate(action_matches(listed(statement["NotAction"]), action)))
    if "Resource" in statement:
        answers.append(resource_matches(listed(statement["Resource"]), resource, version, context))
    else:
        answers.append(negate(resource_matches(listed(statement["NotResource"]), resource, version, context)))
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            answers.append(clause(operator, key, listed(values), version, context))
    otherwise = statement["Effect"] == "Deny"
    return all(otherwise if answer is None else answer for answer in answers)


def effects(policies: Iterable[Any], action: str, resource: str, context: Context) -> set[str]:
    """The effects of the statements that match."""
    return {
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if statement_matches(statement, policy.get("Version", "2008-10-17"), action, resource, context)
    }


def decide(layers: Sequence[tuple[str, Sequence[Any]]], action: str, resource: str, context: Context) -> tuple[str, str]:
    """Outcome and deciding layer, of layers in the order of I155."""
    said = [(layer, effects(policies, action, resource, context)) for layer, policies in layers]
    for layer, found in said:
        if "Deny" in found:
            return "explicitDeny", layer
    for layer, found in said:
        if "Allow" not in found:
            return "implicitDeny", layer
    return "allowed", ""
