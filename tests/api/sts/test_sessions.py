"""The life of a session: it ends by service time, with its role, user or account, and outlives the server."""

from pathlib import Path
from typing import Any

import pytest

from isthmus.actions import administration
from isthmus.config import Settings
from isthmus.store.api import Kind
from isthmus.store.key_rows import KEPT_AFTER_EXPIRY
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from tests.api.iam.world import ACCOUNT, OTHER, World, refusal
from tests.api.sts.roles import allow, assume, grant, holder, role, user_arn, who

EXPIRED_EC2 = (400, "RequestExpired", "Request has expired.")
EXPIRED = (403, "ExpiredToken", "The security token included in the request is expired")
HOUR = 3_600_000
UNKNOWN = (403, "InvalidClientTokenId")


def move(world: World, milliseconds: int) -> None:
    """Move service time, as `isthmus clock` does."""
    store = world.server.store
    store.run_now(Kind.WRITE, lambda unit: store.set_offset(unit, unit.now - unit.wall + milliseconds))


def write(world: World, work: Any) -> Any:
    return world.server.store.run_now(Kind.WRITE, work)


def keys_kept(world: World) -> tuple[int, int]:
    """How many temporary keys, and how many sessions, are kept."""

    def count(unit: Unit) -> tuple[int, int]:
        held = unit.engine.query("SELECT count(*) FROM access_key WHERE session_token IS NOT NULL")
        return held[0][0], unit.sessions.count()

    found: tuple[int, int] = world.server.store.run_now(Kind.READ, count)
    return found


def session(world: World, name: str = "net", **more: Any) -> Any:
    """Assume a role of the account's own, which may do everything."""
    return assume(world.root("sts"), role(world, name, ACCOUNT, allows=allow("*")), **more)


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I33", "I175", "I181")
def test_a_session_ends_when_it_said_by_service_time(world: World) -> None:
    answer = session(world, DurationSeconds=900)
    ec2, sts = holder(world, answer, "ec2"), holder(world, answer)
    move(world, 899_999)
    assert ec2.describe_vpcs()["Vpcs"] == []
    move(world, 1)
    assert refusal(ec2.describe_vpcs) == EXPIRED_EC2
    assert refusal(sts.get_caller_identity) == EXPIRED


@pytest.mark.rule("I33")
def test_a_session_that_is_over_stays_over_when_time_goes_back(world: World) -> None:
    short, long = session(world, DurationSeconds=900), session(world, "long", DurationSeconds=3_600)
    assert who(holder(world, short))
    move(world, 1_000_000)
    assert refusal(holder(world, short).get_caller_identity) == EXPIRED
    move(world, -1_000_000)
    assert refusal(holder(world, short).get_caller_identity) == EXPIRED
    assert who(holder(world, long))
    move(world, HOUR)
    assert refusal(holder(world, long).get_caller_identity) == EXPIRED


@pytest.mark.rule("I33", "I181")
def test_keys_that_have_long_expired_are_forgotten_with_their_sessions(world: World) -> None:
    session(world, DurationSeconds=900)
    world.root("sts").get_session_token()
    longer = world.of(world.user(), "sts").get_session_token(DurationSeconds=129_600)
    move(world, 900_000 + KEPT_AFTER_EXPIRY - 1)
    write(world, lambda unit: unit.access_keys.forget_expired(1_000))
    assert keys_kept(world) == (3, 1)
    move(world, 1)
    assert [write(world, lambda unit: unit.access_keys.forget_expired(1)) for _ in range(2)] == [1, 0]
    assert keys_kept(world) == (2, 0)
    assert who(holder(world, longer))


# --- ends before its time ---------------------------------------------------------------------------------------------


@pytest.mark.rule("I7", "I181")
def test_a_roles_sessions_end_with_it_even_where_another_takes_its_name(world: World) -> None:
    iam, sts = world.root(), world.of(world.user(), "sts")
    arn = role(world, "net", user_arn())
    gone = holder(world, assume(sts, arn))
    assert who(gone)
    iam.delete_role(RoleName="net")
    assert refusal(gone.get_caller_identity)[:2] == UNKNOWN
    role(world, "net", user_arn())
    assert refusal(gone.get_caller_identity)[:2] == UNKNOWN
    assert keys_kept(world) == (0, 0)


