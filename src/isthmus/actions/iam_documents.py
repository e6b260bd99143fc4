"""Policy documents on their way in and out: checked when they are saved, and what a trust policy names kept by its id.

A trust policy that names a user or a role is stored with the unique id in place of the ARN, so that whoever takes the name
of a principal that was deleted is not taken for it; the policy then shows the id (I54).
"""

import re
from collections.abc import Sequence
from typing import Final

from isthmus.actions import iam_objects
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, names
from isthmus.domain.iam.objects import InlinePolicy, Principal
from isthmus.policy import compiled, document
from isthmus.policy.compiled import Kind

BY_AWS: Final = "AWS:"
_UNIQUE_ID: Final = re.compile(r'"(A(?:ID|RO)A[A-Z2-7]{17})"')


def check_managed(text: str) -> None:
    """Refuse what cannot be a managed policy's document (I51, I52, I55)."""
    compiled.validate(text, Kind.MANAGED)


def check_inline(kind: str, owner: str, present: Sequence[InlinePolicy], name: str, text: str) -> None:
    """Refuse what cannot be an inline policy, or is too long beside its owner's other ones (I51, I52, I55)."""
    compiled.validate(text, Kind.INLINE)
    compiled.check_inline_size(kind, owner, [text, *(each.document for each in present if each.name != name)])


def stored_trust(call: Call, text: str) -> str:
    """Return a trust policy as it is kept. Raises for one that is none, or that names a principal who is not there (I53)."""
    compiled.validate(text, Kind.TRUST)
    named = {
        name.removeprefix(BY_AWS)
        for statement in document.parse(text).statements
        for name in (statement.principals.values if statement.principals else ())
        if name.startswith(BY_AWS)
    }
    ids = {name: found for name in sorted(named) if (found := _id_of(call, name))}
    return document.rename_principals(text, ids) if ids else text


def shown_trust(call: Call, text: str) -> str:
    """Return a trust policy as it is shown: with the ARNs of those who are still there (I54)."""
    ids = set(_UNIQUE_ID.findall(text))
    arns = {each: iam_objects.arn_of(call, found) for each in sorted(ids) if (found := _principal(call, each))}
    return document.rename_principals(text, arns) if arns else text


def _id_of(call: Call, name: str) -> str:
    """Return the unique id of a user or role that a principal's name names; nothing where it names an account or all."""
    if names.looks_unique(name):
        if _principal(call, name) is None:
            raise errors.invalid_principal(name)
        return ""
    parsed = names.parse_arn(name)
    if parsed is None:
        return ""
    _, account, kind, path, object_name = parsed
    rows = {"user": call.store.iam_users, "role": call.store.iam_roles}[kind]
    found = rows.named(account, object_name)  # type: ignore[attr-defined]  # both are rows with names
    if found is None or (found.path, found.name) != (path, object_name):
        raise errors.invalid_principal(name)
    return str(found.id)


def _principal(call: Call, unique_id: str) -> Principal | None:
    rows = call.store.iam_users if unique_id.startswith(names.PREFIXES["user"]) else call.store.iam_roles
    return rows.get(unique_id)
