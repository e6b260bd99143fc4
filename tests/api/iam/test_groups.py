"""Groups, who is in them, and instance profiles."""

import json

import pytest

from tests.api.iam.world import ACCOUNT, World, refusal

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}},
    }
)


@pytest.mark.rule("I193", "I197")
def test_a_group_shows_its_users_in_pages(world: World) -> None:
    iam = world.root()
    made = iam.create_group(GroupName="crew", Path="/ships/")["Group"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/ships/crew"
    assert made["GroupId"].startswith("AGPA")
    for name in ("one", "two", "three"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="crew", UserName=name)
    pages = list(iam.get_paginator("get_group").paginate(GroupName="crew", PaginationConfig={"PageSize": 2}))
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [["one", "two"], ["three"]]
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="two")["Groups"]] == ["crew"]


@pytest.mark.rule("I193")
def test_a_user_is_in_a_group_once_and_leaves_it_once(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="crew")
    for _ in range(2):
        iam.add_user_to_group(GroupName="crew", UserName="ada")
    assert len(iam.get_group(GroupName="crew")["Users"]) == 1
    iam.remove_user_from_group(GroupName="crew", UserName="ada")
    assert refusal(iam.remove_user_from_group, GroupName="crew", UserName="ada")[:2] == (404, "NoSuchEntity")


@pytest.mark.rule("I55")
def test_a_user_is_in_ten_groups_at_most(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    for number in range(11):
        iam.create_group(GroupName=f"group{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"group{number}", UserName="ada")
    assert refusal(iam.add_user_to_group, GroupName="group10", UserName="ada") == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    )


@pytest.mark.rule("I193", "I198")
def test_a_group_with_members_stays(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="crew")
    iam.add_user_to_group(GroupName="crew", UserName="ada")
    expected = (409, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
    assert refusal(iam.delete_group, GroupName="crew") == expected
    iam.remove_user_from_group(GroupName="crew", UserName="ada")
    iam.delete_group(GroupName="crew")
    assert refusal(iam.get_group, GroupName="crew")[2] == "The group with name crew cannot be found."


@pytest.mark.rule("I193")
def test_a_renamed_group_keeps_its_id_and_its_members(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    before = iam.create_group(GroupName="crew")["Group"]
    iam.add_user_to_group(GroupName="crew", UserName="ada")
    iam.update_group(GroupName="crew", NewGroupName="team", NewPath="/x/")
    after = iam.get_group(GroupName="team")
    assert (after["Group"]["GroupId"], after["Group"]["Path"]) == (before["GroupId"], "/x/")
    assert [user["UserName"] for user in after["Users"]] == ["ada"]


# --- instance profiles --------------------------------------------------


@pytest.mark.rule("I194")
def test_an_instance_profile_holds_one_role(world: World) -> None:
    iam = world.root()
    for role in ("pilot", "other"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    made = iam.create_instance_profile(InstanceProfileName="ports", Tags=[{"Key": "a", "Value": "b"}])["InstanceProfile"]
    assert (made["Roles"], made["Tags"]) == ([], [{"Key": "a", "Value": "b"}])
    iam.add_role_to_instance_profile(InstanceProfileName="ports", RoleName="pilot")
    assert refusal(iam.add_role_to_instance_profile, InstanceProfileName="ports", RoleName="other")[1] == "LimitExceeded"
    held = iam.get_instance_profile(InstanceProfileName="ports")["InstanceProfile"]["Roles"]
    assert [role["RoleName"] for role in held] == ["pilot"]
    listed = iam.list_instance_profiles_for_role(RoleName="pilot")["InstanceProfiles"]
    assert [profile["InstanceProfileName"] for profile in listed] == ["ports"]
    assert iam.list_instance_profiles_for_role(RoleName="other")["InstanceProfiles"] == []


@pytest.mark.rule("I194", "I198")
def test_neither_goes_while_an_instance_profile_holds_a_role(world: World) -> None:
    iam = world.root()
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="ports")
    iam.add_role_to_instance_profile(InstanceProfileName="ports", RoleName="pilot")
    assert refusal(iam.delete_role, RoleName="pilot")[1] == "DeleteConflict"
    assert refusal(iam.delete_instance_profile, InstanceProfileName="ports")[1] == "DeleteConflict"
    iam.remove_role_from_instance_profile(InstanceProfileName="ports", RoleName="pilot")
    iam.delete_role(RoleName="pilot")
    iam.delete_instance_profile(InstanceProfileName="ports")
    assert iam.list_instance_profiles()["InstanceProfiles"] == iam.list_roles()["Roles"] == []
