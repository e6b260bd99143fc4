"""Clients from the public registries, unmodified, in environments of their own below build/clients.

Each is made from its lock once, and again when the lock changes; of several processes one makes it and the others wait.
A client that cannot be had is a skip; where
ISTHMUS_REQUIRE_CLIENTS is 1, a failure.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.locks import locked

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "clients"
AWSCLI_LOCK = ROOT / "requirements" / "awscli.lock"
JAVASCRIPT = Path(__file__).with_name("js")
INSTALLING_SECONDS = 600
OLDEST_NODE = 18


def missing(reason: str) -> NoReturn:
    """End the test: a client cannot be had."""
    if os.environ.get("ISTHMUS_REQUIRE_CLIENTS") == "1":
        pytest.fail(f"{reason} ISTHMUS_REQUIRE_CLIENTS=1 makes this a failure.")
    pytest.skip(reason)


def aws_cli() -> Path:
    """Return the `aws` command of AWS CLI v1, installed from requirements/awscli.lock."""
    folder = FOLDER / "awscli"
    stamp = _Stamp(folder, [AWSCLI_LOCK], sys.version)
    with locked(FOLDER / "awscli.lock"):
        if not stamp.holds:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            _run("AWS CLI", [*pip, "--require-hashes", "--requirement", str(AWSCLI_LOCK)], folder)
            stamp.write()
    return folder / "bin" / "aws"


def javascript_sdk() -> Path:
    """Return the folder whose scripts import the JavaScript SDK v3, with the scripts of tests/clients/js in it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        missing("The JavaScript SDK needs node and npm on the PATH.")
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.strip("v \n").split(".")[0]) < OLDEST_NODE:
        missing(f"The JavaScript SDK needs Node {OLDEST_NODE} or later, not {version.strip()}.")
    folder = FOLDER / "js"
    stamp = _Stamp(folder, [JAVASCRIPT / "package.json", JAVASCRIPT / "package-lock.json"], version)
    with locked(FOLDER / "js.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        for source in JAVASCRIPT.iterdir():
            _renew(source, folder / source.name)
        if not stamp.holds:
            _run("JavaScript SDK", [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
            stamp.write()
    return folder


def _renew(source: Path, target: Path) -> None:
    """Copy what differs: another process may run what is there."""
    if not target.is_file() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)


class _Stamp:
    """Says which locks, and which interpreter, an environment was made from."""

    def __init__(self, folder: Path, locks: Sequence[Path], interpreter: str) -> None:
        self.path = folder / ".made-from"
        content = b"".join(lock.read_bytes() for lock in locks) + interpreter.encode()
        self.digest = hashlib.sha256(content).hexdigest()

    @property
    def holds(self) -> bool:
        return self.path.is_file() and self.path.read_text() == self.digest

    def write(self) -> None:
        self.path.write_text(self.digest)


def _run(client: str, command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=INSTALLING_SECONDS)
    except subprocess.CalledProcessError as error:
        missing(f"The {client} could not be installed: {error.stderr.strip()[-500:]}")
    except subprocess.TimeoutExpired:
        missing(f"The {client} was not installed within {INSTALLING_SECONDS} seconds.")
