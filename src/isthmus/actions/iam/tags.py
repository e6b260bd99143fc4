"""Tags of users, roles, instance profiles and managed policies (I192, I194, I195): three actions for each of the four."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from isthmus.actions import iam_objects, iam_pages, iam_policies, iam_shown
from isthmus.actions.call import Call
from isthmus.actions.iam_pages import Asked, Page
from isthmus.domain.iam import tags as rules
from isthmus.domain.iam.objects import Tagged
from isthmus.store.iam_rows import IamRows
from isthmus.wire.shapes import iam


def tag_user(request: iam.TagUserRequest, call: Call) -> None:
    """Set tags on a user; its other tags stay (I192)."""
    _tag(call.store.iam_users, iam_objects.find_user(call, request.user_name), request.tags)


def tag_role(request: iam.TagRoleRequest, call: Call) -> None:
    """Set tags on a role; its other tags stay (I194)."""
    _tag(call.store.iam_roles, iam_objects.find_role(call, request.role_name), request.tags)


def tag_instance_profile(request: iam.TagInstanceProfileRequest, call: Call) -> None:
    """Set tags on an instance profile; its other tags stay (I194)."""
    found = iam_objects.find_instance_profile(call, request.instance_profile_name)
    _tag(call.store.iam_instance_profiles, found, request.tags)


def tag_policy(request: iam.TagPolicyRequest, call: Call) -> None:
    """Set tags on a managed policy of the account; its other tags stay (I195)."""
    _tag(call.store.iam_policies, iam_policies.find_own(call, request.policy_arn), request.tags)


def untag_user(request: iam.UntagUserRequest, call: Call) -> None:
    """Take tags from a user (I192)."""
    _untag(call.store.iam_users, iam_objects.find_user(call, request.user_name), request.tag_keys)


def untag_role(request: iam.UntagRoleRequest, call: Call) -> None:
    """Take tags from a role (I194)."""
    _untag(call.store.iam_roles, iam_objects.find_role(call, request.role_name), request.tag_keys)


def untag_instance_profile(request: iam.UntagInstanceProfileRequest, call: Call) -> None:
    """Take tags from an instance profile (I194)."""
    found = iam_objects.find_instance_profile(call, request.instance_profile_name)
    _untag(call.store.iam_instance_profiles, found, request.tag_keys)


def untag_policy(request: iam.UntagPolicyRequest, call: Call) -> None:
    """Take tags from a managed policy of the account (I195)."""
    _untag(call.store.iam_policies, iam_policies.find_own(call, request.policy_arn), request.tag_keys)


def list_user_tags(request: iam.ListUserTagsRequest, call: Call) -> iam.ListUserTagsResponse:
    """List a user's tags by key (I192, I197)."""
    page = _page(call, iam_objects.find_user(call, request.user_name), request)
    return iam.ListUserTagsResponse(tags=page.items, is_truncated=page.is_truncated, marker=page.marker)


def list_role_tags(request: iam.ListRoleTagsRequest, call: Call) -> iam.ListRoleTagsResponse:
    """List a role's tags by key (I194, I197)."""
    page = _page(call, iam_objects.find_role(call, request.role_name), request)
    return iam.ListRoleTagsResponse(tags=page.items, is_truncated=page.is_truncated, marker=page.marker)


def list_instance_profile_tags(
    request: iam.ListInstanceProfileTagsRequest, call: Call
) -> iam.ListInstanceProfileTagsResponse:
    """List an instance profile's tags by key (I194, I197)."""
    page = _page(call, iam_objects.find_instance_profile(call, request.instance_profile_name), request)
    return iam.ListInstanceProfileTagsResponse(tags=page.items, is_truncated=page.is_truncated, marker=page.marker)


def list_policy_tags(request: iam.ListPolicyTagsRequest, call: Call) -> iam.ListPolicyTagsResponse:
    """List a managed policy's tags by key (I195, I197)."""
    page = _page(call, iam_policies.find(call, request.policy_arn), request)
    return iam.ListPolicyTagsResponse(tags=page.items, is_truncated=page.is_truncated, marker=page.marker)


def _tag(rows: IamRows[Any], item: Tagged, given: Sequence[iam.Tag]) -> None:
    rows.put(replace(item, tags=rules.merged(iam_objects.KINDS[type(item)], item.tags, iam_shown.pairs(given))))


def _untag(rows: IamRows[Any], item: Tagged, keys: Sequence[str]) -> None:
    rows.put(replace(item, tags=rules.without(iam_objects.KINDS[type(item)], item.tags, keys)))


def _page(call: Call, item: Tagged, asked: Asked) -> Page[iam.Tag]:
    return iam_pages.of_list(call, iam_shown.tags(item.tags), asked, item.id)
