"""Who is calling: both modes, all refusals, in the words of each service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from isthmus.domain.accounts import AccessKey, IssuedKey, KeyStatus
from isthmus.domain.errors import ApiError
from isthmus.gateway import authenticate
from isthmus.gateway.authenticate import EC2_WORDS, FOREIGN_KEY_TEXT, QUERY_WORDS, IdentitySettings, Mode
from isthmus.wire import sigv4
from isthmus.wire.http import HttpRequest
from isthmus.wire.services import EC2

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
ACCOUNT = "111122223333"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
LONG = AccessKey("AKIARTX3XBSEAAAAAAAA", ACCOUNT, SECRET, KeyStatus.ACTIVE, None, None, 0)
SESSION = AccessKey("ASIARTX3XBSEAAAAAAAA", ACCOUNT, SECRET, KeyStatus.ACTIVE, "token/+=", NOW_MS + 3_600_000, 0)
RETIRED = replace(LONG, id="AKIARTX3XBSEBBBBBBBB", status=KeyStatus.INACTIVE)
FOREIGN = "AKIAIOSFODNN7EXAMPLE"

AUTH_FAILURE = ("AuthFailure", "AWS was not able to validate the provided access credentials")
INVALID_TOKEN = ("InvalidClientTokenId", "The security token included in the request is invalid")
MISMATCH = (
    "SignatureDoesNotMatch",
    (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    ),
)


@dataclass
class FakeKeys:
    """A table of access keys."""

    rows: Mapping[str, AccessKey]

    def issued(self, key_id: str) -> IssuedKey | None:
        key = self.rows.get(key_id)
        return None if key is None else IssuedKey(key)


@dataclass
class FakeUnit:
    """A unit of work with three issued keys."""

    access_keys: FakeKeys = field(default_factory=lambda: FakeKeys({key.id: key for key in (LONG, SESSION, RETIRED)}))


def signed(
    key_id: str = LONG.id,
    secret: str = SECRET,
    token: str | None = None,
    *,
    service: str = "ec2",
    region: str = "eu-west-1",
    presign: bool = False,
) -> HttpRequest:
    """A request that botocore signed at NOW."""
    request = AWSRequest("GET", "http://127.0.0.1:4510/?Action=DescribeVpcs&Version=2016-11-15")
    signer = auth.SigV4QueryAuth if presign else auth.SigV4Auth
    with mock.patch.object(auth, "get_current_datetime", return_value=NOW):
        signer(Credentials(key_id, secret, token), service, region).add_auth(request)
    headers = [("host", "127.0.0.1:4510"), *((name.lower(), value) for name, value in request.headers.items())]
    return HttpRequest("GET", "/", urlsplit(request.url).query, tuple(headers), b"", "127.0.0.1", is_loopback=True)


def unsigned(query: str = "Action=DescribeVpcs", *, body: bytes = b"") -> HttpRequest:
    """A request without any signature."""
    return HttpRequest("POST", "/", query, (("host", "localhost"),), body, "127.0.0.1", is_loopback=True)


def outcome(
    http: HttpRequest, mode: Mode = Mode.ENFORCE, *, late_ms: int = 0, service_ms: int = 0, service: str = "ec2"
) -> tuple[str, str]:
    """Account and Region of the principal, or code and text of the refusal."""
    settings = IdentitySettings(mode)
    wall, served = NOW_MS + late_ms, NOW_MS + service_ms
    try:
        principal = authenticate.authenticate(
            http,
            authenticate.see(http, settings.mode),
            FakeUnit(),
            settings,
            wall,
            served,
            sigv4.SigningKeys(),
            service=service,
        )
    except ApiError as error:
        return error.code, error.message
    assert principal.arn == f"arn:aws:iam::{principal.account}:root"
    return principal.account, principal.region


BOTH = pytest.mark.parametrize("mode", list(Mode))
US = (ACCOUNT, "eu-west-1")


@BOTH
@pytest.mark.rule("I11", "I14", "I215", "S104")
@pytest.mark.parametrize("presign", [False, True])
@pytest.mark.parametrize("service", ["ec2", "sts", "iam"])
def test_an_issued_key_acts_as_its_account_in_the_region_of_its_scope(mode: Mode, presign: bool, service: str) -> None:
    assert outcome(signed(service=service, presign=presign), mode) == US


def test_the_principal_says_who_where_and_with_what() -> None:
    http = signed(service="sts", region="cn-north-1")
    settings = IdentitySettings(Mode.ENFORCE)
    found = authenticate.authenticate(
        http, authenticate.see(http, settings.mode), FakeUnit(), settings, NOW_MS, NOW_MS, sigv4.SigningKeys()
    )
    assert found.arn == f"arn:aws-cn:iam::{ACCOUNT}:root"
    assert (found.user_id, found.access_key_id, found.service) == (ACCOUNT, LONG.id, "sts")


@pytest.mark.rule("I6")
@pytest.mark.parametrize("presign", [False, True])
def test_a_temporary_key_with_its_token_is_accepted(presign: bool) -> None:
    assert outcome(signed(SESSION.id, token=SESSION.session_token, presign=presign)) == US


@BOTH
@pytest.mark.rule("I6", "I34")
@pytest.mark.parametrize(
    ("key_id", "token"), [(SESSION.id, None), (SESSION.id, "another"), (SESSION.id, "tökén"), (LONG.id, "token/+=")]
)
def test_a_key_with_another_token_than_its_own_is_an_invalid_credential(mode: Mode, key_id: str, token: str | None) -> None:
    assert outcome(signed(key_id, token=token), mode) == AUTH_FAILURE
    assert outcome(signed(key_id, token=token, service="sts"), mode) == INVALID_TOKEN


@BOTH
@pytest.mark.rule("I32", "S125")
def test_a_wrong_secret_is_refused(mode: Mode) -> None:
    assert outcome(signed(secret="wrong"), mode) == AUTH_FAILURE
    assert outcome(signed(secret="wrong", service="sts"), mode) == MISMATCH
    assert outcome(signed(secret="wrong", service="iam"), mode) == MISMATCH


@pytest.mark.rule("I31", "S125")
@pytest.mark.parametrize("key_id", ["AKIARTX3XBSECCCCCCCC", FOREIGN, ACCOUNT, "test", RETIRED.id])
def test_enforce_knows_only_active_issued_keys(key_id: str) -> None:
    assert outcome(signed(key_id)) == AUTH_FAILURE
    assert outcome(signed(key_id, service="sts")) == INVALID_TOKEN


@pytest.mark.rule("I7")
def test_an_inactive_key_opens_nothing_in_open_mode_either() -> None:
    assert outcome(signed(RETIRED.id), Mode.OPEN) == AUTH_FAILURE


@pytest.mark.rule("I9")
def test_an_unknown_key_is_compared_like_a_wrong_secret_and_refused_even_with_the_dummy() -> None:
    with mock.patch.object(sigv4, "matches", wraps=sigv4.matches) as matches:
        assert outcome(signed("AKIARTX3XBSECCCCCCCC", sigv4.DUMMY_SECRET)) == AUTH_FAILURE
        assert outcome(signed(secret="wrong")) == AUTH_FAILURE
    assert matches.call_count == 2


@pytest.mark.rule("I33", "S126")
@pytest.mark.parametrize(
    ("service_ms", "service", "expected"),
    [
        (3_599_999, "ec2", US),
        (3_600_000, "ec2", ("RequestExpired", "Request has expired.")),
        (3_600_000, "sts", ("ExpiredToken", "The security token included in the request is expired")),
    ],
)
def test_a_session_is_over_by_service_time(service_ms: int, service: str, expected: tuple[str, str]) -> None:
    http = signed(SESSION.id, token=SESSION.session_token, service=service)
    assert outcome(http, service_ms=service_ms) == expected


@pytest.mark.rule("I33")
def test_that_a_session_is_over_is_not_told_to_a_stranger() -> None:
    http = signed(SESSION.id, "wrong", SESSION.session_token)
    assert outcome(http, service_ms=3_600_000) == AUTH_FAILURE


@pytest.mark.rule("I16", "I37", "S126")
@pytest.mark.parametrize("late_ms", [-900_001, 900_001])
def test_a_date_outside_the_window_is_judged_by_the_wall_clock(late_ms: int) -> None:
    assert outcome(signed(), late_ms=late_ms) == ("RequestExpired", "Request has expired.")
    code, text = outcome(signed(service="sts"), late_ms=late_ms)
    assert code == "SignatureDoesNotMatch"
    assert text.startswith("Signature ")
    assert outcome(signed(), service_ms=30 * 86_400_000) == US


@pytest.mark.rule("I35", "S124")
def test_an_unsigned_request_is_refused_by_enforce() -> None:
    expected = ("MissingParameter", "The request must contain the parameter AWSAccessKeyId")
    assert outcome(unsigned()) == expected
    expected = ("MissingAuthenticationToken", "Request is missing Authentication Token")
    assert outcome(unsigned(), service="sts") == expected


@BOTH
@pytest.mark.rule("I36")
@pytest.mark.parametrize("service", ["ec2", "sts"])
def test_garbage_in_the_place_of_a_signature_is_refused_in_both_modes(mode: Mode, service: str) -> None:
    http = replace(unsigned(), headers=(("authorization", "Bearer abc"),))
    assert outcome(http, mode, service=service)[0] == "IncompleteSignature"


@BOTH
@pytest.mark.rule("I13", "I14")
@pytest.mark.parametrize("key_id", [LONG.id, ACCOUNT])
@pytest.mark.parametrize(("service", "code"), [("ec2", "AuthFailure"), ("sts", "SignatureDoesNotMatch")])
def test_an_unknown_region_is_refused_by_its_name(mode: Mode, key_id: str, service: str, code: str) -> None:
    sentence = "Credential should be scoped to a valid Region, not 'mars-north-1'"
    assert outcome(signed(key_id, region="mars-north-1", service=service), mode) == (code, sentence)


@BOTH
@pytest.mark.rule("I13")
def test_an_unknown_service_is_refused_in_the_words_of_the_one_asked_for(mode: Mode) -> None:
    assert outcome(signed(service="s3"), mode) == AUTH_FAILURE
    assert outcome(signed(service="s3"), mode, service="sts") == (
        "SignatureDoesNotMatch",
        "Credential should be scoped to correct service: 'sts'",
    )


@pytest.mark.rule("I213")
@pytest.mark.parametrize("presign", [False, True])
def test_twelve_digits_are_the_account_in_open_mode(presign: bool) -> None:
    http = signed("444455556666", "anything", presign=presign)
    assert outcome(http, Mode.OPEN) == ("444455556666", "eu-west-1")
    assert outcome(http, Mode.OPEN, late_ms=10**9) == ("444455556666", "eu-west-1")


@pytest.mark.rule("I213")
@pytest.mark.parametrize("key_id", ["test", "11112222333", "AKIA", "²" * 12])
def test_anybody_else_is_the_default_account_in_open_mode(key_id: str) -> None:
    assert outcome(signed(key_id), Mode.OPEN) == ("000000000000", "eu-west-1")


@pytest.mark.rule("I213")
def test_nobody_is_the_default_account_in_the_default_region_in_open_mode() -> None:
    assert outcome(unsigned(), Mode.OPEN) == ("000000000000", "us-east-1")


@pytest.mark.rule("I214")
@pytest.mark.parametrize("key_id", [FOREIGN, "ASIAIOSFODNN7EXAMPLE", "AKIARTX3XBSECCCCCCCC"])
def test_open_mode_refuses_what_looks_like_real_credentials_and_says_so(key_id: str) -> None:
    assert outcome(signed(key_id), Mode.OPEN) == ("AuthFailure", FOREIGN_KEY_TEXT)
    assert outcome(signed(key_id, service="sts"), Mode.OPEN) == ("InvalidClientTokenId", FOREIGN_KEY_TEXT)


OLD = f"SignatureVersion=2&SignatureMethod=HmacSHA256&Signature=abc&AWSAccessKeyId={LONG.id}"


@BOTH
@pytest.mark.rule("I43")
@pytest.mark.parametrize("http", [unsigned(OLD), unsigned("", body=OLD.encode())])
def test_signature_version_2_of_an_issued_key_is_not_believed(mode: Mode, http: HttpRequest) -> None:
    assert outcome(http, mode) == AUTH_FAILURE


@pytest.mark.rule("I43", "I214")
def test_aws_access_key_id_names_the_account_in_open_mode_only() -> None:
    assert outcome(unsigned("AWSAccessKeyId=444455556666"), Mode.OPEN) == ("444455556666", "us-east-1")
    assert outcome(unsigned("A=1&AWSAccessKeyId=test"), Mode.OPEN) == ("000000000000", "us-east-1")
    assert outcome(unsigned(f"AWSAccessKeyId={FOREIGN}"), Mode.OPEN) == ("AuthFailure", FOREIGN_KEY_TEXT)
    assert outcome(unsigned("AWSAccessKeyId=444455556666")) == AUTH_FAILURE


def test_both_vocabularies_have_words_for_every_refusal() -> None:
    assert EC2_WORDS.keys() == QUERY_WORDS.keys() == set(sigv4.Refusal)


@pytest.mark.rule("S104")
@pytest.mark.parametrize(
    ("http", "service"),
    [
        (signed(service="sts"), "sts"),
        (signed(service="iam", presign=True), "iam"),
        (signed(service="rds"), "rds"),
        (signed(service="no/service"), "ec2"),
        (signed(service="EC2"), "ec2"),
        (unsigned(), "ec2"),
        (replace(unsigned(), headers=(("authorization", "x"),)), "ec2"),
    ],
)
def test_a_refusal_is_answered_by_the_service_of_the_scope(http: HttpRequest, service: str) -> None:
    assert authenticate.service_of(authenticate.see(http, Mode.ENFORCE), EC2).name == service


def test_a_service_that_is_not_spoken_here_answers_in_the_query_protocol() -> None:
    rds = authenticate.service_of(authenticate.see(signed(service="rds"), Mode.ENFORCE), EC2)
    assert (rds.protocol, rds.namespace(rds.version)) == ("query", "https://rds.amazonaws.com/doc/")


@pytest.mark.rule("I27")
def test_a_retry_with_the_same_signature_is_accepted() -> None:
    http, keys, settings = signed(), sigv4.SigningKeys(), IdentitySettings(Mode.ENFORCE)
    first = authenticate.authenticate(
        http, authenticate.see(http, settings.mode), FakeUnit(), settings, NOW_MS, NOW_MS, keys
    )
    assert (
        authenticate.authenticate(
            http, authenticate.see(http, settings.mode), FakeUnit(), settings, NOW_MS + 1000, NOW_MS, keys
        )
        == first
    )
