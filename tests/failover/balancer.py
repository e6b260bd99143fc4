"""HAProxy with the configuration of the how-to page, in front of servers that a test has started."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.installed import missing
from tests.docs.pages import ROOT, blocks
from tests.postgres import free_port

PAGE = ROOT / "docs" / "how-to" / "many-servers.md"
FRONT, BACKS = "127.0.0.1:4500", ("127.0.0.1:4511", "127.0.0.1:4512")
ADMIN_SOCKET = "/run/haproxy/admin.sock"
PATIENCE_SECONDS = 30.0
NAME, OPERATIONAL = 3, 5
"""Columns of `show servers state`."""


@dataclass(frozen=True)
class Balancer:
    """HAProxy at work."""

    url: str
    admin: Path

    def up(self) -> set[str]:
        """The servers that HAProxy sends requests to."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.admin))
            line.sendall(b"show servers state servers\n")
            said = b"".join(iter(lambda: line.recv(65_536), b"")).decode()
        rows = [row.split() for row in said.splitlines()[2:] if row]
        return {row[NAME] for row in rows if row[OPERATIONAL] == "2"}

    def wait_for(self, *names: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.up() != set(names):
            assert time.monotonic() < deadline, f"up are {self.up()}, not {names}"
            time.sleep(0.02)


def program() -> str:
    """Where HAProxy is; Debian keeps it where only root's PATH leads."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    return found or missing("There is no haproxy (Debian's package haproxy).")


@contextmanager
def balanced(folder: Path, ports: Sequence[int]) -> Iterator[Balancer]:
    """Run HAProxy in front of two servers; it serves once both are found."""
    (text,) = blocks(PAGE, "haproxy")
    front, admin = f"127.0.0.1:{free_port()}", folder / "admin.sock"
    own = {
        FRONT: front,
        ADMIN_SOCKET: str(admin),
        **{back: f"127.0.0.1:{port}" for back, port in zip(BACKS, ports, strict=True)},
    }
    for place, ours in own.items():
        assert text.count(place) == 1, f"the page's configuration has no {place}"
        text = text.replace(place, ours)
    file, log = folder / "haproxy.cfg", folder / "haproxy.log"
    file.write_text(text)
    with log.open("wb") as sink:
        process = subprocess.Popen([program(), "-db", "-f", str(file)], stdout=sink, stderr=sink)
    try:
        while not admin.exists():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        found = Balancer(f"http://{front}", admin)
        found.wait_for("one", "two")
        yield found
    finally:
        process.kill()
        process.wait()
