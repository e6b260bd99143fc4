"""What must always hold of what IAM and the organization keep, as set-based SQL; `invariants` has it among its claims."""

from isthmus.domain.iam import vendor
from isthmus.domain.organizations import FULL_ACCESS_ID

_HOLDERS = " UNION ALL ".join(f"SELECT id, account FROM {table}" for table in ("iam_user", "iam_group", "iam_role"))
_PRINCIPALS = " UNION ALL ".join(f"SELECT id, account, boundary_id FROM {table}" for table in ("iam_user", "iam_role"))
_VENDORS = ", ".join(f"'{each.id}'" for each in vendor.policies())

KEYS_OF_NOBODY = (
    "SELECT access_key.id, access_key.holder_id FROM access_key "
    "LEFT JOIN iam_user ON iam_user.id = access_key.holder_id AND iam_user.account = access_key.account "
    "LEFT JOIN iam_role ON iam_role.id = access_key.holder_id AND iam_role.account = access_key.account "
    "AND access_key.session_token IS NOT NULL "
    "WHERE access_key.holder_id <> '' AND iam_user.id IS NULL AND iam_role.id IS NULL"
)
"""Keys, and whose they would be; a role has temporary ones only."""

SESSIONS_WITHOUT_KEY = (
    "SELECT sts_session.id FROM sts_session LEFT JOIN access_key ON access_key.id = sts_session.id "
    "AND access_key.account = sts_session.account AND access_key.session_token IS NOT NULL WHERE access_key.id IS NULL"
)
"""Sessions that no temporary key of their account opens."""

KEYS_WITHOUT_SESSION = (
    "SELECT access_key.id, access_key.holder_id FROM access_key "
    "JOIN iam_role ON iam_role.id = access_key.holder_id LEFT JOIN sts_session ON sts_session.id = access_key.id "
    "WHERE coalesce(sts_session.kind, '') <> 'assumed-role'"
)
"""Keys of roles that would open no session of the role."""

STRAY_PARTS = " UNION ALL ".join(
    f"SELECT '{word}', part.{column} FROM {table} AS part LEFT JOIN ({owners}) AS owner "
    f"ON owner.id = part.{column} AND owner.account = part.account WHERE part.{column} IS NOT NULL AND owner.id IS NULL"
    for word, table, column, owners in (
        ("an inline policy", "iam_inline_policy", "owner_id", _HOLDERS),
        ("an attached policy", "iam_attachment", "owner_id", _HOLDERS),
        ("a membership", "iam_membership", "group_id", "SELECT id, account FROM iam_group"),
        ("a membership", "iam_membership", "user_id", "SELECT id, account FROM iam_user"),
        ("a version", "iam_policy_version", "policy_id", "SELECT id, account FROM iam_policy"),
        ("an instance profile", "iam_instance_profile", "role_id", "SELECT id, account FROM iam_role"),
    )
)
"""What belongs to an object that is not there, or is another account's."""

STRAY_POLICIES = " UNION ALL ".join(
    f"SELECT it.{owner}, it.{column} FROM ({rows}) AS it "
    f"LEFT JOIN iam_policy AS policy ON policy.id = it.{column} AND policy.account = it.account "
    f"WHERE it.{column} IS NOT NULL AND policy.id IS NULL AND it.{column} NOT IN ({_VENDORS})"
    for owner, column, rows in (
        ("owner_id", "policy_id", "SELECT owner_id, policy_id, account FROM iam_attachment"),
        ("id", "boundary_id", _PRINCIPALS),
    )
)
"""Who has a policy, attached or as boundary, that is not there."""

NOT_IN_FORCE = (
    "SELECT policy.id, policy.default_version FROM iam_policy AS policy LEFT JOIN iam_policy_version AS held "
    "ON held.policy_id = policy.id AND held.number = policy.default_version WHERE held.policy_id IS NULL"
)
"""Managed policies whose version in force is not there."""

STRAY_SERVICE_CONTROL = (
    "SELECT it.account, it.policy_id FROM service_control_attachment AS it "
    "LEFT JOIN service_control_policy AS policy ON policy.id = it.policy_id "
    f"WHERE policy.id IS NULL AND it.policy_id <> '{FULL_ACCESS_ID}'"
)
"""Levels that have a service control policy that is not there."""
