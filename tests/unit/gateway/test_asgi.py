"""The network edge alone: the body's bounds, and what becomes of a connection's events."""

import asyncio
import logging
from collections.abc import Callable, Iterable, MutableMapping, Sized
from typing import Any, cast

import pytest

from isthmus.gateway import asgi
from isthmus.gateway.asgi import Edge
from isthmus.gateway.authenticate import Seen
from isthmus.gateway.handle import Incoming
from isthmus.store.api import Kind, Told
from isthmus.wire.http import HttpRequest, HttpResponse
from isthmus.wire.services import BY_NAME

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


# --- turns ------------------------------------------------------------------------------------------------------------


class Asked:
    """An edge whose gateway and store note each step; a request for `/bad` cannot be read."""

    def __init__(self, connections: Sized = ()) -> None:
        self.steps: list[str] = []
        self.edge = Edge(cast("Any", self), cast("Any", self), cast("Any", None), lambda: 0, connections=connections)

    def read(self, http: HttpRequest) -> Incoming:
        if http.path == "/bad":
            raise ValueError("a bug")
        self.steps.append(f"read {http.path}")
        return Incoming(http, Seen(None), {}, BY_NAME["ec2"])

    def begin(self, _kind: Kind, work: Callable[[Any], HttpResponse], _told: Told) -> HttpResponse:
        return work(None)

    def handle(self, incoming: Incoming, _unit: object) -> HttpResponse:
        self.steps.append(f"run {incoming.http.path}")
        return HttpResponse(200, (), b"")

    def ask(self, *paths: str) -> None:
        for path in paths:

            def done(answer: HttpResponse, path: str = path) -> None:
                self.steps.append(f"{answer.status} {path}")

            self.edge.answer(HttpRequest("GET", path, "", (), b"", "", is_loopback=False), done)


def test_each_step_is_taken_for_all_that_have_arrived_before_the_next() -> None:
    async def run() -> None:
        asked = Asked()
        asked.ask("/a", "/b")
        assert asked.steps == []
        await asyncio.sleep(0)
        assert asked.steps == ["read /a", "read /b", "run /a", "run /b", "200 /a", "200 /b"]

    asyncio.run(run())


def test_a_client_that_is_alone_waits_for_nobody() -> None:
    async def run() -> None:
        asked = Asked(connections=("the only one",))
        asked.ask("/a")
        assert asked.steps == ["read /a", "run /a", "200 /a"]

    asyncio.run(run())


def test_a_turn_comes_at_once_when_so_many_have_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else clients that go before they are answered could have any number of requests kept."""
    monkeypatch.setattr(asgi, "TURN", 2)

    async def run() -> None:
        asked = Asked()
        asked.ask("/a", "/b", "/c")
        answered = []
        for _ in range(2):
            answered.append([step for step in asked.steps if step.startswith("200")])
            await asyncio.sleep(0)
        assert answered == [["200 /a", "200 /b"], ["200 /a", "200 /b", "200 /c"]]

    asyncio.run(run())


def test_an_answer_that_cannot_be_handed_over_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        asked = Asked()
        for path in ("/bad", "/"):
            asked.edge.answer(HttpRequest("GET", path, "", (), b"", "", is_loopback=False), broken)
        asked.ask("/a")
        await asyncio.sleep(0)
        assert asked.steps[-1] == "200 /a"

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert [record.getMessage() for record in caplog.records][1:] == ["an answer could not be handed over"] * 2


def broken(_: HttpResponse) -> None:
    raise RuntimeError("a bug")


def test_a_request_that_cannot_be_read_is_answered_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        asked = Asked()
        asked.ask("/bad", "/a")
        await asyncio.sleep(0)
        assert asked.steps == ["500 /bad", "read /a", "run /a", "200 /a"]

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == ["a request could not be read"]
