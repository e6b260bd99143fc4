"""HTTP/1.1 as a socket shows it: bytes in, bytes out, and what becomes of clients that are slow, rude or gone."""

import asyncio
import logging
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest import mock

import pytest
import uvicorn

from isthmus import bootstrap, serving
from isthmus.config import Settings
from isthmus.gateway import protocol, server
from isthmus.gateway.admin import Admin
from isthmus.gateway.asgi import MAX_BODY, Edge
from isthmus.gateway.handle import Gateway
from isthmus.gateway.server import Server
from isthmus.store.api import Kind, Told
from isthmus.store.sqlite import SqliteStore
from tests.simulation.random_requests import authorization

PATIENCE_SECONDS = 20.0
ACCOUNT, REGION = "111111111111", "us-east-1"
DESCRIBE = b"Action=DescribeRegions&Version=2016-11-15"
SIGNED = {"host": "127.0.0.1", "x-amz-date": "20260102T030405Z", "authorization": authorization(ACCOUNT, "ec2", REGION)}


# --- a server and a client that know every byte -----------------------------------------------------------------------


class Served:
    """A server in a thread, as `serve` makes it, or with uvicorn's own HTTP in front of the same edge."""

    def __init__(self, folder: Path, *, portable: bool = False) -> None:
        settings = Settings(data=str(folder / "isthmus.db"))
        opened = bootstrap.store(settings)
        assert isinstance(opened, SqliteStore)
        self.store = opened
        gateway = bootstrap.gateway(settings)
        self.edge = Edge(gateway, self.store, Admin("token", gateway.bounds), lambda: 0)
        self._ready, self.commit_has_begun = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self.listener.getsockname()[1]
        self.tell_to_stop: Callable[[], object] = int
        self._thread = threading.Thread(target=self._run_portable if portable else self._run)
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)

    def _run(self) -> None:
        async def main() -> None:
            self.server = Server(self.edge, most_connections=100)
            loop = asyncio.get_running_loop()
            self.tell_to_stop = partial(loop.call_soon_threadsafe, self.server.stop)
            with mock.patch.object(server, "SIGNALS", ()):  # the main thread alone may take them
                await self.server.run(self.listener, self._ready.set)

        with asyncio.Runner(loop_factory=serving.loop_factory()) as runner:
            runner.run(main())

    def _run_portable(self) -> None:
        config = uvicorn.Config(self.edge, http="httptools", ws="none", lifespan="on", log_config=None, access_log=False)
        running = uvicorn.Server(config)
        self.tell_to_stop = partial(setattr, running, "should_exit", True)
        self._ready.set()
        running.run(sockets=[self.listener])

    def stop(self) -> None:
        if self._thread.is_alive():
            self.tell_to_stop()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the server does not stop"

    def close(self) -> None:
        self.stop()
        self.store.close()
        self.listener.close()

    def client(self) -> "Client":
        return Client(self.port)

    def vpcs(self) -> int:
        return int(self.store.run_now(Kind.READ, lambda unit: unit.engine.query("SELECT count(*) FROM vpc"))[0][0])

    @contextmanager
    def disk_that_waits(self) -> Iterator[threading.Event]:
        """No commit ends until the event is set; it is set at the end."""
        let_go, commit = threading.Event(), self.store.make_durable

        def slow(connection: sqlite3.Connection) -> None:
            self.commit_has_begun.set()
            assert let_go.wait(PATIENCE_SECONDS)
            commit(connection)

        self.store.make_durable = slow  # type: ignore[method-assign]
        try:
            yield let_go
        finally:
            let_go.set()
            self.store.make_durable = commit  # type: ignore[method-assign]


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


