"""boto3 against a real server, over a real socket: what a user's program sees."""

import itertools
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from tests.clients.server import WHERE, Pair, Place, Server, account, pair, serving

Connect = Callable[..., Any]
ONCE = Config(retries={"max_attempts": 0})
QUICKLY = {"Delay": 1, "MaxAttempts": 10}
UNKNOWN = "pcx-0123456789abcdef0"


@pytest.fixture(scope="module")
def session() -> Any:
    """One for all clients: each session reads the service model anew, which takes a fifth of a second."""
    return boto3.Session()


@pytest.fixture
def connect(server: Server, session: Any) -> Iterator[Connect]:
    """Make clients, and close their connections at the end."""
    made = []

    def client(place: Place, service: str = "ec2", *, secret: str = "test", endpoint: str = server.endpoint) -> Any:
        keys = {"aws_access_key_id": place.account, "aws_secret_access_key": secret}
        made.append(session.client(service, region_name=place.region, endpoint_url=endpoint, config=ONCE, **keys))
        return made[-1]

    yield client
    for each in made:
        each.close()


def vpc(ec2: Any, cidr: str) -> str:
    return ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]


def asked(asking: Any, own: str, peer: str, pair: Pair, **more: Any) -> dict:
    return asking.create_vpc_peering_connection(VpcId=own, PeerVpcId=peer, **pair.peer, **more)["VpcPeeringConnection"]


def seen(ec2: Any, pcx: str) -> dict:
    (found,) = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[pcx])["VpcPeeringConnections"]
    return found


def state(ec2: Any, pcx: str) -> str:
    return seen(ec2, pcx)["Status"]["Code"]


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def tagged(key: str, value: str) -> list[dict]:
    return [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": key, "Value": value}]}]


@pytest.mark.parametrize("where", WHERE)
def test_a_connection_lives_from_request_to_deletion(connect: Connect, where: str) -> None:
    ends = pair(**WHERE[where])
    asking, accepting = connect(ends.requester), connect(ends.accepter)
    own, peer = vpc(asking, "10.1.0.0/16"), vpc(accepting, "10.2.0.0/16")
    asking.get_waiter("vpc_available").wait(VpcIds=[own], WaiterConfig=QUICKLY)

    created = asked(asking, own, peer, ends, TagSpecifications=tagged("Side", "requester"))
    pcx = created["VpcPeeringConnectionId"]
    assert created["Status"] == {"Code": "initiating-request", "Message": f"Initiating Request to {ends.accepter.account}"}
    assert created["AccepterVpcInfo"] == {
        "OwnerId": ends.accepter.account,
        "VpcId": peer,
        "Region": ends.accepter.region,
    }
    assert timedelta(days=6) < created["ExpirationTime"] - datetime.now(UTC) <= timedelta(days=7)

    accepting.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[pcx], WaiterConfig=QUICKLY)
    assert [state(ec2, pcx) for ec2 in (asking, accepting)] == ["pending-acceptance"] * 2
    accepted = accepting.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)["VpcPeeringConnection"]
    assert accepted["Status"] == {"Code": "provisioning", "Message": "Provisioning"}
    for ec2 in (asking, accepting):
        active = seen(ec2, pcx)
        assert active["Status"] == {"Code": "active", "Message": "Active"}
        assert [active[side]["CidrBlock"] for side in ("RequesterVpcInfo", "AccepterVpcInfo")] == [
            "10.1.0.0/16",
            "10.2.0.0/16",
        ]
        assert "ExpirationTime" not in active
    whole = ends.is_one_account and ends.is_one_region
    assert seen(asking, pcx)["Tags"] == [{"Key": "Side", "Value": "requester"}]
    assert seen(accepting, pcx)["Tags"] == ([{"Key": "Side", "Value": "requester"}] if whole else [])

    answer = asking.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    assert answer["Return"] is True
    for ec2 in (asking, accepting):
        ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[pcx], WaiterConfig=QUICKLY)
        assert seen(ec2, pcx)["RequesterVpcInfo"] == {
            "OwnerId": ends.requester.account,
            "VpcId": own,
            "Region": ends.requester.region,
        }
    asking.delete_vpc(VpcId=own)
    assert refusal(asking.describe_vpcs, VpcIds=[own]) == ("InvalidVpcID.NotFound", 400)


