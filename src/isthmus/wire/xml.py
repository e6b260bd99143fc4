"""Character data of XML: what the generated writers of `shapes/` put between tags."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'  # S111

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, whose name isoformat() would write out
_FORBIDDEN = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
unanswerable = re.compile(f"[{_FORBIDDEN}]").search  # a value that holds one could be kept but never answered

# None for text that can stand as it is. The writers ask first: nearly all text can, and this costs less than a call.
unsafe = re.compile(f"[&<>\r{_FORBIDDEN}]").search


def escape(text: str) -> str:
    """The text as character data. What XML cannot carry at all becomes U+FFFD; no request can have brought it."""
    # A bare carriage return would be read as a line feed.
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return re.sub(f"[{_FORBIDDEN}]", "\N{REPLACEMENT CHARACTER}", text)


def second(milliseconds: int) -> str:
    """The moment as the Query protocol's services write it, in whole seconds: 2026-01-02T03:04:05Z (I197)."""
    return _to_the_second(milliseconds // 1000) + "Z"


def instant(milliseconds: int) -> str:
    """The moment as ISO 8601 in UTC with milliseconds: 2014-02-18T14:37:25.000Z (S117)."""
    return f"{_to_the_second(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=1_024)  # what is asked for at one time expires at one time too
def _to_the_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()
