"""How the actions of STS make a session: what bounds it is checked, then its key is made, and what goes with that (I173)."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from isthmus.actions import iam_policies
from isthmus.actions.administration import issue_temporary_key
from isthmus.actions.call import Call
from isthmus.domain.accounts import AccessKey
from isthmus.domain.errors import invalid_client_token
from isthmus.domain.sts import errors, sessions
from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.wire.shapes import sts

MAX_TOKEN_LENGTH = 4_096
MAX_POLICY_ARNS = 10
"""Managed policies that a session may have (I115, I173); the model says so in words alone."""


class Bounded(Protocol):
    """A request that may bound the session it asks for."""

    @property
    def policy(self) -> str | None:
        """The text of a policy."""

    @property
    def policy_arns(self) -> list[sts.PolicyDescriptorType] | None:
        """Managed policies."""

    @property
    def tags(self) -> list[sts.Tag] | None:
        """Session tags."""


class Authenticated(Protocol):
    """A request that may say by which second factor its caller was recognized."""

    @property
    def serial_number(self) -> str | None:
        """The device."""

    @property
    def token_code(self) -> str | None:
        """What it shows."""


class Bounds(Struct, frozen=True):
    """What a request bounds its session by, and how much of a session's room all it gives takes, in percent."""

    policy: str | None
    policy_arns: Sequence[str]
    percent: int | None


def check_factor(request: Authenticated) -> None:
    """Refuse a second factor: nobody has a device here, and none is believed unseen."""
    if (request.serial_number is None) is not (request.token_code is None):
        raise errors.half_of_mfa()
    if request.serial_number is not None:
        raise errors.no_mfa()


def bounds_of(request: Bounded) -> Bounds:
    """Return what a request bounds its session by. Raises for a text that is no policy, and for too much of all (I178)."""
    given = request.policy_arns or ()
    if len(given) > MAX_POLICY_ARNS:
        raise errors.too_many_policies(MAX_POLICY_ARNS)
    arns = [each.arn for each in given if each.arn is not None]
    texts = [request.policy] if request.policy is not None else []
    percent = sessions.packed_percent([*texts, *arns], pairs(request.tags))
    for text in texts:
        compiled.validate(text, Kind.SESSION)
    return Bounds(request.policy, arns, percent)


def pairs(tags: list[sts.Tag] | None) -> list[tuple[str, str]]:
    """Return the tags of a request as keys and values."""
    return [(tag.key, tag.value) for tag in tags or ()]


def policy_ids(call: Call, account: str, bounds: Bounds) -> tuple[str, ...]:
    """Return the managed policies of an account, or of the vendor, that are to bound its session (I115)."""
    return tuple(_policy_id(call, account, arn) for arn in bounds.policy_arns)


def _policy_id(call: Call, account: str, arn: str) -> str:
    found = iam_policies.lookup(call, account, arn)
    if found is None:
        raise errors.no_managed_policy(arn)
    return found.id


def hold_user(call: Call) -> None:
    """Keep the calling user from being deleted before a key of it is kept; one that has just gone holds no key any more."""
    user_id, users = call.principal.holder_id, call.store.iam_users
    if user_id and call.hold(users, user_id) and users.get(user_id) is None:
        raise invalid_client_token()


def new_key(call: Call, account: str, holder_id: str, seconds: int, token_size: int | None) -> AccessKey:
    """Return a temporary key of a user, a role or a root; `token_size` is how long its token has to be at least."""
    return issue_temporary_key(call.store, account, holder_id, seconds, token_size or 0)


def credentials(key: AccessKey) -> sts.Credentials:
    """Return a key as it is given out, once."""
    return sts.Credentials(
        access_key_id=key.id,
        secret_access_key=key.secret,
        session_token=key.session_token,
        expiration=key.expires_at,
    )


def token_size(key: AccessKey, asked: int | None) -> tuple[int | None, int | None]:
    """Return how long a token is and how much that is of what is allowed, in percent, where its size was asked for."""
    if asked is None or key.session_token is None:
        return None, None
    size = len(key.session_token)
    return size, -(-100 * size // MAX_TOKEN_LENGTH)
