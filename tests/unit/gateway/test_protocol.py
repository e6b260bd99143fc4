"""A connection alone: what it reads, writes, leaves unread and leaves behind, without a socket."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from isthmus.gateway import protocol
from isthmus.gateway.asgi import FAILED, MAX_BODY, Done
from isthmus.gateway.protocol import Connection
from isthmus.wire.http import HttpRequest, HttpResponse

GET = b"GET /%d HTTP/1.1\r\n\r\n"
OK = HttpResponse(200, (("x-a", "b"),), b"body")


class Wire(asyncio.Transport):
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.written, self.reading, self.closed, self.aborted, self.ended = b"", True, False, False, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True


class Asked:
    """An edge that answers when it is told to, or at once."""

    def __init__(self, at_once: Callable[[HttpRequest], HttpResponse] | None = None) -> None:
        self.at_once = at_once
        self.requests: list[HttpRequest] = []
        self.done: list[Done] = []

    def answer(self, http: HttpRequest, done: Done) -> None:
        self.requests.append(http)
        self.done.append(done)
        if self.at_once:
            done(self.at_once(http))


class Owner:
    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.most_connections, self.total_requests, self.draining = 1, 0, False
        self.default_head = "date: today\r\n"


class Met:
    """A connection between an edge and a wire."""

    def __init__(self, edge: Asked | None = None) -> None:
        self.edge, self.wire, self.owner = edge or Asked(), Wire(), Owner()
        self.connection = Connection(self.edge, self.owner)
        self.connection.connection_made(self.wire)

    @property
    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.wire.written.split(b"HTTP/1.1 ")[1:]]


def on_a_loop(test: Callable[[], Any]) -> None:
    async def run() -> None:
        outcome = test()
        if asyncio.iscoroutine(outcome):
            await outcome

    asyncio.run(run())


def test_an_answer_is_one_write_with_its_length_and_the_date() -> None:
    def run() -> None:
        met = Met(Asked(lambda _: OK))
        met.connection.data_received(GET % 1)
        assert met.wire.written == b"HTTP/1.1 200 OK\r\nx-a: b\r\ndate: today\r\ncontent-length: 4\r\n\r\nbody"
        assert met.owner.total_requests == 1

    on_a_loop(run)


def test_a_server_that_drains_answers_and_closes_and_takes_up_nothing_more() -> None:
    def run() -> None:
        met = Met(Asked(lambda _: OK))
        met.connection.data_received(GET % 1)
        assert not met.wire.closed
        met.owner.draining = True
        met.connection.data_received(GET % 2 + GET % 3)
        assert [http.path for http in met.edge.requests] == ["/1", "/2"]
        assert met.statuses == [200, 200]
        assert met.wire.written.count(b"connection: close") == 1
        assert met.wire.closed

    on_a_loop(run)


def test_a_request_is_what_came() -> None:
    def run() -> None:
        met = Met(Asked(lambda _: OK))
        met.connection.data_received(b"POST /a%20b?c=%e9 HTTP/1.1\r\nX-A: \xe9\r\nContent-Length: 2\r\n\r\n\xff\xfe")
        (http,) = met.edge.requests
        assert (http.method, http.path, http.query, http.body) == ("POST", "/a%20b", "c=%e9", b"\xff\xfe")
        assert http.headers == (("x-a", "\xe9"), ("content-length", "2"))
        assert (http.peer, http.is_loopback, http.secure) == ("192.0.2.1", False, False)

    on_a_loop(run)


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        ("http://h", "/"),
        ("http://h/", "/"),
        ("http://h:1/a?b=c/d", "/a?b=c/d"),
        ("http://h?b=/c", "/?b=/c"),
        ("*", "*"),
    ],
)
def test_an_absolute_target_loses_its_authority(target: str, origin: str) -> None:
    assert protocol._origin_form(target) == origin


def test_the_next_request_is_taken_up_once_the_last_is_answered() -> None:
    async def run() -> None:
        met = Met()
        met.connection.data_received(b"".join(GET % number for number in range(3)))
        for number in range(3):
            assert [http.path for http in met.edge.requests] == [f"/{each}" for each in range(number + 1)]
            met.edge.done[-1](OK)
            await asyncio.sleep(0)

    on_a_loop(run)


def test_reading_stops_and_goes_on_with_the_requests_that_wait() -> None:
    async def run() -> None:
        met = Met()
        met.connection.data_received(GET % 0 * protocol.MAX_AHEAD)
        assert met.wire.is_reading()
        met.connection.data_received(GET % 0)
        assert not met.wire.is_reading()
        met.edge.done[-1](OK)
        await asyncio.sleep(0)
        assert met.wire.is_reading()

    on_a_loop(run)


def test_long_bodies_that_wait_stop_reading_sooner() -> None:
    def run() -> None:
        met = Met()
        met.connection.data_received(GET % 0)
        met.connection.data_received(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % MAX_BODY + b"x" * MAX_BODY)
        assert not met.wire.is_reading()

    on_a_loop(run)


def test_one_turn_answers_so_many_requests_and_no_more() -> None:
    async def run() -> None:
        met = Met(Asked(lambda _: OK))
        met.connection.data_received(GET % 0 * 3 * protocol.TURN)
        for turns in (1, 2, 3):
            assert len(met.edge.requests) == turns * protocol.TURN
            await asyncio.sleep(0)
        assert met.statuses == [200] * 3 * protocol.TURN

    on_a_loop(run)


def test_nothing_is_answered_while_the_client_does_not_read() -> None:
    def run() -> None:
        met = Met(Asked(lambda _: OK))
        met.connection.pause_writing()
        met.connection.data_received(GET % 0 * 20)
        assert (met.edge.requests, met.wire.is_reading()) == ([], False)
        met.connection.resume_writing()
        assert met.statuses == [200] * protocol.TURN
        assert met.wire.is_reading()

    on_a_loop(run)


@pytest.mark.parametrize("event", [Connection.shutdown, Connection.eof_received])
def test_what_is_due_is_answered_before_the_end_and_nothing_after(event: Callable[[Connection], object]) -> None:
    async def run() -> None:
        met = Met()
        met.connection.data_received(GET % 0 * 2)
        event(met.connection)
        met.connection.data_received(GET % 2)
        for _ in range(2):
            assert not met.wire.closed
            met.edge.done[-1](OK)
            await asyncio.sleep(0)
        assert (met.statuses, met.wire.closed) == ([200, 200], True)
        assert met.wire.written.count(b"connection: close\r\n") == 1

    on_a_loop(run)


def test_an_answer_to_a_client_that_has_gone_is_dropped() -> None:
    def run() -> None:
        met = Met()
        met.connection.data_received(GET % 0 * 3)
        met.connection.connection_lost(None)
        met.edge.done[0](OK)
        assert (met.wire.written, met.owner.connections, len(met.edge.requests)) == (b"", set(), 1)

    on_a_loop(run)


def test_a_refused_client_may_go_on_sending_for_a_while_and_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.01)

    async def run() -> None:
        met = Met(Asked(lambda _: OK))
        met.connection.data_received(b"garbage\r\n\r\n")
        met.connection.data_received(GET % 0)
        assert (met.statuses, met.edge.requests) == ([400], [])
        assert (met.wire.ended, met.wire.closed, met.wire.is_reading()) == (True, False, True)
        await asyncio.sleep(0.05)
        assert met.wire.closed

    on_a_loop(run)


def test_a_refusal_waits_for_the_answers_before_it_though_reading_had_stopped() -> None:
    async def run() -> None:
        met = Met()
        met.connection.data_received(GET % 0 * 20 + b"garbage")
        while len(met.edge.requests) < 20:
            met.edge.done[-1](OK)
            await asyncio.sleep(0)
        assert not met.wire.ended
        met.edge.done[-1](OK)
        await asyncio.sleep(0)
        assert (met.statuses, met.wire.ended) == ([200] * 20 + [400], True)

    on_a_loop(run)


@pytest.mark.parametrize("where", ["answer", "_request", "_written"])
def test_a_fault_of_ours_ends_the_connection_with_a_word_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    def fault(*_: object) -> Any:
        monkeypatch.undo()
        raise ValueError("a bug")

    def run() -> None:
        met = Met(Asked(lambda _: OK))
        monkeypatch.setattr(Asked if where == "answer" else Connection, where, fault)
        met.connection.data_received(GET % 0 * 3)
        assert (met.statuses, met.wire.ended) == ([FAILED.status], True)

    with caplog.at_level(logging.WARNING):
        on_a_loop(run)
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_who_does_not_read_to_the_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.0)

    def run() -> None:
        met = Met()
        met.connection.shutdown()
        assert (met.wire.closed, met.wire.aborted) == (True, False)
        met.connection._look()
        assert met.wire.aborted

    on_a_loop(run)
