"""The one place that names concrete parts: from settings to a store, a gateway and the endpoints of our own."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from isthmus import config
from isthmus.actions.call import Identifiers, RandomIdentifiers, Rules
from isthmus.config import ConfigError, Settings
from isthmus.domain import peering, quotas, regions
from isthmus.gateway import credentials_file, guard
from isthmus.gateway.admin import Admin
from isthmus.gateway.authenticate import IdentitySettings, Mode
from isthmus.gateway.handle import Gateway
from isthmus.store.api import Kind
from isthmus.store.clock import Clock, Seeds, SystemClock, system_seeds
from isthmus.store.sqlite import SqliteSettings, SqliteStore, Work
from isthmus.wire.http import HttpResponse

if TYPE_CHECKING:
    from isthmus.store.invariants import Invariant
    from isthmus.store.postgres import PostgresStore
    from isthmus.store.unit import UnitEngine

QUOTAS: Final = {"default": quotas.DEFAULT, "real": quotas.DOCUMENTED}
LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
"""What stands between the dots of a host name; also with the underscores of container networks."""
DATABASE: Final = b"SQLite format 3\0"
"""How a file starts that SQLite has written to."""
SERVER: Final = "the server at "
"""How a server signs the lock of its data; what follows is its address."""


def is_loopback(host: str) -> bool:
    """Tell whether a server that listens on `host` can be reached from this machine only."""
    try:
        return ip_address(host).is_loopback
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
    """Return how callers are believed.

    Raises `ConfigError` for an open server beyond loopback that nobody allowed, and for a Region that does not exist.
    """
    if settings.default_region not in regions.REGIONS:
        raise ConfigError(f"default_region must be a Region, such as us-east-1, not {settings.default_region!r}.")
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
    for host in settings.allow_host:
        if not _is_host(host):
            raise ConfigError(
                f"allow_host must be names or addresses without scheme and port, such as isthmus.example.org, not {host!r}."
            )
    return guard.Bounds(settings.host, frozenset(host.lower() for host in settings.allow_host), proxies)


def _is_host(text: str) -> bool:
    """Tell whether a Host header can name this; an address of IPv6 is compared without its brackets."""
    labels = text.split(".")
    return (":" in text and _is_address(text)) or all(LABEL.fullmatch(label) for label in labels)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def gateway(settings: Settings, identifiers: Identifiers | None = None) -> Gateway:
    """Return the gateway of these settings."""
    return Gateway(rules(settings), identity(settings), bounds(settings), identifiers or RandomIdentifiers())


def store(
    settings: Settings, *, holder: str = "an isthmus command", clock: Clock | None = None, seeds: Seeds = system_seeds
) -> "SqliteStore | PostgresStore":
    """Open the store of these settings. A file, and its folder where that is missing, are made for their owner only.

    `clock` None is the machine's, or the database server's. Raises `ConfigError` for a file that cannot be or a driver that
    is not there, `ExposedFileError` for a file that others can read (I8), `StoreInUseError` for one that others have open.
    """
    if url := config.database_url(settings):
        return _postgres(url, settings, clock, seeds)
    path = config.data_path(settings)
    if path is not None:
        _make_private(path)
    return SqliteStore(
        path,
        clock=clock or SystemClock(),
        seeds=seeds,
        settings=SqliteSettings(settings.queue_limit, settings.journal_rows),
        holder=holder,
    )


def unshared(settings: Settings) -> "SqliteStore | PostgresStore":
    """Open the store for whoever replaces all that it holds. Raises `StoreInUseError` while a server has it open."""
    if url := config.database_url(settings):
        return _postgres(url, settings, None, system_seeds, replaces=True)
    return store(settings)


def _postgres(
    url: str, settings: Settings, clock: Clock | None, seeds: Seeds, *, looks: bool = False, replaces: bool = False
) -> "PostgresStore":
    """Open a database; who only `looks` at it neither makes nor changes its tables, who `replaces` it must be alone."""
    try:
        from isthmus.store import postgres_schema, postgres_sessions
        from isthmus.store.postgres import PostgresSettings, PostgresStore
    except ImportError as error:
        raise ConfigError(
            f"PostgreSQL needs a driver that is not installed ({error}). Say: pip install 'isthmus[postgres]'"
        ) from None
    chosen = PostgresSettings(
        connections=settings.connections,
        queue_limit=settings.queue_limit,
        journal_rows=settings.journal_rows,
        prepared_statements=settings.prepared_statements,
        patience_seconds=settings.database_seconds,
        poll_seconds=settings.poll_seconds,
    )
    if looks:
        postgres_schema.check_current(url)
    if replaces:
        postgres_sessions.check_unserved(url, settings.poll_seconds)
    return PostgresStore(url, clock=clock, seeds=seeds, settings=chosen)


def _make_private(path: Path) -> None:
    """Make the file before SQLite would, with a mode of our choice; what SQLite puts beside it takes over that mode."""
    make_folder(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, credentials_file.FILE_MODE)
        try:
            start = os.pread(descriptor, len(DATABASE), 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _cannot_be(path, error) from None
    if start not in (b"", DATABASE):  # before its mode is looked at: nobody should make somebody else's file private
        raise ConfigError(f"{path} is not a database of Isthmus. Choose another with --data.")
    check_private(path)


def make_folder(path: Path) -> None:
    """Make the folder of the data, for its owner only, where it is missing. Raises `ConfigError`."""
    try:
        path.parent.mkdir(mode=credentials_file.FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be(path, error) from None


def _cannot_be(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"The data cannot be kept in {path}: {error.strerror}. Choose another with --data.")


def check_private(path: Path) -> None:
    """Raise `ExposedFileError` for a file of secrets that others can read or write (I8)."""
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode & 0o777
        if mode & credentials_file.OTHERS:
            raise credentials_file.ExposedFileError(
                f"{path} holds secrets and others can read it (mode {mode:04o}). Make it private with "
                f"'chmod 600 {path}', and replace its keys if others use this machine."
            )


def token_path(settings: Settings) -> Path:
    """Return the file that holds the admin token: beside the data, or by port for a server without a file."""
    path = config.data_path(settings)
    kind = "postgresql" if config.database_url(settings) else "memory"
    return _beside(path, ".token") if path else config.data_folder() / f"{kind}-{settings.port}.token"


def _beside(data: Path, suffix: str) -> Path:
    """Return a file that lies beside the data; a link to the data leads to the same one, as `store/lock.py` has it."""
    real = data.resolve()
    return real.with_name(real.name + suffix)


def admin(settings: Settings) -> Admin:
    """Return the admin endpoints with a new token, written where the command line finds it."""
    token, path = os.urandom(32).hex(), token_path(settings)
    try:
        credentials_file.write_private(path, token + "\n")
    except OSError as error:
        raise ConfigError(
            f"The admin token cannot be kept in {path}: {error.strerror}. Make room and the folder writable."
        ) from None
    return Admin(token, bounds(settings), str(path.absolute()))


# --- a file without a server ------------------------------------------------------------------------------------------


class Unserved:
    """A store that nobody serves, as the admin endpoints use one: every unit runs at once."""

    def __init__(self, opened: "SqliteStore | PostgresStore") -> None:
        self._opened, self.set_offset = opened, opened.set_offset

    async def run(self, kind: Kind, work: Work[Any]) -> Any:  # noqa: ANN401 - what the work returns
        """Run a unit and return its result."""
        return self._opened.run_now(kind, work)

    async def run_alone(self, work: Work[Any]) -> Any:  # noqa: ANN401 - what the work returns
        """Run a unit that may change whatever it likes."""
        return self._opened.run_now(Kind.WRITE, work, alone=True)


Perform = Callable[[str, str, Mapping[str, Any]], HttpResponse]
"""Takes method, path and arguments of an admin endpoint."""


@contextmanager
def unserved(settings: Settings, clock: Clock | None = None) -> Iterator[Perform]:
    """Open a file that nobody serves, under a server's lock, and yield what its admin endpoints would answer.

    Raises `StoreInUseError` where somebody has it open.
    """
    import asyncio

    opened = store(settings, clock=clock)
    try:
        seen, back = Unserved(opened), Admin("", bounds(settings))
        yield lambda method, path, args: asyncio.run(back.perform(method, path, args, seen))
    finally:
        opened.close()


class Seen(NamedTuple):
    """A store as it is at one moment: its verbs, and what must hold in a store of its kind."""

    engine: "UnitEngine"
    invariants: "Sequence[Invariant]"


@contextmanager
def snapshot(settings: Settings) -> Iterator[Seen]:
    """Yield the store of these settings as it is now, to read only; a server may have it open and goes on.

    Raises `SchemaError` or `TransferError` where it cannot be read.
    """
    from isthmus.store import postgres_invariants, sqlite_file

    if url := config.database_url(settings):
        with closing(_postgres(url, settings, None, system_seeds, looks=True)) as opened, opened.snapshot() as engine:
            yield Seen(engine, postgres_invariants.INVARIANTS)
        return
    with sqlite_file.snapshot(state_file(settings)) as engine:
        yield Seen(engine, sqlite_file.INVARIANTS)


def state_file(settings: Settings) -> Path:
    """Return the file that holds the state. Raises `ConfigError` for one in memory, which is nowhere else."""
    path = config.data_path(settings)
    if path is None:
        raise ConfigError("What a server keeps in memory cannot be reached from outside. Name a file with --data.")
    return path


def server_of(data: Path) -> str | None:
    """Return the address of the server that has this file open, None where the holder is no server.

    Only to be asked while the file is locked: what a server wrote stays there when it is killed.
    """
    try:
        holder = json.loads(_beside(data, ".lock").read_text(encoding="utf-8"))["holder"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return holder.removeprefix(SERVER) if str(holder).startswith(SERVER) else None
