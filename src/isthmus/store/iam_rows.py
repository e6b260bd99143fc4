"""What IAM keeps. Whatever is written here may change who may do what, so every write tells all servers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from isthmus.domain.iam.names import ROOT_PATH, folded
from isthmus.domain.iam.objects import Attachment, Role
from isthmus.domain.organizations import ROOT as EVERY_ACCOUNT
from isthmus.domain.organizations import ServiceControlAttachment
from isthmus.store.rows import Rows
from isthmus.store.table import Row, Table
from isthmus.store.tables import IAM_ATTACHMENTS, IAM_ROLES, SERVICE_CONTROL_ATTACHMENTS

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

HIGHEST: Final = "\x7f"
"""Above every character that a path may have."""


class IamRows(Rows[Row]):
    """The rows of one of IAM's tables; `parts_of` names the columns with the objects that a row without an id is part of."""

    __slots__ = ("_by_name", "_parts_of")

    def __init__(self, unit: "Unit", table: Table[Row], parts_of: Sequence[str] = ()) -> None:
        """Bind a table to a unit."""
        super().__init__(unit, table)
        self._parts_of = tuple(parts_of)
        self._by_name = f"SELECT {table.picked} FROM {table.name} WHERE account = ? AND lower(name) = ?"

    def named(self, account: str, name: str) -> Row | None:
        """Return an account's object of this name, in whatever letter case it is written."""
        found = self._rows(self._by_name, (account, folded(name)))
        return found[0] if found else None

    def one(self, **columns: str | int) -> Row | None:
        """Return the one row whose columns have these values."""
        found = self.where(**columns)
        return found[0] if found else None

    def after(self, seq: int, limit: int, *, path_prefix: str = ROOT_PATH, **columns: str) -> list[Row]:
        """Return the next rows whose columns have these values, and whose path begins so, ordered by `seq`."""
        condition, params = self._condition(columns)
        if path_prefix != ROOT_PATH:
            condition = f"{condition} AND path >= ? AND path < ?"
            params += [path_prefix, path_prefix + HIGHEST]
        sql = f"SELECT {self.table.picked} FROM {self.table.name} WHERE {condition} AND seq > ? ORDER BY seq LIMIT ?"
        return self._rows(sql, (*params, seq, limit))

    def put(self, row: Row) -> Row:
        """Save a row. Raises as every `put` does."""
        saved = super().put(row)
        self._told(row)
        return saved

    def delete(self, row: Row) -> None:
        """Delete a row. Raises as every `delete` does."""
        super().delete(row)
        self._told(row)

    def delete_all(self, rows: Sequence[Row]) -> None:
        """Delete several rows."""
        for row in rows:
            self.delete(row)

    def _told(self, row: Row) -> None:
        for column in self._parts_of:
            self._unit.changed_part(getattr(row, column))
        self._unit.changed_authorizations()


class RoleRows(IamRows[Role]):
    """Roles, which are used without being changed."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, IAM_ROLES)

    def used(self, role_id: str, now: int, region: str) -> None:
        """Note when and where a role was last assumed. That is no change of the role, and nobody loses a race to it."""
        self._unit.engine.later(_USED, (now, region, role_id))


class AttachmentRows(IamRows[Attachment]):
    """Attached managed policies, and how often each is used."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, IAM_ATTACHMENTS, ("owner_id",))

    def usage(self, account: str) -> dict[str, int]:
        """Return, by policy id, how many of an account's users, groups and roles have a policy."""
        return dict(self._unit.engine.query(_USAGE, (account,)))

    def boundary_usage(self, account: str) -> dict[str, int]:
        """Return, by policy id, how many of an account's users and roles it bounds (I114)."""
        return dict(self._unit.engine.query(_BOUNDARY_USAGE, (account, account)))


class ServiceControlRows(IamRows[ServiceControlAttachment]):
    """Service control policies on accounts, and whether an account has any at all: every request of a root asks."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, SERVICE_CONTROL_ATTACHMENTS)

    def bind(self, account: str) -> bool:
        """Tell whether something is attached to an account or to all (I116), from memory where that is as good."""
        known = self._unit.memo.callers
        found: bool | None = known.get(f"service control {account}")
        if found is None:
            found = self.count(account=[EVERY_ACCOUNT, account]) > 0
            known.keep(f"service control {account}", found)
        return found


_USED: Final = "UPDATE iam_role SET last_used_at = ?, last_used_region = ? WHERE id = ?"
_USAGE: Final = "SELECT policy_id, count(*) FROM iam_attachment WHERE account = ? GROUP BY policy_id"
_BOUNDARY_USAGE: Final = """
SELECT boundary_id, count(*) FROM (
    SELECT boundary_id FROM iam_user WHERE account = ? AND boundary_id IS NOT NULL
    UNION ALL SELECT boundary_id FROM iam_role WHERE account = ? AND boundary_id IS NOT NULL
) AS bounded GROUP BY boundary_id
"""
