"""Assuming a role (I120, I157, I173 to I177)."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from isthmus.actions import sts_sessions
from isthmus.actions.call import Call
from isthmus.domain import regions
from isthmus.domain.accounts import ASSUMED_ROLE, ROOT, AccessKey, Session
from isthmus.domain.iam import names
from isthmus.domain.iam.objects import Role
from isthmus.domain.sts import errors, sessions
from isthmus.wire.shapes import sts


class _Named(Struct, frozen=True):
    """The role that a request names, if there is one."""

    arn: str
    account: str
    role: Role | None


def assume_role(request: sts.AssumeRoleRequest, call: Call) -> sts.AssumeRoleResponse:
    """Give out credentials of a role whose trust policy lets the caller in (I120, I157, I173 to I178)."""
    caller = call.principal
    if caller.kind == ROOT and not caller.is_unverified:
        raise errors.root_assumes()
    sts_sessions.check_factor(request)
    if request.provided_contexts:
        raise errors.no_context_provider()
    bounds = sts_sessions.bounds_of(request)
    tags, transitive = sessions.tags(sts_sessions.pairs(request.tags), request.transitive_tag_keys or (), caller.session)
    identity = sessions.source_identity(request.source_identity, caller.session)
    role = _authorized(request, call, has_tags=bool(tags), has_identity=identity is not None)
    is_chained = caller.kind == ASSUMED_ROLE
    seconds = sessions.role_seconds(request.duration_seconds, role.max_session_duration, is_chained=is_chained)
    policy_ids = sts_sessions.policy_ids(call, role.account, bounds)
    key = sts_sessions.new_key(call, role.account, role.id, seconds, request.minimum_session_token_size)
    name = request.role_session_name
    session = Session(key.id, role.account, ASSUMED_ROLE, name, bounds.policy, policy_ids, tags, transitive, identity)
    call.store.sessions.put(session)
    call.store.iam_roles.used(role.id, call.now, call.region)
    return _answer(request, call, role, key, session, bounds.percent)


def _answer(
    request: sts.AssumeRoleRequest, call: Call, role: Role, key: AccessKey, session: Session, percent: int | None
) -> sts.AssumeRoleResponse:
    size, utilization = sts_sessions.token_size(key, request.minimum_session_token_size)
    partition = regions.partition_of(call.region)
    return sts.AssumeRoleResponse(
        credentials=sts_sessions.credentials(key),
        assumed_role_user=sts.AssumedRoleUser(
            assumed_role_id=f"{role.id}:{session.name}",
            arn=f"arn:{partition}:sts::{role.account}:{ASSUMED_ROLE}/{role.name}/{session.name}",
        ),
        packed_policy_size=percent,
        source_identity=session.source_identity,
        session_token_size=size,
        session_token_utilization=utilization,
    )


def _authorized(request: sts.AssumeRoleRequest, call: Call, *, has_tags: bool, has_identity: bool) -> Role:
    """Return the role, held until the unit ends, once the caller may assume it with all that it asks for (I177).

    A role that is not there is refused as one that does not trust the caller is (I157).
    """
    named = _named(request.role_arn, call)
    if named.role is not None and call.hold(call.store.iam_roles, named.role.id):
        named = _named(request.role_arn, call)
    keys = dict(_keys(request, named))
    trust = None if named.role is None else named.role.trust_policy
    asked = {"": True, "TagSession": has_tags, "SetSourceIdentity": has_identity}
    for action, is_asked in asked.items():
        if is_asked:
            call.authorize_role(named.arn, trust, keys, action=action)
    assert named.role is not None, "no trust policy lets nobody in"
    return named.role


def _named(arn: str, call: Call) -> _Named:
    parsed = names.parse_arn(arn)
    if parsed is None:
        raise errors.no_role_arn()
    partition, account, kind, path, name = parsed
    if (partition, kind) != (regions.partition_of(call.region), "role"):
        raise errors.no_role_arn()
    found = call.store.iam_roles.named(account, name)
    is_meant = found is not None and (found.path, found.name) == (path, name)
    return _Named(arn, account, found if is_meant else None)


def _keys(request: sts.AssumeRoleRequest, named: _Named) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield what a trust policy may ask for, beside what is asked of every call (I176)."""
    given: Mapping[str, str | None] = {
        "sts:ExternalId": request.external_id,
        "sts:RoleSessionName": request.role_session_name,
        "sts:SourceIdentity": request.source_identity,
        "aws:ResourceAccount": named.account,
    }
    yield from ((key, value) for key, value in given.items() if value is not None)
    yield "sts:TransitiveTagKeys", tuple(request.transitive_tag_keys or ())
    requested = sts_sessions.pairs(request.tags)
    yield "aws:TagKeys", tuple(key for key, _ in requested)
    yield from ((f"aws:RequestTag/{key}", value) for key, value in requested)
    held = {} if named.role is None else named.role.tags
    for family in ("aws:ResourceTag", "iam:ResourceTag"):
        yield from ((f"{family}/{key}", value) for key, value in held.items())
