"""How far a long command is: a bar on standard error where a person looks, nothing in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

Told = Callable[[int], None]
"""Told how much was done since it was told last."""


def is_watched() -> bool:
    """Tell whether a person reads standard error."""
    return sys.stderr.isatty()


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Told]:
    """Yield whom to tell; with no total the bar only shows that something goes on."""
    if not is_watched():
        yield lambda _: None
        return
    from rich.console import Console  # heavy, and only a terminal shows what it does
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.advance(task, done)


class ToldFile:
    """A file of which somebody is told how many bytes were read."""

    def __init__(self, file: BinaryIO, told: Told) -> None:
        """Read from `file`."""
        self._file, self._told = file, told

    def readline(self, limit: int) -> bytes:
        """Read a line."""
        line = self._file.readline(limit)
        self._told(len(line))
        return line

    def read(self, size: int) -> bytes:
        """Read some bytes."""
        return self._file.read(size)
