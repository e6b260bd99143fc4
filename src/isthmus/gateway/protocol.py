"""HTTP/1.1 on a connection, without a coroutine per request.

Requests go to the edge as they come, and every answer is one write. That saves most of what a request costs on its way
through ASGI (`make bench`), which is why this stands beside the portable edge. httptools parses; `server` makes one
`Connection` for each client.

Everything that a client controls is bounded: length of the target, number and size of headers, size of the body, time to
send a request, requests sent ahead of their answers, answers left unread, idle time. Who is refused is told why, after the
answers that are still due.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Protocol, cast

import httptools

from isthmus.gateway.asgi import FAILED, LOOPBACK, MAX_BODY, METHODS, TOO_LARGE, TOO_SLOW, WRONG_METHOD, Done, plain
from isthmus.wire.http import HttpRequest, HttpResponse

log = logging.getLogger("isthmus.gateway")

MAX_TARGET: Final = 65_536
MAX_HEADERS: Final = 128
MAX_HEADER_BYTES: Final = 65_536
MAX_OVERHEAD: Final = MAX_TARGET + MAX_HEADER_BYTES
"""Bytes of a request that comes in pieces, besides its body. Parts that never end are bounded by this alone."""
MAX_LENGTH_DIGITS: Final = len(str(MAX_BODY))
MAX_AHEAD: Final = 16
"""Requests that a client may send before the first of them is answered."""
TURN: Final = 16
"""Requests of one connection that are answered before others get their turn: a few milliseconds of work."""
REQUEST_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 75.0
LINGER_SECONDS: Final = 2.0
"""How long a refused client may go on sending: closing on bytes that nobody read would take the refusal with it."""

STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
NOT_HTTP: Final = plain(400, "This is not an HTTP request")
TOO_MUCH_HEAD: Final = plain(431, "The target or the headers are too long")
TOO_MANY: Final = plain(503, "Too many connections")
WRONG_METHOD_HEAD: Final = HttpResponse(WRONG_METHOD.status, WRONG_METHOD.headers, b"")
"""An answer to HEAD has no body."""

STAYS, STAYS_FOR_OLD, CLOSES = "", "connection: keep-alive\r\n", "connection: close\r\n"
"""What becomes of the connection after an answer, as its headers say it. Clients of HTTP/1.0 must be told that it stays."""


class Answering(Protocol):
    """What a connection needs of an edge."""

    def answer(self, http: HttpRequest, done: Done, /) -> None:
        """Answer a request, now or later, by calling `done`."""


class Owner(Protocol):
    """The server that has the connections, as each of them sees it."""

    connections: "set[Connection]"
    most_connections: int
    draining: bool
    total_requests: int
    default_head: str
    """Header lines of every answer."""


class RefusedError(Exception):
    """Raised inside the parser to stop it: the request is beyond a bound, and this is the answer."""

    def __init__(self, answer: HttpResponse) -> None:
        """Carry the answer."""
        super().__init__(answer.status)
        self.answer = answer


def _ignore(_: bytes) -> None:
    """Take the parser's place once nothing that the client sends counts any more."""


