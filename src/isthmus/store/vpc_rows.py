"""VPCs and their blocks; two of them together are what a connection has to know."""

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from isthmus.domain.cidr import Prefix
from isthmus.domain.peering import End
from isthmus.domain.vpc import Vpc, VpcCidrBlock
from isthmus.store.rows import Rows
from isthmus.store.table import prefix
from isthmus.store.tables import VPC_CIDR_BLOCKS, VPCS

if TYPE_CHECKING:
    from isthmus.store.unit import Unit


class BlockRows(Rows[VpcCidrBlock]):
    """Blocks of VPCs, which are remembered as parts of ends (`Memo`)."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, VPC_CIDR_BLOCKS)

    def put(self, row: VpcCidrBlock) -> VpcCidrBlock:
        """Save a block."""
        saved = super().put(row)
        self._unit.memo.ends.spoil()
        return saved

    def delete(self, row: VpcCidrBlock) -> None:
        """Delete a block."""
        super().delete(row)
        self._unit.memo.ends.spoil()


class VpcRows(Rows[Vpc]):
    """VPCs, and what a connection needs to know of them."""

    __slots__ = ()

    def __init__(self, unit: "Unit") -> None:
        """Bind the table to a unit."""
        super().__init__(unit, VPCS)

    def ends(self, one: str, other: str) -> dict[str, End]:
        """Return two VPCs as ends of a connection, whoever owns them, with their blocks, the primary one first (S230).

        From memory where that is as good. A block knows whose VPC it is in, so that nothing else has to be read.
        """
        memo = self._unit.memo.ends
        first, second = memo.get(one), memo.get(other)
        if first and second:
            return {one: first, other: second}
        found = self._read_ends(one, other)
        for vpc_id, end in found.items():
            memo.keep(vpc_id, end)
        return found

    def _read_ends(self, one: str, other: str) -> dict[str, End]:
        blocks = self._unit.engine.query(_ENDS, (one, other if other != one else ""))  # one may ask itself, in vain (S240)
        blocks.sort(key=itemgetter(0, 1))  # here: the database would build a sorter for two rows
        found: dict[str, tuple[str, str, list[Prefix]]] = {}
        for _, _, vpc_id, account, region, text in blocks:
            found.setdefault(vpc_id, (account, region, []))[2].append(prefix(text))
        return {vpc_id: End(account, region, vpc_id, tuple(held)) for vpc_id, (account, region, held) in found.items()}


_BLOCKS: Final = "SELECT 1 - is_primary, seq, vpc_id, account, region, prefix FROM vpc_cidr_block WHERE vpc_id = ?"
_ENDS: Final = f"{_BLOCKS} UNION ALL {_BLOCKS}"
"""Not `IN (?, ?)`, for which SQLite would build a table of two rows."""
