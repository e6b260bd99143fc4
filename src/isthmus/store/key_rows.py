"""Access keys, for which every request asks, and which are therefore remembered together with who holds them.

A temporary key that brings more along than its expiry has a session beside it, with which it is made and goes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from isthmus.domain.access_keys import looks_issued
from isthmus.domain.accounts import ROLE, ROOT, USER, AccessKey, IssuedKey
from isthmus.store.rows import Rows
from isthmus.store.tables import ACCESS_KEYS, SESSIONS

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

KEPT_AFTER_EXPIRY: Final = 86_400_000
"""Milliseconds of service time for which an expired key is kept, so that its holder is told that it has expired (I33)."""

_ISSUED: Final = (
    f"SELECT iam_user.path, iam_user.name, iam_role.path, iam_role.name, {SESSIONS.picked}, {ACCESS_KEYS.picked} "
    "FROM access_key LEFT JOIN iam_user ON iam_user.id = access_key.holder_id "
    "LEFT JOIN iam_role ON iam_role.id = access_key.holder_id "
    "LEFT JOIN sts_session ON sts_session.id = access_key.id WHERE access_key.id = ?"
)
_NAMES: Final = 4
_SESSION_END: Final = _NAMES + len(SESSIONS.columns)
_LONG_TERM: Final = (
    f"SELECT {ACCESS_KEYS.picked} FROM access_key WHERE account = ? AND holder_id = ? AND session_token IS NULL ORDER BY seq"
)
_OF_HOLDER: Final = "SELECT id FROM access_key WHERE account = ? AND holder_id = ? AND session_token IS NOT NULL"
_EXPIRED: Final = "SELECT id FROM access_key WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
_STAY_OVER: Final = "UPDATE access_key SET expires_at = ? WHERE expires_at > ? AND expires_at <= ?"


class KeyRows(Rows[AccessKey]):
    """Access keys, which are remembered between units (`Memo`)."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, ACCESS_KEYS)

    def issued(self, key_id: str) -> IssuedKey | None:
        """Return a key with its holder, from memory where that is as good. An account's digits, for one, are no key's.

        A key whose user or role is gone is nobody's, and so there is none.
        """
        keys = self._unit.memo.keys
        found = keys.get(key_id)
        if found is None and looks_issued(key_id):
            found = self._read(key_id)
            if found is not None:
                keys.keep(key_id, found)
        return found

    def _read(self, key_id: str) -> IssuedKey | None:
        for values in self._unit.engine.query(_ISSUED, (key_id,)):
            user_path, user_name, role_path, role_name = values[:_NAMES]
            session = SESSIONS.decode(values[_NAMES:_SESSION_END]) if values[_NAMES] is not None else None
            key = self.table.decode(values[_SESSION_END:])
            if user_name is not None:
                return IssuedKey(key, f"{USER}{user_path}{user_name}", session)
            if role_name is not None and session is not None:
                return IssuedKey(key, f"{ROLE}{role_path}{role_name}", session)
            if not key.holder_id:
                return IssuedKey(key, ROOT, session)
        return None

    def long_term(self, account: str, holder_id: str = "") -> list[AccessKey]:
        """Return the long-term keys of a user, or of an account's root, oldest first."""
        return self._rows(_LONG_TERM, (account, holder_id))

    # --- writes -------------------------------------------------------------------------------------------------------

    def put(self, row: AccessKey) -> AccessKey:
        """Save a key. A new one is no news to anybody: nobody remembers that there is none."""
        saved = super().put(row)
        if row.version == 0:
            self._unit.memo.keys.hold()
        else:
            self._unit.changed_authorizations()
        return saved

    def delete(self, row: AccessKey) -> None:
        """Delete a key."""
        super().delete(row)
        self._unit.changed_authorizations()

    def end_sessions(self, account: str, holder_id: str) -> None:
        """Delete the temporary keys of a user or a role that is about to go (I7)."""
        self._unit.writes()
        self._end([row[0] for row in self._unit.engine.query(_OF_HOLDER, (account, holder_id))])

    def forget_expired(self, limit: int) -> int:
        """Delete the first keys that expired a while ago; return how many."""
        self._unit.writes()
        chosen = [row[0] for row in self._unit.engine.query(_EXPIRED, (self._unit.now - KEPT_AFTER_EXPIRY, limit))]
        self._end(chosen)
        return len(chosen)

    def _end(self, key_ids: Sequence[str]) -> None:
        if not key_ids:
            return
        engine = self._unit.engine
        for table in (SESSIONS.name, ACCESS_KEYS.name):
            engine.execute(f"DELETE FROM {table} WHERE id {engine.several}", (engine.pack(key_ids),))
        self._unit.changed_authorizations()

    def stay_expired(self, now: int, before: int) -> None:
        """Keep what has expired from coming back when service time goes back to `now` from what it was `before` (ADR 7)."""
        if now < before and self._unit.engine.execute(_STAY_OVER, (now, now, before)):
            self._unit.changed_authorizations()
