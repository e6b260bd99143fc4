"""The network edge, and the only asynchronous file: it bounds what comes in, runs the unit of work, and sends the answer."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from isthmus.domain import errors
from isthmus.domain.errors import ApiError, Conflict
from isthmus.gateway import guard
from isthmus.gateway.admin import PREFIX, Admin
from isthmus.gateway.audit import Audit, none
from isthmus.gateway.handle import Gateway, Incoming, unavailable
from isthmus.store.api import Store
from isthmus.store.unit import Unit
from isthmus.wire.http import HttpRequest, HttpResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY: Final = 1_048_576
BODY_SECONDS: Final = 30.0
ATTEMPTS: Final = 5
FIRST_WAIT: Final = 0.005
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
TOO_LARGE: Final = HttpResponse(413, (("content-type", "text/plain"),), b"The body is longer than 1 MiB\n")
TOO_SLOW: Final = HttpResponse(408, (("content-type", "text/plain"),), b"The body did not arrive in time\n")


class ServedStore(Store, Protocol):
    """A store that follows an event loop's life."""

    async def start(self) -> None:
        """Begin to serve the running loop."""

    async def stop(self) -> None:
        """Finish what was accepted."""


@dataclass(slots=True)
class Edge:
    """The ASGI application."""

    gateway: Gateway
    store: ServedStore
    admin: Admin
    wall: Callable[[], int]
    audit: Audit = none
    on_ready: Callable[[], None] | None = None
    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)

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
        http = _request(scope, body)
        if http.path.startswith(PREFIX):
            await _send(send, await self.admin.answer(http, self.store))
            return
        incoming = self.gateway.read(http)
        answer = await self._run(incoming)
        self.answered[incoming.service.name, incoming.action if answer.status < 400 else incoming.code, answer.status] += 1
        self.audit(incoming, answer.status, self.wall(), guard.source(http, self.gateway.bounds))
        await _send(send, answer)

    async def _run(self, incoming: Incoming) -> HttpResponse:
        """Run the unit of work; one that lost a race runs again, a bounded number of times (decision 5)."""

        def work(unit: Unit) -> HttpResponse:
            return self.gateway.handle(incoming, unit)

        wait = FIRST_WAIT
        for _ in range(ATTEMPTS):
            try:
                return await self.store.run(incoming.kind, work)
            except Conflict:
                await asyncio.sleep(wait * random.random())  # noqa: S311 - jitter
                wait *= 2
            except ApiError as error:
                return unavailable(incoming, error)
        return unavailable(incoming, errors.unavailable())


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
