"""VPC peering connections: who may ask, accept, reject, delete and change them, and what each side sees.

This module owns the life cycle (S201-S214), the rules of the six peering actions (S232-S262, S281-S290) and their effects
on the VPCs at both ends (S276-S279). Every function is pure: the present instant, ids and blocks are arguments, a changed
connection is a changed copy. Instants are milliseconds since the epoch, in service time.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, IntFlag, StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from isthmus.domain import cidr, errors
from isthmus.domain.cidr import Prefix

SECOND: Final = 1_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR
LIFETIME: Final = 7 * DAY
"""How long a request waits for its acceptance, in milliseconds (S210)."""

KIND: Final = "vpc-peering-connection"


class State(StrEnum):
    """The nine status codes of the API (S203)."""

    INITIATING_REQUEST = "initiating-request"
    PENDING_ACCEPTANCE = "pending-acceptance"
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    DELETING = "deleting"
    DELETED = "deleted"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"


class Event(StrEnum):
    """What happens to a connection; the value is the state that the text of a refused step names (S256, S259, S262)."""

    INITIATED = "pending-acceptance"
    ACCEPT = "provisioning"
    PROVISIONED = "active"
    REJECT = "rejected"
    DELETE = "deleting"
    DELETED = "deleted"
    EXPIRE = "expired"
    FAIL = "failed"


class Side(Enum):
    """The two ends of a connection."""

    REQUESTER = "requester"
    ACCEPTER = "accepter"


class Options(IntFlag):
    """What one side allows, all off at first (S228). Multipath resilience is the one that today's API adds."""

    NONE = 0
    DNS_RESOLUTION = 1
    CLASSIC_LINK_TO_VPC = 2
    VPC_TO_CLASSIC_LINK = 4
    MULTIPATH_RESILIENCE = 8


MULTIPATH_WITHIN_REGION: Final = "Multipath resilience is supported only for inter-Region VPC peering connections."
CLASSIC_LINK: Final = Options.CLASSIC_LINK_TO_VPC | Options.VPC_TO_CLASSIC_LINK

TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = {
    State.INITIATING_REQUEST: {
        Event.INITIATED: State.PENDING_ACCEPTANCE,
        Event.FAIL: State.FAILED,
        Event.DELETE: State.DELETED,
    },
    State.PENDING_ACCEPTANCE: {
        Event.ACCEPT: State.PROVISIONING,
        Event.REJECT: State.REJECTED,
        Event.DELETE: State.DELETED,
        Event.EXPIRE: State.EXPIRED,
        Event.FAIL: State.FAILED,
    },
    State.PROVISIONING: {Event.PROVISIONED: State.ACTIVE, Event.DELETE: State.DELETING},
    State.ACTIVE: {Event.DELETE: State.DELETING},
    State.DELETING: {Event.DELETED: State.DELETED},
    State.DELETED: {},
    State.REJECTED: {},
    State.FAILED: {},
    State.EXPIRED: {},
}
"""The life cycle (S206). A connection within one Region passes `deleting` without stopping there (S209)."""

OUTSTANDING: Final = frozenset({State.INITIATING_REQUEST, State.PENDING_ACCEPTANCE})
ESTABLISHED: Final = frozenset({State.PROVISIONING, State.ACTIVE})
LIVE: Final = OUTSTANDING | ESTABLISHED
ENDED: Final = frozenset({State.DELETED, State.REJECTED, State.FAILED, State.EXPIRED})

MESSAGES: Final[Mapping[State, str]] = {
    State.INITIATING_REQUEST: "Initiating Request to {accepter}",
    State.PENDING_ACCEPTANCE: "Pending Acceptance by {accepter}",
    State.PROVISIONING: "Provisioning",
    State.ACTIVE: "Active",
    State.FAILED: "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range",
    State.REJECTED: "Rejected by {accepter}",
    State.DELETING: "Deleting",
    State.DELETED: "Deleted by {ended_by}",
    State.EXPIRED: "Expired",
}
"""The text beside each status code (S204); `rejected`, `deleting`, `deleted` and `expired` are inferred."""


