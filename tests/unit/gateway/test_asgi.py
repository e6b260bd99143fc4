"""The network edge alone: the body's bounds, and what becomes of a connection's events."""

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest

from isthmus.gateway import asgi
from isthmus.wire.http import HttpResponse

Message = MutableMapping[str, Any]


def body_of(messages: Iterable[Message | None]) -> bytes | HttpResponse:
    """What the edge reads of these messages; after them, silence."""
    waiting = iter(messages)

    async def receive() -> Message:
        message = next(waiting, None)
        if message is None:
            await asyncio.sleep(60)
        assert message is not None
        return message

    return asyncio.run(asgi._body(receive))


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_comes_in_parts() -> None:
    assert body_of([part(b"a"), part(b""), part(b"b", more=False)]) == b"ab"
    assert body_of([part(b"", more=False)]) == b""


@pytest.mark.rule("I28")
def test_a_body_of_more_than_a_mebibyte_is_too_large_however_it_comes() -> None:
    whole = b"x" * asgi.MAX_BODY
    assert body_of([part(whole, more=False)]) == whole
    assert body_of([part(whole + b"x", more=False)]) is asgi.TOO_LARGE
    assert body_of([part(whole), part(b"x"), part(b"x", more=False)]) is asgi.TOO_LARGE
    assert body_of([part(whole), part(b"x", more=False)]) is asgi.TOO_LARGE


@pytest.mark.rule("I28")
@pytest.mark.parametrize("before", [[], [part(b"a")]])
def test_a_body_that_does_not_come_is_given_up(before: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.01)
    assert body_of(before) is asgi.TOO_SLOW


def test_a_caller_that_hangs_up_is_not_served() -> None:
    assert body_of([part(b"a"), {"type": "http.disconnect"}]) is asgi.TOO_SLOW


def test_a_request_is_taken_over_byte_for_byte() -> None:
    scope = {
        "method": "POST",
        "raw_path": b"/a%20b?c",
        "query_string": b"x=%C3%A9&y=\xe9",
        "headers": [(b"host", b"h"), (b"x-a", b"\xe9")],
        "client": ("127.0.0.1", 1234),
        "scheme": "https",
    }
    http = asgi._request(scope, b"body")
    assert (http.path, http.query, http.headers) == ("/a%20b", "x=%C3%A9&y=\xe9", (("host", "h"), ("x-a", "\xe9")))
    assert (http.body, http.peer, http.is_loopback, http.secure) == (b"body", "127.0.0.1", True, True)


@pytest.mark.parametrize(("client", "loopback"), [(("::1", 1), True), (("192.0.2.1", 1), False), (None, False)])
def test_only_this_machine_is_loopback(client: object, loopback: bool) -> None:
    scope = {"method": "GET", "query_string": b"", "headers": [], "client": client}
    assert asgi._request(scope, b"").is_loopback is loopback
