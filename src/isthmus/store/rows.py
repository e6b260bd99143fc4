"""The rows of one table as a handler sees them, inside one unit of work.

Everything here is common to all engines. Reads name an account and a Region unless a rule says otherwise; writes go through
`put` and `delete`, which is where a dry run stops, where a lost race is noticed and where the journal listens.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from isthmus.domain.access_keys import looks_issued
from isthmus.domain.accounts import AccessKey
from isthmus.domain.cidr import Prefix
from isthmus.domain.peering import ENDED, ESTABLISHED, LIVE, End, Peering, State, View, views
from isthmus.domain.vpc import Vpc, VpcCidrBlock
from isthmus.store.table import Row, Table, prefix
from isthmus.store.tables import ACCESS_KEYS, PEERINGS, TAGS, VPC_CIDR_BLOCKS, VPCS, Tag

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

T = TypeVar("T")
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
            saved = self.table.stored(row, self._unit.engine.insert(self.table.insert, values), 1)
        else:
            seq, version = row.seq, row.version  # type: ignore[attr-defined]
            self._unit.engine.expect_one(self.table.update, [*values, seq, version])
            saved = self.table.stored(row, seq, version + 1)
        self._unit.changed(row, "" if row.version == 0 else "present", "present")  # type: ignore[attr-defined]
        return saved

    def delete(self, row: Row) -> None:
        """Delete a row and its tags. Raises as `put` does."""
        self._unit.writes()
        self._unit.engine.expect_one(self.table.remove, (row.seq, row.version))  # type: ignore[attr-defined]
        if self.table.kind:
            self._unit.tags.forget(row)
        self._unit.changed(row, "present", "")


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


class BlockRows(Rows[VpcCidrBlock]):
    """Blocks of VPCs, which are remembered as parts of ends (`Memo`)."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, VPC_CIDR_BLOCKS)

    def put(self, row: VpcCidrBlock) -> VpcCidrBlock:
        """Save a block."""
        saved = super().put(row)
        self._unit.memo.ends.spoil()
        return saved

    def delete(self, row: VpcCidrBlock) -> None:
        """Delete a block."""
        super().delete(row)
        self._unit.memo.ends.spoil()


