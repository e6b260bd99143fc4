"""Access keys, for which every request asks, and which are therefore remembered together with who holds them."""

from typing import TYPE_CHECKING, Final

from isthmus.domain.access_keys import looks_issued
from isthmus.domain.accounts import ROOT, USER, AccessKey, IssuedKey
from isthmus.store.rows import Rows
from isthmus.store.tables import ACCESS_KEYS

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

_ISSUED: Final = (
    f"SELECT iam_user.path, iam_user.name, {ACCESS_KEYS.picked} FROM access_key "
    "LEFT JOIN iam_user ON iam_user.id = access_key.user_id WHERE access_key.id = ?"
)


class KeyRows(Rows[AccessKey]):
    """Access keys, which are remembered between units (`Memo`)."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, ACCESS_KEYS)

    def issued(self, key_id: str) -> IssuedKey | None:
        """Return a key with its holder, from memory where that is as good. An account's digits, for one, are no key's.

        A key whose user is gone is nobody's, and so there is none.
        """
        if not looks_issued(key_id):
            return None
        keys = self._unit.memo.keys
        found = keys.get(key_id) or self._read(key_id)
        if found is not None:
            keys.keep(key_id, found)
        return found

    def _read(self, key_id: str) -> IssuedKey | None:
        for path, name, *values in self._unit.engine.query(_ISSUED, (key_id,)):
            key = self.table.decode(values)
            if name is not None:
                return IssuedKey(key, f"{USER}{path}{name}")
            if not key.user_id:
                return IssuedKey(key, ROOT)
        return None

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
