"""Patterns with `*` and `?`, and ARNs matched field by field, in time that grows with the sizes and not their product's
branches (I57, I61 to I66, I85).

A pattern is a sequence of tokens: text that stands for itself, and the two wildcards. So what came into it through a
policy variable stays text, whatever characters it has (I75).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

from msgspec import Struct

from isthmus.policy import faults
from isthmus.policy.context import fold
from isthmus.policy.faults import Malformed


class Wildcard(Enum):
    """`STAR` is any run of characters, `HOLE` exactly one."""

    STAR = "*"
    HOLE = "?"


Token: TypeAlias = str | Wildcard
Tokens: TypeAlias = Sequence[Token]
Test: TypeAlias = Callable[[str], bool]
Arn: TypeAlias = tuple[str, ...]  # six fields; the first five folded where the pattern's are
ArnTest: TypeAlias = Callable[[Arn], bool]

ARN_FIELDS = 6
ANY_RESOURCE = "*"
MAX_REMEMBERED_LENGTH = 128  # characters; longer patterns are rare, and many of them would be much memory
_WILDCARDS = re.compile(r"([*?])")


def tokens(text: str) -> Tokens:
    """The text with its wildcards told apart."""
    return tuple(Wildcard(part) if part in {"*", "?"} else part for part in _WILDCARDS.split(text) if part)


def plain(tokens: Tokens) -> str:
    """The text of tokens among which there is no wildcard."""
    assert not any(isinstance(token, Wildcard) for token in tokens), tokens
    return "".join(map(str, tokens))


def pattern(text: str) -> Test:
    """Whether a whole text matches that pattern."""
    return _remembered(text) if len(text) <= MAX_REMEMBERED_LENGTH else glob(tokens(text))


@lru_cache(maxsize=4_096)  # the same few names stand in most policies
def _remembered(text: str) -> Test:
    return glob(tokens(text))


def glob(pattern: Tokens) -> Test:
    """Whether a whole text matches the tokens, letter for letter (I57)."""
    runs = _runs(pattern)
    if len(runs) == 1:
        return _fixed(runs[0])
    first, *middle, last = runs
    if not any(middle) and not any(isinstance(token, Wildcard) for token in (*first, *last)):
        return _ends(plain(first), plain(last))
    return _Glob(_segment(first), tuple(_segment(run) for run in middle if run), _segment(last)).matches


def _runs(pattern: Tokens) -> list[list[Token]]:
    """What stands between the stars; each run is texts and holes."""
    runs: list[list[Token]] = [[]]
    for token in pattern:
        if token is Wildcard.STAR:
            runs.append([])
        else:
            runs[-1].append(token)
    return runs


def _fixed(run: Tokens) -> Test:
    segment = _segment(run)
    if segment.holes:
        return lambda text: len(text) == segment.length and segment.stands_at(text, 0)
    return segment.text.__eq__


def _ends(first: str, last: str) -> Test:
    """One run of stars: a beginning and an end that do not overlap."""
    if not first and not last:
        return lambda _text: True
    least = len(first) + len(last)
    return lambda text: len(text) >= least and text.startswith(first) and text.endswith(last)


class Segment(Struct, frozen=True):
    """A run without stars. `holes` are the places of its `?`, where `text` has something that does not count."""

    text: str
    holes: frozenset[int]
    masks: dict[str, int]  # by letter: a bit for every place where it may stand
    anywhere: int  # the bits of the holes

    @property
    def length(self) -> int:
        """How many characters it takes."""
        return len(self.text)

    def stands_at(self, text: str, place: int) -> bool:
        """Whether it matches there; the text must be long enough."""
        if not self.holes:
            return text.startswith(self.text, place)
        return all(index in self.holes or text[place + index] == letter for index, letter in enumerate(self.text))

    def find(self, text: str, start: int, end: int) -> int:
        """The first place from `start` at which it matches before `end`, or -1.

        With holes this is Shift-And: after each character, bit i says that what was just read ends in a match of the
        first i+1 places. One step a character, whatever the pattern.
        """
        if not self.holes:
            return text.find(self.text, start, end)
        goal = 1 << (self.length - 1)
        state = 0
        for place in range(start, end):
            state = (state << 1 | 1) & self.masks.get(text[place], self.anywhere)
            if state & goal:
                return place - self.length + 1
        return -1


def _segment(run: Tokens) -> Segment:
    letters: list[str] = []
    holes: set[int] = set()
    for token in run:
        if isinstance(token, Wildcard):
            holes.add(len(letters))
            letters.append("?")
        else:
            letters.extend(token)
    anywhere = sum(1 << hole for hole in holes)
    masks: dict[str, int] = {}
    if holes:
        for index, letter in enumerate(letters):
            if index not in holes:
                masks[letter] = masks.get(letter, anywhere) | 1 << index
    return Segment("".join(letters), frozenset(holes), masks, anywhere)


class _Glob(Struct, frozen=True):
    """Segments with stars between them. Each takes the first place it can, so no choice is ever taken back."""

    first: Segment
    middle: tuple[Segment, ...]
    last: Segment

    def matches(self, text: str) -> bool:
        place, end = self.first.length, len(text) - self.last.length
        if place > end or not self.first.stands_at(text, 0) or not self.last.stands_at(text, end):
            return False
        for segment in self.middle:
            found = segment.find(text, place, end)
            if found < 0:
                return False
            place = found + segment.length
        return True


# Actions


def actions(patterns: Iterable[str]) -> Test:
    """Whether a folded action, such as `ec2:describevpcs`, matches one of the patterns (I61).

    Raises Malformed for a pattern without a service, unless it is `*`.
    """
    named: set[str] = set()
    tests: list[Test] = []
    for text in patterns:
        if ":" not in text and text != "*":
            raise Malformed(faults.NO_VENDOR)
        if _WILDCARDS.search(text):
            tests.append(pattern(fold(text)))
        else:
            named.add(fold(text))
    return lambda asked: asked in named or any(test(asked) for test in tests)


# ARNs


@lru_cache(maxsize=4_096)
def arn(text: str) -> Arn | None:
    """The six fields of an ARN, None for a text that has not so many."""
    fields = text.split(":", ARN_FIELDS - 1)
    return tuple(fields) if len(fields) == ARN_FIELDS else None


@lru_cache(maxsize=4_096)  # the same resources are asked for again and again
def resource_arn(text: str) -> Arn | None:
    """The six fields of a resource's ARN, as `arn_test(..., folded=True)` takes them; None for `*` (I64, I66)."""
    fields = arn(text)
    return None if fields is None else (*fold(text).split(":", ARN_FIELDS - 1)[:-1], fields[-1])


