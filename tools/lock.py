"""Renews every lock: one resolution for every Python and system, with hashes, no host.

`run.lock` is what a server needs; `dev.lock` adds the development group and agrees with it. `awscli.lock` holds a client
that real-client tests drive. The locks in `bench/` keep the release of the peer that README's table speaks of, and renew
what that stands on.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",  # it would repeat the command line
    "--no-annotate",
    "--upgrade",
    "--quiet",
)


@dataclass(frozen=True, slots=True)
class Lock:
    """A file of pinned requirements: what it is resolved from, with which further options.

    Where there is a `peer`, its requirement, pinned as the lock has it now, is all that is wanted.
    """

    path: str
    source: str = "-"
    options: tuple[str, ...] = ()
    peer: str = ""


LOCKS = (
    Lock("requirements/run.lock", "pyproject.toml"),
    Lock("requirements/dev.lock", "pyproject.toml", ("--group=dev", "--constraint=requirements/run.lock")),
    Lock("requirements/awscli.lock", "requirements/awscli.in"),
    Lock("bench/requirements-moto.txt", peer="moto[server]"),
    Lock("bench/requirements-ministack.txt", peer="ministack"),
)


def wanted(lock: Lock, text: str) -> str:
    """Return the one requirement of a peer's lock: the release that `text` pins; nothing for other locks."""
    if not lock.peer:
        return ""
    name = lock.peer.partition("[")[0]
    pinned = re.search(rf"^{re.escape(name)}==(\S+)", text, re.MULTILINE)
    if pinned is None:
        raise SystemExit(f"{lock.path} pins no {name}")
    return f"{lock.peer}=={pinned[1]}\n"


def remarks(text: str) -> str:
    """Return the lines that a lock begins with and that no resolution would write."""
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))


def renew(lock: Lock) -> None:
    """Write one lock anew."""
    path = ROOT / lock.path
    before = path.read_text(encoding="utf-8")
    subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "compile", lock.source, *OPTIONS, *lock.options, "-o", lock.path],
        cwd=ROOT,
        check=True,
        input=wanted(lock, before),
        text=True,
    )
    path.write_text(remarks(before) + path.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"wrote {lock.path}")


def main() -> int:
    """Write every lock; answers the exit status."""
    for lock in LOCKS:
        renew(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
