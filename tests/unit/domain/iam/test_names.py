"""Names, ARNs and unique ids of IAM's objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain.iam import names

entropies = st.binary(min_size=names.ID_ENTROPY_BYTES, max_size=names.ID_ENTROPY_BYTES)
KINDS = {"user": "AIDA", "group": "AGPA", "role": "AROA", "policy": "ANPA", "instance-profile": "AIPA"}


@pytest.mark.rule("I2")
@given(kind=st.sampled_from(sorted(KINDS)), entropy=entropies)
def test_a_unique_id_has_its_kinds_prefix_and_17_characters_of_chance(kind: str, entropy: bytes) -> None:
    made = names.unique_id(kind, entropy)
    assert (made[:4], len(made)) == (KINDS[kind], 21)
    assert made.isalnum()
    assert made.isupper()
    assert names.kind_of(made) == kind
    assert names.looks_unique(made) is (kind in {"user", "role"})


@given(entropies, entropies)
def test_other_chance_is_another_id(one: bytes, other: bytes) -> None:
    same = int.from_bytes(one) >> 3 == int.from_bytes(other) >> 3  # 85 of 88 bits
    assert (names.unique_id("user", one) == names.unique_id("user", other)) is same


@pytest.mark.rule("I1")
@given(
    partition=st.sampled_from(["aws", "aws-cn", "aws-us-gov"]),
    kind=st.sampled_from(sorted(KINDS)),
    path=st.lists(st.text("ab!~", min_size=1, max_size=3), max_size=3).map(lambda parts: f"/{'/'.join([*parts, ''])}"),
    name=st.from_regex(r"\A[A-Za-z0-9+=,.@_-]{1,8}\Z"),
)
def test_an_arn_reads_back_as_what_it_was_made_of(partition: str, kind: str, path: str, name: str) -> None:
    text = names.arn(partition, "1" * 12, kind, path, name)
    assert names.parse_arn(text) == (partition, "1" * 12, kind, path, name)


@pytest.mark.rule("I1")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "111111111111",
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::11111111111:user/a",
        "arn:aws:iam:us-east-1:111111111111:user/a",
        "arn:aws:sts::111111111111:assumed-role/a/b",
        "arn:aws:iam::111111111111:user/a/",
        "arn:aws:iam::111111111111:user/*",
        "arn:aws:iam::111111111111:user//a b",
        "arn:aws:iam::111111111111:user/a\n",
    ],
)
def test_what_names_no_object_of_iam_is_no_arn_of_one(text: str) -> None:
    assert names.parse_arn(text) is None


@pytest.mark.parametrize("text", ["", "AIDA", "AIDA" + "0" * 17, "AGPA" + "A" * 17, "AIDA" + "A" * 18, "aida" + "a" * 17])
def test_what_is_no_id_of_a_user_or_role_does_not_look_like_one(text: str) -> None:
    assert not names.looks_unique(text)
