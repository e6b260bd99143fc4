"""IAM's objects as answers show them; lists leave out what only an answer about one object shows, as the service's do."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from isthmus.actions import iam_documents, iam_objects
from isthmus.actions.call import Call
from isthmus.domain.iam.objects import Group, InstanceProfile, Role, User
from isthmus.wire.shapes import iam


def document(text: str) -> str:
    """Return a policy document as it is answered: URL-encoded (I197)."""
    return quote(text, safe="")


def tags(held: Mapping[str, str]) -> list[iam.Tag]:
    """Return tags in the order of their keys."""
    return [iam.Tag(key=key, value=held[key]) for key in sorted(held)]


def pairs(given: Sequence[iam.Tag] | None) -> list[tuple[str | None, str | None]]:
    """Return the tags of a request as the rules know them."""
    return [(tag.key, tag.value) for tag in given or ()]


def user(call: Call, row: User) -> iam.User:
    """Return a user as lists show it."""
    return iam.User(
        path=row.path,
        user_name=row.name,
        user_id=row.id,
        arn=iam_objects.arn_of(call, row),
        create_date=row.created_at,
    )


def group(call: Call, row: Group) -> iam.Group:
    """Return a group."""
    return iam.Group(
        path=row.path,
        group_name=row.name,
        group_id=row.id,
        arn=iam_objects.arn_of(call, row),
        create_date=row.created_at,
    )


def trust_policy(call: Call, row: Role) -> str:
    """Return a role's trust policy as it is answered (I54, I197)."""
    return document(iam_documents.shown_trust(call, row.trust_policy))


def last_used(row: Role) -> iam.RoleLastUsed:
    """Return when a role was last assumed; nothing stands in it for one that never was."""
    return iam.RoleLastUsed(last_used_date=row.last_used_at, region=row.last_used_region)


def role(call: Call, row: Role) -> iam.Role:
    """Return a role as lists show it."""
    return iam.Role(
        path=row.path,
        role_name=row.name,
        role_id=row.id,
        arn=iam_objects.arn_of(call, row),
        create_date=row.created_at,
        assume_role_policy_document=trust_policy(call, row),
        description=row.description,
        max_session_duration=row.max_session_duration,
    )


def instance_profiles(call: Call, rows: Sequence[InstanceProfile]) -> list[iam.InstanceProfile]:
    """Return instance profiles with their roles, as lists show them."""
    wanted = sorted({row.role_id for row in rows if row.role_id is not None})
    roles = {each.id: role(call, each) for each in call.store.iam_roles.where(id=wanted)} if wanted else {}
    return [
        iam.InstanceProfile(
            path=row.path,
            instance_profile_name=row.name,
            instance_profile_id=row.id,
            arn=iam_objects.arn_of(call, row),
            create_date=row.created_at,
            roles=[roles[row.role_id]] if row.role_id is not None else [],
        )
        for row in rows
    ]