class VpcRows(Rows[Vpc]):
    """VPCs, and what a connection needs to know of them."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, VPCS)

    def ends(self, one: str, other: str) -> dict[str, End]:
        """Return two VPCs as ends of a connection, whoever owns them, with their blocks, the primary one first (S230).

        From memory where that is as good. A block knows whose VPC it is in, so that nothing else has to be read.
        """
        memo = self._unit.memo.ends
        first, second = memo.get(one), memo.get(other)
        if first and second:
            return {one: first, other: second}
        found = self._read_ends(one, other)
        for vpc_id, end in found.items():
            memo.keep(vpc_id, end)
        return found

    def _read_ends(self, one: str, other: str) -> dict[str, End]:
        blocks = self._unit.engine.query(_ENDS, (one, other if other != one else ""))  # one may ask itself, in vain (S240)
        blocks.sort(key=itemgetter(0, 1))  # here: the database would build a sorter for two rows
        found: dict[str, tuple[str, str, list[Prefix]]] = {}
        for _, _, vpc_id, account, region, text in blocks:
            found.setdefault(vpc_id, (account, region, []))[2].append(prefix(text))
        return {vpc_id: End(account, region, vpc_id, tuple(held)) for vpc_id, (account, region, held) in found.items()}


_BLOCKS: Final = "SELECT 1 - is_primary, seq, vpc_id, account, region, prefix FROM vpc_cidr_block WHERE vpc_id = ?"
_ENDS: Final = f"{_BLOCKS} UNION ALL {_BLOCKS}"
"""Not `IN (?, ?)`, for which SQLite would build a table of two rows."""


class PeeringRows(Rows[Peering]):
    """Connections: seen through one row of `peering_view` per (account, Region), which every `put` keeps in step."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, PEERINGS)
        self._by_place = (
            f"SELECT {PEERINGS.picked} FROM peering CROSS JOIN peering_view AS view "
            "WHERE peering.id = ? AND view.account = ? AND view.region = ? AND view.peering_seq = +peering.seq"
        )

    def _order_of(self, hint: Hint | None) -> str:
        if hint is None or hint[0] == "state":
            return "view.peering_seq"
        return super()._order_of(hint)

    def _source(self, account: str, region: str, hint: Hint | None) -> tuple[str, str, list[Any]]:
        seen, params = "view.account = ? AND view.region = ?", [account, region]
        if hint and hint[0].startswith("tag:"):
            source, condition, params = self._tagged(account, region, hint)
            return f"{source} CROSS JOIN peering", f"{condition} AND peering.seq = +tag.resource_seq", params
        if hint and hint[0] != "state":
            source = "peering CROSS JOIN peering_view AS view"
            return source, f"peering.{hint[0]} = ? AND {seen} AND view.peering_seq = +peering.seq", [hint[1], *params]
        if hint:
            seen, params = f"{seen} AND view.state = ?", [*params, hint[1]]
        return "peering_view AS view CROSS JOIN peering", f"{seen} AND peering.seq = +view.peering_seq", params

    def estimate(self, account: str, region: str, hint: Hint) -> int:
        """Count what a hint would yield, up to a limit; of a state, the views alone know that."""
        if hint[0] != "state":
            return super().estimate(account, region, hint)
        return int(self._unit.engine.query(_IN_STATE, (account, region, hint[1]))[0][0])

    def _rows(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Peering]:
        found = super()._rows(sql, params)
        if self._unit.writable:  # only a unit that may write will be asked for it
            self._unit.states.update((row.seq, (row.version, row.state.value)) for row in found)
        return found

    def _state_before(self, row: Peering) -> str:
        """Return the state that a connection is being saved over, which hardly ever has to be asked for."""
        version, state = self._unit.states.get(row.seq, (0, ""))
        if version == row.version:
            return state
        held = self._unit.engine.query("SELECT state FROM peering WHERE seq = ?", (row.seq,))
        return held[0][0] if held else ""

    def put(self, row: Peering) -> Peering:
        """Save a connection and who sees it."""
        before = self._state_before(row)
        saved = super().put(row)
        if row.version == 0:
            self._show(saved, views(saved))
        else:
            self._refresh(saved)
        self._unit.note_due(saved.due_at)
        self._unit.states[saved.seq] = (saved.version, saved.state.value)
        self._unit.changed(saved, before, saved.state.value)
        return saved

    def _show(self, row: Peering, seen: Iterable[View]) -> None:
        for view in seen:
            place = (view.account, view.region, row.seq, row.state.value)
            if view.hide_at is None:  # the driver takes longer over a None than over all the rest
                self._unit.engine.later(_SHOW, place)
            else:
                self._unit.engine.later(_SHOW_UNTIL, (*place, view.hide_at))
                self._unit.note_due(view.hide_at)

    def _refresh(self, row: Peering) -> None:
        """Bring the views in step; a place that lost sight of the connection does not get it back (ADR 7)."""
        seen = {(view.account, view.region): view for view in views(row)}
        for place in {row.requester.place, row.accepter.place}:
            view = seen.get(place)
            if view is None:
                self._hide(row, place)
                continue
            values = (row.state.value, view.hide_at, *place, row.seq)
            self._unit.engine.later(_REFRESH_VIEW if row.ended_at is None else _UPDATE_VIEW, values)
            self._unit.note_due(view.hide_at)

    def _hide(self, row: Peering, place: tuple[str, str]) -> None:
        self._unit.engine.later(
            "DELETE FROM peering_view WHERE account = ? AND region = ? AND peering_seq = ?", (*place, row.seq)
        )
        self._unit.tags.forget_at(place, row.id)

    def forget_unseen(self, seqs: Sequence[int]) -> None:
        """Delete those of these connections that nobody sees any more."""
        if seqs:
            several = self._unit.engine.several
            self._unit.engine.later(FORGET_UNSEEN.format(several=several), (self._unit.engine.pack(seqs),))

    def of_vpc(self, vpc_id: str) -> list[Peering]:
        """Return the connections of a VPC that have not ended, on whichever side it is, ordered by `seq`."""
        states = [state.value for state in State if state not in ENDED]
        found: dict[int, Peering] = {}
        for column in ("requester_vpc_id", "accepter_vpc_id"):
            found.update((row.seq, row) for row in self.where(**{column: vpc_id, "state": states}))
        return [found[seq] for seq in sorted(found)]

    def asked_by(self, vpc_id: str, accepter: tuple[str, str, str]) -> tuple[int, Peering | None]:
        """Return how many requests of a VPC are outstanding (S243), and its live connection with an accepter, if any (S242).

        The accepter is named by account, Region and VPC. Answered from two partial indexes alone, that of live pairs and
        that of established ones: any accepter is greater than nothing, said so that the first is taken.
        """
        outstanding, seq = self._unit.engine.query(_ASKED, (vpc_id, *accepter, vpc_id))[0]
        if seq is None:
            return outstanding, None
        return outstanding, self._rows(f"SELECT {PEERINGS.picked} FROM peering WHERE seq = ?", (seq,))[0]

    def ahead_of_asked_by(self, vpc_id: str, accepter: tuple[str, str, str]) -> None:
        """Announce `asked_by` with the same arguments."""
        self._unit.engine.ahead(_ASKED, (vpc_id, *accepter, vpc_id))

    def established_of(self, vpc_id: str) -> int:
        """Count the established connections of a VPC, on either side (S243)."""
        return int(self._unit.engine.query(_ESTABLISHED_OF, (vpc_id, vpc_id))[0][0])

    def established_between(self, one: str, other: str) -> int:
        """Count the established connections of an unordered pair of VPCs (S242)."""
        return int(self._unit.engine.query(_ESTABLISHED_BETWEEN, (one, other, one, other))[0][0])

    def ahead_of_established(self, one: str, other: str) -> None:
        """Announce `established_between` and `established_of` both."""
        engine = self._unit.engine
        engine.ahead(_ESTABLISHED_BETWEEN, (one, other, one, other))
        for vpc_id in (one, other):
            engine.ahead(_ESTABLISHED_OF, (vpc_id, vpc_id))