@pytest.mark.parametrize("where", WHERE)
def test_each_end_changes_its_own_options(connect: Connect, where: str) -> None:
    ends = pair(**WHERE[where])
    asking, accepting = connect(ends.requester), connect(ends.accepter)
    own, peer = vpc(asking, "10.1.0.0/16"), vpc(accepting, "10.2.0.0/16")
    accepting.modify_vpc_attribute(VpcId=peer, EnableDnsHostnames={"Value": True})
    pcx = asked(asking, own, peer, ends)["VpcPeeringConnectionId"]
    accepting.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    on = {"AllowDnsResolutionFromRemoteVpc": True}
    answer = accepting.modify_vpc_peering_connection_options(VpcPeeringConnectionId=pcx, AccepterPeeringConnectionOptions=on)
    assert answer["AccepterPeeringConnectionOptions"] == on
    assert "RequesterPeeringConnectionOptions" not in answer
    options = seen(accepting, pcx)["AccepterVpcInfo"]["PeeringOptions"]
    assert options["AllowDnsResolutionFromRemoteVpc"] is True
    if not (ends.is_one_account and ends.is_one_region):
        refused = refusal(
            accepting.modify_vpc_peering_connection_options,
            VpcPeeringConnectionId=pcx,
            RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": False},
        )
        assert refused == ("OperationNotPermitted", 400)


@pytest.mark.parametrize("where", WHERE)
def test_a_rejected_request_stays_rejected(connect: Connect, where: str) -> None:
    ends = pair(**WHERE[where])
    asking, accepting = connect(ends.requester), connect(ends.accepter)
    pcx = asked(asking, vpc(asking, "10.1.0.0/16"), vpc(accepting, "10.2.0.0/16"), ends)["VpcPeeringConnectionId"]
    assert accepting.reject_vpc_peering_connection(VpcPeeringConnectionId=pcx)["Return"] is True
    assert [state(ec2, pcx) for ec2 in (asking, accepting)] == ["rejected"] * 2
    assert refusal(accepting.accept_vpc_peering_connection, VpcPeeringConnectionId=pcx) == ("InvalidStateTransition", 400)


def test_a_request_with_overlapping_blocks_fails_and_only_its_requester_sees_that(connect: Connect) -> None:
    ends = pair(accounts=2)
    asking, accepting = connect(ends.requester), connect(ends.accepter)
    created = asked(asking, vpc(asking, "10.1.0.0/16"), vpc(accepting, "10.1.128.0/20"), ends)
    pcx = created["VpcPeeringConnectionId"]
    assert created["Status"]["Code"] == "initiating-request"
    assert seen(asking, pcx)["Status"] == {
        "Code": "failed",
        "Message": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range",
    }
    refused = refusal(accepting.describe_vpc_peering_connections, VpcPeeringConnectionIds=[pcx])
    assert refused == ("InvalidVpcPeeringConnectionID.NotFound", 400)


def test_a_request_that_nobody_accepts_expires_after_seven_days(connect: Connect, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        ends = pair(accounts=2)
        asking = connect(ends.requester, endpoint=server.endpoint)
        accepting = connect(ends.accepter, endpoint=server.endpoint)
        pcx = asked(asking, vpc(asking, "10.1.0.0/16"), vpc(accepting, "10.2.0.0/16"), ends)["VpcPeeringConnectionId"]
        server.admin("clock", advance="7d")
        assert [state(ec2, pcx) for ec2 in (asking, accepting)] == ["expired"] * 2
        assert refusal(accepting.accept_vpc_peering_connection, VpcPeeringConnectionId=pcx)[0] == "InvalidStateTransition"


def test_waiters_follow_a_connection_that_takes_its_time(connect: Connect, tmp_path: Path) -> None:
    with serving(tmp_path, "--profile=realistic") as server:
        ends = pair(regions=2)
        asking = connect(ends.requester, endpoint=server.endpoint)
        accepting = connect(ends.accepter, endpoint=server.endpoint)
        pcx = asked(asking, vpc(asking, "10.1.0.0/16"), vpc(accepting, "10.2.0.0/16"), ends)["VpcPeeringConnectionId"]
        assert state(asking, pcx) == "initiating-request"
        server.admin("clock", advance="2s")
        accepting.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert state(asking, pcx) == "provisioning"
        server.admin("clock", advance="3s")
        assert state(asking, pcx) == "active"
        asking.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
        assert state(accepting, pcx) == "deleting"
        accepting.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[pcx], WaiterConfig=QUICKLY)
        assert state(asking, pcx) == "deleted"


