"""One call of one action: who is calling, from where, with what rights, in which unit of work.

Handlers get a `Call` beside their typed request. Looking an object up and asking whether the caller may touch it are one act
(ADR 8), so that nobody can do one and forget the other.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from msgspec import Struct

from isthmus.domain import errors, ids
from isthmus.domain.accounts import ROOT, Principal
from isthmus.domain.peering import Delays
from isthmus.domain.quotas import Quotas
from isthmus.store.rows import Rows
from isthmus.store.table import Row
from isthmus.store.unit import Unit

if TYPE_CHECKING:
    from isthmus.policy.context import Source, Value
    from isthmus.policy.evaluate import Decision

EC2: Final = "ec2"
ID_BYTES: Final = 7
"""What is random of an id: 14 of its 17 digits, behind the three of `lead`."""
LEAD_MILLISECONDS: Final = 16
_GOLDEN: Final = 0x9E3779B1  # 2**32 over the golden ratio, whose multiples are spread evenly


class Rules(Struct, frozen=True):
    """The numbers that an operator may set: delays of the life cycle, quotas, and the length of an unpaged answer."""

    delays: Delays
    quotas: Quotas
    max_unpaged_items: int = 10_000


class Identifiers(Protocol):
    """Where the ids of requests and of new objects come from; tests inject their own."""

    def request_id(self, unit: Unit) -> str:
        """Return the id of a request: a UUID (S113)."""

    def object_id(self, unit: Unit, kind: str) -> str:
        """Return a fresh id for an object of this kind (S501)."""


def lead(wall: int) -> str:
    """Return the first three digits of the ids that are made around an instant of wall time, in milliseconds.

    Ids that are made together stand together in every index of ids, so that a batch writes few of its pages (ADR 33).
    """
    return f"{(wall // LEAD_MILLISECONDS * _GOLDEN & 0xFFFF_FFFF) >> 20:03x}"


class RandomIdentifiers:
    """Ids that follow from the unit's seed and moment, so that a unit that is run again gives out the same ones."""

    def request_id(self, unit: Unit) -> str:
        """Return a random UUID, version 4."""
        digits = unit.entropy(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def object_id(self, unit: Unit, kind: str) -> str:
        """Return an id of 17 hexadecimal digits that nobody can foretell."""
        return ids.new_id(kind, lead(unit.wall) + unit.entropy(ID_BYTES).hex())


@cache
def _policies() -> ModuleType:
    """Return what asks policies, loaded for the first caller that they bind."""
    from isthmus.actions.authorization import asking

    return asking


class Owned(Protocol):
    """An object that one account owns in one Region."""

    @property
    def account(self) -> str:
        """Whose it is."""

    @property
    def region(self) -> str:
        """Where it is."""


class Found(NamedTuple):
    """An object that was looked up: its kind, its id, and its row, None where there is none."""

    kind: str
    id: str
    row: object | None


class Origin(Protocol):
    """Where a request came from, for whoever asks: condition keys do (I95)."""

    def source_ip(self) -> str | None:
        """Return the address of whoever sent it (I101), None where it has none."""

    def is_secure(self) -> bool:
        """Tell whether it came over TLS (I29)."""

    def header(self, name: str) -> str | None:
        """Return its header of that lower-case name."""


class Nowhere:
    """Where a call comes from that no request has brought."""

    def source_ip(self) -> str | None:
        """Return nothing."""

    def is_secure(self) -> bool:
        """Say no."""
        return False

    def header(self, name: str) -> str | None:
        """Return nothing."""


NOWHERE: Final = Nowhere()


class Call:
    """The context of one action."""

    __slots__ = (
        "_identifiers",
        "account",
        "action",
        "asks",
        "authorized",
        "denied",
        "origin",
        "principal",
        "region",
        "request",
        "request_id",
        "resources",
        "rules",
        "store",
    )

    def __init__(
        self,
        action: str,
        principal: Principal,
        store: Unit,
        rules: Rules,
        request_id: str,
        identifiers: Identifiers,
        request: Any = None,  # noqa: ANN401 - each action's own type
        origin: Origin = NOWHERE,
    ) -> None:
        """Bind a principal and a unit of work to an action, and to the typed request and where that came from."""
        self.action, self.principal, self.store, self.rules = action, principal, store, rules
        self.account, self.region = principal.account, principal.region  # who is calling, and the Region that was called
        self.request_id, self._identifiers = request_id, identifiers
        self.request, self.origin = request, origin
        self.authorized = False
        self.denied: Decision | None = None
        self.resources: list[str] = []
        """What the call has named so far, by id or ARN, for the audit log."""
        self.asks: frozenset[str] = frozenset()
        """Condition keys that policies asked for and that may say something else when the same is asked again."""

    @property
    def now(self) -> int:
        """The instant of the call, in milliseconds of service time."""
        return self.store.now

    @property
    def delays(self) -> Delays:
        """How long transitional states last."""
        return self.rules.delays

    @property
    def quotas(self) -> Quotas:
        """The limits in force."""
        return self.rules.quotas

    def new_hex(self, digits: int) -> str:
        """Return that many fresh hexadecimal digits."""
        return self.store.entropy((digits + 1) // 2).hex()[:digits]

    def new_id(self, kind: str) -> str:
        """Return a fresh id for an object of this kind (S501)."""
        return self._identifiers.object_id(self.store, kind)

    def authorize(
        self,
        resource: str = "*",
        keys: Mapping[str, "Source"] | None = None,
        *,
        action: str = "",
        found: Found | None = None,
        told: str = "",
    ) -> None:
        """Ask whether the caller may do what it asks; say nothing if so.

        What a call of EC2 is checked for follows from its action and its request, all of it at once (I131), so its handlers
        name nothing; `found` spares reading again what they have read. Those of IAM and STS name the resource by its ARN,
        condition keys beside the common ones, and an action where it is not the call's own; they may ask several times.
        `told` is what a refusal calls the resource, where that is not its ARN.

        Raises UnauthorizedOperation on EC2 and AccessDenied on the others, with the reason (I151 to I156). An account's root
        may do everything in it (I117), and is not asked unless the organization has a say (I116).
        """
        if resource != "*":
            self.resources.append(resource)
        if self._is_bound() and not (self.authorized and self.principal.service == EC2):
            _policies().authorize(self, resource, keys, action, found, told)
        self.authorized = True

    def said(self, asks: Collection[str]) -> "dict[str, Value | None]":
        """Return what such keys say now: an answer is good again only where that is the same (ADR 18)."""
        return _policies().said(self, asks) if asks else {}

    def _is_bound(self) -> bool:
        """Tell whether any policy binds the caller. None binds a root that an open server takes at its word (I213)."""
        caller = self.principal
        return caller.kind != ROOT or (
            self.store.service_control_attachments.bind(caller.account) and not caller.is_unverified
        )

    def authorize_role(
        self, resource: str, trust: str | None, keys: Mapping[str, "Source"] | None = None, *, action: str = ""
    ) -> None:
        """Ask whether a role's trust policy lets the caller in, and whether the caller may go there (I118 to I120).

        `resource` is the role's ARN, `trust` the text of its trust policy, None where there is no such role: the refusal is
        the same (I157). Raises AccessDenied, across accounts without a reason (I156). An account's root is asked too: STS
        lets none assume roles, but that of open mode.
        """
        self.resources.append(resource)
        _policies().authorize_role(self, resource, trust, keys, action)
        self.authorized = True

    def find(self, rows: Rows[Row], row_id: str) -> Row:
        """Return the object with this id that the caller sees here, once the caller is authorized for it.

        Raises the kind's Malformed error for an impossible id (S137) and its NotFound error for one that is not visible to
        this account in this Region (S251, S508).
        """
        ids.check(rows.table.kind, row_id)
        self.resources.append(row_id)
        found = rows.visible(self.account, self.region, row_id)
        self.authorize(found=Found(rows.table.kind, row_id, found))
        if found is None:
            raise errors.not_found(rows.table.kind, row_id)
        return found

    def admit(self, kind: str, row_id: str, found: Owned | None) -> None:
        """Do what `find` does, for an object that was read already, together with others, and whose id was checked."""
        self.authorize()
        if found is None or found.account != self.account or found.region != self.region:
            raise errors.not_found(kind, row_id)

    def find_all(self, rows: Rows[Row], row_ids: Iterable[str]) -> list[Row]:
        """Return the objects with these ids, each once; the first one missing fails the whole call (S329, S503)."""
        wanted = dict.fromkeys(row_ids)
        if len(wanted) > 1:  # a malformed id counts before a missing one; `find` sees to a single id
            for row_id in wanted:
                ids.check(rows.table.kind, row_id)
            for row_id in wanted:
                rows.ahead_of_visible(self.account, self.region, row_id)
        return [self.find(rows, row_id) for row_id in wanted]

    def hold(self, rows: Rows[Row], *row_ids: str) -> bool:
        """Lock rows, in the order of their ids, before a rule that spans several is checked.

        Where other servers write too, this may wait, and is answered with True: what was read before must be read again.
        An engine with one writer has nothing to lock: its units run one after the other.
        """
        return self.store.engine.hold(rows.table.name, row_ids)

    def alone(self, *names: str) -> None:
        """Let nobody else who says one of these names check or write beside this call.

        For rules about rows that have no common parent which `hold` could lock.
        """
        self.store.engine.alone(*names)
