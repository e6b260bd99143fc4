"""JSON with lines. The standard library reads it; a walk over its pieces then says where each value stood."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from isthmus.wire.written.text import LineOf, Lines, Place, UnreadableError

PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def read(text: str) -> tuple[Any, Lines]:
    """Return the value and its lines. Raises `UnreadableError`, also for a name that stands twice in one object."""
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise UnreadableError(error.lineno, f"this is no JSON: {error.msg}") from None
    walk = _Walk(text)
    walk.value(())
    return value, walk.lines


def _refuse(word: str) -> NoReturn:
    raise UnreadableError(1, f"{word} is no number in JSON")


class _Walk:
    """Goes over the pieces of a text that is known to be JSON."""

    def __init__(self, text: str) -> None:
        self._line_of, self.lines = LineOf(text), Lines()
        self._pieces: Iterator[re.Match[str]] = PIECE.finditer(text)

    def value(self, place: Place) -> None:
        piece = next(self._pieces)
        self.lines.setdefault(place, self._line_of(piece.start()))
        self._inside(place, piece[0])

    def _inside(self, place: Place, opening: str) -> None:
        if opening == "{":
            self._members(place)
        elif opening == "[":
            self._items(place)

    def _members(self, place: Place) -> None:
        while (piece := next(self._pieces))[0] != "}":
            if piece[0] == ",":
                continue
            member = (*place, json.loads(piece[0]))
            line = self._line_of(piece.start())
            if member in self.lines:
                raise UnreadableError(line, f"{member[-1]!r} stands here a second time")
            self.lines[member] = line
            next(self._pieces)  # the colon
            self.value(member)

    def _items(self, place: Place) -> None:
        number = 0
        while (piece := next(self._pieces))[0] != "]":
            if piece[0] == ",":
                continue
            self.lines[(*place, number)] = self._line_of(piece.start())
            self._inside((*place, number), piece[0])
            number += 1
