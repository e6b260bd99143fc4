"""Requests as a client sends them, over one kept connection and without an SDK's retries, to a server in open mode."""

import http.client
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

VERSION = "2016-11-15"
CUT = (OSError, http.client.HTTPException)
"""What a client meets when its connection is cut or its server gone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and document."""

    status: int
    body: str

    @property
    def code(self) -> str:
        """The error's code; empty where all went well."""
        return self.first("Code") if self.status != 200 else ""

    def first(self, tag: str) -> str:
        """The first element of that name that holds text; empty if there is none."""
        found = re.search(f"<{tag}>([^<]+)</{tag}>", self.body)
        return found[1] if found else ""


class Caller:
    """One connection to a server. It is opened with the first request, and never again by itself."""

    def __init__(self, url: str, timeout_seconds: float = 30.0) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_seconds)

    def ask(self, account: str, region: str, action: str, **parameters: str) -> Answer:
        """Send a request and wait for its answer. Raises one of `CUT` if none comes."""
        self.send(account, region, action, **parameters)
        return self.receive()

    def send(self, account: str, region: str, action: str, **parameters: str) -> None:
        """Send a request. Its parameters are named as EC2 names them, with `__` for a dot."""
        credential = f"{account}/20260101/{region}/ec2/aws4_request"
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={'0' * 64}",
            "content-type": "application/x-www-form-urlencoded",
        }
        dotted = {name.replace("__", "."): value for name, value in parameters.items()}
        self._connection.request("POST", "/", urlencode({"Action": action, "Version": VERSION, **dotted}), headers)

    def receive(self) -> Answer:
        """Wait for the answer to the request that was sent last."""
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.read().decode())

    def open(self) -> None:
        """Connect now, so that a request that is sent later meets the server at once."""
        self._connection.connect()

    def close(self) -> None:
        """Cut the connection, whether or not an answer is on its way."""
        self._connection.close()
