"""How every action of IAM finds what it speaks of, and is authorized for it in the same act (ADR 8).

IAM's objects belong to an account, not to a Region, and are found by name. Changes of one account's IAM run one after the
other, so that what a rule has looked at still stands when its rows are written.
"""

from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from isthmus.actions import iam_keys
from isthmus.actions.call import Call
from isthmus.domain import regions
from isthmus.domain.accounts import ROOT, USER
from isthmus.domain.iam import errors, limits, names
from isthmus.domain.iam.names import ID_ENTROPY_BYTES, ROOT_PATH
from isthmus.domain.iam.objects import Group, InstanceProfile, ManagedPolicy, Named, Role, User
from isthmus.store.iam_rows import IamRows
from isthmus.store.table import Row

KINDS: Final[dict[type[Struct], str]] = {
    User: "user",
    Group: "group",
    Role: "role",
    InstanceProfile: "instance-profile",
    ManagedPolicy: "policy",
}
"""How ARNs spell the kind of an object."""

Renamed = TypeVar("Renamed", User, Group)


def arn_of(call: Call, item: Named) -> str:
    """Return an object's ARN in the partition that was called (I1)."""
    return arn(call, KINDS[type(item)], item.path, item.name, item.account)


def arn(call: Call, kind: str, path: str, name: str, account: str = "") -> str:
    """Return the ARN of an object that may not be there."""
    return names.arn(regions.partition_of(call.region), account or call.account, kind, path, name)


def authorize(call: Call, resource: str = "*") -> None:
    """Ask whether the caller may, for all objects or for the one of that ARN that it wants to make."""
    alone(call)
    call.authorize(resource, iam_keys.of(call))


def alone(call: Call) -> None:
    """Let no other change of the account's IAM run beside a call that may write."""
    if call.store.writable:
        call.alone(f"iam of {call.account}")


def find_user(call: Call, name: str) -> User:
    """Return the caller's user of this name."""
    return _find(call, call.store.iam_users, name)


def find_group(call: Call, name: str) -> Group:
    """Return the caller's group of this name."""
    return _find(call, call.store.iam_groups, name)


def find_role(call: Call, name: str) -> Role:
    """Return the caller's role of this name."""
    return _find(call, call.store.iam_roles, name)


def find_instance_profile(call: Call, name: str) -> InstanceProfile:
    """Return the caller's instance profile of this name."""
    return _find(call, call.store.iam_instance_profiles, name)


def _find(call: Call, rows: IamRows[Row], name: str) -> Row:
    kind = KINDS[rows.table.row]
    alone(call)
    found: Any = rows.named(call.account, name)
    named = arn(call, kind, ROOT_PATH, name) if found is None else arn_of(call, found)
    call.authorize(named, iam_keys.of(call, found), told=f"{kind.replace('-', ' ')} {name}")  # what was asked for (I156)
    if found is None:
        raise errors.no_such(kind, name)
    return found  # type: ignore[no-any-return]


def find_user_or_self(call: Call, name: str | None, *, unnamed: str = "") -> User | None:
    """Return the user of this name or, without one, the calling user; None for the account's root.

    `unnamed` is what a caller who names nobody needs a permission for, where that is not the caller itself.
    Raises for a caller who is neither and names nobody: a role session must not be taken for the root.
    """
    if name is not None:
        return find_user(call, name)
    alone(call)
    caller = call.principal
    found = call.store.iam_users.get(caller.user_id) if caller.kind == USER else None
    call.authorize(unnamed or caller.arn, iam_keys.of(call, None if unnamed else found))
    if caller.kind not in {USER, ROOT}:
        raise errors.nobody_named()
    return found


def claim(call: Call, rows: IamRows[Row], path: str | None, name: str) -> str:
    """Authorize the making of an object, and return its id. Raises where its name is taken, or where there are enough."""
    kind = KINDS[rows.table.row]
    authorize(call, arn(call, kind, path or ROOT_PATH, name))
    check_free(call, rows, name)
    limits.check(limits.PER_ACCOUNT[kind], rows.count(account=call.account))
    return new_id(call, kind)


def check_free(call: Call, rows: IamRows[Row], name: str) -> None:
    """Refuse a name that another object of the kind has."""
    if rows.named(call.account, name) is not None:
        raise errors.taken(KINDS[rows.table.row], name)


def new_id(call: Call, kind: str) -> str:
    """Return a fresh unique id (I2)."""
    return names.unique_id(kind, call.store.entropy(ID_ENTROPY_BYTES))


def renamed(call: Call, rows: IamRows[Renamed], row: Renamed, path: str | None, name: str | None) -> Renamed:
    """Return an object under another path or name. Raises where the name is another's; the caller needs both ARNs (I1)."""
    changed = replace(row, path=path or row.path, name=name or row.name)
    call.authorize(arn_of(call, changed), iam_keys.of(call, row))
    holder = rows.named(call.account, changed.name)
    if holder is not None and holder.id != row.id:
        raise errors.taken(KINDS[type(row)], changed.name)
    return changed


def check_no_policies(call: Call, owner_id: str) -> None:
    """Refuse to delete an object that has policies."""
    if call.store.iam_inline_policies.count(owner_id=owner_id):
        raise errors.delete_conflict("inline-policies")
    if call.store.iam_attachments.count(owner_id=owner_id):
        raise errors.delete_conflict("attached-policies")
