"""How many of each thing an account and an object of it may have (I7, I55)."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from isthmus.domain.iam import errors


class Quota(Struct, frozen=True):
    """A limit, and its name in GetAccountSummary (empty: it is not shown there)."""

    limit: int
    summary: str = ""


QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "UsersPerAccount": Quota(5000, "UsersQuota"),
        "GroupsPerAccount": Quota(300, "GroupsQuota"),
        "RolesPerAccount": Quota(1000, "RolesQuota"),
        "PoliciesPerAccount": Quota(1500, "PoliciesQuota"),
        "InstanceProfilesPerAccount": Quota(1000, "InstanceProfilesQuota"),
        "AccessKeysPerUser": Quota(2, "AccessKeysPerUserQuota"),
        "GroupsPerUser": Quota(10, "GroupsPerUserQuota"),
        "PoliciesPerUser": Quota(10, "AttachedPoliciesPerUserQuota"),
        "PoliciesPerGroup": Quota(10, "AttachedPoliciesPerGroupQuota"),
        "PoliciesPerRole": Quota(10, "AttachedPoliciesPerRoleQuota"),
        "VersionsPerPolicy": Quota(5, "VersionsPerPolicyQuota"),
        "TagsPerResource": Quota(50),
    }
)
"""By the name that LimitExceeded gives it. How large documents may be is known where they are read (`policy.compiled`)."""

PER_ACCOUNT: Mapping[str, str] = MappingProxyType(
    {
        "user": "UsersPerAccount",
        "group": "GroupsPerAccount",
        "role": "RolesPerAccount",
        "policy": "PoliciesPerAccount",
        "instance-profile": "InstanceProfilesPerAccount",
    }
)
"""The quota on each kind of object."""
ATTACHED: Mapping[str, str] = MappingProxyType(
    {"user": "PoliciesPerUser", "group": "PoliciesPerGroup", "role": "PoliciesPerRole"}
)
"""The quota on managed policies attached to an object of a kind."""


def limit(quota: str) -> int:
    """The number of a quota."""
    return QUOTAS[quota].limit


def check(quota: str, present: int, added: int = 1) -> None:
    """Refuse to go beyond a quota (I7, I55)."""
    if present + added > limit(quota):
        raise errors.over_quota(quota, limit(quota))
