"""Accounts, their access keys, and the principal as whom a request acts."""

from enum import StrEnum

from msgspec import Struct, field

from isthmus.domain.access_keys import looks_issued

DEFAULT_ACCOUNT = "000000000000"  # who an unnamed caller is in open mode (I213)
ROOT = "root"
USER = "user"
ROLE = "role"
ASSUMED_ROLE = "assumed-role"
FEDERATED_USER = "federated-user"


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
    """A key that Isthmus issued: to the user or the role with this unique id, or, where that is empty, to an account's root.

    A temporary key has a session token and the service time (milliseconds) at which it expires; a long-term key has
    neither (I6). A role has temporary ones only. Secret and token stay out of `repr`, and so out of logs and tracebacks.
    """

    id: str
    account: str
    secret: str
    status: KeyStatus
    session_token: str | None
    expires_at: int | None
    created_at: int
    holder_id: str = ""
    seq: int = 0
    version: int = 0

    def __repr__(self) -> str:
        return f"AccessKey({self.id}, {self.account}, {self.status})"


class Session(Struct, frozen=True):
    """What a temporary key has beside it that was made by assuming a role or for a federated user (I115, I177).

    `id` is the key's. `policy` is the text of the session's own policy and `policy_ids` are managed ones; all of them
    together bound the session, and without any a role's session is not bounded, a federated user's may do nothing (I111).
    What GetSessionToken gives is its user's, or its root's, and has none of this.
    """

    id: str
    account: str
    kind: str
    name: str
    policy: str | None = None
    policy_ids: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    seq: int = 0
    version: int = 0

    def __hash__(self) -> int:
        return hash(self.id)


class IssuedKey(Struct, frozen=True):
    """A key with what there is to know of its holder: `resource` is how the ARN of the user or the role ends (I1)."""

    key: AccessKey
    resource: str = ROOT
    session: Session | None = None

    def __hash__(self) -> int:
        return hash(self.key.id)


class Principal(Struct, frozen=True):
    """As whom, in which Region and of which service a request acts.

    `kind` says which form `arn` and `user_id` have (I1, I3). `holder_id` is the unique id of the user or the role whose
    policies count, empty for an account's root. `issued_at` is when a temporary key was made, None for other keys, and
    `session` what came with it.
    """

    account: str
    arn: str
    user_id: str
    access_key_id: str
    region: str
    service: str
    kind: str = ROOT
    holder_id: str = ""
    issued_at: int | None = None
    session: Session | None = None

    @property
    def is_unverified(self) -> bool:
        """Whether an open server takes the caller's word for who it is: it has shown no key that was issued (I213)."""
        return not looks_issued(self.access_key_id)


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


def holder(issued: IssuedKey, *, region: str, service: str, partition: str = "aws") -> Principal:
    """Whoever holds a key: an account's root, a user, a role's session or a federated user (I1, I3)."""
    key, session = issued.key, issued.session
    if session is not None:
        kind, (arn, user_id) = session.kind, _FORMS[session.kind](issued, session, partition)
    else:
        kind = USER if key.holder_id else ROOT
        arn, user_id = f"arn:{partition}:iam::{key.account}:{issued.resource}", key.holder_id or key.account
    return Principal(
        account=key.account,
        arn=arn,
        user_id=user_id,
        access_key_id=key.id,
        region=region,
        service=service,
        kind=kind,
        holder_id=key.holder_id,
        issued_at=None if key.session_token is None else key.created_at,
        session=session,
    )


def _assumed_role(issued: IssuedKey, session: Session, partition: str) -> tuple[str, str]:
    """The ARN drops the role's path (I1)."""
    role_name = issued.resource.rpartition("/")[2]
    arn = f"arn:{partition}:sts::{session.account}:{ASSUMED_ROLE}/{role_name}/{session.name}"
    return arn, f"{issued.key.holder_id}:{session.name}"


def _federated_user(_: IssuedKey, session: Session, partition: str) -> tuple[str, str]:
    arn = f"arn:{partition}:sts::{session.account}:{FEDERATED_USER}/{session.name}"
    return arn, f"{session.account}:{session.name}"


_FORMS = {ASSUMED_ROLE: _assumed_role, FEDERATED_USER: _federated_user}


def is_account_id(text: str) -> bool:
    """Whether the text is 12 digits."""
    return len(text) == 12 and text.isascii() and text.isdigit()
