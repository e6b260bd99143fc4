"""Managed policies on users, groups and roles (I192-I195): three actions, each for three kinds of owner, and who has one."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from isthmus.actions import iam_objects, iam_pages, iam_policies
from isthmus.actions.call import Call
from isthmus.actions.iam_pages import Page
from isthmus.domain.iam import errors, limits, names
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import Attachment, Group, Holder, ManagedPolicy, Role, User
from isthmus.wire.shapes import iam

BOUNDARY: Final = "PermissionsBoundary"
PERMISSIONS: Final = "PermissionsPolicy"
FILTERS: Final[Mapping[str, type[Holder]]] = {"User": User, "Group": Group, "Role": Role}
"""What EntityFilter lets through; its other values are kinds of policies, which no policy is attached to."""
BOUNDED_FROM: Final = 1 << 60
"""Where in the list of a policy's entities those begin that it bounds: beyond every row's number."""


def attach_user_policy(request: iam.AttachUserPolicyRequest, call: Call) -> None:
    """Attach a managed policy to a user; one that is attached stays so (I55, I192)."""
    _attach(call, iam_objects.find_user(call, request.user_name), request.policy_arn)


def attach_group_policy(request: iam.AttachGroupPolicyRequest, call: Call) -> None:
    """Attach a managed policy to a group; one that is attached stays so (I55, I193)."""
    _attach(call, iam_objects.find_group(call, request.group_name), request.policy_arn)


def attach_role_policy(request: iam.AttachRolePolicyRequest, call: Call) -> None:
    """Attach a managed policy to a role; one that is attached stays so (I55, I194)."""
    _attach(call, iam_objects.find_role(call, request.role_name), request.policy_arn)


def detach_user_policy(request: iam.DetachUserPolicyRequest, call: Call) -> None:
    """Detach a managed policy from a user (I192)."""
    _detach(call, iam_objects.find_user(call, request.user_name), request.policy_arn)


def detach_group_policy(request: iam.DetachGroupPolicyRequest, call: Call) -> None:
    """Detach a managed policy from a group (I193)."""
    _detach(call, iam_objects.find_group(call, request.group_name), request.policy_arn)


def detach_role_policy(request: iam.DetachRolePolicyRequest, call: Call) -> None:
    """Detach a managed policy from a role (I194)."""
    _detach(call, iam_objects.find_role(call, request.role_name), request.policy_arn)


def list_attached_user_policies(
    request: iam.ListAttachedUserPoliciesRequest, call: Call
) -> iam.ListAttachedUserPoliciesResponse:
    """List the managed policies of a user (I192, I197)."""
    page = _attached(call, iam_objects.find_user(call, request.user_name), request)
    return iam.ListAttachedUserPoliciesResponse(
        attached_policies=page.items, is_truncated=page.is_truncated, marker=page.marker
    )


def list_attached_group_policies(
    request: iam.ListAttachedGroupPoliciesRequest, call: Call
) -> iam.ListAttachedGroupPoliciesResponse:
    """List the managed policies of a group (I193, I197)."""
    page = _attached(call, iam_objects.find_group(call, request.group_name), request)
    return iam.ListAttachedGroupPoliciesResponse(
        attached_policies=page.items, is_truncated=page.is_truncated, marker=page.marker
    )


def list_attached_role_policies(
    request: iam.ListAttachedRolePoliciesRequest, call: Call
) -> iam.ListAttachedRolePoliciesResponse:
    """List the managed policies of a role (I194, I197)."""
    page = _attached(call, iam_objects.find_role(call, request.role_name), request)
    return iam.ListAttachedRolePoliciesResponse(
        attached_policies=page.items, is_truncated=page.is_truncated, marker=page.marker
    )


def list_entities_for_policy(request: iam.ListEntitiesForPolicyRequest, call: Call) -> iam.ListEntitiesForPolicyResponse:
    """List who has a managed policy, and whom it bounds (I114, I195, I197)."""
    policy = iam_policies.find(call, request.policy_arn)
    usage, kinds, prefix = request.policy_usage_filter or "", request.entity_filter or "", request.path_prefix or ROOT_PATH
    here = iam_pages.place(call, request, policy.id, usage, kinds, prefix)
    wanted = FILTERS.get(kinds) if kinds else Holder
    matching = (
        (place, each)
        for place, each in _users_of(call, policy, usage)
        if place > here.after and wanted is not None and isinstance(each, wanted) and each.path.startswith(prefix)
    )
    page = here.cut(list(islice(matching, here.limit + 1)), lambda each: each[0])
    found = [each for _, each in page.items]
    return iam.ListEntitiesForPolicyResponse(
        policy_groups=[iam.PolicyGroup(group_name=e.name, group_id=e.id) for e in found if isinstance(e, Group)],
        policy_users=[iam.PolicyUser(user_name=e.name, user_id=e.id) for e in found if isinstance(e, User)],
        policy_roles=[iam.PolicyRole(role_name=e.name, role_id=e.id) for e in found if isinstance(e, Role)],
        is_truncated=page.is_truncated,
        marker=page.marker,
    )


def _attach(call: Call, owner: Holder, arn: str) -> None:
    attachments = call.store.iam_attachments
    policy = iam_policies.named(call, arn, "attachable")
    present = attachments.where(owner_id=owner.id)
    if any(each.policy_id == policy.id for each in present):
        return
    limits.check(limits.ATTACHED[iam_objects.KINDS[type(owner)]], len(present))
    attachments.put(Attachment(call.account, owner.id, policy.id))


def _detach(call: Call, owner: Holder, arn: str) -> None:
    policy = iam_policies.named(call, arn, "policy")
    held = call.store.iam_attachments.one(owner_id=owner.id, policy_id=policy.id)
    if held is None:
        raise errors.no_such("policy", arn)
    call.store.iam_attachments.delete(held)


AskedByPath = (
    iam.ListAttachedUserPoliciesRequest | iam.ListAttachedGroupPoliciesRequest | iam.ListAttachedRolePoliciesRequest
)


def _attached(call: Call, owner: Holder, asked: AskedByPath) -> Page[iam.AttachedPolicy]:
    """Return a page of an owner's managed policies, of which there are ten at most."""
    prefix = asked.path_prefix or ROOT_PATH
    rows = call.store.iam_attachments.where(owner_id=owner.id)
    policies = iam_policies.by_ids(call, (row.policy_id for row in rows))
    found = [policies[row.policy_id] for row in rows]
    shown = [iam_policies.attached(call, each) for each in found if each.path.startswith(prefix)]
    return iam_pages.of_list(call, shown, asked, owner.id, prefix)


def _users_of(call: Call, policy: ManagedPolicy, usage: str) -> Iterator[tuple[int, Holder]]:
    """Yield who has a policy and then whom it bounds, each with its place in the list."""
    store = call.store
    if usage != BOUNDARY:
        rows = store.iam_attachments.where(account=call.account, policy_id=policy.id)
        call.store.spend(len(rows))
        holders = _by_ids(call, [row.owner_id for row in rows])
        yield from ((row.seq, holders[row.owner_id]) for row in rows)
    if usage != PERMISSIONS:
        bounded = {"account": call.account, "boundary_id": policy.id}
        found: list[User | Role] = [*store.iam_users.where(**bounded), *store.iam_roles.where(**bounded)]
        yield from ((BOUNDED_FROM + number, each) for number, each in enumerate(found))


def _by_ids(call: Call, ids: list[str]) -> dict[str, Holder]:
    """Return users, groups and roles by unique id, each kind in one question."""
    store, found = call.store, dict[str, Holder]()
    for kind, rows in (("user", store.iam_users), ("group", store.iam_groups), ("role", store.iam_roles)):
        if wanted := [each for each in ids if names.kind_of(each) == kind]:
            found.update((row.id, row) for row in rows.where(id=wanted))
    return found
