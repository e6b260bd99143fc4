"""Writes docs/reference/rules.md: every rule of docs/spec with the tests that pin it, or the reason why none does.

    python tools/rules.py            write the page from the last full run of the tests
    python tools/rules.py --check    say what is missing, and fail; the page must be up to date too

The run is `build/rules-run.json`, which tests/rules_plugin.py writes. A test of a tier that the run left out as a whole
(`extended` in `make test`) counts as pinning its rule: `make test-all` runs it, and its own check sees the outcome.
So the page is the same after either.
"""

import argparse
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/reference/rules.md")
RUN = Path("build/rules-run.json")

RULE = re.compile(r"(?:- |\| )\*\*(?P<number>[A-Z]+[0-9]+[a-z]?)\*\*(?: \|)? (?P<text>.*)")
HEADING = re.compile(r"#{1,3} (?P<title>.+)")
RANGE = re.compile(r"(?P<letter>[A-Z]+)(?P<first>[0-9]+)-(?P=letter)(?P<last>[0-9]+)")
SOURCE = re.compile(r"\s*\[[^\]]*\][.:]?\s*$")
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)\. ")

STATEMENT_LENGTH = 100
LARGEST_SHARE_OF_EXCEPTIONS = 10  # one rule in so many


@dataclass(frozen=True, slots=True)
class Rule:
    """A numbered rule, the page and section it stands in, and its statement cut to a line."""

    number: str
    page: str
    section: str
    statement: str


@dataclass(frozen=True, slots=True)
class MarkedTest:
    """A test that names rules, and how it ended: passed, failed, skipped, or not-run for a tier that was left out."""

    name: str
    rules: Sequence[str]
    outcome: str
    tier: str = ""

    @property
    def pins(self) -> bool:
        """Whether its word counts."""
        return self.outcome == "passed" or (self.outcome == "not-run" and self.tier != "")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the page is made from."""

    rules: Sequence[Rule]
    tests: Sequence[MarkedTest] = ()
    exceptions: Mapping[str, str] = field(default_factory=dict)
    finished: Sequence[str] = ()  # ranges such as S101-S143

    @property
    def numbers(self) -> frozenset[str]:
        """Every rule number there is."""
        return frozenset(rule.number for rule in self.rules)

    def pinned_by(self) -> Mapping[str, list[MarkedTest]]:
        """Rule number to the tests whose word counts, by name."""
        pinned: dict[str, list[MarkedTest]] = defaultdict(list)
        for test in sorted(self.tests, key=lambda each: each.name):
            for number in test.rules if test.pins else ():
                pinned[number].append(test)
        return pinned

    def finished_rules(self) -> list[str]:
        """The numbers that finished work covers, in the order of the pages."""
        return [rule.number for rule in self.rules if any(within(rule.number, each) for each in self.finished)]


# --- Reading


def rules_in(text: str, page: str) -> Iterator[Rule]:
    """The rules of one page, in its order: list items and table rows that begin with a bold number."""
    section = page
    for line in text.splitlines():
        if heading := HEADING.match(line):
            section = heading["title"]
        elif found := RULE.match(line):
            yield Rule(found["number"], page, section, statement_of(found["text"]))


def statement_of(text: str) -> str:
    """A rule's first sentence, without its source, cut at a word near 100 characters; safe inside a table.

    >>> statement_of("Every request has `Action` and `Version`. More of it. [QRY; documented]")
    'Every request has `Action` and `Version`.'
    """
    whole = SOURCE.sub("", text.rstrip(" |"))
    cell = whole.split(" | ")[0]
    ends = [found.start() + 1 for found in SENTENCE_END.finditer(cell) if not inside_code(cell, found.start())]
    sentence = cell[: ends[0]] if ends else cell.strip()
    if len(sentence) > STATEMENT_LENGTH:
        sentence = sentence[:STATEMENT_LENGTH].rsplit(" ", 1)[0]
    if inside_code(sentence, len(sentence)):
        sentence = sentence[: sentence.rindex("`")].rstrip(" (")
    cut = len(sentence) < len(cell) and not sentence.endswith(".")
    return sentence.rstrip(":;,").replace("|", "\\|") + (" …" if cut else "")


def inside_code(text: str, position: int) -> bool:
    """Whether a position lies between backquotes."""
    return text.count("`", 0, position) % 2 == 1


def within(number: str, span: str) -> bool:
    """Whether a rule's number lies in a range; `S570a` lies where 570 does.

    >>> within("S104", "S101-S143"), within("S144", "S101-S143"), within("I104", "S101-S143")
    (True, False, False)
    """
    found = RANGE.fullmatch(span)
    if found is None:
        raise ValueError(f"not a range of rules, such as S101-S143: {span}")
    letter, digits = re.match(r"([A-Z]+)([0-9]+)", number).groups()  # type: ignore[union-attr]  # RULE has the same form
    return letter == found["letter"] and int(found["first"]) <= int(digits) <= int(found["last"])


def tests_in(run: Mapping[str, Mapping[str, object]]) -> list[MarkedTest]:
    """The marked tests of a run's record."""
    return [
        MarkedTest(name, tuple(map(str, each["rules"])), str(each["outcome"]), str(each["tier"]))  # type: ignore[call-overload]  # JSON
        for name, each in run.items()
    ]


def evidence(root: Path) -> Evidence:
    """Everything from the files; FileNotFoundError when the tests have not run as a whole."""
    spec = root / "docs" / "spec"
    rules = [rule for path in sorted(spec.glob("*.md")) for rule in rules_in(path.read_text(encoding="utf-8"), path.name)]
    exceptions = tomllib.loads((spec / "exceptions.toml").read_text(encoding="utf-8"))
    finished = tomllib.loads((spec / "finished.toml").read_text(encoding="utf-8"))
    return Evidence(
        rules=rules,
        tests=tests_in(json.loads((root / RUN).read_text(encoding="utf-8"))),
        exceptions=exceptions.get("exceptions", {}),
        finished=[span for work in finished.values() for span in work["rules"]],
    )


