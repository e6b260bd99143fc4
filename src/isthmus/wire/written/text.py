"""From a text to its value and the lines of its parts, whatever it is written in."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from importlib import import_module
from typing import Any, Final, TypeAlias

from msgspec import Struct

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands: names of members and numbers in lists, which count from 0."""
Lines: TypeAlias = dict[Place, int]

FORMS: Final[Mapping[str, str]] = {
    ".json": "isthmus.wire.written.json_text",
    ".toml": "isthmus.wire.written.toml_text",
    ".yaml": "isthmus.wire.written.yaml_text",
    ".yml": "isthmus.wire.written.yaml_text",
}
"""By a file's suffix, the module that reads it; loaded when there is such a file."""


class UnreadableError(ValueError):
    """A text that is not what it should be; `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        """Say where and why."""
        super().__init__(why)
        self.line = line


class Written(Struct, frozen=True):
    """A value, and the line of each of its parts: of a member the line of its name."""

    value: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """Return the line of a part or, of what is not there, of what it is missing from."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


def read(text: str, suffix: str) -> Written:
    """Read a text by its file's suffix, one of `FORMS`. Raises `UnreadableError`."""
    module = import_module(FORMS[suffix])
    reading: Callable[[str], tuple[Any, Lines]] = module.read
    try:
        value, lines = reading(text)
    except RecursionError:
        raise UnreadableError(1, "this is nested too deeply") from None
    return Written(plain(value), lines)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever was written
    """Return a value with the text of every number and date in its place."""
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool) else str(value)


def shown(place: Place) -> str:
    """Return a place as people write it: `accounts[0].users[1].name`."""
    words = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(words).removeprefix(".")


class LineOf:
    """From a place in a text to its line."""

    def __init__(self, text: str) -> None:
        """Look where the lines end."""
        self._ends = [place for place, character in enumerate(text) if character == "\n"]

    def __call__(self, offset: int) -> int:
        """Return the line of a character, from 1."""
        return bisect_left(self._ends, offset) + 1
