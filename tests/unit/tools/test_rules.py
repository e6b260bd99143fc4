import json
from dataclasses import replace
from pathlib import Path

import pytest

from tools.rules import PAGE, RUN, Evidence, MarkedTest, Rule, main, page_of, problems, rules_in, statement_of, within

PAGE_TEXT = """# Semantics

## 1. Wire

Text about **S900** that is no rule.

- **S101** Verbs GET and POST carry the same parameters. Both must work. [QRY; documented]
- **S102** Values are UTF-8, e.g. in tags. [MODEL; observed]

### 1.1 Errors

| rule | case | answer |
|---|---|---|
| **I31** | unknown key id | 401 `AuthFailure` |
- **S570a** Filters: `a|b`
"""


def ruled(*numbers: str) -> list[Rule]:
    return [Rule(number, "page.md", "1. Wire", f"Statement of {number}.") for number in numbers]


def passed(*rules: str, name: str = "tests/unit/test_x.py::test_claim") -> MarkedTest:
    return MarkedTest(name, rules, "passed")


TEN = ruled(*(f"S{number}" for number in range(101, 111)))
WHOLE = Evidence(rules=TEN, tests=[passed(*(rule.number for rule in TEN))], finished=["S101-S110"])


def test_rules_are_list_items_and_table_rows_under_their_nearest_heading() -> None:
    assert [(rule.number, rule.section) for rule in rules_in(PAGE_TEXT, "page.md")] == [
        ("S101", "1. Wire"),
        ("S102", "1. Wire"),
        ("I31", "1.1 Errors"),
        ("S570a", "1.1 Errors"),
    ]


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("Verbs carry the same. Both must work. [QRY; documented]", "Verbs carry the same."),
        ("UTF-8, e.g. in tags. [MODEL; observed]", "UTF-8, e.g. in tags."),
        ("After the end [UG; documented]:", "After the end"),
        ("unknown key id | 401 `AuthFailure` |", "unknown key id"),
        ("Filters: `a|b`", "Filters: `a\\|b`"),
        ("word " * 30, ("word " * 20).strip() + " …"),
        ("Says `a code span that is very long" + " and longer" * 10 + "`", "Says …"),
    ],
)
def test_a_statement_is_the_first_sentence_cut_to_a_line(text: str, statement: str) -> None:
    assert statement_of(text) == statement


@pytest.mark.parametrize(
    ("number", "inside"), [("S101", True), ("S143", True), ("S120a", True), ("S144", False), ("I120", False)]
)
def test_a_range_holds_its_letter_and_both_ends(number: str, inside: bool) -> None:
    assert within(number, "S101-S143") is inside


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="S101 to S143"):
        within("S101", "S101 to S143")


def test_nothing_is_wrong_when_every_finished_rule_has_a_passing_test() -> None:
    assert problems(WHOLE) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tests": [passed(*(rule.number for rule in TEN[1:]))]}, "neither a passing test nor an exception: S101"),
        ({"tests": [*WHOLE.tests, passed("S999")]}, "names S999, which docs/spec does not have"),
        ({"exceptions": {"S999": "none"}}, "exceptions.toml names S999"),
        ({"exceptions": {"S101": "none"}}, "S101 has a test"),
        ({"finished": ["S101-S110", "S700-S709"]}, "finished.toml names S700-S709"),
        ({"tests": [*WHOLE.tests, replace(passed("S101"), outcome="skipped")]}, "but ended as skipped"),
        ({"tests": [*WHOLE.tests, replace(passed("S101"), outcome="failed")]}, "but ended as failed"),
        ({"tests": [*WHOLE.tests, replace(passed("S101"), outcome="not-run")]}, "but ended as not-run"),
        ({"rules": [*TEN, TEN[0]]}, "S101 stands twice"),
    ],
)
def test_each_gap_is_told(changed: dict, words: str) -> None:
    (problem,) = problems(replace(WHOLE, **changed))
    assert words in problem


@pytest.mark.parametrize(("count", "told"), [(1, False), (2, True)])
def test_more_than_one_exception_in_ten_finished_rules_is_too_many(count: int, told: bool) -> None:
    excused = [rule.number for rule in TEN[:count]]
    tested = passed(*(rule.number for rule in TEN[count:]))
    given = replace(WHOLE, tests=[tested], exceptions=dict.fromkeys(excused, "a reason"))
    assert any("more than one in ten" in problem for problem in problems(given)) is told


def test_an_exception_needs_a_reason() -> None:
    given = replace(WHOLE, tests=[passed(*(rule.number for rule in TEN[1:]))], exceptions={"S101": " "})
    assert problems(given) == ["the exception for S101 gives no reason"]


def test_a_test_of_a_tier_that_was_left_out_pins_its_rule() -> None:
    left_out = MarkedTest("tests/clients/test_cli.py::test_life", [rule.number for rule in TEN], "not-run", "extended")
    given = replace(WHOLE, tests=[left_out])
    assert problems(given) == []
    assert page_of(given) == page_of(replace(given, tests=[replace(left_out, outcome="passed")]))


def test_the_page_shows_tests_reasons_and_gaps() -> None:
    given = Evidence(
        rules=ruled("S101", "S102", "S103"),
        tests=[passed("S101", name="tests/b.py::test_b"), passed("S101", name="tests/a.py::test_a")],
        exceptions={"S102": "cannot be seen"},
    )
    rows = [line for line in page_of(given).splitlines() if line.startswith("| S")]
    assert rows == [
        "| S101 | Statement of S101. | `a.py::test_a`<br>`b.py::test_b` |",
        "| S102 | Statement of S102. | exception: cannot be seen |",
        "| S103 | Statement of S103. |  |",
    ]


def project(root: Path) -> Path:
    spec = root / "docs" / "spec"
    spec.mkdir(parents=True)
    (spec / "page.md").write_text(PAGE_TEXT)
    (spec / "exceptions.toml").write_text("[exceptions]\n")
    (spec / "finished.toml").write_text('[wire]\nrules = ["S101-S102"]\n')
    return root


def record(root: Path, *rules: str) -> None:
    run = {"tests/x.py::test_x": {"rules": rules, "outcome": "passed", "tier": ""}}
    (root / RUN).parent.mkdir(exist_ok=True)
    (root / RUN).write_text(json.dumps(run))


def test_the_check_wants_a_run_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], project(tmp_path)) == 2
    assert "make test" in capsys.readouterr().err


def test_the_check_fails_until_the_page_is_written_and_again_when_it_is_old(tmp_path: Path) -> None:
    root = project(tmp_path)
    record(root, "S101", "S102")
    assert main(["--check"], root) == 1
    assert main([], root) == 0
    assert main(["--check"], root) == 0
    (root / PAGE).write_text("old")
    assert main(["--check"], root) == 1


def test_the_check_fails_for_a_rule_without_a_test_but_the_page_is_still_written(tmp_path: Path) -> None:
    root = project(tmp_path)
    record(root, "S101")
    assert main([], root) == 0
    assert main(["--check"], root) == 1
