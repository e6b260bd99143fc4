"""The audit log: its lines can be read back whatever a caller sent, and cost no system call each."""

import asyncio
import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from isthmus.gateway import audit

NASTY = 'Créer"\\\n\x1b[31m\u2028'


def incoming(action: str) -> Any:
    return SimpleNamespace(principal=None, request_id="r-1", code="", action=action, service=SimpleNamespace(name="ec2"))


async def _written(log_format: str, *actions: str) -> str:
    read, write = os.pipe()
    log = audit.to_stream(log_format, audit.Lines(write))
    for action in actions:
        log(incoming(action), 200, 5, "127.0.0.1")
    await asyncio.sleep(audit.FLUSH_SECONDS * 3)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as file:
        return file.read()


def test_a_line_of_json_says_what_was_sent_and_stays_one_line() -> None:
    first, second = asyncio.run(_written("json", NASTY, "DescribeVpcs")).splitlines()
    assert json.loads(first)["action"] == NASTY
    assert (json.loads(second)["at"], json.loads(second)["status"]) == (5, 200)


def test_a_line_of_text_shows_control_characters_instead_of_obeying_them() -> None:
    (line,) = asyncio.run(_written("text", NASTY)).splitlines()
    assert line.isprintable()
    assert "\\x1b" in line


def test_a_line_of_text_has_the_time_in_words_and_a_dash_for_what_is_not_known() -> None:
    known, unknown = asyncio.run(_written("text", "DescribeVpcs", "")).splitlines()
    assert known == "1970-01-01T00:00:00.005Z 127.0.0.1 - - ec2:DescribeVpcs 200 - r-1"
    assert unknown == "1970-01-01T00:00:00.005Z 127.0.0.1 - - - 200 - r-1"


def test_none_writes_nothing() -> None:
    assert asyncio.run(_written("none", "DescribeVpcs")) == ""


def test_lines_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = os.write

    def counted(descriptor: int, content: bytes) -> int:
        calls.append(len(content))
        return real(descriptor, content)

    async def scenario() -> None:
        with open(os.devnull, "wb") as sink:  # noqa: PTH123, ASYNC230 - a descriptor is wanted
            lines = audit.Lines(sink.fileno())
            monkeypatch.setattr("isthmus.gateway.audit.os.write", counted)
            for _ in range(100):
                lines.write("x\n")
            lines.flush()
            lines.flush()
            monkeypatch.undo()

    asyncio.run(scenario())
    assert calls == [200]


def test_a_reader_that_has_gone_stops_nothing() -> None:
    async def scenario() -> None:
        read, write = os.pipe()
        os.close(read)
        lines = audit.Lines(write)
        lines.write("x\n")
        lines.flush()
        os.close(write)

    asyncio.run(scenario())


def test_lines_beyond_what_a_pipe_takes_in_one_piece_are_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []

    def taken(_: int, content: bytes) -> int:
        pieces.append(content)
        return len(content)

    async def scenario() -> None:
        lines = audit.Lines()
        monkeypatch.setattr("isthmus.gateway.audit.os.write", taken)
        monkeypatch.setattr(audit, "PIPE_BUF", 4_096)
        for number in range(100):
            lines.write(f"{number:099d}\n")
        lines.write("x" * 5_000 + "\n")
        lines.flush()
        monkeypatch.undo()

    asyncio.run(scenario())
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert [len(piece) for piece in pieces] == [4_000, 4_000, 2_000, 5_001]
