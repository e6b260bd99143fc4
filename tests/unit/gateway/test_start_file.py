"""A start file from the disk: its secrets are found, and what is wrong is told with file, line and field."""

from pathlib import Path

import pytest

from isthmus.gateway import start_file
from isthmus.gateway.start_file import StartFileRefusedError

HEAD = '[[accounts]]\nid = "111122223333"\nname = "network"\n'
KEY = "AKIAALICEALICEALICE1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    secret.chmod(0o600)
    (tmp_path / "shared").write_text("for everybody")
    (tmp_path / "shared").chmod(0o644)
    return tmp_path


def written(folder: Path, text: str, name: str = "start.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refusal(path: Path, **environment: str) -> str:
    with pytest.raises(StartFileRefusedError) as caught:
        start_file.load(path, environment)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.rule("I217")
@pytest.mark.parametrize("holder", ["accounts.access_keys", "accounts.users.access_keys"])
@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ('secret = "in the file"', "in the file"),
        ('secret_from_environment = "ALICE"', "from outside"),
        ('secret_from_file = "secret"', "from a file"),
    ],
)
def test_a_secret_stands_in_the_file_or_is_found_where_it_says(folder: Path, holder: str, said: str, secret: str) -> None:
    user = '[[accounts.users]]\nname = "alice"\n' if "users" in holder else ""
    path = written(folder, f'{HEAD}{user}[[{holder}]]\nid = "{KEY}"\n{said}\n')
    (account,) = start_file.load(path, {"ALICE": "from outside"}).value["accounts"]
    held = account["users"][0] if user else account
    assert held["access_keys"] == [{"id": KEY, "secret": secret}]


@pytest.mark.rule("I217")
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            'secret_from_environment = "ALICE"',
            "start.toml:6: accounts[0].access_keys[0].secret_from_environment: the environment",
        ),
        ('secret_from_file = "none"', "secret_from_file: none cannot be read: No such file or directory"),
        ('secret_from_file = "shared"', "secret_from_file: shared holds secrets and others can read it"),
        (
            'secret = "x"\nsecret_from_file = "secret"',
            "start.toml:7: accounts[0].access_keys[0].secret_from_file: a key has either",
        ),
    ],
)
def test_a_secret_that_is_not_found_is_told_with_its_line(folder: Path, said: str, why: str) -> None:
    text = refusal(written(folder, f'{HEAD}[[accounts.access_keys]]\nid = "{KEY}"\n{said}\n'))
    assert why in text
    assert text.endswith("Nothing was changed.")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("start.txt", b"", "start.txt: a start file's name ends in .json, .toml, .yaml, .yml."),
        ("start.toml", b"a = ", "start.toml:1: this is no TOML: "),
        ("start.json", b"\xff", "start.json is no text in UTF-8."),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name).startswith(why)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert refusal(tmp_path / "start.toml") == "The start file start.toml cannot be read: No such file or directory."


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "start.json").write_bytes(b"\xef\xbb\xbf{}")
    assert start_file.load(tmp_path / "start.json").value == {}


def test_problems_are_told_in_the_order_of_their_lines_and_not_without_end(tmp_path: Path) -> None:
    loaded = start_file.load(written(tmp_path, "\n".join(f"n{number} = 1" for number in range(30))))
    lines = str(loaded.refusal(((f"n{number}",), "wrong") for number in reversed(range(30)))).splitlines()
    assert lines[0] == f"{tmp_path}/start.toml:1: n0: wrong"
    assert len(lines) == start_file.LISTED + 2
    assert lines[-2:] == ["and 10 more", "Nothing was changed."]


def test_a_shape_that_is_no_start_file_is_left_to_the_check_of_the_shape(tmp_path: Path) -> None:
    for text in ('{"accounts": {"access_keys": ["x", 1]}}', '{"access_keys": {"a": 1}}', "[]", "1", "null"):
        start_file.load(written(tmp_path, text, "start.json"))
