"""The request context: what is true of one request, asked by condition keys (I91, I95 to I100)."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from msgspec import Struct

# One text, or the texts of a multivalued key (I90). A key that has no value is not there.
Value: TypeAlias = str | tuple[str, ...]
Source: TypeAlias = Value | Callable[[], Value | None]

T = TypeVar("T")

SEPARATOR = "/"
fold = str.casefold


class Key(Struct, frozen=True):
    """A condition key as a policy writes it, ready to be looked up.

    `name` is folded. A key with a slash is the member of a family, as `aws:RequestTag/Env` is the member `Env` of
    `aws:requesttag/`; `member` stays as written.
    """

    written: str
    name: str
    family: str = ""
    member: str = ""

    @property
    def folded(self) -> str:
        """What is asked for, folded: the key, or the family of which it is a member."""
        return self.family or self.name


def key(written: str) -> Key:
    """Read a condition key; its name, the part that names a tag included, is case-insensitive (I91)."""
    head, slash, member = written.partition(SEPARATOR)
    return Key(written, fold(written), fold(head) + slash if slash else "", member)


class Context:
    """Values by condition key.

    `values` has the plain keys, folded (`aws:username`). `families` has the keys with a slash: by folded beginning
    (`aws:requesttag/`), a mapping from member to value. What a key says may be a function, called when a policy asks
    for it. Whatever is not here is looked for in `parent`: so a request's context is made once, and a resource's small
    one stands before it.
    """

    __slots__ = ("_families", "_parent", "_values")

    def __init__(
        self,
        values: Mapping[str, Source] | None = None,
        families: Mapping[str, Mapping[str, Source]] | None = None,
        parent: "Context | None" = None,
    ) -> None:
        """Keep the mappings; they are not copied."""
        self._values = values or {}
        self._families = families or {}
        self._parent = parent

    @classmethod
    def of(cls, given: Mapping[str, Source], parent: "Context | None" = None) -> "Context":
        """A context of keys as people write them, in any case (`aws:RequestTag/Env`)."""
        values: dict[str, Source] = {}
        families: dict[str, dict[str, Source]] = {}
        for written, source in given.items():
            wanted = key(written)
            if wanted.family:
                families.setdefault(wanted.family, {})[wanted.member] = source
            else:
                values[wanted.name] = source
        return cls(values, families, parent)

    def get(self, wanted: Key) -> Value | None:
        """The value of a key, None when it has none; an empty set of values is none."""
        if wanted.family:
            members = self._families.get(wanted.family)
            source = None if members is None else member(members, wanted.member)
        else:
            source = self._values.get(wanted.name)
        if source is None:
            return None if self._parent is None else self._parent.get(wanted)
        found = source() if callable(source) else source
        return found if found or found == "" else None


def member(members: Mapping[str, T], wanted: str) -> T | None:
    """The value under that name; else under the first by code point of the names that differ only in case (I91)."""
    found = members.get(wanted)
    if found is not None:
        return found
    folded = fold(wanted)
    alike = [name for name in members if fold(name) == folded]
    return members[min(alike)] if alike else None
