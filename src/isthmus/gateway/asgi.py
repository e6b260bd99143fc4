"""The edge: takes requests in, runs their units of work, sends the answers out.

`Edge.answer` is what every transport calls: our own HTTP/1.1 connections (`protocol`) and, through `__call__`, any ASGI
server, for whoever needs TLS or HTTP/2.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sized
from typing import Any, Final, Protocol

from msgspec import Struct, field

from isthmus.domain import errors
from isthmus.domain.errors import ApiError, Conflict
from isthmus.gateway import guard
from isthmus.gateway.admin import PREFIX, Admin
from isthmus.gateway.audit import Audit, none
from isthmus.gateway.handle import Gateway, Incoming, unavailable
from isthmus.gateway.races import waits
from isthmus.store.api import Kind, Store, Told
from isthmus.store.unit import Unit
from isthmus.wire.http import HttpRequest, HttpResponse
from isthmus.wire.services import BY_NAME

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger("isthmus.gateway")

MAX_BODY: Final = 1_048_576
BODY_SECONDS: Final = 30.0
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
METHODS: Final = frozenset({"GET", "POST"})
TURN: Final = 64
"""Requests that are answered together, about 5 ms of work; more than these never wait for their turn."""


def plain(status: int, sentence: str, *headers: tuple[str, str]) -> HttpResponse:
    """Return an answer that no action gives: one sentence of plain text."""
    return HttpResponse(status, (("content-type", "text/plain"), *headers), sentence.encode() + b"\n")


TOO_LARGE: Final = plain(413, "The body is longer than 1 MiB")
TOO_SLOW: Final = plain(408, "The request did not arrive in time")
WRONG_METHOD: Final = plain(405, "The API speaks GET and POST", ("allow", "GET, POST"))
SUCCESS: Final = 200
FAILED: Final = plain(500, "Isthmus failed to answer; its log says why")

Done = Callable[[HttpResponse], None]
Work = Callable[[Unit], HttpResponse]


class ServedStore(Store, Protocol):
    """A store that follows an event loop's life."""

    def begin(self, kind: Kind, work: Work, told: Told) -> HttpResponse | None:
        """Run a unit; return its result where nothing has to be waited for, else tell it later."""

    async def start(self) -> None:
        """Begin to serve the running loop."""

    async def stop(self) -> None:
        """Finish what was accepted."""


