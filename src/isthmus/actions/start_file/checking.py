"""What is wrong with a start file, as far as the file alone can tell: all of it at once, each with its place (I217)."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from isthmus.actions import administration
from isthmus.actions.administration import AdministrationError
from isthmus.actions.start_file.entries import (
    GENERATE,
    AccountEntry,
    Document,
    GroupEntry,
    HolderEntry,
    KeyEntry,
    Keys,
    OrganizationEntry,
    PolicyEntry,
    RoleEntry,
    Start,
    UserEntry,
    convert,
)
from isthmus.actions.start_file.problems import Problem, StartFileError
from isthmus.domain.access_keys import LONG_TERM_PREFIX, looks_issued
from isthmus.domain.errors import ApiError
from isthmus.domain.iam.names import folded
from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.wire import services
from isthmus.wire.constraints import check_constraints
from isthmus.wire.shapes import iam
from isthmus.wire.written.text import Place

SECRET: Final = re.compile(r"[A-Za-z0-9/+=]{16,128}")
SCP_NAME: Final = re.compile(r"[\x20-\x7e]{1,128}")
STATEMENT: Final = "Statement"
HARMLESS: Final = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Principal": "*"}
"""What a statement of whatever kind may say, to find out what is wrong with one that is refused."""
MEMBER: Final = re.compile(r" at '(\w+)[.']")
FIELDS: Final[Mapping[str, str]] = {
    "path": "path",
    "description": "description",
    "tags": "tags",
    "maxSessionDuration": "max_session_duration",
    "policyName": "name",
}
"""Which field of the file is meant, by the member of IAM's request that it becomes."""

Problems = Iterator[Problem]


def checked(value: Any) -> Start:  # noqa: ANN401 - whatever was written
    """Return what a start file says. Raises `StartFileError` with all that is wrong with it."""
    start = convert(value)
    if problems := list(_start(start)):
        raise StartFileError(problems)
    return start


def text_of(document: Document) -> str:
    """Return a policy document as it is kept."""
    return document if isinstance(document, str) else msgspec.json.encode(document).decode()


def trust_of(role: RoleEntry) -> Document:
    """Return a role's trust policy, the one given or one that lets its trusted principals in."""
    if role.trust_policy is not None:
        return role.trust_policy
    statement = {"Effect": "Allow", "Principal": {"AWS": role.trusted_principals or []}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _start(start: Start) -> Problems:
    if start.organization is not None:
        yield from _organization(start.organization, ("organization",))
    yield from _distinct((each.id for each in start.accounts), ("accounts",), "account", "id")
    for number, each in enumerate(start.accounts):
        yield from account(each, ("accounts", number))


def _organization(entry: OrganizationEntry, place: Place) -> Problems:
    if entry.management_account is not None:
        yield from _administrators(administration.check_id, entry.management_account, (*place, "management_account"))
    yield from _distinct((each.name for each in entry.policies), (*place, "policies"), "policy")
    for number, policy in enumerate(entry.policies):
        here = (*place, "policies", number)
        if not SCP_NAME.fullmatch(policy.name):
            yield Problem((*here, "name"), "a service control policy's name has 1 to 128 printable characters of ASCII")
        yield from _document(policy.document, Kind.SERVICE_CONTROL, (*here, "document"))


def account(entry: AccountEntry, place: Place) -> Problems:
    """Find what is wrong with an account and all that is in it."""
    yield from _administrators(administration.check_id, entry.id, (*place, "id"))
    yield from _administrators(administration.check_name, entry.name, (*place, "name"))
    yield from _keys(entry.access_keys, (*place, "access_keys"))
    for word, entries in (
        ("policies", entry.policies),
        ("groups", entry.groups),
        ("users", entry.users),
        ("roles", entry.roles),
    ):
        yield from _distinct((each.name for each in entries), (*place, word), {"policies": "policy"}.get(word, word[:-1]))
    for number, policy in enumerate(entry.policies):
        yield from _policy(policy, (*place, "policies", number))
    for number, group in enumerate(entry.groups):
        yield from _group(group, (*place, "groups", number))
    for number, user in enumerate(entry.users):
        yield from _user(user, (*place, "users", number))
    for number, role in enumerate(entry.roles):
        yield from _role(role, (*place, "roles", number))


def _policy(entry: PolicyEntry, place: Place) -> Problems:
    asked = iam.CreatePolicyRequest(
        policy_name=entry.name,
        path=entry.path,
        policy_document="{}",
        description=entry.description,
        tags=_tags(entry.tags),
    )
    yield from _constraints("CreatePolicy", asked, place)
    yield from _document(entry.document, Kind.MANAGED, (*place, "document"))


def _group(entry: GroupEntry, place: Place) -> Problems:
    yield from _constraints("CreateGroup", iam.CreateGroupRequest(group_name=entry.name, path=entry.path), place)
    yield from _inline(entry, place)


def _user(entry: UserEntry, place: Place) -> Problems:
    asked = iam.CreateUserRequest(user_name=entry.name, path=entry.path, tags=_tags(entry.tags))
    yield from _constraints("CreateUser", asked, place)
    yield from _inline(entry, place)
    yield from _keys(entry.access_keys, (*place, "access_keys"))


def _role(entry: RoleEntry, place: Place) -> Problems:
    seconds = entry.max_session_duration
    if seconds is not None and not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 10):
        yield Problem((*place, "max_session_duration"), f"this must be a number of seconds, not {seconds!r}")
        seconds = None
    asked = iam.CreateRoleRequest(
        role_name=entry.name,
        path=entry.path,
        assume_role_policy_document="{}",
        description=entry.description,
        max_session_duration=None if seconds is None else int(seconds),
        tags=_tags(entry.tags),
    )
    yield from _constraints("CreateRole", asked, place)
    yield from _inline(entry, place)
    if (entry.trust_policy is None) is (entry.trusted_principals is None):
        yield Problem(place, "a role has either trust_policy or trusted_principals")
    elif entry.trust_policy is not None:
        yield from _document(entry.trust_policy, Kind.TRUST, (*place, "trust_policy"))
    else:  # as a text, which has no statements of the file's
        yield from _document(text_of(trust_of(entry)), Kind.TRUST, (*place, "trusted_principals"))


