"""How people write a span of time: `90s`, `15m`, `12h`, `7d`, `1d12h`, or a number of seconds."""

import re
from collections.abc import Mapping
from typing import Final

UNITS: Final[Mapping[str, int]] = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LONGEST: Final = 100 * 365 * UNITS["d"]
"""A hundred years: beyond it an instant could leave the range of dates."""

_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d|w)", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)


def parse(text: str) -> int:
    """Return the milliseconds of a span such as `7d`, `1h30m` or `90` (seconds); a leading minus turns it round.

    Raises `ValueError` with a sentence that shows how to write one, or that it is too long.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    if _SECONDS.fullmatch(rest):
        rest += "s"
    parts = _PART.findall(rest)
    total = round(sum(float(number) * UNITS[unit] for number, unit in parts))
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f"{text!r} is not a span of time. Write it like 90s, 15m, 12h, 7d or 1d12h.")
    if total > LONGEST:
        raise ValueError(f"{text!r} is longer than a hundred years, which no span may be.")
    return sign * total
