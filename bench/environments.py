"""A virtual environment for each peer under build/bench, from a pinned and hashed requirement file."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.errors import NotReadyError

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "bench"
INSTALL_SECONDS = 900


def fingerprint(requirements: bytes, version: str) -> str:
    """What an environment was made from: when this changes, it is made anew."""
    return hashlib.sha256(version.encode() + b"\n" + requirements).hexdigest()


def environment(name: str, progress: Callable[[str], None]) -> Path:
    """The programs of the environment `name`, which is made from `requirements-NAME.txt` if missing or old."""
    requirements = HERE / f"requirements-{name}.txt"
    folder = BUILD / name
    stamp = folder / ".made-from"
    wanted = fingerprint(requirements.read_bytes(), sys.version)
    if not stamp.exists() or stamp.read_text() != wanted:
        progress(f"making {folder.relative_to(HERE.parent)} from {requirements.name} (once; about a minute)")
        _make(folder, requirements)
        stamp.write_text(wanted)
    return folder / "bin"


def _make(folder: Path, requirements: Path) -> None:
    install = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
        str(requirements),
    ]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", *install],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode:
            raise NotReadyError(f"{requirements.name} cannot be installed:\n{done.stderr.strip()[-2000:]}")
