"""Temporary credentials of oneself and of federated users: what they open, and what they never do."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.iam.world import ACCOUNT, OTHER, World, refusal
from tests.api.sts.roles import allow, assume, grant, holder, policy, role, statement, user_arn, who

INVALID_TOKEN = (403, "InvalidClientTokenId", "The security token included in the request is invalid")
UNAUTHORIZED = (403, "UnauthorizedOperation")
HOURS = 3_600


def expires_after(world: World, answer: Any) -> float:
    """Seconds until temporary credentials expire."""
    seconds: float = answer["Credentials"]["Expiration"].timestamp() - world.clock.wall() // 1_000
    return seconds


# --- GetSessionToken --------------------------------------------------------------------------------------------------


@pytest.mark.rule("I3", "I121", "I171", "I179")
def test_a_session_token_is_its_user_with_the_users_permissions(world: World) -> None:
    alice = world.user()
    grant(world, policy(statement("ec2:DescribeVpcs", StringEquals={"aws:username": "alice"})))
    own = world.of(alice, "sts")
    answer = own.get_session_token()
    assert who(holder(world, answer)) == who(own)
    assert who(own)[1] == user_arn()
    ec2 = holder(world, answer, "ec2")
    assert ec2.describe_vpcs()["Vpcs"] == []
    assert refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16")[:2] == UNAUTHORIZED
    world.root().delete_user_policy(UserName="alice", PolicyName="grant")
    assert refusal(ec2.describe_vpcs)[:2] == UNAUTHORIZED


@pytest.mark.rule("I121")
def test_a_session_token_needs_no_permission_but_a_deny_bites(world: World) -> None:
    sts = world.of(world.user(), "sts")
    assert sts.get_session_token()
    grant(world, policy(statement("sts:*", effect="Deny")))
    assert refusal(sts.get_session_token)[:2] == (403, "AccessDenied")
    assert who(sts)[1] == user_arn()


@pytest.mark.rule("I179")
@pytest.mark.parametrize(
    ("asked", "of_user", "of_root"), [(None, 12 * HOURS, HOURS), (900, 900, 900), (36 * HOURS, 36 * HOURS, HOURS)]
)
def test_a_session_token_of_a_root_lasts_an_hour_at_most(
    world: World, asked: int | None, of_user: int, of_root: int
) -> None:
    given = {} if asked is None else {"DurationSeconds": asked}
    key = world.root().create_access_key()["AccessKey"]
    assert expires_after(world, world.of(world.user(), "sts").get_session_token(**given)) == of_user
    for root in (world.of(key, "sts"), world.root("sts")):
        assert expires_after(world, root.get_session_token(**given)) == of_root


@pytest.mark.rule("I179")
@pytest.mark.parametrize("seconds", [899, 129_601])
def test_a_session_token_lasts_from_a_quarter_of_an_hour_to_36_hours(world: World, seconds: int) -> None:
    sts = world.of(world.user(), "sts", validate=False)
    assert refusal(sts.get_session_token, DurationSeconds=seconds)[:2] == (400, "ValidationError")


@pytest.mark.rule("I97")
def test_temporary_credentials_say_that_there_was_no_second_factor_and_since_when_they_are(world: World) -> None:
    alice = world.user()
    grant(
        world,
        policy(
            statement("ec2:DescribeVpcs", BoolIfExists={"aws:MultiFactorAuthPresent": "true"}),
            statement("ec2:DescribeRouteTables", DateEquals={"aws:TokenIssueTime": "2026-01-02T03:04:05Z"}),
        ),
    )
    long_term, short = world.of(alice, "ec2"), holder(world, world.of(alice, "sts").get_session_token(), "ec2")
    assert long_term.describe_vpcs()["Vpcs"] == []
    assert refusal(short.describe_vpcs)[:2] == UNAUTHORIZED
    assert short.describe_route_tables()["RouteTables"] == []
    assert refusal(long_term.describe_route_tables)[:2] == UNAUTHORIZED


@pytest.mark.rule("I174", "I179")
def test_a_session_token_assumes_roles_for_its_user_and_not_for_its_root(world: World) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn(), ACCOUNT)
    assert assume(holder(world, sts.get_session_token()), arn)
    of_root = holder(world, world.root("sts").get_session_token())
    assert refusal(of_root.assume_role, RoleArn=arn, RoleSessionName="work")[2] == (
        "Roles may not be assumed by root accounts."
    )


# --- GetFederationToken -----------------------------------------------------------------------------------------------


@pytest.mark.rule("I1", "I3", "I171", "I180")
def test_a_federated_user_is_who_the_answer_says(world: World) -> None:
    answer = world.root("sts").get_federation_token(Name="bob", Policy=allow("*"), DurationSeconds=900)
    arn = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:bob", "Arn": arn}
    assert answer["PackedPolicySize"] > 0
    assert who(holder(world, answer)) == (ACCOUNT, arn, f"{ACCOUNT}:bob")
    assert expires_after(world, answer) == 900


@pytest.mark.rule("I111", "I180")
def test_a_federated_user_may_do_what_both_its_maker_and_the_request_allow(world: World) -> None:
    sts = world.of(world.user(), "sts")
    assert refusal(sts.get_federation_token, Name="bob")[:2] == (403, "AccessDenied")
    grant(world, allow("sts:GetFederationToken", "ec2:DescribeVpcs", "ec2:DescribeRouteTables"))
    bob = holder(world, sts.get_federation_token(Name="bob", Policy=allow("ec2:DescribeVpcs", "ec2:CreateVpc")), "ec2")
    assert bob.describe_vpcs()["Vpcs"] == []
    assert "no session policy allows" in refusal(bob.describe_route_tables)[2]
    assert "no identity-based policy allows" in refusal(bob.create_vpc, CidrBlock="10.0.0.0/16")[2]


@pytest.mark.rule("I111", "I117", "I180")
@pytest.mark.parametrize("by_root", [False, True])
def test_a_federated_user_without_a_policy_may_do_nothing(world: World, by_root: bool) -> None:
    alice = world.user()
    grant(world, allow("*"))
    maker = world.root("sts") if by_root else world.of(alice, "sts")
    bare, whole = (maker.get_federation_token(Name="bob", **given) for given in ({}, {"Policy": allow("ec2:*")}))
    assert refusal(holder(world, bare, "ec2").describe_vpcs)[:2] == UNAUTHORIZED
    assert who(holder(world, bare))[0] == ACCOUNT
    assert holder(world, whole, "ec2").describe_vpcs()["Vpcs"] == []


@pytest.mark.rule("I177", "I180")
def test_a_federated_users_tags_outweigh_its_makers(world: World) -> None:
    sts = world.of(world.user(Tags=[{"Key": "team", "Value": "blue"}]), "sts")
    only_red = statement("ec2:*", StringEquals={"aws:PrincipalTag/team": "red"})
    grant(world, policy(statement("sts:GetFederationToken"), only_red))
    asked = {"Name": "bob", "Policy": allow("ec2:*"), "Tags": [{"Key": "Team", "Value": "red"}]}
    assert "sts:TagSession" in refusal(sts.get_federation_token, **asked)[2]
    grant(world, policy(statement("sts:GetFederationToken", "sts:TagSession"), only_red))
    assert holder(world, sts.get_federation_token(**asked), "ec2").describe_vpcs()["Vpcs"] == []


@pytest.mark.rule("I180")
def test_whom_one_may_federate_is_a_matter_of_policy(world: World) -> None:
    sts = world.of(world.user(), "sts")
    grant(world, allow("sts:GetFederationToken", resource=f"arn:aws:sts::{ACCOUNT}:federated-user/b*"))
    assert sts.get_federation_token(Name="bob")
    assert refusal(sts.get_federation_token, Name="eve")[:2] == (403, "AccessDenied")


# --- what temporary credentials never open ----------------------------------------------------------------------------


def of_user(world: World) -> Any:
    alice = world.user()
    grant(world, allow("*"))
    return world.of(alice, "sts").get_session_token()


def of_root(world: World) -> Any:
    return world.root("sts").get_session_token()


def federated(world: World) -> Any:
    return world.root("sts").get_federation_token(Name="bob", Policy=allow("*"))


def assumed(world: World) -> Any:
    return assume(world.root("sts"), role(world, "net", ACCOUNT, allows=allow("*")))


@pytest.mark.rule("I179")
@pytest.mark.parametrize(
    ("give", "opens_iam", "opens_key_info", "opens_assume"),
    [
        (of_user, False, False, True),
        (of_root, False, False, False),
        (federated, False, False, False),
        (assumed, True, True, True),
    ],
)
def test_what_temporary_credentials_open_of_iam_and_sts(
    world: World, give: Callable[[World], Any], opens_iam: bool, opens_key_info: bool, opens_assume: bool
) -> None:
    answer = give(world)
    iam, sts = holder(world, answer, "iam"), holder(world, answer)
    target = role(world, "target", "*", ACCOUNT)
    assert who(sts)[0] == ACCOUNT
    for action in (sts.get_session_token, lambda: sts.get_federation_token(Name="eve")):
        status, code, message = refusal(action)
        assert (status, code) == (403, "AccessDenied")
        assert message.startswith("Cannot call Get")
        assert message.endswith("with session credentials")
    if opens_iam:
        assert iam.list_roles()["Roles"]
    else:
        assert refusal(iam.list_roles) == INVALID_TOKEN
    if opens_key_info:
        assert sts.get_access_key_info(AccessKeyId="ASIA" + "Q" * 16)
    else:
        assert refusal(sts.get_access_key_info, AccessKeyId="ASIA" + "Q" * 16)[:2] == (403, "AccessDenied")
    if opens_assume:
        assert assume(sts, target)
    else:
        assert refusal(sts.assume_role, RoleArn=target, RoleSessionName="work")[:2] == (403, "AccessDenied")


# --- GetAccessKeyInfo -------------------------------------------------------------------------------------------------


@pytest.mark.rule("I4", "I172")
def test_whose_a_key_is_takes_a_permission_and_tells_of_every_account(world: World) -> None:
    sts, others = world.of(world.user(), "sts"), world.user("bob", OTHER)
    assert "sts:GetAccessKeyInfo" in refusal(sts.get_access_key_info, AccessKeyId=others["AccessKeyId"])[2]
    grant(world, allow("sts:GetAccessKeyInfo"))
    assert sts.get_access_key_info(AccessKeyId=others["AccessKeyId"])["Account"] == OTHER
    given = sts.get_session_token()["Credentials"]
    assert sts.get_access_key_info(AccessKeyId=given["AccessKeyId"])["Account"] == ACCOUNT


@pytest.mark.rule("I172")
@pytest.mark.parametrize("key_id", ["A" * 15, "A" * 129, "AKIA!AAAAAAAAAAAAAAA", "AKIA" + "0" * 16])
def test_what_is_no_key_id_is_a_validation_error(world: World, key_id: str) -> None:
    sts = world.root("sts", validate=False)
    assert refusal(sts.get_access_key_info, AccessKeyId=key_id)[:2] == (400, "ValidationError")
