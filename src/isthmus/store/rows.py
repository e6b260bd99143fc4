"""The rows of one table as a handler sees them, inside one unit of work.

Everything here is common to all engines. Reads name an account and a Region unless a rule says otherwise; writes go through
`put` and `delete`, which is where a dry run stops, where a lost race is noticed and where the journal listens. Tables of
which more is asked have a class of their own, in the modules beside this one.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic

from isthmus.store.table import Row, Table

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

Hint = tuple[str, str]
"""A column with an index, and the value to look for: what a Describe drives from."""

COUNT_LIMIT: Final = 1_000


class Rows(Generic[Row]):
    """The rows of one table."""

    __slots__ = ("_by_id", "_by_place", "_unit", "table")

    def __init__(self, unit: "Unit", table: Table[Row]) -> None:
        """Bind a table to a unit; done once per connection, not per request."""
        self._unit, self.table = unit, table
        self._by_id = f"SELECT {table.picked} FROM {table.name} WHERE id = ?"
        self._by_place = f"{self._by_id} AND account = ? AND region = ?"

    def _rows(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        return [self.table.decode(values) for values in self._unit.engine.query(sql, params)]

    def get(self, row_id: str) -> Row | None:
        """Return the row with this id, whoever owns it: for the rules that name another account's object (S235, S236)."""
        found = self._rows(self._by_id, (row_id,))
        return found[0] if found else None

    def ahead_of_visible(self, account: str, region: str, row_id: str) -> None:
        """Announce `visible` with the same arguments."""
        self._unit.engine.ahead(self._by_place, (row_id, account, region))

    def visible(self, account: str, region: str, row_id: str) -> Row | None:
        """Return the row with this id if this account sees it in this Region (S508)."""
        found = self._rows(self._by_place, (row_id, account, region))
        return found[0] if found else None

    def where(self, **columns: str | int | Sequence[str]) -> list[Row]:
        """Return the rows whose columns equal a value or one of several, ordered by `seq`.

        The plus keeps SQLite from walking an index in the order of `seq`, which would read the whole place.
        """
        condition, params = self._condition(columns)
        return self._rows(f"SELECT {self.table.picked} FROM {self.table.name} WHERE {condition} ORDER BY +seq", params)

    def count(self, **columns: str | int | Sequence[str]) -> int:
        """Count the rows whose columns equal a value or one of several."""
        condition, params = self._condition(columns)
        sql = f"SELECT count(*) FROM {self.table.name} WHERE {condition}"
        return int(self._unit.engine.query(sql, params)[0][0])

    def _condition(self, columns: Mapping[str, str | int | Sequence[str]]) -> tuple[str, list[Any]]:
        words: list[str] = []
        params: list[Any] = []
        for column, value in columns.items():
            if isinstance(value, str | int):
                words.append(f"{column} = ?")
                params.append(value)
            else:
                words.append(f"{column} {self._unit.engine.several}")
                params.append(self._unit.engine.pack(value))
        return " AND ".join(words) or "1 = 1", params

    def page(self, account: str, region: str, after: int, limit: int, hint: Hint | None = None) -> list[Row]:
        """Return the next rows this account sees in this Region, by `seq`, from the index that the hint names."""
        source, condition, params = self._source(account, region, hint)
        order = self._order_of(hint)
        sql = f"SELECT {self.table.picked} FROM {source} WHERE {condition} AND {order} > ? ORDER BY {order} LIMIT ?"
        return self._rows(sql, (*params, after, limit))

    def estimate(self, account: str, region: str, hint: Hint) -> int:
        """Count what a hint would yield, up to a limit: enough to choose between hints."""
        source, condition, params = self._source(account, region, hint)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {condition} LIMIT {COUNT_LIMIT}) AS found"
        return int(self._unit.engine.query(sql, params)[0][0])

    def _order_of(self, hint: Hint | None) -> str:
        return "tag.resource_seq" if hint and hint[0].startswith("tag:") else f"{self.table.name}.seq"

    def _source(self, account: str, region: str, hint: Hint | None) -> tuple[str, str, list[Any]]:
        name = self.table.name
        if hint and hint[0].startswith("tag:"):
            source, condition, params = self._tagged(account, region, hint)
            return f"{source} CROSS JOIN {name}", f"{condition} AND {name}.seq = +tag.resource_seq", params
        condition, params = f"{name}.account = ? AND {name}.region = ?", [account, region]
        if hint:
            condition, params = f"{condition} AND {name}.{hint[0]} = ?", [*params, hint[1]]
        return name, condition, params

    def _tagged(self, account: str, region: str, hint: Hint) -> tuple[str, str, list[Any]]:
        condition = "tag.account = ? AND tag.region = ? AND tag.resource_type = ? AND tag.key = ? AND tag.value = ?"
        return "tag", condition, [account, region, self.table.kind, hint[0].removeprefix("tag:"), hint[1]]

    def put(self, row: Row) -> Row:
        """Save a row: a new one (version 0) is inserted, another replaced if nobody else wrote it since it was read.

        Raises `Conflict` for a lost race, and `DryRunOperation` where the unit is a dry run.
        """
        values = self.table.encode(row)
        self._unit.writes()
        if row.version == 0:  # type: ignore[attr-defined]  # every row class has seq and version
            saved = self.table.stored(row, self._insert(values), 1)
        else:
            seq, version = row.seq, row.version  # type: ignore[attr-defined]
            self._unit.engine.expect_one(self.table.update, [*values, seq, version])
            saved = self.table.stored(row, seq, version + 1)
        self._unit.changed(row, "" if row.version == 0 else "present", "present")  # type: ignore[attr-defined]
        return saved

    def _insert(self, values: Sequence[Any]) -> int:
        return self._unit.engine.insert(self.table.insert, values)

    def delete(self, row: Row) -> None:
        """Delete a row and its tags. Raises as `put` does."""
        self._unit.writes()
        self._unit.engine.expect_one(self.table.remove, (row.seq, row.version))  # type: ignore[attr-defined]
        if self.table.kind:
            self._unit.tags.forget(row)
        self._unit.changed(row, "present", "")