class Client:
    """A socket."""

    def __init__(self, port: int, *, small: bool = False) -> None:
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.settimeout(PATIENCE_SECONDS)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def send_bit_by_bit(self, data: bytes) -> Self:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(len(data)):
            self.send(data[number : number + 1])
        return self

    def _more(self) -> None:
        got = self.socket.recv(65_536)
        assert got, f"closed after {self._read!r}"
        self._read += got

    def interim(self) -> bytes:
        """An answer without a body that comes before the answer."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head

    def answer(self, method: str = "POST") -> Answer:
        head = self.interim().decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:])
        length = 0 if method == "HEAD" else int(headers["content-length"])
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return Answer(int(head[0].split(" ")[1]), headers, body)

    def rest(self) -> bytes:
        """Whatever else comes until the server closes."""
        while got := self.socket.recv(65_536):
            self._read += got
        return self._read


def raw(
    body: bytes = DESCRIBE,
    target: str = "/",
    method: str = "POST",
    *,
    version: str = "1.1",
    more: Mapping[str, Any] | None = None,
    **headers: Any,
) -> bytes:
    """The bytes of a request; a header that is None is left out."""
    said: dict[str, Any] = {**SIGNED, "content-length": str(len(body))}
    said |= {name.replace("_", "-"): value for name, value in {**headers, **(more or {})}.items()}
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in said.items() if value is not None)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*parts: bytes, trailer: bytes = b"", **headers: Any) -> bytes:
    head = raw(b"", content_length=None, transfer_encoding="chunked", **headers)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


def create(number: int = 0) -> bytes:
    return raw(b"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.%d.0.0/16" % number)


def describe(region: str) -> bytes:
    return raw(DESCRIBE + b"&RegionName.1=" + region.encode())


REGIONS = ("us-east-1", "eu-west-1", "us-west-2", "eu-central-1")


def regions(answer: Answer) -> list[str]:
    return re.findall("<regionName>([^<]*)<", answer.body.decode())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("connection"))
    yield running
    running.close()


@pytest.fixture
def served(shared: Served, caplog: pytest.LogCaptureFixture) -> Iterator[Served]:
    """A server that goes on after whatever was done to it, and has nothing to complain of."""
    with caplog.at_level(logging.WARNING):
        yield shared
        with shared.client() as client:
            assert client.send(raw()).answer().status == 200
    assert caplog.records == []


# --- requests one after the other -------------------------------------------------------------------------------------


def test_a_connection_stays_until_the_client_says_close(served: Served) -> None:
    with served.client() as client:
        for region in REGIONS:
            answer = client.send(describe(region)).answer()
            assert (regions(answer), "connection" in answer.headers) == ([region], False)
        assert client.send(raw(connection="close")).answer().closes
        assert client.rest() == b""


@pytest.mark.parametrize(("said", "stays"), [(None, False), ("close", False), ("keep-alive", True)])
def test_an_old_client_is_told_whether_the_connection_stays(served: Served, said: str | None, stays: bool) -> None:
    with served.client() as client:
        answer = client.send(raw(version="1.0", connection=said)).answer()
        assert (answer.status, answer.headers["connection"]) == (200, "keep-alive" if stays else "close")
        if stays:
            assert client.send(raw(version="1.0")).answer().status == 200
        assert client.rest() == b""


def test_what_follows_a_request_that_closes_is_not_answered(served: Served) -> None:
    with served.client() as client:
        assert client.send(raw(connection="close") + raw()).answer().closes
        assert client.rest() == b""


def test_nor_is_it_where_the_answer_has_to_be_waited_for(served: Served) -> None:
    last = create().replace(b"host", b"connection: close\r\nhost")
    with served.client() as client:
        assert client.send(last + raw() + b"garbage").answer().closes
        assert client.rest() == b""


@pytest.mark.parametrize("number", [2, 16, 17, 100, 3_000])
def test_answers_leave_in_the_order_of_their_requests(served: Served, number: int) -> None:
    asked = [REGIONS[each % len(REGIONS)] for each in range(number)]
    with served.client() as client:
        sender = threading.Thread(target=client.send, args=(b"".join(map(describe, asked)),))
        sender.start()
        assert [regions(client.answer()) for _ in asked] == [[region] for region in asked]
        sender.join()


def test_reads_wait_for_the_writes_before_them(served: Served) -> None:
    """Each of the reads sees what the writes before it on the same connection made."""
    made = 0
    with served.client() as client, served.disk_that_waits() as let_go:
        client.send(b"".join(create() + raw(b"Action=DescribeVpcs&Version=2016-11-15") for _ in range(20)))
        time.sleep(0.1)
        let_go.set()
        before = None
        for _ in range(20):
            assert client.answer().status == 200
            made = client.answer().body.count(b"<vpcId>")
            assert before is None or made == before + 1
            before = made


def test_no_more_is_read_while_enough_requests_wait(served: Served) -> None:
    """The client is held back by TCP, and nothing of what it sent is lost."""
    sent = threading.Event()
    long = raw(DESCRIBE + b"&" + b"Unknown=" + b"x" * 60_000)

    def send_much(client: Client) -> None:
        client.send(create() + long * 300)  # 18 MB: more than the buffers of both ends
        sent.set()

    with served.client() as client, served.disk_that_waits() as let_go:
        sender = threading.Thread(target=send_much, args=(client,))
        sender.start()
        assert not sent.wait(0.3)
        (connection,) = (each for each in served.server.connections if each._ahead)
        assert sum(len(request.body) for request, _ in connection._ahead) < 2 * MAX_BODY
        let_go.set()
        assert [client.answer().status for _ in range(301)] == [200] + [400] * 300
        sender.join()


def test_a_client_with_many_requests_lets_others_have_their_turn(served: Served) -> None:
    with served.client() as greedy, served.client() as modest:
        greedy.send(raw() * 300)
        began = time.monotonic()
        modest.send(raw()).answer()
        assert time.monotonic() - began < 1.0
        for _ in range(300):
            greedy.answer()


def eventually(look: Callable[[], list[Any]], seconds: float = 20.0) -> list[Any]:
    """Return what is found once there is something: a busy machine takes its time."""
    until = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def test_a_client_that_does_not_read_is_not_answered_without_bound(served: Served) -> None:
    def send_until_held_back(client: Client) -> None:
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.send(raw() * 50_000)

    with Client(served.port, small=True) as client:
        send_until_held_back(client)
        (connection,) = eventually(lambda: [each for each in served.server.connections if each._writing_paused])
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() < 262_144
        assert len(connection._ahead) < 3_000


# --- requests in pieces -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes", [raw(), chunked(DESCRIBE[:7], DESCRIBE[7:]), raw(b"", f"/?{DESCRIBE.decode()}", "GET")]
)
def test_a_request_may_come_byte_by_byte(served: Served, request_bytes: bytes) -> None:
    with served.client() as client:
        assert regions(client.send_bit_by_bit(request_bytes * 2).answer())
        assert regions(client.answer())


@pytest.mark.parametrize("parts", [[DESCRIBE], [DESCRIBE[:1], DESCRIBE[1:]], [bytes([each]) for each in DESCRIBE]])
def test_a_body_may_come_in_chunks(served: Served, parts: list[bytes]) -> None:
    with served.client() as client:
        assert client.send(chunked(*parts)).answer().status == 200
        assert client.send(raw()).answer().status == 200


def test_what_follows_a_chunked_body_is_not_taken_for_a_header(served: Served) -> None:
    with served.client() as client:
        assert client.send(raw(origin="http://evil.example")).answer().status == 403
        assert client.send(chunked(DESCRIBE, trailer=b"origin: http://evil.example\r\n")).answer().status == 200


@pytest.mark.parametrize("order", [("content_length", "expect"), ("expect", "content_length")])
def test_a_client_that_waits_for_a_word_is_encouraged(served: Served, order: tuple[str, str]) -> None:
    said = {"content_length": str(len(DESCRIBE)), "expect": "100-Continue"}
    with served.client() as client:
        client.send(raw(b"", content_length=None, more={name: said[name] for name in order}))
        assert client.interim() == b"HTTP/1.1 100 Continue"
        assert client.send(DESCRIBE).answer().status == 200


@pytest.mark.parametrize("order", [("content_length", "expect"), ("expect", "content_length")])
def test_nobody_is_encouraged_to_send_what_is_refused(served: Served, order: tuple[str, str]) -> None:
    said = {"content_length": str(MAX_BODY + 1), "expect": "100-continue"}
    head = b"POST / HTTP/1.1\r\n" + "".join(f"{n.replace('_', '-')}: {said[n]}\r\n" for n in order).encode() + b"\r\n"
    with served.client() as client:
        answer = client.send(head).answer()
        assert (answer.status, answer.closes) == (413, True)


def test_an_old_client_is_not_encouraged(served: Served) -> None:
    with served.client() as client:
        assert client.send(raw(version="1.0", expect="100-continue")).answer().status == 200


# --- bounds -----------------------------------------------------------------------------------------------------------


def announced(size: int) -> bytes:
    return raw(b"A" * size)


def in_chunks(size: int) -> bytes:
    return chunked(*(b"A" * min(65_536, size - start) for start in range(0, size, 65_536)))


@pytest.mark.rule("I28")
@pytest.mark.parametrize("sent", [announced, in_chunks])
def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_refused(served: Served, sent: Callable[[int], bytes]) -> None:
    with served.client() as client:
        assert client.send(sent(MAX_BODY)).answer().status == 400
        answer = client.send(sent(MAX_BODY + 1)).answer()
        assert (answer.status, answer.closes) == (413, True)
        assert client.rest() == b""


@pytest.mark.rule("I28")
@pytest.mark.parametrize("length", [MAX_BODY + 1, 9_999_999, 10**9, 10**30, f"{0:0500}1"])
def test_a_body_that_is_announced_too_long_is_refused_before_it_is_sent(served: Served, length: object) -> None:
    with served.client() as client:
        assert client.send(raw(b"", content_length=str(length))).answer().status in (400, 413)


@pytest.mark.rule("I28")
def test_a_client_that_sends_too_much_gets_to_read_why(served: Served) -> None:
    """However much more it sends: a connection that is closed on unread bytes would take the answer with it."""
    for _ in range(20):
        with served.client() as client:
            client.send(announced(MAX_BODY + 300_000))
            assert client.answer().status == 413


@pytest.mark.rule("I28")
@pytest.mark.parametrize(
    "head",
    [
        raw(target="/?" + "a" * protocol.MAX_TARGET),
        raw(more={"x-long": "a" * protocol.MAX_HEADER_BYTES}),
        raw(more={f"x-{number}": "a" for number in range(protocol.MAX_HEADERS)}),
        raw(more={f"x-{number}": "a" * 2_000 for number in range(40)}),
    ],
)
def test_a_head_that_is_too_long_is_refused(served: Served, head: bytes) -> None:
    with served.client() as client:
        answer = client.send(head).answer()
        assert (answer.status, answer.closes) == (431, True)


@pytest.mark.rule("I28")
@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nx-endless: ",
        b"GET / HTTP/1.1\r\n",
        chunked(DESCRIBE)[:-2] + b"x-endless: ",
        chunked(DESCRIBE)[:-5] + b"1;",
    ],
)
def test_nothing_that_never_ends_is_kept(served: Served, start: bytes) -> None:
    """A header, a name, a trailer, a chunk's extension: none of them is complete, so no bound of a complete one helps."""
    with served.client() as client:
        client.send(start)
        for _ in range(60):
            try:
                client.send(b"a" * 16_384)
            except OSError:
                break
            time.sleep(0.001)
        assert client.answer().status == 431


