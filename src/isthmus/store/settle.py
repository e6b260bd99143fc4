"""What the service does by itself, in bulk: due transitions, connections that go out of sight, what is kept for a while.

One slice is a handful of set-based statements over at most `SLICE` rows, so that a server that slept through a week of
expiries neither stops for long nor needs a Python loop over rows. The statements say in SQL what `domain.peering.settle` and
`domain.peering.views` say of one connection; a property test holds the two together.
"""

from typing import Final

from isthmus.domain import peering
from isthmus.store.unit import Unit

SLICE: Final = 1_000
JOURNAL_SLICE: Final = 1_000
KEYS_SLICE: Final = 1_000

_DUE = "SELECT seq FROM peering WHERE due_at <= :now ORDER BY due_at, seq LIMIT :slice"

_JOURNAL = """
INSERT INTO journal (at, request_id, actor, account, region, action, changes)
SELECT due_at, '', 'service', requester_account, requester_region, 'Settle',
       '[["' || id || '","' || state || '","' || due_state || '"]]'
FROM peering WHERE seq {several} ORDER BY due_at, seq
"""

_ADVANCE = """
UPDATE peering SET
    state = due_state,
    ended_at = CASE WHEN due_state IN ('failed', 'expired', 'deleted') THEN due_at END,
    due_at = CASE due_state WHEN 'pending-acceptance' THEN expires_at END,
    due_state = CASE due_state WHEN 'pending-acceptance' THEN 'expired' END,
    version = version + 1
WHERE seq {several}
"""

# One statement for each side, so that every engine finds the view by its key.
_UPDATE_VIEWS = """
UPDATE peering_view SET
    state = moved.state,
    hide_at = CASE moved.state
        WHEN 'failed' THEN moved.ended_at + :failed
        WHEN 'expired' THEN moved.ended_at + :expired
        WHEN 'deleted' THEN moved.ended_at
            + CASE WHEN peering_view.account = moved.ended_by THEN :deleter ELSE :other END
    END
FROM peering AS moved
WHERE moved.seq {several}
  AND peering_view.peering_seq = moved.seq
  AND peering_view.account = moved.{side}_account AND peering_view.region = moved.{side}_region
"""

# A request that has left `initiating-request` appears at its accepter; one account's own was there from the start.
_SHOW_TO_ACCEPTER = """
INSERT INTO peering_view (account, region, peering_seq, state, hide_at)
SELECT accepter_account, accepter_region, seq, state, NULL FROM peering
WHERE seq {several} AND state = 'pending-acceptance' AND requester_account <> accepter_account
"""

_HIDDEN = """
SELECT account, region, peering_seq FROM peering_view WHERE hide_at <= :now
ORDER BY hide_at, account, region, peering_seq LIMIT :slice
"""

_HIDE = "DELETE FROM peering_view WHERE account = :account AND region = :region AND peering_seq {several}"

_FORGET_TAGS = """
DELETE FROM tag WHERE account = :account AND region = :region AND resource_id IN (SELECT id FROM peering WHERE seq {several})
"""

_NEXT_DUE = (
    "SELECT min(at) FROM (SELECT min(due_at) AS at FROM peering WHERE due_at IS NOT NULL "
    "UNION ALL SELECT min(hide_at) FROM peering_view WHERE hide_at IS NOT NULL) AS due"
)

WINDOWS: Final = {
    "failed": peering.WINDOWS[peering.State.FAILED].requester,
    "expired": peering.WINDOWS[peering.State.EXPIRED].requester,
    "deleter": peering.DELETER_WINDOW,
    "other": peering.OTHER_WINDOW,
}


def settle_slice(unit: Unit) -> None:
    """Take the next slice of due steps. Call it until nothing is due (`next_due`).

    Several servers may do so at once: they take turns, and rows that are chosen stay as they are until they were advanced.
    """
    unit.writes()
    unit.memo.live.spoil()
    unit.engine.alone("settle")
    due = {"now": unit.now, "slice": SLICE}
    _advance(unit, due)
    _hide(unit, due)


def _advance(unit: Unit, due: dict[str, int]) -> None:
    engine = unit.engine
    chosen = [row[0] for row in engine.query(_DUE + engine.for_update, due)]
    if chosen:
        packed = {"seqs": engine.pack(chosen)}
        several = engine.several.replace("?", ":seqs")
        engine.later(_JOURNAL.format(several=several), packed)
        engine.later(_ADVANCE.format(several=several), packed)
        for side in ("requester", "accepter"):
            engine.later(_UPDATE_VIEWS.format(several=several, side=side), {**packed, **WINDOWS})
        engine.later(_SHOW_TO_ACCEPTER.format(several=several), packed)


def _hide(unit: Unit, due: dict[str, int]) -> None:
    """Take connections out of sight, place by place; the tags that a place gave them go with them."""
    engine = unit.engine
    hidden: dict[tuple[str, str], list[int]] = {}
    for account, region, seq in engine.query(_HIDDEN + engine.for_update, due):
        hidden.setdefault((account, region), []).append(seq)
    several = engine.several.replace("?", ":seqs")
    for (account, region), seqs in hidden.items():
        there = {"account": account, "region": region, "seqs": engine.pack(seqs)}
        engine.later(_HIDE.format(several=several), there)
        engine.later(_FORGET_TAGS.format(several=several), there)
    unit.peerings.forget_unseen([seq for seqs in hidden.values() for seq in seqs])


def next_due(unit: Unit) -> int | None:
    """Return the instant at which the next step falls due, None if there is none."""
    found: int | None = unit.engine.query(_NEXT_DUE)[0][0]
    return found


def tidy(unit: Unit, journal_rows: int) -> bool:
    """Delete a slice of what is kept for a while only; tell whether there may be more of it."""
    lines, keys = trim_journal(unit, journal_rows), unit.access_keys.forget_expired(KEYS_SLICE)
    return lines == JOURNAL_SLICE or keys == KEYS_SLICE


def trim_journal(unit: Unit, rows: int) -> int:
    """Delete a slice of the oldest rows beyond the last `rows`; return how many. Call it until a slice is not full."""
    floor = "(SELECT max(seq) FROM journal) - ?"
    sql = f"DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq <= {floor} ORDER BY seq LIMIT ?)"
    unit.writes()
    return unit.engine.execute(sql, (rows, JOURNAL_SLICE))
