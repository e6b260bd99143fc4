"""What import-linter cannot say: the pure rooms take nothing from the world but their arguments."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "isthmus"
PURE_ROOMS = ("domain", "policy")
BELOW = {"domain": (), "policy": ("domain",)}  # the rooms that a pure room may import beside itself

# Modules that read a clock, a file, the environment, the network, another process or a random source.
# fmt: off
WORLDLY = frozenset({
    "asyncio", "ctypes", "fcntl", "getpass", "glob", "http", "importlib", "io", "locale", "logging", "mmap",
    "multiprocessing", "os", "pathlib", "pickle", "platform", "queue", "random", "sched", "secrets", "select",
    "selectors", "shutil", "signal", "site", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "sys",
    "sysconfig", "tempfile", "threading", "time", "urllib", "uuid",
})
# fmt: on
WORLDLY_CALLS = frozenset({"open", "input", "print", "eval", "exec", "compile", "__import__", "breakpoint", "globals"})
VALUES = frozenset({"msgspec"})  # what values are made of (ADR 20)
CLOCKS = frozenset({"now", "utcnow", "today"})

FILES = sorted(path for room in PURE_ROOMS for path in (SOURCE / room).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            yield f".{node.attr}"


def impurities(text: str, room: str = "domain") -> list[str]:
    tree = ast.parse(text)
    own = tuple(f"isthmus.{name}" for name in (room, *BELOW[room]))
    foreign = [name for name in imports(tree) if not allowed(name, own)]
    return foreign + [name for name in calls(tree) if name in WORLDLY_CALLS or name.startswith(".")]


def allowed(module: str, own: tuple[str, ...]) -> bool:
    top = module.partition(".")[0]
    if top == "isthmus":
        return any(module == room or module.startswith(f"{room}.") for room in own)
    return top in VALUES or (top in sys.stdlib_module_names and top not in WORLDLY)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_a_pure_room_takes_nothing_from_the_world(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    assert impurities(path.read_text(encoding="utf-8"), room) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import time", ["time"]),
        ("from os import environ", ["os"]),
        ("import httptools", ["httptools"]),
        ("from msgspec.structs import replace", []),
        ("from isthmus.wire import query", ["isthmus.wire"]),
        ("from isthmus import config", ["isthmus"]),
        ("open('x')", ["open"]),
        ("datetime.now()", [".now"]),
        ("from isthmus.domain import errors", []),
        ("import re\nfrom msgspec import Struct", []),
    ],
)
def test_the_check_itself_finds_what_is_forbidden(text: str, found: list[str]) -> None:
    assert impurities(text) == found


def test_policy_may_import_domain_and_not_the_other_way_round() -> None:
    assert impurities("from isthmus.domain import errors", "policy") == []
    assert impurities("from isthmus.policy import match", "domain") == ["isthmus.policy"]
