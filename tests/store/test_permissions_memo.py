"""What is remembered of permissions, and of answers that hang on them, is never anything but what asking again would say."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from botocore import auth
from msgspec.structs import replace

from isthmus import bootstrap
from isthmus.actions import administration
from isthmus.actions.administration import NewAccount
from isthmus.config import Settings
from isthmus.domain.iam.objects import InlinePolicy, User
from isthmus.gateway.handle import Gateway
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock, SystemClock
from isthmus.store.postgres import PostgresStore
from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.unit import Unit
from isthmus.wire.http import HttpRequest, HttpResponse
from tests.postgres import Cluster
from tests.store.builders import TracedStore, served
from tests.store.test_memo import send, signed

Play = Callable[[TracedStore, Gateway], Coroutine[Any, Any, None]]
USER: Final = "AIDAAAAAAAAAAAAAAAAAA"
STEADY: Final = {"StringEquals": {"aws:PrincipalTag/squad": "blue", "aws:username": "ann"}}
HERE: Final = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


def play(file: Path, scenario: Play, clock: ManualClock | None = None) -> None:
    gateway = bootstrap.gateway(Settings(data=str(file), auth="enforce", trusted_proxy=("127.0.0.1",)))

    async def run() -> None:
        async with served(file, clock or SystemClock()) as store, asyncio.timeout(20):
            await scenario(store, gateway)

    asyncio.run(run())


def text(action: str, condition: dict[str, Any], effect: str = "Allow") -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*", "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def make_user(unit: Unit, policy: str) -> NewAccount:
    """An account, and a user of it with a policy and a key; the key stands in the place of the account's."""
    account = administration.create_account(unit, "somebody").account
    unit.iam_users.put(User(USER, account.id, "ann", "/", unit.now, tags={"squad": "blue"}))
    unit.iam_inline_policies.put(InlinePolicy(account.id, USER, "mine", policy))
    return NewAccount(account, administration.issue_key(unit, account.id, USER))


async def new_user(store: TracedStore, policy: str) -> NewAccount:
    return await store.run(Kind.WRITE, lambda unit: make_user(unit, policy))


def change_policy(unit: Unit, policy: str) -> None:
    (held,) = unit.iam_inline_policies.where(owner_id=USER)
    unit.iam_inline_policies.put(replace(held, document=policy))


def said_from(address: str, http: HttpRequest) -> HttpRequest:
    return HttpRequest(
        http.method,
        http.path,
        http.query,
        (*http.headers, ("x-forwarded-for", address)),
        http.body,
        http.peer,
        http.is_loopback,
    )


def reading(store: TracedStore) -> list[str]:
    """From now on, every statement of short reads."""
    statements: list[str] = []
    engine = store._read_unit.engine
    assert isinstance(engine, SqliteEngine)
    engine.connection.set_trace_callback(statements.append)
    return statements


DESCRIBE: Final = {"Action": "DescribeVpcs"}


