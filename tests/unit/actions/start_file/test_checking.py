"""What a start file may say, and what is said about what it may not."""

from collections.abc import Mapping
from typing import Any

import pytest

from isthmus.actions.start_file import checking
from isthmus.actions.start_file.problems import StartFileError

ALLOW = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [ALLOW]}
KEY = {"id": "AKIAALICEALICEALICE1", "secret": "0123456789abcdef"}
ROLE = {"name": "peer", "trusted_principals": ["111122223333"]}


def account(**more: Any) -> dict[str, Any]:
    return {"accounts": [{"id": "111122223333", "name": "network", **more}]}


def user(**more: Any) -> dict[str, Any]:
    return account(users=[{"name": "alice", **more}])


def role(**more: Any) -> dict[str, Any]:
    return account(roles=[{**ROLE, **more}])


def policy(document: Any) -> dict[str, Any]:
    return account(policies=[{"name": "peering", "document": document}])


def problems(value: Any) -> list[tuple[str, str]]:
    with pytest.raises(StartFileError) as caught:
        checking.checked(value)
    return [(".".join(map(str, each.place)), each.message) for each in caught.value.problems]


USER, ROLES, POLICY = "accounts.0.users.0", "accounts.0.roles.0", "accounts.0.policies.0"
WRONG: Mapping[str, Mapping[str, Any]] = {
    "Effect": {"Effect": "allow"},
    "Resource": {"Resource": "vpc-1"},
    "Sid": {"Sid": "A b"},
    "Principal": {"Principal": "*"},
    "Resources": {"Resources": "*"},
    "Condition.StringEqual": {"Condition": {"StringLike": {"aws:x": "1"}, "StringEqual": {"aws:x": "1"}}},
    "Condition.IpAddress": {"Condition": {"IpAddress": {"aws:SourceIp": "300.0.0.1"}}},
    "Condition": {"Condition": "x"},
}
"""What makes a statement of a managed policy be refused, by the member, or the operator, that is to blame."""
BAD: dict[str, tuple[Any, str, str]] = {
    "no table": ([], "", "this must be a table, not a list"),
    "unknown field": (user(nmae="x"), f"{USER}.nmae", "there is no field nmae here; known are name, path, "),
    "unknown field at the top": ({"acounts": []}, "acounts", "known are organization, accounts"),
    "missing field": (account(users=[{}]), USER, "the field name is missing"),
    "wrong type": (account(users={}), "accounts.0.users", "this must be a list, not a table"),
    "wrong type under a free name": (user(tags={"team": None}), f"{USER}.tags", "this must be a text, not nothing"),
    "account id": ({"accounts": [{"id": "12", "name": "x"}]}, "accounts.0.id", "'12' is not an account id"),
    "account name": ({"accounts": [{"id": "1" * 12, "name": ""}]}, "accounts.0.name", "1 to 50 printable characters"),
    "user name": (account(users=[{"name": "a b"}]), f"{USER}.name", "specified value for userName is invalid"),
    "path": (user(path="x"), f"{USER}.path", "Value 'x' at 'path' failed"),
    "tag": (user(tags={"a\n": "x"}), f"{USER}.tags", "at 'tags.1.member.key' failed"),
    "key word": (user(access_keys="make"), f"{USER}.access_keys", "this must be 'generate', or a list of keys"),
    "key id": (user(access_keys=[{**KEY, "id": "AKIA"}]), f"{USER}.access_keys.0.id", "an access key id is AKIA and 16"),
    "temporary key id": (user(access_keys=[{**KEY, "id": f"ASIA{'A' * 16}"}]), f"{USER}.access_keys.0.id", "unlike 'ASIA"),
    "no secret": (user(access_keys=[{"id": KEY["id"]}]), f"{USER}.access_keys.0", "a key needs its secret"),
    "short secret": (account(access_keys=[{**KEY, "secret": "x"}]), "accounts.0.access_keys.0.secret", "16 to 128 letters"),
    "no trust": (account(roles=[{"name": "peer"}]), ROLES, "either trust_policy or trusted_principals"),
    "trust twice": (role(trust_policy=DOCUMENT), ROLES, "either trust_policy or trusted_principals"),
    "trust in a wildcard": (
        role(trusted_principals=["arn:aws:iam::111122223333:user/*"]), f"{ROLES}.trusted_principals", "Invalid principal",
    ),
    "duration in words": (role(max_session_duration="1h"), f"{ROLES}.max_session_duration", "a number of seconds"),
    "long duration": (role(max_session_duration="50000"), f"{ROLES}.max_session_duration", "less than or equal to 43200"),
    "policy text": (policy("{"), f"{POLICY}.document", "this is no managed policy: Syntax errors in policy."),
    "second statement": (
        policy({"Version": "2012-10-17", "Statement": [ALLOW, {"Sid": "Two", "Effect": "Allow", "Action": "ec2:*"}]}),
        f"{POLICY}.document.Statement.1",
        "this is no managed policy: statement 2 (Two): Policy statement must contain resources.",
    ),
    "only statement": (
        policy({"Version": "2012-10-17", "Statement": {**ALLOW, "Action": "ec2"}}),
        f"{POLICY}.document.Statement.Action",
        "this is no managed policy: statement 1: Actions/Conditions must be prefaced by a vendor",
    ),
    "statements that are alike": (
        policy({"Version": "2012-10-17", "Statement": [{**ALLOW, "Sid": "A"}] * 2}),
        f"{POLICY}.document",
        "this is no managed policy: Statement IDs (SID) in a single policy must be unique.",
    ),
    **{
        f"a statement's {at}": (
            policy({"Version": "2012-10-17", "Statement": {**ALLOW, **wrong}}),
            f"{POLICY}.document.Statement.{at}",
            "this is no managed policy: statement 1",
        )
        for at, wrong in WRONG.items()
    },
    "a statement with two faults": (
        policy({"Version": "2012-10-17", "Statement": {**ALLOW, "Effect": "allow", "Resource": "vpc-1"}}),
        f"{POLICY}.document.Statement",
        "this is no managed policy: statement 1",
    ),
    "inline policy": (user(inline_policies={"p": {}}), f"{USER}.inline_policies.p", "this is no inline policy"),
    "inline policy's name": (user(inline_policies={"a b": DOCUMENT}), f"{USER}.inline_policies.a b", "policyName is inv"),
    "group's path": (account(groups=[{"name": "net", "path": "x"}]), "accounts.0.groups.0.path", "failed to satisfy"),
    "service control policy": (
        {"organization": {"policies": [{"name": "x", "document": {"Statement": [{"Effect": "Maybe"}]}}]}},
        "organization.policies.0.document.Statement.0",
        "this is no service control policy: statement 1: ",
    ),
    "service control policy's name": (
        {"organization": {"policies": [{"name": "", "document": DOCUMENT}]}}, "organization.policies.0.name", "1 to 128",
    ),
    "management account": ({"organization": {"management_account": "me"}}, "organization.management_account", "12 digits"),
    "user twice": (
        account(users=[{"name": "alice"}, {"name": "Alice"}]),
        "accounts.0.users.1.name",
        "this is the same user as users[0]: Alice",
    ),
    "account twice": (
        {"accounts": [{"id": "1" * 12, "name": "x"}, {"id": "1" * 12, "name": "y"}]},
        "accounts.1.id",
        "this is the same account as accounts[0]",
    ),
}  # fmt: skip


@pytest.mark.rule("I217")
@pytest.mark.parametrize(("value", "place", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_told_with_its_place(value: Any, place: str, message: str) -> None:
    ((where, why),) = problems(value)
    assert where == place
    assert message in why


@pytest.mark.rule("I217")
def test_all_that_is_wrong_is_told_at_once() -> None:
    value = account(name="", users=[{"name": "a b"}, {"name": "c d"}], policies=[{"name": "p", "document": "{"}])
    assert len(problems(value)) == 4


def test_an_empty_file_says_nothing() -> None:
    empty: tuple[Any, ...] = (None, {}, {"accounts": []})
    for value in empty:
        assert checking.checked(value).accounts == []


def test_trusted_principals_are_short_for_a_trust_policy() -> None:
    (made,) = checking.checked(role()).accounts[0].roles
    assert checking.trust_of(made) == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": "sts:AssumeRole"}],
    }
