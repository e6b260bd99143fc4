"""A start file on its way from the disk to the store: read, its secrets found, its problems told with file and line (I217).

`isthmus apply` sends the value to the admin endpoint `apply`; `isthmus serve --start-file` hands it to the same work.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from isthmus.gateway import credentials_file
from isthmus.gateway.credentials_file import ExposedFileError
from isthmus.wire.written import text
from isthmus.wire.written.text import FORMS, Place, UnreadableError, Written

KEYS: Final = "access_keys"
FROM_ENVIRONMENT, FROM_FILE, SECRET = "secret_from_environment", "secret_from_file", "secret"
LISTED: Final = 20
"""Problems told at once."""


class StartFileRefusedError(Exception):
    """A start file that cannot be applied; the text says, line by line, what is wrong with it."""


class Loaded(Struct, frozen=True):
    """A start file that was read, with its secrets."""

    path: Path
    written: Written

    @property
    def value(self) -> Any:  # noqa: ANN401 - whatever was written
        """What it says."""
        return self.written.value

    def refusal(self, problems: Iterable[tuple[Place, str]]) -> StartFileRefusedError:
        """Return what to say of problems: for each the file, the line and the field."""
        told = sorted((self.written.line(place), text.shown(place), message) for place, message in problems)
        lines = [f"{self.path}:{line}: {f'{field}: ' if field else ''}{message}" for line, field, message in told[:LISTED]]
        more = [f"and {len(told) - LISTED} more"] if len(told) > LISTED else []
        return StartFileRefusedError("\n".join([*lines, *more, "Nothing was changed."]))


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Read a start file and the secrets that it refers to. Raises `StartFileRefusedError`."""
    suffix = path.suffix.lower()
    if suffix not in FORMS:
        raise StartFileRefusedError(f"{path}: a start file's name ends in {', '.join(FORMS)}.")
    try:
        written = text.read(path.read_text(encoding="utf-8-sig"), suffix)
    except OSError as error:
        raise StartFileRefusedError(f"The start file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise StartFileRefusedError(f"{path} is no text in UTF-8.") from None
    except UnreadableError as error:
        raise StartFileRefusedError(f"{path}:{error.line}: {error}.") from None
    loaded = Loaded(path, written)
    if problems := [each for place, key in _keys(written.value, ()) for each in _resolve(key, place, path, environment)]:
        raise loaded.refusal(problems)
    return loaded


def _keys(value: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:  # noqa: ANN401 - whatever was written
    """Yield the access keys of a file, wherever they stand; what has another shape is for the check of the shape."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        here = (*place, name)
        if isinstance(member, dict) and place[-1:] == (KEYS,):
            yield here, member
        else:
            yield from _keys(member, here)


def _resolve(key: dict[str, Any], place: Place, path: Path, environment: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Put a key's secret where the file only says where it is; yield what is wrong with that."""
    said = [name for name in (SECRET, FROM_ENVIRONMENT, FROM_FILE) if isinstance(key.get(name), str)]
    if len(said) > 1:
        yield (*place, said[1]), f"a key has either {said[0]} or {said[1]}"
        return
    if said == [FROM_ENVIRONMENT]:
        variable = key.pop(FROM_ENVIRONMENT)
        key[SECRET] = environment.get(variable, "")
        if not key[SECRET]:
            yield (*place, FROM_ENVIRONMENT), f"the environment has no {variable}"
    elif said == [FROM_FILE]:
        file = path.parent / Path(key.pop(FROM_FILE)).expanduser()
        try:
            key[SECRET] = credentials_file.read_private(file).strip()
        except (OSError, UnicodeDecodeError) as error:
            yield (*place, FROM_FILE), f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        except ExposedFileError as error:
            yield (*place, FROM_FILE), str(error)


def problems_of(answer: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """Return the problems that the admin endpoint has told."""
    return [(tuple(each["place"]), each["message"]) for each in answer["problems"]]


def write_profiles(path: Path, keys: Iterable[Mapping[str, str]], region: str) -> list[str]:
    """Write a profile for each key that was made, and return their names. Raises as `write_profile` does."""
    profiles: list[str] = []
    for key in keys:
        profile = credentials_file.profile_name(key["account"], key["user"])
        credentials_file.write_profile(
            path, profile, access_key_id=key["access_key_id"], secret=key["secret_access_key"], region=region
        )
        profiles.append(profile)
    return profiles
