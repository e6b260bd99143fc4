"""A server in the test's own process: real store, real gateway, no socket.

boto3 clients made here send their requests, signed and serialized as ever, straight into the gateway.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from isthmus import bootstrap
from isthmus.actions.call import Identifiers, RandomIdentifiers
from isthmus.config import Settings
from isthmus.domain import errors
from isthmus.domain.errors import ApiError, Conflict
from isthmus.gateway.asgi import METHODS, WRONG_METHOD
from isthmus.gateway.handle import Gateway, unavailable
from isthmus.gateway.races import waits
from isthmus.store.clock import Clock, ManualClock, Seeds, counted_seeds, system_seeds
from isthmus.wire.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

ENDPOINT = "http://127.0.0.1:4510"
ANY_SECRET = "unchecked"  # noqa: S105 - see below
"""In open mode the secret of an account's digits is not looked at."""


class InProcess:
    """A server in memory (or on a file, by `data`). Same seed, same history (the architecture page's last promise)."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        seed: int | None = 1,
        identifiers: Identifiers | None = None,
    ) -> None:
        """Open a server; `seed` None makes its ids unpredictable, as in production."""
        seeds: Seeds = system_seeds if seed is None else counted_seeds(seed)
        self.clock = clock or ManualClock()
        self.settings = settings or Settings(data="memory")
        self.store = bootstrap.store(self.settings, clock=self.clock, seeds=seeds)
        self.gateway: Gateway = bootstrap.gateway(self.settings, identifiers or RandomIdentifiers())
        self._clients: list[tuple[tuple[Any, ...], _Wired]] = []

    def close(self) -> None:
        """Let the store and the clients go."""
        self.store.close()
        for asked, wired in self._clients:
            _IDLE[asked].append(wired)
        self._clients.clear()

    def __enter__(self) -> Self:
        """Use the server as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def send(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> HttpResponse:
        """Answer one raw request, as the network edge would."""
        if method not in METHODS:
            return WRONG_METHOD
        path, _, query = target.partition("?")
        named = tuple((name.lower(), value) for name, value in {"host": "127.0.0.1:4510", **(headers or {})}.items())
        incoming = self.gateway.read(HttpRequest(method, path, query, named, body, "127.0.0.1", is_loopback=True))
        for wait in (0.0, *waits()):
            time.sleep(wait)
            try:
                return self.store.run_now(incoming.kind, lambda unit: self.gateway.handle(incoming, unit))
            except Conflict:
                continue
            except ApiError as error:
                return unavailable(incoming, error)
        return unavailable(incoming, errors.unavailable())

    def client(
        self,
        account: str = "111111111111",
        region: str = "us-east-1",
        service: str = "ec2",
        *,
        secret: str = ANY_SECRET,
        **more: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 - boto3 has no types
        """Return a boto3 client whose requests end here; `account` is an access key id (in open mode, the account).

        Making a client takes longer than most tests, so one that an earlier server has let go is used again.
        """
        asked = (account, region, service, secret, *sorted(more.items()))
        idle = _IDLE.setdefault(asked, [])
        wired = idle.pop() if idle else _make_client(account, region, service, secret, **more)
        wired.wire.server = self
        self._clients.append((asked, wired))
        return wired.client

    def answer(self, request: "AWSPreparedRequest") -> "AWSResponse":
        """Answer what a boto3 client is about to send."""
        from botocore.awsrequest import AWSResponse

        url = urlsplit(request.url)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {name: _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        answer = self.send(request.method, target, headers, body.encode() if isinstance(body, str) else bytes(body))
        return AWSResponse(request.url, answer.status, _Headers(answer.headers), _Raw(answer.body))


class _Wire:
    """Leads a client's requests to the server that has it at present."""

    server: InProcess

    def __call__(self, request: "AWSPreparedRequest", **_: object) -> "AWSResponse":
        return self.server.answer(request)


class _Wired(NamedTuple):
    client: Any
    wire: _Wire


_IDLE: dict[tuple[Any, ...], list[_Wired]] = {}
"""Clients that a closed server has let go, by what they were made for."""


def _make_client(account: str, region: str, service: str, secret: str, *, validate: bool = True, **more: str) -> _Wired:
    from botocore.config import Config

    wire = _Wire()
    made = _session().client(
        service,
        region_name=region,
        endpoint_url=ENDPOINT,
        config=Config(retries={"max_attempts": 0}, parameter_validation=validate),
        aws_access_key_id=account,
        aws_secret_access_key=secret,
        **more,
    )
    made.meta.events.register("before-send", wire)
    return _Wired(made, wire)


@cache
def _session() -> Any:  # noqa: ANN401 - boto3 has no types
    """Return the session that all clients share: reading the service model takes longer than most tests."""
    import boto3

    return boto3.Session()


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


class _Headers(dict[str, str]):
    """The headers of an answer, as botocore reads them."""


class _Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        """Return the whole body at once."""
        return [self._body]
