"""The parent of several workers, with workers that only say who they are: started, lost, replaced and stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from isthmus.gateway import workers

PATIENCE_SECONDS = 30.0
COUNT = 3
# A worker answers each connection with its number and process, until its line says stop, so often as `stops` says.
PROGRAM = """
import json, os, select, socket, sys
from pathlib import Path
from isthmus.gateway import workers

folder, behaviour = Path(sys.argv[1]), sys.argv[2]

def serve(number, listener, line):
    (folder / f"started-{number}-{os.getpid()}").touch()
    if behaviour == "unborn" and number == 2:
        return 1
    if behaviour == "unborn" and number == 3:
        select.select([line], [], [])  # is ready when it is told to stop
    if behaviour == "raises" and len(list(folder.glob("started-2-*"))) > 1:
        raise RuntimeError("cannot live")
    line.send(workers.READY)
    stops = 0
    while stops < (2 if behaviour == "slow" else 100 if behaviour == "stubborn" else 1):
        heard, _, _ = select.select([listener, line], [], [])
        if line in heard:
            word = line.recv(1)
            if not word:
                break
            stops += 1
            (folder / f"told-{number}-{stops}").touch()
        if listener in heard:
            connection, _ = listener.accept()
            if behaviour == "fatal":
                return workers.FAILED
            connection.sendall(json.dumps([number, os.getpid()]).encode())
            connection.close()
    (folder / f"ended-{number}-{os.getpid()}").touch()
    return 0

listeners = workers.spread(socket.create_server(("127.0.0.1", 0)), int(sys.argv[3]))
port = listeners[0].getsockname()[1]
sys.exit(workers.Workers(listeners, serve, lambda: (folder / "ready").write_text(str(port))).run())
"""


@dataclass
class Parent:
    """A parent that runs."""

    process: "subprocess.Popen[str]"
    folder: Path

    @property
    def port(self) -> int:
        return int((self.folder / "ready").read_text())

    def ask(self) -> tuple[int, int]:
        """Number and process of a worker, whichever gets the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as line:
            number, pid = json.loads(b"".join(iter(lambda: line.recv(100), b"")))
        return number, pid

    def all(self) -> dict[int, int]:
        """The processes of all workers."""
        found: dict[int, int] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found) < COUNT:
            assert time.monotonic() < deadline
            found.update([self.ask()])
        return found

    def stop(self, times: int = 1) -> int:
        for _ in range(times):
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def files(self, pattern: str) -> list[str]:
        return sorted(path.name for path in self.folder.glob(pattern))


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def parent(folder: Path, behaviour: str = "plain", *, count: int = COUNT) -> Iterator[Parent]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), behaviour, str(count)], stderr=subprocess.PIPE, text=True
    )
    try:
        ready = folder / "ready"
        until(lambda: process.poll() is not None or (ready.exists() and ready.read_text()))
        yield Parent(process, folder)
    finally:
        process.kill()
        process.communicate()


def test_every_worker_gets_connections(tmp_path: Path) -> None:
    with parent(tmp_path) as server:
        assert set(server.all()) == {1, 2, 3}
        assert server.stop() == 0
        assert len(server.files("ended-*")) == COUNT


def test_a_worker_that_died_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    with parent(tmp_path) as server:
        before = server.all()
        os.kill(before[2], signal.SIGKILL)
        until(lambda: len(server.files("started-2-*")) == 2)
        after = server.all()
        assert after[2] != before[2]
        assert (after[1], after[3]) == (before[1], before[3])
        assert server.stop() == 0
        assert server.process.stderr is not None
        assert (
            f"Worker 2 (process {before[2]}) was ended by signal 9; another takes its place" in server.process.stderr.read()
        )


def test_a_worker_that_cannot_live_is_tried_again_at_most_once_a_second(tmp_path: Path) -> None:
    with parent(tmp_path, "raises") as server:
        begun = time.monotonic()
        os.kill(server.all()[2], signal.SIGKILL)
        until(lambda: len(server.files("started-2-*")) == 4)
        assert time.monotonic() - begun > 1.5 * workers.SHORTEST_LIFE_SECONDS


def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path) as server:
        pids = server.all().values()
        server.process.kill()
        until(lambda: not any(is_alive(pid) for pid in pids))
        assert len(server.files("ended-*")) == COUNT


def test_a_second_signal_reaches_the_workers_as_a_second_word(tmp_path: Path) -> None:
    with parent(tmp_path, "slow") as server:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: len(server.files("told-*-1")) == COUNT)
        assert server.process.poll() is None
        assert server.stop() == 0
        assert len(server.files("told-*-2")) == COUNT


def test_a_third_signal_kills_who_does_not_listen_and_the_status_says_so(tmp_path: Path) -> None:
    with parent(tmp_path, "stubborn") as server:
        for times in (1, 2):
            server.process.send_signal(signal.SIGTERM)
            until(lambda times=times: len(server.files(f"told-*-{times}")) == COUNT)  # type: ignore[misc]  # a bound value
        assert server.stop() == 1


def test_a_signal_to_the_whole_group_is_one_word(tmp_path: Path) -> None:
    with parent(tmp_path, "slow") as server:
        for pid in server.all().values():
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        assert set(server.all()) == {1, 2, 3}
        server.process.send_signal(signal.SIGINT)
        until(lambda: len(server.files("told-*-1")) == COUNT)
        assert server.files("told-*-2") == []
        assert server.stop() == 0


def test_a_worker_that_says_nobody_can_be_served_stops_them_all(tmp_path: Path) -> None:
    with parent(tmp_path, "fatal") as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            assert server.process.wait(PATIENCE_SECONDS) == 1
        assert len(server.files("ended-*")) == COUNT - 1


def test_a_server_whose_worker_cannot_start_does_not_start(tmp_path: Path) -> None:
    with parent(tmp_path, "unborn") as server:
        assert server.process.wait(PATIENCE_SECONDS) == 1
        assert server.files("ready") == []


def test_once_it_stops_the_port_is_free(tmp_path: Path) -> None:
    with parent(tmp_path) as server:
        port = server.port
        assert server.stop() == 0
        socket.create_server(("127.0.0.1", port)).close()


def test_a_second_server_on_the_port_is_refused() -> None:
    some = workers.spread(socket.create_server(("127.0.0.1", 0)), 2)
    with some[0], some[1], pytest.raises(OSError, match="in use"):
        socket.create_server(some[0].getsockname())


def test_elsewhere_than_on_linux_the_workers_share_one_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    listener = socket.create_server(("127.0.0.1", 0))
    first, second = workers.spread(listener, 2)
    assert first is listener
    assert second.getsockname() == first.getsockname()
    assert os.fstat(second.fileno()).st_ino == os.fstat(first.fileno()).st_ino
    first.close()
    second.close()
