"""Roles: made, shown, changed, deleted (I194)."""

from msgspec.structs import replace

from isthmus.actions import iam_documents, iam_objects, iam_pages, iam_policies, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, tags
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import DEFAULT_SESSION_SECONDS, Role
from isthmus.wire.shapes import iam


def create_role(request: iam.CreateRoleRequest, call: Call) -> iam.CreateRoleResponse:
    """Make a role with its trust policy (I53, I54, I194)."""
    roles = call.store.iam_roles
    role_id = iam_objects.claim(call, roles, request.path, request.role_name)
    made = Role(
        id=role_id,
        account=call.account,
        name=request.role_name,
        path=request.path or ROOT_PATH,
        created_at=call.now,
        trust_policy=iam_documents.stored_trust(call, request.assume_role_policy_document),
        description=request.description,
        max_session_duration=request.max_session_duration or DEFAULT_SESSION_SECONDS,
        boundary_id=iam_policies.boundary_id(call, request.permissions_boundary),
        tags=tags.merged("role", {}, iam_shown.pairs(request.tags)),
    )
    return iam.CreateRoleResponse(role=_whole(call, roles.put(made)))


def get_role(request: iam.GetRoleRequest, call: Call) -> iam.GetRoleResponse:
    """Show a role, and when it was last assumed (I194)."""
    role = iam_objects.find_role(call, request.role_name)
    return iam.GetRoleResponse(role=replace(_whole(call, role), role_last_used=iam_shown.last_used(role)))


def list_roles(request: iam.ListRolesRequest, call: Call) -> iam.ListRolesResponse:
    """List the roles whose path begins so (I191, I194, I197)."""
    iam_objects.authorize(call)
    page = iam_pages.of_rows(call, call.store.iam_roles, request, path_prefix=request.path_prefix, account=call.account)
    shown = [iam_shown.role(call, row) for row in page.items]
    return iam.ListRolesResponse(roles=shown, is_truncated=page.is_truncated, marker=page.marker)


def update_role(request: iam.UpdateRoleRequest, call: Call) -> iam.UpdateRoleResponse:
    """Change a role's description or how long its sessions may last; what is not given stays (I194)."""
    role = iam_objects.find_role(call, request.role_name)
    changed = replace(
        role,
        description=role.description if request.description is None else request.description,
        max_session_duration=request.max_session_duration or role.max_session_duration,
    )
    call.store.iam_roles.put(changed)
    return iam.UpdateRoleResponse()


def update_role_description(request: iam.UpdateRoleDescriptionRequest, call: Call) -> iam.UpdateRoleDescriptionResponse:
    """Change a role's description (I194)."""
    role = iam_objects.find_role(call, request.role_name)
    saved = call.store.iam_roles.put(replace(role, description=request.description))
    return iam.UpdateRoleDescriptionResponse(role=_whole(call, saved))


def update_assume_role_policy(request: iam.UpdateAssumeRolePolicyRequest, call: Call) -> None:
    """Change who may assume a role (I53, I54, I194)."""
    role = iam_objects.find_role(call, request.role_name)
    trust = iam_documents.stored_trust(call, request.policy_document)
    call.store.iam_roles.put(replace(role, trust_policy=trust))


def delete_role(request: iam.DeleteRoleRequest, call: Call) -> None:
    """Delete a role that no instance profile holds and that has no policies any more (I194)."""
    role = iam_objects.find_role(call, request.role_name)
    call.hold(call.store.iam_roles, role.id)  # so that nobody begins a session of it meanwhile
    if call.store.iam_instance_profiles.count(role_id=role.id):
        raise errors.delete_conflict("instance-profiles")
    iam_objects.check_no_policies(call, role.id)
    call.store.access_keys.end_sessions(call.account, role.id)
    call.store.iam_roles.delete(role)


def _whole(call: Call, role: Role) -> iam.Role:
    """Show all of a role but its last use."""
    bounds = iam_policies.boundary(call, role.boundary_id)
    held = iam_shown.tags(role.tags) if role.tags else None
    return replace(iam_shown.role(call, role), permissions_boundary=bounds, tags=held)
