"""What happens to peering connections when something happens to one of their VPCs (S276-S279).

Each function checks first and writes later: it raises where a connection forbids the change, and returns an `Effects` that
the handler applies among its own writes.
"""

from collections.abc import Sequence

from msgspec import Struct

from isthmus.actions.call import Call
from isthmus.domain import peering as rules
from isthmus.domain.cidr import Prefix
from isthmus.domain.peering import End, Peering
from isthmus.domain.vpc import Vpc


class Effects(Struct, frozen=True):
    """The connections of a VPC after a change, still to be saved."""

    call: Call
    vpc: Vpc
    before: Sequence[Peering]
    after: Sequence[Peering]

    def apply(self, blocks: Sequence[Prefix] | None = None) -> None:
        """Save them; `blocks` are the VPC's blocks from now on, primary first, where those changed (S279)."""
        for old, new in zip(self.before, self.after, strict=True):
            changed = new if blocks is None else rules.with_blocks(new, self.vpc.id, tuple(blocks))
            if changed != old:
                self.call.store.peerings.put(changed)


def _connections(call: Call, vpc: Vpc) -> list[Peering]:
    call.hold(call.store.vpcs, vpc.id)
    end = End(vpc.account, vpc.region, vpc.id)
    return [each for each in call.store.peerings.of_vpc(vpc.id) if rules.joins(each, end)]


def deleting_vpc(call: Call, vpc: Vpc) -> Effects:
    """A VPC is going to be deleted. Raises `DependencyViolation` where a connection forbids it (S276, S277)."""
    before = _connections(call, vpc)
    return Effects(call, vpc, before, [rules.vpc_deleted(each, vpc.id, call.account, call.now) for each in before])


def adding_block(call: Call, vpc: Vpc, block: Prefix) -> Effects:
    """A block is going to be added. Raises where a connection forbids it (S278)."""
    before = _connections(call, vpc)
    return Effects(call, vpc, before, [rules.block_added(each, vpc.id, block, call.now) for each in before])


def removing_block(call: Call, vpc: Vpc) -> Effects:
    """A block is going to be removed; connections only show it no longer (S279)."""
    before = _connections(call, vpc)
    return Effects(call, vpc, before, before)