class Edge(Struct):
    """The ASGI application."""

    gateway: Gateway
    store: ServedStore
    admin: Admin
    wall: Callable[[], int]
    audit: Audit = none
    on_ready: Callable[[], None] | None = None
    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    connections: Sized = ()
    """The clients of our own server, of which one that is alone has nobody to wait for."""
    _arrived: list[tuple[HttpRequest, Done]] = field(default_factory=list)
    _tasks: set[asyncio.Task[HttpResponse]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event, as ASGI has it."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.store.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.store.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if isinstance(body, HttpResponse):
            await _send(send, body)
            return
        if scope["method"] not in METHODS:
            await _send(send, WRONG_METHOD)
            return
        answered: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()

        def done(answer: HttpResponse) -> None:
            if not answered.done():  # some servers cancel who waits for a client that has gone
                answered.set_result(answer)

        try:
            self.answer(_request(scope, body), done)
        except Exception:
            log.exception("a request could not be answered")
            done(FAILED)
        await _send(send, await answered)

    def answer(self, http: HttpRequest, done: Done) -> None:
        """Answer a request by calling `done`: for a client that is alone at once if it can be, else together with others."""
        if http.path.startswith(PREFIX):
            self._later(self._administer(http), done)
            return
        self._arrived.append((http, done))
        if len(self.connections) == 1 or len(self._arrived) >= TURN:
            self._turn()
        elif len(self._arrived) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Take each step of an answer for all that have arrived before the next step, which costs much less (ADR 31)."""
        arrived, self._arrived = self._arrived, []
        read = [(incoming, done) for http, done in arrived if (incoming := self._read(http, done))]
        answered = [(incoming, answer, done) for incoming, done in read if (answer := self._begin(incoming, done))]
        for incoming, answer, done in answered:
            self._finish(incoming, answer, done)

    def _read(self, http: HttpRequest, done: Done) -> Incoming | None:
        try:
            return self.gateway.read(http)
        except Exception:
            log.exception("a request could not be read")
            _tell(done, FAILED)
        return None

    def _begin(self, incoming: Incoming, done: Done) -> HttpResponse | None:
        """Return the answer of a request where nothing has to be waited for; else see to it that it comes."""

        def work(unit: Unit) -> HttpResponse:
            return self.gateway.handle(incoming, unit)

        def told(answer: HttpResponse, error: BaseException | None) -> None:
            if error is None:
                self._finish(incoming, answer, done)
            else:
                self._recover(incoming, work, error, done)

        try:
            return self.store.begin(incoming.kind, work, told)
        except Exception as error:  # noqa: BLE001 - it is answered, and logged where it is a bug
            self._recover(incoming, work, error, done)
            return None

    def _recover(self, incoming: Incoming, work: Work, error: BaseException, done: Done) -> None:
        """Answer a request whose unit failed; one that lost a race runs again (ADR 4)."""
        if isinstance(error, Conflict):
            self._later(self._again(incoming, work), lambda answer: self._finish(incoming, answer, done))
        else:
            self._finish(incoming, failure(incoming, error), done)

    async def _again(self, incoming: Incoming, work: Work) -> HttpResponse:
        for wait in waits():
            await asyncio.sleep(wait)
            try:
                return await self.store.run(incoming.kind, work)
            except Conflict:
                continue
            except Exception as error:  # noqa: BLE001 - it is answered, and logged where it is a bug
                return failure(incoming, error)
        return unavailable(incoming, errors.unavailable())

    def _finish(self, incoming: Incoming, answer: HttpResponse, done: Done) -> None:
        try:
            self.answered[_counted_as(incoming, answer.status)] += 1
            if self.audit is not none:
                self.audit(incoming, answer.status, self.wall(), guard.source(incoming.http, self.gateway.bounds))
        except Exception:  # what was done was done, so its answer has to be given
            log.exception("request %s could not be noted", incoming.request_id)
        _tell(done, answer)

    async def _administer(self, http: HttpRequest) -> HttpResponse:
        try:
            return await self.admin.answer(http, self.store)
        except Exception:
            log.exception("an admin request failed")
            return FAILED

    def _later(self, work: Coroutine[Any, Any, HttpResponse], done: Done) -> None:
        """Run a coroutine beside the loop's other work, and keep hold of it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda ended: None if ended.cancelled() else done(ended.result()))


def _tell(done: Done, answer: HttpResponse) -> None:
    """Hand an answer over; where that fails it is the fault of one connection, and others wait for theirs."""
    try:
        done(answer)
    except Exception:
        log.exception("an answer could not be handed over")


def _counted_as(incoming: Incoming, status: int) -> tuple[str, str, int]:
    """Return service, outcome and status of an answer, in words that we know: nobody may make up as many as they like."""
    if status == SUCCESS:
        return incoming.service.name, incoming.action, status
    return incoming.service.name if incoming.service.name in BY_NAME else "other", incoming.code, status


def failure(incoming: Incoming, error: BaseException) -> HttpResponse:
    """Answer a request whose unit could not be run, or failed in a way that only a bug could cause."""
    if isinstance(error, ApiError):
        return unavailable(incoming, error)
    log.error("request %s failed", incoming.request_id, exc_info=error)
    return unavailable(incoming, errors.internal_error())


async def _body(receive: Receive) -> bytes | HttpResponse:
    """Read the body, bounded in size and time."""
    message = await _message(receive)
    if message is None:
        return TOO_SLOW
    body = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= MAX_BODY else TOO_LARGE
    chunks, size = [body], len(body)
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS
    while message.get("more_body"):
        if size > MAX_BODY:
            return TOO_LARGE
        message = await _message(receive, deadline)
        if message is None or message["type"] == "http.disconnect":
            return TOO_SLOW
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    return b"".join(chunks) if size <= MAX_BODY else TOO_LARGE


async def _message(receive: Receive, deadline: float | None = None) -> Message | None:
    try:
        async with asyncio.timeout_at(deadline or asyncio.get_running_loop().time() + BODY_SECONDS):
            return await receive()
    except TimeoutError:
        return None


def _request(scope: Scope, body: bytes) -> HttpRequest:
    peer = (scope.get("client") or ("", 0))[0]
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    return HttpRequest(
        scope["method"],
        scope.get("raw_path", b"/").decode("latin-1").partition("?")[0],
        scope["query_string"].decode("latin-1"),
        headers,
        body,
        peer,
        peer in LOOPBACK,
        scope.get("scheme") == "https",
    )


async def _send(send: Send, answer: HttpResponse) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
