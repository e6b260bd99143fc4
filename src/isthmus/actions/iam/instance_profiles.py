"""Instance profiles, each a place for one role (I194)."""

from msgspec.structs import replace

from isthmus.actions import iam_keys, iam_objects, iam_pages, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, tags
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import InstanceProfile, Role
from isthmus.wire.shapes import iam


def create_instance_profile(request: iam.CreateInstanceProfileRequest, call: Call) -> iam.CreateInstanceProfileResponse:
    """Make an instance profile, with no role in it yet (I194)."""
    profiles, name = call.store.iam_instance_profiles, request.instance_profile_name
    profile_id = iam_objects.claim(call, profiles, request.path, name)
    given = tags.merged("instance-profile", {}, iam_shown.pairs(request.tags))
    made = profiles.put(InstanceProfile(profile_id, call.account, name, request.path or ROOT_PATH, call.now, None, given))
    return iam.CreateInstanceProfileResponse(instance_profile=_whole(call, made))


def get_instance_profile(request: iam.GetInstanceProfileRequest, call: Call) -> iam.GetInstanceProfileResponse:
    """Show an instance profile with its role (I194)."""
    found = iam_objects.find_instance_profile(call, request.instance_profile_name)
    return iam.GetInstanceProfileResponse(instance_profile=_whole(call, found))


def list_instance_profiles(request: iam.ListInstanceProfilesRequest, call: Call) -> iam.ListInstanceProfilesResponse:
    """List the instance profiles whose path begins so (I194, I197)."""
    iam_objects.authorize(call)
    profiles = call.store.iam_instance_profiles
    page = iam_pages.of_rows(call, profiles, request, path_prefix=request.path_prefix, account=call.account)
    return iam.ListInstanceProfilesResponse(
        instance_profiles=iam_shown.instance_profiles(call, page.items),
        is_truncated=page.is_truncated,
        marker=page.marker,
    )


def list_instance_profiles_for_role(
    request: iam.ListInstanceProfilesForRoleRequest, call: Call
) -> iam.ListInstanceProfilesForRoleResponse:
    """List the instance profiles that hold a role (I194)."""
    role = iam_objects.find_role(call, request.role_name)
    page = iam_pages.of_rows(call, call.store.iam_instance_profiles, request, role_id=role.id)
    return iam.ListInstanceProfilesForRoleResponse(
        instance_profiles=iam_shown.instance_profiles(call, page.items),
        is_truncated=page.is_truncated,
        marker=page.marker,
    )


def add_role_to_instance_profile(request: iam.AddRoleToInstanceProfileRequest, call: Call) -> None:
    """Put a role into an instance profile that holds none, for a caller who may pass that role on (I103, I194)."""
    profile, role = _pair(call, request.instance_profile_name, request.role_name)
    keys = {**iam_keys.of(call, role), **iam_keys.PASSED_TO_EC2}
    call.authorize(iam_objects.arn_of(call, role), keys, action="PassRole")
    if profile.role_id is not None:
        raise errors.over_quota("InstanceSessionsPerInstanceProfile", 1)
    call.store.iam_instance_profiles.put(replace(profile, role_id=role.id))


def remove_role_from_instance_profile(request: iam.RemoveRoleFromInstanceProfileRequest, call: Call) -> None:
    """Take the role out of an instance profile (I194)."""
    profile, role = _pair(call, request.instance_profile_name, request.role_name)
    if profile.role_id != role.id:
        raise errors.no_such("role", request.role_name)
    call.store.iam_instance_profiles.put(replace(profile, role_id=None))


def delete_instance_profile(request: iam.DeleteInstanceProfileRequest, call: Call) -> None:
    """Delete an instance profile that holds no role any more (I194)."""
    profile = iam_objects.find_instance_profile(call, request.instance_profile_name)
    if profile.role_id is not None:
        raise errors.delete_conflict("instance-profiles")
    call.store.iam_instance_profiles.delete(profile)


def _pair(call: Call, profile_name: str, role_name: str) -> tuple[InstanceProfile, Role]:
    """Return an instance profile, for which the caller is authorized, and a role."""
    profile = iam_objects.find_instance_profile(call, profile_name)
    role = call.store.iam_roles.named(call.account, role_name)
    if role is None:
        raise errors.no_such("role", role_name)
    return profile, role


def _whole(call: Call, profile: InstanceProfile) -> iam.InstanceProfile:
    """Show all of an instance profile."""
    (shown,) = iam_shown.instance_profiles(call, [profile])
    return replace(shown, tags=iam_shown.tags(profile.tags) if profile.tags else None)
