"""Random histories whose store is moved at any moment: exported, imported into a new one, and gone on with there."""

import io
from pathlib import Path

import msgspec
import pytest
from hypothesis.stateful import rule

from isthmus.store import sqlite_file, transfer
from isthmus.store.api import Kind
from isthmus.store.importing import import_state
from isthmus.testing import InProcess
from tests.simulation.test_histories import HistoriesWithDelays, play


class HistoriesThatMove(HistoriesWithDelays):
    """After each step everybody must see what the model says, so also after each move."""

    on_file = True
    moves = 0

    @rule()
    def move(self) -> None:
        old = Path(self.settings.data)
        self.moves += 1
        new = old.with_name(f"moved-{self.moves}.db")
        self.server.close()
        content = export_of(old)
        self.settings = msgspec.structs.replace(self.settings, data=str(new))
        with InProcess(self.settings, clock=self.clock) as empty:
            empty.store.run_now(Kind.WRITE, lambda unit: import_state(unit, io.BytesIO(content)))
        assert export_of(new) == content
        self.server = InProcess(self.settings, clock=self.clock, seed=500_000_000 + 1_000_000 * self.moves)


def export_of(file: Path) -> bytes:
    out = io.BytesIO()
    with sqlite_file.snapshot(file) as engine:
        transfer.export(engine, out.write)
    return out.getvalue()


def test_histories_go_on_after_moves() -> None:
    play(HistoriesThatMove, 6, 25)


@pytest.mark.extended
def test_many_histories_go_on_after_moves() -> None:
    play(HistoriesThatMove, 60, 50)
