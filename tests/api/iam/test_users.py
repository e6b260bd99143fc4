"""Users and their keys, as boto3 sees them, and who a key is."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from isthmus.actions.call import Call
from isthmus.domain import access_keys
from isthmus.domain.accounts import AccessKey, KeyStatus
from isthmus.gateway import authenticate
from isthmus.store.api import Kind
from tests.api.iam.world import ACCOUNT, OTHER, World, refusal

ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]})


# --- who a key is --------------------------------------------------


@pytest.mark.rule("I1", "I3", "I171", "I192")
def test_a_users_key_is_the_user(world: World) -> None:
    key = world.user("alice", Path="/network/")
    answer = world.of(key, "sts").get_caller_identity()
    made = world.root().get_user(UserName="alice")["User"]
    assert answer["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/network/alice" == made["Arn"]
    assert answer["UserId"] == made["UserId"]
    assert answer["Account"] == ACCOUNT


@pytest.mark.rule("I1")
@pytest.mark.parametrize(("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn")])
def test_an_arn_has_the_partition_that_was_called(world: World, region: str, partition: str) -> None:
    key = world.user()
    arn = world.of(key, "sts", region=region).get_caller_identity()["Arn"]
    assert arn == f"arn:{partition}:iam::{ACCOUNT}:user/alice"


@pytest.mark.rule("I2")
def test_unique_ids_have_their_kinds_prefix_and_21_characters(world: World) -> None:
    iam = world.root()
    ids = [iam.create_user(UserName=name)["User"]["UserId"] for name in ("one", "two")]
    assert [(each[:4], len(each)) for each in ids] == [("AIDA", 21)] * 2
    assert ids[0] != ids[1]


def test_a_renamed_user_is_called_by_its_new_name_with_its_old_key(world: World) -> None:
    key = world.user("alice")
    before = world.of(key, "sts").get_caller_identity()
    world.root().update_user(UserName="alice", NewUserName="bob", NewPath="/x/")
    after = world.of(key, "sts").get_caller_identity()
    assert (after["Arn"], after["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:user/x/bob", before["UserId"])


# --- nobody but root may do anything until policies are evaluated --------------------------------------------------


@pytest.mark.rule("I112", "I121", "I156")
def test_a_user_may_ask_who_it_is_and_nothing_else(world: World) -> None:
    key = world.user()
    world.of(key, "sts").get_caller_identity()
    status, code, message = refusal(world.of(key).get_user, UserName="alice")
    assert (status, code) == (403, "AccessDenied")
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: iam:GetUser on resource: "
        "user alice because no identity-based policy allows the iam:GetUser action"
    )
    assert refusal(world.of(key, "ec2").describe_vpcs)[:2] == (403, "UnauthorizedOperation")
    assert refusal(world.of(key, "ec2").create_vpc, CidrBlock="10.0.0.0/16")[:2] == (403, "UnauthorizedOperation")
    assert refusal(world.of(key, "sts").get_access_key_info, AccessKeyId=key["AccessKeyId"])[:2] == (403, "AccessDenied")


def test_a_refused_user_does_not_learn_which_names_there_are(world: World) -> None:
    key = world.user()
    there = refusal(world.of(key).get_role, RoleName="x")
    world.root().create_role(RoleName="x", Path="/secret/", AssumeRolePolicyDocument=json.dumps(trust(ACCOUNT)))
    assert refusal(world.of(key).get_role, RoleName="x") == there


def trust(principal: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}}
    return {"Version": "2012-10-17", "Statement": [statement]}


# --- users --------------------------------------------------


@pytest.mark.rule("I192")
def test_a_made_user_is_shown_as_it_was_made(world: World) -> None:
    iam = world.root()
    made = iam.create_user(UserName="Ada", Path="/a/b/", Tags=[{"Key": "Team", "Value": "Réseau"}])["User"]
    assert iam.get_user(UserName="Ada")["User"] == made
    assert (made["UserName"], made["Path"], made["Tags"]) == ("Ada", "/a/b/", [{"Key": "Team", "Value": "Réseau"}])
    assert "Tags" not in iam.list_users()["Users"][0]


@pytest.mark.rule("I197")
def test_instants_have_whole_seconds(world: World) -> None:
    world.root().create_user(UserName="ada")
    answer = world.server.send("GET", "/?Action=GetUser&UserName=ada&Version=2010-05-08&AWSAccessKeyId=111111111111")
    assert b"<CreateDate>2026-01-02T03:04:05Z</CreateDate>" in answer.body


@pytest.mark.rule("I191")
def test_root_that_asks_for_itself_is_shown_root(world: World) -> None:
    shown = world.root().get_user()["User"]
    assert (shown["Arn"], shown["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    assert "UserName" not in shown


@pytest.mark.rule("I198")
@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_a_name_is_taken_in_every_letter_case(world: World, name: str) -> None:
    iam = world.root()
    iam.create_user(UserName="Ada")
    assert refusal(iam.create_user, UserName=name) == (
        409,
        "EntityAlreadyExists",
        f"User with name {name} already exists.",
    )
    assert iam.get_user(UserName=name)["User"]["UserName"] == "Ada"


def test_a_user_may_take_its_own_name_in_another_letter_case_but_no_others(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    iam.create_user(UserName="bob")
    iam.update_user(UserName="ada", NewUserName="Ada")
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["Ada", "bob"]
    assert refusal(iam.update_user, UserName="bob", NewUserName="ada")[1] == "EntityAlreadyExists"


@pytest.mark.rule("I198")
@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("get_user", {}),
        ("delete_user", {}),
        ("update_user", {"NewPath": "/x/"}),
        ("create_access_key", {}),
        ("list_access_keys", {}),
        ("list_user_tags", {}),
        ("list_groups_for_user", {}),
        ("list_mfa_devices", {}),
        ("get_login_profile", {}),
        ("list_user_policies", {}),
    ],
)
def test_a_user_who_is_not_there_is_no_such_entity(world: World, action: str, more: dict[str, str]) -> None:
    expected = (404, "NoSuchEntity", "The user with name ghost cannot be found.")
    assert refusal(getattr(world.root(), action), UserName="ghost", **more) == expected


def test_users_of_two_accounts_may_have_one_name_and_do_not_meet(world: World) -> None:
    world.root().create_user(UserName="ada")
    world.root(account=OTHER).create_user(UserName="ada", Path="/other/")
    assert [user["Path"] for user in world.root().list_users()["Users"]] == ["/"]
    world.root(account=OTHER).delete_user(UserName="ada")
    assert len(world.root().list_users()["Users"]) == 1


@pytest.mark.rule("I7", "I192", "I198")
def test_a_user_is_deleted_once_nothing_hangs_on_it(world: World) -> None:
    iam = world.root()
    key = world.user("ada")
    iam.create_group(GroupName="crew")
    iam.add_user_to_group(GroupName="crew", UserName="ada")
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=ALLOW)
    iam.attach_user_policy(UserName="ada", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    conflicts = []
    for free in (
        lambda: iam.delete_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"]),
        lambda: iam.remove_user_from_group(GroupName="crew", UserName="ada"),
        lambda: iam.delete_user_policy(UserName="ada", PolicyName="own"),
        lambda: iam.detach_user_policy(UserName="ada", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ):
        status, code, message = refusal(iam.delete_user, UserName="ada")
        assert (status, code) == (409, "DeleteConflict")
        conflicts.append(message)
        free()  # type: ignore[no-untyped-call]  # what boto3 makes
    iam.delete_user(UserName="ada")
    assert conflicts == [
        "Cannot delete entity, must delete access keys first.",
        "Cannot delete entity, must remove user from all groups first.",
        "Cannot delete entity, must delete policies first.",
        "Cannot delete entity, must detach all policies first.",
    ]
    assert iam.list_users()["Users"] == []


@pytest.mark.rule("I7")
def test_a_users_sessions_do_not_keep_it_and_end_with_it(world: World) -> None:
    iam, store = world.root(), world.server.store
    user_id = iam.create_user(UserName="ada")["User"]["UserId"]
    iam.create_access_key()
    later = world.clock.wall() + 3_600_000
    key_id = access_keys.make(access_keys.TEMPORARY_PREFIX, ACCOUNT, b"12345")
    session = AccessKey(key_id, ACCOUNT, "secret", KeyStatus.ACTIVE, "token", later, 0, user_id)
    store.run_now(Kind.WRITE, lambda unit: unit.access_keys.put(session))
    assert iam.list_access_keys(UserName="ada")["AccessKeyMetadata"] == []
    sts = world.server.client(key_id, service="sts", secret="secret", aws_session_token="token")
    assert sts.get_caller_identity()["UserId"] == user_id
    iam.delete_user(UserName="ada")
    assert refusal(sts.get_caller_identity)[:2] == (403, "InvalidClientTokenId")


@pytest.mark.parametrize(
    "action",
    ["create_access_key", "list_access_keys", "get_user", "get_login_profile", "list_mfa_devices"],
)
def test_a_caller_who_is_neither_user_nor_root_is_not_taken_for_root(
    world: World, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a role session will be one day: everything is allowed to it here, and it names nobody."""
    monkeypatch.setattr(Call, "authorize", lambda call, *_: setattr(call, "authorized", True))
    real = authenticate.authenticate
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/pilot/one"
    pretend = lambda *args, **more: replace(real(*args, **more), kind="assumed-role", arn=session)  # noqa: E731
    monkeypatch.setattr(authenticate, "authenticate", pretend)
    assert refusal(getattr(world.root(), action)) == (
        400,
        "ValidationError",
        "Must specify userName when calling with non-User credentials",
    )


