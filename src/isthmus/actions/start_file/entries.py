"""The shape of a start file, whatever it is written in. What is not said stays as it is, or has IAM's default."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from isthmus.actions.start_file.problems import Problem, StartFileError

Document: TypeAlias = dict[str, Any] | str
"""A policy document: written out, or as a text of JSON."""
GENERATE: Final = "generate"
"""What `access_keys` says where a key is to be made if there is none."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of one thing."""


class KeyEntry(Entry, frozen=True):
    """An access key that is known beforehand."""

    id: str
    secret: str | None = None
    secret_from_environment: str | None = None
    """The variable that has it, where the file is applied."""
    secret_from_file: str | None = None
    """The private file that has it, by its path from the start file."""


Keys: TypeAlias = list[KeyEntry] | str


class PolicyEntry(Entry, frozen=True):
    """A managed policy; where its document differs from the one in force, it gets a new version."""

    name: str
    document: Document
    path: str | None = None
    description: str | None = None
    tags: dict[str, str] = {}


class HolderEntry(Entry, frozen=True):
    """What users, groups and roles have in common."""

    name: str
    path: str | None = None
    attached_policies: list[str] = []
    """Names or ARNs of managed policies, the account's own or the vendor's."""
    inline_policies: dict[str, Document] = {}


class GroupEntry(HolderEntry, frozen=True):
    """A group; its users name it."""


class UserEntry(HolderEntry, frozen=True):
    """A user."""

    permissions_boundary: str | None = None
    tags: dict[str, str] = {}
    groups: list[str] = []
    access_keys: Keys = []


class RoleEntry(HolderEntry, frozen=True):
    """A role, with either its whole trust policy or a list of the principals who may assume it."""

    trust_policy: Document | None = None
    trusted_principals: list[str] | None = None
    """Account ids, or ARNs of accounts, users and roles."""
    permissions_boundary: str | None = None
    tags: dict[str, str] = {}
    description: str | None = None
    max_session_duration: str | None = None
    """In seconds."""


class AccountEntry(Entry, frozen=True):
    """An account with what IAM keeps of it."""

    id: str
    name: str
    access_keys: Keys = []
    """Of its root."""
    policies: list[PolicyEntry] = []
    groups: list[GroupEntry] = []
    users: list[UserEntry] = []
    roles: list[RoleEntry] = []
    service_control_policies: list[str] | None = None
    """Names of all that are attached to it."""


class ServiceControlEntry(Entry, frozen=True):
    """A service control policy of the organization."""

    name: str
    document: Document
    description: str | None = None


class OrganizationEntry(Entry, frozen=True):
    """The organization of all accounts."""

    management_account: str | None = None
    policies: list[ServiceControlEntry] = []
    service_control_policies: list[str] | None = None
    """Names of all that are attached to its root, and so bind every account but the management account."""


class Start(Entry, frozen=True):
    """All that a start file says."""

    organization: OrganizationEntry | None = None
    accounts: list[AccountEntry] = []


ENTRIES: Final[Mapping[tuple[str, ...], type[Entry]]] = {
    (): Start,
    ("organization",): OrganizationEntry,
    ("organization", "policies"): ServiceControlEntry,
    ("accounts",): AccountEntry,
    ("accounts", "access_keys"): KeyEntry,
    ("accounts", "policies"): PolicyEntry,
    ("accounts", "groups"): GroupEntry,
    ("accounts", "users"): UserEntry,
    ("accounts", "users", "access_keys"): KeyEntry,
    ("accounts", "roles"): RoleEntry,
}
"""What stands where."""

_AT: Final = re.compile(r"(?s)(.*?)(?: - at `(?:key in )?\$(.*)`)?")
_PART: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+)`")
_MISSING: Final = re.compile(r"Object missing required field `(.+)`")
WORDS: Final[Mapping[str, str]] = {
    "object": "a table",
    "array": "a list",
    "str": "a text",
    "null": "nothing",
    "bool": "true or false",
}
SOMEWHERE: Final = "[...]"
"""How msgspec names a member of a table whose names are free."""
_TYPES: Final = re.compile(r"Expected `(.+)`, got `(.+)`")


def convert(value: Any) -> Start:  # noqa: ANN401 - whatever was written
    """Give a value the shape of a start file. Raises `StartFileError` with the first place where it has another."""
    try:
        return msgspec.convert({} if value is None else value, Start)
    except msgspec.ValidationError as error:
        raise StartFileError([_problem(str(error))]) from None


def _problem(text: str) -> Problem:
    found = _AT.fullmatch(text)
    assert found is not None, text
    known = (found[2] or "").partition(SOMEWHERE)[0]
    place = tuple(int(part[2]) if part[2] else part[1] for part in _PART.finditer(known))
    if unknown := _UNKNOWN.fullmatch(found[1]):
        known = ", ".join(ENTRIES[tuple(part for part in place if isinstance(part, str))].__struct_fields__)
        return Problem((*place, unknown[1]), f"there is no field {unknown[1]} here; known are {known}")
    if missing := _MISSING.fullmatch(found[1]):
        return Problem(place, f"the field {missing[1]} is missing")
    if types := _TYPES.fullmatch(found[1]):
        return Problem(place, f"this must be {_words(types[1])}, not {_words(types[2])}")
    return Problem(place, found[1])


def _words(types: str) -> str:
    return " or ".join(WORDS.get(each, each) for each in types.split(" | "))
