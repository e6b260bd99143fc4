"""Where the statements of a policy stand in its text, for whoever is told which of them decided (I196a)."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_STATEMENT: Final = "Statement"
_decode = json.JSONDecoder().raw_decode


class Position(NamedTuple):
    """A place in a text; lines and columns count from 1."""

    line: int
    column: int


@lru_cache(maxsize=32)  # each of a simulation's actions and resources asks for the same few
def statements(text: str) -> tuple[tuple[Position, Position], ...]:
    """The first character of each statement and the place behind its last one, for a text that `document.parse` reads."""
    start = _beginning(text)
    return tuple((_position(text, begin), _position(text, end)) for begin, end in _spans(text, start))


def _beginning(text: str) -> int:
    """Where the value of Statement begins."""
    at = _behind(text, _next(text, 0))
    while True:
        name, end = _decode(text, at)
        value = _behind(text, _next(text, end))
        if name == _STATEMENT:
            return value
        at = _behind(text, _next(text, _decode(text, value)[1]))


def _spans(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Begin and end of a statement, or of each of a list."""
    if text[start] != "[":
        yield start, _decode(text, start)[1]
        return
    at = start
    while text[at] != "]":
        begin = _behind(text, at)
        end = _decode(text, begin)[1]
        yield begin, end
        at = _next(text, end)


def _next(text: str, at: int) -> int:
    """Where the white space ends that begins there."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _behind(text: str, mark: int) -> int:
    """Where something begins behind a brace, colon or comma."""
    return _next(text, mark + 1)


def _position(text: str, at: int) -> Position:
    return Position(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
