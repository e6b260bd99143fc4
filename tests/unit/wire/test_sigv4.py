"""Signature Version 4 on the server's side: which claims are read, and which are refused before any secret is asked."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from unittest import mock
from urllib.parse import urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from isthmus.wire import sigv4
from isthmus.wire.http import HttpRequest
from isthmus.wire.sigv4 import Refusal, Refused

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
KEY_ID, SECRET = "AKIARTX3EXAMPLEKEY22", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BODY = b"Action=DescribeVpcs&Version=2016-11-15"
WINDOW_MS = 900_000


def post(headers: Mapping[str, str] | None = None, *, body: bytes = BODY, token: str | None = None) -> HttpRequest:
    """A POST that botocore signed at NOW, with these headers among the signed ones."""
    request = AWSRequest("POST", "http://127.0.0.1:4510/", headers=headers, data=body)
    with mock.patch.object(auth, "get_current_datetime", return_value=NOW):
        auth.SigV4Auth(Credentials(KEY_ID, SECRET, token), "ec2", "us-east-1").add_auth(request)
    received = [("host", "127.0.0.1:4510"), *((name.lower(), value) for name, value in request.headers.items())]
    return HttpRequest("POST", "/", "", tuple(received), body, "127.0.0.1", is_loopback=True)


def presigned(
    *, expires: object = 60, token: str | None = None, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> HttpRequest:
    """A request that botocore presigned at NOW."""
    url = "http://127.0.0.1:4510/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method, url, headers=headers)
    signer = auth.SigV4QueryAuth(Credentials(KEY_ID, SECRET, token), "sts", "us-east-1", expires=expires)
    with mock.patch.object(auth, "get_current_datetime", return_value=NOW):
        signer.add_auth(request)
    received = [("host", "127.0.0.1:4510"), *((name.lower(), value) for name, value in request.headers.items())]
    return HttpRequest(method, "/", urlsplit(request.url).query, tuple(received), b"", "127.0.0.1", is_loopback=True)


def with_header(http: HttpRequest, name: str, value: str | None) -> HttpRequest:
    """The request with that header instead of its own, at the end; without it for None."""
    rest = tuple(pair for pair in http.headers if pair[0] != name)
    return replace(http, headers=rest if value is None else (*rest, (name, value)))


def verdict(http: HttpRequest, *, late_ms: int = 0, secret: str = SECRET) -> str:
    """ "ok", "unsigned", or the reason of the refusal, `late_ms` after signing."""
    try:
        claim = sigv4.parse(http)
        if claim is None:
            return "unsigned"
        sigv4.check(claim, NOW_MS + late_ms)
        text = sigv4.text_to_sign(claim, http)
    except Refused as refused:
        return refused.reason.value
    return "ok" if sigv4.matches(claim, text, secret, sigv4.SigningKeys()) else Refusal.MISMATCH.value


def detail_of(http: HttpRequest, *, late_ms: int = 0) -> str:
    """The sentence of the refusal."""
    try:
        claim = sigv4.parse(http)
        assert claim is not None
        sigv4.check(claim, NOW_MS + late_ms)
        sigv4.text_to_sign(claim, http)
    except Refused as refused:
        return refused.detail
    pytest.fail("it was not refused")


def reworded(http: HttpRequest, old: str, new: str) -> HttpRequest:
    """The request with that part of its Authorization header exchanged."""
    authorization = http.header("authorization")
    assert authorization is not None
    assert old in authorization
    return with_header(http, "authorization", authorization.replace(old, new))


@pytest.mark.rule("I11", "I12")
def test_both_forms_are_verified() -> None:
    assert verdict(post()) == "ok"
    assert verdict(presigned()) == "ok"


@pytest.mark.rule("I11")
@pytest.mark.parametrize(("old", "new"), [(", ", ","), (", ", ",   "), ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256   ")])
def test_spaces_between_the_fields_of_authorization_are_optional(old: str, new: str) -> None:
    assert verdict(reworded(post(), old, new)) == "ok"


@pytest.mark.rule("I12")
def test_the_published_key_derivation_example_comes_out() -> None:
    # From the documentation of Signature Version 4, "Deriving the signing key".
    key = sigv4.signing_key(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_a_request_without_any_signature_has_no_claim() -> None:
    assert verdict(HttpRequest("GET", "/", "Action=DescribeVpcs", (), b"", "127.0.0.1", is_loopback=True)) == "unsigned"


@pytest.mark.rule("I11")
def test_both_forms_at_once_are_malformed() -> None:
    assert verdict(replace(post(), query=presigned().query)) == "malformed"
    assert verdict(replace(post(), query="X-Amz-Security-Token=t")) == "malformed"


@pytest.mark.rule("I11")
@pytest.mark.parametrize("name", sorted(sigv4.QUERY_PARAMETERS))
def test_a_query_parameter_of_the_signature_given_twice_is_malformed(name: str) -> None:
    http = presigned(token="t")
    value = next(pair.partition("=")[2] for pair in http.query.split("&") if pair.startswith(name))
    assert verdict(replace(http, query=f"{http.query}&{name}={value}")) == "malformed"
    assert verdict(replace(http, query=f"{http.query}&{name.replace('-', '%2D')}={value}")) == "malformed"


@pytest.mark.rule("I11")
@pytest.mark.parametrize("name", sigv4.REQUIRED_QUERY_PARAMETERS)
def test_a_query_parameter_of_the_signature_left_out_is_malformed_and_named(name: str) -> None:
    http = presigned()
    kept = "&".join(pair for pair in http.query.split("&") if not pair.startswith(f"{name}="))
    assert verdict(replace(http, query=kept)) == "malformed"
    assert f"'{name}'" in detail_of(replace(http, query=kept))


@pytest.mark.rule("I11")
def test_a_query_of_another_algorithm_is_malformed() -> None:
    http = presigned()
    assert verdict(replace(http, query=http.query.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"))) == "malformed"


@pytest.mark.rule("I11")
def test_a_second_authorization_header_is_malformed() -> None:
    http = post()
    authorization = http.header("authorization")
    assert authorization is not None
    assert verdict(replace(http, headers=(*http.headers, ("authorization", authorization)))) == "malformed"


@pytest.mark.rule("I36")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic dXNlcjpwYXNz",
        "AWS AKIARTX3EXAMPLEKEY22:c2lnbmF0dXJl",
        "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/20260102/us-east-1/ec2/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a/20260102/us-east-1/ec2, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=/20260102/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/b/20260102/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=a/1/2/3/4, SignedHeaders=host, Signature=00, Extra=1",
        "AWS4-HMAC-SHA256 Credential=a/1/2/3/4, SignedHeaders=host, SignedHeaders=host, Signature=00",
    ],
)
def test_an_authorization_header_that_cannot_be_read_is_malformed(value: str) -> None:
    assert verdict(with_header(post(), "authorization", value)) == "malformed"


@pytest.mark.rule("I36")
def test_every_field_that_authorization_lacks_is_named() -> None:
    assert detail_of(with_header(post(), "authorization", "AWS4-HMAC-SHA256 Signature=0")) == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders' parameter."
    )


@pytest.mark.rule("I11")
@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: text + "0", lambda _: "é" * 64])
def test_a_signature_is_64_hexadecimal_digits(change: object) -> None:
    assert callable(change)
    http = post()
    claim = sigv4.parse(http)
    assert claim is not None
    assert verdict(reworded(http, claim.signature, change(claim.signature))) == "malformed"


@pytest.mark.rule("I13")
@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "/20260102/",
            "/20260103/",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ),
        ("/aws4_request", "/aws5_request", "Credential should be scoped with a valid terminator: 'aws4_request'"),
    ],
)
def test_a_scope_of_another_date_or_terminator_is_refused_in_its_own_words(old: str, new: str, text: str) -> None:
    http = reworded(post(), old, new)
    assert verdict(http) == "scope"
    assert detail_of(http) == text


@pytest.mark.rule("I15")
@pytest.mark.parametrize(
    ("late_ms", "outcome"),
    [(WINDOW_MS, "ok"), (WINDOW_MS + 1, "stale"), (-WINDOW_MS, "ok"), (-WINDOW_MS - 1, "stale")],
)
def test_the_header_form_is_good_for_fifteen_minutes_both_ways(late_ms: int, outcome: str) -> None:
    assert verdict(post(), late_ms=late_ms) == outcome


@pytest.mark.rule("I15")
def test_a_stale_date_names_the_window() -> None:
    assert detail_of(post(), late_ms=WINDOW_MS + 1000) == (
        "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T031906Z - 15 min.)"
    )
    assert detail_of(post(), late_ms=-WINDOW_MS - 1000) == (
        "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T024904Z + 15 min.)"
    )


@pytest.mark.rule("I15")
def test_the_window_is_a_setting() -> None:
    claim = sigv4.parse(post())
    assert claim is not None
    sigv4.check(claim, NOW_MS + 300_000, window_seconds=300)
    with pytest.raises(Refused, match=r"- 5 min\."):
        sigv4.check(claim, NOW_MS + 300_001, window_seconds=300)


@pytest.mark.rule("I15")
@pytest.mark.parametrize("date", ["Fri, 02 Jan 2026 03:04:05 GMT", "20260102T030405Z"])
def test_the_date_header_serves_where_x_amz_date_is_absent(date: str) -> None:
    request = AWSRequest("POST", "http://127.0.0.1:4510/", headers={"Date": date}, data=BODY)
    signer = auth.SigV4Auth(Credentials(KEY_ID, SECRET), "ec2", "us-east-1")
    request.context["timestamp"] = "20260102T030405Z"
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, signature)
    received = [("host", "127.0.0.1:4510"), *((name.lower(), value) for name, value in request.headers.items())]
    http = HttpRequest("POST", "/", "", tuple(received), BODY, "127.0.0.1", is_loopback=True)
    assert verdict(http) == "ok"
    assert verdict(http, late_ms=WINDOW_MS + 1) == "stale"


@pytest.mark.rule("I15")
@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "2026-01-02T03:04:05Z",
        "20260102T030405",
        "20260102T030405+0000",
        "20261302T030405Z",
        "20260102T030499Z",
        "2026010²T030405Z",
        "20260102T030405Z,20260102T030405Z",
    ],
)
@pytest.mark.parametrize("header", ["x-amz-date", "date"])
def test_what_is_no_date_is_malformed(date: str, header: str) -> None:
    assert verdict(with_header(with_header(post(), "x-amz-date", None), header, date)) == "malformed"


@pytest.mark.rule("I15")
def test_a_signed_request_needs_a_date() -> None:
    assert verdict(with_header(post(), "x-amz-date", None)) == "malformed"


@pytest.mark.rule("I25")
@pytest.mark.parametrize(
    ("late_ms", "outcome"),
    [(60_000, "ok"), (60_001, "stale"), (-WINDOW_MS, "ok"), (-WINDOW_MS - 1, "stale")],
)
def test_a_presigned_request_lives_as_long_as_it_says(late_ms: int, outcome: str) -> None:
    assert verdict(presigned(expires=60), late_ms=late_ms) == outcome


@pytest.mark.rule("I25")
def test_a_presigned_request_may_outlive_the_window_by_a_week() -> None:
    assert verdict(presigned(expires=604_800), late_ms=604_800_000) == "ok"
    assert verdict(presigned(expires=604_800), late_ms=604_800_001) == "stale"


@pytest.mark.rule("I25")
@pytest.mark.parametrize("expires", [0, -1, 604_801, 9_999_999, "60.5", "+60", "1e3", "²", "x"])
def test_an_unheard_of_lifetime_is_malformed(expires: object) -> None:
    assert verdict(presigned(expires=expires)) == "malformed"


@pytest.mark.rule("I25")
def test_a_presigned_body_counts() -> None:
    assert verdict(presigned(method="POST")) == "ok"
    assert verdict(replace(presigned(method="POST"), body=b"Action=DeleteVpc")) == "mismatch"


@pytest.mark.rule("I26")
def test_a_presigned_identity_proof_may_sign_headers_of_its_own() -> None:
    http = presigned(headers={"x-k8s-aws-id": "my-cluster"})
    assert verdict(http) == "ok"
    assert verdict(with_header(http, "x-k8s-aws-id", "another")) == "mismatch"


@pytest.mark.rule("I17")
def test_host_must_be_signed() -> None:
    assert verdict(reworded(post(), "host;", "")) == "mismatch"
    assert "'Host'" in detail_of(reworded(post(), "host;", ""))


@pytest.mark.rule("I17", "I18")
@pytest.mark.parametrize("name", ["x-amz-date", "x-amz-security-token", "x-amz-anything"])
def test_a_header_of_the_x_amz_family_must_be_signed(name: str) -> None:
    http = post({"X-Amz-Anything": "1"}, token="t")
    assert verdict(http) == "ok"
    assert verdict(reworded(http, f";{name}", "")) == "mismatch"


@pytest.mark.rule("I17")
@pytest.mark.parametrize("names", ["x-amz-date;host", "host;host;x-amz-date", "Host;x-amz-date", "host;;x-amz-date", ""])
def test_the_list_of_signed_headers_is_sorted_lower_case_and_without_repetition(names: str) -> None:
    assert verdict(reworded(post(), "SignedHeaders=host;x-amz-date", f"SignedHeaders={names}")) in {
        "mismatch",
        "malformed",
    }


@pytest.mark.rule("I17")
def test_a_listed_header_must_be_there() -> None:
    assert verdict(with_header(post({"Accept": "*/*"}), "accept", None)) == "mismatch"


@pytest.mark.rule("I28")
@pytest.mark.parametrize(("count", "outcome"), [(62, "ok"), (63, "malformed")])
def test_at_most_64_headers_can_be_signed(count: int, outcome: str) -> None:
    assert verdict(post({f"h{number:02d}": "v" for number in range(count)})) == outcome  # and host, and x-amz-date


@pytest.mark.rule("I19")
def test_headers_of_one_name_are_joined_in_the_order_received() -> None:
    http = post({"accept": "a b,c"})
    first, second = (("accept", " a   b "), ("accept", "c"))
    rest = with_header(http, "accept", None)
    assert verdict(replace(rest, headers=(first, *rest.headers, second))) == "ok"
    assert verdict(replace(rest, headers=(second, *rest.headers, first))) == "mismatch"


@pytest.mark.rule("I19", "I20")
def test_a_header_may_be_empty_or_one_that_proxies_touch() -> None:
    assert verdict(post({"Accept": "", "Content-Length": str(len(BODY)), "Accept-Encoding": "identity"})) == "ok"


@pytest.mark.rule("I19")
def test_host_counts_with_its_port() -> None:
    assert verdict(with_header(post(), "host", "127.0.0.1")) == "mismatch"


@pytest.mark.rule("I21")
@pytest.mark.parametrize(
    ("path", "canonical"),
    [("", "/"), ("//", "/"), ("/a/./b/../c//", "/a/c/"), ("/..", "/"), ("/a%20b", "/a%2520b"), ("/~x", "/~x")],
)
def test_the_canonical_path_is_normalised_and_encoded_once_more(path: str, canonical: str) -> None:
    assert sigv4.canonical_path(path) == canonical


@pytest.mark.rule("I22")
@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a", "a="),
        ("a=2&a=1&a=2", "a=1&a=2&a=2"),
        ("a=b+c", "a=b%2Bc"),
        ("a=%7e%2f", "a=~%2F"),
        ("a=b=c", "a=b%3Dc"),
        ("A=1&a-b=1&a=1", "A=1&a=1&a-b=1"),
    ],
)
def test_the_canonical_query_is_decoded_encoded_and_sorted(query: str, canonical: str) -> None:
    assert sigv4.canonical_query(sigv4.canonical_pairs(query)) == canonical


@pytest.mark.rule("I24")
def test_a_declared_payload_hash_must_be_true() -> None:
    assert verdict(post({"X-Amz-Content-SHA256": sha256(BODY).hexdigest()})) == "ok"
    assert verdict(post({"X-Amz-Content-SHA256": sha256(b"").hexdigest()})) == "mismatch"


@pytest.mark.rule("I24")
@pytest.mark.parametrize("declared", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"])
def test_a_body_that_is_not_signed_is_refused(declared: str) -> None:
    assert verdict(post({"X-Amz-Content-SHA256": declared})) == "mismatch"


@pytest.mark.rule("I24")
def test_a_swapped_body_is_refused() -> None:
    assert verdict(replace(post(), body=b"Action=DeleteVpc&VpcId=vpc-1")) == "mismatch"


@pytest.mark.rule("I11")
def test_a_session_token_comes_from_the_form_that_is_signed() -> None:
    in_header, in_query = sigv4.parse(post(token="t/+=")), sigv4.parse(presigned(token="t/+="))
    assert in_header is not None
    assert in_query is not None
    assert in_header.session_token == in_query.session_token == "t/+="
    assert verdict(with_header(presigned(token="t"), "x-amz-security-token", "t")) == "malformed"


def test_signing_keys_are_kept_per_key_date_region_and_service_and_bounded() -> None:
    keys = sigv4.SigningKeys(limit=2)
    claim = sigv4.parse(post())
    assert claim is not None
    first = keys.sign(claim, SECRET, b"text")
    assert first == hmac.new(sigv4.signing_key(SECRET.encode(), *claim[1:4]), b"text", "sha256").hexdigest()
    with mock.patch.object(sigv4, "signing_key", side_effect=AssertionError):
        assert keys.sign(claim, SECRET, b"text") == first
        assert keys.sign(claim, SECRET, b"another") != first
    for region in ("eu-west-1", "eu-west-2"):
        assert keys.sign(claim._replace(region=region), SECRET, b"text") != first
        assert len(keys) <= 2
    with mock.patch.object(sigv4, "signing_key", return_value=b"derived again"):
        assert keys.sign(claim, SECRET, b"text") == hmac.new(b"derived again", b"text", "sha256").hexdigest()


def test_where_there_are_too_many_keys_the_oldest_goes() -> None:
    keys = sigv4.SigningKeys(limit=2)
    claim = sigv4.parse(post())
    assert claim is not None
    later = claim._replace(region="eu-west-1")
    for each in (claim, later, claim._replace(region="eu-west-2")):
        keys.sign(each, SECRET, b"text")
    with mock.patch.object(sigv4, "signing_key", return_value=b"derived again") as derive:
        keys.sign(later, SECRET, b"text")
        assert not derive.called
        keys.sign(claim, SECRET, b"text")
        assert derive.called


def test_a_new_secret_of_the_same_key_id_is_not_verified_with_the_old_one() -> None:
    keys = sigv4.SigningKeys()
    http = post()
    claim = sigv4.parse(http)
    assert claim is not None
    text = sigv4.text_to_sign(claim, http)
    assert sigv4.matches(claim, text, SECRET, keys)
    assert not sigv4.matches(claim, text, "rotated", keys)
    assert sigv4.matches(claim, text, SECRET, keys)
