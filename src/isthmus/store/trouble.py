"""What SQLite says of a disk or a file that fails, as a sentence that tells the operator what to do next."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Trouble(Struct, frozen=True):
    """What has happened to the file `{where}`, what to do before the next start, and what becomes of a server that runs."""

    words: str
    at_start: str
    in_flight: str


FULL, DISK = "SQLITE_FULL", "SQLITE_IOERR"
_OPENED: Final = "Make the file and its folder writable, or name another with --data."
_REFUSED: Final = "Changes are refused until that has passed; nothing is lost."
_STOPS: Final = "Isthmus stops, so that no answer lies."
_COMPARE: Final = "Keep a copy of it, see what `isthmus check --data {where}` says, and go back to a backup."

TROUBLES: Final[Mapping[str, Trouble]] = {
    FULL: Trouble(
        "There is no room for {where} on its disk", "Make room there, or name another file with --data.", _REFUSED
    ),
    "SQLITE_READONLY": Trouble("{where} cannot be written", _OPENED, _REFUSED),
    "SQLITE_CANTOPEN": Trouble("{where} cannot be opened", _OPENED, _REFUSED),
    "SQLITE_BUSY": Trouble("Another program uses {where}", "Stop that first, or name another file with --data.", _REFUSED),
    DISK: Trouble("The disk of {where} fails", "See to the disk; where it lost something, go back to a backup.", _REFUSED),
    "SQLITE_CORRUPT": Trouble("{where} is damaged", _COMPARE, f"{_STOPS} {_COMPARE}"),
    "SQLITE_NOTADB": Trouble(
        "{where} cannot be read as a database",
        "Name another file with --data, or go back to a backup.",
        f"{_STOPS} Go back to a backup.",
    ),
}
"""By the beginning of the error's name."""
NO_ROOM: Final = "SQLITE_IOERR_SHMSIZE"
"""Said where there is no room for the index of the log, which SQLite makes anew whenever a file is opened."""
DAMAGE: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})


def family(error: sqlite3.DatabaseError) -> str:
    """Return which of the troubles an error is, empty where it is none of them."""
    name = getattr(error, "sqlite_errorname", "")  # none where Python's own module raised it
    if name == NO_ROOM:
        return FULL
    return next((each for each in TROUBLES if name.startswith(each)), "")


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell whether the file itself is damaged."""
    return family(error) in DAMAGE


def is_fatal(error: sqlite3.DatabaseError) -> bool:
    """Tell whether, after a commit that failed like this, nobody knows what the disk holds (ADR 4)."""
    return family(error) == DISK


def at_start(error: sqlite3.DatabaseError, where: str) -> str:
    """Return the sentence for a store that cannot be opened, empty where the error is no trouble of disk or file."""
    trouble = TROUBLES.get(family(error))
    return _sentence(trouble.words, trouble.at_start, where, error) if trouble else ""


def in_flight(error: sqlite3.DatabaseError, where: str) -> str:
    """Return the sentence for a server that cannot do what it was asked, empty where the error is no such trouble."""
    trouble = TROUBLES.get(family(error))
    return _sentence(trouble.words, trouble.in_flight, where, error) if trouble else ""


def _sentence(words: str, then: str, where: str, error: sqlite3.DatabaseError) -> str:
    return f"{words} ({{why}}). {then}".format(where=where, why=error)