def test_a_waiter_for_what_does_not_come_gives_up(connect: Connect) -> None:
    ec2 = connect(pair().requester)
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        ec2.get_waiter("vpc_peering_connection_exists").wait(
            VpcPeeringConnectionIds=[UNKNOWN], WaiterConfig={"Delay": 0, "MaxAttempts": 3}
        )


def test_a_waiter_takes_an_unknown_connection_for_deleted(connect: Connect) -> None:
    ec2 = connect(pair().requester)
    ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[UNKNOWN], WaiterConfig=QUICKLY)


def test_paginators_walk_every_connection_once_in_pages_of_five(connect: Connect) -> None:
    ends = pair()
    ec2 = connect(ends.requester)
    hub = vpc(ec2, "10.0.0.0/16")
    spokes = [vpc(ec2, f"10.{number}.0.0/16") for number in range(1, 13)]
    made = [asked(ec2, hub, spoke, ends)["VpcPeeringConnectionId"] for spoke in spokes]
    pages = list(ec2.get_paginator("describe_vpc_peering_connections").paginate(PaginationConfig={"PageSize": 5}))
    found = [[each["VpcPeeringConnectionId"] for each in page["VpcPeeringConnections"]] for page in pages]
    assert [len(page) for page in found] == [5, 5, 2]
    assert sorted(itertools.chain(*found)) == sorted(made)
    assert ["NextToken" in page for page in pages] == [True, True, False]
    vpcs = ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 6, "MaxItems": 8}).build_full_result()
    assert len(vpcs["Vpcs"]) == 8
    assert vpcs["NextToken"]