def _inline(entry: HolderEntry, place: Place) -> Problems:
    for name, document in entry.inline_policies.items():
        here = (*place, "inline_policies", name)
        asked = iam.PutUserPolicyRequest(user_name="any", policy_name=name, policy_document="{}")
        yield from (Problem(here, each.message) for each in _constraints("PutUserPolicy", asked, here))
        yield from _document(document, Kind.INLINE, here)


def _keys(keys: Keys, place: Place) -> Problems:
    if isinstance(keys, str):
        if keys != GENERATE:
            yield Problem(place, f"this must be {GENERATE!r}, or a list of keys with id and secret")
        return
    for number, key in enumerate(keys):
        yield from _key(key, (*place, number))


def _key(key: KeyEntry, place: Place) -> Problems:
    if not (looks_issued(key.id) and key.id.startswith(LONG_TERM_PREFIX)):
        wanted = f"{LONG_TERM_PREFIX} and 16 capital letters and digits"
        yield Problem((*place, "id"), f"an access key id is {wanted}, unlike {key.id!r}")
    if key.secret is None:
        yield Problem(place, "a key needs its secret, or secret_from_environment or secret_from_file")
    elif not SECRET.fullmatch(key.secret):
        yield Problem((*place, "secret"), "a secret has 16 to 128 letters, digits, and any of / + =")


# --- what the rest of Isthmus says of it ------------------------------------------------------------------------------


def _administrators(check: Any, text: str, place: Place) -> Problems:  # noqa: ANN401 - a check of a text
    try:
        check(text)
    except AdministrationError as error:
        yield Problem(place, str(error))


def _tags(tags: Mapping[str, str]) -> list[iam.Tag]:
    return [iam.Tag(key=key, value=value) for key, value in tags.items()]


def _constraints(action: str, asked: msgspec.Struct, place: Place) -> Problems:
    """Find what IAM's model says of a request that would make the thing."""
    try:
        check_constraints(services.BY_NAME["iam"], action, asked)
    except ApiError as error:
        found = MEMBER.search(error.message)
        field = FIELDS.get(found[1], "name") if found else "name"
        yield Problem((*place, field), error.message)


def _document(document: Document, kind: Kind, place: Place) -> Problems:
    """Find what is wrong with a policy, and with which of its statements."""
    try:
        compiled.validate(text_of(document), kind)
    except ApiError as error:
        where, which = _culprit(document, kind) if isinstance(document, dict) and STATEMENT in document else ((), "")
        yield Problem((*place, *where), f"this is no {kind.value}: {which}{error.message}")


def _culprit(document: Mapping[str, Any], kind: Kind) -> tuple[Place, str]:
    """Return the first statement that is refused by itself, and how to call it; nothing where each of them could be."""
    given = document[STATEMENT]
    statements: Sequence[Any] = given if isinstance(given, list) else [given]
    for number, statement in enumerate(statements):
        if not _is_taken(statement, kind):
            members = statement if isinstance(statement, dict) else {}
            sid = members.get("Sid")
            name = f"statement {number + 1}" + (f" ({sid})" if sid else "")
            place = (STATEMENT, number) if isinstance(given, list) else (STATEMENT,)
            return (*place, *_to_blame(members, lambda trial: _is_taken(trial, kind))), f"{name}: "
    return (), ""


def _is_taken(statement: object, kind: Kind) -> bool:
    """Whether a statement could be saved by itself."""
    try:
        compiled.validate(text_of({"Version": "2012-10-17", STATEMENT: statement}), kind)
    except ApiError:
        return False
    return True


def _to_blame(members: Mapping[str, Any], is_taken: Callable[[Mapping[str, Any]], bool]) -> Place:
    """Return the member without which, or with another value of which, a statement could be saved; nothing if none is it.

    The refusal is the vendor's and often says no more than that something is wrong. Of a Condition it is an operator.
    """
    for name, value in members.items():
        rest = {other: members[other] for other in members if other != name}
        if is_taken(rest) or (name in HARMLESS and is_taken({**rest, name: HARMLESS[name]})):
            return (name, *(_part_to_blame(members, name, is_taken) if isinstance(value, dict) else ()))
    return ()


def _part_to_blame(members: Mapping[str, Any], name: str, is_taken: Callable[[Mapping[str, Any]], bool]) -> Place:
    return _to_blame(members[name], lambda left: is_taken({**members, name: left}))[:1]


def _distinct(words: Iterable[str], place: Place, kind: str, field: str = "name") -> Problems:
    """Find what stands in a list twice, in whatever letter case."""
    first: dict[str, int] = {}
    for number, word in enumerate(words):
        if (earlier := first.setdefault(folded(word), number)) != number:
            yield Problem((*place, number, field), f"this is the same {kind} as {place[-1]}[{earlier}]: {word}")
