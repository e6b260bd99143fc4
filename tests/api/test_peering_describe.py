"""DescribeVpcPeeringConnections as boto3 sees it: fields by state and side, filters, ids, pages, waiters."""

from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import WaiterError

from isthmus.testing import InProcess
from tests.api.peerings import (
    DAY,
    HERE,
    ONE,
    OTHER,
    RELATIONS,
    STRANGER,
    THERE,
    UNKNOWN_PEERING,
    Client,
    Pair,
    advance,
    every_relation,
    filtered,
    listed,
    not_found,
    pair,
    refused,
    shown,
    vpc,
)

OPTIONS = {
    "AllowDnsResolutionFromRemoteVpc": False,
    "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
    "AllowEgressFromLocalVpcToRemoteClassicLink": False,
}


def short(two: Pair, side: str) -> dict[str, str]:
    if side == "requester":
        return {"OwnerId": ONE, "VpcId": two.vpc, "Region": HERE}
    return {"OwnerId": two.peer_owner, "VpcId": two.peer, "Region": two.peer_region}


def full(two: Pair, side: str, *, options: bool) -> dict[str, Any]:
    block = "10.1.0.0/16" if side == "requester" else "10.2.0.0/16"
    shared = OPTIONS if two.peer_region == HERE else {**OPTIONS, "AllowMultipathResilience": False}
    blocks = {"CidrBlock": block, "CidrBlockSet": [{"CidrBlock": block}]}
    return {**short(two, side), **blocks, **({"PeeringOptions": shared} if options else {})}


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("S221", "S226", "S210", "S231")
@every_relation
def test_while_it_is_pending_only_the_requester_side_is_full(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.pending()
    for ec2, account in ((two.requester, ONE), (two.accepter, two.peer_owner)):
        seen = shown(ec2, peering_id)
        assert seen["RequesterVpcInfo"] == full(two, "requester", options=account == ONE)
        assert seen["AccepterVpcInfo"] == short(two, "accepter")
        assert seen["ExpirationTime"].isoformat() == "2026-01-09T03:04:05+00:00"
        assert seen["Tags"] == []


@pytest.mark.rule("S223", "S226", "S227", "S210", "S228", "S229", "S231")
@every_relation
def test_an_active_connection_is_full_with_the_options_of_the_callers_sides(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    for ec2, account in ((two.requester, ONE), (two.accepter, two.peer_owner)):
        seen = shown(ec2, peering_id)
        assert seen["RequesterVpcInfo"] == full(two, "requester", options=account == ONE)
        assert seen["AccepterVpcInfo"] == full(two, "accepter", options=account == two.peer_owner)
        assert "ExpirationTime" not in seen
        assert seen["Tags"] == []


@pytest.mark.rule("S224", "S213", "S205", "S210")
@pytest.mark.parametrize("end", ["failed", "rejected", "expired", "deleted"])
def test_what_an_ended_connection_still_shows(server: InProcess, end: str) -> None:
    two = pair(server)
    seen = shown(two.requester, two.ended(end, server))
    whole = full(two, "requester", options=True)
    assert seen["RequesterVpcInfo"] == (short(two, "requester") if end == "deleted" else whole)
    assert seen["AccepterVpcInfo"] == short(two, "accepter")
    assert seen["Status"]["Message"]
    assert "ExpirationTime" not in seen


@pytest.mark.rule("S221")
def test_another_account_never_sees_options_that_are_not_its_own(server: InProcess) -> None:
    two = pair(server)
    two.requester.modify_vpc_attribute(VpcId=two.vpc, EnableDnsHostnames={"Value": True})
    peering_id = two.active()
    two.requester.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=peering_id,
        RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
    )
    assert "PeeringOptions" not in shown(two.accepter, peering_id)["RequesterVpcInfo"]


@pytest.mark.rule("S321")
@every_relation
def test_a_connection_is_listed_where_its_vpcs_are_and_nowhere_else(server: InProcess, relation: str) -> None:
    two = pair(server, relation)
    peering_id = two.active()
    seen_from = {
        (account, region): listed(server.client(account, region))
        for account in (ONE, OTHER, STRANGER)
        for region in (HERE, THERE, "ap-southeast-2")
    }
    places = {(ONE, HERE), RELATIONS[relation]}
    assert {place for place, found in seen_from.items() if found} == places
    assert all(seen_from[place] == [peering_id] for place in places)


@pytest.mark.rule("S333", "S143")
def test_the_list_is_in_the_order_of_creation(server: InProcess) -> None:
    ec2 = server.client()
    made = many(ec2, 4)
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made[2])
    assert listed(ec2) == made


