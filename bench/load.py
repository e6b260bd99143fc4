"""The load: bytes that were made before, sent over kept connections by one thread that does next to nothing else.

A lane is a connection with one request on its way. Answers are kept as they came and looked at after the clock has
stopped.
"""

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
RECEIVE_BYTES = 1 << 18
CONNECT_SECONDS = 10.0

Address = tuple[str, int]


class LoadError(Exception):
    """The server closed, fell silent, or sent what is not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """The answers, in the order of the requests, and the seconds it took to have them all."""

    answers: tuple[Answer, ...]
    seconds: float


@dataclass(slots=True)
class Head:
    """The part of an answer before its body, read once."""

    status: int
    body_at: int
    length: int | None
    chunked: bool
    closes: bool


def parse_head(received: bytes | bytearray) -> Head | None:
    """The head of an answer, or None while it is not whole."""
    end = received.find(HEAD_END)
    if end < 0:
        return None
    lines = bytes(received[:end]).split(b"\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    length = fields.get(b"content-length")
    return Head(
        status=int(lines[0].split(b" ", 2)[1]),
        body_at=end + len(HEAD_END),
        length=None if length is None else int(length),
        chunked=fields.get(b"transfer-encoding", b"").lower() == b"chunked",
        closes=fields.get(b"connection", b"").lower() == b"close" or lines[0].startswith(b"HTTP/1.0"),
    )


def unchunk(body: bytes) -> bytes:
    """The body without its chunk sizes."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2


@dataclass(slots=True)
class Lane:
    """One connection: which request is on its way, and what has come of its answer."""

    address: Address
    sock: socket.socket
    number: int = 0
    received: bytearray = field(default_factory=bytearray)
    head: Head | None = None

    def send(self, number: int, request: bytes) -> None:
        """Send the request of this number."""
        self.number, self.head = number, None
        self.received.clear()
        self.sock.sendall(request)

    def receive(self) -> Answer | None:
        """Take what has come; the answer when it is whole."""
        piece = self.sock.recv(RECEIVE_BYTES)
        self.received += piece
        if self.head is None:
            self.head = parse_head(self.received)
        if self.head is not None and self._whole(self.head, ended=not piece):
            body = bytes(self.received[self.head.body_at :])
            return Answer(self.head.status, unchunk(body) if self.head.chunked else body)
        if not piece:
            raise LoadError(f"{self.address}: closed in the middle of an answer ({len(self.received)} bytes had come)")
        return None

    def _whole(self, head: Head, *, ended: bool) -> bool:
        if head.length is not None:
            return len(self.received) >= head.body_at + head.length
        if head.chunked:
            return self.received.endswith(LAST_CHUNK)
        return ended


def connect(address: Address) -> socket.socket:
    """A connection to the server, without Nagle's delay."""
    sock = socket.create_connection(address, timeout=CONNECT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def drive(
    address: Address,
    requests: Sequence[bytes],
    lanes: int = 1,
    timeout_seconds: float = 300.0,
    others: Sequence[Address] = (),
) -> Load:
    """Send every request once, `lanes` at a time, and return the answers; LoadError when that takes too long.

    With `others`, servers that share their state, the lanes are dealt out to all of them.
    """
    answers: dict[int, Answer] = {}
    waiting = iter(enumerate(requests))
    selector = selectors.DefaultSelector()
    dealt = islice(cycle((address, *others)), min(lanes, len(requests)))
    opened = [Lane(each, connect(each)) for each in dealt]
    began = time.perf_counter()
    try:
        for lane in opened:
            selector.register(lane.sock, selectors.EVENT_READ, lane)
            lane.send(*next(waiting))
        while len(answers) < len(requests):
            if time.perf_counter() - began > timeout_seconds:
                raise LoadError(f"{address}: {len(answers)} of {len(requests)} answers after {timeout_seconds:g} s")
            for key, _ in selector.select(timeout=1.0):
                _advance(key.data, answers, waiting, selector)
        seconds = time.perf_counter() - began
    finally:
        selector.close()
        for lane in opened:
            lane.sock.close()
    return Load(tuple(answers[number] for number in range(len(requests))), seconds)


def _advance(lane: Lane, answers: dict[int, Answer], waiting: enumerate[bytes], selector: selectors.BaseSelector) -> None:
    answer = lane.receive()
    if answer is None:
        return
    answers[lane.number] = answer
    following = next(waiting, None)
    if following is None or (lane.head is not None and lane.head.closes):
        selector.unregister(lane.sock)
        lane.sock.close()
    if following is not None:
        if lane.head is not None and lane.head.closes:
            lane.sock = connect(lane.address)
            selector.register(lane.sock, selectors.EVENT_READ, lane)
        lane.send(*following)