class End(Struct, frozen=True):
    """One side of a connection: whose VPC it is, where, with which blocks (primary first) and options."""

    account: str
    region: str
    vpc_id: str
    blocks: tuple[Prefix, ...] = ()
    options: Options = Options.NONE

    @property
    def place(self) -> tuple[str, str]:
        """The account and Region from which this side sees the connection (S321)."""
        return self.account, self.region

    @property
    def identity(self) -> tuple[str, str, str]:
        """What two sides must share to be the same VPC."""
        return self.account, self.region, self.vpc_id


class Delays(Struct, frozen=True):
    """How long the transitional states last, in milliseconds (S208)."""

    initiating: int = 0
    provisioning: int = 0
    deleting: int = 0


NO_DELAYS: Final = Delays()


class Peering(Struct, frozen=True):
    """A connection, shared by both sides under one id (S202).

    `due_at` and `due_state` name the next step that the service takes by itself. `accepter_exists` tells whether the VPC
    that was asked for is there; where it is not, the connection fails and nobody but the requester ever sees it (S236).
    `ended_by` is the account that deleted it, else empty.
    """

    id: str
    requester: End
    accepter: End
    accepter_exists: bool
    state: State
    created_at: int
    expires_at: int
    due_at: int | None = None
    due_state: State | None = None
    ended_at: int | None = None
    ended_by: str = ""
    seq: int = 0
    version: int = 0

    @property
    def message(self) -> str:
        """The status message (S204, S205)."""
        return MESSAGES[self.state].format(accepter=self.accepter.account, ended_by=self.ended_by)

    @property
    def is_inter_region(self) -> bool:
        """Whether the two VPCs lie in different Regions."""
        return self.requester.region != self.accepter.region

    @property
    def is_one_account(self) -> bool:
        """Whether one account owns both VPCs."""
        return self.requester.account == self.accepter.account

    def end(self, side: Side) -> End:
        """Return the given side."""
        return self.requester if side is Side.REQUESTER else self.accepter

    def with_end(self, side: Side, end: End) -> "Peering":
        """Return a copy in which the given side is `end`."""
        return replace(self, requester=end) if side is Side.REQUESTER else replace(self, accepter=end)

    def advance(self, event: Event, at: int, delays: Delays = NO_DELAYS, by: str = "") -> "Peering":
        """Return the connection after `event` at the instant `at`, taking every step that is due by then.

        Raises `InvalidStateTransition` where the life cycle has no such step (S256, S259, S262).
        """
        target = TRANSITIONS[self.state].get(event)
        if target is None:
            raise errors.invalid_state(self.id, self.state, event)
        return settle(enter(replace(self, ended_by=by), target, at, delays), at)


def enter(peering: Peering, state: State, at: int, delays: Delays) -> Peering:
    """Put a connection into `state` at the instant `at` and note what the service will do next by itself."""
    due_at, due_state = _next_step(peering, state, at, delays)
    ended_at = at if state in ENDED else None
    return replace(peering, state=state, due_at=due_at, due_state=due_state, ended_at=ended_at)


def _next_step(peering: Peering, state: State, at: int, delays: Delays) -> tuple[int | None, State | None]:
    match state:
        case State.PENDING_ACCEPTANCE:
            return peering.expires_at, State.EXPIRED
        case State.PROVISIONING:
            return at + delays.provisioning, State.ACTIVE
        case State.DELETING:
            return at + (delays.deleting if peering.is_inter_region else 0), State.DELETED
        case _:
            return None, None


def settle(peering: Peering, now: int) -> Peering:
    """Take every step that is due at `now`, each at its own instant (S211). The store does the same in SQL, in bulk."""
    while peering.due_at is not None and peering.due_state is not None and peering.due_at <= now:
        peering = enter(peering, peering.due_state, peering.due_at, NO_DELAYS)
    return peering


# --- asking ---------------------------------------------------------------------------------------------------------


def request(peering_id: str, requester: End, accepter: End, *, accepter_exists: bool, now: int, delays: Delays) -> Peering:
    """Return a new connection in `initiating-request` (S207), whose request runs out after seven days (S210)."""
    expires_at = now - now % SECOND + LIFETIME
    due_at, due_state = now + delays.initiating, _fate(requester, accepter, accepter_exists=accepter_exists)
    initiating = State.INITIATING_REQUEST
    return Peering(peering_id, requester, accepter, accepter_exists, initiating, now, expires_at, due_at, due_state)


