"""Where a request came from, asked for by condition keys, and so worked out only then."""

from typing import NamedTuple

from isthmus.gateway import guard
from isthmus.gateway.guard import Bounds
from isthmus.wire.http import HttpRequest


class RequestOrigin(NamedTuple):
    """A request, and what tells a trusted proxy from a caller."""

    http: HttpRequest
    bounds: Bounds

    def source_ip(self) -> str | None:
        """Return the caller's address, None where it comes from none (I101)."""
        return guard.source(self.http, self.bounds) or None

    def is_secure(self) -> bool:
        """Tell whether the caller spoke TLS, to us or to a trusted proxy (I29, I95)."""
        return guard.is_secure(self.http, self.bounds)

    def header(self, name: str) -> str | None:
        """Return the header of that lower-case name."""
        return self.http.header(name)