def many(ec2: Client, count: int) -> list[str]:
    """Pending requests of one account in one Region, between VPCs of their own."""
    hub = vpc(ec2, "10.0.0.0/24")
    made = []
    for number in range(1, count + 1):
        spoke = vpc(ec2, f"10.0.{number}.0/24")
        asked = ec2.create_vpc_peering_connection(VpcId=hub, PeerVpcId=spoke)["VpcPeeringConnection"]
        made.append(asked["VpcPeeringConnectionId"])
    return made


# --- filters ----------------------------------------------------------------------------------------------------------


class Two:
    """An active connection to another account, a pending one, and a deleted one, of the same requester VPC."""

    def __init__(self, server: InProcess) -> None:
        self.pair = two = pair(server)
        self.ec2 = two.requester
        tags = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "main"}]}]
        self.active = two.pending(TagSpecifications=tags)
        two.accept(self.active)
        own = vpc(self.ec2, "10.3.0.0/16")
        self.own = own
        self.pending = self.ask(own)
        gone = vpc(self.ec2, "10.4.0.0/16")
        self.deleted = self.ask(gone)
        self.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=self.deleted)

    def ask(self, peer: str) -> str:
        answer = self.ec2.create_vpc_peering_connection(VpcId=self.pair.vpc, PeerVpcId=peer)
        return answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    def names(self, found: list[str]) -> list[str]:
        known = {self.active: "active", self.pending: "pending", self.deleted: "deleted"}
        return [known[each] for each in found]


@pytest.mark.rule("S322", "S327", "S328", "S324", "S325", "S214")
@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("status-code", ["active"], ["active"]),
        ("status-code", ["pending-acceptance"], ["pending"]),
        ("status-code", ["active", "deleted"], ["active", "deleted"]),
        ("status-code", ["*"], ["active", "pending", "deleted"]),
        ("status-code", ["*e?e*"], ["deleted"]),
        ("status-code", ["Active"], []),
        ("status-code", [""], []),
        ("status-message", ["Active"], ["active"]),
        ("status-message", [f"Pending Acceptance by {ONE}"], ["pending"]),
        ("status-message", [f"* by {ONE}"], ["pending", "deleted"]),
        ("requester-vpc-info.owner-id", [ONE], ["active", "pending", "deleted"]),
        ("requester-vpc-info.owner-id", [OTHER], []),
        ("accepter-vpc-info.owner-id", [OTHER], ["active"]),
        ("accepter-vpc-info.owner-id", [OTHER, ONE], ["active", "pending", "deleted"]),
        ("accepter-vpc-info.owner-id", ["2222?2222222"], ["active"]),
        ("requester-vpc-info.cidr-block", ["10.1.0.0/16"], ["active", "pending"]),
        ("requester-vpc-info.cidr-block", ["10.1.*"], ["active", "pending"]),
        ("accepter-vpc-info.cidr-block", ["10.2.0.0/16"], ["active"]),
        ("accepter-vpc-info.cidr-block", ["10.3.0.0/16"], []),
        ("expiration-time", ["2026-01-09T03:04:05.000Z"], ["pending"]),
        ("expiration-time", ["2026-01-09T*"], ["pending"]),
        ("expiration-time", ["2026-01-10T*"], []),
        ("tag:Name", ["main"], ["active"]),
        ("tag:Name", ["m*"], ["active"]),
        ("tag:Name", ["Main"], []),
        ("tag:name", ["main"], []),
        ("tag-key", ["Name"], ["active"]),
        ("tag-key", ["N?me", "other"], ["active"]),
        ("tag-key", ["name"], []),
    ],
)
def test_every_filter_finds_what_it_says(server: InProcess, name: str, values: list[str], found: list[str]) -> None:
    two = Two(server)
    assert two.names(filtered(two.ec2, (name, values))) == found


