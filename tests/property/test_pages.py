"""Laws of the tokens that continue a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain.errors import ApiError
from isthmus.domain.pages import decode_token, encode_token

secrets = st.binary(min_size=1, max_size=32)
scopes = st.text(max_size=20)
places = st.integers(0, 2**64 - 1)


@given(secrets, scopes, places)
def test_a_token_leads_back_to_its_place(secret: bytes, scope: str, seq: int) -> None:
    assert decode_token(secret, scope, encode_token(secret, scope, seq)) == seq


@given(scopes, scopes, places)
def test_a_token_is_good_for_its_own_list_only(scope: str, other: str, seq: int) -> None:
    token = encode_token(b"secret", scope, seq)
    if scope == other:
        assert decode_token(b"secret", other, token) == seq
    else:
        with pytest.raises(ApiError):
            decode_token(b"secret", other, token)


@given(st.text(max_size=40))
def test_a_text_made_up_is_refused_and_never_breaks_anything(text: str) -> None:
    with pytest.raises(ApiError):
        decode_token(b"secret", "vpc", text)
