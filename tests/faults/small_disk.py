"""A small file system in memory for one program and what it starts: to be filled, emptied, and read-only from the start.

It is mounted in a mount namespace that ends with the program, so nothing is left behind and nobody else sees it; the test
reaches it through /proc. Without root it takes a user namespace.
"""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.clients.installed import missing
from tests.postgres import Account

MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
AGAIN = 'cp -a "$2" "$2.kept" && mount -t tmpfs -o "$1" tmpfs "$2" && cp -a "$2.kept/." "$2" && mount -o "remount,$3" "$2" '
READ_ONLY = AGAIN + '&& shift 3 && exec "$@"'
BALLAST = "ballast"
PIECE = b"\0" * 4096


def _apart() -> list[str]:
    """What gives a program a mount namespace of its own."""
    return ["unshare", "--mount", *([] if not os.geteuid() else ["--user", "--map-root-user"])]


@cache
def _is_possible() -> bool:
    try:
        probe = [*_apart(), "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
        return subprocess.run(probe, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of so many bytes at a path, for whoever is started by its words."""

    path: Path
    size: int

    @classmethod
    def at(cls, path: Path, size: int) -> "SmallDisk":
        """Prepare one. Where this machine does not let us, the test ends, skipped or failed."""
        if not _is_possible():
            missing("A file system cannot be mounted here: that takes Linux, unshare, and root or user namespaces.")
        path.mkdir(mode=0o700, exist_ok=True)
        return cls(path, size)

    def before(self, account: Account | None = None) -> list[str]:
        """The words that start a program with the file system, empty at first.

        Of root's, it belongs to the account, which the program becomes.
        """
        options, drop = f"size={self.size},mode=0700", []
        if account is not None and account.uid != os.geteuid():
            options += f",uid={account.uid},gid={account.gid}"
            drop = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
        return [*_apart(), "sh", "-c", MOUNT, "sh", options, str(self.path), *drop]

    def before_read_only(self) -> list[str]:
        """The words that start a program with what lies at the path, on a file system that cannot be written."""
        return [*_apart(), "sh", "-c", READ_ONLY, "sh", f"size={self.size},mode=0700", str(self.path), "ro"]

    def seen_by(self, pid: int) -> Path:
        """The path at which the test finds what the program has there."""
        return Path(f"/proc/{pid}/root{self.path}")

    def fill(self, pid: int) -> None:
        """Leave no room."""
        with contextlib.suppress(OSError), (self.seen_by(pid) / BALLAST).open("ab", buffering=0) as file:
            while True:
                file.write(PIECE)

    def empty(self, pid: int) -> None:
        """Give the room back."""
        (self.seen_by(pid) / BALLAST).unlink()


def run(before: Sequence[str], command: Sequence[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a program on a small disk to its end."""
    return subprocess.run([*before, *command], check=False, capture_output=True, text=True, timeout=60, env=environment)
