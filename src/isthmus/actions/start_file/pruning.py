"""Deleting what a start file does not name, where somebody asks for it: users, groups, roles and policies of its accounts.

Whatever hangs on one of them goes with it. IAM's own actions delete it then, and refuse what is still in use elsewhere.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from isthmus.actions import iam_objects
from isthmus.actions.call import Call
from isthmus.actions.iam import groups, policies, roles, users
from isthmus.actions.start_file.changes import Changes
from isthmus.actions.start_file.entries import AccountEntry, HolderEntry, PolicyEntry
from isthmus.actions.start_file.problems import said_at
from isthmus.domain.iam.names import folded
from isthmus.domain.iam.objects import Group, ManagedPolicy, Role, User
from isthmus.store.iam_rows import IamRows
from isthmus.wire.shapes import iam
from isthmus.wire.written.text import Place


class Sort(NamedTuple):
    """Objects of one kind: all that there are, those that a file names, and how one of the others is deleted."""

    rows: IamRows[Any]
    named: Sequence[HolderEntry | PolicyEntry]
    delete: Callable[[Call, Any], None]


def prune(call: Call, entry: AccountEntry, place: Place, changes: Changes) -> None:
    """Delete what an account's entry does not name. Raises `StartFileError` for what is still in use."""
    for sort, row in _others(call, entry):
        with said_at(place):
            sort.delete(call, row)
        changes.note_deleted(iam_objects.KINDS[type(row)], row.name, entry.id)


def _others(call: Call, entry: AccountEntry) -> Iterator[tuple[Sort, Any]]:
    store = call.store
    sorts = (  # policies last, since the others may have them
        Sort(store.iam_users, entry.users, _delete_user),
        Sort(store.iam_groups, entry.groups, _delete_group),
        Sort(store.iam_roles, entry.roles, _delete_role),
        Sort(store.iam_policies, entry.policies, _delete_policy),
    )
    for sort in sorts:
        named = {folded(each.name) for each in sort.named}
        yield from ((sort, row) for row in sort.rows.where(account=entry.id) if folded(row.name) not in named)


def _delete_user(call: Call, user: User) -> None:
    store = call.store
    for key in store.access_keys.long_term(user.account, user.id):
        store.access_keys.delete(key)
    store.iam_memberships.delete_all(store.iam_memberships.where(user_id=user.id))
    _strip(call, user.id)
    users.delete_user(iam.DeleteUserRequest(user_name=user.name), call)


def _delete_group(call: Call, group: Group) -> None:
    call.store.iam_memberships.delete_all(call.store.iam_memberships.where(group_id=group.id))
    _strip(call, group.id)
    groups.delete_group(iam.DeleteGroupRequest(group_name=group.name), call)


def _delete_role(call: Call, role: Role) -> None:
    _strip(call, role.id)
    roles.delete_role(iam.DeleteRoleRequest(role_name=role.name), call)


def _delete_policy(call: Call, policy: ManagedPolicy) -> None:
    versions = call.store.iam_policy_versions.where(policy_id=policy.id)
    call.store.iam_policy_versions.delete_all([each for each in versions if each.number != policy.default_version])
    policies.delete_policy(iam.DeletePolicyRequest(policy_arn=iam_objects.arn_of(call, policy)), call)


def _strip(call: Call, owner_id: str) -> None:
    """Take an object's policies off it."""
    for rows in (call.store.iam_inline_policies, call.store.iam_attachments):
        rows.delete_all(rows.where(owner_id=owner_id))  # type: ignore[arg-type]  # each table its own rows
