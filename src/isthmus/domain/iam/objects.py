"""What IAM keeps of an account: users, groups, roles, instance profiles, policies, and who belongs to what.

Objects refer to each other by unique id, never by name: who deletes a user and makes another of its name has not made the
same user (I54). A managed policy of the vendor has an id as well (`vendor`), so that nothing here tells the two apart.
Instants are milliseconds of service time.
"""

from collections.abc import Mapping

from msgspec import Struct, field

DEFAULT_SESSION_SECONDS = 3_600
Tags = Mapping[str, str]


class User(Struct, frozen=True):
    """A user; `boundary_id` is the managed policy that bounds its permissions (I114)."""

    id: str
    account: str
    name: str
    path: str
    created_at: int
    boundary_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    seq: int = 0
    version: int = 0


class Group(Struct, frozen=True):
    """A group of users. It is no principal: it only lends its policies to its members (I67, I111)."""

    id: str
    account: str
    name: str
    path: str
    created_at: int
    seq: int = 0
    version: int = 0


class Role(Struct, frozen=True):
    """A role. Its trust policy names users and roles by unique id (I54); `max_session_duration` is in seconds (I175)."""

    id: str
    account: str
    name: str
    path: str
    created_at: int
    trust_policy: str
    description: str | None = None
    max_session_duration: int = DEFAULT_SESSION_SECONDS
    boundary_id: str | None = None
    last_used_at: int | None = None
    last_used_region: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    seq: int = 0
    version: int = 0


class InstanceProfile(Struct, frozen=True):
    """An instance profile, which holds at most one role."""

    id: str
    account: str
    name: str
    path: str
    created_at: int
    role_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    seq: int = 0
    version: int = 0


class ManagedPolicy(Struct, frozen=True):
    """A managed policy without its documents; `latest_version` is the number of the youngest that it ever had."""

    id: str
    account: str
    name: str
    path: str
    created_at: int
    updated_at: int
    description: str | None = None
    default_version: int = 1
    latest_version: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    seq: int = 0
    version: int = 0


class PolicyVersion(Struct, frozen=True):
    """One document of a managed policy, `v{number}`."""

    account: str
    policy_id: str
    number: int
    document: str
    created_at: int
    seq: int = 0
    version: int = 0


class InlinePolicy(Struct, frozen=True):
    """A policy that is part of its user, group or role."""

    account: str
    owner_id: str
    name: str
    document: str
    seq: int = 0
    version: int = 0


class Attachment(Struct, frozen=True):
    """A managed policy on a user, group or role."""

    account: str
    owner_id: str
    policy_id: str
    seq: int = 0
    version: int = 0


class Membership(Struct, frozen=True):
    """A user in a group."""

    account: str
    group_id: str
    user_id: str
    seq: int = 0
    version: int = 0


class AccountAlias(Struct, frozen=True):
    """The name of an account's sign-in page; no two accounts have the same."""

    account: str
    name: str
    seq: int = 0
    version: int = 0


Principal = User | Role
"""Who can be bounded, and can act."""
Holder = User | Group | Role
"""Who can have policies."""
Named = User | Group | Role | InstanceProfile | ManagedPolicy
"""What has a name, a path and an ARN."""
Tagged = User | Role | InstanceProfile | ManagedPolicy
