"""HTTP requests and answers as plain values: what the network edge hands in and takes back.

Nothing here knows a socket, so that a test or an in-process client makes a request as the network does.
"""

from msgspec import Struct


class HttpRequest(Struct, frozen=True):
    """One request as it came over the wire, before anything in it is believed.

    `path` and `query` are raw: percent-encoded as received, without the `?`. Names of `headers` are lower case. Every
    text is the received bytes decoded as Latin-1, so that encoding it gives them back: a signature covers bytes.
    `peer` is the address of the other end of the connection, `is_loopback` whether that is this machine, and `secure`
    whether the connection is TLS (I29).
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    peer: str
    is_loopback: bool
    secure: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that lower-case name, or None."""
        for header, value in self.headers:
            if header == name:
                return value
        return None

    def header_values(self, name: str) -> list[str]:
        """Every header of that lower-case name, in the order received."""
        return [value for header, value in self.headers if header == name]


class HttpResponse(Struct, frozen=True):
    """One answer, whole: the edge adds only what the connection needs (length, date)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