@pytest.mark.rule("I7")
def test_a_users_temporary_credentials_end_with_it_and_do_not_keep_it(world: World) -> None:
    iam, alice = world.root(), world.user()
    grant(world, allow("sts:GetFederationToken"))
    sts = world.of(alice, "sts")
    given = [holder(world, sts.get_session_token()), holder(world, sts.get_federation_token(Name="bob"))]
    assert [who(each)[0] for each in given] == [ACCOUNT, ACCOUNT]
    iam.delete_user_policy(UserName="alice", PolicyName="grant")
    iam.delete_access_key(UserName="alice", AccessKeyId=alice["AccessKeyId"])
    assert [who(each)[0] for each in given] == [ACCOUNT, ACCOUNT]
    iam.delete_user(UserName="alice")
    assert [refusal(each.get_caller_identity)[:2] for each in given] == [UNKNOWN, UNKNOWN]
    assert keys_kept(world) == (0, 0)


@pytest.mark.rule("I7")
def test_temporary_keys_are_nobodys_access_keys(world: World) -> None:
    sts = world.of(world.user(), "sts")
    assert sts.get_session_token()
    assert world.root("sts").get_session_token()
    session(world)
    iam = world.root()
    assert len(iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]) == 1
    assert iam.list_access_keys()["AccessKeyMetadata"] == []
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
    assert iam.create_access_key()
    _, keys = world.server.store.run_now(Kind.READ, lambda unit: administration.show_account(unit, ACCOUNT))
    assert [key.session_token for key in keys] == [None, None]


@pytest.mark.rule("I7")
@pytest.mark.parametrize("how", ["deleted", "reset"])
def test_an_accounts_sessions_end_with_it(world: World, how: str) -> None:
    answers = [session(world), world.root("sts").get_federation_token(Name="bob"), world.root("sts").get_session_token()]
    there = assume(world.root("sts"), role(world, "there", ACCOUNT, account=OTHER))
    if how == "deleted":
        write(world, lambda unit: administration.delete_account(unit, ACCOUNT, with_objects=True))
    else:
        store = world.server.store
        store.run_now(Kind.WRITE, lambda unit: administration.reset(unit, identity=True), alone=True)
    assert [refusal(holder(world, each).get_caller_identity)[:2] for each in answers] == [UNKNOWN] * 3
    if how == "deleted":
        assert who(holder(world, there))[0] == OTHER
    assert keys_kept(world) == ((1, 1) if how == "deleted" else (0, 0))


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I6", "I34", "I181")
def test_a_session_opens_with_its_own_token_and_no_other(world: World) -> None:
    mine, others = session(world), session(world, "other")
    given = mine["Credentials"]
    foreign = {**given, "SessionToken": others["Credentials"]["SessionToken"]}
    for service, refused in (("sts", UNKNOWN), ("ec2", (401, "AuthFailure"))):
        bare, wrong = world.of(given, service), holder(world, {"Credentials": foreign}, service)
        for client in (bare, wrong):
            call = client.get_caller_identity if service == "sts" else client.describe_vpcs
            assert refusal(call)[:2] == refused


@pytest.mark.rule("I5")
def test_no_two_sessions_share_a_key_a_secret_or_a_token(world: World) -> None:
    given = [session(world, name)["Credentials"] for name in ("one", "two")]
    for part in ("AccessKeyId", "SecretAccessKey", "SessionToken"):
        assert len({each[part] for each in given}) == 2
        assert len({each[part][:64] for each in given}) == 2


# --- the server -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I111", "I115", "I181")
def test_a_session_survives_a_restart_with_all_that_binds_it(tmp_path: Path) -> None:
    with World() as world:
        world.server.close()
        world.server = InProcess(Settings(data=str(tmp_path / "one.db")), clock=world.clock)
        answer = session(world, Policy=allow("ec2:DescribeVpcs"))
        before = who(holder(world, answer))
        world.server.close()
        world.server = InProcess(Settings(data=str(tmp_path / "one.db")), clock=world.clock)
        assert who(holder(world, answer)) == before
        ec2 = holder(world, answer, "ec2")
        assert ec2.describe_vpcs()["Vpcs"] == []
        assert "no session policy allows" in refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16")[2]
