"""All of an account's users, groups, roles and policies with all that they may, in one list (I196)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeGuard

from msgspec import Struct

from isthmus.actions import iam_objects, iam_pages, iam_policies, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import vendor
from isthmus.domain.iam.objects import (
    Group,
    Holder,
    InlinePolicy,
    InstanceProfile,
    ManagedPolicy,
    Named,
    PolicyVersion,
    Role,
    User,
)
from isthmus.store.iam_rows import IamRows
from isthmus.store.unit import Unit
from isthmus.wire.shapes import iam

CHUNK: Final = 200
SPAN: Final = 1 << 56
"""How many places in the list each kind of object has."""
KINDS: Final[Mapping[str, Callable[[Unit], IamRows[Any]]]] = {
    "User": lambda store: store.iam_users,
    "Group": lambda store: store.iam_groups,
    "Role": lambda store: store.iam_roles,
    "LocalManagedPolicy": lambda store: store.iam_policies,
}
"""What is listed, in this order; the vendor's policies, which are in no table, come after it."""
VENDORS: Final = "AWSManagedPolicy"

Place = tuple[int, Named]


class _Details(Struct, frozen=True):
    """What belongs to the objects of one page, read in one question for each kind of thing; by unique id."""

    inline: Mapping[str, list[InlinePolicy]]
    attached: Mapping[str, list[ManagedPolicy]]
    groups: Mapping[str, list[str]]
    profiles: Mapping[str, list[InstanceProfile]]
    versions: Mapping[str, list[PolicyVersion]]
    boundaries: Mapping[str, ManagedPolicy]


def get_account_authorization_details(
    request: iam.GetAccountAuthorizationDetailsRequest, call: Call
) -> iam.GetAccountAuthorizationDetailsResponse:
    """List everybody with their policies, documents and all (I196, I197)."""
    iam_objects.authorize(call)
    wanted = frozenset(request.filter or (*KINDS, VENDORS))
    here = iam_pages.place(call, request, *sorted(wanted))
    page = here.cut(list(islice(_walk(call, wanted, here.after), here.limit + 1)), lambda each: each[0])
    found = [each for _, each in page.items]
    details = _details(call, found)
    usage = call.store.iam_attachments.usage(call.account)
    bounding = call.store.iam_attachments.boundary_usage(call.account)
    return iam.GetAccountAuthorizationDetailsResponse(
        user_detail_list=[_user(call, each, details) for each in found if isinstance(each, User)],
        group_detail_list=[_group(call, each, details) for each in found if isinstance(each, Group)],
        role_detail_list=[_role(call, each, details) for each in found if isinstance(each, Role)],
        policies=[
            _policy(call, each, details, usage.get(each.id, 0), bounding.get(each.id, 0))
            for each in found
            if isinstance(each, ManagedPolicy)
        ],
        is_truncated=page.is_truncated,
        marker=page.marker,
    )


def _walk(call: Call, wanted: frozenset[str], after: int) -> Iterator[Place]:
    """Yield what is behind a place, kind by kind."""
    for number, (kind, rows) in enumerate(KINDS.items()):
        if kind in wanted and after < (number + 1) * SPAN:
            yield from _rows(call, rows(call.store), number * SPAN, after)
    if VENDORS in wanted:
        first = len(KINDS) * SPAN
        yield from ((first + at, each) for at, each in enumerate(vendor.policies(), 1) if first + at > after)


def _rows(call: Call, rows: IamRows[Any], first: int, after: int) -> Iterator[Place]:
    seq = max(0, after - first)
    while chunk := rows.after(seq, CHUNK, account=call.account):
        call.store.spend(len(chunk))
        yield from ((first + row.seq, row) for row in chunk)
        seq = chunk[-1].seq


