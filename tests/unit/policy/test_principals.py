"""Whom a Principal element names, and how firmly."""

import pytest

from isthmus.policy.faults import Malformed
from isthmus.policy.principals import Caller, Grant, naming

A, B = "111111111111", "222222222222"
ALICE = Caller(A, f"arn:aws:iam::{A}:user/team/alice", ids=frozenset({"AIDAEXAMPLEALICE"}))
SESSION = Caller(
    A,
    f"arn:aws:sts::{A}:assumed-role/net/ci",
    role_arn=f"arn:aws:iam::{A}:role/path/net",
    ids=frozenset({"AROAEXAMPLENET"}),
)
FEDERATED = Caller(A, f"arn:aws:sts::{A}:federated-user/fred")
ROOT = Caller(A, f"arn:aws:iam::{A}:root")
SERVICE = Caller("", "ec2.amazonaws.com", kind="Service")
PROVIDER = Caller("", f"arn:aws:iam::{A}:oidc-provider/example.com", kind="Federated")


@pytest.mark.rule("I54", "I67", "I118")
@pytest.mark.parametrize(
    ("principals", "caller", "grant"),
    [
        (["AWS:*"], ALICE, Grant.ROLE),
        (["AWS:*"], SERVICE, Grant.ROLE),
        ([f"AWS:{A}"], ALICE, Grant.ACCOUNT),
        ([f"AWS:{A}"], SESSION, Grant.ACCOUNT),
        ([f"AWS:{A}"], ROOT, Grant.ACCOUNT),
        ([f"AWS:{B}"], ALICE, Grant.NONE),
        ([f"AWS:arn:aws:iam::{A}:root"], ALICE, Grant.ACCOUNT),
        ([f"AWS:arn:aws:iam::{B}:root"], ALICE, Grant.NONE),
        ([f"AWS:arn:aws-cn:iam::{A}:root"], ALICE, Grant.ACCOUNT),
        ([f"AWS:{ALICE.arn}"], ALICE, Grant.CALLER),
        ([f"AWS:{ALICE.arn}"], SESSION, Grant.NONE),
        ([f"AWS:arn:aws:iam::{A}:user/alice"], ALICE, Grant.NONE),
        ([f"AWS:{ALICE.arn.upper().replace('ARN:AWS:IAM', 'arn:aws:iam').replace('USER/', 'user/')}"], ALICE, Grant.NONE),
        (["AWS:AIDAEXAMPLEALICE"], ALICE, Grant.CALLER),
        (["AWS:AIDAEXAMPLEOTHER"], ALICE, Grant.NONE),
        (["AWS:AROAEXAMPLENET"], SESSION, Grant.ROLE),
        (["AWS:AROAEXAMPLENET"], ALICE, Grant.NONE),
        ([f"AWS:{SESSION.role_arn}"], SESSION, Grant.ROLE),
        ([f"AWS:{SESSION.arn}"], SESSION, Grant.CALLER),
        ([f"AWS:arn:aws:sts::{A}:assumed-role/net/other"], SESSION, Grant.NONE),
        ([f"AWS:{FEDERATED.arn}"], FEDERATED, Grant.CALLER),
        ([f"AWS:arn:aws:iam::{A}:role/x", f"AWS:{A}", f"AWS:{ALICE.arn}"], ALICE, Grant.CALLER),
        ([f"AWS:{ALICE.arn}", f"AWS:{A}"], SESSION, Grant.ACCOUNT),
        (["Service:ec2.amazonaws.com"], SERVICE, Grant.CALLER),
        (["Service:lambda.amazonaws.com"], SERVICE, Grant.NONE),
        (["Service:ec2.amazonaws.com"], Caller(A, "ec2.amazonaws.com"), Grant.NONE),
        ([f"Federated:{PROVIDER.arn}"], PROVIDER, Grant.CALLER),
        ([f"Federated:{ALICE.arn}"], ALICE, Grant.NONE),
        (["CanonicalUser:79a59d"], ALICE, Grant.NONE),
        ([f"AWS:{A}"], Caller(A, "x", kind="Service"), Grant.NONE),
    ],
)
def test_a_principal_element_names_a_caller_as_firmly_as_its_firmest_entry(
    principals: list[str], caller: Caller, grant: Grant
) -> None:
    assert naming(principals)(caller) is grant


@pytest.mark.rule("I53", "I67")
@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "",
        "11111111111",
        "1111111111111",
        "arn:aws:iam::*:root",
        f"arn:aws:iam::{A}:user/*",
        f"arn:aws:iam::{A}:user/al?ce",
        f"arn:aws:iam::{A}:group/g",
        f"arn:aws:iam::{A}:role",
        f"arn:aws:iam:us-east-1:{A}:user/alice",
        f"arn:aws:iam::{A[1:]}:user/alice",
        f"xrn:aws:iam::{A}:user/alice",
        f"arn:aws:sts::{A}:root",
        f"arn:aws:sts::{A}:user/alice",
        f"arn:aws:iam::{A}:assumed-role/net/ci",
        f"arn:aws:s3::{A}:user/alice",
        "AIDA",
        "AIPAEXAMPLEEXAMPLE",
        "aidaexamplealice",
    ],
)
def test_what_can_be_no_principal_is_refused_by_name(name: str) -> None:
    with pytest.raises(Malformed) as refused:
        naming(["AWS:*", f"AWS:{name}"])
    assert str(refused.value) == f'Invalid principal in policy: "AWS":"{name}"'


@pytest.mark.rule("I67")
@pytest.mark.parametrize("kind", ["Service", "Federated", "CanonicalUser"])
def test_no_other_kind_has_wildcards(kind: str) -> None:
    with pytest.raises(Malformed, match=f'"{kind}":"e\\*"'):
        naming([f"{kind}:e*"])


def test_an_element_without_entries_names_nobody() -> None:
    with pytest.raises(Malformed):
        naming([])
