"""Tags of IAM's objects, which are kept with the object: an account has no second set of them, as EC2's objects may."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from isthmus.domain.errors import null
from isthmus.domain.iam import errors, limits
from isthmus.domain.iam.names import folded

RESERVED: Final = "aws:"
FOLDING: Final = frozenset({"user", "role"})
"""Kinds whose keys differ by more than letter case; of the others, `Team` and `team` are two keys."""

Pair = tuple[str | None, str | None]


def merged(kind: str, present: Mapping[str, str], given: Iterable[Pair]) -> dict[str, str]:
    """An object's tags after tagging; the new spelling of a key takes the place of the old one (I192, I194).

    Raises for a key twice in one request, a reserved one, and for more tags than there may be.
    """
    added = _checked(kind, given)
    names = {_name(kind, key) for key in added}
    tags = {key: value for key, value in present.items() if _name(kind, key) not in names} | added
    limits.check("TagsPerResource", len(tags), added=0)
    return tags


def without(kind: str, present: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """An object's tags without those of some keys; keys that it does not have are no error."""
    names = {_name(kind, key) for key in keys}
    return {key: value for key, value in present.items() if _name(kind, key) not in names}


def _checked(kind: str, given: Iterable[Pair]) -> dict[str, str]:
    tags: dict[str, str] = {}
    names: set[str] = set()
    for number, (key, value) in enumerate(given, 1):
        if key is None or value is None:
            raise null(f"tags.{number}.member.{'key' if key is None else 'value'}")
        if folded(key).startswith(RESERVED):
            raise errors.invalid_input(f"Tag keys that begin with '{RESERVED}' are reserved.")  # inferred
        name = _name(kind, key)
        if name in names:
            raise errors.invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        names.add(name)
        tags[key] = value
    return tags


def _name(kind: str, key: str) -> str:
    return folded(key) if kind in FOLDING else key