def fate(peering: Peering) -> State:
    """Tell how initiating ends: `failed` for an unknown peer, a VPC with itself or overlapping blocks (S236, S240, S241)."""
    return _fate(peering.requester, peering.accepter, accepter_exists=peering.accepter_exists)


def _fate(requester: End, accepter: End, *, accepter_exists: bool) -> State:
    impossible = (
        not accepter_exists or requester.identity == accepter.identity or cidr.overlap(requester.blocks, accepter.blocks)
    )
    return State.FAILED if impossible else State.PENDING_ACCEPTANCE


def accepter_asked(caller: tuple[str, str], vpc_id: str, owner: str | None, region: str | None) -> tuple[str, str, str]:
    """Return account, Region and VPC that a request names as its accepter; who names neither means its own (S233)."""
    return owner or caller[0], region or caller[1], vpc_id


def check_outstanding(count: int, limit: int) -> None:
    """Refuse a request when its VPC already has `limit` outstanding ones (S243)."""
    if count >= limit:
        raise errors.pending_peering_limit()


# --- answering ------------------------------------------------------------------------------------------------------


def _check_accepter(peering: Peering, account: str, region: str, verb: str, region_text: str) -> None:
    """Only the accepter's account, in the accepter's Region, answers a request (S253, S254, S255)."""
    if account != peering.accepter.account:
        raise errors.operation_not_permitted(f"User {account} cannot {verb} peering {peering.id}")
    if region != peering.accepter.region:
        raise errors.operation_not_permitted(
            f"Incorrect region ({region}) specified for this request. VPC peering connection {peering.id} "
            f"must be {region_text} in region {peering.accepter.region}"
        )


def check_may_accept(peering: Peering, account: str, region: str) -> None:
    """Refuse whoever is not the accepter in its own Region, and a connection that is not pending (S253-S257)."""
    _check_accepter(peering, account, region, "accept", "accepted")
    if peering.state is not State.PENDING_ACCEPTANCE:
        raise errors.invalid_state(peering.id, peering.state, Event.ACCEPT)


def check_pair(peering: Peering, established_between: int) -> None:
    """Refuse acceptance while another connection joins the same two VPCs, in whichever direction (S242, S258)."""
    if established_between:
        raise errors.peering_exists(peering.id)


def check_active(counts: Iterable[int], limit: int) -> None:
    """Refuse acceptance when either VPC already has `limit` connections (S243)."""
    if any(count >= limit for count in counts):
        raise errors.active_peering_limit()


def accept(peering: Peering, now: int, delays: Delays) -> Peering:
    """Accept a pending request; blocks that overlap by now make it fail instead (S258).

    The answer shows `provisioning` (S225), so no due step is taken yet: the caller saves `settle(...)` of it. Accepting
    also allows multipath resilience if the requester asked for it (the model's words on the option).
    """
    if fate(peering) is State.FAILED:
        return peering.advance(Event.FAIL, now)
    shared = peering.requester.options & Options.MULTIPATH_RESILIENCE
    accepter = replace(peering.accepter, options=peering.accepter.options | shared)
    accepted = replace(peering, accepter=accepter)
    return enter(accepted, TRANSITIONS[peering.state][Event.ACCEPT], now, delays)


def reject(peering: Peering, account: str, region: str, now: int) -> Peering:
    """Reject a pending request: the accepter only, in its own Region (S253-S255, S262)."""
    _check_accepter(peering, account, region, "reject", "accepted or rejected")
    return peering.advance(Event.REJECT, now)


def delete(peering: Peering, account: str, now: int, delays: Delays) -> Peering:
    """Delete a connection: either owner, but only the requester while it is outstanding (S260).

    One that is being deleted or is deleted already stays as it is (S261); any other ended one is refused (S259).
    """
    if peering.state in (State.DELETING, State.DELETED):
        return peering
    if peering.state in OUTSTANDING and account != peering.requester.account:
        raise errors.operation_not_permitted(f"User {account} cannot delete peering {peering.id}")
    return peering.advance(Event.DELETE, now, delays, by=account)


# --- options --------------------------------------------------------------------------------------------------------


class OptionChange(Struct, frozen=True):
    """What a caller asks of one side: the options named at all, and which of those shall be on."""

    named: Options
    on: Options


