"""Groups and who is in them (I193)."""

from isthmus.actions import iam_objects, iam_pages, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, limits
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import Group, Membership
from isthmus.wire.shapes import iam


def create_group(request: iam.CreateGroupRequest, call: Call) -> iam.CreateGroupResponse:
    """Make a group (I193)."""
    groups = call.store.iam_groups
    group_id = iam_objects.claim(call, groups, request.path, request.group_name)
    made = groups.put(Group(group_id, call.account, request.group_name, request.path or ROOT_PATH, call.now))
    return iam.CreateGroupResponse(group=iam_shown.group(call, made))


def get_group(request: iam.GetGroupRequest, call: Call) -> iam.GetGroupResponse:
    """Show a group with its users, who come in pages (I193, I197)."""
    group = iam_objects.find_group(call, request.group_name)
    page = iam_pages.of_rows(call, call.store.iam_memberships, request, group_id=group.id)
    users = {row.id: row for row in call.store.iam_users.where(id=[row.user_id for row in page.items])}
    return iam.GetGroupResponse(
        group=iam_shown.group(call, group),
        users=[iam_shown.user(call, users[row.user_id]) for row in page.items],
        is_truncated=page.is_truncated,
        marker=page.marker,
    )


def list_groups(request: iam.ListGroupsRequest, call: Call) -> iam.ListGroupsResponse:
    """List the groups whose path begins so (I193, I197)."""
    iam_objects.authorize(call)
    page = iam_pages.of_rows(call, call.store.iam_groups, request, path_prefix=request.path_prefix, account=call.account)
    shown = [iam_shown.group(call, row) for row in page.items]
    return iam.ListGroupsResponse(groups=shown, is_truncated=page.is_truncated, marker=page.marker)


def update_group(request: iam.UpdateGroupRequest, call: Call) -> None:
    """Give a group another name or path; its id, members and policies stay (I193)."""
    groups = call.store.iam_groups
    group = iam_objects.find_group(call, request.group_name)
    groups.put(iam_objects.renamed(call, groups, group, request.new_path, request.new_group_name))


def delete_group(request: iam.DeleteGroupRequest, call: Call) -> None:
    """Delete a group that has no members and no policies any more (I193)."""
    group = iam_objects.find_group(call, request.group_name)
    if call.store.iam_memberships.count(group_id=group.id):
        raise errors.delete_conflict("members")
    iam_objects.check_no_policies(call, group.id)
    call.store.iam_groups.delete(group)


def add_user_to_group(request: iam.AddUserToGroupRequest, call: Call) -> None:
    """Put a user into a group; one that is in it stays so (I55, I193)."""
    membership = _membership(call, request.group_name, request.user_name)
    if membership.version:
        return
    limits.check("GroupsPerUser", call.store.iam_memberships.count(user_id=membership.user_id))
    call.store.iam_memberships.put(membership)


def remove_user_from_group(request: iam.RemoveUserFromGroupRequest, call: Call) -> None:
    """Take a user out of a group (I193)."""
    membership = _membership(call, request.group_name, request.user_name)
    if not membership.version:
        raise errors.no_such("user", request.user_name)
    call.store.iam_memberships.delete(membership)


def _membership(call: Call, group_name: str, user_name: str) -> Membership:
    """Return a user's being in a group, with version 0 if it is not; it is the group that the caller is authorized for."""
    group = iam_objects.find_group(call, group_name)
    user = call.store.iam_users.named(call.account, user_name)
    if user is None:
        raise errors.no_such("user", user_name)
    held = call.store.iam_memberships.one(user_id=user.id, group_id=group.id)
    return held or Membership(call.account, group.id, user.id)
