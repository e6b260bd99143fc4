"""A small obvious model of peering: plain dicts and lists, written from the rules of docs/spec and from nothing else.

It answers what the server must answer: an error's code, or None for yes; and what each account must then see from each
Region. Networks are `ipaddress`'s, times are milliseconds of service time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
OUTSTANDING = ("initiating-request", "pending-acceptance")
ESTABLISHED = ("provisioning", "active")
LIVE = (*OUTSTANDING, *ESTABLISHED)
ENDED = ("failed", "rejected", "expired", "deleted")
WINDOWS = {
    "failed": (2 * HOUR, 0, 2 * HOUR),
    "expired": (2 * DAY, 2 * DAY, 2 * DAY),
    "rejected": (2 * DAY, 2 * HOUR, 2 * HOUR),
}
"""S212: how long the requester, the accepter, and an account with both sides see a connection that has ended."""

VPC_MISSING = "InvalidVpcID.NotFound"
BLOCK_MISSING = "InvalidVpcCidrBlockAssociationID.NotFound"
PEERING_MISSING = "InvalidVpcPeeringConnectionID.NotFound"

Place = tuple[str, str]
"""An account and a Region."""


@dataclass
class Vpc:
    id: str
    place: Place
    blocks: dict[str, IPv4Network]
    """By association id, the primary one first."""
    dns_hostnames: bool = False


@dataclass
class End:
    vpc: str
    place: Place
    blocks: list[IPv4Network]
    dns: bool = False


@dataclass
class Peering:
    id: str
    requester: End
    accepter: End
    exists: bool
    """Whether the accepter's VPC is there, with that owner, in that Region."""
    state: str
    expires: int
    due: int | None = None
    """When the service takes the next step by itself."""
    ended: int | None = None
    ended_by: str = ""
    hidden: set[Place] = field(default_factory=set)
    has_arrived: bool = False
    """Whether the request ever was pending: before that another account knows nothing of it, and so nothing of its end."""

    @property
    def ends(self) -> dict[str, End]:
        return {"requester": self.requester, "accepter": self.accepter}

    @property
    def crosses_regions(self) -> bool:
        return self.requester.place[1] != self.accepter.place[1]

    @property
    def is_one_account(self) -> bool:
        return self.requester.place[0] == self.accepter.place[0]


