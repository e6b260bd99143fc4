"""An organization: which account manages it, and the service control policies that bind the others (I116).

There is one organization, of all accounts. Its root and each account are levels; at every one some policy that is attached
there must allow. Where none was ever attached, FullAWSAccess is. Instants are milliseconds of service time.
"""

from base64 import b32encode

from msgspec import Struct

ORGANIZATION_ID = "organization"
"""The id of the one row that there may be."""
ROOT = ""
"""What stands for the account where a policy is attached to the organization's root: to all accounts."""

FULL_ACCESS = "FullAWSAccess"
FULL_ACCESS_ID = "p-FullAWSAccess"
FULL_ACCESS_DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
"""The vendor's own policy, which nobody keeps and nobody changes."""

ID_ENTROPY_BYTES = 5
POLICIES_PER_TARGET = 5


class Organization(Struct, frozen=True):
    """The organization's management account, which no policy binds."""

    id: str
    account: str
    seq: int = 0
    version: int = 0


class ServiceControlPolicy(Struct, frozen=True):
    """A service control policy under its name, of which there is one."""

    id: str
    name: str
    description: str
    document: str
    created_at: int
    seq: int = 0
    version: int = 0


class ServiceControlAttachment(Struct, frozen=True):
    """A service control policy on an account, or on all (`ROOT`)."""

    account: str
    policy_id: str
    seq: int = 0
    version: int = 0


def policy_id(entropy: bytes) -> str:
    """The id of a new service control policy, from 5 bytes of chance."""
    assert len(entropy) == ID_ENTROPY_BYTES, len(entropy)
    return f"p-{b32encode(entropy).decode().lower()}"


def policy_arn(account: str, name_id: str) -> str:
    """The ARN by which a refusal names a service control policy; `account` is the management account."""
    owner = "aws" if name_id == FULL_ACCESS_ID else account
    return f"arn:aws:organizations::{owner}:policy/o-{ORGANIZATION_ID}/service_control_policy/{name_id}"