def _details(call: Call, found: Sequence[Named]) -> _Details:
    store = call.store
    holders = [each.id for each in found if isinstance(each, Holder)]
    attachments = store.iam_attachments.where(owner_id=holders)
    bounded = [each.boundary_id for each in found if isinstance(each, User | Role) and each.boundary_id]
    policies = iam_policies.by_ids(call, [*(row.policy_id for row in attachments), *bounded])
    joined = store.iam_memberships.where(user_id=holders)
    groups = {row.id: row.name for row in store.iam_groups.where(id=sorted({each.group_id for each in joined}))}
    own = [each.id for each in found if isinstance(each, ManagedPolicy)]
    versions = _by(store.iam_policy_versions.where(policy_id=own), lambda row: row.policy_id)
    versions.update((each.id, iam_policies.versions(call, each)) for each in found if _is_vendors(each))
    return _Details(
        inline=_by(store.iam_inline_policies.where(owner_id=holders), lambda row: row.owner_id),
        attached=_by(attachments, lambda row: row.owner_id, lambda row: policies[row.policy_id]),
        groups=_by(joined, lambda row: row.user_id, lambda row: groups[row.group_id]),
        profiles=_by(store.iam_instance_profiles.where(role_id=holders), lambda row: row.role_id),
        versions=versions,
        boundaries=policies,
    )


def _is_vendors(each: Named) -> TypeGuard[ManagedPolicy]:
    return each.account == vendor.ACCOUNT


def _by(
    rows: Sequence[Any], owner: Callable[[Any], str], shown: Callable[[Any], Any] = lambda row: row
) -> dict[str, list[Any]]:
    """Sort rows by whom they belong to."""
    found = defaultdict[str, list[Any]](list)
    for row in rows:
        found[owner(row)].append(shown(row))
    return found


def _inline(details: _Details, owner: Holder) -> list[iam.PolicyDetail]:
    return [
        iam.PolicyDetail(policy_name=each.name, policy_document=iam_shown.document(each.document))
        for each in details.inline[owner.id]
    ]


def _attached(call: Call, details: _Details, owner: Holder) -> list[iam.AttachedPolicy]:
    return [iam_policies.attached(call, each) for each in details.attached[owner.id]]


def _user(call: Call, user: User, details: _Details) -> iam.UserDetail:
    return iam.UserDetail(
        path=user.path,
        user_name=user.name,
        user_id=user.id,
        arn=iam_objects.arn_of(call, user),
        create_date=user.created_at,
        user_policy_list=_inline(details, user),
        group_list=details.groups[user.id],
        attached_managed_policies=_attached(call, details, user),
        permissions_boundary=iam_policies.shown_boundary(call, details.boundaries.get(user.boundary_id or "")),
        tags=iam_shown.tags(user.tags),
    )


def _group(call: Call, group: Group, details: _Details) -> iam.GroupDetail:
    return iam.GroupDetail(
        path=group.path,
        group_name=group.name,
        group_id=group.id,
        arn=iam_objects.arn_of(call, group),
        create_date=group.created_at,
        group_policy_list=_inline(details, group),
        attached_managed_policies=_attached(call, details, group),
    )


def _role(call: Call, role: Role, details: _Details) -> iam.RoleDetail:
    return iam.RoleDetail(
        path=role.path,
        role_name=role.name,
        role_id=role.id,
        arn=iam_objects.arn_of(call, role),
        create_date=role.created_at,
        assume_role_policy_document=iam_shown.trust_policy(call, role),
        instance_profile_list=iam_shown.instance_profiles(call, details.profiles[role.id]),
        role_policy_list=_inline(details, role),
        attached_managed_policies=_attached(call, details, role),
        permissions_boundary=iam_policies.shown_boundary(call, details.boundaries.get(role.boundary_id or "")),
        tags=iam_shown.tags(role.tags),
        role_last_used=iam_shown.last_used(role),
    )


def _policy(
    call: Call, policy: ManagedPolicy, details: _Details, attachments: int, boundaries: int
) -> iam.ManagedPolicyDetail:
    return iam.ManagedPolicyDetail(
        policy_name=policy.name,
        policy_id=policy.id,
        arn=iam_objects.arn_of(call, policy),
        path=policy.path,
        default_version_id=iam_policies.version_id(policy.default_version),
        attachment_count=attachments,
        permissions_boundary_usage_count=boundaries,
        is_attachable=True,
        description=policy.description,
        create_date=policy.created_at,
        update_date=policy.updated_at,
        policy_version_list=[
            iam.PolicyVersion(
                document=iam_shown.document(each.document),
                version_id=iam_policies.version_id(each.number),
                is_default_version=each.number == policy.default_version,
                create_date=each.created_at,
            )
            for each in details.versions[policy.id]
        ],
    )
