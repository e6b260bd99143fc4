"""Accounts, keys and principals as values."""

import pytest
from msgspec.structs import replace

from isthmus.domain import accounts
from isthmus.domain.accounts import AccessKey, Account, IssuedKey, KeyStatus, Session


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


KEY = AccessKey("ASIARTX3XBSEAAAAAAAA", "1" * 12, "s", KeyStatus.ACTIVE, "t", 9, 5, "AROA1")


@pytest.mark.rule("I1", "I3")
@pytest.mark.parametrize(
    ("holder_id", "resource", "kind", "arn", "user_id"),
    [
        ("", "root", "", "iam::111111111111:root", "1" * 12),
        ("AIDA1", "user/ops/ada", "", "iam::111111111111:user/ops/ada", "AIDA1"),
        ("AROA1", "role/ops/net", "assumed-role", "sts::111111111111:assumed-role/net/work", "AROA1:work"),
        ("AIDA1", "user/ops/ada", "federated-user", "sts::111111111111:federated-user/work", "111111111111:work"),
    ],
)
def test_a_keys_holder_is_named_by_its_kind(holder_id: str, resource: str, kind: str, arn: str, user_id: str) -> None:
    key = replace(KEY, holder_id=holder_id)
    session = Session(key.id, key.account, kind, "work") if kind else None
    who = accounts.holder(IssuedKey(key, resource, session), region="us-east-1", service="ec2")
    assert (who.arn, who.user_id) == (f"arn:aws:{arn}", user_id)
    assert (who.holder_id, who.session, who.issued_at) == (holder_id, session, 5)
    assert who.kind == (kind or ("user" if holder_id else "root"))


@pytest.mark.rule("I213")
@pytest.mark.parametrize(("key_id", "is_unverified"), [("1" * 12, True), ("", True), (KEY.id, False)])
def test_who_has_shown_no_key_of_ours_is_not_verified(key_id: str, is_unverified: bool) -> None:
    assert accounts.root("1" * 12, access_key_id=key_id, region="r", service="sts").is_unverified is is_unverified
