"""Condition keys of IAM's own actions, beside those of every call: what one says of its object and of the request (I102).

They are worked out for every call, root's too, and cost next to nothing; a boundary's ARN only once a policy asks for it.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from isthmus.actions.call import Call
from isthmus.domain import regions
from isthmus.domain.iam import names, vendor
from isthmus.domain.iam.objects import Named, Role, User

if TYPE_CHECKING:
    from isthmus.policy.context import Source

TAG_FAMILIES: Final = ("aws:ResourceTag", "iam:ResourceTag")
POLICY_ARN: Final = frozenset(
    {
        *("AttachUserPolicy", "AttachGroupPolicy", "AttachRolePolicy"),
        *("DetachUserPolicy", "DetachGroupPolicy", "DetachRolePolicy"),
    }
)
"""Actions with `iam:PolicyARN`."""
BOUNDARY_ASKED: Final = frozenset({"CreateUser", "CreateRole", "PutUserPermissionsBoundary", "PutRolePermissionsBoundary"})
"""Actions whose `iam:PermissionsBoundary` is the one that the request gives."""
BOUNDARY_HELD: Final = frozenset(
    {
        *("AttachUserPolicy", "AttachRolePolicy", "DetachUserPolicy", "DetachRolePolicy"),
        *("PutUserPolicy", "PutRolePolicy", "DeleteUserPolicy", "DeleteRolePolicy"),
        *("DeleteUserPermissionsBoundary", "DeleteRolePermissionsBoundary"),
    }
)
"""Actions whose `iam:PermissionsBoundary` is the one that the user or role has."""

PASSED_TO_EC2: Final[Mapping[str, "Source"]] = {"iam:PassedToService": "ec2.amazonaws.com"}
"""What is said beside when a role goes into an instance profile (I103)."""


def of(call: Call, found: Named | None = None) -> Mapping[str, "Source"]:
    """Return the keys of a call about an object, None where that is not there or still to be made."""
    return dict([*_of_request(call), *_of_object(call, found)])


def _of_request(call: Call) -> Iterator[tuple[str, "Source"]]:
    """Yield what a request says: the tags that it sets, the names of those that it takes away, the policy that it means."""
    request, action = call.request, call.action
    tags = getattr(request, "tags", None) or ()
    yield from ((f"aws:RequestTag/{tag.key}", tag.value or "") for tag in tags)
    yield "aws:TagKeys", tuple(getattr(request, "tag_keys", None) or [tag.key for tag in tags])
    if action in POLICY_ARN:
        yield "iam:PolicyARN", request.policy_arn
    if action in BOUNDARY_ASKED and request.permissions_boundary is not None:
        yield "iam:PermissionsBoundary", request.permissions_boundary


def _of_object(call: Call, found: Named | None) -> Iterator[tuple[str, "Source"]]:
    """Yield what is known of the object: its tags and, for changes of what it may do, its boundary."""
    for family in TAG_FAMILIES:
        yield from ((f"{family}/{key}", value) for key, value in getattr(found, "tags", {}).items())
    if call.action in BOUNDARY_HELD and isinstance(found, User | Role):
        yield "iam:PermissionsBoundary", lambda: _boundary(call, found.boundary_id)


def _boundary(call: Call, policy_id: str | None) -> str | None:
    if policy_id is None:
        return None
    policy = vendor.by_id().get(policy_id) or call.store.iam_policies.get(policy_id)
    if policy is None:
        return None
    return names.arn(regions.partition_of(call.region), policy.account, "policy", policy.path, policy.name)
