"""The sdist brings all that is kept under version control, so that its tests run where it is unpacked."""

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OF_ITSELF = {"pyproject.toml", "README.md", "LICENSE", ".gitignore"}
"""What every sdist of this build backend has."""


def test_everything_that_is_tracked_is_in_the_sdist() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = {path.removeprefix("/") for path in settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]}
    assert {path.partition("/")[0] for path in listed.splitlines()} == included | OF_ITSELF
