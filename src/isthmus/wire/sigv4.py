"""AWS Signature Version 4, the server's side: read what a request claims of itself, and check the claim (I11-I28).

Four steps. The first two need the request alone, the third the time and the last the secret; open mode needs only the first:

- `parse` reads the header form or the query (presigned) form into a `Claim`, or says that there is no signature;
- `text_to_sign` makes of a claim the text that its signature must cover;
- `check` refuses what is wrong with its shape, scope and dates;
- `matches` signs the text and compares.

Everything is a function of its arguments; the wall clock comes in as milliseconds. A `Refused` says why, in a closed
set of reasons; how each reads to a client of EC2, STS or IAM is the gateway's affair (I31-I37).
"""

import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from isthmus.wire.http import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
DEFAULT_WINDOW_SECONDS = 900.0  # I15
MAX_EXPIRES_SECONDS = 604_800  # I25
MAX_SIGNED_HEADERS = 64  # I28
MAX_KNOWN_START = 512  # characters of an Authorization header that are worth remembering
EMPTY_BODY_HASH = sha256(b"").hexdigest()

# What an unknown key id is checked against, so that it costs what a wrong secret costs (I9). It opens nothing: who asks
# with it has no key, and is refused whatever comes out.
DUMMY_SECRET = "0" * 40

HEADER_PARAMETERS = ("Credential", "SignedHeaders", "Signature")
REQUIRED_QUERY_PARAMETERS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
QUERY_PARAMETERS = frozenset((*REQUIRED_QUERY_PARAMETERS, "X-Amz-Security-Token"))

_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_EXPIRES = re.compile(r"[0-9]{1,6}")
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
_HEX = "0123456789abcdef"
_BLANKS = re.compile(r"[ \t]+")
_UNRESERVED = "-._~"  # besides letters and digits (I21, I22)


class Refusal(StrEnum):
    """Why a request is not authenticated: the situations of I31-I37, whoever finds them."""

    MALFORMED = "malformed"  # I36: cannot be read as a signature
    NO_CREDENTIALS = "no-credentials"  # I35
    UNKNOWN_KEY = "unknown-key"  # I31: unknown, inactive or deleted
    MISMATCH = "mismatch"  # I32, and everything that makes a signature incomplete in substance (I17, I24)
    WRONG_TOKEN = "wrong-token"  # I34  # noqa: S105 - a reason, no token
    SESSION_EXPIRED = "session-expired"  # I33
    STALE = "stale"  # I37: the request's own date is outside the window
    SCOPE = "scope"  # I13: date, service or terminator
    REGION = "region"  # I13, I14: there is no such Region
    OLD_SIGNATURE = "old-signature"  # I43: Signature Version 2
    FOREIGN_KEY = "foreign-key"  # I214


class Refused(Exception):
    """The request is not authenticated, for `reason`; `detail` says it in a sentence, empty where the usual fits."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Claim(NamedTuple):
    """What a signed request says of itself; nothing in it is true before `check` and `matches`.

    `signed_headers` and `timestamp` are texts as received (`timestamp` in ISO 8601 basic format, None when the request
    has no date). `expires` is the text of X-Amz-Expires in the query form and None in the header form. `headers` holds
    all headers of the request by name, several of one name joined by a comma (I19). A named tuple, because one is made
    for every request and a frozen dataclass of twelve fields costs 3 us more.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: str
    signature: str
    timestamp: str | None
    expires: str | None
    session_token: str | None
    headers: Mapping[str, str]
    canonical_query: str


class SigningKeys:
    """Signing keys already derived, at most `limit` of them; safe to share between threads.

    Deriving costs four HMACs, and a client uses one key all day. Each is kept as an HMAC that has taken in the key and no
    text yet: a copy of that signs in half the time, because OpenSSL looks its algorithm up for every new one. The secret is
    part of what an entry is found by, so that a key id with a new secret derives anew. Where there are too many, the oldest
    goes.
    """

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._lock = Lock()
        self._keys: dict[tuple[str, str, str, str, str], hmac.HMAC] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def sign(self, claim: Claim, secret: str, text: bytes) -> str:
        """The signature of a text under the signing key of `secret` for the claim's date, Region and service (I12)."""
        slot = (claim.access_key_id, claim.date, claim.region, claim.service, secret)
        keyed = self._keys.get(slot)  # one look-up, which needs no lock
        if keyed is None:
            keyed = hmac.new(signing_key(secret.encode(), claim.date, claim.region, claim.service), digestmod="sha256")
            with self._lock:
                self._keys[slot] = keyed
                if len(self._keys) > self._limit:
                    del self._keys[next(iter(self._keys))]
        signing = keyed.copy()
        signing.update(text)
        return signing.hexdigest()


