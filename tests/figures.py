"""Figures that a test measures without judging, told at the end of the run: `make test-long` keeps them in its report."""

from collections.abc import Callable

import pytest

BEGINNING = "figure: "
TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Note a sentence with a figure."""
    return request.config.stash.setdefault(TOLD, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for sentence in config.stash.get(TOLD, []):
        terminalreporter.write_line(BEGINNING + sentence)
