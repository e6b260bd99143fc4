"""Due steps in bulk: what the store does in SQL is what `domain.peering` says of one connection."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from msgspec.structs import replace

from isthmus.config import Settings
from isthmus.domain import peering as rules
from isthmus.domain.peering import Delays, Peering
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from tests.peerings import ID
from tests.property.test_peering import Step, history, requests, spans, steps


def _views(unit: Unit) -> set[tuple[str, str, int | None]]:
    found = unit.engine.query("SELECT account, region, hide_at FROM peering_view", ())
    return {(account, region, hide_at) for account, region, hide_at in found}


@pytest.mark.rule("S211", "S212")
@given(requests(), steps, spans)
def test_the_store_settles_in_bulk_as_the_rules_say_of_one(
    asked: tuple[Peering, Delays], wanted: Sequence[Step], gone_by: int
) -> None:
    now, it = history(asked, wanted)[-1]
    clock = ManualClock(now)
    with InProcess(Settings(data="memory"), clock=clock) as server:
        saved = server.store.run_now(Kind.WRITE, lambda unit: unit.peerings.put(it))
        clock.advance(gone_by)
        expected = rules.settle(saved, clock.at)
        visible = {
            (view.account, view.region, view.hide_at)
            for view in rules.views(expected)
            if view.hide_at is None or view.hide_at > clock.at
        }
        found, views = server.store.run_now(Kind.READ, lambda unit: (unit.peerings.get(ID), _views(unit)))
    assert views == visible
    assert (found and replace(found, version=0)) == (replace(expected, version=0) if visible else None)
