"""Tags: what a key and a value may be, how many an object may have, and what tagging and untagging change (S596, S597).

Tags belong to an account in a Region, not to the object alone (S295); who reads which set is not decided here.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from isthmus.domain import errors

MAX_TAGS = 50
MAX_KEY_LENGTH = 128  # S596: the model says 127, the guide 128; the longer one refuses nothing that is legal
MAX_VALUE_LENGTH = 256
RESERVED = "aws:"

# A tag as it was sent: an absent key is refused like an empty one, an absent value is an empty one.
Pair: TypeAlias = tuple[str | None, str | None]
Specification: TypeAlias = tuple[str | None, Sequence[Pair]]

# S244: the Creates of these kinds answer InvalidParameter for a wrong resource type, all others InvalidParameterValue.
WRONG_TYPE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "network-interface": "InvalidParameter",
        "security-group-rule": "InvalidParameter",
        "subnet": "InvalidParameter",
        "vpc": "InvalidParameter",
    }
)


def check_tags(pairs: Iterable[Pair], limit: int = MAX_TAGS) -> dict[str, str]:
    """The tags of one request by key.

    Raises for an empty, overlong, reserved or repeated key, an overlong value, and for more tags than `limit` (S596).
    """
    tags: dict[str, str] = {}
    for key, value in pairs:
        checked = _check_key(key or "")
        if checked in tags:
            raise errors.duplicate_tag_key(checked)
        tags[checked] = _check_value(value or "")
    if len(tags) > limit:
        raise errors.tag_limit()
    return tags


def from_specifications(specifications: Sequence[Specification], kind: str, limit: int = MAX_TAGS) -> dict[str, str]:
    """The tags that the TagSpecifications of a Create give to the new object of that kind (S244, S505).

    Each specification must name that kind and hold a tag; several of them add up.
    """
    for resource_type, pairs in specifications:
        if not resource_type:
            raise errors.missing_tag_resource_type()
        if resource_type != kind:
            raise errors.wrong_tag_resource_type(resource_type, WRONG_TYPE_CODES.get(kind, "InvalidParameterValue"))
        if not pairs:
            raise errors.empty_tag_specification()
    return check_tags((pair for _, pairs in specifications for pair in pairs), limit)


def to_create(pairs: Sequence[Pair], limit: int = MAX_TAGS) -> dict[str, str]:
    """The tags of a CreateTags request, which must hold at least one (S244, S596)."""
    if not pairs:
        raise errors.no_tags_given()
    return check_tags(pairs, limit)


def merged(present: Mapping[str, str], added: Mapping[str, str], limit: int = MAX_TAGS) -> dict[str, str]:
    """An object's tags after tagging: a key that is there takes the new value. Raises TagLimitExceeded (S596)."""
    tags = {**present, **added}
    if len(tags) > limit:
        raise errors.tag_limit()
    return tags


def to_delete(present: Mapping[str, str], selectors: Sequence[tuple[str, str | None]]) -> list[str]:
    """The keys that DeleteTags takes from an object with those tags (S597).

    A selector without value takes its key whatever the value, one with a value (empty counts) only on an equal value;
    no selectors at all take everything. Keys that are not there are no error.
    """
    if not selectors:
        return list(present)
    return [
        key
        for key, value in present.items()
        if any(key == wanted and wanted_value in (None, value) for wanted, wanted_value in selectors)
    ]


def _check_key(key: str) -> str:
    if not key:
        raise errors.empty_tag_key()
    if len(key) > MAX_KEY_LENGTH:
        raise errors.tag_key_too_long(MAX_KEY_LENGTH)
    if key.startswith(RESERVED):
        raise errors.reserved_tag_key()
    return key


def _check_value(value: str) -> str:
    if len(value) > MAX_VALUE_LENGTH:
        raise errors.tag_value_too_long(MAX_VALUE_LENGTH)
    return value
