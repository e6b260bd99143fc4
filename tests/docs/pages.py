"""The pages of the documentation, taken apart: links, blocks of code, commands."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The rules come with their own sources, which name pages of other projects.
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "changes").glob("README.md"), *(ROOT / "docs").rglob("*.md"))
    if "spec" not in path.relative_to(ROOT).parts
)

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
PATH = re.compile(r"`(?P<path>(?:src|docs|tests|tools|changes|bench|\.ci)/[\w./-]+)`")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return [found["text"] for found in FENCE.finditer(text_of(path)) if found["language"] == language]


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", text_of(path))


def slug(title: str) -> str:
    """The anchor that a heading has on a page."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {slug(found["title"]) for found in HEADING.finditer(prose(path))}


def commands(path: Path) -> Iterator[str]:
    """What a page shows after a prompt, without its remark."""
    for block in blocks(path, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield line.removeprefix("$ ").partition("  #")[0].strip()
