"""A start file as everybody sees its outcome: accounts, users, groups, roles and policies, as if somebody had made them."""

import json
from typing import Any

import pytest

from isthmus.actions.start_file import applying, checking
from isthmus.actions.start_file.applying import Applied
from isthmus.actions.start_file.problems import StartFileError
from isthmus.store.api import Kind
from tests.api.iam.world import ACCOUNT, OTHER, World

ALLOW = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [ALLOW]}
KEY = {"id": "AKIAALICEALICEALICE1", "secret": "0123456789abcdef"}
NETWORK: dict[str, Any] = {
    "id": ACCOUNT,
    "name": "network",
    "access_keys": "generate",
    "policies": [{"name": "peering", "path": "/net/", "document": DOCUMENT, "description": "peers", "tags": {"a": "b"}}],
    "groups": [{"name": "network", "attached_policies": ["peering"], "inline_policies": {"more": DOCUMENT}}],
    "users": [
        {
            "name": "alice",
            "path": "/net/",
            "tags": {"team": "network"},
            "groups": ["network"],
            "permissions_boundary": "PowerUserAccess",
            "access_keys": [KEY],
        }
    ],
    "roles": [
        {
            "name": "accepter",
            "trusted_principals": [OTHER, f"arn:aws:iam::{ACCOUNT}:user/net/alice", f"arn:aws:iam::{OTHER}:role/asker"],
            "max_session_duration": "7200",
            "description": "accepts",
            "attached_policies": ["arn:aws:iam::aws:policy/AmazonVPCReadOnlyAccess"],
        }
    ],
}
WORKLOAD: dict[str, Any] = {
    "id": OTHER,
    "name": "workload",
    "roles": [{"name": "asker", "trusted_principals": [f"arn:aws:iam::{ACCOUNT}:role/accepter"]}],
}
START = {"accounts": [NETWORK, WORKLOAD]}


def apply(world: World, value: Any, *, prunes: bool = False) -> Applied:
    start = checking.checked(value)
    return world.server.store.run_now(Kind.WRITE, lambda unit: applying.apply(unit, start, prunes=prunes))


def account(**more: Any) -> dict[str, Any]:
    return {"accounts": [{"id": ACCOUNT, "name": "network", **more}]}


def rows(world: World) -> dict[str, Any]:
    """Everything that IAM and the organization keep, and the journal."""
    tables = (
        "account", "access_key", "iam_user", "iam_group", "iam_membership", "iam_role", "iam_policy", "iam_policy_version",
        "iam_inline_policy", "iam_attachment", "organization", "service_control_policy", "service_control_attachment",
        "journal",
    )  # fmt: skip
    return world.server.store.run_now(
        Kind.READ, lambda unit: {table: unit.engine.query(f"SELECT * FROM {table} ORDER BY seq") for table in tables}
    )


