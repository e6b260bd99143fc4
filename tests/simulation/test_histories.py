"""Random histories of three accounts in two Regions, against a small obvious model.

Each step is one request (or the clock, or a restart). Its outcome must be the model's, and after it every account must see
from every Region exactly what the model says, and what must always hold (the architecture page) must hold in the tables.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from isthmus.config import Delays, Settings
from isthmus.store import invariants, sqlite_file
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.invariants import Invariant
from isthmus.store.sqlite import SqliteStore
from isthmus.testing import InProcess
from tests.simulation.model import DAY, ENDED, HOUR, SECOND, Model, Peering, Place, Vpc
from tests.simulation.random_requests import authorization

PLACES = [
    (account, region)
    for account in ("111111111111", "222222222222", "333333333333")
    for region in ("us-east-1", "eu-west-1")
]
# Clear of 10.0.0.0/15, where a VPC may not have two blocks (S520).
BLOCKS = [IPv4Network(f"10.{number}.0.0/16") for number in range(2, 14)]
BLOCKS += [IPv4Network("10.2.128.0/17"), IPv4Network("10.3.2.0/24")]
QUOTA = {"outstanding_peerings_per_vpc": 3, "active_peerings_per_vpc": 2, "cidr_blocks_per_vpc": 4}
FILTERS = ("status-code", "requester-vpc-info.vpc-id", "accepter-vpc-info.owner-id", "tag:k")

Index = st.integers(0, 1_000)
Whose = st.sampled_from(["requester", "accepter", "other"])
LOOK_EVERY = 8  # steps from one whole look at the tables to the next
BACK = [-DAY, -HOUR, -2 * HOUR, -SECOND]
FORTH = [0, 999, SECOND, 1_500, 2_000, HOUR, 2 * HOUR, 2 * HOUR - 1, DAY, 2 * DAY, 7 * DAY - 1, 7 * DAY]


class Refused(Exception):
    """An error's code."""


