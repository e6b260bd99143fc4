"""The one place that names concrete parts: from settings to a store, a gateway and a server."""

import ipaddress
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from isthmus import config
from isthmus.actions.call import Identifiers, RandomIdentifiers, Rules
from isthmus.config import ConfigError, Settings
from isthmus.domain import peering, quotas
from isthmus.gateway import audit, credentials_file, guard
from isthmus.gateway.admin import Admin
from isthmus.gateway.asgi import Edge
from isthmus.gateway.authenticate import IdentitySettings, Mode
from isthmus.gateway.handle import Gateway
from isthmus.store.clock import Clock, Seeds, SystemClock, system_seeds
from isthmus.store.sqlite import SqliteSettings, SqliteStore

if TYPE_CHECKING:
    from uvicorn import Server

QUOTAS: Final = {"default": quotas.DEFAULT, "real": quotas.DOCUMENTED}
GRACE_SECONDS: Final = 30
MAX_CONNECTIONS: Final = 10_000


def is_loopback(host: str) -> bool:
    """Tell whether a server that listens on `host` can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def rules(settings: Settings) -> Rules:
    """Return the numbers that the operator set. Raises `ConfigError` for a quota that does not exist."""
    delays = settings.in_force
    try:
        limits = QUOTAS[settings.quotas].with_overrides(settings.quota)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    in_force = peering.Delays(
        round(delays.initiating_seconds * peering.SECOND),
        round(delays.provisioning_seconds * peering.SECOND),
        round(delays.deleting_seconds * peering.SECOND),
    )
    return Rules(in_force, limits, settings.max_unpaged_items)


def identity(settings: Settings) -> IdentitySettings:
    """Return how callers are believed. Raises `ConfigError` for an open server beyond loopback that nobody allowed."""
    mode = Mode(settings.auth or ("open" if is_loopback(settings.host) else "enforce"))
    if mode is Mode.OPEN and not is_loopback(settings.host) and not settings.allow_open_network:
        raise ConfigError(
            f"With --auth open anybody who reaches {settings.host} could act as any account. Use --auth enforce, "
            "or say --allow-open-network if that is what you want."
        )
    return IdentitySettings(mode, settings.signature_window_seconds, settings.default_account, settings.default_region)


def bounds(settings: Settings) -> guard.Bounds:
    """Return which names the server answers to and which proxies it believes."""
    try:
        proxies = guard.networks(settings.trusted_proxy)
    except ValueError as error:
        raise ConfigError(f"trusted_proxy: {error}") from None
    return guard.Bounds(settings.host, frozenset(host.lower() for host in settings.allow_host), proxies)


def gateway(settings: Settings, identifiers: Identifiers | None = None) -> Gateway:
    """Return the gateway of these settings."""
    return Gateway(rules(settings), identity(settings), bounds(settings), identifiers or RandomIdentifiers())


def store(
    settings: Settings, *, holder: str = "an isthmus command", clock: Clock | None = None, seeds: Seeds = system_seeds
) -> SqliteStore:
    """Open the store of these settings; its folder is made, for its owner only, where it is missing."""
    path = config.data_path(settings)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteStore(
        path,
        clock=clock or SystemClock(),
        seeds=seeds,
        settings=SqliteSettings(settings.queue_limit, settings.journal_rows),
        holder=holder,
    )


def token_path(settings: Settings) -> Path:
    """Return the file that holds the admin token: beside the data, or by port for a server in memory."""
    path = config.data_path(settings)
    return path.with_name(path.name + ".token") if path else config.data_folder() / f"memory-{settings.port}.token"


def admin(settings: Settings) -> Admin:
    """Return the admin endpoints with a new token, written where the command line finds it."""
    token, path = secrets.token_urlsafe(32), token_path(settings)
    credentials_file.write_private(path, token + "\n")
    return Admin(token, bounds(settings), str(path))


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready to run, and what it must let go of afterwards."""

    server: "Server"
    store: SqliteStore
    close: Callable[[], None]


def serve(settings: Settings) -> int:
    """Run a server until it is told to stop; return its exit status."""
    from uvicorn import Config, Server

    parts = _edge(settings)
    edge, opened = parts
    server = Server(
        Config(
            edge,
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    failed: list[str] = []

    def fatal(sentence: str) -> None:
        failed.append(sentence)
        sys.stderr.write(sentence + "\n")
        server.should_exit = True

    opened.on_fatal = fatal
    try:
        server.run()
    finally:
        opened.close()
        if config.data_path(settings) is None:
            token_path(settings).unlink(missing_ok=True)
    return 1 if failed or not server.started else 0


def _edge(settings: Settings) -> tuple[Edge, SqliteStore]:
    machine = SystemClock()
    front = gateway(settings)
    opened = store(settings, holder=f"the server at http://{settings.host}:{settings.port}", clock=machine)
    try:
        back = admin(settings)
        stream = os.fdopen(os.dup(2), "w", buffering=1 << 16)
        edge = Edge(front, opened, back, machine.wall, audit.to_stream(settings.log_format, stream))
    except BaseException:
        opened.close()
        raise
    back.answered = edge.answered
    return edge, opened