def signing_key(secret: bytes, date: str, region: str, service: str) -> bytes:
    """The HMAC chain over date, Region, service and terminator (I12)."""
    key = b"AWS4" + secret
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("latin-1"), "sha256")
    return key


# Reading the claim


def parse(http: HttpRequest) -> Claim | None:
    """What the request claims, from its Authorization header or its query (I11); None when it is not signed at all.

    Raises Refused(MALFORMED) for both forms at once, a parameter given twice, missing or unreadable.
    """
    headers = dict(http.headers)
    if len(headers) != len(http.headers):
        headers = _joined(http.headers)
    pairs = canonical_pairs(http.query)
    in_query = [pair for pair in pairs if pair[0] in QUERY_PARAMETERS]
    authorization = headers.get("authorization")
    if authorization is not None:
        if in_query:
            raise Refused(Refusal.MALFORMED, "A request is signed in its header or in its query, not in both.")
        return _header_claim(authorization, headers, pairs)
    return _query_claim(in_query, headers, pairs) if in_query else None


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name, several of one name joined by commas in their order (I19)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = value if name not in joined else f"{_trimmed(joined[name])},{_trimmed(value)}"
    return joined


def _header_claim(authorization: str, headers: Mapping[str, str], pairs: list[tuple[str, str]]) -> Claim:
    # All that a client sends in a day is alike up to the signature, if that comes last, so that part is read once.
    start, equals, signature = authorization.rpartition("Signature=")
    if equals and signature and len(start) <= MAX_KNOWN_START and not signature.strip(_HEX):
        credential, signed_headers, _ = _known_start(start)
    else:
        credential, signed_headers, signature = _authorization(authorization)
    return Claim(
        *credential,
        signed_headers,
        signature,
        _header_timestamp(headers),
        None,
        headers.get("x-amz-security-token") or None,
        headers,
        canonical_query(pairs) if pairs else "",
    )


def _authorization(authorization: str) -> tuple[tuple[str, str, str, str, str], str, str]:
    """Credential, signed headers and signature of an Authorization header (I11)."""
    algorithm, _, rest = authorization.strip(" ").partition(" ")
    if algorithm != ALGORITHM:
        raise Refused(Refusal.MALFORMED, f"Authorization header requires the algorithm '{ALGORITHM}'.")
    given: dict[str, str] = {}
    for field in rest.split(","):
        name, _, value = field.strip(" ").partition("=")
        if name not in HEADER_PARAMETERS or name in given:
            raise Refused(Refusal.MALFORMED, "Authorization header has an unknown or repeated parameter.")
        given[name] = value
    absent = [name for name in HEADER_PARAMETERS if not given.get(name)]
    if absent:
        detail = " ".join(f"Authorization header requires '{name}' parameter." for name in absent)
        raise Refused(Refusal.MALFORMED, detail)
    return _credential(given["Credential"]), given["SignedHeaders"], given["Signature"]


@lru_cache(maxsize=1_024)
def _known_start(start: str) -> tuple[tuple[str, str, str, str, str], str, str]:
    return _authorization(f"{start}Signature=0")


def _query_claim(in_query: list[tuple[str, str]], headers: Mapping[str, str], pairs: list[tuple[str, str]]) -> Claim:
    given = {name: unquote(value, encoding="latin-1") for name, value in in_query}
    if len(given) != len(in_query):
        raise Refused(Refusal.MALFORMED, "AWS query-string parameters may be given only once.")
    absent = [name for name in REQUIRED_QUERY_PARAMETERS if not given.get(name)]
    if absent:
        detail = " ".join(f"AWS query-string parameters must include '{name}'." for name in absent)
        raise Refused(Refusal.MALFORMED, detail)
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise Refused(Refusal.MALFORMED, f"X-Amz-Algorithm must be '{ALGORITHM}'.")
    token = given.get("X-Amz-Security-Token")
    if token and "x-amz-security-token" in headers:
        raise Refused(Refusal.MALFORMED, "X-Amz-Security-Token is given in the header and in the query.")
    return Claim(
        *_credential(given["X-Amz-Credential"]),
        signed_headers=given["X-Amz-SignedHeaders"],
        signature=given["X-Amz-Signature"],
        timestamp=given["X-Amz-Date"],
        expires=given["X-Amz-Expires"],
        session_token=token or None,
        headers=headers,
        canonical_query=canonical_query([pair for pair in pairs if pair[0] != "X-Amz-Signature"]),
    )