def test_filters_find_by_state_side_and_own_tags(connect: Connect) -> None:
    ends = pair(accounts=2)
    asking, accepting = connect(ends.requester), connect(ends.accepter)
    own, first, second = vpc(asking, "10.0.0.0/16"), vpc(accepting, "10.1.0.0/16"), vpc(accepting, "10.2.0.0/16")
    kept, left = [asked(asking, own, peer, ends)["VpcPeeringConnectionId"] for peer in (first, second)]
    accepting.accept_vpc_peering_connection(VpcPeeringConnectionId=kept)
    accepting.create_tags(Resources=[kept], Tags=[{"Key": "Name", "Value": "to the hub"}])

    def found(ec2: Any, **filters: str) -> list[str]:
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        answer = ec2.describe_vpc_peering_connections(Filters=wanted)
        return [each["VpcPeeringConnectionId"] for each in answer["VpcPeeringConnections"]]

    assert found(asking, status_code="active") == [kept]
    assert found(asking, status_code="pending*") == [left]
    assert found(accepting, **{"accepter-vpc-info.vpc-id": second}) == [left]
    assert found(accepting, **{"tag:Name": "to the ?hub"}) == [kept]
    assert found(asking, **{"tag:Name": "*"}) == []


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown connection": (
        "accept_vpc_peering_connection",
        {"VpcPeeringConnectionId": UNKNOWN},
        "InvalidVpcPeeringConnectionID.NotFound",
    ),
    "no connection's id": (
        "delete_vpc_peering_connection",
        {"VpcPeeringConnectionId": "vpc-1"},
        "InvalidVpcPeeringConnectionId.Malformed",
    ),
    "an unknown VPC": ("delete_vpc", {"VpcId": "vpc-0123456789abcdef0"}, "InvalidVpcID.NotFound"),
    "a block that is too large": ("create_vpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
    "a block that is none": ("create_vpc", {"CidrBlock": "ten"}, "InvalidParameterValue"),
    "an unknown filter": (
        "describe_vpcs",
        {"Filters": [{"Name": "colour", "Values": ["red"]}]},
        "InvalidParameterValue",
    ),
    "pages with ids": (
        "describe_vpc_peering_connections",
        {"MaxResults": 5, "VpcPeeringConnectionIds": [UNKNOWN]},
        "InvalidParameterCombination",
    ),
    "a made-up token": ("describe_vpc_peering_connections", {"NextToken": "next"}, "InvalidParameterValue"),
    "an action not spoken here": ("describe_instances", {}, "InvalidAction"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_has_the_code_of_ec2(connect: Connect, what: str) -> None:
    method, parameters, code = REFUSED[what]
    assert refusal(getattr(connect(pair().requester), method), **parameters) == (code, 400)


def test_a_service_not_spoken_here_is_refused_at_once_in_its_own_protocol(connect: Connect) -> None:
    assert refusal(connect(pair().requester, "rds").describe_db_instances) == ("InvalidAction", 400)


def test_a_dry_run_answers_412_and_leaves_nothing_behind(connect: Connect) -> None:
    ends = pair()
    ec2 = connect(ends.requester)
    own, peer = vpc(ec2, "10.1.0.0/16"), vpc(ec2, "10.2.0.0/16")
    refused = refusal(ec2.create_vpc_peering_connection, VpcId=own, PeerVpcId=peer, DryRun=True)
    assert refused == ("DryRunOperation", 412)
    assert ec2.describe_vpc_peering_connections()["VpcPeeringConnections"] == []


def test_every_answer_carries_its_request_id(connect: Connect) -> None:
    metadata = connect(pair().requester).describe_vpcs()["ResponseMetadata"]
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


def test_boto3_s_resources_follow_a_connection_from_both_vpcs(session: Any, server: Server) -> None:
    keys = {"aws_access_key_id": account(), "aws_secret_access_key": "test"}
    ec2 = session.resource("ec2", region_name="us-east-1", endpoint_url=server.endpoint, config=ONCE, **keys)
    own, peer = ec2.create_vpc(CidrBlock="10.1.0.0/16"), ec2.create_vpc(CidrBlock="10.2.0.0/16")
    peer.wait_until_available()
    connection = own.request_vpc_peering_connection(PeerVpcId=peer.id)
    connection.wait_until_exists()
    connection.accept()
    connection.reload()
    assert connection.status["Code"] == "active"
    assert list(own.requested_vpc_peering_connections.all()) == [connection]
    assert list(peer.accepted_vpc_peering_connections.all()) == [connection]
    assert [group.group_name for group in own.security_groups.all()] == ["default"]
    connection.delete()
    own.delete()
    ec2.meta.client.close()


# Signatures


@pytest.fixture
def issued(server: Server) -> dict[str, str]:
    """A key that the server issued, whose signature it verifies also in open mode."""
    made = server.admin("accounts", name="signed", id=account())
    return {**made["access_keys"][0], "account": made["id"]}


def caller_in(document: bytes) -> str | None:
    return ET.fromstring(document).findtext(".//{*}Account")


def test_an_issued_key_is_its_account(connect: Connect, issued: dict[str, str]) -> None:
    place = Place(issued["access_key_id"], "us-east-1")
    ec2 = connect(place, secret=issued["secret_access_key"])
    assert ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["OwnerId"] == issued["account"]
    identity = connect(place, "sts", secret=issued["secret_access_key"]).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (issued["account"], f"arn:aws:iam::{issued['account']}:root")


def test_a_wrong_secret_is_refused_as_each_service_does(connect: Connect, issued: dict[str, str]) -> None:
    place = Place(issued["access_key_id"], "us-east-1")
    assert refusal(connect(place, secret="wrong").describe_vpcs) == ("AuthFailure", 401)
    assert refusal(connect(place, "sts", secret="wrong").get_caller_identity) == ("SignatureDoesNotMatch", 403)


def presigned(connect: Connect, key: dict[str, str]) -> str:
    sts = connect(Place(key["access_key_id"], "eu-west-1"), "sts", secret=key["secret_access_key"])
    return sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")


def test_a_presigned_url_proves_who_made_it(connect: Connect, issued: dict[str, str]) -> None:
    with urllib.request.urlopen(presigned(connect, issued)) as answer:
        assert caller_in(answer.read()) == issued["account"]


@pytest.mark.parametrize(("part", "instead"), [("X-Amz-Expires=60", "X-Amz-Expires=61"), ("eu-west-1", "eu-west-2")])
def test_a_presigned_url_that_somebody_changed_is_refused(
    connect: Connect, issued: dict[str, str], part: str, instead: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(presigned(connect, issued).replace(part, instead))
    with error.value:
        assert error.value.code == 403
        assert b"<Code>SignatureDoesNotMatch</Code>" in error.value.read()