def is_arn_pattern(fields: Sequence[object], last: object) -> bool:
    """Whether an ARN can match: six fields, or fewer if the last thing is a star, which then stands for the rest (I65)."""
    return len(fields) == ARN_FIELDS or last in {"*", Wildcard.STAR}


def resource_pattern(text: str) -> ArnTest | None:
    """Whether a resource's ARN matches that pattern, in its first five fields without regard to case (I63 to I65).

    None for a text that is no pattern of ARNs.
    """
    *head, last = text.split(":", ARN_FIELDS - 1)
    if not head or head[0] != "arn" or not is_arn_pattern((*head, last), text[-1]):
        return None
    fields = [fold(field) for field in head] + [last if len(head) == ARN_FIELDS - 1 else fold(last)]
    asked = [(index, field) for index, field in enumerate(fields) if field != "*"]
    return _by_field([(index, pattern(field) if _WILDCARDS.search(field) else field) for index, field in asked])


def arn_pattern(pattern: Tokens) -> ArnTest:
    """Whether an ARN matches those tokens, letter for letter; what is no pattern of ARNs matches nothing (I85)."""
    fields = _fields(pattern)
    if not is_arn_pattern(fields, pattern[-1] if pattern else ""):
        return lambda _fields: False
    asked = [(index, field) for index, field in enumerate(fields) if field != [Wildcard.STAR]]
    return _by_field([(index, glob(field) if Wildcard in map(type, field) else plain(field)) for index, field in asked])


def _by_field(asked: Sequence[tuple[int, str | Test]]) -> ArnTest:
    """Fields of plain text are compared all at once, then those with wildcards are asked, each for itself."""
    texts = {index: each for index, each in asked if isinstance(each, str)}
    tests = [(index, each) for index, each in asked if not isinstance(each, str)]
    taken: Callable[[Any], Any] = itemgetter(*texts) if texts else _none_of
    wanted = taken(texts)

    def matches(fields: Arn) -> bool:
        if taken(fields) != wanted:
            return False
        for index, test in tests:  # noqa: SIM110  # a loop takes half the time of all() here
            if not test(fields[index]):
                return False
        return True

    return matches


def _none_of(_fields: object) -> None:
    """Return nothing of the fields, where none is plain text."""


def _fields(pattern: Tokens) -> list[list[Token]]:
    """The tokens, cut at the first five colons; a colon that came through a variable is one too."""
    fields: list[list[Token]] = [[]]
    for token in pattern:
        if isinstance(token, Wildcard):
            fields[-1].append(token)
            continue
        first, *others = token.split(":", ARN_FIELDS - len(fields))
        fields[-1].append(first)
        fields.extend([other] for other in others)
    return [[token for token in field if token != ""] for field in fields]
