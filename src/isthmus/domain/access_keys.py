"""Access key ids and secrets: how they look, and the account that an id carries (I2, I4, I5).

An id is a prefix of four letters and 16 characters of base32, ten bytes: one set bit, 40 bits of account number, 39
bits of chance. Entropy is an argument, so that the same seed gives the same keys.
"""

from base64 import b32decode, b32encode, b64encode
from hashlib import sha256

LONG_TERM_PREFIX = "AKIA"  # I2
TEMPORARY_PREFIX = "ASIA"
PREFIXES = (LONG_TERM_PREFIX, TEMPORARY_PREFIX)

ID_LENGTH = 20
ID_ENTROPY_BYTES = 5
SECRET_ENTROPY_BYTES = 30  # 40 characters of base64, whose alphabet is that of I5
TOKEN_ENTROPY_BYTES = 48
TOKEN_LENGTH = 356  # about as long as the real ones are, so that whoever keeps them has the room

ACCOUNT_LIMIT = 10**12
_ACCOUNT_MASK = 0x7FFF_FFFF_FF80  # of the first six bytes
_ACCOUNT_SHIFT = 7
_LEADING_BIT = 1 << 79  # set in every id that carries its account this way
_CHANCE_MASK = (1 << 39) - 1


def make(prefix: str, account: str, entropy: bytes) -> str:
    """The access key id of `account` (12 digits) under `prefix`, its rest taken from 5 bytes of `entropy` (I4)."""
    assert prefix in PREFIXES, prefix
    assert len(account) == 12, account
    assert len(entropy) == ID_ENTROPY_BYTES, len(entropy)
    number = _LEADING_BIT | int(account) << 39 | int.from_bytes(entropy, "big") & _CHANCE_MASK
    return prefix + b32encode(number.to_bytes(10, "big")).decode()


def account_of(key_id: str) -> str:
    """The 12 digits of the account whose key this is (I4).

    Raises ValueError for a text that is no access key id, or whose number is no account's.
    """
    if len(key_id) != ID_LENGTH or key_id[:4] not in PREFIXES:
        raise ValueError(f"{key_id!r} is not an access key id")
    leading = int.from_bytes(b32decode(key_id[4:])[:6], "big")  # binascii.Error is a ValueError
    account = (leading & _ACCOUNT_MASK) >> _ACCOUNT_SHIFT
    if account >= ACCOUNT_LIMIT:
        raise ValueError(f"{key_id!r} carries no account")
    return f"{account:012d}"


def looks_issued(key_id: str) -> bool:
    """Whether the id has the form that this family of services gives out, by whomever (I214)."""
    rest = key_id[4:]
    return len(key_id) == ID_LENGTH and key_id[:4] in PREFIXES and rest.isascii() and rest.isalnum() and rest.isupper()


def secret(entropy: bytes) -> str:
    """A secret access key of 40 characters from 30 bytes of `entropy` (I5)."""
    assert len(entropy) == SECRET_ENTROPY_BYTES, len(entropy)
    return b64encode(entropy).decode()


def session_token(entropy: bytes, length: int) -> str:
    """A session token of that many characters or more (I5); what nobody can guess of it is 48 bytes of `entropy`."""
    assert len(entropy) == TOKEN_ENTROPY_BYTES, len(entropy)
    token, wanted = b64encode(entropy).decode(), max(length, TOKEN_LENGTH)
    filling = b64encode(sha256(entropy).digest()).decode().rstrip("=")
    return (token + filling * (wanted // len(filling) + 1))[:wanted]
