"""Forward migrations: numbered SQL files, each applied once, in one transaction with the version it leads to."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from isthmus.store.api import SchemaError

NEEDS: Final = re.compile(r"^-- needs: (\d+)$", re.MULTILINE)
"""In a migration that takes something away: the first version that can live with it. Without it, the version before can."""
FOLDER: Final = Path(__file__).parent / "migrations"


def scripts() -> list[tuple[int, str]]:
    """Return every migration as (version, SQL), in order."""
    return sorted((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.sql"))


def statements(script: str, words: Mapping[str, str]) -> list[str]:
    """Split a migration into statements, its comments dropped and the engine's own words put in."""
    lines = (line.partition("--")[0] for line in script.splitlines())
    text = "\n".join(lines)
    for name, word in words.items():
        text = text.replace("{" + name + "}", word)
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def pending(version: int, where: str) -> list[tuple[int, str]]:
    """Return the migrations that a store at `version` still needs; raise `SchemaError` for one from the future."""
    known = scripts()
    newest = known[-1][0]
    if version > newest:
        raise SchemaError(
            f"{where} has schema version {version}, but this Isthmus knows versions up to {newest}. "
            "Use the newer Isthmus that wrote it, or start with another --data."
        )
    return [(number, script) for number, script in known if number > version]


def newest() -> int:
    """Return the version that the last migration leads to."""
    return scripts()[-1][0]


def needed(version: int) -> int:
    """Return the oldest version of Isthmus' schema whose servers can work beside a store at `version`."""
    said = [int(found[1]) for number, script in scripts() if number <= version and (found := NEEDS.search(script))]
    return max(said, default=1)