def _credential(text: str) -> tuple[str, str, str, str, str]:
    """Key id, date, Region, service and terminator."""
    match text.split("/"):
        case [key_id, date, region, service, terminator] if key_id:
            return key_id, date, region, service, terminator
    raise Refused(
        Refusal.MALFORMED,
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
    )


def _header_timestamp(headers: Mapping[str, str]) -> str | None:
    """X-Amz-Date as it stands, else the Date header in the same format (I15)."""
    if (basic := headers.get("x-amz-date")) is not None:
        return basic.strip(" ")
    date = headers.get("date", "").strip()
    if not date or _TIMESTAMP.fullmatch(date):
        return date or None
    from email.utils import parsedate_to_datetime  # a third of a cold start's budget for what hardly any client sends

    try:
        return f"{parsedate_to_datetime(date).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    except (ValueError, OverflowError):
        return date  # `check` says that it is no date


# What needs no secret


def check(claim: Claim, wall_now: int, window_seconds: float = DEFAULT_WINDOW_SECONDS) -> None:
    """Refuse a claim that no secret could make good: shape, dates (I15, I25), scope (I13).

    `wall_now` is milliseconds of the wall clock. Region and service the caller judges, who knows which there are.
    """
    if not _SIGNATURE.fullmatch(claim.signature):
        raise Refused(Refusal.MALFORMED, "A signature is 64 hexadecimal digits in lower case.")
    signed_at = _instant(claim.timestamp)
    if claim.terminator != TERMINATOR:
        raise Refused(Refusal.SCOPE, f"Credential should be scoped with a valid terminator: '{TERMINATOR}'")
    if claim.timestamp is None or claim.timestamp[:8] != claim.date:
        raise Refused(
            Refusal.SCOPE,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        )
    _check_window(signed_at, wall_now, int(window_seconds * 1000), _lifetime(claim.expires))


