"""The words in which the generated tables of `shapes/` are written.

A shape is named, and a member or list refers to its shape by that name, so that tables load without being linked. The
codecs link them, for the actions that are used.
"""

from typing import NamedTuple

import msgspec


class Text(NamedTuple):
    """A string. `values` are those that a request may send (empty: any); lengths are the model's, in characters.

    `pattern` is a regular expression as the model writes it, in Java's dialect; the EC2 protocol's shapes have none.
    """

    values: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    pattern: str = ""


class Integer(NamedTuple):
    """A whole number, with the model's bounds. The codecs leave them to the domain, which words them per action."""

    low: int | None = None
    high: int | None = None


class Boolean(NamedTuple):
    """`true` or `false`."""


class Instant(NamedTuple):
    """A moment: milliseconds since the epoch inside, ISO 8601 in UTC on the wire."""


class ListOf(NamedTuple):
    """A list of `shape`. Each item is sent as `{list}.{sent_as}.N`, or `{list}.N` where `sent_as` is empty.

    The bounds of its length are the model's, in the Query protocol.
    """

    shape: str
    sent_as: str
    returned_as: str
    low: int | None = None
    high: int | None = None


class Member(NamedTuple):
    """A member of a structure: its attribute here and its names on the wire, in and out."""

    attribute: str
    sent_as: str
    returned_as: str
    shape: str
    required: bool = False


class MapOf(NamedTuple):
    """Values by key, which are only ever answered: an `entry` for each, with a `key` and a `value`."""

    key: str
    value: str


class Structure(NamedTuple):
    """A structure: its members stand in the order of `type`'s fields, which is the order on the wire."""

    type: type[msgspec.Struct]
    members: tuple[Member, ...]


Shape = Text | Integer | Boolean | Instant | ListOf | MapOf | Structure


class Action(NamedTuple):
    """What an action takes and gives, by name of shape. `result` is empty where a Query action answers nothing."""

    request: str
    result: str