def test_permissions_are_read_once_and_an_answer_that_hangs_on_nothing_else_is_not_worked_out_again(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_user(store, text("ec2:Describe*", STEADY))
        await send(store, gateway, signed(who, Action="DescribeRouteTables"))
        statements = reading(store)
        assert (await send(store, gateway, signed(who, **DESCRIBE))).status == 200
        assert statements
        assert not [each for each in statements if "iam_" in each]
        statements.clear()
        assert (await send(store, gateway, signed(who, **DESCRIBE))).status == 200
        assert statements == []

    play(file, scenario)


@pytest.mark.rule("I7", "I122")
def test_a_changed_policy_counts_at_once_within_the_same_batch_too(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_user(store, text("ec2:*", STEADY))
        create = {"Action": "CreateVpc", "CidrBlock": "10.0.0.0/16"}
        assert (await send(store, gateway, signed(who, **create))).status == 200
        assert (await send(store, gateway, signed(who, **DESCRIBE))).status == 200
        changing = store.run(Kind.WRITE, lambda unit: change_policy(unit, text("ec2:*", {}, "Deny")))
        _, created = await asyncio.gather(changing, send(store, gateway, signed(who, **create)))
        assert created.status == 403
        assert (await send(store, gateway, signed(who, **DESCRIBE))).status == 403

    play(file, scenario)


def test_a_policy_that_never_came_to_be_allows_nothing(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_user(store, text("ec2:DescribeVpcs", STEADY))

        def fail(unit: Unit) -> None:
            change_policy(unit, text("ec2:*", {}))
            raise ValueError("after the write")

        with pytest.raises(ValueError, match="after the write"):
            await store.run(Kind.WRITE, fail)
        answer = await send(store, gateway, signed(who, Action="CreateVpc", CidrBlock="10.0.0.0/16"))
        assert answer.status == 403

    play(file, scenario)


@pytest.mark.rule("I95", "I101")
def test_a_remembered_answer_is_given_only_to_where_a_policy_allows_it(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_user(store, text("ec2:Describe*", HERE))
        question = signed(who, **DESCRIBE)
        near, far = said_from("198.51.100.7", question), said_from("203.0.113.9", question)
        assert (await send(store, gateway, near)).status == 200
        statements = reading(store)
        assert (await send(store, gateway, far)).status == 403
        assert (await send(store, gateway, near)).status == 200
        assert statements == []

    play(file, scenario)


@pytest.mark.rule("I95", "I139")
def test_an_answer_about_a_resource_is_given_again_to_the_same_address_alone(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_user(store, text("ec2:*", HERE))
        made = await send(
            store, gateway, said_from("198.51.100.7", signed(who, Action="CreateVpc", CidrBlock="10.0.0.0/16"))
        )
        vpc_id = made.body.partition(b"<vpcId>")[2].partition(b"<")[0].decode()
        question = signed(who, Action="DescribeVpcAttribute", VpcId=vpc_id, Attribute="enableDnsSupport")
        near, far = said_from("198.51.100.7", question), said_from("203.0.113.9", question)
        assert (await send(store, gateway, near)).status == 200
        assert (await send(store, gateway, far)).status == 403
        statements = reading(store)
        assert (await send(store, gateway, near)).status == 200
        assert statements == []

    play(file, scenario)


@pytest.mark.rule("I95")
def test_a_remembered_answer_is_not_given_once_a_policy_has_run_out(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: datetime_of(clock))

    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_user(store, text("ec2:Describe*", {"DateLessThan": {"aws:CurrentTime": "2026-01-02T03:05:00Z"}}))
        question = signed(who, **DESCRIBE)
        assert (await send(store, gateway, question)).status == 200
        assert (await send(store, gateway, question)).status == 200
        clock.advance(60_000)
        assert (await send(store, gateway, question)).status == 403

    play(file, scenario, clock)


def datetime_of(clock: ManualClock) -> datetime:
    return datetime.fromtimestamp(clock.wall() / 1_000, UTC)


# --- several servers --------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7")
@pytest.mark.extended
def test_a_change_holds_for_the_next_request_on_every_server(postgres: Cluster) -> None:
    url = postgres.database()
    one, other = PostgresStore(url), PostgresStore(url)
    gateway = bootstrap.gateway(Settings(data="memory", auth="enforce"))
    try:
        who = one.run_now(Kind.WRITE, lambda unit: make_user(unit, text("ec2:Describe*", STEADY)))

        def describe(store: PostgresStore) -> HttpResponse:
            incoming = gateway.read(signed(who, **DESCRIBE))
            return store.run_now(incoming.kind, lambda unit: gateway.handle(incoming, unit))

        assert [describe(store).status for store in (one, other, other)] == [200, 200, 200]
        one.run_now(Kind.WRITE, lambda unit: change_policy(unit, text("ec2:*", {}, "Deny")))
        assert [describe(store).status for store in (other, one)] == [403, 403]
        other.run_now(Kind.WRITE, lambda unit: change_policy(unit, text("ec2:*", {})))
        assert [describe(store).status for store in (one, other)] == [200, 200]
    finally:
        one.close()
        other.close()
