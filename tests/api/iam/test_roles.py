"""Roles and their trust policies, which keep principals by unique id."""

import json
from typing import Any

import pytest

from tests.api.iam.world import ACCOUNT, OTHER, World, refusal


def trust(*principals: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": list(principals)}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trusted(iam: Any, role: str = "pilot") -> list[str]:
    document = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    named: list[str] = document["Statement"][0]["Principal"]["AWS"]
    return named


@pytest.mark.rule("I194", "I197")
def test_a_made_role_is_shown_as_it_was_made(world: World) -> None:
    iam = world.root()
    made = iam.create_role(
        RoleName="pilot",
        Path="/ships/",
        AssumeRolePolicyDocument=trust(OTHER),
        Description="steers",
        MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]
    shown = iam.get_role(RoleName="pilot")["Role"]
    assert shown == {**made, "RoleLastUsed": {}}
    assert (made["Description"], made["MaxSessionDuration"], made["Tags"]) == ("steers", 7200, [{"Key": "a", "Value": "b"}])
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/ships/pilot"
    assert made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"] == json.loads(trust(OTHER))


@pytest.mark.rule("I194")
def test_an_update_changes_what_it_names_and_nothing_else(world: World) -> None:
    iam = world.root()
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(OTHER), Description="old")
    iam.update_role(RoleName="pilot", MaxSessionDuration=3601)
    iam.update_role_description(RoleName="pilot", Description="new")
    shown = iam.get_role(RoleName="pilot")["Role"]
    assert (shown["MaxSessionDuration"], shown["Description"]) == (3601, "new")
    iam.update_role(RoleName="pilot", Description="")
    assert iam.get_role(RoleName="pilot")["Role"]["Description"] == ""


@pytest.mark.rule("I194", "I198")
@pytest.mark.parametrize("seconds", [3599, 43201])
def test_a_session_lasts_one_to_twelve_hours(world: World, seconds: int) -> None:
    create = world.root(validate=False).create_role
    refused = refusal(create, RoleName="pilot", AssumeRolePolicyDocument=trust(OTHER), MaxSessionDuration=seconds)
    assert refused[:2] == (400, "ValidationError")


@pytest.mark.rule("I54")
@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_principal_made_again_under_its_name_is_another_one(world: World, kind: str) -> None:
    iam, other = world.root(), world.root(account=OTHER)

    def make() -> str:
        if kind == "user":
            made: str = other.create_user(UserName="ada", Path="/x/")["User"]["UserId"]
        else:
            made = other.create_role(RoleName="ada", Path="/x/", AssumeRolePolicyDocument=trust(OTHER))["Role"]["RoleId"]
        return made

    first = make()
    arn = f"arn:aws:iam::{OTHER}:{kind}/x/ada"
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(arn, OTHER, "*"))
    assert trusted(iam) == [arn, OTHER, "*"]
    if kind == "user":
        other.delete_user(UserName="ada")
    else:
        other.delete_role(RoleName="ada")
    assert make() != first
    assert trusted(iam) == [first, OTHER, "*"]


@pytest.mark.rule("I54")
def test_a_renamed_principal_is_shown_under_its_new_name(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:user/ada"))
    iam.update_user(UserName="ada", NewUserName="bob")
    assert trusted(iam) == [f"arn:aws:iam::{ACCOUNT}:user/bob"]


@pytest.mark.rule("I53")
@pytest.mark.parametrize(
    "arn", [f"arn:aws:iam::{OTHER}:user/ghost", f"arn:aws:iam::{OTHER}:role/x/ada", "AIDA" + "A" * 17, "AROA" + "A" * 17]
)
def test_a_principal_that_is_not_there_cannot_be_trusted(world: World, arn: str) -> None:
    iam = world.root()
    world.root(account=OTHER).create_user(UserName="ada")
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(OTHER))
    expected = (400, "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"')
    assert refusal(iam.create_role, RoleName="new", AssumeRolePolicyDocument=trust(arn)) == expected
    assert refusal(iam.update_assume_role_policy, RoleName="pilot", PolicyDocument=trust(arn)) == expected


@pytest.mark.rule("I54")
def test_a_shown_trust_policy_can_be_saved_again(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    user_id = iam.get_user(UserName="ada")["User"]["UserId"]
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(user_id))
    iam.update_assume_role_policy(RoleName="pilot", PolicyDocument=trust(*trusted(iam)))
    assert trusted(iam) == [f"arn:aws:iam::{ACCOUNT}:user/ada"]


@pytest.mark.rule("I53", "I55")
@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{}", "MalformedPolicyDocument"),
        ("not JSON", "MalformedPolicyDocument"),
        (trust(OTHER).replace('"Effect"', '"Resource": "*", "Effect"'), "MalformedPolicyDocument"),
        (trust(*[OTHER] * 200), "LimitExceeded"),
    ],
)
def test_a_trust_policy_is_checked_when_it_is_saved(world: World, document: str, code: str) -> None:
    iam = world.root()
    assert refusal(iam.create_role, RoleName="pilot", AssumeRolePolicyDocument=document)[1] == code
    assert iam.list_roles()["Roles"] == []


