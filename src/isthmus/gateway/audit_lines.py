"""Reading the audit log again: lines of either format, as one shape (I219)."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from isthmus.gateway.audit import UNKNOWN, WORDS
from isthmus.policy.evaluate import Layer
from isthmus.wire.xml import instant

Record = Mapping[str, Any]
"""A line by the names of its parts; `time` as people write it."""

MEMBERS: Final = frozenset({"at", "request", "source", "principal", "service", "action", "status", "resources"})
"""What a line of JSON must have, to be one of ours."""


def parse(line: str) -> Record | None:
    """Return what a line says; None for one that is not of the audit log: the server's own words stand between them."""
    return _of_json(line) if line.startswith("{") else _of_text(line)


def _of_json(line: str) -> Record | None:
    try:
        members = json.loads(line)
    except ValueError:
        return None
    if not isinstance(members, dict) or not members.keys() >= MEMBERS:
        return None
    at = members.pop("at")
    return {"time": instant(at), **members} if isinstance(at, int) else None


def _of_text(line: str) -> Record | None:
    words = line.split()
    if len(words) != len(WORDS) or not _is_time(words[0]) or not words[WORDS.index("status")].isdecimal():
        return None
    shown = {name: "" if word == UNKNOWN else word for name, word in zip(WORDS, words, strict=True)}
    said = {name: _sent(word) for name, word in shown.items()}
    service, _, action = said["action"].partition(":")
    principal, resources = said["principal"], shown["resources"]
    return {
        "time": said.pop("at"),
        **said,
        "account": principal.split(":")[4] if principal else "",
        "service": service,
        "action": action,
        "status": int(said["status"]),
        "layer": LAYERS.get(said["layer"], ""),
        "resources": [_sent(each) for each in resources.split(",")] if resources else [],
    }


_ESCAPED: Final = re.compile(r"\\(?:[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def _sent(word: str) -> str:
    """Return what a caller sent, from the word that shows it."""
    return _ESCAPED.sub(lambda found: found[0].encode().decode("unicode_escape"), word) if "\\" in word else word


LAYERS: Final[Mapping[str, str]] = {layer.value.replace(" ", "-"): layer.value for layer in Layer}


def _is_time(word: str) -> bool:
    try:
        datetime.fromisoformat(word)
    except ValueError:
        return False
    return True
