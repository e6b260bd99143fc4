"""The audit log: its lines can be read back whatever a caller sent, and cost no system call each."""

import asyncio
import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from isthmus.domain.accounts import Principal
from isthmus.gateway import audit
from isthmus.gateway.audit_lines import parse
from isthmus.policy.evaluate import Decision, Layer, Outcome

NASTY = 'Créer"\\\n\x1b[31m\u2028'


ALICE = "arn:aws:iam::111122223333:user/alice"
DENIED = Decision(Outcome.EXPLICIT_DENY, "ec2:CreateVpc", "arn:aws:ec2:us-east-1:111122223333:vpc/*", Layer.SERVICE_CONTROL)


def incoming(action: str, **more: Any) -> Any:
    said = {"principal": None, "request_id": "r-1", "code": "", "call": None, "agent": "boto3/1.40", **more}
    http = SimpleNamespace(header={"user-agent": said.pop("agent")}.get)
    return SimpleNamespace(action=action, service=SimpleNamespace(name="ec2"), http=http, **said)


def of_alice(action: str, **more: Any) -> Any:
    who = Principal("111122223333", ALICE, "AIDA", "AKIAALICEALICEALICE1", "us-east-1", "ec2")
    return incoming(action, principal=who, **more)


def call(*resources: str, denied: Any = None) -> Any:
    return SimpleNamespace(resources=list(resources), denied=denied, authorized=denied is None)


async def _written(log_format: str, *requests: Any) -> str:
    read, write = os.pipe()
    log = audit.to_stream(log_format, audit.Lines(write))
    for each in requests:
        log(incoming(each) if isinstance(each, str) else each, 200, 5, "127.0.0.1")
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
    assert known == "1970-01-01T00:00:00.005Z 127.0.0.1 - - - ec2:DescribeVpcs 200 - - - - r-1"
    assert unknown == "1970-01-01T00:00:00.005Z 127.0.0.1 - - - - 200 - - - - r-1"


WHO = {"account": "111122223333", "principal": ALICE, "key": "ICE1", "region": "us-east-1"}
SAID: list[tuple[Any, dict[str, Any]]] = [
    (of_alice("DescribeVpcs"), {**WHO, "decision": "allowed", "layer": "", "resources": []}),
    (
        of_alice("DeleteVpc", call=call("vpc-1", "vpc-1")),
        {**WHO, "decision": "allowed", "layer": "", "resources": ["vpc-1"]},
    ),
    (
        of_alice("DeleteVpc", call=call("vpc-1"), code="DependencyViolation"),
        {**WHO, "decision": "allowed", "layer": "", "resources": ["vpc-1"]},
    ),
    (
        of_alice("CreateVpc", call=call(denied=DENIED), code="UnauthorizedOperation"),
        {**WHO, "decision": "explicitDeny", "layer": "service control policy", "resources": [DENIED.resource]},
    ),
    (
        of_alice("DeleteUser", call=call("arn:aws:iam::111122223333:user/bob,carol", "vpc-1")),
        {**WHO, "resources": ["arn:aws:iam::111122223333:user/bob,carol", "vpc-1"]},
    ),
    (of_alice("Nonsense", code="InvalidAction"), {**WHO, "decision": "", "layer": "", "resources": []}),
    (incoming("DescribeVpcs", code="AuthFailure"), {"principal": "", "key": "", "decision": "", "resources": []}),
]


@pytest.mark.rule("I219")
@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(("request_", "said"), SAID)
def test_a_line_says_who_asked_for_what_and_who_decided(log_format: str, request_: Any, said: dict[str, Any]) -> None:
    (line,) = asyncio.run(_written(log_format, request_)).splitlines()
    read = parse(line)
    assert read is not None
    assert {name: read[name] for name in said} == said
    assert (read["action"], read["code"], read["source"]) == (request_.action, request_.code, "127.0.0.1")
    assert (read["time"], read["request"], read["status"]) == ("1970-01-01T00:00:00.005Z", "r-1", 200)
    assert log_format == "text" or read["user_agent"] == "boto3/1.40"


@pytest.mark.rule("I219")
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_line_has_no_more_of_a_key_than_its_end(log_format: str) -> None:
    assert "AKIA" not in asyncio.run(_written(log_format, of_alice("DescribeVpcs")))


FORGED = "DescribeVpcs 200 - allowed - - r-2"


@pytest.mark.rule("I219")
@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(
    "sent", [FORGED, NASTY, "two\nlines of it", "a\\x20b c", "a\\", "\\\\n\t\x85", "\u3000 \U000e0001", "Créer\\xe9"]
)
def test_a_line_is_read_again_as_it_was_sent(log_format: str, sent: str) -> None:
    (line,) = asyncio.run(_written(log_format, sent)).splitlines()
    read = parse(line)
    assert read is not None
    assert (read["action"], read["request"]) == (sent, "r-1")


@pytest.mark.rule("I219")
@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("key", ["any b c", "a \\ b"])
def test_a_key_that_open_mode_takes_for_a_word_begins_none(log_format: str, key: str) -> None:
    who = Principal("111122223333", ALICE, "AIDA", key, "us-east-1", "ec2")
    (line,) = asyncio.run(_written(log_format, incoming("DescribeVpcs", principal=who))).splitlines()
    read = parse(line)
    assert read is not None
    assert read["key"] == key[-4:]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ready http://127.0.0.1:4510",
        "{",
        "{}",
        '{"at": 1}',
        "[]",
        "one two three four five six 200 eight nine ten 11 12",
    ],
)
def test_what_is_no_line_of_the_log_is_told_from_it(line: str) -> None:
    assert parse(line) is None


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
