"""What was signed and then changed, in every part that a request has, is refused in the words of the service it is for.

The date and the scope are judged before any secret is asked; whatever else was changed comes out as another signature.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from unittest import mock
from urllib.parse import quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from isthmus.domain.accounts import AccessKey, IssuedKey, KeyStatus
from isthmus.domain.errors import ApiError
from isthmus.gateway import authenticate
from isthmus.gateway.authenticate import EC2_WORDS, QUERY_WORDS, IdentitySettings, Mode
from isthmus.wire import sigv4
from isthmus.wire.http import HttpRequest
from isthmus.wire.sigv4 import Refusal

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW_MS: Final = int(NOW.timestamp() * 1_000)
LATER: Final = "20260102T030406Z"
ACCOUNT: Final = "111122223333"
SECRET: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def session(key_id: str, token: str, secret: str = SECRET) -> AccessKey:
    return AccessKey(key_id, ACCOUNT, secret, KeyStatus.ACTIVE, token, NOW_MS + 3_600_000, NOW_MS)


MINE, OTHERS = session("ASIARTX3XBSEAAAAAAAA", "mine/+="), session("ASIARTX3XBSEBBBBBBBB", "others/+=", SECRET[::-1])
LONG = AccessKey("AKIARTX3XBSEAAAAAAAA", ACCOUNT, SECRET, KeyStatus.ACTIVE, None, None, NOW_MS)
INACTIVE = replace(LONG, id="AKIARTX3XBSECCCCCCCC", status=KeyStatus.INACTIVE)
KEYS: Mapping[str, AccessKey] = {key.id: key for key in (MINE, OTHERS, LONG, INACTIVE)}


class Keys:
    """The issued keys."""

    def issued(self, key_id: str) -> IssuedKey | None:
        return IssuedKey(KEYS[key_id]) if key_id in KEYS else None


class Unit:
    """A unit of work that has them."""

    access_keys = Keys()


Change = Callable[[HttpRequest], HttpRequest]


def posted(service: str) -> HttpRequest:
    """A POST that botocore signed at NOW in a session."""
    body = b"Action=DescribeVpcs&Version=2016-11-15"
    asked = AWSRequest("POST", "http://127.0.0.1:4510/?a=b", headers={"x-amz-meta": "1", "accept": "text/xml"}, data=body)
    with mock.patch.object(auth, "get_current_datetime", return_value=NOW):
        auth.SigV4Auth(Credentials(MINE.id, SECRET, MINE.session_token), service, "eu-west-1").add_auth(asked)
    headers = (("host", "127.0.0.1:4510"), *((name.lower(), value) for name, value in asked.headers.items()))
    return HttpRequest("POST", "/", "a=b", headers, body, "127.0.0.1", is_loopback=True)


def presigned(service: str) -> HttpRequest:
    """A GET that botocore presigned at NOW in a session."""
    asked = AWSRequest("GET", "http://127.0.0.1:4510/?Action=DescribeVpcs&Version=2016-11-15")
    credentials = Credentials(MINE.id, SECRET, MINE.session_token)
    with mock.patch.object(auth, "get_current_datetime", return_value=NOW):
        auth.SigV4QueryAuth(credentials, service, "eu-west-1", expires=60).add_auth(asked)
    query = urlsplit(asked.url).query
    return HttpRequest("GET", "/", query, (("host", "127.0.0.1:4510"),), b"", "127.0.0.1", is_loopback=True)


def refusal(http: HttpRequest, service: str, *, late_ms: int = 0) -> tuple[str, str] | None:
    """Code and sentence of what a request gets; None for one that is let in."""
    seen = authenticate.see(http, Mode.ENFORCE)
    settings, keys = IdentitySettings(Mode.ENFORCE), sigv4.SigningKeys()
    try:
        authenticate.authenticate(http, seen, Unit(), settings, NOW_MS + late_ms, NOW_MS, keys, service=service)
    except ApiError as error:
        return error.code, error.message
    return None


def words(reason: Refusal, service: str) -> str:
    """The code with which a service refuses for that reason (I31 to I37)."""
    return (EC2_WORDS if service == "ec2" else QUERY_WORDS)[reason]("").code


def header(wanted: str, value: str | None) -> Change:
    """Give a header another value, or take it away."""

    def change(http: HttpRequest) -> HttpRequest:
        rest = [pair for pair in http.headers if pair[0] != wanted]
        assert len(rest) < len(http.headers), f"there is no {wanted}"
        return replace(http, headers=tuple(rest if value is None else [*rest, (wanted, value)]))

    return change


def reworded(old: str, new: str) -> Change:
    """Exchange a part of what says how the request is signed: of its Authorization header, or of its query."""

    def change(http: HttpRequest) -> HttpRequest:
        query = http.query.replace(quote(old, safe=""), quote(new, safe=""))
        headers = tuple(
            (name, value.replace(old, new) if name == "authorization" else value) for name, value in http.headers
        )
        changed = replace(http, query=query, headers=headers)
        assert changed != http, f"there is no {old}"
        return changed

    return change


def other_signature(http: HttpRequest) -> HttpRequest:
    """Exchange a digit of the signature."""
    name = "X-Amz-Signature=" if "X-Amz-Signature=" in http.query else "Signature="
    place = (http.query if name in http.query else dict(http.headers)["authorization"]).split(name)[1][0]
    new = "0" if place != "0" else "1"
    headers = tuple((key, value.replace(f"{name}{place}", f"{name}{new}")) for key, value in http.headers)
    return replace(http, query=http.query.replace(f"{name}{place}", f"{name}{new}"), headers=headers)


IN_BOTH: Mapping[str, tuple[Change, Refusal]] = {
    "the method": (lambda http: replace(http, method="PUT"), Refusal.MISMATCH),
    "the path": (lambda http: replace(http, path="/elsewhere"), Refusal.MISMATCH),
    "a parameter more": (lambda http: replace(http, query=f"{http.query}&DryRun=true"), Refusal.MISMATCH),
    "the body": (lambda http: replace(http, body=b"Action=DeleteVpc&Version=2016-11-15"), Refusal.MISMATCH),
    "the host": (header("host", "evil.example:4510"), Refusal.MISMATCH),
    "the signature": (other_signature, Refusal.MISMATCH),
    "the key, of another session": (reworded(MINE.id, OTHERS.id), Refusal.WRONG_TOKEN),
    "the key, a long-term one": (reworded(MINE.id, LONG.id), Refusal.WRONG_TOKEN),
    "the key, one that is off": (reworded(MINE.id, INACTIVE.id), Refusal.UNKNOWN_KEY),
    "the key, one that nobody has": (reworded(MINE.id, "ASIARTX3XBSEDDDDDDDD"), Refusal.UNKNOWN_KEY),
    "the scope's date": (reworded("/20260102/", "/20260103/"), Refusal.SCOPE),
    "the scope's Region": (reworded("/eu-west-1/", "/eu-west-2/"), Refusal.MISMATCH),
    "the scope's Region, to none": (reworded("/eu-west-1/", "/mars-north-1/"), Refusal.REGION),
    "the scope's end": (reworded("/aws4_request", "/aws5_request"), Refusal.SCOPE),
}
IN_HEADERS: Mapping[str, tuple[Change, Refusal]] = {
    "a signed header": (header("accept", "text/html"), Refusal.MISMATCH),
    "a signed header of the family": (header("x-amz-meta", "2"), Refusal.MISMATCH),
    "a signed header gone": (header("accept", None), Refusal.MISMATCH),
    "the list of signed headers": (reworded("accept;", ""), Refusal.MISMATCH),
    "the list of signed headers, one that must be": (reworded("x-amz-meta;", ""), Refusal.MISMATCH),
    "the second": (header("x-amz-date", LATER), Refusal.MISMATCH),
    "the token, another's": (header("x-amz-security-token", "others/+="), Refusal.WRONG_TOKEN),
    "the token gone": (header("x-amz-security-token", None), Refusal.MISMATCH),
    "no signature": (header("authorization", None), Refusal.NO_CREDENTIALS),
    "another algorithm": (reworded("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), Refusal.MALFORMED),
}
IN_QUERY: Mapping[str, tuple[Change, Refusal]] = {
    "a parameter": (lambda http: replace(http, query=http.query.replace("DescribeVpcs", "DeleteVpc")), Refusal.MISMATCH),
    "the lifetime": (lambda http: replace(http, query=http.query.replace("Expires=60", "Expires=600")), Refusal.MISMATCH),
    "the second": (lambda http: replace(http, query=http.query.replace("20260102T030405Z", LATER)), Refusal.MISMATCH),
    "the token, another's": (reworded("mine/+=", "others/+="), Refusal.WRONG_TOKEN),
    "the list of signed headers": (reworded("host", "accept;host"), Refusal.MISMATCH),
}
CASES = [
    *((posted, part, *case) for part, case in {**IN_BOTH, **IN_HEADERS}.items()),
    *((presigned, part, *case) for part, case in {**IN_BOTH, **IN_QUERY}.items()),
]

both_services = pytest.mark.parametrize("service", ["ec2", "sts", "iam"])


@both_services
@pytest.mark.parametrize("sign", [posted, presigned])
def test_what_nobody_changed_is_let_in(sign: Callable[[str], HttpRequest], service: str) -> None:
    assert refusal(sign(service), service) is None


@both_services
@pytest.mark.rule("I6", "I12", "I13", "I17", "I31", "I32", "I34")
@pytest.mark.parametrize(("sign", "part", "change", "reason"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_no_part_of_a_signed_request_can_be_changed(
    sign: Callable[[str], HttpRequest], part: str, change: Change, reason: Refusal, service: str
) -> None:
    refused = refusal(change(sign(service)), service)
    assert refused is not None, part
    assert refused[0] == words(reason, service), refused[1]


@both_services
@pytest.mark.rule("I13", "I14")
@pytest.mark.parametrize("sign", [posted, presigned])
def test_a_request_that_is_signed_for_one_service_opens_no_other(sign: Callable[[str], HttpRequest], service: str) -> None:
    other = {"ec2": "sts", "sts": "iam", "iam": "ec2"}[service]
    refused = refusal(reworded(f"/{service}/", f"/{other}/")(sign(service)), other)
    assert refused is not None
    assert refused[0] == words(Refusal.MISMATCH, other)


@both_services
@pytest.mark.rule("I15", "I16", "I25", "I37")
@pytest.mark.parametrize(
    ("sign", "late_ms"), [(posted, 901_000), (posted, -901_000), (presigned, 61_000), (presigned, -901_000)]
)
def test_a_request_of_another_time_is_refused(sign: Callable[[str], HttpRequest], late_ms: int, service: str) -> None:
    refused = refusal(sign(service), service, late_ms=late_ms)
    assert refused is not None
    assert refused[0] == words(Refusal.STALE, service)
