"""HTTP/1.1 on a connection, without a coroutine per request.

A READ is answered in the very callback that completed its request, and every answer is one write. That saves most of what
a request costs on its way through ASGI (`make bench`), which is why this stands beside the portable edge. httptools parses;
uvicorn owns sockets, signals and the graceful stop, and makes one of these per connection (its public `http=` hook).

Everything that a client controls is bounded: length of the target, number and size of headers, size of the body, time to
send a request, requests sent ahead of their answers, idle time.
"""

import asyncio
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import httptools

from isthmus.gateway.asgi import LOOPBACK, MAX_BODY, TOO_LARGE, TOO_SLOW, Edge
from isthmus.wire.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

MAX_TARGET: Final = 65_536
MAX_HEADERS: Final = 128
MAX_HEADER_BYTES: Final = 65_536
MAX_LENGTH_DIGITS: Final = len(str(MAX_BODY))
MAX_AHEAD: Final = 16
"""Requests that a client may send before the first of them is answered."""
REQUEST_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 75.0

STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
METHODS: Final = frozenset({"GET", "POST"})
NOT_HTTP: Final = HttpResponse(400, (("content-type", "text/plain"),), b"This is not an HTTP request\n")
TOO_MUCH_HEAD: Final = HttpResponse(431, (("content-type", "text/plain"),), b"The target or the headers are too long\n")
WRONG_METHOD: Final = HttpResponse(
    405, (("content-type", "text/plain"), ("allow", "GET, POST")), b"The API speaks GET and POST\n"
)
TOO_MANY: Final = HttpResponse(503, (("content-type", "text/plain"),), b"Too many connections\n")


class RefusedError(Exception):
    """Raised inside the parser to stop it: the request is beyond a bound, and this is the answer."""

    def __init__(self, answer: HttpResponse) -> None:
        """Carry the answer."""
        super().__init__(answer.status)
        self.answer = answer