@pytest.mark.rule("S322", "S325", "S214")
def test_filters_by_id_find_ended_connections_too(server: InProcess) -> None:
    two = Two(server)
    everything = [two.active, two.pending, two.deleted]
    assert filtered(two.ec2, ("vpc-peering-connection-id", [two.deleted, two.active])) == [two.active, two.deleted]
    assert filtered(two.ec2, ("vpc-peering-connection-id", ["pcx-*"])) == everything
    assert filtered(two.ec2, ("vpc-peering-connection-id", ["x"])) == []
    assert filtered(two.ec2, ("requester-vpc-info.vpc-id", [two.pair.vpc])) == everything
    assert filtered(two.ec2, ("requester-vpc-info.vpc-id", [f"{two.pair.vpc[:-1]}?"])) == everything
    assert filtered(two.ec2, ("accepter-vpc-info.vpc-id", [two.pair.peer])) == [two.active]
    assert filtered(two.ec2, ("accepter-vpc-info.vpc-id", [two.own, two.pair.vpc])) == [two.pending]


@pytest.mark.rule("S214")
def test_an_ended_connection_stands_beside_its_active_successor(server: InProcess) -> None:
    two = pair(server)
    first = two.active()
    two.accepter.delete_vpc_peering_connection(VpcPeeringConnectionId=first)
    second = two.active()
    for ec2 in (two.requester, two.accepter):
        assert filtered(ec2, ("accepter-vpc-info.vpc-id", [two.peer])) == [first, second]
        assert filtered(ec2, ("accepter-vpc-info.vpc-id", [two.peer]), ("status-code", ["active"])) == [second]


@pytest.mark.rule("S324")
def test_several_filters_narrow_also_when_the_name_is_the_same(server: InProcess) -> None:
    two = Two(server)
    both = [("status-code", ["active", "deleted"]), ("accepter-vpc-info.owner-id", [ONE])]
    assert two.names(filtered(two.ec2, *both)) == ["deleted"]
    twice = [("status-code", ["active", "deleted"]), ("status-code", ["pending-acceptance", "active"])]
    assert two.names(filtered(two.ec2, *twice)) == ["active"]
    assert filtered(two.ec2, ("status-code", ["active"]), ("status-code", ["deleted"])) == []


@pytest.mark.rule("S323", "S329")
def test_an_id_and_filters_combine_as_terraform_sends_them(server: InProcess) -> None:
    two = Two(server)
    wanted = {
        "status-code": "active",
        "requester-vpc-info.vpc-id": two.pair.vpc,
        "requester-vpc-info.owner-id": ONE,
        "requester-vpc-info.cidr-block": "10.1.0.0/16",
        "accepter-vpc-info.vpc-id": two.pair.peer,
        "accepter-vpc-info.owner-id": OTHER,
        "accepter-vpc-info.cidr-block": "10.2.0.0/16",
        "tag:Name": "main",
    }
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    assert listed(two.ec2, VpcPeeringConnectionIds=[two.active], Filters=filters) == [two.active]
    assert listed(two.ec2, Filters=filters) == [two.active]
    assert listed(two.ec2, VpcPeeringConnectionIds=[two.pending], Filters=filters) == []


@pytest.mark.rule("S326")
@pytest.mark.parametrize("name", ["vpc-id", "Status-Code", "status-code ", "statuscode", "accepter-vpc-info.region", "tag"])
def test_an_unknown_filter_is_refused(server: InProcess, name: str) -> None:
    answer = refused(server.client().describe_vpc_peering_connections, Filters=[{"Name": name, "Values": ["active"]}])
    assert answer == ("InvalidParameterValue", f"The filter '{name}' is invalid", 400)


