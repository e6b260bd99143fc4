"""A server of several processes: a parent, which holds the port, and the workers, which serve.

The parent starts the workers, puts another in the place of one that died, and tells all of them to stop. It serves nobody,
has no threads and no connection to a database, so that it may fork at any time. To each worker leads a pair of sockets. The
worker says on it when it is ready, the parent when to stop; and whichever of them dies, by kill -9 too, the other reads the
end of the line. No signal is sent between them, so it does no harm that a terminal or a service manager signals them all.
"""

import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

log = logging.getLogger("isthmus.gateway")

BACKLOG: Final = 2_048
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
READY: Final = b"r"
STOP: Final = b"s"
FAILED: Final = 1
"""The exit status of a worker that found out that nobody can be served, and has said why."""
CRASHED: Final = 70
SHORTEST_LIFE_SECONDS: Final = 1.0
"""A place is filled at most this often, so that workers that cannot live do not keep the machine busy."""

Serve = Callable[[int, socket.socket, socket.socket], int]
"""Serves as the worker of a number, on a listening socket, with its end of the line; returns the exit status."""


def spread(listener: socket.socket, count: int) -> list[socket.socket]:
    """Return a socket for each worker, all listening where this one does; it is theirs from now on.

    On Linux each has a queue of its own and the kernel deals connections out to them. Sockets that share one queue would
    leave the choice to whoever wakes first, which takes all that is there. Raises OSError.
    """
    if count == 1:
        return [listener]
    if not sys.platform.startswith("linux"):  # elsewhere the last socket gets everything
        return [listener, *(listener.dup() for _ in range(count - 1))]
    where, family = listener.getsockname()[:2], listener.family
    listener.close()  # it has shown that nobody else is there, as sockets that share a port would not
    return [socket.create_server(where, family=family, backlog=BACKLOG, reuse_port=True) for _ in range(count)]


class Worker(Struct):
    """A worker as the parent sees it."""

    pid: int
    line: socket.socket
    started: float
    is_ready: bool = False


class Workers:
    """The parent of as many workers as there are sockets."""

    def __init__(self, listeners: Sequence[socket.socket], serve: Serve, ready: Callable[[], None]) -> None:
        """Serve on these sockets. `ready` is called once every worker takes connections."""
        self._listeners, self._serve, self._ready = listeners, serve, ready
        self._workers: dict[int, Worker] = {}
        self._places = dict.fromkeys(range(1, len(listeners) + 1), 0.0)
        """Places without a worker, each with the time from which on it may be filled."""
        self._announced = False
        self._stops = 0
        self._status = 0
        self._wakes, self._signalled = socket.socketpair()

    def run(self) -> int:
        """Keep the workers going until a signal says stop, or one of them; return the exit status once all have ended.

        It is 1 if a worker said so, could not start, or did not stop in order.
        """
        before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        self._signalled.setblocking(False)
        previous = signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        try:
            while self._workers or not self._stops:
                self._fill()
                self._wait()
        finally:
            self._abandon()
            signal.set_wakeup_fd(previous)
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._status

    # --- starting -------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        now = time.monotonic()
        for number in [number for number, at in self._places.items() if at <= now]:
            del self._places[number]
            self._start(number)

    def _start(self, number: int) -> None:
        line, theirs = socket.socketpair()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the worker has handlers of its own
        pid = os.fork()
        if not pid:
            line.close()
            self._work(number, theirs, mask)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        self._workers[number] = Worker(pid, line, time.monotonic())

    def _work(self, number: int, line: socket.socket, mask: set[int]) -> None:
        """Live as a worker. What the parent has to put in order at its end is not ours, so this never returns."""
        status = CRASHED
        try:
            for each in SIGNALS:
                signal.signal(each, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._leave(number)
            status = self._serve(number, self._listeners[number - 1], line)
        except BaseException:
            log.exception("worker %d failed", number)
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(status)

    def _leave(self, number: int) -> None:
        """Close the parent's ends: a line ends, and a port is free, once nobody has it open."""
        for other in self._workers.values():
            other.line.close()
        for place, listener in enumerate(self._listeners, 1):
            if place != number:
                listener.close()
        self._wakes.close()
        self._signalled.close()

    # --- listening ------------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Wait for a signal, for a word of a worker, or until a place may be filled."""
        numbers = {worker.line: number for number, worker in self._workers.items()}
        timeout = None if not self._places else max(0.0, min(self._places.values()) - time.monotonic())
        heard, _, _ = select.select([self._wakes, *numbers], [], [], timeout)
        for line in heard:
            if line is self._wakes:
                for _ in self._wakes.recv(16):
                    self._stop()
            else:
                self._hear(numbers[line])

    def _hear(self, number: int) -> None:
        worker, word = self._workers[number], b""
        with suppress(ConnectionError):
            word = worker.line.recv(1)
        if word == READY:
            worker.is_ready = True
            self._announce()
            return
        del self._workers[number]
        worker.line.close()
        self._ended(number, worker, os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1]))

    def _announce(self) -> None:
        """Say once that the server is ready, when every place has a worker that is."""
        whole = len(self._workers) == len(self._listeners) and all(each.is_ready for each in self._workers.values())
        if whole and not self._announced and not self._stops:
            self._announced = True
            self._ready()

    def _ended(self, number: int, worker: Worker, status: int) -> None:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        what = f"Worker {number} (process {worker.pid}) {how}"
        if self._stops:
            if status:
                self._status = FAILED
                log.error("%s while the server stopped.", what)
        elif status == FAILED or not self._announced:
            self._status = FAILED
            log.error("%s: the server stops.", what)
            self._stop()
        else:
            self._places[number] = worker.started + SHORTEST_LIFE_SECONDS
            log.error("%s; another takes its place.", what)

    # --- stopping -------------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """Let the workers drain and stop; called again, at once; and a third time, kill those that are left."""
        self._stops += 1
        self._places.clear()
        for listener in self._listeners:  # the workers' own are the last
            listener.close()
        for worker in self._workers.values():
            if self._stops > 2:
                os.kill(worker.pid, signal.SIGKILL)
            with suppress(OSError):
                worker.line.send(STOP)

    def _abandon(self) -> None:
        """Let go of what is left: nothing, unless something failed here. Workers that lose their line stop."""
        for worker in self._workers.values():
            worker.line.close()
        for worker in self._workers.values():
            os.waitpid(worker.pid, 0)
        self._wakes.close()
        self._signalled.close()
