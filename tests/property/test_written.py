"""The walk that finds lines sees exactly what the libraries read, for whatever can be written."""

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from isthmus.wire.written.text import Place, read

NAMES = st.text(st.sampled_from("abC-_09 .\"'#[]{}=,:\\é\n"), max_size=6)
LEAVES = st.one_of(st.booleans(), st.integers(-9, 9), NAMES)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
TABLES = st.dictionaries(NAMES, VALUES, max_size=4)


def places(value: Any, place: Place = ()) -> set[Place]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {place}.union(*(places(member, (*place, name)) for name, member in members))


def words(value: Any) -> Any:
    """A value with its numbers as texts, as all forms are read."""
    if isinstance(value, dict):
        return {name: words(member) for name, member in value.items()}
    if isinstance(value, list):
        return [words(each) for each in value]
    return value if isinstance(value, bool) else str(value)


def inline(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {inline(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(map(inline, value)) + "]"
    return json.dumps(value)


def tables(value: dict[str, Any], path: str = "") -> str:
    """A value as TOML writes it with headers: first what is no table, then each table under its own."""
    plain = {name: member for name, member in value.items() if not _is_table(member)}
    text = "".join(f"{json.dumps(name)} = {inline(member)}  # x\n" for name, member in plain.items())
    for name, member in value.items():
        if _is_table(member):
            here = f"{path}.{json.dumps(name)}".removeprefix(".")
            several = isinstance(member, list)
            for each in member if several else [member]:
                text += (f"[[{here}]]\n" if several else f"[{here}]\n") + tables(each, here)
    return text


def _is_table(member: Any) -> bool:
    return isinstance(member, dict) or (
        isinstance(member, list) and bool(member) and all(isinstance(each, dict) for each in member)
    )


@given(value=TABLES)
def test_json_is_walked_whole(value: dict[str, Any]) -> None:
    for indent in (None, 1):
        written = read(json.dumps(value, indent=indent), ".json")
        assert written.value == words(value)
        assert set(written.lines) == places(value)


@given(value=TABLES)
def test_toml_is_walked_whole(value: dict[str, Any]) -> None:
    written = read(tables(value), ".toml")
    assert written.value == words(value)
    assert set(written.lines) == places(value)


@given(value=TABLES)
def test_yaml_is_walked_whole(value: dict[str, Any]) -> None:
    for flow in (True, False):
        text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
        written = read(text, ".yaml")
        assert set(written.lines) == places(value)
