"""Ids: what they look like, which kind of object one names, and what is said of one that is wrong (S501, S502)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from isthmus.domain import errors
from isthmus.domain.kinds import KINDS, Kind

__all__ = ["KINDS", "Kind", "check", "check_account", "kind_of", "new_id"]

# Ids given out before 2016 have 8 digits and still pass (S201, S501).
_DIGITS = re.compile("[0-9a-f]{17}|[0-9a-f]{8}")
_BY_PREFIX: Mapping[str, str] = MappingProxyType({row.prefix: kind for kind, row in KINDS.items()})
_ACCOUNT = re.compile("[0-9]{12}")


def new_id(kind: str, hex17: str) -> str:
    """The id of a new object of that kind, from 17 lower-case hexadecimal digits of the caller's (S501)."""
    return f"{KINDS[kind].prefix}-{hex17}"


def check(kind: str, text: str) -> str:
    """The text itself when it can be an id of that kind; else the kind's Malformed error (S137, S237, S252)."""
    prefix, _, digits = text.rpartition("-")
    if prefix != KINDS[kind].prefix or _DIGITS.fullmatch(digits) is None:
        raise errors.malformed(kind, text)
    return text


def kind_of(text: str) -> str:
    """The kind of taggable object that the id names, for CreateTags and DeleteTags (S502).

    Raises `InvalidID` for a prefix that no taggable kind has, and the kind's Malformed error for bad digits.
    """
    kind = _BY_PREFIX.get(text.rpartition("-")[0])
    if kind is None or not KINDS[kind].taggable:
        raise errors.unknown_id(text)
    check(kind, text)
    return kind


def check_account(text: str, parameter: str = "peerOwnerId") -> str:
    """The text itself when it is an account id, which is 12 digits; else InvalidParameterValue (S239)."""
    if _ACCOUNT.fullmatch(text) is None:
        raise errors.invalid_value(parameter, text, "An account ID has 12 digits.")
    return text
