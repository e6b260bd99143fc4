"""Many processes run the tests: what one of them must not do to another, and what is heard of them all."""

import fcntl
import json
import sys
from pathlib import Path

import pytest

from tests.locks import locked
from tests.workers import room

ROOT = Path(__file__).resolve().parents[2]


def is_free(path: Path, how: int) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize(
    ("shared", "how", "free"), [(True, fcntl.LOCK_SH, True), (True, fcntl.LOCK_EX, False), (False, fcntl.LOCK_SH, False)]
)
def test_a_lock_is_for_one_or_for_many_that_share_it(tmp_path: Path, shared: bool, how: int, free: bool) -> None:
    path = tmp_path / "below" / "lock"
    with locked(path, shared=shared):
        assert is_free(path, how) is free
    assert is_free(path, fcntl.LOCK_EX)


@pytest.mark.parametrize("alone", [True, False])
def test_who_is_in_the_room_leaves_the_door_free_and_lets_company_in_unless_alone(tmp_path: Path, alone: bool) -> None:
    with room(tmp_path, alone=alone):
        assert is_free(tmp_path / "door", fcntl.LOCK_EX)
        assert is_free(tmp_path / "room", fcntl.LOCK_SH) is not alone
        assert not is_free(tmp_path / "room", fcntl.LOCK_EX)


COMPANY = """
import time
from pathlib import Path
import pytest

HERE = Path(__file__).parent

@pytest.mark.parametrize("number", range(8))
def test_in_company(number):
    busy = HERE / f"{Path(__file__).stem}-{number}.busy"
    busy.touch()
    time.sleep(0.03)
    busy.unlink()
"""
ALONE = """
@pytest.mark.alone
def test_alone():
    for _ in range(10):
        assert list(HERE.glob("*.busy")) == []
        time.sleep(0.01)
"""


def test_no_test_of_another_worker_runs_beside_one_that_is_alone(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers =\n    alone\n")
    pytester.makepyfile(test_one=COMPANY + ALONE, test_other=COMPANY)
    ran = pytester.runpytest("-p", "tests.workers", "-n", "2", "--dist", "loadfile")
    ran.assert_outcomes(passed=17)


STARTS = """
import subprocess
import sys

def test_it():
    import of_test
    subprocess.run([sys.executable, "-c", "import of_program"], check=True)
"""


@pytest.mark.extended
@pytest.mark.parametrize("workers", ["0", "2"])
def test_coverage_measures_the_processes_of_the_tests_and_not_what_they_start(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(test_it=STARTS, of_test="x = 1", of_program="x = 1")
    pytester.path.joinpath(".coveragerc").write_text("[run]\nsource = .\nparallel = true\npatch = subprocess\n")
    for words in (["run", "-m", "pytest", "-p", "tests.workers", "-n", workers], ["combine"], ["json"]):
        ran = pytester.run(sys.executable, "-m", "coverage", *words)
        assert ran.ret == 0
    files = json.loads(pytester.path.joinpath("coverage.json").read_text())["files"]
    assert {name for name, file in files.items() if file["executed_lines"]} == {"of_test.py", "test_it.py"}
