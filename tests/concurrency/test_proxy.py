"""Servers that reach their database through a proxy in transaction mode, with fewer sessions than they have connections."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.asking import Caller
from tests.concurrency.fleet import Fleet
from tests.pgbouncer import POOL, proxied, through
from tests.postgres import Cluster
from tests.running import running

pytestmark = pytest.mark.extended

SERVERS = 3
CONNECTIONS = 8
CLIENTS = 24
ROUNDS = 10
ALICE, BOB = "111111111111", "222222222222"
REGION = "us-east-1"
OPTIONS = ("--prepared-statements=false", f"--connections={CONNECTIONS}", "--quota=vpcs_per_region=1000000")


@pytest.fixture
def database(postgres: Cluster) -> str:
    return postgres.database()


@pytest.fixture
def fleet(proxy: str, database: str, tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, through(proxy, database), SERVERS, *OPTIONS) as servers:
        yield servers


def clients(fleet: Fleet, account: str) -> Iterator[Any]:
    """A client of one server after the other."""
    return itertools.cycle([each.client(account) for each in fleet.up])


def test_a_connection_s_life_is_the_same_whichever_server_and_session_it_meets(fleet: Fleet) -> None:
    alice, bob = clients(fleet, ALICE), clients(fleet, BOB)
    mine = next(alice).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    theirs = next(bob).create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    asked = next(alice).create_vpc_peering_connection(VpcId=mine, PeerVpcId=theirs, PeerOwnerId=BOB)
    id = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    def states() -> list[str]:
        """What each server shows each side."""
        shown = [
            next(each).describe_vpc_peering_connections(VpcPeeringConnectionIds=[id])["VpcPeeringConnections"][0]
            for each in (alice, bob) * SERVERS
        ]
        return [each["Status"]["Code"] for each in shown]

    assert states() == ["pending-acceptance"] * 2 * SERVERS
    next(bob).accept_vpc_peering_connection(VpcPeeringConnectionId=id)
    assert states() == ["active"] * 2 * SERVERS
    next(alice).create_tags(Resources=[id], Tags=[{"Key": "Name", "Value": "Zürich"}])
    tags = next(alice).describe_tags(Filters=[{"Name": "resource-id", "Values": [id]}])["Tags"]
    assert [(tag["Key"], tag["Value"]) for tag in tags] == [("Name", "Zürich")]
    next(bob).delete_vpc_peering_connection(VpcPeeringConnectionId=id)
    assert states() == ["deleted"] * 2 * SERVERS
    next(alice).delete_vpc(VpcId=mine)
    assert [vpc["VpcId"] for vpc in next(alice).describe_vpcs()["Vpcs"]] == []


def test_many_clients_share_few_sessions(postgres: Cluster, database: str, fleet: Fleet) -> None:
    made: list[str] = []
    wrong: list[str] = []

    def work(number: int) -> None:
        caller = Caller(fleet.urls[number % SERVERS])
        account = f"{300_000_000_000 + number}"
        for _ in range(ROUNDS):
            answer = caller.ask(account, REGION, "CreateVpc", CidrBlock="10.0.0.0/24")
            shown = caller.ask(account, REGION, "DescribeVpcs", VpcId__1=answer.first("vpcId"))
            (made if shown.status == 200 else wrong).append(answer.first("vpcId") or shown.body)
        caller.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), wrong) == (CLIENTS * ROUNDS, [])
    name = database.rpartition("/")[2]
    sessions = int(postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"))
    assert 1 < sessions <= POOL < SERVERS * CONNECTIONS


def test_when_the_proxy_is_lost_servers_answer_unavailable_and_find_it_again(
    postgres: Cluster, database: str, tmp_path: Path
) -> None:
    with ExitStack() as servers:
        with proxied(postgres) as address:
            server = servers.enter_context(running(tmp_path, f"--data={through(address, database)}", *OPTIONS))
            caller = Caller(server.url)
            servers.callback(caller.close)
            assert caller.ask(ALICE, REGION, "CreateVpc", CidrBlock="10.0.0.0/24").status == 200
        lost = caller.ask(ALICE, REGION, "DescribeVpcs")
        assert (lost.status, lost.code) == (503, "Unavailable")
        with proxied(postgres, int(address.rpartition(":")[2])):
            assert caller.ask(ALICE, REGION, "CreateVpc", CidrBlock="10.0.0.0/24").status == 200