# --- validation --------------------------------------------------


@pytest.mark.rule("I198")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"UserName": "a b"},
            (
                "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the "
                "following: +=,.@_-"
            ),
        ),
        (
            {"UserName": "a" * 65},
            (
                f"1 validation error detected: Value '{'a' * 65}' at 'userName' failed to satisfy constraint: Member must "
                "have length less than or equal to 64"
            ),
        ),
        (
            {"UserName": "a" * 65, "Path": "x"},
            (
                r"2 validation errors detected: Value 'x' at 'path' failed to satisfy constraint: Member must satisfy "
                r"regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F); "
                f"Value '{'a' * 65}' at 'userName' failed to satisfy constraint: Member must have length less than or "
                "equal to 64"
            ),
        ),
        (
            {"UserName": "é", "Path": "x"},
            (
                r"1 validation error detected: Value 'x' at 'path' failed to satisfy constraint: Member must satisfy "
                r"regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)"
            ),
        ),
    ],
)
def test_all_that_is_wrong_with_a_request_is_told_at_once(world: World, parameters: dict[str, str], message: str) -> None:
    iam = world.root(validate=False)
    assert refusal(iam.create_user, **parameters) == (400, "ValidationError", message)


@pytest.mark.parametrize("items", [0, 1001])
def test_a_page_has_1_to_1000_items(world: World, items: int) -> None:
    assert refusal(world.root(validate=False).list_users, MaxItems=items)[1] == "ValidationError"


