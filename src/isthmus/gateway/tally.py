"""What the workers of a server have done, in memory that they share: each counts in a part of its own, any of them adds up.

A part outlives its worker, and the one that takes its place counts on. So no count ever goes back, and none is lost, however
a worker ends. There are no locks: a part has one writer, and a number is written in one piece.
"""

import mmap
from collections import Counter
from typing import Final

from msgspec import Struct

from isthmus.store.api import CELLS

NUMBER: Final = 8
"""The bytes of a number."""
ENTRIES: Final = 1_024
NAME: Final = 152
"""The bytes of an entry's name."""
OTHER: Final = ("", "other", 0)
"""What is counted once there are more kinds of answers than a part has room for."""

Key = tuple[str, str, int]
"""Service, outcome and status of an answer."""


class Counted(Struct, frozen=True):
    """What was done: answers by kind, units of work, commits of the store, and units that had to run again."""

    answered: Counter[Key]
    units: int
    batches: int
    retried: int


class Tally:
    """The counts of so many workers, whose stores have so many connections each. Made before the first worker is started."""

    def __init__(self, workers: int, connections: int) -> None:
        """Reserve the memory; what is not used costs nothing."""
        # A part: how many entries there are, the store's cells, a count for each entry; then the entries' names.
        cells = CELLS * connections
        self._numbers, self._cells = 1 + cells + ENTRIES, cells
        size = self._numbers * NUMBER + ENTRIES * NAME
        memory = memoryview(mmap.mmap(-1, workers * size))
        self._parts = [memory[start : start + size] for start in range(0, workers * size, size)]

    def part(self, worker: int) -> "Part":
        """Return the part of a worker, counted from 1, as it stands."""
        view = self._parts[worker - 1]
        numbers = view[: self._numbers * NUMBER].cast("Q")
        return Part(numbers, self._cells, view[self._numbers * NUMBER :])

    def total(self) -> Counted:
        """Add up the parts of all workers, those that have ended too."""
        parts = [self.part(number) for number in range(1, len(self._parts) + 1)]
        answered: Counter[Key] = Counter()
        for part in parts:
            answered.update(part.answered())
        units, batches, retried = (sum(sum(part.cells[kind::CELLS]) for part in parts) for kind in range(CELLS))
        return Counted(answered, units, batches, retried)


class Part:
    """One worker's counts."""

    def __init__(self, numbers: "memoryview[int]", cells: int, names: "memoryview[int]") -> None:
        """Divide a part's memory."""
        self._used, self.cells, self.counts = numbers[:1], numbers[1 : 1 + cells], numbers[1 + cells :]
        self._names = names

    def entries(self) -> list[tuple[int, Key]]:
        """Return the kinds of answers that were counted, with their places in `counts`."""
        named = [(entry, self._name(entry)) for entry in range(self._used[0])]
        return [(entry, key) for entry, key in named if key]  # one whose name is still on its way here counts nothing yet

    def answered(self) -> dict[Key, int]:
        """Return the answers so far."""
        return {key: self.counts[entry] for entry, key in self.entries()}

    def add(self, key: Key) -> int:
        """Return the place of a new entry; what finds no room shares the last one."""
        entry = self._used[0]
        if entry >= ENTRIES - 1:
            entry, key = ENTRIES - 1, OTHER
        name = "\0".join(map(str, key)).encode()
        assert len(name) <= NAME, f"{key} is too long"
        self._names[entry * NAME : (entry + 1) * NAME] = name.ljust(NAME, b"\0")  # over what a dead worker may have begun
        self._used[0] = entry + 1
        return entry

    def _name(self, entry: int) -> Key | None:
        words = bytes(self._names[entry * NAME : (entry + 1) * NAME]).rstrip(b"\0").decode().split("\0")
        return (words[0], words[1], int(words[2])) if len(words) == 3 else None


class Answered(Counter[Key]):
    """A worker's own counts of answers, which goes on where the part stands and keeps it up to date."""

    def __init__(self, part: Part) -> None:
        """Take over what the place's last worker has counted."""
        super().__init__()
        self._part = part
        self._entries = {key: entry for entry, key in part.entries()}
        for key, count in part.answered().items():
            super().__setitem__(key, count)

    def __setitem__(self, key: Key, count: int) -> None:
        """Count."""
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = self._part.add(key)
        self._part.counts[entry] += count - self[key]
        super().__setitem__(key, count)
