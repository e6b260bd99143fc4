"""Policy variables: `${key}`, `${key, 'default'}`, and the three characters that need one to be plain (I71 to I75)."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from isthmus.policy import faults
from isthmus.policy.context import Context, Key, key
from isthmus.policy.faults import Malformed
from isthmus.policy.match import Token, Tokens, tokens

OPENING = "${"
VERSION = "2012-10-17"  # the language that has variables (I71)

# Neither part can run on past a `$`, `{` or `}`, so no text is read twice.
_VARIABLE = r"\$\{(?:(?P<plain>[*?$])|(?P<key>[^{}$,'*?]+)(?:,\s*'(?P<default>[^']*)')?)\}"


class Variable(Struct, frozen=True):
    """The value of a context key, or its default."""

    key: Key
    default: str | None


Template: TypeAlias = Sequence[Token | Variable]


def template(text: str, version: str, *, wildcards: bool = True) -> Template:
    """Read a text of a policy of that version; without `wildcards`, `*` and `?` are letters like others.

    Raises Malformed when something opens like a variable and is none.
    """
    split = tokens if wildcards else _plain
    if version != VERSION or OPENING not in text:
        return split(text)
    parts: list[Token | Variable] = []
    end = 0
    for found in re.finditer(_VARIABLE, text):
        parts.extend(split(_without_opening(text[end : found.start()])))
        parts.append(_read(found))
        end = found.end()
    parts.extend(split(_without_opening(text[end:])))
    return parts


def keys(read: Template) -> list[Key]:
    """The context keys that a template asks for."""
    return [part.key for part in read if isinstance(part, Variable)]


def resolve(read: Template, context: Context) -> Tokens | None:
    """The tokens with every variable's value as plain text; None when a variable has neither value nor default (I74).

    Raises Malformed for a multivalued key: it cannot be used as a variable (I73).
    """
    parts: list[Token] = []
    for part in read:
        if not isinstance(part, Variable):
            parts.append(part)
            continue
        value = context.get(part.key)
        if value is None:
            value = part.default
        if value is None:
            return None
        if not isinstance(value, str):
            raise Malformed(faults.LEGACY)
        parts.append(value)
    return parts


def _plain(text: str) -> Tokens:
    return (text,) if text else ()


def _without_opening(text: str) -> str:
    if OPENING in text:
        raise Malformed(faults.SYNTAX)
    return text


def _read(found: re.Match[str]) -> Token | Variable:
    return found["plain"] or Variable(key(found["key"].strip()), found["default"])
