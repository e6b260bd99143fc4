"""What policies may ask of IAM's own actions: tags, the policy in question, boundaries, and whom a role is passed to."""

import json
from typing import Any

import pytest

from tests.api.iam.world import ACCOUNT, World, refusal

DENIED = (403, "AccessDenied")
VENDORS = "arn:aws:iam::aws:policy/{}"
BOUNDARY = VENDORS.format("PowerUserAccess")
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
    }
)


def delegate(world: World, *statements: dict[str, Any]) -> Any:
    """Return IAM as a user sees it who has these statements."""
    key = world.user("delegate")
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*"} | s for s in statements]}
    )
    world.root().put_user_policy(UserName="delegate", PolicyName="all", PolicyDocument=document)
    return world.of(key)


def when(action: str | list[str], **condition: dict[str, str]) -> dict[str, Any]:
    return {"Action": action, "Condition": condition}


def is_denied(call: Any, **parameters: Any) -> bool:
    return refusal(call, **parameters)[:2] == DENIED


@pytest.mark.rule("I102")
@pytest.mark.parametrize("family", ["aws:ResourceTag", "iam:ResourceTag"])
def test_an_objects_tags_are_asked_for(world: World, family: str) -> None:
    root = world.root()
    for name, team in (("ours", "net"), ("theirs", "web")):
        root.create_user(UserName=name, Tags=[{"Key": "team", "Value": team}])
        root.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "team", "Value": team}])
        root.create_policy(PolicyName=name, PolicyDocument=ALLOW, Tags=[{"Key": "team", "Value": team}])
        root.create_instance_profile(InstanceProfileName=name, Tags=[{"Key": "team", "Value": team}])
    iam = delegate(world, when("iam:*", StringEquals={f"{family}/team": "net"}))
    calls = (
        (iam.get_user, "UserName", ""),
        (iam.delete_role, "RoleName", ""),
        (iam.get_policy, "PolicyArn", f"arn:aws:iam::{ACCOUNT}:policy/"),
        (iam.get_instance_profile, "InstanceProfileName", ""),
    )
    for call, word, before in calls:
        call(**{word: f"{before}ours"})
        assert is_denied(call, **{word: f"{before}theirs"})
        assert is_denied(call, **{word: f"{before}nobody"})