def check_may_modify(peering: Peering, account: str, region: str, changes: Mapping[Side, OptionChange]) -> None:
    """Refuse options of a connection that is not active, of another's side, or of another Region (S281-S285)."""
    if peering.state is not State.ACTIVE:
        raise errors.operation_not_permitted(
            f"Peering {peering.id} is not active. Peering options can be added only to active peerings."
        )
    for side in changes:
        if peering.end(side).account != account:
            raise errors.operation_not_permitted(
                f"User {account} does not have permission to modify the {side.value} side peering options"
            )
    if peering.is_inter_region:
        _check_inter_region(peering, region, changes)
    else:
        for change in changes.values():
            check_multipath(change, is_inter_region=False)


def check_multipath(change: OptionChange, *, is_inter_region: bool) -> None:
    """Multipath resilience is for connections between Regions (the model's words; the error is inferred)."""
    if Options.MULTIPATH_RESILIENCE in change.on and not is_inter_region:
        raise errors.operation_not_permitted(MULTIPATH_WITHIN_REGION)


def multipath_status(peering: Peering) -> str:
    """Tell whether both sides, one or none allow multipath resilience (the model's three values)."""
    allowing = sum(Options.MULTIPATH_RESILIENCE in peering.end(side).options for side in Side)
    return ("disabled", "pending", "enabled")[allowing]


def _check_inter_region(peering: Peering, region: str, changes: Mapping[Side, OptionChange]) -> None:
    if any(change.named & CLASSIC_LINK for change in changes.values()):
        raise errors.operation_not_permitted(
            "Modifying VPC peering connection options AllowEgressFromLocalClassicLinkToRemoteVpc, "
            "AllowEgressFromLocalVpcToRemoteClassicLink is not supported for cross-region VPC peering connections"
        )
    for side in changes:
        if peering.end(side).region != region:
            raise errors.operation_not_permitted(
                f"{side.value.capitalize()}'s VPC Peering connection options cannot be modified for a different region"
            )


def needs_dns_hostnames(change: OptionChange) -> bool:
    """Tell whether a change needs a VPC with DNS hostnames: only turning DNS resolution on does (S286, S287)."""
    return Options.DNS_RESOLUTION in change.on


def modify(peering: Peering, changes: Mapping[Side, OptionChange]) -> Peering:
    """Set the options that were named; the others keep their value (S288)."""
    for side, change in changes.items():
        end = peering.end(side)
        peering = peering.with_end(side, replace(end, options=(end.options & ~change.named) | change.on))
    return peering


# --- effects of what happens to a VPC ---------------------------------------------------------------------------------


def joins(peering: Peering, end: End) -> bool:
    """Tell whether a VPC is one of the two that a connection is about.

    A request that named a VPC with the wrong account or Region has its id, but is about a VPC that does not exist (S236).
    """
    found = (peering.requester, peering.accepter) if peering.accepter_exists else (peering.requester,)
    return any(each.identity == end.identity for each in found)


def vpc_deleted(peering: Peering, vpc_id: str, account: str, now: int) -> Peering:
    """Return the connection after one of its VPCs was deleted by `account`; raise `DependencyViolation` if it forbids that.

    Established connections forbid it (S276), and so does a request that another account made to this VPC; a request of
    the account's own ends as `deleted` (S277). Ended connections never matter.
    """
    if peering.state in ENDED:
        return peering
    if peering.state in OUTSTANDING and peering.requester.account == account:
        return peering.advance(Event.DELETE, now, by=account)
    raise errors.dependency_violation("vpc", vpc_id)


def block_added(peering: Peering, vpc_id: str, block: Prefix, now: int) -> Peering:
    """Return the connection after `block` was added to one of its VPCs, or raise why it may not be (S278).

    The requester of an outstanding request may add nothing; the accepter may, and an overlap ends the request as `failed`.
    With an established connection a block that overlaps the peer's is refused. One that is being deleted or has ended
    forbids nothing: S278 names the active ones, and what is ending joins nobody any more.
    """
    if peering.state not in LIVE:
        return peering
    side = Side.REQUESTER if peering.requester.vpc_id == vpc_id else Side.ACCEPTER
    if peering.state in OUTSTANDING and side is Side.REQUESTER:
        raise errors.block_conflicts_with_peering(str(block), peering.id)
    other = peering.accepter if side is Side.REQUESTER else peering.requester
    if not cidr.overlap((block,), other.blocks):
        return peering
    if peering.state in OUTSTANDING:
        return peering.advance(Event.FAIL, now)
    raise errors.block_conflicts_with_peering(str(block), peering.id)


