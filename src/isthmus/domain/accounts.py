"""Accounts, their access keys, and the principal as whom a request acts."""

from enum import StrEnum

from msgspec import Struct

DEFAULT_ACCOUNT = "000000000000"  # who an unnamed caller is in open mode (I213)
ROOT = "root"
USER = "user"


class KeyStatus(StrEnum):
    """Whether an access key opens anything (I7)."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


class Account(Struct, frozen=True):
    """An account by its 12 digits, with the name that its owner gave it; `created_at` in milliseconds."""

    id: str
    name: str
    created_at: int
    seq: int = 0
    version: int = 0


class AccessKey(Struct, frozen=True):
    """A key that Isthmus issued: to an account's root, or to the user with this unique id.

    A temporary key has a session token and the service time (milliseconds) at which it expires; a long-term key has
    neither (I6). Secret and token stay out of `repr`, and so out of logs and tracebacks.
    """

    id: str
    account: str
    secret: str
    status: KeyStatus
    session_token: str | None
    expires_at: int | None
    created_at: int
    user_id: str = ""
    seq: int = 0
    version: int = 0

    def __repr__(self) -> str:
        return f"AccessKey({self.id}, {self.account}, {self.status})"


class IssuedKey(Struct, frozen=True):
    """A key with what there is to know of its holder: `resource` is how the holder's ARN ends (I1)."""

    key: AccessKey
    resource: str = ROOT


class Principal(Struct, frozen=True):
    """As whom, in which Region and of which service a request acts.

    `kind` says which form `arn` and `user_id` have (I1, I3): `root` or `user`.
    """

    account: str
    arn: str
    user_id: str
    access_key_id: str
    region: str
    service: str
    kind: str = ROOT


def root(account: str, *, access_key_id: str, region: str, service: str, partition: str = "aws") -> Principal:
    """The account itself: its root's ARN (I1), with the account's digits as unique id (I3)."""
    return Principal(
        account=account,
        arn=f"arn:{partition}:iam::{account}:root",
        user_id=account,
        access_key_id=access_key_id,
        region=region,
        service=service,
    )


def user(
    account: str, user_id: str, resource: str, *, access_key_id: str, region: str, service: str, partition: str = "aws"
) -> Principal:
    """A user, by how its ARN ends, `user{path}{name}` (I1), and by its unique id (I3)."""
    return Principal(
        account=account,
        arn=f"arn:{partition}:iam::{account}:{resource}",
        user_id=user_id,
        access_key_id=access_key_id,
        region=region,
        service=service,
        kind=USER,
    )


def is_account_id(text: str) -> bool:
    """Whether the text is 12 digits."""
    return len(text) == 12 and text.isascii() and text.isdigit()
