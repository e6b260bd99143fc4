"""The load generator, against a small server on loopback that says exactly what the test tells it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import load
from bench.load import Answer, LoadError, drive, parse_head, unchunk

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n%d"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.0 200 OK\r\n\r\nall of it"


def converse(connection: socket.socket, answer: bytes, *, closes: bool) -> None:
    with connection:
        while connection.recv(65_536):
            for at in range(0, len(answer), 7):  # in small pieces, as a network may bring them
                connection.sendall(answer[at : at + 7])
            if closes:
                return


@contextmanager
def server(answer: bytes, *, closes: bool = False) -> Iterator[load.Address]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(connection, answer), kwargs={"closes": closes}).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


@pytest.mark.parametrize(
    ("answer", "closes", "expected"),
    [
        (PLAIN, False, Answer(200, b"ok")),
        (CLOSING, True, Answer(200, b"ok")),
        (CHUNKED, False, Answer(400, b"abcde")),
        (UNTIL_CLOSED, True, Answer(200, b"all of it")),
    ],
)
def test_every_request_gets_its_answer_however_it_is_framed(answer: bytes, closes: bool, expected: Answer) -> None:
    with server(answer, closes=closes) as address:
        assert drive(address, [REQUEST % number for number in range(9)], lanes=3).answers == (expected,) * 9


def test_a_connection_that_closes_in_the_middle_is_an_error() -> None:
    with server(PLAIN[:-1], closes=True) as address, pytest.raises(LoadError, match="middle of an answer"):
        drive(address, [REQUEST % 1])


def test_a_server_that_is_silent_is_given_up() -> None:
    with server(b"") as address, pytest.raises(LoadError, match="0 of 1 answers"):
        drive(address, [REQUEST % 1], timeout_seconds=0.1)


def test_a_head_is_read_only_when_it_is_whole() -> None:
    assert parse_head(PLAIN[:-5]) is None
    head = parse_head(PLAIN)
    assert head is not None
    assert (head.status, head.length, head.chunked, head.closes) == (200, 2, False, False)


def test_chunk_sizes_and_their_extensions_are_taken_out() -> None:
    assert unchunk(b"a\r\n0123456789\r\n1;n=v\r\nx\r\n0\r\n\r\n") == b"0123456789x"


def test_lanes_are_dealt_out_to_several_servers() -> None:
    other = Answer(400, b"abcde")
    with server(PLAIN) as one, server(CHUNKED) as two:
        answers = drive(one, [REQUEST % number for number in range(4)], lanes=4, others=[two]).answers
    assert sorted(answers, key=lambda answer: answer.status) == [Answer(200, b"ok")] * 2 + [other] * 2
