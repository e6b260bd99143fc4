"""The steps that the service takes by itself, in bulk: due transitions, and connections that go out of sight.

One slice is a handful of set-based statements over at most `SLICE` rows, so that a server that slept through a week of
expiries neither stops for long nor needs a Python loop over rows. The statements say in SQL what `domain.peering.settle` and
`domain.peering.views` say of one connection; a property test holds the two together.
"""

from typing import Final

from isthmus.domain import peering
from isthmus.store.unit import Unit

SLICE: Final = 1_000

_DUE = "SELECT seq FROM peering WHERE due_at <= :now ORDER BY due_at, seq LIMIT :slice"

_JOURNAL = """
INSERT INTO journal (at, request_id, actor, account, region, action, changes)
SELECT due_at, '', 'service', requester_account, requester_region, 'Settle',
       '[["' || id || '","' || state || '","' || due_state || '"]]'
FROM peering WHERE due_at <= :now ORDER BY due_at, seq LIMIT :slice
"""

_ADVANCE = f"""
UPDATE peering SET
    state = due_state,
    ended_at = CASE WHEN due_state IN ('failed', 'expired', 'deleted') THEN due_at END,
    due_at = CASE due_state WHEN 'pending-acceptance' THEN expires_at END,
    due_state = CASE due_state WHEN 'pending-acceptance' THEN 'expired' END,
    version = version + 1
WHERE seq IN ({_DUE})
RETURNING seq
"""

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
WHERE moved.seq IN {several}
  AND peering_view.peering_seq = moved.seq
  AND peering_view.account IN (moved.requester_account, moved.accepter_account)
  AND peering_view.region IN (moved.requester_region, moved.accepter_region)
"""

# A request that has left `initiating-request` appears at its accepter; one account's own was there from the start.
_SHOW_TO_ACCEPTER = """
INSERT INTO peering_view (account, region, peering_seq, state, hide_at)
SELECT accepter_account, accepter_region, seq, state, NULL FROM peering
WHERE seq IN {several} AND state = 'pending-acceptance' AND requester_account <> accepter_account
"""

_HIDDEN = """
SELECT account, region, peering_seq FROM peering_view WHERE hide_at <= :now
ORDER BY hide_at, account, region, peering_seq LIMIT :slice
"""

_FORGET_TAGS = f"""
DELETE FROM tag WHERE (account, region, resource_id) IN (
    SELECT gone.account, gone.region, peering.id
    FROM ({_HIDDEN}) AS gone JOIN peering ON peering.seq = gone.peering_seq)
"""

_HIDE = f"DELETE FROM peering_view WHERE (account, region, peering_seq) IN ({_HIDDEN}) RETURNING peering_seq"

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
    """Take the next slice of due steps. Call it until nothing is due (`next_due`)."""
    due = {"now": unit.now, "slice": SLICE}
    unit.writes()
    unit.engine.execute(_JOURNAL, due)
    _advance(unit, due)
    _hide(unit, due)


def _advance(unit: Unit, due: dict[str, int]) -> None:
    engine = unit.engine
    moved = [row[0] for row in engine.query(_ADVANCE, due)]
    if moved:
        packed = {"seqs": engine.pack(moved)}
        several = engine.several.replace("?", ":seqs")
        engine.execute(_UPDATE_VIEWS.format(several=several), {**packed, **WINDOWS})
        engine.execute(_SHOW_TO_ACCEPTER.format(several=several), packed)


def _hide(unit: Unit, due: dict[str, int]) -> None:
    engine = unit.engine
    engine.execute(_FORGET_TAGS, due)
    hidden = [row[0] for row in engine.query(_HIDE, due)]
    unit.peerings.forget_unseen(hidden)


def next_due(unit: Unit) -> int | None:
    """Return the instant at which the next step falls due, None if there is none."""
    found: int | None = unit.engine.query(_NEXT_DUE)[0][0]
    return found
