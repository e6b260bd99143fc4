# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus serve`: runs a server, and says on standard error what was started and how to stop it."""

import errno
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from isthmus.config import Settings

OPTIONS: Final[dict[str, tuple[str, str]]] = {
    "host": ("ADDRESS", "The address to listen on. Default: 127.0.0.1"),
    "port": ("PORT", "The port to listen on; 0 takes a free one. Default: 4510"),
    "data": (
        "FILE|URL",
        "A file, postgresql://user@host/name, or `memory`. Default: isthmus.db in the user's data directory",
    ),
    "auth": ("open|enforce", "Who is believed. Default: open on loopback, enforce elsewhere"),
    "allow_host": ("NAME,...", "Further names that clients may call this server by"),
    "trusted_proxy": ("CIDR,...", "Proxies whose X-Forwarded-For is believed"),
    "log_format": ("text|json|none", "The audit log, a line per request on standard error. Default: text"),
    "profile": ("instant|realistic", "How long transitional states last. Default: instant"),
    "delays": ("NAME=SECONDS,...", "The same, one by one: initiating_seconds, provisioning_seconds, deleting_seconds"),
    "quotas": ("default|real", "Which quotas hold: EC2's own with `real`. Default: peering's are real, others 100 times"),
    "quota": ("NAME=NUMBER,...", "Single quotas by name, over those"),
    "default_account": ("ID", "In open mode, the account of an access key id that names none. Default: 000000000000"),
    "default_region": ("REGION", "The Region of a request that names none. Default: us-east-1"),
    "signature_window_seconds": ("SECONDS", "How far a signature's date may be off, 300 to 900. Default: 900"),
    "drain_seconds": ("SECONDS", "How long, once told to stop, to go on answering while `health` says no. Default: 0"),
    "max_unpaged_items": ("NUMBER", "The most items that an unpaged Describe answers. Default: 10000"),
    "journal_rows": ("NUMBER", "How many entries the journal keeps. Default: 100000"),
    "queue_limit": ("NUMBER", "How many writes may wait before clients are told to slow down. Default: 10000"),
    "workers": (
        "NUMBER",
        "On PostgreSQL, how many processes serve the port; one for each core is a good number. Default: 1",
    ),
    "connections": ("NUMBER", "On PostgreSQL, how many connections each worker may have. Default: 3"),
    "prepared_statements": (
        "true|false",
        "On PostgreSQL, whether it keeps statements; say false behind a proxy that forgets them. Default: true",
    ),
    "database_seconds": ("SECONDS", "On PostgreSQL, how long an answer may take before it counts as lost. Default: 30"),
    "poll_seconds": ("SECONDS", "On PostgreSQL, how often an idle server looks for due steps of others. Default: 1"),
    "start_file": (
        "FILE",
        "Accounts, users, roles and policies to have from the start, in TOML, YAML or JSON (`isthmus apply`). Default: none",
    ),
    "credentials": (
        "FILE",
        "The credentials file of `isthmus accounts`; must be private. Default: in the user's data directory",
    ),
}
"""Every setting that takes a value, as the command line and its help name it."""