def test_long_targets_and_headers_within_the_bounds_are_read(served: Served) -> None:
    with served.client() as client:
        answer = client.send(raw(b"", "/?" + "a" * 60_000, "GET", more={"x-long": "a" * 60_000})).answer()
        assert answer.status == 400
        assert b"MalformedQueryString" in answer.body


@pytest.mark.rule("I28")
def test_one_connection_too_many_is_turned_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.server, "most_connections", 2)
    with served.client() as one, served.client() as other:
        assert [each.send(raw()).answer().status for each in (one, other)] == [200, 200]
        with served.client() as third:
            answer = third.send(raw()).answer()
            assert (answer.status, answer.closes) == (503, True)
            assert third.rest() == b""
        assert one.send(raw()).answer().status == 200
        wait_until(lambda: len(served.server.connections) == 2)
        one.socket.close()
        wait_until(lambda: len(served.server.connections) == 1)
        with served.client() as fourth:
            assert fourth.send(raw()).answer().status == 200


# --- what is no request of ours ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_refused_and_the_connection_stays(served: Served, method: str) -> None:
    with served.client() as client:
        answer = client.send(raw(method=method)).answer(method)
        assert (answer.status, answer.headers["allow"], answer.closes) == (405, "get, post", False)
        assert client.send(raw()).answer().status == 200