@pytest.mark.rule("I114")
def test_a_boundary_is_shown_with_its_role_and_user(world: World) -> None:
    iam = world.root()
    arn = "arn:aws:iam::aws:policy/AmazonVPCFullAccess"
    iam.create_user(UserName="ada", PermissionsBoundary=arn)
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(OTHER))
    iam.put_role_permissions_boundary(RoleName="pilot", PermissionsBoundary=arn)
    expected = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn}
    assert iam.get_user(UserName="ada")["User"]["PermissionsBoundary"] == expected
    assert iam.get_role(RoleName="pilot")["Role"]["PermissionsBoundary"] == expected
    for _ in range(2):
        iam.delete_user_permissions_boundary(UserName="ada")
        iam.delete_role_permissions_boundary(RoleName="pilot")
    assert "PermissionsBoundary" not in iam.get_user(UserName="ada")["User"]
    assert "PermissionsBoundary" not in iam.get_role(RoleName="pilot")["Role"]


@pytest.mark.rule("I114", "I198")
def test_only_a_policy_that_is_there_can_be_a_boundary(world: World) -> None:
    iam = world.root()
    arn = f"arn:aws:iam::{ACCOUNT}:policy/ghost"
    expected = (404, "NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")
    assert refusal(iam.create_user, UserName="ada", PermissionsBoundary=arn) == expected
    iam.create_user(UserName="ada")
    assert refusal(iam.put_user_permissions_boundary, UserName="ada", PermissionsBoundary=arn) == expected


# --- tags --------------------------------------------------


@pytest.mark.rule("I194")
def test_a_roles_tag_keys_differ_by_more_than_letter_case(world: World) -> None:
    iam = world.root()
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=trust(OTHER), Tags=[{"Key": "Team", "Value": "a"}])
    iam.tag_role(RoleName="pilot", Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    assert iam.list_role_tags(RoleName="pilot")["Tags"] == [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}]
    twice = [{"Key": "a", "Value": "b"}, {"Key": "A", "Value": "b"}]
    assert refusal(iam.tag_role, RoleName="pilot", Tags=twice)[:2] == (400, "InvalidInput")
    iam.untag_role(RoleName="pilot", TagKeys=["TEAM", "ghost"])
    assert iam.list_role_tags(RoleName="pilot")["Tags"] == [{"Key": "x", "Value": ""}]


@pytest.mark.rule("I195")
def test_a_policys_tag_keys_may_differ_by_letter_case_alone(world: World) -> None:
    iam = world.root()
    both = [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}]
    arn = iam.create_policy(PolicyName="lend", PolicyDocument=POLICY, Tags=both)["Policy"]["Arn"]
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == both


POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}'


@pytest.mark.rule("I192")
@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "aws:x", "Value": ""}], "InvalidInput"),
        ([{"Key": "x!", "Value": ""}], "ValidationError"),
        ([{"Key": "x" * 129, "Value": ""}], "ValidationError"),
        ([{"Key": "x", "Value": "y" * 257}], "ValidationError"),
        ([{"Key": "x"}], "ValidationError"),
        ([{"Key": f"k{number}", "Value": ""} for number in range(51)], "ValidationError"),
    ],
)
def test_a_tag_that_cannot_be_is_refused(world: World, tags: list[dict[str, str]], code: str) -> None:
    iam = world.root(validate=False)
    assert refusal(iam.create_user, UserName="ada", Tags=tags)[:2] == (400, code)
    assert iam.list_users()["Users"] == []


@pytest.mark.rule("I192")
def test_an_object_has_fifty_tags_at_most(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada", Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)])
    iam.tag_user(UserName="ada", Tags=[{"Key": "K0", "Value": "new"}])
    assert refusal(iam.tag_user, UserName="ada", Tags=[{"Key": "k50", "Value": ""}])[:2] == (409, "LimitExceeded")


def test_letters_of_all_languages_are_letters_of_a_tag(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada", Tags=[{"Key": "Größe/日本", "Value": "très bien +1@x"}])
    assert iam.list_user_tags(UserName="ada")["Tags"] == [{"Key": "Größe/日本", "Value": "très bien +1@x"}]