@pytest.mark.rule("I217")
def test_what_a_start_file_says_is_there(world: World) -> None:
    apply(world, START)
    iam = world.root()
    user = iam.get_user(UserName="alice")["User"]
    assert (user["Path"], user["Tags"]) == ("/net/", [{"Key": "team", "Value": "network"}])
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == "arn:aws:iam::aws:policy/PowerUserAccess"
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName="alice")["Groups"]] == ["network"]
    attached = iam.list_attached_group_policies(GroupName="network")["AttachedPolicies"]
    assert attached == [{"PolicyName": "peering", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/net/peering"}]
    assert iam.get_group_policy(GroupName="network", PolicyName="more")["PolicyDocument"] == DOCUMENT
    role = iam.get_role(RoleName="accepter")["Role"]
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "accepts")
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
    assert trusted == [OTHER, f"arn:aws:iam::{ACCOUNT}:user/net/alice", f"arn:aws:iam::{OTHER}:role/asker"]


@pytest.mark.rule("I217")
def test_a_key_that_was_given_is_its_users(world: World) -> None:
    apply(world, START)
    alice = world.of({"AccessKeyId": KEY["id"], "SecretAccessKey": KEY["secret"]}, "sts")
    assert alice.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/net/alice"


@pytest.mark.rule("I217")
def test_a_key_is_made_where_there_is_none_and_told_once(world: World) -> None:
    ((user, key),) = apply(world, START).keys
    assert (user, key.account) == ("", ACCOUNT)
    root = world.of({"AccessKeyId": key.id, "SecretAccessKey": key.secret}, "sts")
    assert root.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert apply(world, START).keys == ()


@pytest.mark.rule("I217")
def test_applied_again_it_changes_nothing(world: World) -> None:
    assert apply(world, START).changes
    before = rows(world)
    assert apply(world, START) == Applied((), ())
    assert rows(world) == before


@pytest.mark.rule("I217")
def test_what_is_no_longer_in_the_file_stays(world: World) -> None:
    apply(world, START)
    before = rows(world)
    assert apply(world, account()) == Applied((), ())
    assert apply(world, account(users=[{"name": "alice"}], roles=[])) == Applied((), ())
    assert rows(world) == before


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "account's name": ({"name": "net"}, f"changed account net in {ACCOUNT}"),
    "path": ({"users": [{"name": "alice", "path": "/"}]}, f"changed user alice in {ACCOUNT}"),
    "letter case": ({"users": [{"name": "Alice"}]}, f"changed user Alice in {ACCOUNT}"),
    "tag": ({"users": [{"name": "alice", "tags": {"more": "x"}}]}, f"changed user alice in {ACCOUNT}"),
    "boundary": ({"users": [{"name": "alice", "permissions_boundary": "peering"}]}, f"changed user alice in {ACCOUNT}"),
    "secret": (
        {"users": [{"name": "alice", "access_keys": [{**KEY, "secret": "x" * 16}]}]},
        f"changed access key {KEY['id']} in {ACCOUNT}",
    ),
    "document": (
        {"policies": [{"name": "peering", "document": {**DOCUMENT, "Statement": {**ALLOW, "Action": "ec2:Describe*"}}}]},
        f"changed policy peering in {ACCOUNT}",
    ),
    "inline policy": (
        {"groups": [{"name": "network", "inline_policies": {"more": {**DOCUMENT, "Statement": ALLOW}}}]},
        f"changed group network in {ACCOUNT}",
    ),
    "attached policy": (
        {"groups": [{"name": "network", "attached_policies": ["AmazonVPCFullAccess"]}]},
        f"changed group network in {ACCOUNT}",
    ),
    "trust": ({"roles": [{"name": "accepter", "trusted_principals": [OTHER]}]}, f"changed role accepter in {ACCOUNT}"),
}


@pytest.mark.rule("I217")
@pytest.mark.parametrize(("more", "sentence"), CHANGES.values(), ids=CHANGES)
def test_only_what_the_file_says_differently_is_changed(world: World, more: dict[str, Any], sentence: str) -> None:
    apply(world, START)
    assert apply(world, account(**more)).changes == (sentence,)
    assert apply(world, account(**more)).changes == ()


def test_a_document_that_says_the_same_in_other_words_is_the_same(world: World) -> None:
    apply(world, START)
    spaced = [{"name": "peering", "document": json.dumps(DOCUMENT, indent=3)}]
    assert apply(world, account(policies=spaced)).changes == ()


@pytest.mark.rule("I55", "I217")
def test_a_changed_policy_gets_a_new_version_and_the_oldest_makes_room(world: World) -> None:
    for number in range(7):
        document = {**DOCUMENT, "Statement": [{**ALLOW, "Sid": f"S{number}"}]}
        apply(world, account(policies=[{"name": "peering", "document": document}]))
    iam, arn = world.root(), f"arn:aws:iam::{ACCOUNT}:policy/peering"
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [each["VersionId"] for each in versions] == ["v7", "v6", "v5", "v4", "v3"]
    held = iam.get_policy_version(PolicyArn=arn, VersionId="v7")["PolicyVersion"]
    assert held["IsDefaultVersion"]
    assert held["Document"]["Statement"][0]["Sid"] == "S6"


def user(**more: Any) -> dict[str, Any]:
    return account(users=[{"name": "alice", **more}])


@pytest.mark.rule("I217")
def test_pruned_an_account_has_what_the_file_names_and_no_more(world: World) -> None:
    apply(world, START)
    named = {"users": [{"name": "ALICE"}], "policies": [{"name": "peering", "document": DOCUMENT}]}
    assert apply(world, account(**named), prunes=True).changes == (
        f"changed user ALICE in {ACCOUNT}",
        f"deleted group network in {ACCOUNT}",
        f"deleted role accepter in {ACCOUNT}",
    )
    assert world.root(account=OTHER).list_roles()["Roles"][0]["RoleName"] == "asker"  # another account's stay
    assert apply(world, account(), prunes=True).changes == (
        f"deleted user ALICE in {ACCOUNT}",
        f"deleted policy peering in {ACCOUNT}",
    )
    assert apply(world, account(), prunes=True).changes == ()
    iam = world.root()
    assert (iam.list_users()["Users"], iam.list_policies(Scope="Local")["Policies"]) == ([], [])


