"""A server's process, or its processes: the port and the data are taken, the loop runs until it is told to stop."""

import errno
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from isthmus import bootstrap, config
from isthmus.config import ConfigError, Settings
from isthmus.gateway import audit, workers
from isthmus.gateway.admin import PREFIX, Admin
from isthmus.gateway.asgi import Edge
from isthmus.gateway.handle import Gateway
from isthmus.store.clock import SystemClock
from isthmus.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections import Counter

    from isthmus.store.postgres import PostgresStore

MAX_CONNECTIONS: Final = 10_000


def address(settings: Settings) -> str:
    """Return the URL at which a client on this machine reaches a server with these settings."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def serve(
    settings: Settings,
    ready: Callable[[Settings], None] = lambda _: None,
    *,
    taken: Callable[[], None] = lambda: None,
) -> int:
    """Run a server until it is told to stop; return its exit status.

    `taken` is called once the port and the data are this server's alone, `ready` once clients can connect, with the
    settings in force: a port of 0 has become a number.
    Raises `ConfigError`, `StoreInUseError`, `SchemaError` or `ExposedFileError` where it cannot start.
    """
    bootstrap.check_private(config.credentials_path(settings))
    _check_workers(settings)
    with ExitStack() as stack:
        front = bootstrap.gateway(settings)
        opened, listeners, settings = _take(settings, stack)
        taken()
        apply_start_file(settings, opened)
        token = stack.enter_context(_own_token(settings))
        served = _Served(settings, front, opened, token)
        if settings.workers == 1:
            return served.run(listeners[0], lambda: ready(settings))
        return _with_workers(served, listeners, lambda: ready(settings))


def apply_start_file(settings: Settings, opened: "SqliteStore | PostgresStore") -> None:
    """Bring the store to what the start file of the settings says, if they name one.

    On PostgreSQL a store of its own does it: the server's must not connect before its workers are there.
    Raises `StartFileRefusedError`, and nothing is changed.
    """
    if not settings.start_file:
        return
    import asyncio

    from isthmus.gateway import start_file

    loaded = start_file.load(Path(settings.start_file).expanduser())
    with nullcontext(opened) if isinstance(opened, SqliteStore) else closing(bootstrap.store(settings)) as used:
        seen, back, args = bootstrap.Unserved(used), Admin("", bootstrap.bounds(settings)), {"start": loaded.value}
        answer = asyncio.run(back.perform("POST", f"{PREFIX}apply", args, seen))
    content = json.loads(answer.body)
    if answer.status != 200:
        raise loaded.refusal(start_file.problems_of(content)) if "problems" in content else ConfigError(content["error"])
    start_file.write_profiles(config.credentials_path(settings), content["access_keys"], settings.default_region)


def _check_workers(settings: Settings) -> None:
    """Refuse several processes on what one process has to itself (ADR 24)."""
    if settings.workers > 1 and not config.database_url(settings):
        kept = "What is kept in memory belongs to one process" if settings.data == config.MEMORY else "A file has one writer"
        raise ConfigError(
            f"{kept}, so --workers {settings.workers} needs a PostgreSQL database: --data postgresql://user@host/name, "
            "and `isthmus export` and `isthmus import` bring a state there."
        )


def _take(settings: Settings, stack: ExitStack) -> "tuple[SqliteStore | PostgresStore, list[socket.socket], Settings]":
    """Take the port and the data. Who starts a second server on the same data hears that, not that the port is taken."""
    listeners: list[socket.socket] | ConfigError
    try:
        listeners = [stack.enter_context(each) for each in _listen(settings)]
        settings = _with_port(settings, listeners[0].getsockname()[1])
    except ConfigError as error:
        listeners = error
    opened = bootstrap.store(settings, holder=bootstrap.SERVER + address(settings))
    stack.callback(opened.close)
    if isinstance(listeners, ConfigError):
        raise listeners
    return opened, listeners, settings


def _with_port(settings: Settings, port: int) -> Settings:
    from msgspec.structs import replace

    return replace(settings, port=port)


def _listen(settings: Settings) -> list[socket.socket]:
    host, port = settings.host, settings.port
    try:
        # As bytes, since text makes the resolver load Unicode's tables; IPv4 first, since localhost means that to clients.
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = min(found, key=lambda each: each[0] == socket.AF_INET6)
        return workers.spread(socket.create_server(where[:2], family=family, backlog=workers.BACKLOG), settings.workers)
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ConfigError(
                f"Port {port} of {host} is in use, perhaps by another Isthmus. Stop that, or choose another with --port "
                "(0 takes a free one)."
            ) from None
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"Isthmus cannot listen on {host} port {port}: {why}. Choose others with --host and --port."
        ) from None


@contextmanager
def _own_token(settings: Settings) -> Iterator[Admin]:
    """The admin endpoints; a server in memory takes its token with it."""
    back = bootstrap.admin(settings)
    try:
        yield back
    finally:
        if config.data_path(settings) is None:
            bootstrap.token_path(settings).unlink(missing_ok=True)


class _Served(NamedTuple):
    """What a process needs to serve; with several workers each has its own copy."""

    settings: Settings
    front: Gateway
    store: "SqliteStore | PostgresStore"
    token: Admin
    answered: "Counter[tuple[str, str, int]] | None" = None

    def run(self, listener: socket.socket, ready: Callable[[], None], line: socket.socket | None = None) -> int:
        """Run the event loop: uvloop's where it exists, else the standard one. A worker has a `line` to its parent."""
        import asyncio

        lines = audit.Lines()
        edge = Edge(self.front, self.store, self.token, SystemClock().wall, audit.to_stream(self.settings.log_format, lines))
        if self.answered is not None:
            edge.answered = self.answered
        self.token.answered = edge.answered
        failed: list[str] = []

        async def main() -> None:
            from isthmus.gateway.server import Server

            server = Server(edge, most_connections=MAX_CONNECTIONS, drain_seconds=self.settings.drain_seconds)
            loop = asyncio.get_running_loop()

            def fatal(sentence: str) -> None:
                """May be called by any thread, and by many at once."""
                failed.append(sentence)
                if len(failed) == 1:
                    sys.stderr.write(sentence + "\n")
                    loop.call_soon_threadsafe(server.give_up)

            self.store.on_fatal = fatal
            await server.run(listener, ready, line)

        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(main())
        finally:
            lines.flush()
        return 1 if failed else 0


def _with_workers(served: _Served, listeners: list[socket.socket], ready: Callable[[], None]) -> int:
    """Run a parent whose workers all have the opened store, which connects when it is asked, and one token."""
    from isthmus.gateway.tally import Answered, Tally

    assert not isinstance(served.store, SqliteStore)
    opened, token = served.store, served.token
    tally = Tally(len(listeners), served.settings.connections)

    def serve_as(number: int, listener: socket.socket, line: socket.socket) -> int:
        part = tally.part(number)
        opened.count_in(part.cells)
        token.worker, token.total = number, tally.total
        try:
            return served._replace(answered=Answered(part)).run(listener, lambda: _say_ready(line), line)
        finally:
            opened.close()

    return workers.Workers(listeners, serve_as, ready).run()


def _say_ready(line: socket.socket) -> None:
    line.send(workers.READY)


def loop_factory() -> Callable[[], "AbstractEventLoop"] | None:
    """Return what makes an event loop: uvloop where it exists, None for the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
