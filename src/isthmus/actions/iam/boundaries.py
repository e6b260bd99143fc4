"""Permissions boundaries of users and roles (I114, I192, I194)."""

from msgspec.structs import replace

from isthmus.actions import iam_objects, iam_policies
from isthmus.actions.call import Call
from isthmus.wire.shapes import iam


def put_user_permissions_boundary(request: iam.PutUserPermissionsBoundaryRequest, call: Call) -> None:
    """Bound what a user may do by a managed policy (I114, I192)."""
    user = iam_objects.find_user(call, request.user_name)
    bounds = iam_policies.boundary_id(call, request.permissions_boundary)
    call.store.iam_users.put(replace(user, boundary_id=bounds))


def put_role_permissions_boundary(request: iam.PutRolePermissionsBoundaryRequest, call: Call) -> None:
    """Bound what a role may do by a managed policy (I114, I194)."""
    role = iam_objects.find_role(call, request.role_name)
    bounds = iam_policies.boundary_id(call, request.permissions_boundary)
    call.store.iam_roles.put(replace(role, boundary_id=bounds))


def delete_user_permissions_boundary(request: iam.DeleteUserPermissionsBoundaryRequest, call: Call) -> None:
    """Take the bounds off a user; one without any stays as it is (I114, I192)."""
    user = iam_objects.find_user(call, request.user_name)
    call.store.iam_users.put(replace(user, boundary_id=None))


def delete_role_permissions_boundary(request: iam.DeleteRolePermissionsBoundaryRequest, call: Call) -> None:
    """Take the bounds off a role; one without any stays as it is (I114, I194)."""
    role = iam_objects.find_role(call, request.role_name)
    call.store.iam_roles.put(replace(role, boundary_id=None))
