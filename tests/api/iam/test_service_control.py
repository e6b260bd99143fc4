"""Service control policies: what an account's principals, its root too, may do at most (I116)."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.actions import administration
from isthmus.actions.start_file import applying, checking
from isthmus.store.api import Kind
from tests.api.iam.world import ACCOUNT, OTHER, World

FULL = "FullAWSAccess"
ONLY_EUROPE = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}},
    },
}
ONLY_READ = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}}
ONLY_WITH_FACTOR = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny",
        "Action": "ec2:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
    },
}
POLICIES = [
    {"name": "OnlyEurope", "document": ONLY_EUROPE},
    {"name": "OnlyRead", "document": ONLY_READ},
    {"name": "OnlyWithFactor", "document": ONLY_WITH_FACTOR},
]


def at(level: str, names: list[str]) -> Any:
    return {level: names}


def organize(world: World, *, manager: str = "", **attached: list[str]) -> Any:
    """Say what is attached to the organization's root, and to the account."""
    said: dict[str, Any] = {
        "organization": {
            "policies": POLICIES,
            "service_control_policies": attached.get("root"),
            "management_account": manager or None,
        },
        "accounts": [{"id": ACCOUNT, "name": "network", "service_control_policies": attached.get("account")}],
    }
    start = checking.checked(said)
    return world.server.store.run_now(Kind.WRITE, lambda unit: applying.apply(unit, start))


def root_key(world: World, account: str = ACCOUNT) -> Mapping[str, str]:
    """A key of an account's root."""
    made = world.server.store.run_now(Kind.WRITE, lambda unit: administration.issue_key(unit, account))
    return {"AccessKeyId": made.id, "SecretAccessKey": made.secret}


def may(world: World, key: Any, region: str = "us-east-1") -> tuple[bool, bool]:
    """Whether the holder of a key may describe, and create."""
    ec2 = world.of(key, "ec2", region=region)
    return _allows(ec2.describe_vpcs), _allows(ec2.create_vpc, CidrBlock="10.0.0.0/16")


def _allows(call: Any, **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] == "UnauthorizedOperation":
            return False
        raise
    return True


@pytest.mark.rule("I116", "I117")
def test_without_any_nothing_binds_a_root(world: World) -> None:
    assert may(world, root_key(world)) == (True, True)
    organize(world)
    assert may(world, root_key(world)) == (True, True)


@pytest.mark.rule("I116", "I117")
@pytest.mark.parametrize("level", ["root", "account"])
def test_a_deny_at_any_level_binds_users_and_the_root(world: World, level: str) -> None:
    user = world.user()
    world.root().attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    root = root_key(world)
    organize(world, **at(level, [FULL, "OnlyEurope"]))
    for key in (user, root):
        assert may(world, key) == (False, False)
        assert may(world, key, "eu-west-1") == (True, True)


@pytest.mark.rule("I116")
@pytest.mark.parametrize("level", ["root", "account"])
def test_every_level_must_allow_and_the_other_one_does_by_itself(world: World, level: str) -> None:
    root = root_key(world)
    organize(world, **at(level, ["OnlyRead"]))
    assert may(world, root) == (True, False)
    organize(world, **at(level, [FULL]))
    assert may(world, root) == (True, True)


@pytest.mark.rule("I116")
def test_one_of_several_at_a_level_is_enough(world: World) -> None:
    root = root_key(world)
    organize(world, root=[FULL, "OnlyRead"])
    assert may(world, root) == (True, True)


@pytest.mark.rule("I97", "I116")
def test_a_roots_temporary_credentials_are_without_a_second_factor(world: World) -> None:
    root = root_key(world)
    organize(world, account=[FULL, "OnlyWithFactor"])
    assert may(world, root) == (True, True)
    given = world.of(dict(root), "sts").get_session_token()["Credentials"]
    assert not _allows(world.of(given, "ec2", aws_session_token=given["SessionToken"]).describe_vpcs)


@pytest.mark.rule("I116")
def test_an_accounts_own_policies_bind_no_other(world: World) -> None:
    other = root_key(world, OTHER)
    organize(world, account=["OnlyRead"])
    assert may(world, other) == (True, True)


@pytest.mark.rule("I116")
def test_the_management_account_is_not_bound(world: World) -> None:
    root, other = root_key(world), root_key(world, OTHER)
    organize(world, root=["OnlyRead"], manager=ACCOUNT)
    assert may(world, root) == (True, True)
    assert may(world, other) == (True, False)


@pytest.mark.rule("I116")
def test_policies_grant_nothing(world: World) -> None:
    user = world.user()
    organize(world, root=[FULL])
    assert may(world, user) == (False, False)


@pytest.mark.rule("I116", "I213")
def test_a_root_that_shows_no_key_is_bound_by_nothing(world: World) -> None:
    organize(world, root=["OnlyRead"])
    world.root("ec2").create_vpc(CidrBlock="10.0.0.0/16")


@pytest.mark.rule("I116", "I155")
def test_a_refusal_names_the_policy(world: World) -> None:
    root, _ = root_key(world), root_key(world, OTHER)
    organize(world, root=[FULL, "OnlyEurope"], manager=OTHER)
    with pytest.raises(ClientError) as caught:
        world.of(dict(root), "ec2").describe_vpcs()
    message = caught.value.response["Error"]["Message"]
    assert f"with an explicit deny in a service control policy: arn:aws:organizations::{OTHER}:policy/" in message


@pytest.mark.rule("I116")
def test_roles_and_iam_itself_are_bound(world: World) -> None:
    root = root_key(world)
    organize(world, root=["OnlyRead"])
    with pytest.raises(ClientError) as caught:
        world.of(dict(root), "iam").list_users()
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_a_change_counts_for_the_next_request(world: World) -> None:
    root = root_key(world)
    assert may(world, root) == (True, True)
    organize(world, root=["OnlyRead"])
    assert may(world, root) == (True, False)
    changed = [{**POLICIES[1], "document": ONLY_EUROPE}]
    start = checking.checked({"organization": {"policies": changed}})
    world.server.store.run_now(Kind.WRITE, lambda unit: applying.apply(unit, start))
    assert may(world, root) == (False, False)


def test_an_account_that_goes_takes_its_attachments_along(world: World) -> None:
    organize(world, account=["OnlyRead"], manager=ACCOUNT)

    def work(unit: Any) -> tuple[int, int, int]:
        administration.delete_account(unit, ACCOUNT, with_objects=True)
        return unit.service_control_attachments.count(), unit.organizations.count(), unit.service_control_policies.count()

    assert world.server.store.run_now(Kind.WRITE, work) == (0, 0, 3)


def test_a_reset_of_identities_takes_the_organization_along(world: World) -> None:
    organize(world, root=["OnlyRead"], manager=ACCOUNT)
    world.server.store.run_now(Kind.WRITE, lambda unit: administration.reset(unit, identity=True), alone=True)
    assert world.server.store.run_now(
        Kind.READ, lambda unit: [rows.count() for rows in (unit.organizations, unit.service_control_policies)]
    ) == [0, 0]
