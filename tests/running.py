"""Real servers in processes of their own, for tests of what only a process can show: signals, sockets, files, modes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

ISTHMUS = ("-m", "isthmus")
START_SECONDS = 30.0
STOP_SECONDS = 45.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a user whose files lie below `folder`, without settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISTHMUS_", "AWS_"))}
    places = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
    return {**kept, **places, **more}


def isthmus(folder: Path, *words: str, before: Sequence[str] = (), **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; `before` are words that start another program which starts it."""
    command = [*before, sys.executable, *ISTHMUS, *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment(folder, **more))


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up."""

    process: "subprocess.Popen[bytes]"
    url: str
    folder: Path
    log: Path

    @property
    def said(self) -> str:
        """What it wrote to standard error so far."""
        return self.log.read_text()

    def run(self, *words: str) -> Any:
        """Run a command against this server; answers its JSON."""
        done = isthmus(self.folder, *words, "--json", ISTHMUS_ENDPOINT=self.url)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def client(
        self,
        key: str = "111111111111",
        secret: str = "unchecked",
        region: str = "us-east-1",
        service: str = "ec2",
        token: str | None = None,
    ) -> Any:
        """A boto3 client of this server."""
        session = boto3.Session(key, secret, token, region)
        config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30)
        return session.client(service, endpoint_url=self.url, config=config)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; answers the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Send a plain GET."""
        return answer_of(Request(self.url + path, headers=headers or {}))


def answer_of(request: Request) -> tuple[int, str]:
    """Status and body, whatever the status."""
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@contextmanager
def running(
    folder: Path, *options: str, program: Sequence[str] = ISTHMUS, before: Sequence[str] = (), **more: str
) -> Iterator[Running]:
    """Run `isthmus serve` on a free port and on `folder`/isthmus.db, unless the options say otherwise.

    `program` is what Python runs in place of `isthmus`, `before` are words that start another program which becomes it.
    """
    folder.mkdir(exist_ok=True)
    ready, log = folder / f"ready-{time.monotonic_ns()}", folder / f"log-{time.monotonic_ns()}"
    given = [
        "--port=0",
        *([] if any(option.startswith("--data") for option in options) else [f"--data={folder}/d/isthmus.db"]),
    ]
    command = [*before, sys.executable, *program, "serve", *given, f"--ready-file={ready}", *options]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=environment(folder, **more), stderr=sink)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert process.poll() is None, f"the server ended with status {process.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline, f"the server did not start: {log.read_text()}"
            time.sleep(0.02)
        yield Running(process, ready.read_text().strip(), folder, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_SECONDS)