# --- Judging


def problems(given: Evidence) -> list[str]:
    """What keeps the rules page from being whole, one sentence each."""
    return [
        *twice_numbered(given),
        *unknown_numbers(given),
        *marks_without_a_pass(given),
        *unpinned(given),
        *needless_exceptions(given),
        *too_many_exceptions(given),
    ]


def twice_numbered(given: Evidence) -> Iterator[str]:
    """Two rules of one number cannot be told apart."""
    seen: dict[str, Rule] = {}
    for rule in given.rules:
        if first := seen.get(rule.number):
            yield f"{rule.number} stands twice: in {first.page} ({first.section}) and in {rule.page} ({rule.section})"
        seen.setdefault(rule.number, rule)


def unknown_numbers(given: Evidence) -> Iterator[str]:
    """Marks, exceptions and ranges may name only rules that docs/spec has."""
    for test in given.tests:
        yield from (f"{test.name} names {each}, which docs/spec does not have" for each in missing(test.rules, given))
    for each in missing(given.exceptions, given):
        yield f"exceptions.toml names {each}, which docs/spec does not have"
    for span in given.finished:
        if not any(within(number, span) for number in given.numbers):
            yield f"finished.toml names {span}, where docs/spec has no rule"


def missing(numbers: Iterable[str], given: Evidence) -> list[str]:
    """The numbers that no rule has."""
    return [number for number in numbers if number not in given.numbers]


def marks_without_a_pass(given: Evidence) -> Iterator[str]:
    """A mark on a test that was skipped or failed claims what nobody saw."""
    for test in given.tests:
        if not test.pins:
            yield f"{test.name} is marked for {', '.join(test.rules)}, but ended as {test.outcome}"


def unpinned(given: Evidence) -> Iterator[str]:
    """A finished rule has a test or an exception."""
    pinned = given.pinned_by()
    bare = [number for number in given.finished_rules() if number not in pinned and number not in given.exceptions]
    if bare:
        yield f"{len(bare)} finished rules have neither a passing test nor an exception: {', '.join(bare)}"


def needless_exceptions(given: Evidence) -> Iterator[str]:
    """An exception gives a reason, and leaves when a test comes."""
    pinned = given.pinned_by()
    for number, reason in given.exceptions.items():
        if not reason.strip():
            yield f"the exception for {number} gives no reason"
        if number in pinned:
            yield f"{number} has a test ({pinned[number][0].name}); take it out of exceptions.toml"


def too_many_exceptions(given: Evidence) -> Iterator[str]:
    """At most one finished rule in ten may be an exception."""
    finished = given.finished_rules()
    excused = [number for number in finished if number in given.exceptions]
    if len(excused) * LARGEST_SHARE_OF_EXCEPTIONS > len(finished):
        yield f"{len(excused)} of {len(finished)} finished rules are exceptions: more than one in ten"


# --- Writing

HEAD = """# Rules and the tests that pin them

Generated by `make docs` from [the rules](../spec/) and the last full run of the tests; do not edit.
Tests are named from `tests/`. *(extended)* runs in `make test-all`, *(long)* in `make test-long`.
An empty cell is a rule that no finished work covers yet.
"""


def page_of(given: Evidence) -> str:
    """The whole page; the same evidence gives the same text."""
    pinned = given.pinned_by()
    lines = [HEAD, summary(given)]
    page = section = ""
    for rule in given.rules:
        if rule.page != page:
            page, section = rule.page, ""
            lines += ["", f"## [{page}](../spec/{page})"]
        if rule.section != section:
            section = rule.section
            lines += ["", f"### {section}", "", "| rule | statement | tests, or the reason why none |", "|---|---|---|"]
        lines.append(f"| {rule.number} | {rule.statement} | {proof(rule, pinned, given.exceptions)} |")
    return "\n".join(lines) + "\n"


def summary(given: Evidence) -> str:
    """How far finished work is pinned."""
    finished = given.finished_rules()
    pinned = given.pinned_by()
    tested = sum(number in pinned for number in finished)
    excused = sum(number in given.exceptions for number in finished)
    counts = {
        "Finished rules": len(finished),
        "pinned by tests": tested,
        "exceptions": excused,
        "in all": len(given.rules),
    }
    return ", ".join(f"{name}: {count}" for name, count in counts.items()) + "."


def proof(rule: Rule, pinned: Mapping[str, list[MarkedTest]], exceptions: Mapping[str, str]) -> str:
    """The last cell of a rule's row."""
    if rule.number in exceptions:
        return "exception: " + exceptions[rule.number].replace("|", "\\|")
    return "<br>".join(named(test) for test in pinned.get(rule.number, ()))


def named(test: MarkedTest) -> str:
    """A test's name as the page shows it."""
    return f"`{test.name.removeprefix('tests/')}`" + (f" *({test.tier})*" if test.tier else "")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command; answers the exit status."""
    parser = argparse.ArgumentParser(description="Write or check the rules page.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is missing")
    options = parser.parse_args(arguments)
    try:
        given = evidence(root)
    except FileNotFoundError as error:
        print(f"rules: {error.filename} is missing; run `make test` first", file=sys.stderr)
        return 2
    found = problems(given)
    page = root / PAGE
    if not options.check:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(page_of(given), encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != page_of(given):
        found.append(f"{PAGE} is out of date; run `make docs`")
    for problem in found:
        print(f"rules: {problem}", file=sys.stderr)
    print(summary(given))
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