def test_a_tunnel_is_refused(served: Served) -> None:
    with served.client() as client:
        answer = client.send(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n\x16\x03\x01").answer()
        assert (answer.status, answer.closes) == (405, True)


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "http://127.0.0.1", "HTTP://127.0.0.1:4510/", "/#part", "/"])
@pytest.mark.parametrize("query", ["", f"?{DESCRIBE.decode()}", f"?{DESCRIBE.decode()}&RegionName.1=http://x/y"])
def test_a_target_may_be_absolute(served: Served, target: str, query: str) -> None:
    path, mark, part = target.partition("#")
    with served.client() as client:
        answer = client.send(raw(b"" if query else DESCRIBE, path + query + mark + part)).answer()
        assert answer.status == (400 if "x/y" in query else 200)
        assert b"MissingAction" not in answer.body


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / FTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad\x00name: a\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so_and_hung_up_on(served: Served, garbage: bytes) -> None:
    with served.client() as client:
        answer = client.send(garbage).answer()
        assert (answer.status, answer.closes) == (400, True)
        assert client.rest() == b""


def test_garbage_is_refused_after_the_requests_before_it_are_answered(served: Served) -> None:
    with served.client() as client:
        client.send(create() + raw() * 20 + b"garbage\r\n\r\n")
        assert [client.answer().status for _ in range(22)] == [200] * 21 + [400]
        assert client.rest() == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        raw(connection="Upgrade, HTTP2-Settings", upgrade="h2c"),
        raw(connection="upgrade", upgrade="websocket"),
        chunked(DESCRIBE, connection="upgrade", upgrade="h2c"),
        raw(b"", f"/?{DESCRIBE.decode()}", "GET", connection="upgrade", upgrade="h2c"),
    ],
)
@pytest.mark.parametrize("send", [Client.send, Client.send_bit_by_bit])
def test_an_upgrade_is_not_offered_and_does_no_harm(
    served: Served, request_bytes: bytes, send: Callable[[Client, bytes], Client]
) -> None:
    with served.client() as client:
        send(client, request_bytes * 3 + raw())
        assert [client.answer().status for _ in range(4)] == [200] * 4


