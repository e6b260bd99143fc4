"""The programs in the documentation work exactly as typed."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks

DEFAULT_ENDPOINT = "http://127.0.0.1:4510"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """A real server on a free port, with nothing kept."""
    ready = tmp_path / "ready"
    words = ["serve", "--data", "memory", "--port", "0", "--log-format", "none", "--ready-file", str(ready)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    environment |= {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    server = subprocess.Popen([sys.executable, "-m", "isthmus", *words], env=environment, stderr=subprocess.PIPE)
    try:
        give_up = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert server.poll() is None, server.stderr and server.stderr.read().decode()
            assert time.monotonic() < give_up, "the server did not start"
            time.sleep(0.02)
        yield ready.read_text(encoding="utf-8").strip()
    finally:
        server.terminate()
        server.communicate(timeout=STOP_SECONDS)


def test_the_readme_s_program_prints_what_its_remarks_say(endpoint: str) -> None:
    (program,) = blocks(ROOT / "README.md", "python")
    assert DEFAULT_ENDPOINT in program
    program = program.replace(DEFAULT_ENDPOINT, endpoint)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == ["Initiating Request to 222222222222", "active", "active", "failed"]


def test_the_programs_for_a_test_suite_work() -> None:
    page = blocks(ROOT / "docs" / "how-to" / "test-suite.md", "python")
    ran = subprocess.run([sys.executable, "-c", "\n".join(page)], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stderr, ran.returncode) == ("", 0)


def test_the_programs_about_permissions_print_what_their_remarks_say(endpoint: str) -> None:
    program = "\n".join(blocks(ROOT / "docs" / "how-to" / "permissions.md", "python"))
    assert DEFAULT_ENDPOINT in program
    program = program.replace(DEFAULT_ENDPOINT, endpoint)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "DryRunOperation",
        "UnauthorizedOperation",
        "initiating-request",
        "ec2:CreateVpcPeeringConnection",
        "provisioning",
        "UnauthorizedOperation",
    ]
