import json

import pytest

SUITE = """
import pytest

@pytest.mark.rule("S101", "S102")
@pytest.mark.parametrize("number", [1, 2])
def test_twice(number):
    assert number == 1

@pytest.mark.rule("S103")
def test_skipped():
    pytest.skip("not here")

@pytest.mark.extended
@pytest.mark.rule("S104")
def test_slow():
    pass

@pytest.mark.rule("S105")
class TestClass:
    def test_method(self):
        pass

@pytest.mark.rule("S106")
@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.extended)])
def test_partly_slow(number):
    pass

def test_unmarked():
    pass
"""
QUICK = ("-m", "not extended and not long")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    markers = "".join(f"    {name}\n" for name in ("rule(*numbers)", "extended", "long"))
    pytester.makeini(f"[pytest]\ntestpaths = tests\nmarkers =\n{markers}")
    pytester.mkdir("tests").joinpath("test_suite.py").write_text(SUITE)
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> None:
    suite.runpytest_inprocess("-p", "tests.rules_plugin", "-p", "no:cacheprovider", *arguments)


def recorded(suite: pytest.Pytester) -> dict | None:
    path = suite.path / "build" / "rules-run.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_run_records_every_marked_test_with_the_worst_outcome_of_its_parameters(
    suite: pytest.Pytester, workers: int
) -> None:
    run(suite, *QUICK, "-n", str(workers))
    assert recorded(suite) == {
        "tests/test_suite.py::test_partly_slow": {"rules": ["S106"], "outcome": "not-run", "tier": "extended"},
        "tests/test_suite.py::TestClass::test_method": {"rules": ["S105"], "outcome": "passed", "tier": ""},
        "tests/test_suite.py::test_skipped": {"rules": ["S103"], "outcome": "skipped", "tier": ""},
        "tests/test_suite.py::test_slow": {"rules": ["S104"], "outcome": "not-run", "tier": "extended"},
        "tests/test_suite.py::test_twice": {"rules": ["S101", "S102"], "outcome": "failed", "tier": ""},
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("tests/test_suite.py",),
        ("-k", "method"),
        ("-m", "long"),
        ("-x",),
        ("-x", "-n", "2"),
        ("--collect-only",),
        ("--deselect", "tests/test_suite.py::test_unmarked"),
    ],
)
def test_a_run_that_left_something_out_records_nothing(suite: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    run(suite, *arguments)
    assert recorded(suite) is None


@pytest.mark.parametrize("mark", ["rule()", "rule(101)", 'rule("peering")'])
def test_a_mark_without_a_rule_number_stops_the_collection(suite: pytest.Pytester, mark: str) -> None:
    (suite.path / "tests" / "test_wrong.py").write_text(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n")
    run(suite)
    assert recorded(suite) is None
