"""Whether servers use a database, which nothing but their sessions tells.

There is no lock that a server could hold: behind a proxy which hands sessions out by transaction no session is a server's
own (ADR 23). Such a proxy keeps sessions for minutes after the last server has gone, and may lend us the one that a server
has just used. So where we come through a proxy a session alone says nothing; one that works does, and a server's does so
each time it looks for due steps.
"""

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from isthmus.store.api import StoreInUseError
from isthmus.store.pipeline import APPLICATION, Row, masked
from isthmus.store.postgres_schema import reached

if TYPE_CHECKING:
    import psycopg

Connection: TypeAlias = "psycopg.Connection[Any]"

LEAVING_SECONDS: Final = 1.0
"""A connection that was closed is listed for a moment more."""
LONGEST_SECONDS: Final = 30.0
"""For which a server is waited for that perhaps does something."""
PAUSE_SECONDS: Final = 0.05
_AFRESH: Final = b"SELECT pg_stat_clear_snapshot()"
_SESSIONS: Final = f"""
SELECT pid, coalesce(host(client_addr), 'this machine'), state, backend_start, state_change
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND application_name IN ('{APPLICATION}', current_setting('application_name'))
""".encode()


def check_unserved(url: str, poll_seconds: float) -> None:
    """Raise `StoreInUseError` while others of ours have the database open; idle servers look every so many seconds.

    A server keeps in mind what an import replaces, the installation's name above all. One that starts in this moment is not
    seen.
    """
    with reached(url) as connection:
        found = _working(connection, poll_seconds) if _is_proxied(connection) else _staying(connection)
    if found is not None:
        raise StoreInUseError(
            f"{masked(url)} is in use: Isthmus has it open (session {found[0]} of PostgreSQL, from {found[1]}). Stop its "
            "servers first, or name another with --data. If only a proxy keeps that session still, import through the proxy."
        )


def _is_proxied(connection: Connection) -> bool:
    """A proxy tells whoever connects a process number of its own making."""
    return connection.execute(b"SELECT pg_backend_pid()").fetchone() != (connection.info.backend_pid,)


def _staying(connection: Connection) -> Row | None:
    """Return another session of ours that does not go away."""
    until = time.monotonic() + LEAVING_SECONDS
    while (seen := _sessions(connection)) and time.monotonic() < until:
        time.sleep(PAUSE_SECONDS)
    return seen[0] if seen else None


def _working(connection: Connection, poll_seconds: float) -> Row | None:
    """Return another session of ours that does something while an idle server would look twice."""
    until = time.monotonic() + min(1 + 2 * poll_seconds, LONGEST_SECONDS)
    known = _sessions(connection)
    while time.monotonic() < until:
        for session in _sessions(connection):
            if session not in known or session[2] != "idle":  # None where this user may not see what it does
                return session
        time.sleep(PAUSE_SECONDS)
    return None


def _sessions(connection: Connection) -> list[Row]:
    connection.execute(_AFRESH)  # which a transaction does not do by itself
    return connection.execute(_SESSIONS).fetchall()
