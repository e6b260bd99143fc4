"""Managed policies: made, shown, listed, deleted (I195)."""

from collections.abc import Iterator
from itertools import islice

from isthmus.actions import iam_documents, iam_objects, iam_pages, iam_policies, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, tags, vendor
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import ManagedPolicy, PolicyVersion
from isthmus.wire.shapes import iam

CHUNK = 200
ANY, OWN, VENDORS = "All", "Local", "AWS"
PERMISSIONS, BOUNDARY = "PermissionsPolicy", "PermissionsBoundary"
Place = tuple[int, ManagedPolicy]


def create_policy(request: iam.CreatePolicyRequest, call: Call) -> iam.CreatePolicyResponse:
    """Make a managed policy with its first version (I51, I55, I195)."""
    policies, now = call.store.iam_policies, call.now
    policy_id = iam_objects.claim(call, policies, request.path, request.policy_name)
    iam_documents.check_managed(request.policy_document)
    made = ManagedPolicy(
        id=policy_id,
        account=call.account,
        name=request.policy_name,
        path=request.path or ROOT_PATH,
        created_at=now,
        updated_at=now,
        description=request.description,
        tags=tags.merged("policy", {}, iam_shown.pairs(request.tags)),
    )
    saved = policies.put(made)
    call.store.iam_policy_versions.put(PolicyVersion(call.account, policy_id, 1, request.policy_document, now))
    return iam.CreatePolicyResponse(policy=iam_policies.shown(call, saved, 0, 0, whole=True))


def get_policy(request: iam.GetPolicyRequest, call: Call) -> iam.GetPolicyResponse:
    """Show a managed policy, the account's own or the vendor's, without its document (I195)."""
    policy = iam_policies.find(call, request.policy_arn)
    used, bounding = _usage(call, policy)
    return iam.GetPolicyResponse(policy=iam_policies.shown(call, policy, used, bounding, whole=True))


def delete_policy(request: iam.DeletePolicyRequest, call: Call) -> None:
    """Delete a managed policy that nobody has any more, and of which only one version is left (I195)."""
    policy = iam_policies.find_own(call, request.policy_arn)
    if any(_usage(call, policy)):
        raise errors.delete_conflict("attached")
    versions = call.store.iam_policy_versions.where(policy_id=policy.id)
    if len(versions) > 1:
        raise errors.delete_conflict("versions")
    call.store.iam_policy_versions.delete_all(versions)
    call.store.iam_policies.delete(policy)


def list_policies(request: iam.ListPoliciesRequest, call: Call) -> iam.ListPoliciesResponse:
    """List the vendor's policies and then the account's own, as far as they are asked for (I195, I197)."""
    iam_objects.authorize(call)
    scope, prefix = request.scope or ANY, request.path_prefix or ROOT_PATH
    usage = call.store.iam_attachments.usage(call.account)
    bounding = call.store.iam_attachments.boundary_usage(call.account)
    only_used = bool(request.only_attached) or request.policy_usage_filter == PERMISSIONS
    only_bounding = request.policy_usage_filter == BOUNDARY
    here = iam_pages.place(call, request, scope, prefix, str(only_used), str(only_bounding))
    matching = (
        (place, each)
        for place, each in _walk(call, scope, prefix, here.after)
        if (not only_used or each.id in usage) and (not only_bounding or each.id in bounding)
    )
    page = here.cut(list(islice(matching, here.limit + 1)), lambda each: each[0])
    shown = [
        iam_policies.shown(call, each, usage.get(each.id, 0), bounding.get(each.id, 0), whole=False)
        for _, each in page.items
    ]
    return iam.ListPoliciesResponse(policies=shown, is_truncated=page.is_truncated, marker=page.marker)


def _walk(call: Call, scope: str, prefix: str, after: int) -> Iterator[Place]:
    """Yield policies with their places: first the vendor's, by their number, then the account's own, by theirs."""
    vendors = vendor.policies()
    for place, each in enumerate(vendors, 1):
        if place > after and scope != OWN and each.path.startswith(prefix):
            yield place, each
    seq, first = max(0, after - len(vendors)), len(vendors)
    while scope != VENDORS and (rows := call.store.iam_policies.after(seq, CHUNK, path_prefix=prefix, account=call.account)):
        call.store.spend(len(rows))
        yield from ((first + row.seq, row) for row in rows)
        seq = rows[-1].seq


def _usage(call: Call, policy: ManagedPolicy) -> tuple[int, int]:
    """Return how many of the account's users, groups and roles have a policy, and how many it bounds."""
    bounded = {"account": call.account, "boundary_id": policy.id}
    return (
        call.store.iam_attachments.count(account=call.account, policy_id=policy.id),
        call.store.iam_users.count(**bounded) + call.store.iam_roles.count(**bounded),
    )
