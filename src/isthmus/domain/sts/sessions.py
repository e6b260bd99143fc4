"""How long a session lasts, what it is bound by, and what it takes over from the session that made it (I173 to I179)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, ROOT, USER, Principal, Session
from isthmus.domain.errors import ApiError, invalid_client_token
from isthmus.domain.sts import errors

ROLE_SECONDS: Final = 3_600
TOKEN_SECONDS: Final = 43_200
HOUR: Final = 3_600
RESERVED: Final = "aws:"

PLAIN_LIMIT: Final = 2_048
"""Characters of policies and their ARNs without white space (I55)."""
PACKED_LIMIT: Final = 4_096
"""Characters of policies, ARNs and tags that a session may carry. The real limit is of a packed form that is not public."""

WHO_AM_I: Final = "GetCallerIdentity"
ASSUME_ROLE: Final = "AssumeRole"


# --- what temporary credentials may not call, whatever policies say ---------------------------------------------------

STS_OF_KIND: Mapping[str, frozenset[str]] = {
    ROOT: frozenset({WHO_AM_I, ASSUME_ROLE}),
    USER: frozenset({WHO_AM_I, ASSUME_ROLE}),
    FEDERATED_USER: frozenset({WHO_AM_I}),
}
"""The actions of STS that are open to the temporary credentials of a user (or root), and of a federated user (I179)."""
LONG_TERM_ONLY: Final = frozenset({"GetSessionToken", "GetFederationToken"})


def check_may_call(principal: Principal, action: str) -> None:
    """Refuse what temporary credentials may not call (I179).

    Those of GetSessionToken would open IAM with a second factor, and there is none here; those of a role open all of it.
    """
    if principal.issued_at is None or principal.service == "ec2":
        return
    if (refusal := _refusal(principal, action)) is not None:
        raise refusal


def _refusal(principal: Principal, action: str) -> ApiError | None:
    if principal.service == "iam":
        return None if principal.kind == ASSUMED_ROLE else invalid_client_token()
    allowed = STS_OF_KIND.get(principal.kind)
    if action in LONG_TERM_ONLY or (allowed is not None and action not in allowed):
        return errors.session_credentials(action)
    return None


# --- how long ---------------------------------------------------------------------------------------------------------


def role_seconds(asked: int | None, longest: int, *, is_chained: bool) -> int:
    """How long a session of a role lasts that allows `longest`; an hour at most where a role's session asks (I175)."""
    if asked is None:
        return ROLE_SECONDS
    if is_chained and asked > HOUR:
        raise errors.longer_than_chain()
    if asked > longest:
        raise errors.longer_than_role()
    return asked


def token_seconds(asked: int | None, *, is_root: bool) -> int:
    """How long the credentials of GetSessionToken and GetFederationToken last; a root's an hour at most (I179)."""
    seconds = TOKEN_SECONDS if asked is None else asked
    return min(seconds, HOUR) if is_root else seconds


# --- what goes with it ------------------------------------------------------------------------------------------------


def tags(
    given: Sequence[tuple[str, str]], transitive: Iterable[str], caller: Session | None = None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """A session's tags and which of them are transitive: its own, and the transitive ones of the caller's session (I177).

    Raises for a key twice, a reserved one, one that is the caller's already, and a transitive key without its tag.
    """
    inherited = inherited_tags(caller)
    own = {key.lower(): (key, value) for key, value in given}
    marked = {key.lower() for key in transitive}
    if len(own) < len(given):
        raise errors.tag_twice()
    if any(key.startswith(RESERVED) for key in own):
        raise errors.reserved("Tag keys")
    if marked - own.keys():
        raise errors.transitive_without_tag()
    if own.keys() & {key.lower() for key in inherited}:
        raise errors.inherited_tag()
    passed_on = (*inherited, *(name for key, (name, _) in own.items() if key in marked))
    return inherited | dict(own.values()), passed_on


def inherited_tags(caller: Session | None) -> dict[str, str]:
    """The tags that a session hands on to those that it makes."""
    return {} if caller is None else {key: caller.tags[key] for key in caller.transitive_tag_keys}


def source_identity(asked: str | None, caller: Session | None) -> str | None:
    """Who stands behind a session: once said, it stays so along the chain (I177)."""
    if asked is not None and asked.lower().startswith(RESERVED):
        raise errors.reserved("SourceIdentity")
    known = None if caller is None else caller.source_identity
    if asked is not None and known is not None and asked != known:
        raise errors.other_source_identity()
    return known or asked


def packed_percent(policies: Iterable[str], given_tags: Iterable[tuple[str, str]]) -> int | None:
    """How much of its room a session's policies, their ARNs and its tags take, None without any (I173).

    Raises PackedPolicyTooLarge beyond 100 (I178).
    """
    bounds, words = [*policies], [word for pair in given_tags for word in pair]
    if not bounds and not words:
        return None
    bare = sum(len("".join(text.split())) for text in bounds)
    percent = -(-100 * (bare + sum(map(len, words))) // PACKED_LIMIT)
    if bare > PLAIN_LIMIT or percent > 100:
        what = " and ".join(name for name, has in (("session policies", bounds), ("session tags", words)) if has)
        raise errors.policy_too_large(max(percent, -(-100 * bare // PLAIN_LIMIT)), what)
    return percent
