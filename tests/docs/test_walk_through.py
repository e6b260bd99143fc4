"""CONTRIBUTING's example of adding an action works as it stands: every block of it is typed into a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import FENCE, ROOT, text_of

TESTS = (
    "tests/unit/domain/test_vpc.py",
    "tests/api/test_vpc.py",
    "tests/api/test_every_action.py",
    "tests/api/test_dry_run.py",
    "tests/property/test_wire.py",
    "tests/unit/wire/test_decode.py",
    "tests/unit/domain/iam/test_vendor.py",
)
COPIED = (
    "src",
    "tools",
    "docs/spec",
    "pyproject.toml",
    *(f"tests/{each.name}" for each in sorted((ROOT / "tests").glob("*.py"))),
    "tests/clients/installed.py",
    "tests/api/conftest.py",
    "tests/simulation",
    *TESTS,
)
SECTION = text_of(ROOT / "CONTRIBUTING.md").partition("## Adding an action\n")[2].partition("\n## ")[0]


def block(beginning: str) -> str:
    """The one block of the section that begins so."""
    (found,) = [each["text"] for each in FENCE.finditer(SECTION) if each["text"].startswith(beginning)]
    return found


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n\n\n" + text, encoding="utf-8")


def insert(path: Path, opening: str, text: str) -> None:
    """Put a text behind the first of these openings."""
    before, found, after = path.read_text(encoding="utf-8").partition(opening)
    assert found
    path.write_text(before + found + text + after, encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in COPIED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    return tmp_path


def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{project / 'src'}{os.pathsep}{project}"}
    return subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.extended
def test_the_example_of_adding_an_action_works_as_typed(project: Path) -> None:
    source = project / "src" / "isthmus"
    with (source / "wire" / "actions.txt").open("a", encoding="utf-8") as actions:
        actions.write(block("ec2 "))
    missing = run(project, "tools/permissions.py")
    assert missing.returncode != 0
    assert "iam-ec2-actions.json has no row for ModifyVpcTenancy" in missing.stderr
    insert(project / "docs" / "spec" / "iam-ec2-actions.json", "{\n", block(' "ModifyVpcTenancy"'))
    for tool in ("tools/shapes.py", "tools/permissions.py"):
        generated = run(project, tool)
        assert generated.returncode == 0, generated.stderr
    insert(source / "domain" / "iam" / "vendor.py", "_VPC = (\n", block('    "*VpcTenancy"'))
    append(source / "domain" / "vpc.py", block("def release_tenancy"))
    append(source / "actions" / "ec2" / "vpc.py", block("def modify_vpc_tenancy"))
    rule, shown = "test_a_vpc_can_only_give", "test_dedicated_tenancy_can_be_given_up"
    tests = [each["text"] for each in FENCE.finditer(SECTION) if each["text"].startswith("@pytest.mark.rule")]
    (of_rule,) = [each for each in tests if rule in each]
    (of_user,) = [each for each in tests if shown in each]
    append(project / "tests" / "unit" / "domain" / "test_vpc.py", of_rule)
    append(project / "tests" / "api" / "test_vpc.py", of_user)
    every = project / "tests" / "api" / "test_every_action.py"
    insert(every, "GOOD: Mapping[str, Parameters] = {\n", block('    "ModifyVpcTenancy"'))
    chosen = f"{rule} or {shown} or ModifyVpcTenancy or test_vendor"
    ran = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, "-m", "not extended", *TESTS)
    assert ran.returncode == 0, ran.stdout
    where = run(project, "-c", "import isthmus; print(isthmus.__file__)").stdout
    assert Path(where.strip()).is_relative_to(project)
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) >= 3 + 10, ran.stdout  # three of the example's own, and many that come by themselves
