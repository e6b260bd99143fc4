"""Tags: each is one account's in one Region, also where it is on an object that two of them see."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isthmus.store.rows import Rows
from isthmus.store.tables import TAGS, Tag

if TYPE_CHECKING:
    from isthmus.store.unit import Unit


class TagRows(Rows[Tag]):
    """Tags, by (account, Region) and object."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, TAGS)

    def of(self, account: str, region: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the tags of several objects as this account has them in this Region; objects without any are left out."""
        if not ids:
            return {}
        found: dict[str, dict[str, str]] = {}
        for resource_id, key, value in self._unit.engine.query(*self._tags_of(account, region, ids)):
            found.setdefault(resource_id, {})[key] = value
        return found

    def ahead_of(self, account: str, region: str, ids: Sequence[str]) -> None:
        """Announce `of` with the same arguments."""
        if ids:
            self._unit.engine.ahead(*self._tags_of(account, region, ids))

    def _tags_of(self, account: str, region: str, ids: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        one, engine = len(ids) == 1, self._unit.engine
        which = "= ?" if one else engine.several
        sql = f"SELECT resource_id, key, value FROM tag WHERE account = ? AND region = ? AND resource_id {which}"
        return sql + " ORDER BY +seq", (account, region, ids[0] if one else engine.pack(ids))

    def replace(self, account: str, region: str, kind: str, row: Any, tags: Mapping[str, str]) -> None:  # noqa: ANN401
        """Set these tags on an object of the given kind; its other tags stay (S596)."""
        self._unit.writes()
        for key, value in tags.items():
            self._unit.engine.later(
                "INSERT INTO tag (account, region, resource_id, resource_seq, resource_type, key, value, version) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (account, region, resource_id, key) "
                "DO UPDATE SET value = excluded.value, version = tag.version + 1",
                (account, region, row.id, row.seq, kind, key, value),
            )
        if tags:
            self._unit.changed_part(row.id)

    def remove_keys(self, account: str, region: str, resource_id: str, keys: Sequence[str]) -> None:
        """Remove the named tags from an object (S597)."""
        self._unit.writes()
        self._unit.engine.later(
            f"DELETE FROM tag WHERE account = ? AND region = ? AND resource_id = ? AND key {self._unit.engine.several}",
            (account, region, resource_id, self._unit.engine.pack(keys)),
        )
        if keys:
            self._unit.changed_part(resource_id)

    def forget(self, row: Any) -> None:  # noqa: ANN401 - any resource
        """Remove the tags of an object that its one owner deleted."""
        self.forget_at((row.account, row.region), row.id)

    def forget_at(self, place: tuple[str, str], resource_id: str) -> None:
        """Remove one place's tags of an object."""
        self._unit.engine.later(
            "DELETE FROM tag WHERE account = ? AND region = ? AND resource_id = ?", (*place, resource_id)
        )
