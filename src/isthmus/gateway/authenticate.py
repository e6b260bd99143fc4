"""Who is calling: from a request to the principal as whom it acts, or to the refusal in the words of its service.

Two modes. In *open* mode a 12-digit access key id is that account and whoever names nobody is the default account; in
*enforce* mode only keys that Isthmus issued count. An issued key is verified in both, and nobody in either mode can act
with somebody else's AKIA or ASIA key (I213-I215).
"""

import hmac
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import unquote

from msgspec import Struct

from isthmus.domain import access_keys, accounts, errors, regions
from isthmus.domain.accounts import IssuedKey, KeyStatus, Principal
from isthmus.domain.errors import ApiError
from isthmus.wire import services, sigv4
from isthmus.wire.http import HttpRequest
from isthmus.wire.services import Service
from isthmus.wire.sigv4 import Claim, Refusal, Refused, SigningKeys

FOREIGN_KEY_TEXT = (
    "This access key id looks like real cloud credentials, and was not issued here. Use a key of an account made with "
    "'isthmus accounts create', or, in open mode, an account's 12 digits as the access key id."
)

# Signature Version 2 names its key in a parameter (I41); a search costs less than parsing a body of an unknown caller.
_OLD_KEY_ID = re.compile(r"(?:^|&)AWSAccessKeyId=([^&]*)")


T = TypeVar("T")

ACTIVE = KeyStatus.ACTIVE  # Python 3.11 takes 0.2 microseconds to look one up in its class


class Mode(StrEnum):
    """How far a caller is believed."""

    OPEN = "open"
    ENFORCE = "enforce"


class IdentitySettings(Struct, frozen=True):
    """What authentication can be told: the mode, how far a date may be off (I15), and who an unnamed caller is."""

    mode: Mode = Mode.OPEN
    window_seconds: float = sigv4.DEFAULT_WINDOW_SECONDS
    default_account: str = accounts.DEFAULT_ACCOUNT
    default_region: str = "us-east-1"


class Keys(Protocol):
    """The issued access keys, by id."""

    def issued(self, key_id: str, /) -> IssuedKey | None:
        """The key of that id, whoever holds it."""


class Unit(Protocol):
    """What authentication reads of a unit of work."""

    @property
    def access_keys(self) -> Keys:
        """The issued access keys."""


Words = Mapping[Refusal, Callable[[str], ApiError]]

# I31-I37: the same situation in EC2's words, and in those of STS and IAM. The argument is the sentence of the refusal.
EC2_WORDS: Words = {
    Refusal.MALFORMED: errors.incomplete_signature,
    Refusal.NO_CREDENTIALS: lambda _: errors.missing_credentials(),
    Refusal.UNKNOWN_KEY: lambda _: errors.auth_failure(),
    Refusal.MISMATCH: lambda _: errors.auth_failure(),
    Refusal.WRONG_TOKEN: lambda _: errors.auth_failure(),
    Refusal.SESSION_EXPIRED: lambda _: errors.request_expired(),
    Refusal.STALE: lambda _: errors.request_expired(),
    Refusal.SCOPE: lambda _: errors.auth_failure(),
    Refusal.REGION: lambda detail: ApiError(errors.auth_failure().code, detail),
    Refusal.OLD_SIGNATURE: lambda _: errors.auth_failure(),
    Refusal.FOREIGN_KEY: lambda detail: ApiError(errors.auth_failure().code, detail),
}
QUERY_WORDS: Words = {
    Refusal.MALFORMED: errors.incomplete_signature,
    Refusal.NO_CREDENTIALS: lambda _: errors.missing_authentication(),
    Refusal.UNKNOWN_KEY: lambda _: errors.invalid_client_token(),
    Refusal.MISMATCH: lambda detail: errors.signature_mismatch(detail or None),
    Refusal.WRONG_TOKEN: lambda _: errors.invalid_client_token(),
    Refusal.SESSION_EXPIRED: lambda _: errors.expired_token(),
    Refusal.STALE: errors.signature_mismatch,
    Refusal.SCOPE: errors.signature_mismatch,
    Refusal.REGION: errors.signature_mismatch,
    Refusal.OLD_SIGNATURE: lambda _: errors.invalid_client_token(),
    Refusal.FOREIGN_KEY: lambda detail: ApiError(errors.invalid_client_token().code, detail),
}
WORDS: Mapping[str, Words] = {"ec2": EC2_WORDS, "query": QUERY_WORDS}  # by the protocol of the service


class Seen(NamedTuple):
    """What a request shows of its signature before any state is asked: what it claims, and the text to be signed.

    A refusal stands where there is none; it is told in its turn. In open mode, where few sign, the text comes later.
    """

    claim: Claim | Refused | None
    text: bytes | Refused | None = None


def see(http: HttpRequest, mode: Mode) -> Seen:
    """Read a request's claim, and in enforce mode hash what it signs.

    This is done as requests arrive: many in a row, with nothing between them, cost much less than each in its unit (ADR 22).
    """
    try:
        claim = sigv4.parse(http)
    except Refused as refused:
        return Seen(refused)
    if claim is None or mode is Mode.OPEN:
        return Seen(claim)
    try:
        return Seen(claim, sigv4.text_to_sign(claim, http))
    except Refused as refused:
        return Seen(claim, refused)


