"""Pages of the Describe actions: how many results may be asked for, and the token that continues a list.

A token is a place in the list under a keyed hash, so it cannot be made up, moved to another list or read by a client.
"""

import base64
import hmac
from collections.abc import Mapping
from hashlib import blake2s
from types import MappingProxyType

from isthmus.domain import errors

# The least and most that MaxResults may say, by action (S330, S504); for DescribeTags the guide's numbers.
# All that S504 names is here, also what no function answers yet.
MAX_RESULTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "DescribeDhcpOptions": (5, 1000),
        "DescribeInternetGateways": (5, 1000),
        "DescribeNetworkAcls": (5, 1000),
        "DescribeNetworkInsightsAnalyses": (1, 100),
        "DescribeNetworkInsightsPaths": (1, 100),
        "DescribeNetworkInterfaces": (5, 1000),
        "DescribeRouteTables": (5, 100),
        "DescribeSecurityGroupRules": (5, 1000),
        "DescribeSecurityGroups": (5, 1000),
        "DescribeStaleSecurityGroups": (5, 255),
        "DescribeSubnets": (5, 1000),
        "DescribeTags": (5, 1000),
        "DescribeVpcPeeringConnections": (5, 1000),
        "DescribeVpcs": (5, 1000),
    }
)

_PLACE_BYTES = 8
_SEAL_BYTES = 16  # together 24 bytes, which base64 writes without padding: one text per token


def check_max_results(value: int | None, low: int, high: int, *, ids_given: bool, ids_parameter: str) -> None:
    """Refuse a MaxResults outside its range (S330), or together with ids; `ids_parameter` like `VpcIds` (S331)."""
    if value is None:
        return
    if value < low:
        raise errors.max_results_too_small(value, low)
    if value > high:
        raise errors.max_results_too_large(value, high)
    if ids_given:
        raise errors.max_results_with_ids(ids_parameter)


def check_token(token: str | None, *, ids_given: bool, ids_parameter: str) -> None:
    """Refuse a NextToken together with ids, whose answer has no pages to continue; `ids_parameter` like `VpcIds` (S331)."""
    if token is not None and ids_given:
        raise errors.token_with_ids(ids_parameter)


def encode_token(secret: bytes, scope: str, seq: int) -> str:
    """The token for "go on after `seq`" in the list that `scope` names: 32 characters, safe in a URL (S332).

    `secret` has 1 to 32 bytes; `seq` is not negative and below 2**64.
    """
    place = seq.to_bytes(_PLACE_BYTES)
    return base64.urlsafe_b64encode(place + _seal(secret, scope, place)).decode()


def decode_token(secret: bytes, scope: str, token: str) -> int:
    """The `seq` of a token that `encode_token` made with the same secret and scope; else S332's error."""
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError as error:
        raise errors.invalid_token(token) from error
    place, seal = content[:_PLACE_BYTES], content[_PLACE_BYTES:]
    if not hmac.compare_digest(seal, _seal(secret, scope, place)):
        raise errors.invalid_token(token)
    return int.from_bytes(place)


def _seal(secret: bytes, scope: str, place: bytes) -> bytes:
    return blake2s(place + scope.encode(), key=secret, digest_size=_SEAL_BYTES).digest()