class Connection(asyncio.Protocol):
    """One client's connection: requests come in order, and answers leave in that order."""

    def __init__(self, edge: Answering, owner: Owner) -> None:
        """Be made for a new connection."""
        self._edge, self._owner, self._loop = edge, owner, asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._feed: Callable[[bytes], None] = self._parser.feed_data
        self._transport: asyncio.Transport | None = None
        self._peer, self._is_loopback, self._is_secure = "", False, False
        self._ahead: deque[tuple[HttpRequest | HttpResponse, str]] = deque()
        """Requests to take up (or their refusals), each with what becomes of the connection after its answer."""
        self._busy = False  # a request was taken up and is not answered yet
        self._after = STAYS  # what becomes of the connection after that answer
        self._turn_left, self._turn_due = TURN, False
        self._ending = False  # nothing more is read; the connection is closed after what is due
        self._refused = False
        self._writing_paused = self._reading_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._active = self._loop.time()
        self._begun: float | None = None  # since when a request is on its way in
        self.on_message_begin()

    # --- what the transport says ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or turn it away where there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._is_loopback = self._peer in LOOPBACK
        self._is_secure = transport.get_extra_info("sslcontext") is not None
        self._owner.connections.add(self)
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._look)
        if len(self._owner.connections) > self._owner.most_connections:
            self._refuse(TOO_MANY)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection; what it asked for still happens."""
        self._owner.connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._ahead.clear()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that is complete is answered from here."""
        self._active, self._turn_left = self._loop.time(), TURN
        size = len(data)
        while data:
            try:
                self._feed(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._stumble(error.__context__)
                break
        if self._begun is not None:
            self._bound_incomplete(size)

    def pause_writing(self) -> None:
        """Answer nothing more while the client does not read."""
        self._writing_paused, self._active = True, self._loop.time()

    def resume_writing(self) -> None:
        """Go on answering."""
        self._writing_paused = False
        self._take_turn()

    def eof_received(self) -> bool:
        """Keep the connection half open while an answer is due."""
        self._stop_reading()
        return self._is_due()

    def shutdown(self) -> None:
        """Finish the requests that are complete, then close: a graceful stop."""
        self._stop_reading()
        if not self._is_due():
            self._close()

    def _look(self) -> None:
        """Now and then, see whether the client is slow or idle; cheaper than a timer per request."""
        now = self._loop.time()
        self._timer = self._loop.call_later(REQUEST_SECONDS, self._look)
        quiet = now - self._active >= IDLE_SECONDS
        assert self._transport is not None  # else the timer was cancelled
        if self._writing_paused or self._transport.is_closing():
            if quiet:  # it does not read, so that waiting until it has read all would never end
                self._transport.abort()
        elif self._begun is not None:
            if self._reading_paused:  # what is missing may be among the bytes that we left unread
                self._begun = now
            elif now - self._begun >= REQUEST_SECONDS:
                self._refuse(TOO_SLOW)
        elif quiet and not self._is_due():
            self._close()

    def _is_due(self) -> bool:
        return self._busy or bool(self._ahead)

    # --- what the parser says -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a request."""
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._head_bytes = self._received = 0
        self._is_new = True
        self._begun = self._active if self._transport else None

    def on_url(self, target: bytes) -> None:
        """Take a part of the target."""
        self._target += target
        if len(self._target) > MAX_TARGET:
            raise RefusedError(TOO_MUCH_HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; or a trailer, which `on_headers_complete` no longer sees."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEADER_BYTES or len(self._headers) >= MAX_HEADERS:
            raise RefusedError(TOO_MUCH_HEAD)
        self._headers.append((name.lower().decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Refuse a body that is announced too long, and encourage a client that waits to send it."""
        self._head, self._stays, waits = tuple(self._headers), STAYS, False
        for name, value in self._head:
            if name == "content-length":
                if len(value) > MAX_LENGTH_DIGITS or int(value) > MAX_BODY:
                    raise RefusedError(TOO_LARGE)
            elif name == "connection":
                self._stays = STAYS_FOR_OLD if self._is_old() else STAYS
            elif name == "expect":
                waits = value.lower() == "100-continue"
        if waits:
            self._encourage()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += body
        if len(self._body) > MAX_BODY:
            raise RefusedError(TOO_LARGE)

    def on_message_complete(self) -> None:
        """Answer a request, or put it behind those that came before it."""
        if self._ending or self._parser.should_upgrade():
            return  # what follows a last request does not count; an upgrade comes without its body, and is read once more
        self._begun = None
        after = self._stays if self._parser.should_keep_alive() and not self._owner.draining else CLOSES
        self._ahead.append((self._request(), after))
        if after is CLOSES:
            self._stop_reading()
        if not self._busy:
            self._next()
        if self._ahead and self._transport and self._has_enough_ahead():
            self._reading_paused = True
            self._transport.pause_reading()

    def _is_old(self) -> bool:
        return self._parser.get_http_version() == "1.0"

    def _request(self) -> HttpRequest | HttpResponse:
        method = self._parser.get_method().decode("latin-1")
        if method not in METHODS:
            return WRONG_METHOD_HEAD if method == "HEAD" else WRONG_METHOD
        target = self._target.decode("latin-1").partition("#")[0]
        if not target.startswith("/"):
            target = _origin_form(target)
        path, _, query = target.partition("?")
        body = bytes(self._body)
        return HttpRequest(method, path, query, self._head, body, self._peer, self._is_loopback, self._is_secure)

    def _encourage(self) -> None:
        """Write the interim answer, unless it would come before answers that are still due."""
        if self._transport and not self._is_due() and not self._is_old() and not self._parser.should_upgrade():
            self._transport.write(CONTINUE)

    def _without_upgrade(self) -> bytes:
        """Return the head of a request that asked for another protocol, as if it had not: the offer is not taken up.

        The parser takes its body for the other protocol's bytes, so the request is read once more.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(WRONG_METHOD)
            return b""
        start = b"%s %s HTTP/%s\r\n" % (method, self._target, self._parser.get_http_version().encode())
        kept = "".join(f"{name}: {value}\r\n" for name, value in self._head if name != "upgrade")
        self._parser = httptools.HttpRequestParser(self)
        self._feed = self._parser.feed_data
        return start + kept.encode("latin-1") + b"\r\n"

    def _bound_incomplete(self, size: int) -> None:
        """Bound a request that comes in pieces: the parser shows a header only once it is complete."""
        if self._is_new:
            self._is_new = False  # these bytes may belong to the requests before it
            return
        self._received += size
        if self._received - len(self._body) > MAX_OVERHEAD:
            self._refuse(TOO_MUCH_HEAD)

    def _stumble(self, cause: BaseException | None) -> None:
        """Deal with bytes that the parser did not take; `cause` is what a callback of ours raised, if one did."""
        if isinstance(cause, RefusedError):
            self._refuse(cause.answer)
        elif cause is not None:
            log.error("a request could not be read", exc_info=cause)
            self._fail()
        elif not self._ending:  # what follows a last request does not count
            self._refuse(NOT_HTTP)

    # --- answering ------------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Take up waiting requests until one of them must wait for something, or the turn is over."""
        while self._ahead and self._turn_left and not self._busy and not self._writing_paused and self._transport:
            self._turn_left -= 1
            request, self._after = self._ahead.popleft()
            self._busy = True
            if isinstance(request, HttpResponse):
                self._answer(request)
            else:
                try:
                    self._edge.answer(request, self._answer)
                except Exception:
                    log.exception("a request could not be answered")
                    self._fail()
        if self._ahead and not self._turn_left:
            self._take_turn_soon()
        if self._reading_paused and self._transport and not self._has_enough_ahead():
            self._reading_paused = False
            self._transport.resume_reading()

    def _take_turn_soon(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn_left, self._turn_due = TURN, False
        self._next()

    def _has_enough_ahead(self) -> bool:
        """Tell whether as many requests wait, or as long ones, that no more are read for now."""
        return len(self._ahead) >= MAX_AHEAD or sum(len(request.body) for request, _ in self._ahead) >= MAX_BODY

    def _answer(self, answer: HttpResponse) -> None:
        """Write an answer and go on."""
        self._busy = False
        self._owner.total_requests += 1
        if self._transport is None:
            return
        after = CLOSES if self._ending and not self._ahead else self._after
        try:
            written = self._written(answer, after)
        except Exception:
            log.exception("an answer could not be written")
            self._fail()
            return
        self._transport.write(written)
        if after is CLOSES:
            self._hang_up()
        elif self._ahead:
            self._take_turn_soon()

    def _written(self, answer: HttpResponse, after: str) -> bytes:
        lines = [STATUS_LINES[answer.status]]
        lines += [f"{name}: {value}\r\n" for name, value in answer.headers]
        lines.append(f"{self._owner.default_head}content-length: {len(answer.body)}\r\n{after}\r\n")
        return "".join(lines).encode("latin-1") + answer.body

    def _refuse(self, answer: HttpResponse) -> None:
        """Say why nothing more is read, after the answers that are still due."""
        self._stop_reading()
        self._refused = True
        self._ahead.append((answer, CLOSES))
        if not self._busy:
            self._next()

    def _fail(self) -> None:
        """End after a fault of ours: whatever was due may depend on what failed."""
        self._busy = False
        self._ahead.clear()
        self._refuse(FAILED)

    def _stop_reading(self) -> None:
        """Ignore what the client still sends. It is received all the same: TCP would tell of bytes left unread."""
        self._ending, self._begun, self._feed = True, None, _ignore

    def _hang_up(self) -> None:
        """End after the last answer; a refused client may still be sending, and is to read why that is no use."""
        if self._refused and self._transport and self._transport.can_write_eof():
            self._transport.write_eof()
            self._loop.call_later(LINGER_SECONDS, self._close)
        else:
            self._close()

    def _close(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._active = self._loop.time()
            self._transport.close()


def _origin_form(target: str) -> str:
    """Return the path and query of a target in absolute form, which a proxy would be sent."""
    authority = target.partition("://")[2]
    if not authority:
        return target
    ends = [at for at in (authority.find("/"), authority.find("?")) if at >= 0]
    rest = authority[min(ends) :] if ends else ""
    return rest if rest.startswith("/") else "/" + rest
