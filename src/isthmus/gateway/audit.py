"""The audit log: one line per request, refusals and reads included, to a stream of the operator's (decision 11)."""

import json
from collections.abc import Callable, Mapping
from typing import TextIO

from isthmus.gateway.handle import Incoming

Line = Mapping[str, str | int]
Audit = Callable[[Incoming, int, int, str], None]
"""Takes the request, the status, the wall time in milliseconds and the address that it came from."""


def _line(incoming: Incoming, status: int, wall: int, source: str) -> Line:
    who = incoming.principal
    return {
        "at": wall,
        "request": incoming.request_id,
        "source": source,
        "account": who.account if who else "",
        "key": who.access_key_id if who else "",
        "region": who.region if who else "",
        "service": incoming.service.name,
        "action": incoming.action,
        "status": status,
        "code": incoming.code,
    }


def _json(line: Line) -> str:
    return json.dumps(line, separators=(",", ":"))


def _text(line: Line) -> str:
    """Write a line for a person; control characters that a caller sent are shown, not obeyed."""
    text = "{at} {source} {account} {region} {service}:{action} {status} {code} {request}".format_map(line)
    return text if text.isprintable() else ascii(text)


FORMATS: Mapping[str, Callable[[Line], str]] = {"json": _json, "text": _text}


def none(incoming: Incoming, status: int, wall: int, source: str) -> None:
    """Log nothing."""


def to_stream(log_format: str, stream: TextIO) -> Audit:
    """Return the audit log of a format: `json`, `text` or `none`."""
    if log_format == "none":
        return none
    write, format_line = stream.write, FORMATS[log_format]

    def audit(incoming: Incoming, status: int, wall: int, source: str) -> None:
        write(format_line(_line(incoming, status, wall, source)) + "\n")

    return audit
