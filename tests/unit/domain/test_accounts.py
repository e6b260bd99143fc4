"""Accounts, keys and principals as values."""

import pytest

from isthmus.domain import accounts
from isthmus.domain.accounts import AccessKey, Account, KeyStatus


@pytest.mark.rule("I1", "I3")
def test_the_root_of_an_account_is_named_by_its_digits() -> None:
    principal = accounts.root("111122223333", access_key_id="AKIA", region="eu-west-1", service="sts")
    assert principal.arn == "arn:aws:iam::111122223333:root"
    assert principal.user_id == "111122223333"
    assert (principal.account, principal.kind) == ("111122223333", "root")


@pytest.mark.rule("I1")
def test_an_arn_names_its_partition() -> None:
    principal = accounts.root("1" * 12, access_key_id="", region="cn-north-1", service="ec2", partition="aws-cn")
    assert principal.arn == "arn:aws-cn:iam::111111111111:root"


def test_a_key_shows_neither_secret_nor_token() -> None:
    key = AccessKey("ASIA1", "1" * 12, "hunter2-secret", KeyStatus.ACTIVE, "hunter2-token", 1, 0)
    assert "hunter2" not in repr(key)
    assert "ASIA1" in repr(key)


@pytest.mark.parametrize("row", [Account, AccessKey])
def test_a_stored_row_ends_with_its_place_and_its_version(row: type[Account] | type[AccessKey]) -> None:
    assert row.__struct_fields__[-2:] == ("seq", "version")


@pytest.mark.rule("I7")
def test_a_key_is_active_or_inactive() -> None:
    assert [status.value for status in KeyStatus] == ["Active", "Inactive"]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("000000000000", True),
        ("111122223333", True),
        ("11112222333", False),
        ("1111222233334", False),
        ("²" * 12, False),
    ],
)
def test_an_account_id_is_12_digits(text: str, *, outcome: bool) -> None:
    assert accounts.is_account_id(text) is outcome
