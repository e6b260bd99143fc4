"""A real server in a process of its own, to be killed. How it is started stands here and nowhere else."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.postgres import free_port

PATIENCE_SECONDS = 60.0
HERE = Path(__file__).parent


@dataclass
class Server:
    """A running server."""

    process: "subprocess.Popen[bytes]"
    port: int

    def kill(self) -> None:
        """End it at once, as a crash does: nothing of it runs any more."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


def command(data: Path, port: int) -> list[str]:
    return [
        sys.executable, "-m", "isthmus", "serve",
        "--port", str(port), "--data", str(data), "--auth", "open", "--log-format", "none",
    ]  # fmt: skip


def unsafe_command(data: Path, port: int, synchronous: str) -> list[str]:
    """The same server with another `synchronous`, which no setting of ours offers."""
    return [sys.executable, str(HERE / "serve.py"), str(data), str(port), synchronous]


def start(data: Path, *, synchronous: str = "", environment: Mapping[str, str] | None = None) -> Server:
    """Start a server on a file and wait until it answers."""
    port = free_port()
    words = unsafe_command(data, port, synchronous) if synchronous else command(data, port)
    return _answering(words, port, {**os.environ, **(environment or {})})


def _answering(words: Sequence[str], port: int, environment: Mapping[str, str]) -> Server:
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server did not start: {_words_of(process)}")
        if answers(port):
            return Server(process, port)
        time.sleep(0.01)
    Server(process, port).kill()
    raise AssertionError("the server does not answer")


def _words_of(process: "subprocess.Popen[bytes]") -> str:
    return process.communicate()[1].decode()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/_isthmus/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