@dataclass
class Model:
    now: int
    initiating: int = 0
    provisioning: int = 0
    deleting: int = 0
    outstanding_quota: int = 3
    active_quota: int = 2
    block_quota: int = 4
    vpcs: dict[str, Vpc] = field(default_factory=dict)
    peerings: dict[str, Peering] = field(default_factory=dict)
    tags: dict[tuple[Place, str], dict[str, str]] = field(default_factory=dict)

    # --- time ---------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Take every step that is due, each at its own time; then hide what has been over for long enough (S208-S212)."""
        for peering in self.peerings.values():
            while peering.due is not None and peering.due <= self.now:
                self._step(peering, peering.due)
            for place in self._places(peering):
                if peering.ended is not None and peering.ended + self._window(peering, place) <= self.now:
                    peering.hidden.add(place)
                    self.tags.pop((place, peering.id), None)

    def _step(self, peering: Peering, at: int) -> None:
        if peering.state == "initiating-request":
            self._enter(peering, "pending-acceptance" if self._may_be(peering) else "failed", at)
        else:
            self._enter(
                peering,
                {"pending-acceptance": "expired", "provisioning": "active", "deleting": "deleted"}[peering.state],
                at,
            )

    def _enter(self, peering: Peering, state: str, at: int, by: str = "") -> None:
        peering.state, peering.ended_by = state, by or peering.ended_by
        peering.has_arrived = peering.has_arrived or state == "pending-acceptance"
        peering.ended = at if state in ENDED else None
        peering.due = {
            "initiating-request": at + self.initiating,
            "pending-acceptance": peering.expires,
            "provisioning": at + self.provisioning,
            "deleting": at + self.deleting,
        }.get(state)

    @staticmethod
    def _may_be(peering: Peering) -> bool:
        """S236, S240, S241."""
        one, other = peering.requester, peering.accepter
        return peering.exists and one.vpc != other.vpc and not overlap(one.blocks, other.blocks)

    @staticmethod
    def _window(peering: Peering, place: Place) -> int:
        if peering.state == "deleted":
            return 2 * HOUR if place[0] == peering.ended_by else 2 * DAY
        as_requester, as_accepter, as_both = WINDOWS[peering.state]
        if peering.is_one_account:
            return as_both
        return as_requester if place == peering.requester.place else as_accepter

    @staticmethod
    def _places(peering: Peering) -> set[Place]:
        return {peering.requester.place, peering.accepter.place} if peering.exists else {peering.requester.place}

    # --- who sees what ----------------------------------------------------------------------------

    def sees(self, place: Place, peering: Peering) -> bool:
        """S321; another account hears of a request only once it is pending, or a failed one would not stay unseen (S212)."""
        if place not in self._places(peering) or place in peering.hidden:
            return False
        return place[0] == peering.requester.place[0] or peering.has_arrived

    def seen_peerings(self, place: Place) -> dict[str, Peering]:
        return {each.id: each for each in self.peerings.values() if self.sees(place, each)}

    def seen_vpcs(self, place: Place) -> dict[str, Vpc]:
        return {each.id: each for each in self.vpcs.values() if each.place == place}

    def shown(self, place: Place, peering: Peering) -> dict[str, object]:
        """S204, S210, S221-S226, S295."""
        full = {"deleted": (), "provisioning": ("requester", "accepter"), "active": ("requester", "accepter"),
                "deleting": ("requester", "accepter")}.get(peering.state, ("requester",))  # fmt: skip
        sides = {
            name: (
                end.vpc,
                *end.place,
                [str(block) for block in end.blocks] if name in full else [],
                end.dns if name in full and end.place[0] == place[0] else None,
            )
            for name, end in peering.ends.items()
        }
        return {
            **sides,
            "state": peering.state,
            "message": self._message(peering),
            "expires": peering.expires if peering.state in OUTSTANDING else None,
            "tags": self.tags.get((place, peering.id), {}),
        }

    @staticmethod
    def _message(peering: Peering) -> str:
        return {
            "initiating-request": f"Initiating Request to {peering.accepter.place[0]}",
            "pending-acceptance": f"Pending Acceptance by {peering.accepter.place[0]}",
            "failed": "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range",
            "rejected": f"Rejected by {peering.accepter.place[0]}",
            "deleted": f"Deleted by {peering.ended_by}",
        }.get(peering.state, peering.state.capitalize())

    # --- VPCs -----------------------------------------------------------------------------------------------------------

    def vpc_of(self, place: Place, vpc_id: str) -> Vpc | None:
        found = self.vpcs.get(vpc_id)
        return found if found and found.place == place else None

    def _of_vpc(self, vpc_id: str) -> Iterator[tuple[Peering, str]]:
        """The connections of a VPC that have not ended, and its side. One that names a wrong owner is none of its."""
        for peering in self.peerings.values():
            if peering.state not in ENDED:
                if peering.requester.vpc == vpc_id:
                    yield peering, "requester"
                elif peering.accepter.vpc == vpc_id and peering.exists:
                    yield peering, "accepter"

    def delete_vpc(self, place: Place, vpc_id: str) -> str | None:
        """S276, S277."""
        if not self.vpc_of(place, vpc_id):
            return VPC_MISSING
        held = list(self._of_vpc(vpc_id))
        if any(each.state not in OUTSTANDING or each.requester.place[0] != place[0] for each, _ in held):
            return "DependencyViolation"
        for each, _ in held:
            self._enter(each, "deleted", self.now, by=place[0])
        del self.vpcs[vpc_id]
        self.tags.pop((place, vpc_id), None)
        return None

    def add_block(self, place: Place, vpc_id: str, block: IPv4Network) -> str | None:
        """S278, S519, S521. The caller notes the new block with `added`."""
        vpc = self.vpc_of(place, vpc_id)
        if not vpc:
            return VPC_MISSING
        if overlap([block], vpc.blocks.values()):
            return "InvalidVpc.Range"
        if len(vpc.blocks) >= self.block_quota:
            return "CidrLimitExceeded"
        for peering, side in self._of_vpc(vpc_id):
            other = peering.ends["accepter" if side == "requester" else "requester"]
            if peering.state in OUTSTANDING and side == "requester":
                return "InvalidVpc.Range"
            if peering.state in ESTABLISHED and overlap([block], other.blocks):
                return "InvalidVpc.Range"
        return None

    def added(self, vpc_id: str, association: str, block: IPv4Network) -> None:
        """A block was added: requests that it overlaps fail (S278), and the others show it (S279)."""
        for peering, _ in list(self._of_vpc(vpc_id)):
            if peering.state in OUTSTANDING and overlap([block], peering.requester.blocks):
                self._enter(peering, "failed", self.now)
        self.vpcs[vpc_id].blocks[association] = block
        self._show_blocks(vpc_id)

    def remove_block(self, place: Place, association: str) -> str | None:
        """S522."""
        for vpc in self.vpcs.values():
            if association in vpc.blocks and vpc.place == place:
                if next(iter(vpc.blocks)) == association:
                    return "OperationNotPermitted"
                del vpc.blocks[association]
                self._show_blocks(vpc.id)
                return None
        return BLOCK_MISSING

    def _show_blocks(self, vpc_id: str) -> None:
        for peering, side in self._of_vpc(vpc_id):
            peering.ends[side].blocks = list(self.vpcs[vpc_id].blocks.values())

    # --- connections ----------------------------------------------------------------------------

    def request(
        self, place: Place, vpc_id: str, peer_id: str, owner: str | None, region: str | None
    ) -> str | Peering | None:
        """S234-S243: an error's code, the connection that there is already, or None where a new one is made."""
        if not self.vpc_of(place, vpc_id):
            return VPC_MISSING
        there = (owner or place[0], region or place[1])
        if not self.vpc_of(there, peer_id) and owner is None and there[1] == place[1]:
            return VPC_MISSING
        for each in self.peerings.values():
            if each.state in LIVE and (each.requester.vpc, each.accepter.vpc, each.accepter.place) == (
                vpc_id,
                peer_id,
                there,
            ):
                return each
        asked = sum(each.state in OUTSTANDING and each.requester.vpc == vpc_id for each in self.peerings.values())
        return "PendingVpcPeeringConnectionLimitExceeded" if asked >= self.outstanding_quota else None

    def requested(
        self, peering_id: str, place: Place, vpc_id: str, peer_id: str, owner: str | None, region: str | None
    ) -> None:
        there = (owner or place[0], region or place[1])
        peer = self.vpc_of(there, peer_id)
        requester = End(vpc_id, place, list(self.vpcs[vpc_id].blocks.values()))
        accepter = End(peer_id, there, list(peer.blocks.values()) if peer else [])
        made = Peering(peering_id, requester, accepter, peer is not None, "", self.now - self.now % SECOND + 7 * DAY)
        self.peerings[peering_id] = made
        self._enter(made, "initiating-request", self.now)

    def _found(self, place: Place, peering_id: str) -> Peering | None:
        found = self.peerings.get(peering_id)
        return found if found and self.sees(place, found) else None

    def _answer(self, place: Place, peering_id: str) -> str | Peering:
        """What accepting and rejecting have in common: S251, S253-S257."""
        found = self._found(place, peering_id)
        if not found:
            return PEERING_MISSING
        if found.accepter.place != place:
            return "OperationNotPermitted"
        return found if found.state == "pending-acceptance" else "InvalidStateTransition"

    def accept(self, place: Place, peering_id: str) -> str | None:
        """S242, S243, S253-S258."""
        found = self._answer(place, peering_id)
        if isinstance(found, str):
            return found
        pair = {found.requester.vpc, found.accepter.vpc}
        established = [
            {end.vpc for end in each.ends.values()} for each in self.peerings.values() if each.state in ESTABLISHED
        ]
        if pair in established:
            return "VpcPeeringConnectionAlreadyExists"
        if any(sum(vpc in each for each in established) >= self.active_quota for vpc in pair):
            return "ActiveVpcPeeringConnectionPerVpcLimitExceeded"
        self._enter(found, "provisioning", self.now)
        return None

    def reject(self, place: Place, peering_id: str) -> str | None:
        found = self._answer(place, peering_id)
        if isinstance(found, str):
            return found
        self._enter(found, "rejected", self.now)
        return None

    def delete(self, place: Place, peering_id: str) -> str | None:
        """S209, S259-S261."""
        found = self._found(place, peering_id)
        if not found:
            return PEERING_MISSING
        if found.state in ("deleting", "deleted"):
            return None
        if found.state in OUTSTANDING and found.requester.place[0] != place[0]:
            return "OperationNotPermitted"
        if found.state in ENDED:
            return "InvalidStateTransition"
        goes_slowly = found.state in ESTABLISHED and found.crosses_regions
        self._enter(found, "deleting" if goes_slowly else "deleted", self.now, by=place[0])
        return None

    def modify(self, place: Place, peering_id: str, dns: dict[str, bool]) -> str | None:
        """S281-S287."""
        found = self._found(place, peering_id)
        if not found:
            return PEERING_MISSING
        ends = {side: found.ends[side] for side in dns}
        if found.state != "active" or any(end.place[0] != place[0] for end in ends.values()):
            return "OperationNotPermitted"
        if found.crosses_regions and any(end.place != place for end in ends.values()):
            return "OperationNotPermitted"
        for side, end in ends.items():
            if dns[side] and not self.vpcs[end.vpc].dns_hostnames:
                return "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled"
        for side, end in ends.items():
            end.dns = dns[side]
        return None

    # --- tags -------------------------------------------------------------------------------------------------------------

    def tag(self, place: Place, resource_id: str, key: str, value: str | None) -> str | None:
        """S295-S297: set a tag, or remove it where the value is None."""
        is_vpc = resource_id.startswith("vpc-")
        if not (self.vpc_of(place, resource_id) if is_vpc else self._found(place, resource_id)):
            return VPC_MISSING if is_vpc else PEERING_MISSING
        held = self.tags.setdefault((place, resource_id), {})
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value
        return None


def overlap(some: Iterable[IPv4Network], others: Iterable[IPv4Network]) -> bool:
    others = list(others)
    return any(one.overlaps(other) for one in some for other in others)
