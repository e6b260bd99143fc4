"""TOML with lines. The standard library reads it; a walk over the text, known to be TOML by then, says where what is."""

import re
import tomllib
from typing import Any, Final

from isthmus.wire.written.text import LineOf, Lines, Place, UnreadableError

_STRING: Final = r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|' + r"'''.*?'''(?:'{0,2})|" + r'"(?:\\.|[^"\\])*"|' + r"'[^']*'"
STRING: Final = re.compile(_STRING, re.DOTALL)
KEY: Final = re.compile(rf"[A-Za-z0-9_-]+|{_STRING}", re.DOTALL)
BARE: Final = re.compile(r"[^,\]}\n#]+")
"""A number, a truth value or a date, which may have a space in it."""
BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


def read(text: str) -> tuple[Any, Lines]:
    """Return the value and its lines. Raises `UnreadableError`."""
    try:
        value = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        found = AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        raise UnreadableError(line, f"this is no TOML: {AT_LINE.sub('', str(error))}") from None
    walk = _Walk(text)
    walk.document()
    return value, walk.lines


class _Walk:
    """Goes over a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._line_of, self.lines = LineOf(text), Lines()
        self._last: dict[Place, int] = {}
        """Of each array of tables, the number of the one that was opened last."""

    def document(self) -> None:
        self.lines[()] = 1
        table: Place = ()
        while self._peek():
            table = self._header() if self._peek() == "[" else self._pair(table)

    def _peek(self) -> str:
        """Go on to what is no blank, and return it; nothing at the end."""
        blank = BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None, "this is known to be TOML"
        self._at = found.end()
        return found[0]

    def _header(self) -> Place:
        line, is_array = self._line_of(self._at), self._text.startswith("[[", self._at)
        brackets = 2 if is_array else 1
        self._at += brackets
        *outer, name = self._keys()
        self._peek()
        self._at += brackets
        place = (*self._within((), outer, line), name)
        self.lines.setdefault(place, line)
        if is_array:
            self._last[place] = self._last.get(place, -1) + 1
        inner = self._inner(place)
        self.lines.setdefault(inner, line)
        return inner

    def _inner(self, place: Place) -> Place:
        """Return a place or, of an array of tables, that of its last one."""
        return (*place, self._last[place]) if place in self._last else place

    def _within(self, place: Place, names: list[str], line: int) -> Place:
        for name in names:
            place = self._inner((*place, name))
            self.lines.setdefault(place, line)
        return place

    def _pair(self, table: Place) -> Place:
        self._peek()
        line = self._line_of(self._at)
        *outer, name = self._keys()
        self._peek()
        self._at += 1  # the equals sign
        place = (*self._within(table, outer, line), name)
        self.lines[place] = line
        self._value(place)
        return table

    def _keys(self) -> list[str]:
        names = [self._key()]
        while self._peek() == ".":
            self._at += 1
            names.append(self._key())
        return names

    def _key(self) -> str:
        self._peek()
        word = self._take(KEY)
        return str(tomllib.loads(f"key = {word}")["key"]) if word[0] in "\"'" else word

    def _value(self, place: Place) -> None:
        match self._peek():
            case "[":
                self._array(place)
            case "{":
                self._inline_table(place)
            case '"' | "'":
                self._take(STRING)
            case _:
                self._take(BARE)

    def _array(self, place: Place) -> None:
        self._at += 1
        number = 0
        while (character := self._peek()) != "]":
            if character == ",":
                self._at += 1
                continue
            self.lines[(*place, number)] = self._line_of(self._at)
            self._value((*place, number))
            number += 1
        self._at += 1

    def _inline_table(self, place: Place) -> None:
        self._at += 1
        while (character := self._peek()) != "}":
            if character == ",":
                self._at += 1
            else:
                self._pair(place)
        self._at += 1