# --- pages --------------------------------------------------


@pytest.mark.rule("I197")
def test_pages_follow_each_other_and_the_last_one_says_so(world: World) -> None:
    iam = world.root()
    for number in range(5):
        iam.create_user(UserName=f"user{number}", Path="/even/" if number % 2 == 0 else "/odd/")
    first = iam.list_users(MaxItems=2)
    assert (len(first["Users"]), first["IsTruncated"]) == (2, True)
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    assert [user["UserName"] for page in pages for user in page["Users"]] == [f"user{number}" for number in range(5)]
    even = iam.get_paginator("list_users").paginate(PathPrefix="/even/", PaginationConfig={"PageSize": 2})
    answers = list(even)
    assert [user["UserName"] for page in answers for user in page["Users"]] == ["user0", "user2", "user4"]
    assert answers[-1]["IsTruncated"] is False
    assert "Marker" not in answers[-1]


def test_a_hundred_items_are_a_page_where_nobody_says_how_many(world: World) -> None:
    iam = world.root()
    for number in range(101):
        iam.create_user(UserName=f"user{number}")
    answer = iam.list_users()
    assert (len(answer["Users"]), answer["IsTruncated"]) == (100, True)


def test_a_marker_of_another_list_is_refused(world: World) -> None:
    iam = world.root()
    for name in ("one", "two"):
        iam.create_user(UserName=name)
    marker = iam.list_users(MaxItems=1)["Marker"]
    assert refusal(iam.list_groups, Marker=marker)[:2] == (400, "ValidationError")
    assert refusal(iam.list_users, Marker=marker, PathPrefix="/x/")[:2] == (400, "ValidationError")
    assert refusal(world.root(account=OTHER).list_users, Marker=marker)[:2] == (400, "ValidationError")