class Histories(RuleBasedStateMachine):
    """One server, its model, and the rules by which a history goes on."""

    delays = Delays()
    on_file = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True) if self.on_file else None
        data = str(Path(self.folder.name) / "isthmus.db") if self.folder else "memory"
        self.settings = Settings(data=data, quota=QUOTA, delays=self.delays)
        self.clock = ManualClock()
        self.server = InProcess(self.settings, clock=self.clock)
        self.restarts = 0
        self.offset = 0
        named = {
            name: round(getattr(self.delays, f"{name}_seconds") * SECOND)
            for name in ("initiating", "provisioning", "deleting")
        }
        self.model = Model(self.clock.wall(), outstanding_quota=3, active_quota=2, **named)
        self.vpc_ids: list[str] = []
        self.peering_ids: list[str] = []
        self.associations: list[tuple[str, str]] = []
        self.over: dict[str, str] = {}
        self.looks = 0

    def teardown(self) -> None:
        try:
            self._check_everything()
        finally:
            self.server.close()
            if self.folder:
                self.folder.cleanup()

    # --- asking ---------------------------------------------------------------------------------------------------------

    def ask(self, place: Place, action: str, **parameters: str) -> ET.Element:
        """Send a request; raise the code of an error."""
        headers = {"x-amz-date": "20260102T030405Z", "authorization": authorization(place[0], "ec2", place[1])}
        form = {
            "Action": action,
            "Version": "2016-11-15",
            **{name.replace("__", "."): text for name, text in parameters.items()},
        }
        answer = self.server.send("POST", "/", headers, urlencode(form).encode())
        root = ET.fromstring(re.sub(rb' xmlns="[^"]*"', b"", answer.body, count=1))
        if answer.status != 200:
            raise Refused(root.findtext(".//Code"))
        return root

    def attempt(self, place: Place, action: str, **parameters: str) -> tuple[str | None, ET.Element]:
        """The code of the error, or None for yes; and the answer."""
        try:
            return None, self.ask(place, action, **parameters)
        except Refused as error:
            return str(error), ET.Element("nothing")

    def outcome(self, place: Place, action: str, **parameters: str) -> str | None:
        """The code of the error, or None for yes, which is `true` where an action answers nothing else (S118)."""
        refused, answer = self.attempt(place, action, **parameters)
        assert refused or answer.findtext("return") in (None, "true")
        return refused

    def vpc_at(self, index: int) -> tuple[Place, str]:
        """A VPC and who asks for it: mostly its owner, sometimes somebody else; sometimes one that is gone."""
        vpc_id = self.vpc_ids[index % len(self.vpc_ids)]
        held = self.model.vpcs.get(vpc_id)
        return (held.place if held and index % 11 else PLACES[index % len(PLACES)]), vpc_id

    def peering_at(self, index: int, whose: str) -> tuple[Place, str]:
        peering_id = self.peering_ids[index % len(self.peering_ids)]
        ends = self.model.peerings[peering_id].ends
        return (ends[whose].place if whose in ends else PLACES[index % len(PLACES)]), peering_id

    # --- VPCs -----------------------------------------------------------------------------------------------------------

    @initialize(choices=st.lists(st.tuples(st.integers(0, 5), Index), min_size=3, max_size=6))
    def begin(self, choices: list[tuple[int, int]]) -> None:
        for place, block in choices:
            self.create_vpc(place, block)

    @rule(place=st.integers(0, 5), block=Index)
    def create_vpc(self, place: int, block: int) -> None:
        self.model.settle()
        where, network = PLACES[place], BLOCKS[block % len(BLOCKS)]
        vpc = self.ask(where, "CreateVpc", CidrBlock=str(network)).find("vpc")
        assert vpc is not None
        self.note_vpc(
            where, vpc.findtext("vpcId") or "", vpc.findtext("cidrBlockAssociationSet/item/associationId") or "", network
        )

    def note_vpc(self, place: Place, vpc_id: str, association: str, network: IPv4Network) -> None:
        assert vpc_id not in self.vpc_ids, "an id came twice"
        self.model.vpcs[vpc_id] = Vpc(vpc_id, place, {association: network})
        self.vpc_ids.append(vpc_id)
        self.associations.append((vpc_id, association))

    @rule(index=Index)
    def delete_vpc(self, index: int) -> None:
        self.model.settle()
        place, vpc_id = self.vpc_at(index)
        assert self.outcome(place, "DeleteVpc", VpcId=vpc_id) == self.model.delete_vpc(place, vpc_id)

    @rule(index=Index, block=Index)
    def add_block(self, index: int, block: int) -> None:
        self.model.settle()
        place, vpc_id = self.vpc_at(index)
        network = BLOCKS[block % len(BLOCKS)]
        expected = self.model.add_block(place, vpc_id, network)
        refused, answer = self.attempt(place, "AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock=str(network))
        if refused:
            assert refused == expected, f"{refused}, where the model says {expected}"
            return
        assert expected is None
        association = answer.findtext("cidrBlockAssociation/associationId") or ""
        self.associations.append((vpc_id, association))
        self.model.added(vpc_id, association, network)

    @rule(index=Index)
    def remove_block(self, index: int) -> None:
        self.model.settle()
        vpc_id, association = self.associations[-1 - index % len(self.associations)]
        held = self.model.vpcs.get(vpc_id)
        place = held.place if held and index % 7 else PLACES[index % len(PLACES)]
        found = self.outcome(place, "DisassociateVpcCidrBlock", AssociationId=association)
        assert found == self.model.remove_block(place, association)

    @rule(index=Index, on=st.booleans())
    def set_dns_hostnames(self, index: int, on: bool) -> None:
        self.model.settle()
        place, vpc_id = self.vpc_at(index)
        held = self.model.vpc_of(place, vpc_id)
        found = self.outcome(place, "ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames__Value=str(on).lower())
        assert found == (None if held else "InvalidVpcID.NotFound")
        if held:
            held.dns_hostnames = on

    # --- connections ----------------------------------------------------------------------------

    @rule(
        index=Index,
        peer=Index,
        names_owner=st.sampled_from(["yes", "no", "wrong"]),
        names_region=st.sampled_from(["yes", "no", "wrong"]),
    )
    def request(self, index: int, peer: int, names_owner: str, names_region: str) -> None:
        self.model.settle()
        place, vpc_id = self.vpc_at(index)
        _, peer_id = self.vpc_at(peer)
        held = self.model.vpcs.get(peer_id)
        there = held.place if held else PLACES[peer % len(PLACES)]
        owner = {"yes": there[0], "no": None, "wrong": PLACES[peer % len(PLACES)][0]}[names_owner]
        region = {"yes": there[1], "no": None, "wrong": PLACES[index % len(PLACES)][1]}[names_region]
        self.ask_for(place, vpc_id, peer_id, owner, region)

    @rule(index=Index, peer=Index)
    def request_rightly(self, index: int, peer: int) -> None:
        """Most requests of `request` fail; these reach their peer."""
        self.model.settle()
        place, vpc_id = self.vpc_at(index)
        _, peer_id = self.vpc_at(peer)
        if held := self.model.vpcs.get(peer_id):
            self.ask_for(place, vpc_id, peer_id, *held.place)

    def ask_for(self, place: Place, vpc_id: str, peer_id: str, owner: str | None, region: str | None) -> None:
        expected = self.model.request(place, vpc_id, peer_id, owner, region)
        named = {"PeerOwnerId": owner, "PeerRegion": region}
        given = {name: value for name, value in named.items() if value is not None}
        refused, answer = self.attempt(place, "CreateVpcPeeringConnection", VpcId=vpc_id, PeerVpcId=peer_id, **given)
        if refused:
            assert refused == expected, f"{refused}, where the model says {expected}"
            return
        shown = answer.find("vpcPeeringConnection")
        assert shown is not None
        peering_id, state = shown.findtext("vpcPeeringConnectionId") or "", shown.findtext("status/code")
        if isinstance(expected, Peering):
            assert (peering_id, state) == (expected.id, expected.state)
            return
        assert expected is None
        assert peering_id not in self.peering_ids, "an id came twice"
        assert state == "initiating-request"
        self.peering_ids.append(peering_id)
        self.model.requested(peering_id, place, vpc_id, peer_id, owner, region)

    @precondition(lambda self: self.peering_ids)
    @rule(index=Index, whose=st.sampled_from(["accepter", "accepter", "requester", "other"]))
    def accept(self, index: int, whose: str) -> None:
        self.model.settle()
        place, peering_id = self.peering_at(index, whose)
        expected = self.model.accept(place, peering_id)
        refused, answer = self.attempt(place, "AcceptVpcPeeringConnection", VpcPeeringConnectionId=peering_id)
        if refused:
            assert refused == expected, f"{refused}, where the model says {expected}"
            return
        assert expected is None
        assert answer.findtext("vpcPeeringConnection/status/code") == "provisioning"

    @precondition(lambda self: self.peering_ids)
    @rule(index=Index, whose=Whose)
    def reject(self, index: int, whose: str) -> None:
        self.model.settle()
        place, peering_id = self.peering_at(index, whose)
        found = self.outcome(place, "RejectVpcPeeringConnection", VpcPeeringConnectionId=peering_id)
        assert found == self.model.reject(place, peering_id)

    @precondition(lambda self: self.peering_ids)
    @rule(index=Index, whose=Whose)
    def delete(self, index: int, whose: str) -> None:
        self.model.settle()
        place, peering_id = self.peering_at(index, whose)
        found = self.outcome(place, "DeleteVpcPeeringConnection", VpcPeeringConnectionId=peering_id)
        assert found == self.model.delete(place, peering_id)

    @precondition(lambda self: self.peering_ids)
    @rule(
        index=Index, whose=Whose, dns=st.dictionaries(st.sampled_from(["requester", "accepter"]), st.booleans(), min_size=1)
    )
    def modify_options(self, index: int, whose: str, dns: dict[str, bool]) -> None:
        self.model.settle()
        place, peering_id = self.peering_at(index, whose)
        name = "{}PeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc"
        given = {name.format(side.capitalize()): str(on).lower() for side, on in dns.items()}
        found = self.outcome(place, "ModifyVpcPeeringConnectionOptions", VpcPeeringConnectionId=peering_id, **given)
        assert found == self.model.modify(place, peering_id, dns)

    # --- tags -------------------------------------------------------------------------------------------------------------

    @rule(index=Index, whose=Whose, key=st.sampled_from("kl"), value=st.sampled_from(["a", "b", None]), of_vpc=st.booleans())
    def tag(self, index: int, whose: str, key: str, value: str | None, of_vpc: bool) -> None:
        self.model.settle()
        of_vpc = of_vpc or not self.peering_ids
        place, resource_id = self.vpc_at(index) if of_vpc else self.peering_at(index, whose)
        action = "DeleteTags" if value is None else "CreateTags"
        given = {} if value is None else {"Tag.1.Value": value}
        found = self.outcome(place, action, **{"ResourceId.1": resource_id, "Tag.1.Key": key, **given})
        assert found == self.model.tag(place, resource_id, key, value)

    # --- time and restarts ----------------------------------------------------------------------------

    @rule(by=st.sampled_from(FORTH))
    def time_passes(self, by: int) -> None:
        self.model.settle()
        self.clock.advance(by)
        self.model.now += by

    @rule(by=st.sampled_from(FORTH + BACK))
    def clock_is_moved(self, by: int) -> None:
        """Service time alone; also back, which undoes nothing."""
        self.model.settle()
        self.offset += by
        self.model.now += by
        store = self.server.store
        store.run_now(Kind.WRITE, lambda unit: store.set_offset(unit, self.offset))

    @precondition(lambda self: self.on_file)
    @rule()
    def restart(self) -> None:
        self.server.close()
        self.restarts += 1
        self.server = InProcess(self.settings, clock=self.clock, seed=1_000_000 * (self.restarts + 1))

    # --- what must hold ----------------------------------------------------------------------------

    @rule(index=Index, name=st.sampled_from(FILTERS), place=st.integers(0, 5))
    def describe_with_a_filter(self, index: int, name: str, place: int) -> None:
        self.model.settle()
        where = PLACES[place]
        values = {
            "status-code": [("active", "deleted", "pending-acceptance", "failed")[index % 4]],
            "requester-vpc-info.vpc-id": [self.vpc_ids[index % len(self.vpc_ids)], self.vpc_ids[0]],
            "accepter-vpc-info.owner-id": [PLACES[index % len(PLACES)][0]],
            "tag:k": ["a"],
        }[name]
        given = {f"Filter.1.Value.{number}": value for number, value in enumerate(values, 1)}
        answer = self.ask(where, "DescribeVpcPeeringConnections", **{"Filter.1.Name": name, **given})
        expected = [
            each.id
            for each in self.model.seen_peerings(where).values()
            if {
                "status-code": each.state,
                "requester-vpc-info.vpc-id": each.requester.vpc,
                "accepter-vpc-info.owner-id": each.accepter.place[0],
                "tag:k": self.model.tags.get((where, each.id), {}).get("k"),
            }[name]
            in values
        ]
        assert [item.findtext("vpcPeeringConnectionId") for item in items(answer, "vpcPeeringConnectionSet")] == expected

    @invariant()
    def everybody_sees_what_the_model_says(self) -> None:
        self.model.settle()
        for place in PLACES:
            listed = items(self.ask(place, "DescribeVpcPeeringConnections"), "vpcPeeringConnectionSet")
            expected = self.model.seen_peerings(place)
            shown = {item.findtext("vpcPeeringConnectionId"): peering_shown(item) for item in listed}
            right = {peering_id: self.model.shown(place, peering) for peering_id, peering in expected.items()}
            assert shown == right, f"{place} sees {shown}, where the model says {right}"
            vpcs = items(self.ask(place, "DescribeVpcs"), "vpcSet")
            assert {item.findtext("vpcId"): vpc_shown(item) for item in vpcs} == {
                vpc.id: ([str(block) for block in vpc.blocks.values()], self.model.tags.get((place, vpc.id), {}))
                for vpc in self.model.seen_vpcs(place).values()
            }, place

    @invariant()
    def the_tables_hold_what_must_always_hold(self) -> None:
        self.looks += 1
        if self.looks % LOOK_EVERY == 0:
            self._check_everything()
        rows = self.server.store.run_now(Kind.READ, lambda unit: unit.peerings.where())
        over = {row.id: row.state.value for row in rows if row.state in ENDED}
        assert all(over.get(each, state) == state for each, state in self.over.items()), "a terminal state moved (S206)"
        alive = {row.id for row in rows} - over.keys()
        assert not alive & self.over.keys(), "an ended connection came back (S206)"
        self.over.update(over)

    def _check_everything(self) -> None:
        """Hold every claim of `isthmus check` against the store: some twenty questions about all rows."""
        claims: tuple[Invariant, ...] = invariants.INVARIANTS
        if isinstance(self.server.store, SqliteStore):  # which does not look at each write (ADR 22)
            claims = (sqlite_file.FOREIGN_KEYS, *claims)
        found = self.server.store.run_now(Kind.READ, lambda unit: invariants.check(unit.engine, claims))
        assert {each.name: each.broken for each in found if each.broken} == {}


def items(root: ET.Element, name: str) -> Sequence[ET.Element]:
    found = root.find(name)
    assert found is not None
    return found.findall("item")


def vpc_shown(item: ET.Element) -> tuple[list[str | None], Mapping[str | None, str | None]]:
    return [each.findtext("cidrBlock") for each in items(item, "cidrBlockAssociationSet")], tags_shown(item)


def tags_shown(item: ET.Element) -> dict[str | None, str | None]:
    return {each.findtext("key"): each.findtext("value") for each in items(item, "tagSet")}


def peering_shown(item: ET.Element) -> dict[str, Any]:
    expires = item.findtext("expirationTime")
    return {
        "requester": side_shown(item.find("requesterVpcInfo")),
        "accepter": side_shown(item.find("accepterVpcInfo")),
        "state": item.findtext("status/code"),
        "message": item.findtext("status/message"),
        "expires": round(datetime.fromisoformat(expires).timestamp() * SECOND) if expires else None,
        "tags": tags_shown(item),
    }


def side_shown(info: ET.Element | None) -> tuple[Any, ...]:
    assert info is not None
    blocks = [each.findtext("cidrBlock") for each in info.findall("cidrBlockSet/item")]
    assert info.findtext("cidrBlock") == (blocks[0] if blocks else None)
    dns = info.findtext("peeringOptions/allowDnsResolutionFromRemoteVpc")
    place = (info.findtext("ownerId"), info.findtext("region"))
    return (info.findtext("vpcId"), *place, blocks, None if dns is None else dns == "true")


class HistoriesWithDelays(Histories):
    delays = Delays(1.5, 2.0, 1.0)


class HistoriesOnAFile(HistoriesWithDelays):
    on_file = True


def play(machine: type[Histories], examples: int, steps: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))


@pytest.mark.rule(
    "S143", "S202", "S206", "S207", "S211", "S212", "S213", "S214", "S253", "S277", "S278", "S279", "S295", "S321"
)
@pytest.mark.parametrize("machine", [Histories, HistoriesWithDelays])
def test_histories_go_as_the_model_says(machine: type[Histories]) -> None:
    play(machine, 25, 30)


def test_histories_go_on_after_restarts() -> None:
    play(HistoriesOnAFile, 6, 25)


@pytest.mark.extended
@pytest.mark.parametrize("machine", [Histories, HistoriesWithDelays, HistoriesOnAFile])
def test_many_histories_go_as_the_model_says(machine: type[Histories]) -> None:
    play(machine, 300, 60)
