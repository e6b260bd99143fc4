"""Temporary credentials that long-term ones are exchanged for: one's own, and those of a federated user (I179, I180)."""

from isthmus.actions import sts_sessions
from isthmus.actions.call import Call
from isthmus.domain import regions
from isthmus.domain.accounts import FEDERATED_USER, ROOT, Session
from isthmus.domain.sts import sessions
from isthmus.wire.shapes import sts


def get_session_token(request: sts.GetSessionTokenRequest, call: Call) -> sts.GetSessionTokenResponse:
    """Give out credentials of the caller itself, which no policy need allow (I121, I179)."""
    call.authorize()
    sts_sessions.check_factor(request)
    caller = call.principal
    seconds = sessions.token_seconds(request.duration_seconds, is_root=caller.kind == ROOT)
    sts_sessions.hold_user(call)
    key = sts_sessions.new_key(call, call.account, caller.holder_id, seconds, request.minimum_session_token_size)
    size, utilization = sts_sessions.token_size(key, request.minimum_session_token_size)
    return sts.GetSessionTokenResponse(
        credentials=sts_sessions.credentials(key), session_token_size=size, session_token_utilization=utilization
    )


def get_federation_token(request: sts.GetFederationTokenRequest, call: Call) -> sts.GetFederationTokenResponse:
    """Give out credentials of a federated user, who may do what both the caller and the request allow (I111, I180)."""
    caller = call.principal
    arn = f"arn:{regions.partition_of(call.region)}:sts::{call.account}:{FEDERATED_USER}/{request.name}"
    given = sts_sessions.pairs(request.tags)
    bounds = sts_sessions.bounds_of(request)
    tags, _ = sessions.tags(given, ())
    keys: dict[str, str | tuple[str, ...]] = {"aws:TagKeys": tuple(key for key, _ in given)}
    keys.update((f"aws:RequestTag/{key}", value) for key, value in given)
    call.authorize(arn, keys)
    if tags:
        call.authorize(arn, keys, action="TagSession")
    seconds = sessions.token_seconds(request.duration_seconds, is_root=caller.kind == ROOT)
    policy_ids = sts_sessions.policy_ids(call, call.account, bounds)
    sts_sessions.hold_user(call)
    key = sts_sessions.new_key(call, call.account, caller.holder_id, seconds, request.minimum_session_token_size)
    session = Session(key.id, call.account, FEDERATED_USER, request.name, bounds.policy, policy_ids, tags)
    call.store.sessions.put(session)
    size, utilization = sts_sessions.token_size(key, request.minimum_session_token_size)
    return sts.GetFederationTokenResponse(
        credentials=sts_sessions.credentials(key),
        federated_user=sts.FederatedUser(federated_user_id=f"{call.account}:{request.name}", arn=arn),
        packed_policy_size=bounds.percent,
        session_token_size=size,
        session_token_utilization=utilization,
    )
