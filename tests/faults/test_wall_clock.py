"""The wall clock jumps forward and back, as an operator or a time server makes it.

What has ended stays ended, what was hidden stays hidden, and a signature is believed only at its own time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore import auth
from botocore.exceptions import ClientError

from isthmus.actions import administration
from isthmus.config import Settings
from isthmus.store import invariants
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.postgres import PostgresStore
from isthmus.store.unit import UnitEngine
from isthmus.testing import InProcess
from tests.postgres import Cluster
from tests.running import Running, isthmus, running

ALICE, BOB = "111111111111", "222222222222"
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
WEEK = 7 * DAY
YEARS = 3_650 * DAY
GONE = "InvalidVpcPeeringConnectionID.NotFound"


@pytest.fixture(params=["memory", "disk", pytest.param("postgres", marks=pytest.mark.extended)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InProcess]:
    """A server of each engine whose wall clock is the test's."""
    if request.param == "postgres":
        chosen = request.getfixturevalue("postgres").database()
    else:
        chosen = {"memory": "memory", "disk": str(tmp_path / "isthmus.db")}[request.param]
    with InProcess(Settings(data=chosen, connections=2)) as made:
        yield made


def jump(server: InProcess, milliseconds: int) -> None:
    assert isinstance(server.clock, ManualClock)
    server.clock.advance(milliseconds)


def ask(server: InProcess, number: int = 0) -> str:
    alice, bob = server.client(ALICE), server.client(BOB)
    mine, theirs = (
        each.create_vpc(CidrBlock=f"10.{number}.{side}.0/24")["Vpc"]["VpcId"] for side, each in enumerate((alice, bob))
    )
    asked = alice.create_vpc_peering_connection(VpcId=mine, PeerVpcId=theirs, PeerOwnerId=BOB)
    return asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def state(client: Any, peering: str) -> str:
    """Its state, or the code of the error where it is not shown."""
    try:
        (found,) = client.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"]
    except ClientError as error:
        return error.response["Error"]["Code"]
    return found["Status"]["Code"]


def refused(act: Any, **parameters: object) -> str:
    with pytest.raises(ClientError) as error:
        act(**parameters)
    return error.value.response["Error"]["Code"]


def holds(server: InProcess) -> None:
    """Assert what `isthmus check` looks for."""

    def broken(engine: UnitEngine) -> list[invariants.Finding]:
        return [finding for finding in invariants.check(engine, invariants.INVARIANTS) if finding.broken]

    if isinstance(server.store, PostgresStore):
        with server.store.snapshot() as engine:
            assert broken(engine) == []
    else:
        assert server.store.run_now(Kind.READ, lambda unit: broken(unit.engine)) == []


def test_what_a_jump_forward_has_ended_stays_ended_when_the_clock_goes_back(server: InProcess) -> None:
    alice, bob = server.client(ALICE), server.client(BOB)
    peering = ask(server)
    jump(server, WEEK + 1)
    assert state(alice, peering) == "expired"
    jump(server, -WEEK - 1)
    assert state(alice, peering) == state(bob, peering) == "expired"
    for act in (bob.accept_vpc_peering_connection, bob.reject_vpc_peering_connection):
        assert refused(act, VpcPeeringConnectionId=peering) == "InvalidStateTransition"
    jump(server, -DAY)
    assert state(alice, peering) == "expired"
    holds(server)


def test_what_a_jump_forward_has_hidden_is_never_seen_again(server: InProcess) -> None:
    alice, bob = server.client(ALICE), server.client(BOB)
    peering = ask(server)
    alice.create_tags(Resources=[peering], Tags=[{"Key": "Name", "Value": "x"}])
    alice.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    jump(server, YEARS)
    assert state(alice, peering) == state(bob, peering) == GONE
    jump(server, -YEARS)
    assert state(alice, peering) == state(bob, peering) == GONE
    assert alice.describe_tags()["Tags"] == []
    assert refused(alice.delete_vpc_peering_connection, VpcPeeringConnectionId=peering) == GONE
    holds(server)


def test_a_jump_back_ends_nothing_early_and_hides_nothing(server: InProcess) -> None:
    alice, bob = server.client(ALICE), server.client(BOB)
    waiting, deleted = ask(server, 1), ask(server, 2)
    alice.delete_vpc_peering_connection(VpcPeeringConnectionId=deleted)
    jump(server, -DAY)
    assert (state(bob, waiting), state(alice, deleted)) == ("pending-acceptance", "deleted")
    jump(server, DAY + WEEK - MINUTE)
    bob.accept_vpc_peering_connection(VpcPeeringConnectionId=waiting)  # it has the week that it was given
    assert state(alice, waiting) == "active"
    holds(server)


