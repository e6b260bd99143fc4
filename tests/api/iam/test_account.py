"""The account as a whole: alias, summary, details; and what operators do to it."""

import json
from typing import Any

import pytest

from isthmus.actions import administration
from isthmus.actions.administration import AdministrationError
from isthmus.gateway import admin
from isthmus.store.api import Kind
from isthmus.store.unit import Unit
from tests.api.iam.test_policies import LEND, everybody
from tests.api.iam.world import ACCOUNT, OTHER, World, refusal


@pytest.mark.rule("I196")
def test_an_account_has_one_alias_that_no_other_has(world: World) -> None:
    iam, other = world.root(), world.root(account=OTHER)
    iam.create_account_alias(AccountAlias="isthmus")
    assert refusal(other.create_account_alias, AccountAlias="isthmus")[:2] == (409, "EntityAlreadyExists")
    iam.create_account_alias(AccountAlias="panama")
    assert iam.list_account_aliases()["AccountAliases"] == ["panama"]
    other.create_account_alias(AccountAlias="isthmus")
    assert refusal(iam.delete_account_alias, AccountAlias="isthmus")[:2] == (404, "NoSuchEntity")
    iam.delete_account_alias(AccountAlias="panama")
    assert iam.list_account_aliases()["AccountAliases"] == []


@pytest.mark.rule("I196")
@pytest.mark.parametrize("alias", ["a--b", "-ab", "ab-", "Ab1", "ab", "a" * 64])
def test_an_alias_that_cannot_be_is_refused(world: World, alias: str) -> None:
    assert refusal(world.root(validate=False).create_account_alias, AccountAlias=alias)[1] == "ValidationError"


@pytest.mark.rule("I55", "I196")
def test_the_summary_counts_what_there_is_beside_what_there_may_be(world: World) -> None:
    iam = world.root()
    everybody(iam)
    world.root(account=OTHER).create_user(UserName="stranger")
    summary = iam.get_account_summary()["SummaryMap"]
    counted = {name: summary[name] for name in ("Users", "Groups", "Roles", "Policies", "PolicyVersionsInUse")}
    assert counted == {"Users": 2, "Groups": 1, "Roles": 1, "Policies": 1, "PolicyVersionsInUse": 1}
    assert (summary["UsersQuota"], summary["PolicySizeQuota"], summary["UserPolicySizeQuota"]) == (5000, 6144, 2048)
    assert summary["AccountAccessKeysPresent"] == 0


def details(iam: Any, **asked: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for page in iam.get_paginator("get_account_authorization_details").paginate(**asked):
        for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
            found[name] = found.get(name, []) + page[name]
    return found


@pytest.mark.rule("I196", "I197")
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_details_of_an_account_show_everybody_with_their_policies(world: World, size: int) -> None:
    iam = world.root()
    everybody(iam)
    iam.add_user_to_group(GroupName="crew", UserName="ada")
    iam.put_group_policy(GroupName="crew", PolicyName="own", PolicyDocument=ALLOW)
    found = details(iam, PaginationConfig={"PageSize": size})
    ada, bob = found["UserDetailList"]
    assert (ada["GroupList"], ada["AttachedManagedPolicies"]) == (["crew"], [{"PolicyName": "lend", "PolicyArn": LEND}])
    assert bob["PermissionsBoundary"]["PermissionsBoundaryArn"] == LEND
    assert found["GroupDetailList"][0]["GroupPolicyList"] == [{"PolicyName": "own", "PolicyDocument": json.loads(ALLOW)}]
    assert found["RoleDetailList"][0]["RoleName"] == "pilot"
    lend = found["Policies"][0]
    assert (lend["AttachmentCount"], lend["PermissionsBoundaryUsageCount"]) == (3, 2)
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in lend["PolicyVersionList"]] == [("v1", True)]


ALLOW = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}'


