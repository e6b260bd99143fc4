"""IAM's refusals: their codes (I198) and their wording.

As in `domain.errors`, a constructor returns the error and the caller raises it. A text marked "inferred" is ours.
"""

from collections.abc import Mapping
from types import MappingProxyType

from isthmus.domain.errors import ApiError, malformed_policy_document

NO_SUCH: Mapping[str, str] = MappingProxyType(
    {
        "user": "The user with name {name} cannot be found.",
        "group": "The group with name {name} cannot be found.",
        "role": "The role with name {name} cannot be found.",
        "instance-profile": "Instance Profile {name} cannot be found.",
        "policy": "Policy {name} was not found.",
        "policy-version": "Policy {name} does not exist or is not attachable.",
        "attachable": "Policy {name} does not exist or is not attachable.",
        "boundary": "Scope ARN: {name} does not exist or is not attachable.",
        "user-policy": "The user policy with name {name} cannot be found.",
        "group-policy": "The group policy with name {name} cannot be found.",
        "role-policy": "The role policy with name {name} cannot be found.",
        "access-key": "The Access Key with id {name} cannot be found.",
        "login-profile": "Login Profile for User {name} cannot be found.",
        "alias": "The account alias {name} cannot be found.",  # inferred
    }
)
"""By kind of what is not there."""

TAKEN: Mapping[str, str] = MappingProxyType(
    {
        "user": "User with name {name} already exists.",
        "group": "Group with name {name} already exists.",
        "role": "Role with name {name} already exists.",
        "instance-profile": "Instance Profile {name} already exists.",
        "policy": "A policy called {name} already exists. Duplicate names are not allowed.",
        "alias": "The account alias {name} already exists.",
    }
)
"""By kind of what has the name already."""

CONFLICTS: Mapping[str, str] = MappingProxyType(
    {
        "inline-policies": "Cannot delete entity, must delete policies first.",
        "attached-policies": "Cannot delete entity, must detach all policies first.",
        "access-keys": "Cannot delete entity, must delete access keys first.",
        "groups": "Cannot delete entity, must remove user from all groups first.",  # inferred
        "members": "Cannot delete entity, must remove users from group first.",
        "instance-profiles": "Cannot delete entity, must remove roles from instance profile first.",
        "attached": "Cannot delete a policy attached to entities.",
        "versions": (
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        ),
        "default-version": "Cannot delete the default version of a policy.",
    }
)
"""By what still hangs on an object that is to be deleted."""


def no_such(kind: str, name: str) -> ApiError:
    """Nothing of that kind under this name (or id, or ARN) in the account (I198)."""
    return ApiError("NoSuchEntity", NO_SUCH[kind].format(name=name))


def taken(kind: str, name: str) -> ApiError:
    """The name is another's, in whatever letter case (I198)."""
    return ApiError("EntityAlreadyExists", TAKEN[kind].format(name=name))


def delete_conflict(what: str) -> ApiError:
    """Something still hangs on the object, so it cannot be deleted (I198)."""
    return ApiError("DeleteConflict", CONFLICTS[what])


def over_quota(quota: str, limit: int) -> ApiError:
    """The account, or an object of it, has as many of these as it may (I55, I198)."""
    return ApiError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}")


def too_many_versions(limit: int) -> ApiError:
    """A managed policy has as many versions as it may (I55)."""
    return ApiError(
        "LimitExceeded",
        f"A managed policy can have up to {limit} versions. Before you create a new version, you must delete an existing "
        "version.",
    )


def invalid_principal(arn: str) -> ApiError:
    """A trust policy names a user or role that is not there (I53)."""
    return malformed_policy_document(f'Invalid principal in policy: "AWS":"{arn}"')


def invalid_input(message: str) -> ApiError:
    """Parameters that cannot be meant so (I198)."""
    return ApiError("InvalidInput", message)


def invalid_arn(arn: str) -> ApiError:
    """A text that is no ARN of a managed policy."""
    return invalid_input(f"ARN {arn} is not valid.")


def vendors_own() -> ApiError:
    """A managed policy of the vendor is everybody's, and nobody changes it."""
    return ApiError("AccessDenied", "AWS managed policies cannot be changed.")  # inferred


def nobody_named() -> ApiError:
    """Whoever is no user has to say whom it means."""
    return ApiError("ValidationError", "Must specify userName when calling with non-User credentials")


def unsupported_service(name: str) -> ApiError:
    """A service that has no credentials of its own (the model's NotSupportedService)."""
    return ApiError(
        "NotSupportedService", f"No such service {name} is supported for Service Specific Credentials"
    )  # inferred


def invalid_marker() -> ApiError:
    """A Marker that no answer of this list gave out."""
    return ApiError("ValidationError", "Invalid Marker.")  # inferred
