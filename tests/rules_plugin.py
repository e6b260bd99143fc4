"""Keeps the record of which tests pinned which rules of docs/spec, for the rules page.

A test says `@pytest.mark.rule("S242")`. At the end of a run over the whole tests folder, `build/rules-run.json` says of
every marked test (all its parameters together) which rules it names and how it ended. `tools/rules.py` reads it.

Where a run has worker processes (pytest-xdist), each of them collects every test, and tells at its end what it read off
their marks; the process that started them hears of every outcome, and writes the record.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

RULE_NUMBER = re.compile(r"[A-Z]+[0-9]+[a-z]?")
TIERS = ("extended", "long")
# A run that left out more than a whole tier says nothing about what is missing.
WHOLE_TIERS = ("", "not long", "not extended and not long")
# When the parameters of one test end differently, the test ended as the worst of them.
OUTCOMES = ("passed", "not-run", "skipped", "failed")
TOLD = "rules"
"""Where a worker's last word has the marks."""


@dataclass
class Marked:
    """What is known of a test before it runs. `left_out`: the run leaves it, or some of its parameters, to another tier."""

    rules: list[str]
    tier: str = ""
    left_out: bool = False


class RulesRecorder:
    """Collects the marks at collection and the outcomes as they come."""

    def __init__(self) -> None:
        self.marked: dict[str, Marked] = {}
        self.outcomes: dict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            if rules := rules_of(item):
                marked = self.marked.setdefault(test_name(item.nodeid), Marked([]))
                marked.rules = sorted({*marked.rules, *rules})
                marked.tier = marked.tier or tier_of(item)

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        for item in items:
            if marked := self.marked.get(test_name(item.nodeid)):
                marked.left_out = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.outcomes[test_name(report.nodeid)].add(report.outcome)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear what a worker has read; one that died says nothing, and the one in its place says it again."""
        for name, marked in getattr(node, "workeroutput", {}).get(TOLD, {}).items():
            self.marked[name] = Marked(**marked)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[TOLD] = {name: asdict(marked) for name, marked in self.marked.items()}
        elif was_whole(session):
            target = session.config.rootpath / "build" / "rules-run.json"
            target.parent.mkdir(exist_ok=True)
            target.write_text(self.as_json(), encoding="utf-8")

    def as_json(self) -> str:
        rows = {
            name: {"rules": marked.rules, "outcome": self.outcome(name, marked), "tier": marked.tier}
            for name, marked in sorted(self.marked.items())
        }
        return json.dumps(rows, indent=1) + "\n"

    def outcome(self, name: str, marked: Marked) -> str:
        """How a test ended as a whole; one of which nothing was heard did not run."""
        heard = self.outcomes[name]
        return max({*heard, "not-run"} if marked.left_out or not heard else heard, key=OUTCOMES.index)


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