@pytest.mark.rule("S325")
@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ([("status-code", ["x"])] * 51, "FilterLimitExceeded"),
        ([("status-code", [str(number) for number in range(201)])], "FilterLimitExceeded"),
        ([("status-code", ["x" * 256])], "InvalidParameterValue"),
    ],
)
def test_filters_have_limits(server: InProcess, filters: list[tuple[str, list[str]]], code: str) -> None:
    ec2 = server.client()
    wanted = [{"Name": name, "Values": values} for name, values in filters]
    assert refused(ec2.describe_vpc_peering_connections, Filters=wanted)[0] == code


@pytest.mark.rule("S325")
def test_a_backslash_takes_the_meaning_from_a_wildcard(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    two.requester.create_tags(Resources=[peering_id], Tags=[{"Key": "Name", "Value": "50*"}])
    assert filtered(two.requester, ("tag:Name", ["50\\*"])) == [peering_id]
    assert filtered(two.requester, ("tag:Name", ["5\\?*"])) == []


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S329", "S251")
def test_one_unknown_id_fails_the_whole_call_and_the_first_is_named(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.pending()
    other = "pcx-fffffffffffffffff"
    describe = two.requester.describe_vpc_peering_connections
    wanted = [peering_id, other, UNKNOWN_PEERING]
    assert refused(describe, VpcPeeringConnectionIds=wanted) == not_found(other)
    assert listed(two.requester, VpcPeeringConnectionIds=[peering_id, peering_id]) == [peering_id]
    stranger = server.client(STRANGER).describe_vpc_peering_connections
    assert refused(stranger, VpcPeeringConnectionIds=[peering_id]) == not_found(peering_id)


def test_nothing_to_see_is_an_empty_list(server: InProcess) -> None:
    assert server.client().describe_vpc_peering_connections()["VpcPeeringConnections"] == []


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S330")
@pytest.mark.parametrize(
    ("number", "words"),
    [(4, "greater than or equal to 5"), (0, "greater than or equal to 5"), (1001, "smaller than or equal to 1000")],
)
def test_a_page_has_5_to_1000_results(server: InProcess, number: int, words: str) -> None:
    answer = refused(server.client(validate=False).describe_vpc_peering_connections, MaxResults=number)
    expected = f"Value ( {number} ) for parameter MaxResults is invalid. Expecting a value {words}."
    assert answer == ("InvalidParameterValue", expected, 400)


@pytest.mark.rule("S331")
@pytest.mark.parametrize(("parameter", "value"), [("MaxResults", 5), ("NextToken", "x")])
def test_ids_and_pages_exclude_each_other(server: InProcess, parameter: str, value: object) -> None:
    two = pair(server)
    describe = two.requester.describe_vpc_peering_connections
    answer = refused(describe, VpcPeeringConnectionIds=[two.pending()], **{parameter: value})
    words = f"The parameter VpcPeeringConnectionIds cannot be used with the parameter {parameter}"
    assert answer == ("InvalidParameterCombination", words, 400)


@pytest.mark.rule("S330", "S332", "S333", "S335")
def test_pages_neither_repeat_nor_skip(server: InProcess) -> None:
    ec2 = server.client()
    made = many(ec2, 12)
    paginator = ec2.get_paginator("describe_vpc_peering_connections")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["VpcPeeringConnections"]) for page in pages] == [5, 5, 2]
    assert [each["VpcPeeringConnectionId"] for page in pages for each in page["VpcPeeringConnections"]] == made
    assert ["NextToken" in page for page in pages] == [True, True, False]
    assert listed(ec2, MaxResults=1000) == made
    exact = ec2.describe_vpc_peering_connections(MaxResults=12)
    assert "NextToken" not in exact


@pytest.mark.rule("S332")
def test_a_page_goes_on_after_its_last_connection_whatever_happened_since(server: InProcess) -> None:
    ec2 = server.client()
    made = many(ec2, 8)
    first = ec2.describe_vpc_peering_connections(MaxResults=5)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made[1])
    assert listed(ec2, MaxResults=5, NextToken=first["NextToken"]) == made[5:]
    assert listed(ec2, MaxResults=1000, NextToken=first["NextToken"]) == made[5:]


