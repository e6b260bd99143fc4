"""Names, paths, ARNs and unique ids of IAM's objects (I1, I2).

A name is unique in its account whatever its letter case, and so is found whatever its case; it is shown as it was given.
"""

import re
from base64 import b32encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ROOT_PATH: Final = "/"
ID_ENTROPY_BYTES: Final = 11
ID_CHARACTERS: Final = 17

PREFIXES: Mapping[str, str] = MappingProxyType(
    {"user": "AIDA", "group": "AGPA", "role": "AROA", "policy": "ANPA", "instance-profile": "AIPA"}
)
"""What the unique ids of each kind of object begin with; the kinds are spelled as ARNs spell them (I1, I2)."""
KINDS: Mapping[str, str] = MappingProxyType({prefix: kind for kind, prefix in PREFIXES.items()})

# Compiled on first use, which is not when a server starts.
_UNIQUE = r"A(?:ID|RO)A[A-Z2-7]{17}"
_ARN = r"arn:([a-z-]+):iam::(\d{12}|aws):([a-z-]+)(/(?:[!-~]*/)?)([\w+=,.@-]+)"


def unique_id(kind: str, entropy: bytes) -> str:
    """The id of a new object of that kind, 21 characters long, from 11 bytes of chance (I2)."""
    assert len(entropy) == ID_ENTROPY_BYTES, len(entropy)
    return PREFIXES[kind] + b32encode(entropy).decode()[:ID_CHARACTERS]


def kind_of(unique_id: str) -> str:
    """The kind of object that a unique id names (I2)."""
    return KINDS[unique_id[:4]]


def looks_unique(text: str) -> bool:
    """Whether a text has the form of the unique id of a user or role."""
    return re.fullmatch(_UNIQUE, text) is not None


def folded(name: str) -> str:
    """What two names have in common that differ in letter case alone."""
    return name.lower()


def arn(partition: str, account: str, kind: str, path: str, name: str) -> str:
    """The ARN of an object of IAM, which has no Region (I1)."""
    return f"arn:{partition}:iam::{account}:{kind}{path}{name}"


def parse_arn(text: str) -> tuple[str, str, str, str, str] | None:
    """Partition, account (`aws` for those of the vendor), kind, path and name that an ARN names; None for another text."""
    found = re.fullmatch(_ARN, text, re.ASCII)
    return None if found is None else (found[1], found[2], found[3], found[4], found[5])
