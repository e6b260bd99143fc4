"""The audit log: one line per request, refusals and reads included, to a stream of the operator's (ADR 10)."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from select import PIPE_BUF
from typing import Final

from isthmus.gateway.handle import Incoming
from isthmus.wire.xml import instant

Audit = Callable[[Incoming, int, int, str], None]
"""Takes the request, the status, the wall time in milliseconds and the address that it came from."""


_quoted: Final = json.encoder.encode_basestring_ascii


def _json(incoming: Incoming, status: int, wall: int, source: str) -> str:
    """Write a line for a program; by hand, since json.dumps would make an encoder for each (7 us instead of 3)."""
    who = incoming.principal
    line: Mapping[str, str | int] = {
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
    members = [f'"{name}":{_quoted(value) if isinstance(value, str) else value}' for name, value in line.items()]
    return "{" + ",".join(members) + "}"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """Return the time to the second; a busy server writes hundreds of lines within one."""
    return instant(seconds * 1_000).partition(".")[0]


def _text(incoming: Incoming, status: int, wall: int, source: str) -> str:
    """Write a line for a person, with - for what is unknown; control characters that a caller sent are shown, not obeyed."""
    who = incoming.principal
    account, region = (who.account, who.region) if who else ("-", "-")
    action = f"{incoming.service.name}:{incoming.action}" if incoming.action else "-"
    code, request = incoming.code or "-", incoming.request_id or "-"
    text = (
        f"{_second(wall // 1_000)}.{wall % 1_000:03d}Z {source or '-'} {account} {region} {action} {status} {code} {request}"
    )
    return text if text.isprintable() else ascii(text)


FORMATS: Mapping[str, Callable[[Incoming, int, int, str], str]] = {"json": _json, "text": _text}


def none(incoming: Incoming, status: int, wall: int, source: str) -> None:
    """Log nothing."""


FLUSH_SECONDS: Final = 0.05


class Lines:
    """Lines on their way to a file descriptor, written together every 50 ms: a request pays for hardly a system call.

    Lines that nobody can take any more, because the reader of a pipe has gone, are dropped: the server serves on.
    """

    def __init__(self, descriptor: int = 2) -> None:
        """Write to `descriptor`, by default standard error."""
        self._descriptor, self._waiting = descriptor, list[str]()

    def write(self, line: str) -> None:
        """Take a line; the running event loop writes it soon."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._waiting.append(line)

    def flush(self) -> None:
        """Write what waits."""
        rest = "".join(self._waiting).encode("utf-8", "backslashreplace")
        self._waiting.clear()
        with suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, _whole_lines(rest)) :]


def _whole_lines(content: bytes) -> bytes:
    """Return as many lines as a pipe takes in one piece, so that those of other workers stand before or after them."""
    if len(content) <= PIPE_BUF:
        return content
    return content[: content.rfind(b"\n", 0, PIPE_BUF) + 1] or content


def to_stream(log_format: str, stream: Lines) -> Audit:
    """Return the audit log of a format: `json`, `text` or `none`."""
    if log_format == "none":
        return none
    write, format_line = stream.write, FORMATS[log_format]

    def audit(incoming: Incoming, status: int, wall: int, source: str) -> None:
        write(format_line(incoming, status, wall, source) + "\n")

    return audit
