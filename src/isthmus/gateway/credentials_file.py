"""Files that hold secrets: the credentials file that clients read, and the token of our own endpoints (I8, I215).

Such a file has mode 0600 in a folder of mode 0700, appears whole or not at all, and is not read once others can.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
OTHERS = 0o077


class ExposedFileError(Exception):
    """Others on this machine can read or replace a file of secrets; the text says what to do."""


def read_private(path: Path) -> str:
    """The text of a file that only its owner can read; raises ExposedFileError for one that others can read (I8)."""
    with path.open(encoding="utf-8") as file:  # looked at once open, so that it is not exchanged in between
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & OTHERS:
            raise ExposedFileError(
                f"{path} holds secrets and others can read it (mode {mode:04o}). Make it private with "
                f"'chmod 600 {path}', and replace its keys if others use this machine."
            )
        return file.read()


def write_private(path: Path, text: str) -> None:
    """Put `text` at `path`, durably: under a temporary name, then renamed, so that nobody sees half of it (I8)."""
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), FILE_MODE)  # whatever the umask made of it
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def write_profile(
    path: Path,
    profile: str,
    *,
    access_key_id: str,
    secret: str,
    session_token: str | None = None,
    region: str | None = None,
) -> None:
    """Add a profile to a credentials file in the format of AWS clients, or replace it; the others stay as they are."""
    values = {
        "aws_access_key_id": access_key_id,
        "aws_secret_access_key": secret,
        "aws_session_token": session_token,
        "region": region,
    }
    lines = [f"[{profile}]", *(f"{name} = {value}" for name, value in values.items() if value is not None)]
    _make_folder(path.parent)
    with _alone(path.parent):
        others = _without(profile, _existing(path))
        write_private(path, "\n".join([*others, *([""] if others else []), *lines]) + "\n")


def remove_profile(path: Path, profile: str) -> None:
    """Take a profile out of a credentials file; nothing happens where it is not."""
    if not path.exists():
        return
    with _alone(path.parent):
        before = _existing(path)
        after = _without(profile, before)
        if after != before:
            write_private(path, "".join(f"{line}\n" for line in after))


def profile_name(account: str, user: str = "") -> str:
    """The profile of a key: `isthmus-111122223333` of an account's root, `isthmus-111122223333-alice` of a user."""
    return f"isthmus-{account}-{user}" if user else f"isthmus-{account}"


def profiles_of(path: Path, account: str) -> list[str]:
    """The profiles in a credentials file of an account's root and of its users."""
    root = profile_name(account)
    sections = [line.strip()[1:-1] for line in (_existing(path) if path.exists() else []) if line.startswith("[")]
    return [section for section in sections if section == root or section.startswith(f"{root}-")]


def _existing(path: Path) -> list[str]:
    return _stripped(read_private(path).splitlines()) if path.exists() else []


def _without(profile: str, lines: list[str]) -> list[str]:
    """The lines of all other sections. Line by line, because a parser would lose comments."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("["):
            inside = line.strip() == f"[{profile}]"
        if not inside:
            kept.append(line)
    return _stripped(kept)


def _stripped(lines: list[str]) -> list[str]:
    """Without empty lines at the end."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _make_folder(folder: Path) -> None:
    """The folder with mode 0700; one that is there already must not let others exchange files in it."""
    with suppress(FileExistsError):
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        folder.chmod(FOLDER_MODE)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ExposedFileError(
            f"{folder} is to hold secrets and others can write to it (mode {mode:04o}). Make it private with "
            f"'chmod 700 {folder}', or choose another folder."
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two writers that read, change and write back must not lose each other's profile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