def test_a_body_is_not_taken_for_a_request_because_of_an_upgrade(served: Served) -> None:
    with served.client() as client:
        client.send(raw(raw(), connection="upgrade", upgrade="h2c") + raw(connection="close"))
        assert [client.answer().status for _ in range(2)] == [400, 200]
        assert client.rest() == b""


def test_no_header_of_an_answer_comes_from_a_request(served: Served) -> None:
    evil = "a%0d%0aset-cookie:%20x"
    sent = [
        raw(b"", f"/?Action={evil}&Version=2016-11-15", "GET"),
        raw(f"Action={evil}".encode()),
        raw(target=f"/{evil}", more={"x-amzn-requestid": "mine", "x-a": "\x85\xe9"}),
        raw(target="/_isthmus/clock", method="GET", authorization=f"Bearer {evil}"),
        raw(authorization=authorization(ACCOUNT, "a%0d%0ab", REGION)),
    ]
    with served.client() as client:
        for each in sent:
            answer = client.send(each).answer()
            assert set(answer.headers) <= {"content-type", "content-length", "date", "x-amzn-requestid"}
            assert answer.headers.get("x-amzn-requestid") != "mine"


# --- slow, idle and gone ----------------------------------------------------------------------------------------------


@pytest.mark.rule("I28")
@pytest.mark.parametrize("start", [b"P", b"POST / HTTP/1.1\r\nhost", raw()[:-1], raw() + b"POST"])
def test_a_request_that_does_not_arrive_is_not_waited_for(
    served: Served, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.15)
    with served.client() as client:
        client.send(start)
        if start.startswith(raw()):
            assert client.answer().status == 200
        answer = client.answer()
        assert (answer.status, answer.closes) == (408, True)
        assert client.rest() == b""


