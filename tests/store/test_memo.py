"""What is remembered between units is never anything but what reading again would say."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from isthmus import bootstrap
from isthmus.actions import administration
from isthmus.actions.administration import NewAccount
from isthmus.config import Settings
from isthmus.domain.accounts import KeyStatus
from isthmus.gateway.handle import Gateway
from isthmus.store.api import Kind
from isthmus.store.clock import SystemClock
from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.unit import Unit
from isthmus.wire.http import HttpRequest, HttpResponse
from tests.store.builders import TracedStore, block, served, vpc

HOST = "127.0.0.1:4510"
Play = Callable[[TracedStore, Gateway], Coroutine[Any, Any, None]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


def play(file: Path, scenario: Play) -> None:
    gateway = bootstrap.gateway(Settings(data=str(file), auth="enforce"))

    async def run() -> None:
        async with served(file, SystemClock()) as store, asyncio.timeout(20):
            await scenario(store, gateway)

    asyncio.run(run())


async def new_account(store: TracedStore) -> NewAccount:
    return await store.run(Kind.WRITE, lambda unit: administration.create_account(unit, "somebody"))


def signed(who: NewAccount, **parameters: str) -> HttpRequest:
    body = urlencode({"Version": "2016-11-15", **parameters})
    request = AWSRequest("POST", f"http://{HOST}/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(Credentials(who.key.id, who.key.secret), "ec2", "us-east-1").add_auth(request)
    headers = tuple((name.lower(), value) for name, value in request.headers.items())
    return HttpRequest("POST", "/", "", (("host", HOST), *headers), body.encode(), "127.0.0.1", is_loopback=True)


async def send(store: TracedStore, gateway: Gateway, http: HttpRequest) -> HttpResponse:
    incoming = gateway.read(http)
    return await store.run(incoming.kind, lambda unit: gateway.handle(incoming, unit))


def members(answer: HttpResponse) -> bytes:
    return answer.body.partition(b"</requestId>")[2]


def test_a_question_asked_again_is_answered_alike_without_being_worked_out_again(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_account(store)
        await send(store, gateway, signed(who, Action="CreateVpc", CidrBlock="10.0.0.0/16"))
        first = await send(store, gateway, signed(who, Action="DescribeVpcs"))
        statements: list[str] = []
        engine = store._read_unit.engine
        assert isinstance(engine, SqliteEngine)
        engine.connection.set_trace_callback(statements.append)
        again = await send(store, gateway, signed(who, Action="DescribeVpcs"))
        assert members(again) == members(first)
        assert again.body != first.body  # each has a request id of its own
        assert statements == []

    play(file, scenario)


def test_an_answer_is_forgotten_with_the_next_write(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_account(store)
        before = await send(store, gateway, signed(who, Action="DescribeVpcs"))
        await send(store, gateway, signed(who, Action="CreateVpc", CidrBlock="10.0.0.0/16"))
        after = await send(store, gateway, signed(who, Action="DescribeVpcs"))
        assert b"10.0.0.0/16" not in before.body
        assert b"10.0.0.0/16" in after.body

    play(file, scenario)


def test_an_account_never_gets_the_answer_of_another(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        one, other = await new_account(store), await new_account(store)
        await send(store, gateway, signed(one, Action="CreateVpc", CidrBlock="10.0.0.0/16"))
        theirs = [await send(store, gateway, signed(who, Action="DescribeVpcs")) for who in (one, other, one, other)]
        assert [b"10.0.0.0/16" in answer.body for answer in theirs] == [True, False, True, False]

    play(file, scenario)


def test_nothing_is_remembered_while_a_commit_is_under_way(file: Path) -> None:
    """Else somebody could be shown the new state, and the old one after it."""

    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_account(store)
        started, goes_on = threading.Event(), threading.Event()

        def wait() -> None:
            started.set()
            goes_on.wait(10)

        store.before_commit = wait
        await send(store, gateway, signed(who, Action="DescribeVpcs"))
        assert store._memo.answers
        writing = asyncio.ensure_future(send(store, gateway, signed(who, Action="CreateVpc", CidrBlock="10.0.0.0/16")))
        await asyncio.to_thread(started.wait, 10)
        assert not store._memo.answers
        await send(store, gateway, signed(who, Action="DescribeVpcs"))
        assert not store._memo.answers
        goes_on.set()
        await writing
        assert b"10.0.0.0/16" in (await send(store, gateway, signed(who, Action="DescribeVpcs"))).body

    play(file, scenario)


def test_a_key_that_was_switched_off_is_refused_at_once(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_account(store)
        assert (await send(store, gateway, signed(who, Action="DescribeVpcs"))).status == 200
        off = replace(who.key, status=KeyStatus.INACTIVE)
        switching = store.run(Kind.WRITE, lambda unit: unit.access_keys.put(off))
        creating = send(store, gateway, signed(who, Action="CreateVpc", CidrBlock="10.0.0.0/16"))
        _, created = await asyncio.gather(switching, creating)
        assert created.status == 401  # within the same batch already
        assert (await send(store, gateway, signed(who, Action="DescribeVpcs"))).status == 401

    play(file, scenario)


def test_a_key_that_never_came_to_be_opens_nothing(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        made: list[NewAccount] = []

        def fail(unit: Any) -> None:
            made.append(administration.create_account(unit, "somebody"))
            raise ValueError("after the write")

        with pytest.raises(ValueError, match="after the write"):
            await store.run(Kind.WRITE, fail)
        assert (await send(store, gateway, signed(made[-1], Action="DescribeVpcs"))).status == 401

    play(file, scenario)


BLOCK = "10.1.0.0/16"


async def two_vpcs(store: TracedStore) -> None:
    def put(unit: Unit) -> None:
        for number in (1, 2):
            unit.vpcs.put(vpc(number))
            unit.vpc_cidr_blocks.put(block(number, f"10.{number}0.0.0/16", of=number))

    await store.run(Kind.WRITE, put)


def blocks_of_the_first(unit: Unit) -> list[str]:
    return [str(each) for each in unit.vpcs.ends(vpc(1).id, vpc(2).id)[vpc(1).id].blocks]


def test_vpcs_that_were_asked_for_before_are_not_read_again(file: Path) -> None:
    async def scenario(store: TracedStore, _: Gateway) -> None:
        await two_vpcs(store)
        await store.run(Kind.WRITE, blocks_of_the_first)
        statements: list[str] = []
        store._writer.set_trace_callback(statements.append)
        assert await store.run(Kind.WRITE, blocks_of_the_first) == ["10.10.0.0/16"]
        assert not [text for text in statements if "SELECT" in text]

    play(file, scenario)


def test_a_block_that_is_added_or_taken_away_counts_at_once(file: Path) -> None:
    async def scenario(store: TracedStore, _: Gateway) -> None:
        await two_vpcs(store)
        await store.run(Kind.WRITE, blocks_of_the_first)
        added = block(3, BLOCK, of=1, is_primary=False)
        adding = store.run(Kind.WRITE, lambda unit: unit.vpc_cidr_blocks.put(added))
        saved, seen = await asyncio.gather(adding, store.run(Kind.WRITE, blocks_of_the_first))  # one batch
        assert seen == ["10.10.0.0/16", BLOCK]
        assert await store.run(Kind.WRITE, blocks_of_the_first) == seen
        taking = store.run(Kind.WRITE, lambda unit: unit.vpc_cidr_blocks.delete(saved))
        gone, seen = await asyncio.gather(taking, store.run(Kind.WRITE, blocks_of_the_first))
        assert (gone, seen) == (None, ["10.10.0.0/16"])

    play(file, scenario)


def test_a_block_that_never_came_to_be_is_not_seen(file: Path) -> None:
    async def scenario(store: TracedStore, _: Gateway) -> None:
        await two_vpcs(store)

        def fail(unit: Unit) -> None:
            unit.vpc_cidr_blocks.put(block(3, BLOCK, of=1, is_primary=False))
            assert blocks_of_the_first(unit) == ["10.10.0.0/16", BLOCK]
            raise ValueError("after the write")

        with pytest.raises(ValueError, match="after the write"):
            await store.run(Kind.WRITE, fail)
        assert await store.run(Kind.WRITE, blocks_of_the_first) == ["10.10.0.0/16"]

    play(file, scenario)


@pytest.mark.parametrize("whose", ["one account's", "everybody's"])
def test_vpcs_that_a_reset_removed_are_gone(file: Path, whose: str) -> None:
    async def scenario(store: TracedStore, _: Gateway) -> None:
        await two_vpcs(store)
        await store.run(Kind.WRITE, blocks_of_the_first)
        if whose == "everybody's":
            await store.run_alone(lambda unit: administration.reset(unit, identity=False))
        else:
            await store.run(Kind.WRITE, lambda unit: administration.reset_account(unit, vpc(1).account))
        assert await store.run(Kind.WRITE, lambda unit: unit.vpcs.ends(vpc(1).id, vpc(2).id)) == {}

    play(file, scenario)


def test_a_refusal_and_a_long_answer_are_not_remembered(file: Path) -> None:
    async def scenario(store: TracedStore, gateway: Gateway) -> None:
        who = await new_account(store)
        await send(store, gateway, signed(who, Action="DescribeVpcs", **{"VpcId.1": "vpc-00000000"}))
        await send(store, gateway, signed(who, Action="DescribeVpcs", DryRun="true"))
        await send(store, gateway, signed(who, Action="DescribeRegions", AllRegions="true"))  # some 10 kB
        assert not store._memo.answers

    play(file, scenario)
