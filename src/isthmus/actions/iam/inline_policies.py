"""Inline policies of users, groups and roles (I192-I194): four actions, each for three kinds of owner."""

from msgspec.structs import replace

from isthmus.actions import iam_documents, iam_objects, iam_pages, iam_shown
from isthmus.actions.call import Call
from isthmus.actions.iam_pages import Asked, Page
from isthmus.domain.iam import errors
from isthmus.domain.iam.objects import Holder, InlinePolicy
from isthmus.wire.shapes import iam


def put_user_policy(request: iam.PutUserPolicyRequest, call: Call) -> None:
    """Write an inline policy of a user (I51, I55, I192)."""
    _put(call, iam_objects.find_user(call, request.user_name), request.policy_name, request.policy_document)


def put_group_policy(request: iam.PutGroupPolicyRequest, call: Call) -> None:
    """Write an inline policy of a group (I51, I55, I193)."""
    _put(call, iam_objects.find_group(call, request.group_name), request.policy_name, request.policy_document)


def put_role_policy(request: iam.PutRolePolicyRequest, call: Call) -> None:
    """Write an inline policy of a role (I51, I55, I194)."""
    _put(call, iam_objects.find_role(call, request.role_name), request.policy_name, request.policy_document)


def get_user_policy(request: iam.GetUserPolicyRequest, call: Call) -> iam.GetUserPolicyResponse:
    """Show an inline policy of a user, URL-encoded (I192, I197)."""
    owner = iam_objects.find_user(call, request.user_name)
    found = _find(call, owner, request.policy_name)
    text = iam_shown.document(found.document)
    return iam.GetUserPolicyResponse(user_name=owner.name, policy_name=found.name, policy_document=text)


def get_group_policy(request: iam.GetGroupPolicyRequest, call: Call) -> iam.GetGroupPolicyResponse:
    """Show an inline policy of a group, URL-encoded (I193, I197)."""
    owner = iam_objects.find_group(call, request.group_name)
    found = _find(call, owner, request.policy_name)
    text = iam_shown.document(found.document)
    return iam.GetGroupPolicyResponse(group_name=owner.name, policy_name=found.name, policy_document=text)


def get_role_policy(request: iam.GetRolePolicyRequest, call: Call) -> iam.GetRolePolicyResponse:
    """Show an inline policy of a role, URL-encoded (I194, I197)."""
    owner = iam_objects.find_role(call, request.role_name)
    found = _find(call, owner, request.policy_name)
    text = iam_shown.document(found.document)
    return iam.GetRolePolicyResponse(role_name=owner.name, policy_name=found.name, policy_document=text)


def list_user_policies(request: iam.ListUserPoliciesRequest, call: Call) -> iam.ListUserPoliciesResponse:
    """List the names of a user's inline policies (I192, I197)."""
    page = _names(call, iam_objects.find_user(call, request.user_name), request)
    return iam.ListUserPoliciesResponse(policy_names=page.items, is_truncated=page.is_truncated, marker=page.marker)


def list_group_policies(request: iam.ListGroupPoliciesRequest, call: Call) -> iam.ListGroupPoliciesResponse:
    """List the names of a group's inline policies (I193, I197)."""
    page = _names(call, iam_objects.find_group(call, request.group_name), request)
    return iam.ListGroupPoliciesResponse(policy_names=page.items, is_truncated=page.is_truncated, marker=page.marker)


def list_role_policies(request: iam.ListRolePoliciesRequest, call: Call) -> iam.ListRolePoliciesResponse:
    """List the names of a role's inline policies (I194, I197)."""
    page = _names(call, iam_objects.find_role(call, request.role_name), request)
    return iam.ListRolePoliciesResponse(policy_names=page.items, is_truncated=page.is_truncated, marker=page.marker)


def delete_user_policy(request: iam.DeleteUserPolicyRequest, call: Call) -> None:
    """Delete an inline policy of a user (I192)."""
    _delete(call, iam_objects.find_user(call, request.user_name), request.policy_name)


def delete_group_policy(request: iam.DeleteGroupPolicyRequest, call: Call) -> None:
    """Delete an inline policy of a group (I193)."""
    _delete(call, iam_objects.find_group(call, request.group_name), request.policy_name)


def delete_role_policy(request: iam.DeleteRolePolicyRequest, call: Call) -> None:
    """Delete an inline policy of a role (I194)."""
    _delete(call, iam_objects.find_role(call, request.role_name), request.policy_name)


def _put(call: Call, owner: Holder, name: str, text: str) -> None:
    policies = call.store.iam_inline_policies
    present = policies.where(owner_id=owner.id)
    iam_documents.check_inline(iam_objects.KINDS[type(owner)], owner.name, present, name, text)
    held = next((each for each in present if each.name == name), InlinePolicy(call.account, owner.id, name, ""))
    policies.put(replace(held, document=text))


def _find(call: Call, owner: Holder, name: str) -> InlinePolicy:
    found = call.store.iam_inline_policies.one(owner_id=owner.id, name=name)
    if found is None:
        raise errors.no_such(f"{iam_objects.KINDS[type(owner)]}-policy", name)
    return found


def _names(call: Call, owner: Holder, asked: Asked) -> Page[str]:
    page = iam_pages.of_rows(call, call.store.iam_inline_policies, asked, owner_id=owner.id)
    return Page([row.name for row in page.items], page.marker)


def _delete(call: Call, owner: Holder, name: str) -> None:
    call.store.iam_inline_policies.delete(_find(call, owner, name))
