"""The servers that are measured: how each is started, reached, looked at and stopped.

A recipe is data: a name, the command and what its environment needs. Every server runs in a process group of its own in
a folder of its own, listens on loopback, and is stopped with its whole tree.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import load, proc, sign
from bench.environments import HERE, environment
from bench.errors import NotReadyError
from bench.figures import microseconds

LOOPBACK = "127.0.0.1"
READY_SECONDS = 60.0
STOP_SECONDS = 15.0
SETTLE_SECONDS = 0.1
# An installed server's modules are compiled: one that may not keep what it has compiled would do so at every start.
NOT_INHERITED = ("AWS_", "ISTHMUS_", "PYTHONDONTWRITEBYTECODE")
OURS, MOTO, MINISTACK = "isthmus", "moto", "ministack"
BARE, BARE_LOGGING = "uvicorn", "uvicorn+log"
# Both peers take any key and make the account out of it or of a default.
ANY_KEYS = sign.Keys("123456789012", "123456789012", "any-secret")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a server is started: `command` gets the port, `environ` is added to ours."""

    name: str
    command: Callable[[int], Sequence[str]]
    environ: Callable[[int], Mapping[str, str]] = lambda _port: {}
    keys: sign.Keys = ANY_KEYS


@dataclass(frozen=True, slots=True)
class Window:
    """One measured run: the server's CPU time and the wall time over all of its answers."""

    cpu_seconds: float
    seconds: float
    answers: tuple[load.Answer, ...]

    @property
    def microseconds(self) -> float:
        """The server's CPU time for one answer, in microseconds."""
        return microseconds(self.cpu_seconds, len(self.answers))

    @property
    def per_second(self) -> float:
        """Answers per second of wall time."""
        return len(self.answers) / self.seconds


@dataclass(slots=True)
class Server:
    """A running server."""

    recipe: Recipe
    process: subprocess.Popen[bytes]
    address: load.Address
    started: float = field(default_factory=time.perf_counter)

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.recipe.name

    def sign(
        self, region: str, parameters: Mapping[str, str], keys: sign.Keys | None = None, service: str = sign.EC2
    ) -> bytes:
        """A request to this server, whole and signed, with the recipe's keys unless others are given."""
        return sign.signed(self.address, keys or self.recipe.keys, region, parameters, service)

    def call(self, region: str, action: str, **parameters: str) -> load.Answer:
        """Sign and send one request; dots in names are written as double underscores (`TagSpecification__1__Key`)."""
        named = {name.replace("__", "."): value for name, value in parameters.items()}
        return self.send([self.sign(region, {"Action": action, **named})])[0]

    def send(self, requests: Sequence[bytes], lanes: int = 1) -> tuple[load.Answer, ...]:
        """Send what was signed and return the answers."""
        return load.drive(self.address, requests, lanes).answers

    def measure(self, requests: Sequence[bytes], lanes: int = 1) -> Window:
        """Send the requests and take the server's CPU time for them, what it puts off for a moment included."""
        before = self.cpu_seconds()
        done = load.drive(self.address, requests, lanes)
        time.sleep(SETTLE_SECONDS)
        return Window(self.cpu_seconds() - before, done.seconds, done.answers)

    def cpu_seconds(self) -> float:
        """CPU time of the server's process tree so far."""
        return proc.cpu_seconds(self.process.pid)

    def loop_seconds(self) -> float:
        """CPU time of the server's event loop so far, without its commits."""
        return proc.main_thread_seconds(self.process.pid)

    def resident_mib(self) -> float:
        """Resident memory of the server's process tree."""
        return proc.resident_mib(self.process.pid)

    def stop(self) -> None:
        """Ask it to end, then make it: the tree that it started ends with it."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def launch(recipe: Recipe, folder: Path) -> Server:
    """Start a server in `folder`, its output to a file there, without waiting for it."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    with (folder / f"{recipe.name}.log").open("ab") as log:
        process = subprocess.Popen(
            recipe.command(port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**clean, "TMPDIR": str(folder), **recipe.environ(port)},
            start_new_session=True,
        )
    return Server(recipe, process, (LOOPBACK, port))


def await_port(server: Server) -> None:
    """Return when the server listens; NotReadyError when it ends or takes too long."""
    deadline = time.perf_counter() + READY_SECONDS
    while time.perf_counter() < deadline:
        if server.process.poll() is not None:
            raise NotReadyError(f"{server.name} ended at once with {server.process.returncode}; its log is in build/bench")
        try:
            socket.create_connection(server.address, timeout=1.0).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise NotReadyError(f"{server.name} does not listen after {READY_SECONDS:g} s")


def start(recipe: Recipe, folder: Path) -> Server:
    """Start a server and wait until it listens; it is stopped again if it never does."""
    server = launch(recipe, folder)
    try:
        await_port(server)
    except BaseException:
        server.stop()
        raise
    return server


# --- Recipes of the others; ours is in ours.py ---

# werkzeug writes a line per request, which is no part of the work that is compared.
QUIET_MOTO = (
    "import logging, sys; logging.getLogger('werkzeug').setLevel('ERROR'); "
    "from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
)


def moto(progress: Callable[[str], None]) -> Recipe:
    """Moto's own server, without its line per request."""
    python = environment(MOTO, progress) / "python"
    return Recipe(MOTO, lambda port: [str(python), "-c", QUIET_MOTO, str(port)])


def ministack(progress: Callable[[str], None]) -> Recipe:
    """MiniStack as its own command starts it, without its log."""
    program = environment(MINISTACK, progress) / "ministack"
    quiet = {"LOG_LEVEL": "ERROR", "BIND_HOST": LOOPBACK}
    return Recipe(MINISTACK, lambda _port: [str(program)], lambda port: {**quiet, "GATEWAY_PORT": str(port)})


def bare(*, logging: bool) -> Recipe:
    """Uvicorn as our own server uses it, around an application that does nothing."""
    options = ["--http", "httptools", "--lifespan", "off", "--ws", "none", "--no-server-header", "--no-date-header"]
    options += [] if logging else ["--no-access-log"]

    def command(port: int) -> list[str]:
        serve = [sys.executable, "-m", "uvicorn", "bench.apps.bare:app", "--host", LOOPBACK, "--port", str(port)]
        return [*serve, "--app-dir", str(HERE.parent), *options]

    return Recipe(BARE_LOGGING if logging else BARE, command)
