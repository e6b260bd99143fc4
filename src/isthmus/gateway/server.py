"""A server's life: take the socket, answer until told to stop, finish what was accepted.

On a first SIGTERM or SIGINT the server drains, if it was given time for that: it answers as before, but its health check
says no and each answer closes its connection, so that a load balancer sends nothing more. Then no new connection is taken,
idle ones are closed, and requests under way are answered; a second signal, or the grace running out, ends all that. What
was answered is durable either way.
"""

import asyncio
import gc
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from isthmus.gateway.asgi import Edge
from isthmus.gateway.protocol import Connection
from isthmus.gateway.workers import BACKLOG, SIGNALS

GRACE_SECONDS: Final = 30.0
MADE_BETWEEN_COLLECTIONS: Final = 20_000
"""Objects, not the usual 700: what a turn's units hold lives until all are answered; looking earlier finds nothing."""
HTTP_DATE: Final = "%a, %d %b %Y %H:%M:%S GMT"


class Server:
    """One listening socket and its connections."""

    def __init__(self, edge: Edge, *, most_connections: int, drain_seconds: float = 0.0) -> None:
        """Serve the edge to at most so many connections at a time; drain so long before stopping."""
        self._edge, self.most_connections = edge, most_connections
        self._drain_seconds, self.draining = drain_seconds, False
        self.connections: set[Connection] = set()
        edge.connections = self.connections
        self.total_requests = 0
        self.default_head = ""
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()

    def stop(self) -> None:
        """Drain, then stop gracefully; called again, at once."""
        (self._hurry if self._stop.is_set() else self._stop).set()

    def give_up(self) -> None:
        """Stop gracefully, and without draining: nobody can be served any more."""
        self._drain_seconds = 0.0
        self.stop()

    async def run(self, listener: socket.socket, ready: Callable[[], None], line: socket.socket | None = None) -> None:
        """Serve until told to stop, by signals or, for a worker, by its parent at the other end of the line.

        `ready` is called once clients can connect.
        """
        loop, store = asyncio.get_running_loop(), self._edge.store
        self._obey(loop, line)
        await store.start()
        self._tick(loop)
        gc.freeze()  # what the start made stays: no collection needs to look at it again
        gc.enable()
        gc.set_threshold(MADE_BETWEEN_COLLECTIONS)
        accepting = await loop.create_server(self._connection, sock=listener, backlog=BACKLOG)
        ready()
        await self._stop.wait()
        await self._drain()
        accepting.close()
        await self._finish()
        await store.stop()

    def _obey(self, loop: asyncio.AbstractEventLoop, line: socket.socket | None) -> None:
        if line is None:
            for number in SIGNALS:
                loop.add_signal_handler(number, self.stop)
        else:
            line.setblocking(False)
            loop.add_reader(line, self._told, loop, line)

    def _told(self, loop: asyncio.AbstractEventLoop, line: socket.socket) -> None:
        """Take the parent's word; without a parent nobody would ever stop us."""
        words = b""
        with suppress(ConnectionError):
            words = line.recv(16)
        for _ in words:
            self.stop()
        if not words:
            loop.remove_reader(line)
            self.give_up()

    def _connection(self) -> Connection:
        return Connection(self._edge, self)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the Date header right to the second."""
        self.default_head = f"date: {time.strftime(HTTP_DATE, time.gmtime())}\r\n"
        loop.call_later(1.0, self._tick, loop)

    async def _drain(self) -> None:
        self.draining = self._edge.admin.draining = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._drain_seconds)

    async def _finish(self) -> None:
        """Let every connection answer what it has begun, within the grace."""
        for connection in list(self.connections):
            connection.shutdown()
        until = asyncio.get_running_loop().time() + GRACE_SECONDS
        while self.connections and not self._hurry.is_set() and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # once in a server's life
