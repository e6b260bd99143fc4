"""Connections as tests of the domain make them: in any state, between any two places."""

from collections.abc import Sequence

from msgspec.structs import replace

from isthmus.domain.cidr import Prefix
from isthmus.domain.peering import ENDED, LIFETIME, Delays, End, Options, Peering, State, enter

ONE, OTHER = "111111111111", "222222222222"
HERE, THERE = "us-east-1", "eu-west-1"
ID = "pcx-0123456789abcdef0"
REQUESTER_VPC, ACCEPTER_VPC = "vpc-0000000000000000a", "vpc-0000000000000000b"
CREATED = 1_767_323_045_000  # a whole second: 2026-01-02T03:04:05Z
SLOW = Delays(initiating=1_500, provisioning=2_000, deleting=1_000)
INSTANT = Delays()


def prefixes(*blocks: str) -> tuple[Prefix, ...]:
    return tuple(Prefix.parse(block) for block in blocks)


def requester(account: str = ONE, region: str = HERE, blocks: Sequence[str] = ("10.1.0.0/16",)) -> End:
    return End(account, region, REQUESTER_VPC, prefixes(*blocks))


def accepter(account: str = OTHER, region: str = HERE, blocks: Sequence[str] = ("10.2.0.0/16",)) -> End:
    return End(account, region, ACCEPTER_VPC, prefixes(*blocks))


def peering(
    state: State = State.PENDING_ACCEPTANCE,
    *,
    account: str = OTHER,
    region: str = HERE,
    at: int = CREATED,
    delays: Delays = SLOW,
    by: str = "",
    exists: bool = True,
) -> Peering:
    """A connection that entered `state` at the instant `at`; `account` and `region` are the accepter's."""
    blank = Peering(ID, requester(), accepter(account, region), exists, state, CREATED, CREATED + LIFETIME)
    ended_by = by or (ONE if state in (State.DELETED, State.DELETING) else "")
    return enter(replace(blank, ended_by=ended_by), state, at, delays)


def with_options(it: Peering, requester: Options = Options.NONE, accepter: Options = Options.NONE) -> Peering:
    return replace(it, requester=replace(it.requester, options=requester), accepter=replace(it.accepter, options=accepter))


def with_blocks(it: Peering, requester: Sequence[str], accepter: Sequence[str]) -> Peering:
    return replace(
        it,
        requester=replace(it.requester, blocks=prefixes(*requester)),
        accepter=replace(it.accepter, blocks=prefixes(*accepter)),
    )


EVERY_STATE = tuple(State)
EVERY_END = tuple(state for state in State if state in ENDED)
