"""What the model of a Query service says of a request's values: words, lengths, patterns, numbers (I198, ValidationError).

All that is wrong is told at once, in the words that all these services share. EC2 words its refusals per action, so its
rules are in `domain`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from isthmus.domain import errors
from isthmus.wire import model, services
from isthmus.wire.decode import lower_first
from isthmus.wire.services import Service

Check = Callable[[Any, str], Iterator[str]]
"""From a value and its place in the request to what is wrong with it."""

SHOWN = 200
"""Characters of a value that its refusal repeats."""
NAME_PATTERNS = frozenset({r"[\w+=,.@-]+", r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$"})
UNFIT = {
    name: f"The specified value for {name} is invalid. "
    "It must contain only alphanumeric characters and/or the following: +=,.@_-"
    for name in ("userName", "newUserName", "groupName", "newGroupName", "roleName", "policyName")
} | {
    "accountAlias": "The specified value for accountAlias is invalid. It must be a minimum length of 3 characters and "
    "maximum length of 63 characters, contain only digits, lowercase letters, and hyphens (-), but cannot begin or end with "
    "a hyphen."
}
"""What IAM says of the letters of these names, once nothing else is wrong with the request."""
FEWER_WORDS = {("iam", "statusType"): ("Active", "Inactive")}
"""Words that a request may use where the model lists one more, which only answers have."""
# Java's classes of letters, separators and digits, which stand side by side in the model's patterns, and nowhere else.
_UNICODE = r"\p{L}\p{Z}\p{N}_"
_IN_PYTHON = r"\w \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def check_constraints(service: Service, action: str, request: msgspec.Struct) -> None:
    """Raise ValidationError where a value of the request is not as its model wants it."""
    if service.protocol != "query":
        return
    found = list(_check_of(service.name, services.tables(service.name).actions[action].request)(request, ""))
    if not found:
        return
    if wrong := [each for each in found if each not in UNFIT.values()]:
        several = "error" if len(wrong) == 1 else "errors"
        raise errors.validation_error(f"{len(wrong)} validation {several} detected: {'; '.join(wrong)}")
    raise errors.validation_error(found[0])


@cache
def _check_of(service: str, shape_name: str) -> Check:
    """The check of a shape, built when it is first used."""
    shape = services.tables(service).shapes[shape_name]
    match shape:
        case model.Structure():
            return _structure([(each, lower_first(each.sent_as), _check_of(service, each.shape)) for each in shape.members])
        case model.ListOf():
            return _list(shape, _check_of(service, shape.shape))
        case model.Text():
            words = FEWER_WORDS.get((service, shape_name), shape.values)
            return _word(words) if words else _text(shape)
        case model.Integer():
            return _within(shape, "value", lambda value: value)
        case _:
            return _nothing


def _structure(members: Sequence[tuple[model.Member, str, Check]]) -> Check:
    def check(request: Any, place: str) -> Iterator[str]:  # noqa: ANN401 - a request, or a structure in one
        for member, name, inner in members:
            value, where = getattr(request, member.attribute), f"{place}.{name}" if place else name
            if value is not None:
                yield from inner(value, where)
            elif member.required:
                yield errors.NULL.format(place=where)

    return check


def _list(shape: model.ListOf, item: Check) -> Check:
    length = _within(shape, "length", len)

    def check(values: list[Any], place: str) -> Iterator[str]:
        yield from length(values, place)
        for number, value in enumerate(values, 1):
            yield from item(value, f"{place}.{number}.member")

    return check


def _word(words: Sequence[str]) -> Check:
    why = f"Member must satisfy enum value set: [{', '.join(words)}]"

    def check(value: str, place: str) -> Iterator[str]:
        if value not in words:
            yield _refusal(value, place, why)

    return check


def _text(shape: model.Text) -> Check:
    length = _within(shape, "length", len)
    if not shape.pattern:
        return length
    java = _UNICODE in shape.pattern
    matches = re.compile(shape.pattern.replace(_UNICODE, _IN_PYTHON), 0 if java else re.ASCII).fullmatch

    def check(value: str, place: str) -> Iterator[str]:
        is_too_long = shape.high is not None and len(value) > shape.high
        # What is too long is not looked at any further, whatever it would cost.
        if not is_too_long and matches(value) is None:
            is_name = shape.pattern in NAME_PATTERNS and place in UNFIT
            why = f"Member must satisfy regular expression pattern: {shape.pattern}"
            yield UNFIT[place] if is_name else _refusal(value, place, why)
        yield from length(value, place)

    return check


def _within(shape: model.Text | model.ListOf | model.Integer, what: str, measure: Callable[[Any], int]) -> Check:
    low, high = shape.low, shape.high

    def check(value: Any, place: str) -> Iterator[str]:  # noqa: ANN401 - a value of any shape with bounds
        measured = measure(value)
        if low is not None and measured < low:
            yield _refusal(value, place, f"Member must have {what} greater than or equal to {low}")
        if high is not None and measured > high:
            yield _refusal(value, place, f"Member must have {what} less than or equal to {high}")

    return check


def _nothing(_: object, __: str) -> Iterator[str]:
    return iter(())


def _refusal(value: object, place: str, why: str) -> str:
    text = str(value)
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return f"Value '{shown}' at '{place}' failed to satisfy constraint: {why}"
