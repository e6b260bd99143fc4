"""Files of secrets: private, whole, and refused once others can read them."""

import configparser
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from isthmus.gateway import credentials_file
from isthmus.gateway.credentials_file import ExposedFileError

PROFILE = credentials_file.profile_name("111122223333")


@pytest.fixture(autouse=True)
def permissive_umask() -> Iterator[None]:
    """What a careless shell has: modes must not depend on it."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def profiles(path: Path) -> dict[str, dict[str, str]]:
    """The file as an AWS client reads it."""
    parser = configparser.RawConfigParser()
    parser.read_string(credentials_file.read_private(path))
    return {name: dict(parser[name]) for name in parser.sections()}


def add(path: Path, profile: str = PROFILE, secret: str = "s/+1") -> None:
    credentials_file.write_profile(path, profile, access_key_id="AKIA1", secret=secret)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("umask", [0, 0o077, 0o277])
def test_a_file_of_secrets_is_private_in_a_private_folder(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "new" / "token"
    path.parent.parent.chmod(0o755)
    (tmp_path / "new").mkdir(mode=0o700) if umask == 0o277 else None
    os.umask(umask)
    credentials_file.write_private(path, "secret\n")
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    assert credentials_file.read_private(path) == "secret\n"


@pytest.mark.rule("I8")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602])
def test_a_file_that_others_can_read_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(mode)
    with pytest.raises(ExposedFileError, match=f"{path}.*mode {mode:04o}.*chmod 600 {path}"):
        credentials_file.read_private(path)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("mode", [0o770, 0o777, 0o707])
def test_a_folder_that_others_can_write_to_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(ExposedFileError, match="chmod 700"):
        credentials_file.write_private(tmp_path / "token", "secret")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.rule("I8")
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "token"
    credentials_file.write_private(path, "old")
    with mock.patch.object(os, "fsync", side_effect=OSError("disk full")), pytest.raises(OSError, match="disk full"):
        credentials_file.write_private(path, "new")
    assert credentials_file.read_private(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.rule("I8")
def test_the_new_file_is_private_before_anything_is_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    seen: list[tuple[int, int]] = []
    real = os.fchmod

    def watched(descriptor: int, mode: int) -> None:
        seen.append((stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077, os.fstat(descriptor).st_size))
        real(descriptor, mode)

    with mock.patch.object(os, "fchmod", watched):
        credentials_file.write_private(tmp_path / "token", "secret")
    assert seen == [(0, 0)]


@pytest.mark.rule("I215")
def test_a_profile_is_what_aws_clients_read(tmp_path: Path) -> None:
    path = tmp_path / "isthmus" / "credentials"
    credentials_file.write_profile(
        path, PROFILE, access_key_id="ASIA1", secret="s/+%1", session_token="t=", region="eu-west-1"
    )
    assert profiles(path) == {
        "isthmus-111122223333": {
            "aws_access_key_id": "ASIA1",
            "aws_secret_access_key": "s/+%1",
            "aws_session_token": "t=",
            "region": "eu-west-1",
        }
    }
    assert mode_of(path) == 0o600


@pytest.mark.rule("I215")
def test_a_profile_replaces_its_own_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "isthmus" / "credentials"
    for profile, secret in [("one", "1"), (PROFILE, "2"), ("three", "3"), (PROFILE, "4")]:
        add(path, profile, secret)
    assert {name: values["aws_secret_access_key"] for name, values in profiles(path).items()} == {
        "one": "1",
        PROFILE: "4",
        "three": "3",
    }


def test_comments_of_other_profiles_stay(tmp_path: Path) -> None:
    path = tmp_path / "isthmus" / "credentials"
    credentials_file.write_private(path, "# mine\n[default]\nregion = eu-west-1  \n\n")
    add(path)
    credentials_file.remove_profile(path, PROFILE)
    assert credentials_file.read_private(path) == "# mine\n[default]\nregion = eu-west-1  \n"


def test_removing_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "isthmus" / "credentials"
    credentials_file.remove_profile(path, PROFILE)
    assert not path.parent.exists()
    add(path)
    before = path.stat().st_ino
    credentials_file.remove_profile(path, "another")
    assert path.stat().st_ino == before


@pytest.mark.rule("I8")
def test_a_profile_is_not_added_to_a_file_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "isthmus" / "credentials"
    add(path)
    path.chmod(0o644)
    with pytest.raises(ExposedFileError):
        add(path, "another")


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "isthmus" / "credentials"
    names = [f"isthmus-{number:012d}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: add(path, name), names))
    assert sorted(profiles(path)) == names