# --- keys --------------------------------------------------


@pytest.mark.rule("I7")
def test_a_user_has_two_keys_at_most(world: World) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    keys = [iam.create_access_key(UserName="ada")["AccessKey"] for _ in range(2)]
    assert refusal(iam.create_access_key, UserName="ada") == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    shown = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in shown] == [key["AccessKeyId"] for key in keys]
    assert all("SecretAccessKey" not in key for key in shown)
    iam.delete_access_key(UserName="ada", AccessKeyId=keys[0]["AccessKeyId"])
    iam.create_access_key(UserName="ada")


@pytest.mark.rule("I7")
def test_root_has_two_keys_at_most_and_they_are_root(world: World) -> None:
    iam = world.root()
    key = iam.create_access_key()["AccessKey"]
    assert "UserName" not in key
    assert world.of(key, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    world.of(key).create_access_key()
    assert refusal(iam.create_access_key)[1] == "LimitExceeded"


@pytest.mark.rule("I7")
@pytest.mark.parametrize("how", ["update_access_key", "delete_access_key"])
def test_a_key_that_was_taken_away_fails_at_once(world: World, how: str) -> None:
    key = world.user("ada")
    sts = world.of(key, "sts")
    sts.get_caller_identity()
    more = {"Status": "Inactive"} if how == "update_access_key" else {}
    getattr(world.root(), how)(UserName="ada", AccessKeyId=key["AccessKeyId"], **more)
    assert refusal(sts.get_caller_identity)[:2] == (403, "InvalidClientTokenId")


@pytest.mark.rule("I7")
def test_a_key_that_was_switched_on_again_works_again(world: World) -> None:
    key = world.user("ada")
    for status in ("Inactive", "Active"):
        world.root().update_access_key(UserName="ada", AccessKeyId=key["AccessKeyId"], Status=status)
    assert world.of(key, "sts").get_caller_identity()["Account"] == ACCOUNT


@pytest.mark.parametrize("name", ["bob", None])
def test_a_key_of_another_user_is_none_of_this_one(world: World, name: str | None) -> None:
    key = world.user("ada")
    world.root().create_user(UserName="bob")
    named = {"UserName": name} if name else {}
    for action in (world.root().delete_access_key, world.root().update_access_key):
        more = {"Status": "Active"} if "update" in action.__name__ else {}
        assert refusal(action, AccessKeyId=key["AccessKeyId"], **named, **more) == (
            404,
            "NoSuchEntity",
            f"The Access Key with id {key['AccessKeyId']} cannot be found.",
        )


def test_nobody_can_expire_a_key(world: World) -> None:
    key = world.user("ada")
    update = world.root().update_access_key
    assert refusal(update, UserName="ada", AccessKeyId=key["AccessKeyId"], Status="Expired")[1] == "ValidationError"


def test_an_account_that_was_never_made_is_made_with_its_first_key(world: World) -> None:
    world.user("ada", account=OTHER)
    names = world.server.store.run_now(Kind.READ, lambda unit: [(row.id, row.name) for row in unit.accounts.where()])
    assert names == [(OTHER, OTHER)]
