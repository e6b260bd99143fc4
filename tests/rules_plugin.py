"""Keeps the record of which tests pinned which rules of docs/spec, for the rules page.

A test says `@pytest.mark.rule("S242")`. At the end of a run over the whole tests folder, `build/rules-run.json` says of
every marked test (all its parameters together) which rules it names and how it ended. `tools/rules.py` reads it.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

RULE_NUMBER = re.compile(r"[A-Z]+[0-9]+[a-z]?")
PROPERTY = "rule"
TIERS = ("extended", "long")
# A run that left out more than a whole tier says nothing about what is missing.
WHOLE_TIERS = ("", "not long", "not extended and not long")
# When the parameters of one test end differently, the test ended as the worst of them.
OUTCOMES = ("passed", "not-run", "skipped", "failed")


@dataclass
class Record:
    """What became of one marked test."""

    rules: set[str] = field(default_factory=set)
    outcome: str = OUTCOMES[0]
    tier: str = ""

    def ended(self, outcome: str) -> None:
        self.outcome = max(self.outcome, outcome, key=OUTCOMES.index)


class RulesRecorder:
    """Collects the marks at collection and the outcomes as they come."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            if rules := rules_of(item):
                record = self.records.setdefault(test_name(item.nodeid), Record())
                record.rules |= rules
                record.tier = record.tier or tier_of(item)
                item.user_properties.append((PROPERTY, sorted(rules)))

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        for item in items:
            if (name := test_name(item.nodeid)) in self.records:
                self.records[name].ended("not-run")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(key == PROPERTY for key, _ in report.user_properties):
            self.records[test_name(report.nodeid)].ended(report.outcome)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if was_whole(session):
            target = session.config.rootpath / "build" / "rules-run.json"
            target.parent.mkdir(exist_ok=True)
            target.write_text(as_json(self.records), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(RulesRecorder(), "isthmus-rules")


def rules_of(item: pytest.Item) -> set[str]:
    """The rule numbers a test names; a mark without any, or with something else, stops the collection."""
    found: set[str] = set()
    for mark in item.iter_markers("rule"):
        wrong = [number for number in mark.args if not (isinstance(number, str) and RULE_NUMBER.fullmatch(number))]
        if wrong or not mark.args or mark.kwargs:
            raise pytest.UsageError(f"{item.nodeid}: rule() takes rule numbers such as 'S242', not {wrong or mark}")
        found.update(mark.args)
    return found


def tier_of(item: pytest.Item) -> str:
    return next((tier for tier in reversed(TIERS) if item.get_closest_marker(tier)), "")


def test_name(nodeid: str) -> str:
    """A test's node id without its parameters."""
    return nodeid.partition("[")[0]


test_name.__test__ = False  # type: ignore[attr-defined]  # a function takes attributes; this keeps pytest from collecting it


def was_whole(session: pytest.Session) -> bool:
    """Whether this run collected the whole tests folder, less whole tiers, and came to its end."""
    config = session.config
    tests = config.rootpath / "tests"
    paths = {Path(config.invocation_params.dir, argument).resolve() for argument in config.args}
    narrowed = config.option.keyword or config.option.collectonly or config.getoption("deselect", None)
    ignored = any(config.getoption(option, None) for option in ("ignore", "ignore_glob", "lf"))
    cut_short = session.shouldstop or session.shouldfail or session.exitstatus not in {0, 1}
    whole = paths == {tests} and config.option.markexpr in WHOLE_TIERS
    return whole and not (narrowed or ignored or cut_short)


def as_json(records: dict[str, Record]) -> str:
    rows = {
        name: {"rules": sorted(record.rules), "outcome": record.outcome, "tier": record.tier}
        for name, record in sorted(records.items())
    }
    return json.dumps(rows, indent=1) + "\n"