def test_a_request_that_comes_drop_by_drop_is_not_waited_for_either(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.15)
    with served.client() as client:
        began = time.monotonic()
        for each in raw()[:-1]:
            if time.monotonic() - began > 0.5:
                break
            client.send(bytes([each]))
            time.sleep(0.02)
        assert client.answer().status == 408


def test_an_idle_connection_is_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.2)
    with served.client() as silent, served.client() as once:
        assert once.send(raw()).answer().status == 200
        assert (silent.rest(), once.rest()) == (b"", b"")


def test_a_client_that_waits_for_its_answer_is_not_idle(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.1)
    with served.client() as client, served.disk_that_waits() as let_go:
        client.send(create())
        time.sleep(0.4)
        let_go.set()
        assert client.answer().status == 200


def test_a_client_whose_bytes_we_leave_unread_is_not_slow(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    with served.client() as client, served.disk_that_waits() as let_go:
        client.send(create() + raw() * 20 + raw()[:-1])
        time.sleep(0.4)
        client.send(raw()[-1:])
        let_go.set()
        assert [client.answer().status for _ in range(22)] == [200] * 22


def test_a_client_that_never_reads_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.3)
    with Client(served.port, small=True) as client:
        client.socket.settimeout(0.2)
        with pytest.raises(OSError, match=r"timed out|reset|pipe"):
            client.send(raw() * 50_000)
        wait_until(lambda: not served.server.connections)


def test_a_client_that_has_said_all_still_gets_its_answers(served: Served) -> None:
    with served.client() as client, served.disk_that_waits() as let_go:
        client.send(create() + raw() * 20)
        client.socket.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        let_go.set()
        answers = [client.answer() for _ in range(21)]
        assert [answer.status for answer in answers] == [200] * 21
        assert [answer.closes for answer in answers] == [False] * 20 + [True]
        assert client.rest() == b""


def test_half_a_request_and_a_goodbye_get_no_answer(served: Served) -> None:
    with served.client() as client:
        client.send(raw() + raw()[:-1])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
        assert client.rest() == b""


@pytest.mark.parametrize("rudely", [False, True])
def test_a_write_happens_though_its_client_has_gone(served: Served, rudely: bool) -> None:
    before, batches = served.vpcs(), served.store.batches
    with served.disk_that_waits() as let_go:
        with served.client() as client:
            client.send(create() + raw() + raw()[:-1])
            assert served.commit_has_begun.wait(PATIENCE_SECONDS)
            if rudely:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        time.sleep(0.05)
        let_go.set()
        wait_until(lambda: served.store.batches > batches)
    with served.client() as other:
        assert other.send(raw(b"Action=DescribeVpcs&Version=2016-11-15")).answer().body.count(b"<vpcId>") == before + 1


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_a_stop_answers_what_was_asked_closes_what_is_idle_and_takes_nothing_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(tmp_path)
    with served.client() as writing, served.client() as idle, served.client() as half, served.disk_that_waits() as let_go:
        assert idle.send(raw()).answer().status == 200
        half.send(raw()[:-1])
        writing.send(create() + describe(REGIONS[0]))
        assert served.commit_has_begun.wait(PATIENCE_SECONDS)
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        assert (idle.rest(), half.rest()) == (b"", b"")
        with pytest.raises(ConnectionRefusedError):
            served.client()
        writing.send(describe(REGIONS[1]))  # came too late
        assert stopping.is_alive()
        let_go.set()
        first, second = writing.answer(), writing.answer()
        assert (first.status, regions(second), second.closes) == (200, [REGIONS[0]], True)
        assert writing.rest() == b""
        stopping.join()
    assert served.vpcs() == 1
    served.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# --- our own faults ---------------------------------------------------------------------------------------------------