@pytest.mark.rule("I217")
def test_what_is_in_use_is_not_pruned_and_nothing_else_is(world: World) -> None:
    apply(world, START)
    iam = world.root()
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="accepter")
    before = rows(world)
    with pytest.raises(StartFileError, match="must remove roles from instance profile first"):
        apply(world, account(), prunes=True)
    assert rows(world) == before


@pytest.mark.rule("I217")
@pytest.mark.parametrize("word", ["policies", "roles"])
def test_the_path_of_a_role_or_a_policy_is_for_good(world: World, word: str) -> None:
    apply(world, START)
    (entry,) = NETWORK[word]
    before = rows(world)
    with pytest.raises(StartFileError, match="which nobody can change"):
        apply(world, account(**{word: [{**entry, "path": "/elsewhere/"}]}))
    assert rows(world) == before
    assert apply(world, account(**{word: [{**entry, "name": entry["name"].upper()}]})).changes == ()


GROUPS = [f"g{number}" for number in range(11)]
REFUSED: dict[str, tuple[dict[str, Any], tuple[str | int, ...], str]] = {
    "no such policy": (
        user(attached_policies=["none"]), ("accounts", 0, "users", 0), "Policy none does not exist or is not attachable.",
    ),
    "no such boundary": (user(permissions_boundary="none"), ("accounts", 0, "users", 0), "Scope ARN: none does not exist"),
    "no such group": (user(groups=["none"]), ("accounts", 0, "users", 0), "The group with name none cannot be found."),
    "another account's policy": (
        user(attached_policies=[f"arn:aws:iam::{OTHER}:policy/x"]), ("accounts", 0, "users", 0), "is not attachable",
    ),
    "no such principal": (
        account(roles=[{"name": "r", "trusted_principals": [f"arn:aws:iam::{OTHER}:user/none"]}]),
        ("accounts", 0, "roles", 0, "trusted_principals"),
        f'Invalid principal in policy: "AWS":"arn:aws:iam::{OTHER}:user/none"',
    ),
    "long inline policies": (
        user(inline_policies={name: {**DOCUMENT, "Id": "x" * 1_500} for name in ("a", "b")}),
        ("accounts", 0, "users", 0),
        "Maximum policy size of 2048 bytes exceeded for user alice",
    ),
    "many groups": (
        account(groups=[{"name": name} for name in GROUPS], users=[{"name": "a", "groups": GROUPS}]),
        ("accounts", 0, "users", 0),
        "Cannot exceed quota for GroupsPerUser: 10",
    ),
    "many policies": (
        account(
            policies=[{"name": f"p{n}", "document": DOCUMENT} for n in range(11)],
            users=[{"name": "alice", "attached_policies": [f"p{n}" for n in range(11)]}],
        ),
        ("accounts", 0, "users", 0),
        "Cannot exceed quota for PoliciesPerUser: 10",
    ),
    "many keys": (
        user(access_keys=[{**KEY, "id": f"AKIAALICEALICEALICE{n}"} for n in range(3)]),
        ("accounts", 0, "users", 0, "access_keys"),
        "Cannot exceed quota for AccessKeysPerUser: 2",
    ),
    "a key of two": (
        {"accounts": [account(access_keys=[KEY])["accounts"][0], {**WORKLOAD, "roles": [], "access_keys": [KEY]}]},
        ("accounts", 1, "access_keys", 0),
        f"the access key {KEY['id']} is somebody else's already",
    ),
    "no such service control policy": (
        account(service_control_policies=["none"]),
        ("accounts", 0, "service_control_policies", 0),
        "there is no service control policy none",
    ),
    "no such management account": (
        {**user(), "organization": {"management_account": "123412341234"}},
        ("organization", "management_account"),
        "there is no account 123412341234",
    ),
    "no service control policy": (
        account(service_control_policies=[]), ("accounts", 0, "service_control_policies"), "1 to 5 service control policies",
    ),
}  # fmt: skip


@pytest.mark.rule("I217")
@pytest.mark.parametrize(("value", "place", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_told_with_its_place_and_changes_nothing(
    world: World, value: dict[str, Any], place: tuple[str | int, ...], message: str
) -> None:
    before = rows(world)
    with pytest.raises(StartFileError) as caught:
        apply(world, value)
    (problem,) = caught.value.problems
    assert problem.place == place
    assert message in problem.message
    assert rows(world) == before


def test_the_journal_says_that_an_operator_did_it(world: World) -> None:
    apply(world, START)
    ((actor, action),) = world.server.store.run_now(
        Kind.READ, lambda unit: unit.engine.query("SELECT actor, action FROM journal")
    )
    assert (actor, action) == ("operator", "ApplyStartFile")
