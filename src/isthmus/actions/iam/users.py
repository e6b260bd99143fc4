"""Users: made, shown, renamed, deleted (I192)."""

from msgspec.structs import replace

from isthmus.actions import iam_objects, iam_pages, iam_policies, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, tags
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import User
from isthmus.wire.shapes import iam


def create_user(request: iam.CreateUserRequest, call: Call) -> iam.CreateUserResponse:
    """Make a user (I192)."""
    users = call.store.iam_users
    user_id = iam_objects.claim(call, users, request.path, request.user_name)
    bounds = iam_policies.boundary_id(call, request.permissions_boundary)
    given = tags.merged("user", {}, iam_shown.pairs(request.tags))
    made = users.put(User(user_id, call.account, request.user_name, request.path or ROOT_PATH, call.now, bounds, given))
    return iam.CreateUserResponse(user=_whole(call, made))


def get_user(request: iam.GetUserRequest, call: Call) -> iam.GetUserResponse:
    """Show a user, or the caller itself, which may be the account's root (I191, I192)."""
    found = iam_objects.find_user_or_self(call, request.user_name)
    return iam.GetUserResponse(user=_root(call) if found is None else _whole(call, found))


def list_users(request: iam.ListUsersRequest, call: Call) -> iam.ListUsersResponse:
    """List the users whose path begins so (I192, I197)."""
    iam_objects.authorize(call)
    page = iam_pages.of_rows(call, call.store.iam_users, request, path_prefix=request.path_prefix, account=call.account)
    shown = [iam_shown.user(call, row) for row in page.items]
    return iam.ListUsersResponse(users=shown, is_truncated=page.is_truncated, marker=page.marker)


def update_user(request: iam.UpdateUserRequest, call: Call) -> None:
    """Give a user another name or path; its id, keys and policies stay (I192)."""
    users = call.store.iam_users
    user = iam_objects.find_user(call, request.user_name)
    users.put(iam_objects.renamed(call, users, user, request.new_path, request.new_user_name))


def delete_user(request: iam.DeleteUserRequest, call: Call) -> None:
    """Delete a user that has no keys, no policies and no groups any more; its sessions end with it (I7, I192)."""
    user, store = iam_objects.find_user(call, request.user_name), call.store
    call.hold(store.iam_users, user.id)  # so that nobody begins a session of it meanwhile
    if store.access_keys.long_term(call.account, user.id):
        raise errors.delete_conflict("access-keys")
    if store.iam_memberships.count(user_id=user.id):
        raise errors.delete_conflict("groups")
    iam_objects.check_no_policies(call, user.id)
    store.access_keys.end_sessions(call.account, user.id)
    store.iam_users.delete(user)


def list_groups_for_user(request: iam.ListGroupsForUserRequest, call: Call) -> iam.ListGroupsForUserResponse:
    """List the groups that a user is in (I192)."""
    user = iam_objects.find_user(call, request.user_name)
    joined = [row.group_id for row in call.store.iam_memberships.where(user_id=user.id)]
    page = iam_pages.of_list(call, call.store.iam_groups.where(id=joined) if joined else [], request, user.id)
    shown = [iam_shown.group(call, row) for row in page.items]
    return iam.ListGroupsForUserResponse(groups=shown, is_truncated=page.is_truncated, marker=page.marker)


def _whole(call: Call, user: User) -> iam.User:
    """Show all of a user."""
    bounds = iam_policies.boundary(call, user.boundary_id)
    held = iam_shown.tags(user.tags) if user.tags else None
    return replace(iam_shown.user(call, user), permissions_boundary=bounds, tags=held)


def _root(call: Call) -> iam.User:
    """Show the account's root, which has neither path nor name (I3)."""
    account = call.store.accounts.get(call.account)
    return iam.User(user_id=call.account, arn=call.principal.arn, create_date=account.created_at if account else None)
