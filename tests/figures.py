"""Figures that a test measures without judging, told at the end of the run: `make test-long` keeps them in its report."""

from collections.abc import Callable

import pytest

BEGINNING = "figure: "
PROPERTY = "figure"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note a sentence with a figure."""
    return lambda sentence: record_property(PROPERTY, sentence)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Take them from the reports, which come from worker processes too."""
    for report in (each for reports in terminalreporter.stats.values() for each in reports):
        if getattr(report, "when", "") == "call":
            for name, value in report.user_properties:
                if name == PROPERTY:
                    terminalreporter.write_line(f"{BEGINNING}{value}")
