"""A server in the test's own process: real store, real gateway, no socket.

boto3 clients made here send their requests, signed and serialized as ever, straight into the gateway.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from isthmus import bootstrap
from isthmus.actions.call import Identifiers, RandomIdentifiers
from isthmus.config import Settings
from isthmus.domain import errors
from isthmus.domain.errors import ApiError, Conflict
from isthmus.gateway.asgi import METHODS, WRONG_METHOD, waits
from isthmus.gateway.handle import Gateway, unavailable
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

    def close(self) -> None:
        """Let the store go."""
        self.store.close()

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
        """Return a boto3 client whose requests end here; `account` is an access key id (in open mode, the account)."""
        from botocore.config import Config

        config = Config(retries={"max_attempts": 0}, parameter_validation=more.pop("validate", True))
        made = _session().client(
            service,
            region_name=region,
            endpoint_url=ENDPOINT,
            config=config,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            **more,
        )
        made.meta.events.register("before-send", self._before_send)
        return made

    def _before_send(self, request: "AWSPreparedRequest", **_: object) -> "AWSResponse":
        from botocore.awsrequest import AWSResponse

        url = urlsplit(request.url)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {name: _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        answer = self.send(request.method, target, headers, body.encode() if isinstance(body, str) else bytes(body))
        return AWSResponse(request.url, answer.status, _Headers(answer.headers), _Raw(answer.body))


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
