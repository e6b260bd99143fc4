"""The audit log: one line per request, refusals and reads included, to a stream of the operator's (ADR 10)."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from select import PIPE_BUF
from typing import Final, NamedTuple

from isthmus.gateway.handle import Incoming
from isthmus.wire.xml import instant

Audit = Callable[[Incoming, int, int, str], None]
"""Takes the request, the status, the wall time in milliseconds and the address that it came from."""


ALLOWED: Final = "allowed"
UNKNOWN: Final = "-"
SPACE: Final = "\\x20"
COMMA: Final = "\\x2c"
"""In the name of a resource; those of IAM may have one."""
WORDS: Final = (
    "at", "source", "principal", "key", "region", "action", "status", "code", "decision", "layer", "resources", "request",
)  # fmt: skip
"""What a line for a person has, in its order."""

_quoted: Final = json.encoder.encode_basestring_ascii


class Noted(NamedTuple):
    """What the log says of a request besides what came with it (I219); never a secret, a token or an encoded message."""

    account: str = ""
    principal: str = ""
    key: str = ""
    region: str = ""
    resources: Sequence[str] = ()
    decision: str = ""
    layer: str = ""


NOBODY: Final = Noted()


def _noted(incoming: Incoming) -> Noted:
    """Return who asked, by ARN and the last characters of the key, for what, and what the policies said to it.

    `layer` is the kind of policy that denied. An answer from memory was decided when it was first given.
    """
    who, call = incoming.principal, incoming.call
    if who is None:
        return NOBODY
    known = who.account, who.arn, who.access_key_id[-4:], who.region
    if call is None:  # refused before anything could be decided, or answered from memory
        return Noted(*known, decision="" if incoming.code else ALLOWED)
    resources, denied = tuple(dict.fromkeys(call.resources)) if call.resources else (), call.denied
    if denied is None:
        return Noted(*known, resources, ALLOWED if call.authorized else "")
    layer = denied.layer.value if denied.layer else ""
    return Noted(*known, resources or (denied.resource,), denied.outcome.value, layer)


def _json(incoming: Incoming, status: int, wall: int, source: str) -> str:
    """Write a line for a program; by hand, since json.dumps would make an encoder for each (7 us instead of 3)."""
    noted = _noted(incoming)
    line: Mapping[str, str | int] = {
        "at": wall,
        "request": incoming.request_id,
        "source": source,
        "account": noted.account,
        "principal": noted.principal,
        "key": noted.key,
        "region": noted.region,
        "service": incoming.service.name,
        "action": incoming.action,
        "status": status,
        "code": incoming.code,
        "decision": noted.decision,
        "layer": noted.layer,
        "user_agent": incoming.http.header("user-agent") or "",
    }
    members = [f'"{name}":{_quoted(value) if isinstance(value, str) else value}' for name, value in line.items()]
    resources = ",".join(map(_quoted, noted.resources))
    return "{" + ",".join(members) + f',"resources":[{resources}]' + "}"


def _text(incoming: Incoming, status: int, wall: int, source: str) -> str:
    """Write a line for a person, a word for each of `WORDS`, with - for what is unknown.

    What a caller sent is shown, not obeyed: a control character breaks no line, a space begins no word.
    """
    noted, u = _noted(incoming), UNKNOWN
    action = f"{incoming.service.name}:{incoming.action}" if incoming.action else u
    resources = ",".join([_word(each).replace(",", COMMA) for each in noted.resources])
    who = f"{source or u} {noted.principal or u} {_word(noted.key) or u} {noted.region or u}"
    decision = f"{incoming.code or u} {noted.decision or u} {noted.layer.replace(' ', '-') or u}"
    text = f"{instant(wall)} {who} {_word(action)} {status} {decision} {resources or u} {incoming.request_id or u}"
    return text if text.isprintable() else "".join(map(_printed, text))


def _word(sent: str) -> str:
    """Return what a caller has sent as one word; a backslash is doubled, so that it can be read as it was sent."""
    return sent.replace("\\", "\\\\").replace(" ", SPACE) if " " in sent or "\\" in sent else sent


def _printed(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


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