@pytest.mark.rule("I196")
def test_the_details_are_of_the_kinds_that_are_asked_for(world: World) -> None:
    iam = world.root()
    everybody(iam)
    found = details(iam, Filter=["Group", "LocalManagedPolicy"])
    assert {name: len(items) for name, items in found.items()} == {
        "UserDetailList": 0,
        "GroupDetailList": 1,
        "RoleDetailList": 0,
        "Policies": 1,
    }


# --- operators --------------------------------------------------


def counts(unit: Unit) -> dict[str, int]:
    tables = (*administration.IAM_OWNED, "access_key", "account")
    return {name: unit.engine.query(f"SELECT count(*) FROM {name}")[0][0] for name in tables}


def furnish(world: World) -> None:
    everybody(world.root())
    world.root().create_access_key(UserName="ada")
    world.root().create_account_alias(AccountAlias="isthmus")
    world.root().add_user_to_group(GroupName="crew", UserName="ada")
    world.root().create_instance_profile(InstanceProfileName="ports")
    world.root().add_role_to_instance_profile(InstanceProfileName="ports", RoleName="pilot")
    world.root().put_role_policy(RoleName="pilot", PolicyName="own", PolicyDocument=ALLOW)


def test_a_key_is_shown_with_its_user_unless_it_is_the_roots(world: World) -> None:
    furnish(world)
    world.root().create_access_key()
    _, keys = world.server.store.run_now(Kind.READ, lambda unit: administration.show_account(unit, ACCOUNT))
    user_id = world.root().get_user(UserName="ada")["User"]["UserId"]
    assert [admin.key_as_json(key).get("user_id") for key in keys] == [user_id, None]
    assert "secret_access_key" not in admin.key_as_json(keys[0])


def test_an_account_with_users_is_deleted_with_all_of_them_or_not_at_all(world: World) -> None:
    furnish(world)
    store = world.server.store
    with pytest.raises(AdministrationError, match="still owns 6 objects"):
        store.run_now(Kind.WRITE, lambda unit: administration.delete_account(unit, ACCOUNT, with_objects=False))
    assert 0 not in store.run_now(Kind.READ, counts).values()
    store.run_now(Kind.WRITE, lambda unit: administration.delete_account(unit, ACCOUNT, with_objects=True))
    assert set(store.run_now(Kind.READ, counts).values()) == {0}


def test_a_reset_of_objects_leaves_identities_and_one_of_identities_none(world: World) -> None:
    furnish(world)
    store = world.server.store
    before = store.run_now(Kind.READ, counts)
    store.run_now(Kind.WRITE, lambda unit: administration.reset(unit, identity=False))
    assert store.run_now(Kind.READ, counts) == before
    store.run_now(Kind.WRITE, lambda unit: administration.reset(unit, identity=True))
    assert set(store.run_now(Kind.READ, counts).values()) == {0}


def test_the_journal_has_a_line_for_every_change_with_the_objects_it_was_about(world: World) -> None:
    iam = world.root()
    user = iam.create_user(UserName="ada")["User"]["UserId"]
    group = iam.create_group(GroupName="crew")["Group"]["GroupId"]
    iam.add_user_to_group(GroupName="crew", UserName="ada")
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=ALLOW)
    iam.remove_user_from_group(GroupName="crew", UserName="ada")
    iam.delete_user_policy(UserName="ada", PolicyName="own")
    iam.delete_user(UserName="ada")
    lines = world.server.store.run_now(
        Kind.READ, lambda unit: unit.engine.query("SELECT action, changes FROM journal ORDER BY seq")
    )
    assert [(action, json.loads(changes)) for action, changes in lines] == [
        ("CreateUser", [[user, "", "present"]]),
        ("CreateGroup", [[group, "", "present"]]),
        ("AddUserToGroup", [[group, "present", "present"], [user, "present", "present"]]),
        ("PutUserPolicy", [[user, "present", "present"]]),
        ("RemoveUserFromGroup", [[group, "present", "present"], [user, "present", "present"]]),
        ("DeleteUserPolicy", [[user, "present", "present"]]),
        ("DeleteUser", [[user, "present", ""]]),
    ]