_IN_STATE: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM peering_view WHERE account = ? AND region = ? AND state = ? "
    f"LIMIT {COUNT_LIMIT}) AS found"
)
_SHOW: Final = "INSERT INTO peering_view (account, region, peering_seq, state) VALUES (?, ?, ?, ?)"
_SHOW_UNTIL: Final = "INSERT INTO peering_view (account, region, peering_seq, state, hide_at) VALUES (?, ?, ?, ?, ?)"


def _any_of(states: Iterable[str]) -> str:
    """Write a choice of states as the partial indexes do, so that the engine recognises its index."""
    order = ("pending-acceptance", "active", "provisioning", "initiating-request")
    return f"({' OR '.join(f'state = {state!r}' for state in order if state in set(states))})"


_LIVE = _any_of(LIVE)
_ESTABLISHED = _any_of(ESTABLISHED)
_ESTABLISHED_OF: Final = (
    f"SELECT (SELECT count(*) FROM peering WHERE requester_vpc_id = ? AND {_ESTABLISHED}) "
    f"+ (SELECT count(*) FROM peering WHERE accepter_vpc_id = ? AND {_ESTABLISHED})"
)
_ESTABLISHED_BETWEEN: Final = (
    f"SELECT count(*) FROM peering WHERE requester_vpc_id IN (?, ?) AND accepter_vpc_id IN (?, ?) AND {_ESTABLISHED}"
)
_ASKED: Final = f"""
SELECT count(*) - (SELECT count(*) FROM peering WHERE requester_vpc_id = ? AND {_ESTABLISHED}),
       max(CASE WHEN accepter_account = ? AND accepter_region = ? AND accepter_vpc_id = ? THEN seq END)
FROM peering WHERE requester_vpc_id = ? AND accepter_vpc_id > '' AND {_LIVE}
"""
_UPDATE_VIEW: Final = "UPDATE peering_view SET state = ?, hide_at = ? WHERE account = ? AND region = ? AND peering_seq = ?"
# A connection that has not ended is seen by whoever may see it, also by who did not see it yet.
_REFRESH_VIEW: Final = (
    "INSERT INTO peering_view (state, hide_at, account, region, peering_seq) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (account, region, peering_seq) DO UPDATE SET state = excluded.state, hide_at = excluded.hide_at"
)


FORGET_UNSEEN: Final = """
DELETE FROM peering WHERE seq {several} AND NOT EXISTS (
    SELECT 1 FROM peering_view AS view
    WHERE view.peering_seq = peering.seq
      AND view.account = peering.requester_account AND view.region = peering.requester_region
) AND NOT EXISTS (
    SELECT 1 FROM peering_view AS view
    WHERE view.peering_seq = peering.seq
      AND view.account = peering.accepter_account AND view.region = peering.accepter_region)
"""


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
            self._unit.changed_tags(row.id)

    def remove_keys(self, account: str, region: str, resource_id: str, keys: Sequence[str]) -> None:
        """Remove the named tags from an object (S597)."""
        self._unit.writes()
        self._unit.engine.later(
            f"DELETE FROM tag WHERE account = ? AND region = ? AND resource_id = ? AND key {self._unit.engine.several}",
            (account, region, resource_id, self._unit.engine.pack(keys)),
        )
        if keys:
            self._unit.changed_tags(resource_id)

    def forget(self, row: Any) -> None:  # noqa: ANN401 - any resource
        """Remove the tags of an object that its one owner deleted."""
        self.forget_at((row.account, row.region), row.id)

    def forget_at(self, place: tuple[str, str], resource_id: str) -> None:
        """Remove one place's tags of an object."""
        self._unit.engine.later(
            "DELETE FROM tag WHERE account = ? AND region = ? AND resource_id = ?", (*place, resource_id)
        )
