"""What botocore signs we verify, whatever it signs; and nothing that differs from it by a byte."""

import re
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from isthmus.wire import sigv4
from isthmus.wire.http import HttpRequest

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
KEY_ID, SECRET = "AKIARTX3EXAMPLEKEY22", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
forms = st.dictionaries(texts.filter(bool), texts, max_size=5)
# What a client can put in a header field, blanks inside and around included (a raw UTF-8 byte may be A0 or 85).
header_values = st.text(st.sampled_from("abcXYZ019 \t,;=/à…é~"), max_size=16)
header_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,11}", fullmatch=True).filter(
    lambda name: (
        name.lower() not in {"host", "date", "authorization", *auth.SIGNED_HEADERS_BLACKLIST}
        and not name.lower().startswith("x-amz-")
    )
)
paths = st.lists(st.sampled_from(["", ".", "..", "a", "b c", "~x", "%41", "é"]), max_size=5).map(
    lambda parts: "/" + "/".join(quote(part, safe="%~") for part in parts)
)
credentials = st.builds(
    Credentials,
    st.just(KEY_ID),
    st.just(SECRET),
    st.none() | st.text(st.sampled_from("abcXYZ019+/="), min_size=1, max_size=60),
)


@st.composite
def signed(draw: st.DrawFn, signer: type[auth.SigV4Auth] | None = None) -> HttpRequest:
    """A request signed by botocore in its header or its query form, as it arrives here."""
    method = draw(st.sampled_from(["GET", "POST"]))
    query = urlencode(draw(forms), quote_via=quote, safe="-._~")
    headers = draw(st.dictionaries(header_names, header_values, max_size=4))
    port = draw(st.sampled_from(["", ":4510"]))
    url = f"http://127.0.0.1{port}{draw(paths)}" + (f"?{query}" if query else "")
    chosen = signer or draw(st.sampled_from([auth.SigV4Auth, auth.SigV4QueryAuth]))
    form = draw(forms) if method == "POST" else {}  # which the presigner moves into the query
    request = AWSRequest(method, url, headers=headers, data=urlencode(form).encode() if chosen is auth.SigV4Auth else form)
    with mock.patch.object(auth, "get_current_datetime", return_value=NOW):
        chosen(draw(credentials), draw(st.sampled_from(["ec2", "sts"])), "eu-west-1").add_auth(request)
    return arrived(request)


def arrived(request: AWSRequest) -> HttpRequest:
    """The request as the network edge would hand it in: bytes, read as Latin-1."""
    url = urlsplit(request.url)
    prepared: Any = request.prepare()
    headers = [("host", url.netloc)]
    headers += [(name.lower(), value.encode().decode("latin-1").strip(" \t")) for name, value in request.headers.items()]
    body = prepared.body or b""
    return HttpRequest(request.method, url.path, url.query, tuple(headers), body, "127.0.0.1", is_loopback=True)


def is_ours(http: HttpRequest, secret: str = SECRET) -> bool:
    """Whether the whole way says yes."""
    try:
        claim = sigv4.parse(http)
        if claim is None or claim.access_key_id != KEY_ID:  # the key id is not signed: another one is another secret
            return False
        sigv4.check(claim, NOW_MS)
        text = sigv4.text_to_sign(claim, http)
    except sigv4.Refused:
        return False
    return sigv4.matches(claim, text, secret, sigv4.SigningKeys())


@pytest.mark.rule("I11", "I12", "I19", "I21", "I22", "I23", "I25")
@given(signed())
def test_what_botocore_signs_is_verified(http: HttpRequest) -> None:
    assert is_ours(http)
    assert not is_ours(http, SECRET.swapcase())


def flipped(data: st.DataObject, raw: bytes) -> bytes:
    """The bytes with one bit of one of them turned over."""
    place = data.draw(st.integers(0, len(raw) - 1))
    return raw[:place] + bytes([raw[place] ^ (1 << data.draw(st.integers(0, 7)))]) + raw[place + 1 :]


@pytest.mark.rule("I12", "I24")
@given(signed(), st.data())
def test_a_turned_bit_in_the_body_is_refused(http: HttpRequest, data: st.DataObject) -> None:
    body = flipped(data, http.body) if http.body else b"Action=DeleteVpc"
    assert not is_ours(replace(http, body=body))


@pytest.mark.rule("I12", "I17")
@given(signed(auth.SigV4Auth), st.data())
def test_a_turned_bit_in_a_signed_header_is_refused_unless_it_means_the_same(http: HttpRequest, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([i for i, (_, value) in enumerate(http.headers) if value]))
    name, value = http.headers[place]
    turned = flipped(data, value.encode("latin-1")).decode("latin-1")
    changed = replace(http, headers=(*http.headers[:place], (name, turned), *http.headers[place + 1 :]))
    same = name != "authorization" and re.split("[ \t]+", turned.strip(" \t")) == re.split("[ \t]+", value.strip(" \t"))
    assert is_ours(changed) == same  # only one blank for another means the same (I19)


@pytest.mark.rule("I12", "I22")
@given(signed(auth.SigV4QueryAuth), st.data())
def test_a_turned_bit_in_a_presigned_query_is_refused_unless_it_means_the_same(
    http: HttpRequest, data: st.DataObject
) -> None:
    turned = flipped(data, http.query.encode("latin-1")).decode("latin-1")
    same = sorted(sigv4.canonical_pairs(turned)) == sorted(sigv4.canonical_pairs(http.query))
    assert is_ours(replace(http, query=turned)) == same


@pytest.mark.rule("I22")
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6), st.randoms())
def test_the_order_of_a_query_and_the_spelling_of_its_percents_do_not_matter(
    pairs: list[tuple[str, str]], random: Any
) -> None:
    encoded = [f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in pairs]
    shuffled = ["".join(f"%{byte:02x}" for byte in text.encode()) for pair in pairs for text in pair]
    spelt = [f"{name}={value}" for name, value in zip(shuffled[::2], shuffled[1::2], strict=True)]
    random.shuffle(spelt)
    canonical = sigv4.canonical_query(sigv4.canonical_pairs("&".join(spelt)))
    request = AWSRequest("GET", "http://localhost/?" + "&".join(encoded))
    oracle = auth.SigV4Auth(None, "ec2", "us-east-1").canonical_query_string(request)
    assert sorted(canonical.split("&")) == sorted(oracle.split("&"))


@given(st.text(max_size=120), st.text(max_size=120))
def test_no_text_in_the_place_of_a_signature_breaks_the_reader(authorization: str, query: str) -> None:
    latin = authorization.encode().decode("latin-1")
    headers = (("host", "localhost"), ("x-amz-date", latin), ("authorization", f"{sigv4.ALGORITHM} {latin}"))
    raw_query = query.encode().decode("latin-1")
    presigned = f"{raw_query}&" + "&".join(f"{name}={raw_query}" for name in sigv4.REQUIRED_QUERY_PARAMETERS)
    assert not is_ours(HttpRequest("GET", "/", raw_query, headers, b"", "127.0.0.1", is_loopback=True))
    assert not is_ours(HttpRequest("GET", "/", presigned, headers[:1], b"", "127.0.0.1", is_loopback=True))
