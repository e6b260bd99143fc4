"""Access keys, for which every request asks, and which are therefore remembered."""

from typing import TYPE_CHECKING

from isthmus.domain.access_keys import looks_issued
from isthmus.domain.accounts import AccessKey
from isthmus.store.rows import Rows
from isthmus.store.tables import ACCESS_KEYS

if TYPE_CHECKING:
    from isthmus.store.unit import Unit


class KeyRows(Rows[AccessKey]):
    """Access keys, which are remembered between units (`Memo`)."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, ACCESS_KEYS)

    def get(self, row_id: str) -> AccessKey | None:
        """Return a key by its id, from memory where that is as good. An account's digits, for one, are no key's."""
        if not looks_issued(row_id):
            return None
        keys = self._unit.memo.keys
        found = keys.get(row_id) or super().get(row_id)
        if found is not None:
            keys.keep(row_id, found)
        return found

    def put(self, row: AccessKey) -> AccessKey:
        """Save a key."""
        saved = super().put(row)
        self.renew()
        return saved

    def delete(self, row: AccessKey) -> None:
        """Delete a key."""
        super().delete(row)
        self.renew()

    def renew(self) -> None:
        """Let every server forget the keys that it remembers, once the unit is committed; this one does so at once."""
        sql = "UPDATE server_state SET authorization_generation = authorization_generation + 1"
        self._unit.engine.later(sql)
        self._unit.memo.keys.spoil()
