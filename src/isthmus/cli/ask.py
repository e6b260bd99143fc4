"""Whom a command asks: a running server over its own endpoints, or a file that no server has open."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from isthmus.config import DEFAULT_PORT, MEMORY, POSTGRES

DEFAULT_ENDPOINT: Final = f"http://127.0.0.1:{DEFAULT_PORT}"
PREFIX: Final = "/_isthmus/"
TIMEOUT_SECONDS: Final = 60.0
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,200}")
LOOPBACK: Final = re.compile(r"localhost|127(\.\d+){3}|::1")

F = TypeVar("F", bound=Callable[..., Any])
Ask = Callable[[str, str, Mapping[str, Any]], Any]
"""Takes a method, a path below the prefix and arguments; returns the answer, a failed one as a ClickException."""


class RefusedError(click.ClickException):
    """The server said no; `content` is all that it said."""

    def __init__(self, message: str, content: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Take the sentence that tells it, and the answer."""
        super().__init__(message)
        self.content = content if isinstance(content, dict) else {}


class Target:
    """What the options of a command say about whom to ask."""

    def __init__(self, endpoint: str | None, token_file: str | None, data: str | None = None) -> None:
        """Take the options as they were given. Raises `UsageError` where they contradict each other."""
        if endpoint is not None and data is not None:
            raise click.UsageError("Say either --endpoint, for a running server, or --data, for its file.")
        if data == MEMORY:
            raise click.UsageError("What a server keeps in memory is reached over its --endpoint only.")
        self.endpoint = endpoint if endpoint is not None else os.environ.get("ISTHMUS_ENDPOINT") or DEFAULT_ENDPOINT
        self.token_file, self.data = token_file or os.environ.get("ISTHMUS_TOKEN_FILE"), data

    @contextmanager
    def open(self, *, may_create: bool = False, is_trial: bool = False) -> Iterator[Ask]:
        """Yield how to ask; a file stays locked meanwhile. A trial on a file that is not there makes none."""
        if self.data is None:
            yield Remote(self.endpoint, self.token_file)
            return
        if self.data.startswith(POSTGRES):
            with _unserved(data=self.data, connections="1") as ask:
                yield ask
            return
        path = Path(self.data).expanduser()
        if not may_create and not path.exists():
            raise click.ClickException(f"There is no file {path}. `isthmus serve --data {path}` would make it.")
        with _unserved(data=MEMORY) if is_trial and not path.exists() else _of_file(path) as ask:
            yield ask


@contextmanager
def _of_file(path: Path) -> Iterator[Ask]:
    """Open the file, or where a server has it open, ask that server."""
    from isthmus import bootstrap, config
    from isthmus.store.api import StoreInUseError

    settings = config.load({"data": str(path)})
    opened = bootstrap.unserved(settings)
    try:
        perform = opened.__enter__()
    except StoreInUseError:
        endpoint = bootstrap.server_of(path)
        if endpoint is None:
            raise
        yield Remote(endpoint, str(bootstrap.token_path(settings)))
        return
    with _left(opened):
        yield _asking(perform)


@contextmanager
def _unserved(**settings: str) -> Iterator[Ask]:
    """Work on an empty store, or on a database beside the servers that have it open: they all see what is committed."""
    from isthmus import bootstrap, config

    with bootstrap.unserved(config.load(settings)) as perform:
        yield _asking(perform)


def _asking(perform: Any) -> Ask:  # noqa: ANN401 - `Admin.perform` of a store, whose types need not be loaded for their names
    return lambda method, name, args: _checked(*_read(perform(method, PREFIX + name, args)))


@contextmanager
def _left(opened: Any) -> Iterator[None]:  # noqa: ANN401 - a context manager that was entered
    try:
        yield
    finally:
        opened.__exit__(None, None, None)


def _read(answer: Any) -> tuple[int, bytes]:  # noqa: ANN401 - an HttpResponse, whose module need not be loaded for its name
    return answer.status, answer.body