def authenticate(
    http: HttpRequest,
    seen: Seen,
    unit: Unit,
    identity: IdentitySettings,
    wall_now: int,
    service_now: int,
    keys: SigningKeys,
    *,
    service: str = "ec2",
) -> Principal:
    """The principal of a request, or the ApiError that its service gives (I31-I37, S124-S126).

    `wall_now` judges the request's own date and `service_now` whether a session is over, both in milliseconds.
    `service` is the one that `Version` speaks of: it counts where no credential scope names one.
    """
    try:
        claim = _known(seen.claim)
        if claim is None:
            return _unsigned(http, unit, identity, service)
        service = claim.service if claim.service in services.BY_NAME else service
        _check_scope(claim, service)
        issued = unit.access_keys.issued(claim.access_key_id)
        if issued is None and identity.mode is Mode.OPEN:
            return _unissued(claim.access_key_id, identity, claim.region, service)
        sigv4.check(claim, wall_now, identity.window_seconds)
        text = _known(seen.text) or sigv4.text_to_sign(claim, http)
        return _verified(claim, text, issued, service_now, keys)
    except Refused as refused:
        words = WORDS[services.BY_NAME[service].protocol]
        raise words[refused.reason](refused.detail) from None


def _known(outcome: T | Refused) -> T:
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def service_of(seen: Seen, default: Service) -> Service:
    """The service whose protocol answers a request that was refused: the scope's, else `default` (S104).

    It may be one that is not spoken here.
    """
    claim = seen.claim
    return services.named(claim.service) or default if isinstance(claim, Claim) else default


def _check_scope(claim: Claim, service: str) -> None:
    """Region and service of the scope are ones that there are (I13, I14).

    Any Region does for sts and iam too: clients with one endpoint for everything sign iam in their own Region.
    """
    if claim.service != service:
        raise Refused(Refusal.SCOPE, f"Credential should be scoped to correct service: '{service}'")
    if claim.region not in regions.REGIONS:
        raise Refused(Refusal.REGION, f"Credential should be scoped to a valid Region, not '{claim.region}'")


def _verified(claim: Claim, text: bytes, issued: IssuedKey | None, service_now: int, keys: SigningKeys) -> Principal:
    """The principal whose key signed this text (I6, I7, I9).

    An unknown key costs what a wrong secret costs. That a session is over learns only who holds its secret and token.
    """
    key = None if issued is None else issued.key
    signed = sigv4.matches(claim, text, sigv4.DUMMY_SECRET if key is None else key.secret, keys)
    if issued is None or key is None or key.status != ACTIVE:
        raise Refused(Refusal.UNKNOWN_KEY)
    if not _same_token(key.session_token, claim.session_token):
        raise Refused(Refusal.WRONG_TOKEN)
    if not signed:
        raise Refused(Refusal.MISMATCH)
    if key.expires_at is not None and service_now >= key.expires_at:
        raise Refused(Refusal.SESSION_EXPIRED)
    return _holder(issued, claim.region, claim.service)


def _same_token(ours: str | None, theirs: str | None) -> bool:
    """A temporary key comes with exactly its token, a long-term key with none (I6)."""
    if ours is None or theirs is None:
        return ours is theirs
    return hmac.compare_digest(ours.encode(), theirs.encode())


def _unsigned(http: HttpRequest, unit: Unit, identity: IdentitySettings, service: str) -> Principal:
    """Without a Version 4 signature: in open mode AWSAccessKeyId's account or the default; else refused (I35, I43)."""
    key_id = _old_key_id(http)
    if identity.mode is Mode.ENFORCE:
        raise Refused(Refusal.NO_CREDENTIALS if key_id is None else Refusal.OLD_SIGNATURE)
    if key_id is not None and unit.access_keys.issued(key_id) is not None:
        raise Refused(Refusal.OLD_SIGNATURE)  # nobody has proved that it is theirs
    return _unissued(key_id or "", identity, identity.default_region, service)


def _old_key_id(http: HttpRequest) -> str | None:
    for text in (http.query, http.body.decode("latin-1")):
        if found := _OLD_KEY_ID.search(text):
            return unquote(found[1])
    return None


def _unissued(key_id: str, identity: IdentitySettings, region: str, service: str) -> Principal:
    """Open mode, a key id that is not ours: an account by its digits, or the default account (I213, I214)."""
    if access_keys.looks_issued(key_id):
        raise Refused(Refusal.FOREIGN_KEY, FOREIGN_KEY_TEXT)
    account = key_id if accounts.is_account_id(key_id) else identity.default_account
    return _root(account, key_id, region, service)


@lru_cache(maxsize=1_024)
def _holder(issued: IssuedKey, region: str, service: str) -> Principal:
    """Who holds a key of ours; the same few call again and again."""
    return accounts.holder(issued, region=region, service=service, partition=regions.partition_of(region))


def _root(account: str, key_id: str, region: str, service: str) -> Principal:
    partition = regions.partition_of(region)
    return accounts.root(account, access_key_id=key_id, region=region, service=service, partition=partition)