def test_what_is_made_at_a_wrong_time_has_its_week_from_then_on_and_an_id_of_its_own(server: InProcess) -> None:
    alice = server.client(ALICE)
    made = [ask(server, 1)]
    for number, by in enumerate((DAY, -2 * DAY, DAY, 0), 2):  # the last one at an instant that has been before
        jump(server, by)
        made.append(ask(server, number))
    assert len(set(made)) == len(made)
    listed = [each["VpcPeeringConnectionId"] for each in alice.describe_vpc_peering_connections()["VpcPeeringConnections"]]
    assert sorted(listed) == sorted(made)
    jump(server, WEEK - DAY + 1)  # a week after the earliest of them was made
    assert [state(alice, each) for each in made].count("expired") == 1
    jump(server, 2 * DAY)
    assert {state(alice, each) for each in made} == {"expired", GONE}  # the first to expire are hidden by now
    holds(server)


def test_a_transition_that_the_clock_has_gone_back_on_happens_when_its_time_comes(tmp_path: Path) -> None:
    with InProcess(Settings(data="memory", profile="realistic")) as server:
        alice = server.client(ALICE)
        peering = ask(server)
        jump(server, -DAY)
        assert state(alice, peering) == "initiating-request"
        jump(server, DAY + 2_000)
        assert state(alice, peering) == "pending-acceptance"


def test_a_signature_is_judged_by_the_wall_clock_as_it_is_now(server: InProcess) -> None:
    key = server.store.run_now(Kind.WRITE, lambda unit: administration.create_account(unit, "made", ALICE).key)
    client = server.client(key.id, secret=key.secret)
    signed_at = datetime.fromtimestamp(server.clock.wall() / 1_000, UTC)
    with mock.patch.object(auth, "get_current_datetime", return_value=signed_at):
        client.describe_vpcs()
        for by in (16 * MINUTE, -32 * MINUTE, -DAY, YEARS):
            jump(server, by)
            assert refused(client.describe_vpcs) == "RequestExpired"
            jump(server, -by if by > 0 else 0)
        jump(server, DAY + 32 * MINUTE)
        client.describe_vpcs()  # the very same signature, once the clock is right again


# --- a database whose own clock jumps ---------------------------------------------------------------------------------

# What servers ask for the time, in a schema that is looked at before PostgreSQL's own.
JUMPING = """
CREATE SCHEMA jumping;
CREATE TABLE jumping.clock (ahead INTERVAL NOT NULL);
INSERT INTO jumping.clock VALUES ('0');
CREATE FUNCTION jumping.clock_timestamp() RETURNS timestamptz LANGUAGE SQL
AS 'SELECT pg_catalog.clock_timestamp() + ahead FROM jumping.clock';
ALTER DATABASE {name} SET search_path = public, jumping, pg_catalog
"""


@contextmanager
def two_servers(folder: Path, url: str) -> Iterator[list[Running]]:
    with running(folder / "one", f"--data={url}") as one, running(folder / "two", f"--data={url}") as two:
        yield [one, two]


@pytest.mark.extended
def test_servers_follow_a_database_whose_clock_jumps(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.database()
    name = url.rpartition("/")[2]
    for statement in JUMPING.format(name=name).split(";\n"):
        postgres.sql(statement, name)
    with two_servers(tmp_path, url) as servers:
        alice, bob = servers[0].client(ALICE), servers[1].client(BOB)
        mine, theirs = (
            each.create_vpc(CidrBlock=f"10.{side}.0.0/16")["Vpc"]["VpcId"] for side, each in enumerate((alice, bob))
        )
        asked = alice.create_vpc_peering_connection(VpcId=mine, PeerVpcId=theirs, PeerOwnerId=BOB)
        peering = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        for ahead, expected in (
            ("-1 day", "pending-acceptance"),
            ("8 days", "expired"),
            ("-1 day", "expired"),
            ("30 days", GONE),
        ):
            postgres.sql(f"UPDATE jumping.clock SET ahead = '{ahead}'", name)
            assert state(alice, peering) == state(bob, peering) == expected
        postgres.sql("UPDATE jumping.clock SET ahead = '0'", name)
        assert state(alice, peering) == state(bob, peering) == GONE
        assert "Traceback" not in servers[0].said + servers[1].said
    checked = isthmus(tmp_path, "check", "--data", url)
    assert checked.returncode == 0, checked.stdout