def with_blocks(peering: Peering, vpc_id: str, blocks: tuple[Prefix, ...]) -> Peering:
    """Return the connection with the new blocks of one of its VPCs: the peer's view follows (S279). Ended ones stay."""
    if peering.state in ENDED:
        return peering
    changed = peering
    for side in Side:
        if peering.end(side).vpc_id == vpc_id:
            changed = changed.with_end(side, replace(peering.end(side), blocks=blocks))
    if changed != peering and peering.state is State.INITIATING_REQUEST:
        return replace(changed, due_state=fate(changed))  # how initiating ends hangs on the blocks at its end (S241)
    return changed


# --- who sees what ----------------------------------------------------------------------------------------------------


class Window(Struct, frozen=True):
    """How long an ended connection stays visible, in milliseconds: to the requester, the accepter, a single account."""

    requester: int
    accepter: int
    one_account: int


WINDOWS: Final[Mapping[State, Window]] = {
    State.FAILED: Window(2 * HOUR, 0, 2 * HOUR),
    State.EXPIRED: Window(2 * DAY, 2 * DAY, 2 * DAY),
    State.REJECTED: Window(2 * DAY, 2 * HOUR, 2 * HOUR),
}
DELETER_WINDOW: Final = 2 * HOUR
OTHER_WINDOW: Final = 2 * DAY
"""Visibility after the end (S212)."""


class View(Struct, frozen=True):
    """One place from which a connection is seen, and until when (None: as long as it lives)."""

    account: str
    region: str
    hide_at: int | None


def views(peering: Peering) -> tuple[View, ...]:
    """Return every place that may see the connection in its present state: one per (account, Region) (S212, S321).

    The accepter does not see a request that is still initiating or has failed, unless one account owns both sides; nobody
    sees a connection through a VPC that does not exist. What was before is not asked here: the store never gives an ended
    connection to a place that lost sight of it or never had it, such as the accepter of a request that was deleted while
    it was still initiating.
    """
    mine = View(*peering.requester.place, _hide_at(peering, Side.REQUESTER))
    hidden = peering.state in (State.INITIATING_REQUEST, State.FAILED) and not peering.is_one_account
    if hidden or not peering.accepter_exists or peering.accepter.place == peering.requester.place:
        return (mine,)
    return mine, View(*peering.accepter.place, _hide_at(peering, Side.ACCEPTER))


def _hide_at(peering: Peering, side: Side) -> int | None:
    return None if peering.ended_at is None else peering.ended_at + _window(peering, side)


def _window(peering: Peering, side: Side) -> int:
    if peering.state is State.DELETED:
        return DELETER_WINDOW if peering.end(side).account == peering.ended_by else OTHER_WINDOW
    window = WINDOWS[peering.state]
    if peering.is_one_account:
        return window.one_account
    return window.requester if side is Side.REQUESTER else window.accepter


FULL: Final[Mapping[State, frozenset[Side]]] = {
    State.PROVISIONING: frozenset(Side),
    State.ACTIVE: frozenset(Side),
    State.DELETING: frozenset(Side),
    State.DELETED: frozenset(),
}
"""Which sides show blocks and options; in every other state only the requester's does (S221-S225)."""
REQUESTER_ONLY: Final = frozenset({Side.REQUESTER})


def shows_blocks(peering: Peering, side: Side) -> bool:
    """Tell whether a side shows its CIDR blocks in the present state (S221-S224)."""
    return side in FULL.get(peering.state, REQUESTER_ONLY)


def shows_options(peering: Peering, side: Side, account: str) -> bool:
    """Tell whether `account` sees a side's options: those of its own side, where the side shows anything (S221, S226)."""
    return peering.end(side).account == account and shows_blocks(peering, side)


def shows_expiration(peering: Peering) -> bool:
    """Tell whether the answer names an expiration time: only while the request is outstanding (S210)."""
    return peering.state in OUTSTANDING
