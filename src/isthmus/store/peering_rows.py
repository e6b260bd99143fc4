"""Connections, who sees them, and the questions that the rules ask about those of a VPC or of two.

The statements stand below the class. They are written for the indexes of live and of established connections: each says its
condition in the very words of the index, for SQLite recognises it by them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from isthmus.domain.peering import ENDED, ESTABLISHED, LIVE, Peering, State, View, views
from isthmus.store.rows import COUNT_LIMIT, Hint, Rows
from isthmus.store.tables import PEERINGS

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

MOST_LIVE: Final = 64
"""How many live connections of a VPC are worth remembering: to read them costs what counting them does."""


class Live(Struct):
    """What a VPC has asked for: the seqs of its live connections by accepter, and how many are outstanding (S242, S243)."""

    seqs: dict[tuple[str, str, str], int]
    outstanding: int


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
        if hint and hint[0].startswith("tag:"):
            source, condition, params = self._tagged(account, region, hint)
            return f"{source} CROSS JOIN peering", f"{condition} AND peering.seq = +tag.resource_seq", params
        if hint and hint[0] != "state":
            return "peering", f"peering.{hint[0]} = ? AND {_IS_SEEN}", [hint[1], account, region, account, region]
        seen, params = "view.account = ? AND view.region = ?", [account, region]
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
            self._remember(saved)
        else:
            self._refresh(saved)
            self._unit.memo.live.forget(saved.requester.vpc_id)
        self._unit.note_due(saved.due_at)
        self._unit.states[saved.seq] = (saved.version, saved.state.value)
        self._unit.changed(saved, before, saved.state.value)
        return saved

    def _insert(self, values: Sequence[Any]) -> int:
        """Let the row wait: its id is new, and that the pair has no live connection yet was asked before."""
        return self._unit.engine.insert_soon(self.table.name, self.table.insert, values)

    def _remember(self, row: Peering) -> None:
        memo = self._unit.memo.live
        live = memo.get(row.requester.vpc_id)
        if live is not None and row.state in LIVE:
            live.seqs[row.accepter.identity] = row.seq
            live.outstanding += row.state not in ESTABLISHED
            if len(live.seqs) > MOST_LIVE:
                memo.forget(row.requester.vpc_id)

    def _show(self, row: Peering, seen: Iterable[View]) -> None:
        for view in seen:
            place = (view.account, view.region, row.seq, row.state.value)
            if view.hide_at is None:  # the driver takes longer over a None than over all the rest
                self._unit.engine.append(_SHOW, place)
            else:
                self._unit.engine.append(_SHOW_UNTIL, (*place, view.hide_at))
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

        The accepter is named by account, Region and VPC. Answered from two indexes alone, that of what a VPC has asked for
        and that of established connections.
        """
        live = self._live_of(vpc_id)
        if live is None:
            outstanding, seq = self._unit.engine.query(_ASKED, (vpc_id, *accepter, vpc_id))[0]
        else:
            outstanding, seq = live.outstanding, live.seqs.get(accepter)
        if seq is None:
            return outstanding, None
        return outstanding, self._rows(f"SELECT {PEERINGS.picked} FROM peering WHERE seq = ?", (seq,))[0]

    def _live_of(self, vpc_id: str) -> Live | None:
        """Return what a VPC has asked for, remembered from now on; None where nothing is, or where it is much."""
        memo = self._unit.memo.live
        live = memo.get(vpc_id)
        if live is None and not memo.is_spoilt:
            found = self._unit.engine.query(_LIVE_OF, (vpc_id, MOST_LIVE + 1))
            if len(found) <= MOST_LIVE:
                established = self._unit.engine.query(_ESTABLISHED_BY, (vpc_id,))[0][0]
                seqs = {(account, region, accepter_id): seq for account, region, accepter_id, seq in found}
                live = Live(seqs, len(seqs) - established)
                memo.keep(vpc_id, live)
        return live

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
# The requester sees whatever has not ended (S321), so that the row itself says so and no view has to be looked up, each on a
# page of its own: of a million connections a VPC's own are read in two thirds of the time.
_IS_SEEN: Final = (
    "(peering.ended_at IS NULL AND peering.requester_account = ? AND peering.requester_region = ? OR EXISTS ("
    "SELECT 1 FROM peering_view AS view WHERE view.account = ? AND view.region = ? AND view.peering_seq = peering.seq))"
)
_SHOW: Final = "INSERT INTO peering_view (account, region, peering_seq, state) VALUES (?, ?, ?, ?)"
_SHOW_UNTIL: Final = "INSERT INTO peering_view (account, region, peering_seq, state, hide_at) VALUES (?, ?, ?, ?, ?)"


def _any_of(states: Iterable[str]) -> str:
    """Write a choice of states as the indexes do, so that the engine recognises its index."""
    order = ("pending-acceptance", "active", "provisioning", "initiating-request")
    return f"({' OR '.join(f'state = {state!r}' for state in order if state in set(states))})"


_IS_LIVE = f"(CASE WHEN {_any_of(LIVE)} THEN 0 ELSE seq END) = 0"
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
FROM peering WHERE requester_vpc_id = ? AND {_IS_LIVE}
"""
_ESTABLISHED_BY: Final = f"SELECT count(*) FROM peering WHERE requester_vpc_id = ? AND {_ESTABLISHED}"
_LIVE_OF: Final = f"""
SELECT accepter_account, accepter_region, accepter_vpc_id, seq
FROM peering WHERE requester_vpc_id = ? AND {_IS_LIVE} LIMIT ?
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
