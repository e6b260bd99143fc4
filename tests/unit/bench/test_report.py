"""The table and the exit status."""

import json

import pytest

from bench import report, run
from bench.figures import Claim, Figure, Outcome, Sense, Target, at_most_a

FIGURES = {"100 connections": {"isthmus": Figure("us CPU/request", (190, 200, 220)), "moto": Figure("us", (7000, 7100))}}
MET = Claim(at_most_a(35, "isthmus / moto"), 1 / 36)
MISSED = Claim(at_most_a(35, "isthmus / moto"), 1 / 12)
UNMEASURED = Claim(Target("memory", Sense.AT_MOST, 45, "MiB"), None, "did not start")


def outcome(*claims: Claim, failure: str = "") -> Outcome:
    return Outcome("describe", FIGURES, claims, ["moto ignores the filter"], failure)


def test_a_missed_target_and_a_wrong_answer_are_shown() -> None:
    shown = report.text([outcome(MISSED)])
    assert "1/12" in shown
    assert "NO" in shown
    assert "note (describe): moto ignores the filter" in shown


@pytest.mark.parametrize(
    ("claim", "cells"),
    [
        (MET, ("isthmus / moto", "1/36", "<= 1/35", "yes", "")),
        (UNMEASURED, ("memory", "-", "<= 45 MiB", "not measured", "did not start")),
        (Claim(Target("memory", Sense.AT_MOST, 45, "MiB"), 44.06), ("memory", "44.1 MiB", "<= 45 MiB", "yes", "")),
        (Claim(Target("rate", Sense.AT_LEAST, 1), 1.5), ("rate", "1.5", ">= 1", "yes", "")),
    ],
)
def test_a_claim_is_written_like_its_bound(claim: Claim, cells: tuple[str, ...]) -> None:
    assert report.claim_row(claim) == cells


def test_columns_line_up() -> None:
    lines = list(report.table(("a", "bee"), [("long cell", "x"), ("y", "zz")]))
    assert lines == ["a          bee", "---------  ---", "long cell  x", "y          zz"]


def test_json_keeps_every_run() -> None:
    data = json.loads(report.as_json([outcome(MET)]))
    assert data["scenarios"][0]["figures"][0]["runs"] == [190, 200, 220]
    assert data["scenarios"][0]["targets"][0]["met"] is True


@pytest.mark.parametrize(
    ("outcomes", "strict", "expected"),
    [
        ([outcome(MET)], True, 0),
        ([outcome(MISSED)], False, 0),
        ([outcome(MISSED)], True, 1),
        ([outcome(UNMEASURED)], True, 1),
        ([outcome(MET, failure="moto did not start")], False, 2),
    ],
)
def test_a_missed_target_fails_the_command_only_when_it_is_strict(
    outcomes: list[Outcome], strict: bool, expected: int
) -> None:
    assert run.status(outcomes, strict=strict) == expected


@pytest.mark.parametrize("words", [["--runs", "99"], ["--servers", "isthmus,nobody"], ["--only", "nothing"]])
def test_a_wrong_word_is_refused_before_anything_starts(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.arguments(words)
    assert "error:" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run.arguments(["--help"])
    assert "make bench ARGS=" in capsys.readouterr().out