class Remote:
    """A running server."""

    def __init__(self, endpoint: str, token_file: str | None) -> None:
        """Speak to the server at a URL, with the token in a file or where the server says that it lies."""
        self.endpoint = endpoint.rstrip("/")
        self.scheme, self.host, self.port = _parts(endpoint)
        self._token_file = token_file
        self._token = ""

    def __call__(self, method: str, name: str, args: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Ask for something that needs the token."""
        self._token = self._token or self._find_token()
        status, body = self.send(method, name, args, {"authorization": f"Bearer {self._token}"})
        if status == 401:
            raise click.ClickException(
                f"The server at {self.endpoint} does not take this token; it makes a new one whenever it starts. Name "
                "the file beside its data with --token-file."
            )
        return _checked(status, body)

    def health(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Ask whether it lives."""
        return _checked(*self.send("GET", "health", {}, {}))

    def send(self, method: str, name: str, args: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a request; a server that does not answer is told as a sentence with what to do next."""
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        kind = HTTPSConnection if self.scheme == "https" else HTTPConnection
        connection = kind(self.host, self.port, timeout=TIMEOUT_SECONDS)
        body = json.dumps(args) if args else None
        try:
            connection.request(method, PREFIX + name, body, {**headers, "content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            raise click.ClickException(
                f"No server answers at {self.endpoint} ({_reason(error)}). Start one with `isthmus serve`, name another "
                "with --endpoint, or work on its file with --data FILE."
            ) from None
        finally:
            connection.close()

    def _find_token(self) -> str:
        path = Path(self._token_file or self._told_token_file()).expanduser()
        from isthmus.gateway.credentials_file import read_private

        try:
            token = read_private(path).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(
                f"The token of the server at {self.endpoint} cannot be read from {path} ({_reason(error)}). Name a copy "
                "of it with --token-file, or run this as the server's user."
            ) from None
        if not TOKEN.fullmatch(token):
            raise click.ClickException(f"{path} holds no token of an Isthmus server.")
        return token

    def _told_token_file(self) -> str:
        """Where the server says its token lies. Believed of this machine's servers only, and of a file that looks like one:
        whoever answers at the address must not be sent just any file.
        """
        told = str(self.health().get("token_file", ""))
        if not LOOPBACK.fullmatch(self.host) or not told.endswith(".token"):
            raise click.ClickException(
                f"The server at {self.endpoint} is not on this machine. Copy its token file here, with mode 600, and name "
                "it with --token-file."
            )
        return told


def _parts(endpoint: str) -> tuple[str, str, int | None]:
    """Take a server's URL apart: scheme, host and port."""
    try:
        parts = urlsplit(endpoint)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:  # a bracket that is open, a port that is none
        scheme, host, port = "", "", None
    if not host or scheme not in ("http", "https"):
        raise click.UsageError(f"{endpoint!r} is no endpoint; write it like {DEFAULT_ENDPOINT}.")
    return scheme, host, port


def _reason(error: Exception) -> str:
    """What went wrong in words: Python puts the error's number before them, and the path behind."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _checked(status: int, body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return an answer's content; raise where the server said no."""
    try:
        content = json.loads(body)
    except ValueError:
        content = body.decode("utf-8", "replace")
    if status < 400:
        return content
    why = content.get("error", content) if isinstance(content, dict) else str(content).strip()
    raise RefusedError(str(why) or f"The server answered with status {status}.", content)


def server_options(command: F) -> F:
    """Add the options that name a running server."""
    endpoint = click.option(
        "--endpoint", metavar="URL", help=f"The server. Default: ISTHMUS_ENDPOINT, else {DEFAULT_ENDPOINT}."
    )
    token = click.option(
        "--token-file", metavar="FILE", help="Its token. Default: ISTHMUS_TOKEN_FILE, else the file that the server names."
    )
    return endpoint(token(command))


def target_options(command: F) -> F:
    """Add the options that name a running server or a file."""
    data = click.option(
        "--data", metavar="FILE|URL", help="Work on this file or database; a server that has a file open is asked instead."
    )
    return server_options(data(command))


json_option: Final = click.option("--json", "wants_json", is_flag=True, help="Answer in JSON.")
