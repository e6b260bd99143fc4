"""Filters of the Describe actions: names, wildcards and limits, compiled once per request into one predicate.

Several values of one filter mean "any of these"; several filters mean "all of these", the same name twice included
(S324). `*` stands for any run of characters, `?` for one character or none, and a backslash takes the meaning from
`*`, `?` and itself (S325). Names and values are compared letter for letter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct, field

from isthmus.domain import errors

MAX_FILTERS = 50  # S141, S325
MAX_VALUES = 200
MAX_VALUE_LENGTH = 255  # characters, as sent

Tags: TypeAlias = Mapping[str, str]
Row = TypeVar("Row")
Test: TypeAlias = Callable[[Row, Tags], bool]
TextTest: TypeAlias = Callable[[Iterable[str]], bool]

TAG_PREFIX = "tag:"
TAG_KEY = "tag-key"


class Filter(Struct, frozen=True):
    """One filter as the caller sent it. Without values it matches nothing."""

    name: str
    values: tuple[str, ...]


class FilterTable(Struct, Generic[Row], frozen=True):
    """The filters that one kind of object has.

    `getters` gives, by filter name, the texts of an object that a value is compared with: none when the object lacks
    the member, several for a list. `aliases` are other spellings of those names (S528, S540). `tag:KEY` and `tag-key`
    are always there and look only at the tags handed to the predicate, which are the caller's own (S296).
    """

    getters: Mapping[str, Callable[[Row], Iterable[str]]]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def compile(self, filters: Sequence[Filter]) -> Test[Row]:
        """The predicate that all those filters make together.

        Raises InvalidParameterValue for an unknown name (S326) or an overlong value (S325), and FilterLimitExceeded
        for too many filters or values (S141).
        """
        if len(filters) > MAX_FILTERS:
            raise errors.too_many_filters(MAX_FILTERS)
        tests = [self._test(each) for each in filters]
        if len(tests) == 1:
            return tests[0]
        return lambda row, tags: all(test(row, tags) for test in tests)

    def _test(self, wanted: Filter) -> Test[Row]:
        name = self.aliases.get(wanted.name, wanted.name)
        getter = self.getters.get(name)
        if getter is None and name != TAG_KEY and not name.startswith(TAG_PREFIX):
            raise errors.invalid_filter(wanted.name)
        _check_values(wanted)
        matches = any_of(wanted.values)
        if getter is not None:
            return lambda row, _tags: matches(getter(row))
        if name == TAG_KEY:
            return lambda _row, tags: matches(tags)
        key = name.removeprefix(TAG_PREFIX)
        return lambda _row, tags: key in tags and matches((tags[key],))


def exact(filters: Sequence[Filter], name: str) -> tuple[str, ...] | None:
    """What to look up in an index for that filter: its values with the backslashes taken out.

    None when no filter of that name is free of wildcards. The answer narrows the search only; the compiled predicate
    still decides.
    """
    for each in filters:
        if each.name == name and not any(has_wildcard(value) for value in each.values):
            return tuple(unescaped(value) for value in each.values)
    return None


def flag(value: bool) -> tuple[str]:  # noqa: FBT001 - a value, not an option
    """What a getter answers for a boolean: filters write it `true` or `false`."""
    return ("true" if value else "false",)


def any_of(values: Iterable[str]) -> TextTest:
    """Whether one of some texts matches one of these filter values."""
    values = tuple(values)
    plain = frozenset(unescaped(value) for value in values if not has_wildcard(value))
    patterns = [pattern(value) for value in values if has_wildcard(value)]
    if not patterns:
        return lambda texts: not plain.isdisjoint(texts)
    return lambda texts: any(text in plain or any(matches(text) for matches in patterns) for text in texts)


def has_wildcard(value: str) -> bool:
    """Whether the value holds a `*` or `?` that no backslash has disarmed."""
    return any(is_wildcard for _, is_wildcard in _symbols(value))


def unescaped(value: str) -> str:
    """The text that a value without wildcards stands for."""
    return "".join(character for character, _ in _symbols(value))


def pattern(value: str) -> Callable[[str], bool]:
    """A matcher for one filter value, in time linear in the text whatever the value (S325).

    All ways to match are followed at once, as bits of one integer: bit i is set when the text so far can be matched by
    the first i symbols. So there is nothing to back out of, and no value that makes the server work for minutes.
    """
    symbols = list(_symbols(value))
    literal: dict[str, int] = {}
    star = optional = 0
    for place, (character, is_wildcard) in enumerate(symbols):
        if not is_wildcard:
            literal[character] = literal.get(character, 0) | 1 << place
        elif character == "*":
            star |= 1 << place
        else:
            optional |= 1 << place
    skip = _skipper(star | optional)
    start, end = skip(1), 1 << len(symbols)

    def matches(text: str) -> bool:
        states = start
        for character in text:
            states = skip((states & (literal.get(character, 0) | optional)) << 1 | states & star)
            if not states:
                return False
        return bool(states & end)

    return matches


def _skipper(skippable: int) -> Callable[[int], int]:
    """A function that adds to some states those reached by matching nothing, in a fixed number of operations.

    From the lowest state of a run of skippable symbols every later state of the run can be reached, and the one after
    it. Subtracting 1 at the start of a run flips the bits up to the lowest one set, and no more; a set bit at the end
    of every run keeps the borrow inside (Navarro and Raffinot, Flexible Pattern Matching in Strings, chapter 4).
    """
    after = skippable << 1
    reach, first, last = skippable | after, skippable & ~after, after & ~skippable

    def skip(states: int) -> int:
        bounded = states | last
        return states | reach & ~(bounded ^ bounded - first)

    return skip


def _symbols(value: str) -> Iterator[tuple[str, bool]]:
    """Each symbol of a filter value, and whether it is a wildcard.

    A backslash that precedes none of the three special characters stands for itself, as in a Windows path.
    """
    characters = iter(range(len(value)))
    for place in characters:
        character = value[place]
        if character == "\\" and value[place + 1 : place + 2] in ("*", "?", "\\"):
            yield value[next(characters)], False
        else:
            yield character, character in "*?"


def _check_values(wanted: Filter) -> None:
    if len(wanted.values) > MAX_VALUES:
        raise errors.too_many_filter_values(wanted.name, MAX_VALUES)
    if any(len(value) > MAX_VALUE_LENGTH for value in wanted.values):
        raise errors.filter_value_too_long(wanted.name, MAX_VALUE_LENGTH)
