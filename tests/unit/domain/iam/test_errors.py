"""The code and the wording of IAM's refusals, letter for letter."""

import pytest

from isthmus.domain.errors import ApiError
from isthmus.domain.iam import errors, limits

ARN = "arn:aws:iam::111111111111:policy/x"
WORDS: list[tuple[ApiError, str, str]] = [
    (errors.no_such("user", "x"), "NoSuchEntity", "The user with name x cannot be found."),
    (errors.no_such("group", "x"), "NoSuchEntity", "The group with name x cannot be found."),
    (errors.no_such("role", "x"), "NoSuchEntity", "The role with name x cannot be found."),
    (errors.no_such("instance-profile", "x"), "NoSuchEntity", "Instance Profile x cannot be found."),
    (errors.no_such("policy", ARN), "NoSuchEntity", f"Policy {ARN} was not found."),
    (errors.no_such("attachable", ARN), "NoSuchEntity", f"Policy {ARN} does not exist or is not attachable."),
    (errors.no_such("policy-version", ARN), "NoSuchEntity", f"Policy {ARN} does not exist or is not attachable."),
    (errors.no_such("boundary", ARN), "NoSuchEntity", f"Scope ARN: {ARN} does not exist or is not attachable."),
    (errors.no_such("user-policy", "x"), "NoSuchEntity", "The user policy with name x cannot be found."),
    (errors.no_such("group-policy", "x"), "NoSuchEntity", "The group policy with name x cannot be found."),
    (errors.no_such("role-policy", "x"), "NoSuchEntity", "The role policy with name x cannot be found."),
    (errors.no_such("access-key", "x"), "NoSuchEntity", "The Access Key with id x cannot be found."),
    (errors.no_such("login-profile", "x"), "NoSuchEntity", "Login Profile for User x cannot be found."),
    (errors.no_such("alias", "x"), "NoSuchEntity", "The account alias x cannot be found."),
    (errors.taken("user", "x"), "EntityAlreadyExists", "User with name x already exists."),
    (errors.taken("group", "x"), "EntityAlreadyExists", "Group with name x already exists."),
    (errors.taken("role", "x"), "EntityAlreadyExists", "Role with name x already exists."),
    (errors.taken("instance-profile", "x"), "EntityAlreadyExists", "Instance Profile x already exists."),
    (
        errors.taken("policy", "x"),
        "EntityAlreadyExists",
        "A policy called x already exists. Duplicate names are not allowed.",
    ),
    (errors.taken("alias", "x"), "EntityAlreadyExists", "The account alias x already exists."),
    (errors.delete_conflict("attached"), "DeleteConflict", "Cannot delete a policy attached to entities."),
    (
        errors.delete_conflict("versions"),
        "DeleteConflict",
        (
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The "
            "default version is deleted with the policy."
        ),
    ),
    (errors.over_quota("UsersPerAccount", 5000), "LimitExceeded", "Cannot exceed quota for UsersPerAccount: 5000"),
    (
        errors.invalid_principal("arn:x"),
        "MalformedPolicyDocument",
        'Invalid principal in policy: "AWS":"arn:x"',
    ),
    (errors.invalid_arn("x"), "InvalidInput", "ARN x is not valid."),
    (errors.invalid_marker(), "ValidationError", "Invalid Marker."),
]


@pytest.mark.rule("I198")
@pytest.mark.parametrize(("error", "code", "message"), WORDS)
def test_each_refusal_has_its_code_and_its_words(error: ApiError, code: str, message: str) -> None:
    assert (error.code, error.message) == (code, message)


@pytest.mark.rule("I7", "I55")
@pytest.mark.parametrize(
    ("quota", "limit"),
    [
        ("AccessKeysPerUser", 2),
        ("GroupsPerUser", 10),
        ("PoliciesPerUser", 10),
        ("PoliciesPerGroup", 10),
        ("PoliciesPerRole", 10),
        ("VersionsPerPolicy", 5),
        ("TagsPerResource", 50),
    ],
)
def test_a_quota_can_be_filled_and_not_exceeded(quota: str, limit: int) -> None:
    assert limits.limit(quota) == limit
    limits.check(quota, limit - 1)
    limits.check(quota, limit, added=0)
    with pytest.raises(ApiError, match=f"Cannot exceed quota for {quota}: {limit}"):
        limits.check(quota, limit)


def test_every_kind_has_a_quota() -> None:
    assert {*limits.PER_ACCOUNT.values(), *limits.ATTACHED.values()} <= limits.QUOTAS.keys()
