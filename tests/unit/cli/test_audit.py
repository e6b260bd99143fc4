"""`isthmus audit`: the audit log and the journal, read again and sifted."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from isthmus import bootstrap, config
from isthmus.cli.ask import PREFIX
from isthmus.cli.audit import COLUMNS
from isthmus.cli.root import root
from isthmus.store.clock import SystemClock
from isthmus.wire.xml import instant

A_DAY = 86_400_000
ALICE, ROOT = "arn:aws:iam::111122223333:user/net/alice", "arn:aws:iam::444455556666:root"
LINES: list[dict[str, Any]] = [
    {"principal": ALICE, "service": "ec2", "action": "CreateVpc", "request": "r-1", "resources": ["vpc-1"]},
    {
        "principal": ALICE, "service": "ec2", "action": "DescribeVpcs", "request": "r-2", "status": 403,
        "code": "UnauthorizedOperation", "decision": "implicitDeny", "layer": "permissions boundary",
    },
    {"principal": ROOT, "service": "iam", "action": "GetUser", "request": "r-3", "status": 404, "code": "NoSuchEntity"},
]  # fmt: skip
BEFORE = {"status": 200, "code": "", "decision": "allowed", "layer": "", "source": "127.0.0.1", "resources": []}


def line(number: int, at: int) -> str:
    said = {**BEFORE, **LINES[number]}
    return json.dumps({"at": at, "account": said["principal"].split(":")[4], "key": "ICE1", "region": "us-east-1", **said})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A line of two days ago, one of now, one of tomorrow, and a word of the server's."""
    now = SystemClock().wall()
    content = [line(0, now - 2 * A_DAY), "ready http://127.0.0.1:4510", line(1, now), line(2, now + A_DAY)]
    path = tmp_path / "server.log"
    path.write_text("\n".join(content) + "\n")
    return path


def audit(*words: object, given: str = "") -> Result:
    return CliRunner().invoke(root, ["audit", *map(str, words)], input=given)


def requests(done: Result) -> list[str]:
    assert done.exit_code == 0, done.stderr
    return [json.loads(each)["request"] for each in done.stdout.splitlines()]


@pytest.mark.rule("I219")
def test_a_pipe_gets_a_line_of_json_for_each_request(log: Path) -> None:
    done = audit(log)
    assert requests(done) == ["r-1", "r-2", "r-3"]
    assert done.stderr == "1 of 4 lines were none of the audit log.\n"


@pytest.mark.rule("I219")
def test_the_log_may_come_by_standard_input(log: Path) -> None:
    assert requests(audit("-", given=log.read_text())) == ["r-1", "r-2", "r-3"]


FILTERS: list[tuple[tuple[str, ...], list[str]]] = [
    (("--account", "444455556666"), ["r-3"]),
    (("--account", ""), []),
    (("--principal", "alice"), ["r-1", "r-2"]),
    (("--principal", ROOT), ["r-3"]),
    (("--principal", "*:user/*"), ["r-1", "r-2"]),
    (("--principal", "lice"), []),
    (("--action", "createvpc"), ["r-1"]),
    (("--action", "ec2:*"), ["r-1", "r-2"]),
    (("--action", "Get*"), ["r-3"]),
    (("--outcome", "ok"), ["r-1"]),
    (("--outcome", "refused"), ["r-2", "r-3"]),
    (("--outcome", "denied"), ["r-2"]),
    (("--outcome", "NoSuchEntity"), ["r-3"]),
    (("--since", "1d"), ["r-2", "r-3"]),
    (("--until", "1d"), ["r-1"]),
    (("--since", "1d", "--until", "-1h", "--principal", "alice"), ["r-2"]),
    (("--since", instant(0)), ["r-1", "r-2", "r-3"]),
    (("--until", "1971-01-01"), []),
]


@pytest.mark.rule("I219")
@pytest.mark.parametrize(("words", "found"), FILTERS, ids=[" ".join(words) for words, _ in FILTERS])
def test_options_sift_and_all_of_them_count(log: Path, words: tuple[str, ...], found: list[str]) -> None:
    assert requests(audit(log, *words)) == found


