"""Access key ids carry their account, both ways."""

import re
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain import access_keys

accounts = st.integers(0, 10**12 - 1).map("{:012d}".format)
entropies = st.binary(min_size=5, max_size=5)


@pytest.mark.rule("I4")
@given(st.sampled_from(access_keys.PREFIXES), accounts, entropies)
def test_an_id_gives_back_the_account_it_was_made_for(prefix: str, account: str, entropy: bytes) -> None:
    assert access_keys.account_of(access_keys.make(prefix, account, entropy)) == account


@pytest.mark.rule("I2")
@given(st.sampled_from(access_keys.PREFIXES), accounts, entropies)
def test_an_id_is_its_prefix_and_16_characters_of_base32(prefix: str, account: str, entropy: bytes) -> None:
    key_id = access_keys.make(prefix, account, entropy)
    assert re.fullmatch(prefix + "[A-Z2-7]{16}", key_id)
    assert access_keys.looks_issued(key_id)


@pytest.mark.rule("I4")
def test_the_recorded_beginning_of_an_id_is_that_of_its_account() -> None:
    assert access_keys.make("AKIA", "111122223333", bytes(5)).startswith("AKIARTX3")
    assert access_keys.account_of("AKIARTX3GSDSQAAAAAAA") == "111122223333"
    assert access_keys.account_of("ASIARTX3GSDS77777777") == "111122223333"


@given(accounts, entropies, entropies)
def test_other_entropy_gives_another_id(account: str, one: bytes, other: bytes) -> None:
    same = one[1:] == other[1:] and one[0] & 0x7F == other[0] & 0x7F  # 39 bits of chance fit
    assert (access_keys.make("AKIA", account, one) == access_keys.make("AKIA", account, other)) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AKIA",
        "111122223333",
        "AKIARTX3XBSEAAAAAAA",
        "AKIARTX3XBSEAAAAAAAAA",
        "AIDARTX3XBSEAAAAAAAA",
        "AKIA0000000000000000",
        "akiartx3xbseaaaaaaaa",
        "AKIA7777777777777777",
        "AKIA===============A",
        "AKIA" + "é" * 16,
    ],
)
def test_what_carries_no_account_is_no_access_key_id(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        access_keys.account_of(text)


@pytest.mark.rule("I214")
@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("AKIAIOSFODNN7EXAMPLE", True),
        ("ASIAIOSFODNN7EXAMPLE", True),
        ("AKIA1234567890123456", False),
        ("akiaiosfodnn7example", False),
        ("AKIAIOSFODNN7EXAMPL", False),
        ("AIDAIOSFODNN7EXAMPLE", False),
        ("AKIA_test_key_for_us", False),
        ("111122223333", False),
        ("test", False),
        ("", False),
    ],
)
def test_a_key_id_of_the_real_form_is_told_from_a_made_up_one(text: str, *, outcome: bool) -> None:
    assert access_keys.looks_issued(text) is outcome


@pytest.mark.rule("I5")
@given(st.binary(min_size=30, max_size=30))
def test_a_secret_is_40_characters_of_its_alphabet(entropy: bytes) -> None:
    assert re.fullmatch("[A-Za-z0-9/+]{40}", access_keys.secret(entropy))


@given(st.binary(min_size=30, max_size=30), st.binary(min_size=30, max_size=30))
def test_a_secret_keeps_all_of_its_entropy(one: bytes, other: bytes) -> None:
    assert (access_keys.secret(one) == access_keys.secret(other)) == (one == other)


@pytest.mark.rule("I5")
@given(st.binary(min_size=48, max_size=48), st.integers(0, 4_096))
def test_a_token_is_as_long_as_was_asked_for_and_begins_with_what_nobody_can_guess(entropy: bytes, length: int) -> None:
    token = access_keys.session_token(entropy, length)
    assert len(token) == max(length, access_keys.TOKEN_LENGTH)
    assert b64decode(token[:64]) == entropy
    assert re.fullmatch("[A-Za-z0-9/+]+", token)
