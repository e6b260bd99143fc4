"""A real server process for tests with real clients, and where their stories happen."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

STARTING_SECONDS = 60
STOPPING_SECONDS = 30
_ACCOUNTS = itertools.count(100_000_000_001)


@dataclass(frozen=True, slots=True)
class Place:
    """An account in a Region: who asks, or who is asked. In open mode the access key id is the account."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends of a connection."""

    requester: Place
    accepter: Place

    @property
    def is_one_account(self) -> bool:
        return self.requester.account == self.accepter.account

    @property
    def is_one_region(self) -> bool:
        return self.requester.region == self.accepter.region

    @property
    def peer(self) -> dict[str, str]:
        """What a request says of the other end, beside the VPC: only what differs from its own."""
        owner = {} if self.is_one_account else {"PeerOwnerId": self.accepter.account}
        return owner if self.is_one_region else {**owner, "PeerRegion": self.accepter.region}


def account() -> str:
    """An account that no other test has used."""
    return str(next(_ACCOUNTS))


def pair(*, accounts: int = 1, regions: int = 1) -> Pair:
    """Two ends in fresh accounts."""
    asking = Place(account(), "us-east-1")
    return Pair(asking, Place(account() if accounts == 2 else asking.account, "eu-west-1" if regions == 2 else "us-east-1"))


WHERE: Mapping[str, Mapping[str, int]] = {
    "same account": {},
    "two accounts": {"accounts": 2},
    "two Regions": {"regions": 2},
    "two accounts and two Regions": {"accounts": 2, "regions": 2},
}
"""The four stories that every client tells."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    endpoint: str
    token_file: Path
    log: Path

    def admin(self, path: str, **words: object) -> Any:
        """POST to one of the server's own endpoints."""
        headers = {"Authorization": f"Bearer {self.token_file.read_text().strip()}"}
        with urlopen(Request(f"{self.endpoint}/_isthmus/{path}", json.dumps(words).encode(), headers)) as answer:
            return json.load(answer)

    def audit(self) -> list[dict[str, Any]]:
        """Every request so far, as the audit log has it."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """Run `isthmus serve` in memory on a free port; files that it writes go below `folder`."""
    ready, log = folder / "ready", folder / "server.log"
    words = ["--port", "0", "--data", "memory", "--auth", "open", "--log-format", "json", "--ready-file", str(ready)]
    command = [sys.executable, "-m", "isthmus", "serve", *words, *options]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=_environment(folder), stderr=sink)
        try:
            endpoint = _await(process, ready, log)
            with urlopen(f"{endpoint}/_isthmus/health") as answer:
                health = json.load(answer)
            yield Server(endpoint, Path(health["token_file"]), log)
        finally:
            process.terminate()
            process.wait(STOPPING_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    """The caller's environment without settings of its own server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    return {**kept, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}


def _await(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    deadline = time.monotonic() + STARTING_SECONDS
    while not ready.exists():
        assert process.poll() is None, f"The server did not start; it said: {log.read_text()}"
        assert time.monotonic() < deadline, f"The server did not start within {STARTING_SECONDS} seconds."
        time.sleep(0.02)
    return ready.read_text().strip()


def client_environment(server: Server, place: Place, home: Path, more: Sequence[str] = ()) -> dict[str, str]:
    """What a client program of a user has: keys, Region and endpoint, and nothing of the machine that runs the test."""
    kept = {name: os.environ[name] for name in ("PATH", *more) if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": place.account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
    }