@lru_cache(maxsize=1_024)
def _instant(timestamp: str | None) -> int:
    """Milliseconds since the epoch of an ISO 8601 basic timestamp."""
    if timestamp is None:
        raise Refused(
            Refusal.MALFORMED,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    try:
        # `fromisoformat` reads more than this one format, hence the pattern; the pattern knows no calendar.
        if _TIMESTAMP.fullmatch(timestamp):
            return int(datetime.fromisoformat(timestamp).timestamp()) * 1000
    except ValueError:
        pass
    raise Refused(Refusal.MALFORMED, "Date must be in ISO-8601 'basic format', e.g. 20260102T030405Z.")


def _lifetime(expires: str | None) -> int | None:
    """Milliseconds for which a presigned request is good (I25); None in the header form."""
    if expires is None:
        return None
    if _EXPIRES.fullmatch(expires) and 1 <= int(expires) <= MAX_EXPIRES_SECONDS:
        return int(expires) * 1000
    raise Refused(Refusal.MALFORMED, f"X-Amz-Expires must be between 1 and {MAX_EXPIRES_SECONDS} seconds.")


def _check_window(signed_at: int, now: int, window: int, lifetime: int | None) -> None:
    """Not before (date - window), not after (date + window) or, presigned, (date + lifetime); all in milliseconds."""
    if lifetime is None and abs(signed_at - now) <= window:
        return
    minutes = f"{window / 60_000:g} min."
    if signed_at - now > window:
        limit = f"{_basic(now + window)} ({_basic(now)} + {minutes})"
        raise Refused(Refusal.STALE, f"Signature not yet current: {_basic(signed_at)} is still later than {limit}")
    if lifetime is None and now - signed_at > window:
        limit = f"{_basic(now - window)} ({_basic(now)} - {minutes})"
        raise Refused(Refusal.STALE, f"Signature expired: {_basic(signed_at)} is now earlier than {limit}")
    if lifetime is not None and now - signed_at > lifetime:
        end = _basic(signed_at + lifetime)
        raise Refused(Refusal.STALE, f"Signature expired: {end} is now earlier than {_basic(now)}")


def _basic(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant // 1000, UTC):%Y%m%dT%H%M%SZ}"


# The text that is signed


def text_to_sign(claim: Claim, http: HttpRequest) -> bytes:
    """What a request's signature must cover, body included (I12).

    Refuses a request that leaves out what must be signed (I17), and one whose body is not what a header declares (I24).
    """
    _check_signed_headers(claim)
    payload_hash = sha256(http.body).hexdigest() if http.body else EMPTY_BODY_HASH  # the body as received (I23)
    if claim.headers.get("x-amz-content-sha256", payload_hash) != payload_hash:
        raise Refused(Refusal.MISMATCH, "'x-amz-content-sha256' is not the SHA-256 hash of the body.")
    return string_to_sign(claim, canonical_request(claim, http, payload_hash))


def _check_signed_headers(claim: Claim) -> None:
    """`host` and every x-amz-* header are signed; the list is lower case, sorted, each once, and all there (I17)."""
    names = _signed_names(claim.signed_headers)
    if not names.keys() <= claim.headers.keys():
        raise Refused(Refusal.MISMATCH, "SignedHeaders names a header that the request does not have.")
    for name in claim.headers:
        if name.startswith("x-amz-") and name not in names:
            raise Refused(Refusal.MISMATCH, f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


@lru_cache(maxsize=1_024)
def _signed_names(signed_headers: str) -> Mapping[str, None]:
    """The names of a SignedHeaders list, in its order; clients send the same list again and again."""
    names = signed_headers.split(";")
    if len(names) > MAX_SIGNED_HEADERS:
        raise Refused(Refusal.MALFORMED, f"At most {MAX_SIGNED_HEADERS} headers can be signed.")
    if "host" not in names:
        raise Refused(Refusal.MISMATCH, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    if names != sorted(set(names)) or not all(map(str.islower, names)):
        raise Refused(Refusal.MISMATCH, "SignedHeaders must be in lower case, sorted, and name each header once.")
    return dict.fromkeys(names)


def canonical_request(claim: Claim, http: HttpRequest, payload_hash: str) -> bytes:
    """The canonical request of I12, as bytes: header values are what was received, whatever their encoding."""
    headers = claim.headers
    names = _signed_names(claim.signed_headers)
    lines = "\n".join([f"{name}:{headers[name].strip(' ')}" for name in names])
    if "  " in lines or "\t" in lines:
        lines = "\n".join([f"{name}:{_trimmed(headers[name])}" for name in names])
    path = "/" if http.path == "/" else canonical_path(http.path)
    return (f"{http.method}\n{path}\n{claim.canonical_query}\n{lines}\n\n{claim.signed_headers}\n{payload_hash}").encode(
        "latin-1"
    )


def string_to_sign(claim: Claim, canonical: bytes) -> bytes:
    """Algorithm, timestamp, scope and the hash of the canonical request (I12)."""
    return (
        f"{ALGORITHM}\n{claim.timestamp}\n{claim.date}/{claim.region}/{claim.service}/{claim.terminator}\n"
        f"{sha256(canonical).hexdigest()}"
    ).encode("latin-1")


def canonical_path(path: str) -> str:
    """The raw path without `.`, `..` and doubled slashes, percent-encoded once more (I21); an empty one is `/`."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in {"", "."}:
            kept.append(part)
    closing = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{closing}", safe="/" + _UNRESERVED, encoding="latin-1")


def canonical_pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of a raw query, each decoded and encoded again, in their order (I22). `+` is no space here."""
    if not query:
        return []
    return [(_recoded(name), _recoded(value)) for name, _, value in (pair.partition("=") for pair in query.split("&"))]


def canonical_query(pairs: list[tuple[str, str]]) -> str:
    """The pairs sorted by encoded name, then by encoded value; duplicates stay (I22)."""
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])


def _recoded(text: str) -> str:
    if _PLAIN.fullmatch(text):  # nearly all names and values: ten times cheaper than decoding and encoding
        return text
    return quote(unquote_to_bytes(text.encode("latin-1")), safe=_UNRESERVED)


def _trimmed(value: str) -> str:
    """A header value without blanks around it, inner runs collapsed to one space (I19).

    Only space and tab: `str.split` would take the byte A0 inside a UTF-8 character for a blank too.
    """
    if "  " in value or "\t" in value:
        value = _BLANKS.sub(" ", value)
    return value.strip(" ")


# The signature itself


def matches(claim: Claim, text: bytes, secret: str, keys: SigningKeys) -> bool:
    """Whether `secret` signed this text; compared in constant time (I9, I12)."""
    return hmac.compare_digest(keys.sign(claim, secret, text), claim.signature)
