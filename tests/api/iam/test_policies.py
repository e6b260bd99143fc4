"""Policies: inline and managed, their versions, and who has them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from isthmus.domain.iam import vendor
from isthmus.policy import compiled
from tests.api.iam.world import ACCOUNT, OTHER, World, refusal

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
LEND = f"arn:aws:iam::{ACCOUNT}:policy/lend"


def allow(*actions: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": OTHER}}}
)
KINDS = ["User", "Group", "Role"]
each_kind = pytest.mark.parametrize("kind", KINDS)


class Owner:
    """Somebody of a kind, whose actions are called without saying which kind it is."""

    def __init__(self, world: World, kind: str) -> None:
        self.iam, self._kind = world.root(), kind
        more = {"AssumeRolePolicyDocument": TRUST} if kind == "Role" else {}
        self.call("create_{}", **more)

    def call(self, action: str, **parameters: Any) -> Any:
        return self.action(action)(**{f"{self._kind}Name": "somebody", **parameters})

    def action(self, action: str) -> Callable[..., Any]:
        made: Callable[..., Any] = getattr(self.iam, action.format(self._kind.lower()))
        return made

    def refused(self, action: str, **parameters: Any) -> tuple[int, str, str]:
        return refusal(self.action(action), **{f"{self._kind}Name": "somebody", **parameters})


# --- inline --------------------------------------------------


@each_kind
@pytest.mark.rule("I192", "I193", "I194", "I197")
def test_an_inline_policy_is_shown_as_it_was_written(world: World, kind: str) -> None:
    owner = Owner(world, kind)
    text = allow("ec2:Describe*").replace(" ", "  \n")
    owner.call("put_{}_policy", PolicyName="own", PolicyDocument=text)
    shown = owner.call("get_{}_policy", PolicyName="own")
    assert (shown["PolicyName"], shown[f"{kind}Name"]) == ("own", "somebody")
    assert shown["PolicyDocument"] == json.loads(text)
    owner.call("put_{}_policy", PolicyName="own", PolicyDocument=allow("iam:*"))
    owner.call("put_{}_policy", PolicyName="another", PolicyDocument=allow("iam:*"))
    assert owner.call("get_{}_policy", PolicyName="own")["PolicyDocument"] == json.loads(allow("iam:*"))
    assert owner.call("list_{}_policies")["PolicyNames"] == ["own", "another"]
    owner.call("delete_{}_policy", PolicyName="own")
    assert owner.refused("get_{}_policy", PolicyName="own") == (
        404,
        "NoSuchEntity",
        f"The {kind.lower()} policy with name own cannot be found.",
    )


@pytest.mark.rule("I197")
def test_a_document_is_answered_url_encoded(world: World) -> None:
    owner = Owner(world, "User")
    owner.call("put_user_policy", PolicyName="own", PolicyDocument=allow("ec2:*"))
    query = "Action=GetUserPolicy&UserName=somebody&PolicyName=own&Version=2010-05-08&AWSAccessKeyId=111111111111"
    body = world.server.send("GET", f"/?{query}").body
    assert b"<PolicyDocument>%7B%22Version%22%3A%20%222012-10-17%22%2C%20%22Statement%22" in body


@each_kind
@pytest.mark.rule("I55")
def test_inline_policies_are_bounded_together(world: World, kind: str) -> None:
    owner = Owner(world, kind)
    limit = compiled.INLINE_LIMITS[kind.lower()]
    half = allow(*[f"ec2:{'x' * (limit // 2 - 120)}"])
    owner.call("put_{}_policy", PolicyName="one", PolicyDocument=half + " " * 9_000)
    owner.call("put_{}_policy", PolicyName="two", PolicyDocument=half)
    owner.call("put_{}_policy", PolicyName="two", PolicyDocument=half)
    assert owner.refused("put_{}_policy", PolicyName="three", PolicyDocument=half) == (
        409,
        "LimitExceeded",
        f"Maximum policy size of {limit} bytes exceeded for {kind.lower()} somebody",
    )


@each_kind
@pytest.mark.rule("I51", "I52", "I198")
@pytest.mark.parametrize("document", ["{", "[]", allow("nonsense"), allow("ec2:*").replace("Allow", "allow")])
def test_what_is_no_policy_is_not_saved(world: World, kind: str, document: str) -> None:
    owner = Owner(world, kind)
    assert owner.refused("put_{}_policy", PolicyName="own", PolicyDocument=document)[:2] == (400, "MalformedPolicyDocument")
    assert owner.call("list_{}_policies")["PolicyNames"] == []


# --- managed --------------------------------------------------


@pytest.mark.rule("I195", "I197")
def test_a_managed_policy_is_shown_as_it_was_made(world: World) -> None:
    iam = world.root()
    made = iam.create_policy(
        PolicyName="lend",
        Path="/x/",
        PolicyDocument=allow("ec2:*"),
        Description="lends",
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/x/lend"
    assert made["PolicyId"].startswith("ANPA")
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"] == made
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["Description"]) == ("v1", 0, "lends")
    (listed,) = iam.list_policies(Scope="Local")["Policies"]
    assert {"Description", "Tags"}.isdisjoint(listed)
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]
    assert (version["Document"], version["IsDefaultVersion"]) == (json.loads(allow("ec2:*")), True)


@pytest.mark.rule("I55", "I195", "I198")
def test_a_policy_has_five_versions_and_numbers_are_not_used_again(world: World) -> None:
    iam = world.root()
    iam.create_policy(PolicyName="lend", PolicyDocument=allow("ec2:*"))
    for number in range(2, 6):
        made = iam.create_policy_version(PolicyArn=LEND, PolicyDocument=allow("iam:*"), SetAsDefault=number == 3)
        assert made["PolicyVersion"]["VersionId"] == f"v{number}"
    assert refusal(iam.create_policy_version, PolicyArn=LEND, PolicyDocument=allow("iam:*")) == (
        409,
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    )
    assert refusal(iam.delete_policy_version, PolicyArn=LEND, VersionId="v3") == (
        409,
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    )
    iam.delete_policy_version(PolicyArn=LEND, VersionId="v5")
    iam.create_policy_version(PolicyArn=LEND, PolicyDocument=allow("sts:*"))
    shown = iam.list_policy_versions(PolicyArn=LEND)["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in shown] == [
        ("v6", False),
        ("v4", False),
        ("v3", True),
        ("v2", False),
        ("v1", False),
    ]
    iam.set_default_policy_version(PolicyArn=LEND, VersionId="v6")
    assert iam.get_policy(PolicyArn=LEND)["Policy"]["DefaultVersionId"] == "v6"


@pytest.mark.rule("I198")
@pytest.mark.parametrize("version", ["v2", "v1.x", "v99999999999999999999"])
def test_a_version_that_is_not_there_is_no_such_entity(world: World, version: str) -> None:
    iam = world.root()
    iam.create_policy(PolicyName="lend", PolicyDocument=allow("ec2:*"))
    assert refusal(iam.get_policy_version, PolicyArn=LEND, VersionId=version) == (
        404,
        "NoSuchEntity",
        f"Policy {LEND} version {version} does not exist or is not attachable.",
    )


@pytest.mark.rule("I195", "I198")
def test_a_policy_is_deleted_once_nothing_hangs_on_it(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    iam.create_policy(PolicyName="lend", PolicyDocument=allow("ec2:*"))
    iam.create_policy_version(PolicyArn=LEND, PolicyDocument=allow("iam:*"))
    iam.attach_user_policy(UserName="ada", PolicyArn=LEND)
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=LEND)
    for free in (
        lambda: iam.detach_user_policy(UserName="ada", PolicyArn=LEND),
        lambda: iam.delete_user_permissions_boundary(UserName="ada"),
        lambda: iam.delete_policy_version(PolicyArn=LEND, VersionId="v2"),
    ):
        assert refusal(iam.delete_policy, PolicyArn=LEND)[:2] == (409, "DeleteConflict")
        free()  # type: ignore[no-untyped-call]  # what boto3 makes
    iam.delete_policy(PolicyArn=LEND)
    assert refusal(iam.get_policy, PolicyArn=LEND) == (404, "NoSuchEntity", f"Policy {LEND} was not found.")


@pytest.mark.rule("I55")
def test_a_managed_policy_has_6144_characters_and_a_version_of_its_language(world: World) -> None:
    create = world.root().create_policy
    assert refusal(create, PolicyName="lend", PolicyDocument=allow("ec2:" + "x" * 6_144)) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for PolicySize: 6144",
    )
    assert refusal(create, PolicyName="lend", PolicyDocument=allow("ec2:*").replace("2012-10-17", "2008-10-17")) == (
        400,
        "MalformedPolicyDocument",
        "Policy document must be version 2012-10-17 or greater.",
    )


@pytest.mark.rule("I198")
@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:iam::nobody:policy/lend", (400, "InvalidInput", "ARN arn:aws:iam::nobody:policy/lend is not valid.")),
        (f"arn:aws:iam::{ACCOUNT}:role/lend", (400, "InvalidInput", f"ARN arn:aws:iam::{ACCOUNT}:role/lend is not valid.")),
        (
            f"arn:aws:iam::{OTHER}:policy/lend",
            (404, "NoSuchEntity", f"Policy arn:aws:iam::{OTHER}:policy/lend does not exist or is not attachable."),
        ),
        (
            f"arn:aws:iam::{ACCOUNT}:policy/x/lend",
            (404, "NoSuchEntity", f"Policy arn:aws:iam::{ACCOUNT}:policy/x/lend does not exist or is not attachable."),
        ),
        (
            f"arn:aws-cn:iam::{ACCOUNT}:policy/lend",
            (404, "NoSuchEntity", f"Policy arn:aws-cn:iam::{ACCOUNT}:policy/lend does not exist or is not attachable."),
        ),
    ],
)
def test_only_a_policy_of_the_account_or_of_the_vendor_is_attached(
    world: World, arn: str, expected: tuple[int, str, str]
) -> None:
    for account in (ACCOUNT, OTHER):
        world.root(account=account).create_policy(PolicyName="lend", PolicyDocument=allow("ec2:*"))
    owner = Owner(world, "User")
    assert owner.refused("attach_user_policy", PolicyArn=arn) == expected


# --- attached --------------------------------------------------


@each_kind
@pytest.mark.rule("I192", "I193", "I194", "I198")
def test_a_policy_is_attached_once_and_detached_once(world: World, kind: str) -> None:
    owner = Owner(world, kind)
    for _ in range(2):
        owner.call("attach_{}_policy", PolicyArn=READ_ONLY)
    attached = owner.call("list_attached_{}_policies")["AttachedPolicies"]
    assert attached == [{"PolicyName": "ReadOnlyAccess", "PolicyArn": READ_ONLY}]
    assert owner.call("list_attached_{}_policies", PathPrefix="/x/")["AttachedPolicies"] == []
    owner.call("detach_{}_policy", PolicyArn=READ_ONLY)
    assert owner.refused("detach_{}_policy", PolicyArn=READ_ONLY) == (
        404,
        "NoSuchEntity",
        f"Policy {READ_ONLY} was not found.",
    )


@each_kind
@pytest.mark.rule("I55")
def test_ten_policies_are_attached_at_most(world: World, kind: str) -> None:
    owner = Owner(world, kind)
    for number in range(10):
        made = owner.iam.create_policy(PolicyName=f"p{number}", PolicyDocument=allow("ec2:*"))["Policy"]
        owner.call("attach_{}_policy", PolicyArn=made["Arn"])
    assert owner.refused("attach_{}_policy", PolicyArn=READ_ONLY)[1:] == (
        "LimitExceeded",
        f"Cannot exceed quota for PoliciesPer{kind}: 10",
    )


def everybody(iam: Any) -> None:
    iam.create_policy(PolicyName="lend", PolicyDocument=allow("ec2:*"))
    iam.create_user(UserName="ada")
    iam.create_user(UserName="bob", Path="/x/")
    iam.create_group(GroupName="crew")
    iam.create_role(RoleName="pilot", AssumeRolePolicyDocument=TRUST)
    iam.attach_user_policy(UserName="ada", PolicyArn=LEND)
    iam.attach_group_policy(GroupName="crew", PolicyArn=LEND)
    iam.attach_role_policy(RoleName="pilot", PolicyArn=LEND)
    iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary=LEND)
    iam.put_role_permissions_boundary(RoleName="pilot", PermissionsBoundary=LEND)


@pytest.mark.rule("I195", "I197")
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["ada", "crew", "pilot", "bob", "pilot"]),
        ({"PolicyUsageFilter": "PermissionsPolicy"}, ["ada", "crew", "pilot"]),
        ({"PolicyUsageFilter": "PermissionsBoundary"}, ["bob", "pilot"]),
        ({"EntityFilter": "User"}, ["ada", "bob"]),
        ({"EntityFilter": "Role", "PolicyUsageFilter": "PermissionsBoundary"}, ["pilot"]),
        ({"EntityFilter": "LocalManagedPolicy"}, []),
        ({"PathPrefix": "/x/"}, ["bob"]),
    ],
)
def test_the_entities_of_a_policy_are_those_that_have_it_or_are_bounded_by_it(
    world: World, asked: dict[str, str], names: list[str]
) -> None:
    iam = world.root()
    everybody(iam)
    found = []
    for page in iam.get_paginator("list_entities_for_policy").paginate(
        PolicyArn=LEND, PaginationConfig={"PageSize": 1}, **asked
    ):
        found += [each["UserName"] for each in page["PolicyUsers"]]
        found += [each["GroupName"] for each in page["PolicyGroups"]]
        found += [each["RoleName"] for each in page["PolicyRoles"]]
    assert found == names


@pytest.mark.rule("I195")
def test_a_policy_counts_who_has_it_and_whom_it_bounds(world: World) -> None:
    iam = world.root()
    everybody(iam)
    (listed,) = iam.list_policies(Scope="Local")["Policies"]
    for shown in (listed, iam.get_policy(PolicyArn=LEND)["Policy"]):
        assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (3, 2)


# --- the vendor's --------------------------------------------------


@pytest.mark.rule("I195")
def test_the_vendors_policies_are_listed_first_and_their_documents_can_be_read(world: World) -> None:
    iam = world.root()
    iam.create_policy(PolicyName="lend", PolicyDocument=allow("ec2:*"))
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 3})
    names = [policy["PolicyName"] for page in pages for policy in page["Policies"]]
    assert names == [*vendor.POLICIES, "lend"]
    assert {"AmazonVPCFullAccess", "AmazonEC2ReadOnlyAccess", "AdministratorAccess", "IAMReadOnlyAccess"} <= set(names)
    assert len(iam.list_policies(Scope="AWS")["Policies"]) == len(vendor.POLICIES)
    shown = iam.get_policy_version(PolicyArn=READ_ONLY, VersionId="v1")["PolicyVersion"]["Document"]
    assert "ec2:Describe*" in shown["Statement"][0]["Action"]


@pytest.mark.rule("I195")
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"OnlyAttached": True}, ["lend", "ReadOnlyAccess"]),
        ({"OnlyAttached": True, "Scope": "Local"}, ["lend"]),
        ({"PolicyUsageFilter": "PermissionsBoundary"}, ["lend"]),
        ({"PolicyUsageFilter": "PermissionsPolicy", "Scope": "AWS"}, ["ReadOnlyAccess"]),
        ({"PathPrefix": "/x/"}, ["unused"]),
    ],
)
def test_policies_are_listed_as_far_as_they_are_asked_for(world: World, asked: dict[str, Any], names: list[str]) -> None:
    iam = world.root()
    everybody(iam)
    iam.create_policy(PolicyName="unused", Path="/x/", PolicyDocument=allow("ec2:*"))
    iam.attach_user_policy(UserName="ada", PolicyArn=READ_ONLY)
    assert sorted(policy["PolicyName"] for policy in iam.list_policies(**asked)["Policies"]) == sorted(names)


@pytest.mark.rule("I195")
@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("delete_policy", {}),
        ("create_policy_version", {"PolicyDocument": allow("ec2:*")}),
        ("set_default_policy_version", {"VersionId": "v1"}),
        ("delete_policy_version", {"VersionId": "v1"}),
        ("tag_policy", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ],
)
def test_nobody_changes_the_vendors_policies(world: World, action: str, more: dict[str, Any]) -> None:
    assert refusal(getattr(world.root(), action), PolicyArn=READ_ONLY, **more)[:2] == (403, "AccessDenied")