def faulty(*_: object, **__: object) -> Any:
    raise ValueError("a bug")


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("where", ["read", "begin", "later", "audit", "admin"])
def test_a_fault_of_ours_is_answered_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, where: str, portable: bool
) -> None:
    def failing_later(_kind: Kind, _work: object, told: Told) -> None:
        asyncio.get_running_loop().call_soon(told, None, ValueError("a bug"))

    served = Served(tmp_path, portable=portable)
    sent = raw(b"", "/_isthmus/health", "GET") if where == "admin" else raw()
    with served.client() as client, monkeypatch.context() as patched:
        match where:
            case "read":
                patched.setattr(Gateway, "read", faulty)
            case "admin":
                patched.setattr(Admin, "perform", faulty)
            case "audit":
                patched.setattr(served.edge, "audit", faulty)
            case _:
                patched.setattr(served.store, "begin", faulty if where == "begin" else failing_later)
        with served.client() as unlucky:
            assert unlucky.send(sent).answer().status == (200 if where == "audit" else 500)
        patched.undo()
        assert client.send(raw()).answer().status == 200
    served.close()
    assert len([record for record in caplog.records if record.exc_info]) == 1


# --- the portable edge ------------------------------------------------------------------------------------------------

ALIKE = {
    "read": raw(),
    "read by GET": raw(b"", f"/?{DESCRIBE.decode()}", "GET"),
    "query and body": raw(DESCRIBE, "/?Version=2016-11-15"),
    "query and more body": raw(b"Version=2016-11-15", "/?Action=DescribeRegions"),
    "chunks": chunked(DESCRIBE[:9], DESCRIBE[9:]),
    "nothing": raw(b""),
    "no action": raw(b"Version=2016-11-15"),
    "no version": raw(b"Action=DescribeVpcs"),
    "unknown action": raw(b"Action=Brew&Version=2016-11-15"),
    "unknown parameter": raw(DESCRIBE + b"&A=1"),
    "percent": raw(b"Action=%zz"),
    "not UTF-8": raw(b"Action=\xff\xfe"),
    "long form": raw(b"A" * MAX_BODY),
    "too long": raw(b"A" * (MAX_BODY + 1)),
    "no signature": raw(authorization=None),
    "nonsense signature": raw(authorization="nonsense"),
    "other service": raw(authorization=authorization(ACCOUNT, "rds", REGION)),
    "other path": raw(target="/other"),
    "escaped path": raw(target="/%2e%2E/%41?x=%41"),
    "absolute": raw(target="http://127.0.0.1:1/"),
    "absolute with a path": raw(target="http://127.0.0.1/other"),
    "absolute with a query": raw(b"", f"http://127.0.0.1/?{DESCRIBE.decode()}", "GET"),
    "fragment": raw(b"", f"/?{DESCRIBE.decode()}#?x", "GET"),
    "other host": raw(host="evil.example"),
    "from a page": raw(origin="http://evil.example"),
    "PUT": raw(method="PUT"),
    "DELETE": raw(method="DELETE", target="/_isthmus/clock"),
    "OPTIONS": raw(method="OPTIONS"),
    "health": raw(b"", "/_isthmus/health", "GET"),
    "clock without a token": raw(b"", "/_isthmus/clock", "GET"),
    "nothing of ours": raw(b"", "/_isthmus/nothing", "GET", authorization="Bearer token"),
    "latin-1 header": raw(more={"x-a": "\xe9"}),
}
ISSUED = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("portable"), portable=True)
    yield running
    running.close()


@pytest.mark.parametrize("name", ALIKE)
def test_the_portable_edge_answers_the_same(served: Served, portable: Served, name: str) -> None:
    def ask(server: Served) -> tuple[int, str | None, bytes]:
        with server.client() as client:
            answer = client.send(ALIKE[name]).answer()
            return answer.status, answer.headers.get("content-type"), ISSUED.sub(b"ID", answer.body)

    assert ask(served) == ask(portable)