def test_a_terminal_shows_a_table(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.show.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "300")
    shown = audit(log).stdout
    assert "UnauthorizedOperation (permissions boundary)" in shown
    assert "ec2:CreateVpc" in shown
    assert audit(log, "--action", "none").stdout == "Nothing of that kind is there.\n"
    assert audit(log, "--json").stdout.startswith("{")


def test_a_narrow_terminal_folds_what_is_long_and_cuts_nothing(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.show.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    _, heads, _, *lines = audit(log, "--action", "DescribeVpcs").stdout.splitlines()
    begins = [*(heads.index(name) for name in COLUMNS), None]
    cells = ["".join(line[begin:end].strip() for line in lines) for begin, end in pairwise(begins)]
    assert cells[1:] == [ALICE, "ec2:DescribeVpcs", "UnauthorizedOperation(permissions boundary)", "", "r-2"]


def no_file(_: Path) -> tuple[object, ...]:
    return ()


def both(log: Path) -> tuple[object, ...]:
    return (log, "--journal")


def data_for_a_log(log: Path) -> tuple[object, ...]:
    return (log, "--data", "x")


def no_time(log: Path) -> tuple[object, ...]:
    return (log, "--since", "yesterday")


def another_file(log: Path) -> tuple[object, ...]:
    log.write_text("something\nelse\n")
    return (log,)


def no_such_file(log: Path) -> tuple[object, ...]:
    return (f"{log}x",)


MISTAKES: dict[Callable[[Path], tuple[object, ...]], str] = {
    no_file: "Name a file with an audit log (- for standard input), or say --journal.",
    both: "One of the two.",
    data_for_a_log: "are for --journal",
    no_such_file: "server.logx cannot be read: No such file or directory.",
    no_time: "'yesterday' is no time. Write it like 2026-01-31T12:00:00Z, or like 15m for 15 minutes ago.",
    another_file: "has no line of an audit log. `isthmus serve` writes it to standard error",
}


@pytest.mark.parametrize(("words", "why"), MISTAKES.items())
def test_a_mistake_is_told_with_what_to_do(log: Path, words: Callable[[Path], tuple[object, ...]], why: str) -> None:
    done = audit(*words(log))
    assert done.exit_code > 0
    assert why in " ".join(done.stderr.split())


@pytest.mark.rule("I219")
def test_the_journal_is_read_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("isthmus.store.journal.PAGE", 2)
    start = tmp_path / "start.json"
    data = f"--data={tmp_path / 'isthmus.db'}"
    for number in range(5):
        start.write_text(json.dumps({"accounts": [{"id": "111122223333", "name": f"n{number}"}]}))
        assert CliRunner().invoke(root, ["apply", str(start), data]).exit_code == 0
    done = audit("--journal", data, "--since", "1h")
    entries = [json.loads(each) for each in done.stdout.splitlines()]
    assert [each["changes"][0]["before"] for each in entries] == ["", *["present"] * 4]
    assert {(each["principal"], each["action"], each["service"]) for each in entries} == {("operator", "ApplyStartFile", "")}
    assert audit("--journal", data, "--account", "111122223333").stdout == ""


@pytest.mark.rule("I219")
def test_how_long_ago_a_change_was_is_counted_in_service_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    data = tmp_path / "isthmus.db"
    for name in ("alice", "bob"):
        start = tmp_path / f"{name}.json"
        start.write_text(json.dumps({"accounts": [{"id": "111122223333", "name": name}]}))
        assert CliRunner().invoke(root, ["apply", str(start), f"--data={data}"]).exit_code == 0
        with bootstrap.unserved(config.load({"data": str(data)})) as perform:
            assert perform("POST", f"{PREFIX}clock", {"advance": "1d"}).status == 200
    for since, number in (("1h", 0), ("25h", 1), ("49h", 2)):
        done = audit("--journal", f"--data={data}", "--since", since)
        assert [json.loads(each)["action"] for each in done.stdout.splitlines()].count("ApplyStartFile") == number
