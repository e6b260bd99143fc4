"""Messages that only this installation can read, and nobody can change: authenticated encryption from keyed BLAKE2 (ADR 28).

A synthetic initialization vector: the tag is a keyed hash of the account and the message, and the key stream follows from
the tag. So there is no nonce that could come twice, and whatever was changed gives another tag. The account can be read by
everybody; the rest by whoever has the secret.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import blake2b
from hmac import compare_digest
from itertools import count
from typing import Final, NamedTuple

VERSION: Final = b"\x01"
ACCOUNT_BYTES: Final = 5  # 12 decimal digits
TAG_BYTES: Final = 32
BLOCK_BYTES: Final = 64
HEAD_BYTES: Final = len(VERSION) + ACCOUNT_BYTES


class Sealed(NamedTuple):
    """What was sealed: whose it is, and what it says."""

    account: str
    message: bytes


def seal(secret: bytes, sealed: Sealed) -> str:
    """Return a message as URL-safe text without padding (I158)."""
    head = VERSION + int(sealed.account).to_bytes(ACCOUNT_BYTES, "big")
    tag = _tag(secret, head, sealed.message)
    return urlsafe_b64encode(head + tag + _masked(secret, tag, sealed.message)).rstrip(b"=").decode()


def unseal(secret: bytes, text: str) -> Sealed:
    """Return what was sealed with the same secret. Raises `ValueError` for every other text."""
    content = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    head, tag, body = content[:HEAD_BYTES], content[HEAD_BYTES : HEAD_BYTES + TAG_BYTES], content[HEAD_BYTES + TAG_BYTES :]
    message = _masked(secret, tag, body)
    if not compare_digest(tag, _tag(secret, head, message)) or not head.startswith(VERSION):
        raise ValueError("not sealed here")
    return Sealed(f"{int.from_bytes(head[len(VERSION) :], 'big'):012d}", message)


def _key(secret: bytes, purpose: bytes) -> bytes:
    return blake2b(secret, person=purpose).digest()


def _tag(secret: bytes, head: bytes, message: bytes) -> bytes:
    """The head's length never differs, so that no two pairs of head and message are the same text."""
    return blake2b(head + message, key=_key(secret, b"isthmus.seal.tag"), digest_size=TAG_BYTES).digest()


def _masked(secret: bytes, tag: bytes, text: bytes) -> bytes:
    """Return a text with the key stream of a tag laid over it; done twice, it is the text again."""
    size = len(text)
    stream = b"".join(block for block, _ in zip(_stream(secret, tag), range(0, size, BLOCK_BYTES), strict=False))[:size]
    return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def _stream(secret: bytes, tag: bytes) -> Iterator[bytes]:
    key = _key(secret, b"isthmus.seal.run")
    return (blake2b(tag + number.to_bytes(8, "big"), key=key).digest() for number in count())