class Connection(asyncio.Protocol):
    """One client's connection: requests come in order, and answers leave in that order."""

    def __init__(self, config: "Config", server_state: "ServerState", **_: object) -> None:
        """Be made by uvicorn for a new connection; the application is the edge."""
        edge = config.loaded_app
        assert isinstance(edge, Edge)
        self._edge, self._state, self._loop = edge, server_state, asyncio.get_running_loop()
        self._limit = config.limit_concurrency
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer, self._is_loopback, self._is_secure = "", False, False
        self._ahead: deque[tuple[HttpRequest | HttpResponse, bool]] = deque()
        self._busy = self._last = self._writing_paused = self._reading_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._active = self._loop.time()
        self._begun: float | None = None
        self._keep = True
        self.on_message_begin()

    # --- what the transport says ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or turn it away where there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._is_loopback = self._peer in LOOPBACK
        self._is_secure = transport.get_extra_info("sslcontext") is not None
        self._state.connections.add(self)  # type: ignore[arg-type]  # typed for uvicorn's own protocols
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._look)
        if self._limit is not None and len(self._state.connections) > self._limit:
            self._end_with(TOO_MANY)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection; what it asked for still happens."""
        self._state.connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._ahead.clear()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that is complete is answered from here."""
        self._active = self._loop.time()
        try:
            self._parser.feed_data(data)
        except RefusedError as refused:
            self._refuse(refused.answer)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            self._refuse(cause.answer if isinstance(cause, RefusedError) else NOT_HTTP)

    def pause_writing(self) -> None:
        """Answer nothing more while the client does not read."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Go on answering."""
        self._writing_paused = False
        self._next()

    def eof_received(self) -> bool:
        """Keep the connection half open while an answer is due."""
        self._keep = False
        return self._busy or bool(self._ahead)

    def shutdown(self) -> None:
        """Finish the requests that are complete, then close: uvicorn's word for a graceful stop."""
        self._keep = False
        if not self._busy and not self._ahead:
            self._close()

    def _look(self) -> None:
        """Now and then, see whether the client is slow or idle; cheaper than a timer per request."""
        now = self._loop.time()
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._look)
        if self._begun is not None and now - self._begun >= REQUEST_SECONDS:
            self._refuse(TOO_SLOW)
        elif self._begun is None and not self._busy and not self._ahead and now - self._active >= IDLE_SECONDS:
            self._close()

    # --- what the parser says -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a request."""
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._head_bytes = self._body_bytes = 0
        self._begun = self._active if self._transport else None

    def on_url(self, target: bytes) -> None:
        """Take a part of the target."""
        self._target += target
        if len(self._target) > MAX_TARGET:
            raise RefusedError(TOO_MUCH_HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEADER_BYTES or len(self._headers) >= MAX_HEADERS:
            raise RefusedError(TOO_MUCH_HEAD)
        self._headers.append((name.lower().decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Refuse a body that is announced too long, and encourage a client that waits for it."""
        for name, value in self._headers:
            if name == "content-length" and len(value) > MAX_LENGTH_DIGITS:
                raise RefusedError(TOO_LARGE)
            if name == "expect" and value.lower() == "100-continue" and self._transport:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY:
            raise RefusedError(TOO_LARGE)
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer a request, or put it behind those that came before it."""
        self._begun = None
        request = self._request()
        self._ahead.append((request, self._parser.should_keep_alive()))
        if not self._busy and not self._writing_paused:
            self._next()
        elif len(self._ahead) >= MAX_AHEAD and self._transport:
            self._reading_paused = True
            self._transport.pause_reading()

    def _request(self) -> HttpRequest | HttpResponse:
        method = self._parser.get_method().decode("latin-1")
        if method not in METHODS:
            return WRONG_METHOD
        target = self._target.decode("latin-1")
        if not target.startswith("/"):  # the absolute form, which a proxy would be sent
            scheme, _, rest = target.partition("://")
            target = "/" + rest.partition("/")[2] if rest else scheme
        path, _, query = target.partition("?")
        return HttpRequest(
            method,
            path,
            query.partition("#")[0],
            tuple(self._headers),
            b"".join(self._body),
            self._peer,
            self._is_loopback,
            self._is_secure,
        )

    # --- answering ------------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Take up waiting requests until one of them must wait for something."""
        while self._ahead and not self._busy and not self._writing_paused and self._transport:
            request, keep = self._ahead.popleft()
            self._busy, self._last = True, not keep
            if isinstance(request, HttpResponse):
                self._answer(request)
            else:
                self._edge.answer(request, self._answer)
        if self._reading_paused and self._transport and len(self._ahead) < MAX_AHEAD:
            self._reading_paused = False
            self._transport.resume_reading()

    def _answer(self, answer: HttpResponse) -> None:
        """Write an answer and go on."""
        self._busy = False
        self._state.total_requests += 1
        if self._transport is None:
            return
        closing = self._last or not (self._keep or self._ahead)
        self._transport.write(self._written(answer, closing=closing))
        if closing:
            self._close()
        elif self._ahead:
            self._loop.call_soon(self._next)

    def _written(self, answer: HttpResponse, *, closing: bool) -> bytes:
        lines = [STATUS_LINES[answer.status]]
        lines += [f"{name}: {value}\r\n" for name, value in answer.headers]
        lines += [f"{name.decode()}: {value.decode()}\r\n" for name, value in self._state.default_headers]
        lines.append(f"content-length: {len(answer.body)}\r\n{'connection: close' if closing else ''}")
        lines.append("\r\n\r\n" if closing else "\r\n")
        return "".join(lines).encode("latin-1") + answer.body

    def _refuse(self, answer: HttpResponse) -> None:
        """Say why the rest of the connection cannot be read, after the answers that are still due."""
        self._begun, self._keep = None, False
        if self._transport:
            self._transport.pause_reading()
        self._ahead.append((answer, False))
        if not self._busy:
            self._next()

    def _end_with(self, answer: HttpResponse) -> None:
        if self._transport:
            self._transport.write(self._written(answer, closing=True))
        self._close()

    def _close(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.close()