@pytest.mark.rule("I102")
def test_the_tags_of_a_request_are_asked_for(world: World) -> None:
    iam = delegate(
        world,
        when(["iam:CreateUser", "iam:TagUser"], StringEquals={"aws:RequestTag/team": "net"}),
        when("iam:UntagUser", **{"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}),
    )
    iam.create_user(UserName="bob", Tags=[{"Key": "team", "Value": "net"}, {"Key": "x", "Value": ""}])
    iam.tag_user(UserName="bob", Tags=[{"Key": "team", "Value": "net"}])
    iam.untag_user(UserName="bob", TagKeys=["team"])
    assert is_denied(iam.create_user, UserName="eve")
    assert is_denied(iam.create_user, UserName="eve", Tags=[{"Key": "team", "Value": "web"}])
    assert is_denied(iam.tag_user, UserName="bob", Tags=[{"Key": "other", "Value": "net"}])
    assert is_denied(iam.untag_user, UserName="bob", TagKeys=["team", "x"])


@pytest.mark.rule("I102")
@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_the_policy_that_is_attached_or_detached_is_asked_for(world: World, kind: str) -> None:
    made: dict[str, dict[str, Any]] = {"role": {"AssumeRolePolicyDocument": TRUST}}
    name = {f"{kind.capitalize()}Name": "it"}
    getattr(world.root(), f"create_{kind}")(**name, **made.get(kind, {}))
    allowed, other = (VENDORS.format(each) for each in ("AmazonVPCReadOnlyAccess", "AdministratorAccess"))
    getattr(world.root(), f"attach_{kind}_policy")(**name, PolicyArn=other)
    iam = delegate(world, when("iam:*", ArnEquals={"iam:PolicyARN": allowed}))
    getattr(iam, f"attach_{kind}_policy")(**name, PolicyArn=allowed)
    getattr(iam, f"detach_{kind}_policy")(**name, PolicyArn=allowed)
    assert is_denied(getattr(iam, f"attach_{kind}_policy"), **name, PolicyArn=other)
    assert is_denied(getattr(iam, f"detach_{kind}_policy"), **name, PolicyArn=other)
    assert is_denied(getattr(iam, f"get_{kind}"), **name)


@pytest.mark.rule("I102")
@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_delegate_makes_only_what_the_boundary_bounds(world: World, kind: str) -> None:
    """The way in which IAM is delegated: whoever is made by a delegate has the delegate's boundary, and keeps it."""
    title, made = kind.capitalize(), {"role": {"AssumeRolePolicyDocument": TRUST}}.get(kind, {})
    iam = delegate(world, when("iam:*", StringEquals={"iam:PermissionsBoundary": BOUNDARY}))
    create, put = getattr(iam, f"create_{kind}"), getattr(iam, f"put_{kind}_permissions_boundary")
    bound, free = {f"{title}Name": "bound"}, {f"{title}Name": "free"}
    create(**bound, **made, PermissionsBoundary=BOUNDARY)
    assert is_denied(create, **free, **made)
    assert is_denied(create, **free, **made, PermissionsBoundary=VENDORS.format("AdministratorAccess"))
    getattr(world.root(), f"create_{kind}")(**free, **made)
    policy = {"PolicyName": "inline", "PolicyDocument": ALLOW}
    managed = {"PolicyArn": VENDORS.format("AmazonVPCReadOnlyAccess")}
    for verb, given in (
        ("put_{}_policy", policy),
        ("delete_{}_policy", {"PolicyName": "inline"}),
        ("attach_{}_policy", managed),
        ("detach_{}_policy", managed),
    ):
        call = getattr(iam, verb.format(kind))
        call(**bound, **given)
        assert is_denied(call, **free, **given)
    assert is_denied(put, **bound, PermissionsBoundary=VENDORS.format("AdministratorAccess"))
    put(**free, PermissionsBoundary=BOUNDARY)
    getattr(iam, f"delete_{kind}_permissions_boundary")(**free)
    assert is_denied(getattr(iam, f"delete_{kind}_permissions_boundary"), **free)


@pytest.mark.rule("I102")
def test_an_own_policy_bounds_under_its_own_arn(world: World) -> None:
    arn = world.root().create_policy(PolicyName="bounds", Path="/team/", PolicyDocument=ALLOW)["Policy"]["Arn"]
    world.root().create_user(UserName="bob", PermissionsBoundary=arn)
    iam = delegate(world, when("iam:PutUserPolicy", StringEquals={"iam:PermissionsBoundary": arn}))
    iam.put_user_policy(UserName="bob", PolicyName="inline", PolicyDocument=ALLOW)


@pytest.mark.rule("I103")
def test_who_puts_a_role_into_an_instance_profile_passes_it_on(world: World) -> None:
    root = world.root()
    for name in ("ours", "theirs"):
        root.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    root.create_instance_profile(InstanceProfileName="profile")
    role = f"arn:aws:iam::{ACCOUNT}:role/ours"
    iam = delegate(
        world,
        {"Action": "iam:AddRoleToInstanceProfile"},
        {**when("iam:PassRole", StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}), "Resource": role},
    )
    code, message = refusal(iam.add_role_to_instance_profile, InstanceProfileName="profile", RoleName="theirs")[1:]
    assert code == "AccessDenied"
    assert f"iam:PassRole on resource: {role.replace('ours', 'theirs')}" in message
    assert root.get_instance_profile(InstanceProfileName="profile")["InstanceProfile"]["Roles"] == []
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="ours")