def _setting_options(command: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(OPTIONS):
        metavar, text = OPTIONS[name]
        command = click.option(f"--{name.replace('_', '-')}", name, metavar=metavar, help=f"{text}.")(command)
    return command


@click.command()
@click.option("--config", metavar="FILE", help="A TOML file with settings, named as the options with _ for -.")
@_setting_options
@click.option("--allow-open-network", is_flag=True, default=None, help="Let --auth open be reached beyond loopback.")
@click.option("--ready-file", metavar="FILE", help="Write the server's URL here once clients can connect.")
def serve(ready_file: str | None, **given: Any) -> None:  # noqa: ANN401 - typed by config.load
    """Run a server until Ctrl-C or SIGTERM.

    Every option is a setting, which may also stand in a TOML file (--config, else config.toml in the user's
    configuration directory) or in the environment, as ISTHMUS_PORT for --port. The command line wins over the
    environment, the environment over the file.

    \b
    Examples:
      isthmus serve                                   on http://127.0.0.1:4510
      isthmus serve --data memory --port 0            on a free port, nothing kept
      isthmus serve --profile realistic --quotas real
      isthmus serve --auth enforce --log-format json
      ISTHMUS_PORT=4600 isthmus serve --config isthmus.toml
    """
    from isthmus import config, serving

    settings = config.load(given)
    _warn(settings)
    announced = _Announcement(Path(ready_file) if ready_file else None)
    announced.prepare()
    try:
        status = serving.serve(settings, announced, taken=announced.clear)
    finally:
        announced.withdraw()
    sys.exit(status)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _warn(settings: "Settings") -> None:
    from isthmus import bootstrap

    mode = bootstrap.identity(settings).mode.value
    if mode == "open" and not bootstrap.is_loopback(settings.host):
        warning = (
            "WARNING: this server is OPEN BEYOND LOOPBACK. Whoever reaches it over the network can act as any account, "
            "without a key. Use --auth enforce unless the network is yours alone."
        )
        _say(click.style(warning, fg="red", bold=True) if sys.stderr.isatty() else warning)


MODES: Final[Mapping[str, str]] = {
    "open": "open: a 12-digit access key id is the account, and its signature is not checked",
    "enforce": "enforce: only issued keys, every signature checked (isthmus accounts create NAME)",
}


class _Announcement:
    """Tells people on standard error, and scripts by a file, that the server is ready."""

    def __init__(self, ready_file: Path | None) -> None:
        self._file = ready_file
        self._url = ""

    def prepare(self) -> None:
        """Raise where the file cannot be written: now, not once clients connect. What is in it may be a running server's."""
        if self._file is None:
            return
        try:
            if self._file.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            draft = _draft(self._file)
            draft.touch()
            draft.unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def clear(self) -> None:
        """Remove what a killed server left. Port and data are ours by now, so no server that has them wrote it."""
        try:
            if self._file:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> click.ClickException:
        return click.ClickException(
            f"The ready file {self._file} cannot be written: {error.strerror}. Choose another with --ready-file."
        )

    def __call__(self, settings: "Settings") -> None:
        from isthmus import __version__, bootstrap, serving

        url = serving.address(settings)
        _say(
            f"Isthmus {__version__} listens on {settings.host} port {settings.port}\n"
            f"  data  {_data(settings)}\n"
            f"  auth  {MODES[bootstrap.identity(settings).mode.value]}\n"
            + (f"  work  {settings.workers} processes\n" if settings.workers > 1 else "")
            + (f"  file  {_applied(settings)}\n" if settings.start_file else "")
            + f"  stop  Ctrl-C or kill {os.getpid()}: what was accepted is finished first\n"
            f"ready {url}"
        )
        self._url = url
        if self._file:
            _write_whole(self._file, url + "\n")

    def withdraw(self) -> None:
        """A server that has stopped is not ready, and says so. The file goes unless another server has written it since."""
        if not self._url:
            return
        with suppress(OSError):
            if self._file and self._file.read_text(encoding="utf-8").strip() == self._url:
                self._file.unlink()
        with suppress(OSError):  # whoever read what we say may have gone
            _say("stopped")


def _applied(settings: "Settings") -> str:
    from isthmus import config

    return f"{settings.start_file} is applied; new keys are in {config.credentials_path(settings)}"


def _data(settings: "Settings") -> str:
    from isthmus import config

    if url := config.database_url(settings):
        from isthmus.store.pipeline import masked

        return masked(url)
    return str(config.data_path(settings) or "in memory: gone when the server stops")


def _write_whole(path: Path, text: str) -> None:
    """Write a file that appears with its content: whoever waits for it reads at once."""
    draft = _draft(path)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
