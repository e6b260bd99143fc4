"""The plugin that tells figures: they are seen although the test passed and its output was captured."""

import pytest

from tests.figures import BEGINNING


def test_a_figure_of_a_test_that_passes_is_shown_at_the_end(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(tell):\n    tell('it took 3 s')\n")
    ran = pytester.runpytest("-p", "tests.figures")
    ran.assert_outcomes(passed=1)
    assert f"{BEGINNING}it took 3 s" in ran.stdout.lines