@pytest.mark.rule("S332")
def test_a_token_counts_only_for_its_own_list(server: InProcess) -> None:
    ec2, elsewhere, other = server.client(), server.client(ONE, THERE), server.client(OTHER)
    many(ec2, 6)
    token = ec2.describe_vpc_peering_connections(MaxResults=5)["NextToken"]
    status = [{"Name": "status-code", "Values": ["active"]}]
    for client, parameters in (
        (elsewhere, {"NextToken": token}),
        (other, {"NextToken": token}),
        (ec2, {"NextToken": token, "Filters": status}),
        (ec2, {"NextToken": "made-up"}),
        (ec2, {"NextToken": token[:-1] + ("A" if token[-1] != "A" else "B")}),
    ):
        wrong = parameters["NextToken"]
        words = f"Value ( {wrong} ) for parameter NextToken is invalid. The token is invalid."
        answer = refused(client.describe_vpc_peering_connections, MaxResults=5, **parameters)
        assert answer == ("InvalidParameterValue", words, 400)


@pytest.mark.rule("S332", "S324")
def test_filtered_lists_have_pages_too(server: InProcess) -> None:
    ec2 = server.client()
    made = many(ec2, 9)
    for peering_id in made[::4]:
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    pending = [{"Name": "status-code", "Values": ["pending-*"]}]
    first = ec2.describe_vpc_peering_connections(MaxResults=5, Filters=pending)
    rest = listed(ec2, MaxResults=5, Filters=pending, NextToken=first["NextToken"])
    found = [each["VpcPeeringConnectionId"] for each in first["VpcPeeringConnections"]] + rest
    assert found == [each for each in made if each not in made[::4]]


# --- waiters ----------------------------------------------------------------------------------------------------------


def wait(ec2: Client, name: str, *, attempts: int = 3, **parameters: object) -> None:
    config = {"Delay": 0, "MaxAttempts": attempts}
    ec2.get_waiter(f"vpc_peering_connection_{name}").wait(WaiterConfig=config, **parameters)


@pytest.mark.rule("S334")
def test_the_waiter_for_existence_waits_for_the_id(server: InProcess) -> None:
    two = pair(server)
    wait(two.requester, "exists", VpcPeeringConnectionIds=[two.pending()])
    with pytest.raises(WaiterError):
        wait(two.requester, "exists", VpcPeeringConnectionIds=[UNKNOWN_PEERING])
    wait(two.requester, "exists", Filters=[{"Name": "status-code", "Values": ["no such"]}])


@pytest.mark.rule("S334")
def test_the_waiter_for_deletion_waits_until_all_are_deleted_or_gone(server: InProcess) -> None:
    two = pair(server)
    peering_id = two.active()
    with pytest.raises(WaiterError):
        wait(two.requester, "deleted", VpcPeeringConnectionIds=[peering_id])
    two.requester.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    wait(two.requester, "deleted", VpcPeeringConnectionIds=[peering_id])
    advance(server, 3 * DAY)
    wait(two.requester, "deleted", VpcPeeringConnectionIds=[peering_id])
    with pytest.raises(WaiterError):
        wait(two.requester, "deleted", Filters=[{"Name": "status-code", "Values": ["no such"]}])


@pytest.mark.rule("S334", "S209")
def test_the_waiter_for_deletion_outlasts_deleting(server: InProcess) -> None:
    two = pair(server, "cross Region")
    peering_id = two.active()
    asked: list[int] = []

    def describe(**_: object) -> dict:
        asked.append(1)
        if len(asked) == 2:
            two.accepter.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
        return original(VpcPeeringConnectionIds=[peering_id])

    original = two.requester.describe_vpc_peering_connections
    with mock.patch.object(two.requester, "describe_vpc_peering_connections", describe):
        wait(two.requester, "deleted", attempts=5)
    assert len(asked) == 2
