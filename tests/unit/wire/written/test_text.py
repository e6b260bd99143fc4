"""Texts that people write: one shape from three forms, and the line of everything in it."""

import sys
from typing import Any

import pytest

from isthmus.wire.written import yaml_text
from isthmus.wire.written.text import UnreadableError, read, shown

JSON = """{"accounts": [
  {"id": "012345678901",
   "since": 1.50, "open": true, "note": null,
   "users": [{"name": "a\\"{b"}]}
]}"""
TOML = """# people
[[accounts]]
id = "012345678901"
since = 1.50
open = true

[[accounts.users]]
name = 'a"{b'
"""
YAML = """accounts:
  - id: 012345678901
    since: 1.50
    open: true
    note:
    users:
      - name: a"{b
"""


@pytest.mark.rule("I217")
@pytest.mark.parametrize(
    ("suffix", "text", "lines"),
    [(".json", JSON, (2, 3, 3, 4)), (".toml", TOML, (3, 4, 5, 8)), (".yaml", YAML, (2, 3, 4, 7))],
)
def test_all_forms_say_the_same_and_know_their_lines(suffix: str, text: str, lines: tuple[int, ...]) -> None:
    written = read(text, suffix)
    (account,) = written.value["accounts"]
    assert account.pop("note", None) is None
    assert account == {"id": "012345678901", "since": "1.50", "open": True, "users": [{"name": 'a"{b'}]}
    places = (("accounts", 0, "id"), ("accounts", 0, "since"), ("accounts", 0, "open"), ("accounts", 0, "users", 0, "name"))
    assert tuple(written.line(place) for place in places) == lines


@pytest.mark.parametrize(
    ("suffix", "text"),
    [(".toml", "Version = 2012-10-17"), (".yaml", "Version: 2012-10-17"), (".json", '{"Version": "2012-10-17"}')],
)
def test_a_date_is_its_text(suffix: str, text: str) -> None:
    assert read(text, suffix).value == {"Version": "2012-10-17"}


def test_in_yaml_no_is_a_country_and_a_quoted_truth_is_text() -> None:
    assert read("a: no\nb: on\nc: 'true'\nd: ~\n", ".yaml").value == {"a": "no", "b": "on", "c": "true", "d": None}


def test_the_line_of_what_is_missing_is_that_of_what_it_is_missing_from() -> None:
    written = read(TOML, ".toml")
    assert written.line(("accounts", 0, "name")) == 2
    assert written.line(("nothing", "here")) == 1


TOML_CORNERS: list[tuple[str, Any, int]] = [
    ('x = """\n]\n"""\ny = 1', ("y",), 4),
    ("x = '''\n'''\ny = 1", ("y",), 3),
    ('x = """a"""""\ny = 1', ("y",), 2),
    ('x = ["]", # ]\n  "#",\n  {z = 1}]', ("x", 2, "z"), 3),
    ('a.b . "c.d" = 1\n[t]\na."b" = {c = [1]}', ("t", "a", "b", "c", 0), 3),
    ("[a.b]\nx = 1979-05-27 07:32:00\ny = 2", ("a", "b", "y"), 3),
    ("[[a]]\n[[a.b]]\n[a.b.c]\nx = 1\n[[a]]\n[[a.b]]\nx = 2", ("a", 1, "b", 0, "x"), 7),
    ('"q\\"]" = 1\n\'l]\' = 2', ("l]",), 2),
    ("a = 1\r\nb = 2\r\n", ("b",), 2),
]


@pytest.mark.parametrize(("text", "place", "line"), TOML_CORNERS)
def test_the_corners_of_toml_keep_their_lines(text: str, place: Any, line: int) -> None:
    written = read(text, ".toml")
    assert place in written.lines
    assert written.line(place) == line


UNREADABLE: list[tuple[str, str, int, str]] = [
    (".json", '{\n"a": }', 2, "this is no JSON: Expecting value"),
    (".json", '{"a": 1,\n "a": 2}', 2, "'a' stands here a second time"),
    (".json", "[NaN]", 1, "NaN is no number in JSON"),
    (".json", "", 1, "this is no JSON: Expecting value"),
    (".json", "[" * 100_000, 1, "this is nested too deeply"),
    (".toml", "a = 1\na = 2", 2, "this is no TOML: Cannot overwrite a value"),
    (".toml", "a = 1\nb = [", 2, "this is no TOML: "),
    (".yaml", "a: 1\nb: ]", 2, "this is no YAML: "),
    (".yaml", "a: 1\na: 2", 2, "'a' stands here a second time"),
    (".yaml", "a: 1\nb: !Ref x", 2, "the tag !Ref means nothing here"),
    (".yaml", "a: 1\n? [b]\n: 2", 2, "a name must be a text"),
    (".yaml", "a: \x00", 1, "this is no YAML:"),
    (".yaml", "&a [*a]", 1, "this is nested too deeply"),
]


@pytest.mark.parametrize(("suffix", "text", "line", "why"), UNREADABLE, ids=[f"{row[0]}-{row[3]}" for row in UNREADABLE])
def test_what_cannot_be_read_says_why_and_where(suffix: str, text: str, line: int, why: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(text, suffix)
    assert str(caught.value).startswith(why)
    assert caught.value.line == line


def test_aliases_of_aliases_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MOST", 1_000)
    layers = "\n".join(f"l{number}: &l{number} [{', '.join([f'*l{number - 1}'] * 10)}]" for number in range(1, 9))
    with pytest.raises(UnreadableError, match="more than 1000 values"):
        read(f"l0: &l0 x\n{layers}", ".yaml")


def test_without_its_library_yaml_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UnreadableError, match=r"pip install 'isthmus\[yaml\]'"):
        read("a: 1", ".yml")


def test_a_place_is_shown_as_people_write_it() -> None:
    assert shown(("accounts", 0, "users", 12, "name")) == "accounts[0].users[12].name"
    assert shown(()) == ""
