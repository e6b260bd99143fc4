"""A sealed message is read by whoever has the secret, and is no message once anything of it was changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.actions.authorization.sealing import Sealed, seal, unseal

ACCOUNT = "012345678901"
SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.mark.rule("I158")
@given(
    secret=st.binary(min_size=1, max_size=64),
    account=st.text("0123456789", min_size=12, max_size=12),
    message=st.binary(max_size=400),
)
def test_what_was_sealed_is_what_is_read(secret: bytes, account: str, message: bytes) -> None:
    assert unseal(secret, seal(secret, Sealed(account, message))) == (account, message)


@pytest.mark.rule("I161")
@given(message=st.binary(max_size=200), place=st.integers(0, 10_000), letter=st.sampled_from("ABZaz09-_"))
def test_a_changed_letter_is_noticed(message: bytes, place: int, letter: str) -> None:
    text = seal(SECRET, Sealed(ACCOUNT, message))
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    if changed == text:
        return
    try:
        read = unseal(SECRET, changed)
    except ValueError:
        return
    # The last letter may have bits that stand for nothing.
    assert (place, read) == (len(text) - 1, Sealed(ACCOUNT, message))


@pytest.mark.rule("I161")
@pytest.mark.parametrize("text", ["", "A", "AQ", "A" * 50, "A" * 51, "\u00e9", "AB.C", "AB+C", "AB/C", "AB C", "AB=="])
def test_another_text_was_not_sealed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unseal(SECRET, text)


@pytest.mark.rule("I161")
def test_another_secret_reads_nothing() -> None:
    with pytest.raises(ValueError, match="not sealed here"):
        unseal(b"another", seal(SECRET, Sealed(ACCOUNT, b"a message")))


def test_no_word_of_the_message_can_be_seen_and_the_same_message_is_sealed_alike() -> None:
    message = b"a secret of some length, over and over. " * 10
    text = seal(SECRET, Sealed(ACCOUNT, message))
    assert text == seal(SECRET, Sealed(ACCOUNT, message))
    other = seal(SECRET, Sealed(ACCOUNT, message[:-1] + b"!"))
    assert text[8:60] != other[8:60]
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_accounts_do_not_share_messages() -> None:
    one, other = (seal(SECRET, Sealed(account, b"the same")) for account in (ACCOUNT, "999999999999"))
    assert one[8:] != other[8:]
