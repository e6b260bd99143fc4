"""A unit of work: one transaction as a handler sees it.

A unit knows the instant it runs at, gives out the randomness that ids are made of, holds one `Rows` per table, and notes
what it wrote. One unit object lives as long as its database connection and is begun anew for each piece of work.
"""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from isthmus.domain import errors
from isthmus.domain.accounts import IssuedKey
from isthmus.domain.peering import End
from isthmus.store import tables
from isthmus.store.api import Engine, TooMuchForTheLoop
from isthmus.store.iam_rows import AttachmentRows, IamRows, RoleRows, ServiceControlRows
from isthmus.store.key_rows import KeyRows
from isthmus.store.peering_rows import Live, PeeringRows
from isthmus.store.rows import Rows
from isthmus.store.tag_rows import TagRows
from isthmus.store.vpc_rows import BlockRows, VpcRows

LOOP_BUDGET: Final = 200
"""Rows a READ may look at on the event loop: about 5 ms of work at 25 microseconds a row (ADR 6)."""

KNOWN_LIMIT: Final = 10_000
LIVE_LIMIT: Final = 1_000
"""VPCs of which is known what they have asked for: with `MOST_LIVE` connections each that is 16 MB."""
ANSWERS_LIMIT: Final = 2_048
ANSWER_BYTES: Final = 4_096

T = TypeVar("T")

Change = tuple[str, str, str]
"""An object's id, and its state before and after; an empty state means that it was not there."""


class UnitEngine(Engine, Protocol):
    """What a unit needs of its engine beyond the verbs: how a column is compared with a list of values."""

    several: str
    for_update: str
    """What a query says at its end to lock the rows that it chose, in words of this engine."""

    def pack(self, values: Sequence[Any]) -> Any:  # noqa: ANN401 - what the driver takes
        """Return a list of values as one parameter for `several`."""

    def reached(self, table: str, seq: int) -> None:
        """Give new rows of a table numbers beyond `seq`, which an import has brought."""


class Known(Generic[T]):
    """Rows as they were read lately, by id, for questions that every request asks and whose answers hardly ever change.

    A unit that writes such rows spoils what is known of them at once, until its transaction has ended, either way: nobody
    goes by a row that is gone, nor by one that never came to be.
    """

    __slots__ = ("_forgetful", "_limit", "_rows", "is_spoilt")

    def __init__(self, *, forgetful: bool, limit: int = KNOWN_LIMIT) -> None:
        """Begin with nothing; know at most so many rows."""
        self._rows: dict[str, T] = {}
        self._limit = limit
        self.is_spoilt = self._forgetful = forgetful

    def get(self, row_id: str) -> T | None:
        """Return what is known of a row."""
        return self._rows.get(row_id)

    def keep(self, row_id: str, row: T) -> None:
        """Remember a row, if it may be; one too many takes the place of all."""
        if self.is_spoilt:
            return
        if len(self._rows) >= self._limit:
            self._rows.clear()
        self._rows[row_id] = row

    def forget(self, row_id: str) -> None:
        """Forget one row: it is to be read again."""
        self._rows.pop(row_id, None)

    def clear(self) -> None:
        """Forget all."""
        self._rows.clear()

    def spoil(self) -> None:
        """Forget all, and remember nothing for now."""
        self._rows.clear()
        self.is_spoilt = True

    def hold(self) -> None:
        """Remember nothing more for now: what is read may never come to be."""
        self.is_spoilt = True

    def renew(self) -> None:
        """Begin again, after a transaction has ended."""
        self.is_spoilt = self._forgetful


class Remembered(NamedTuple):
    """An answer's members, and what the condition keys said that decided whether the caller may have it."""

    members: bytes
    said: Mapping[str, Any]


class Memo:
    """What was read lately and is as good as read again; shared by the units of one thread.

    *Access keys* and *callers*, who holds one and what binds it: every request asks for both. *Ends*, the VPCs of
    connections with their blocks, for which every request of a connection asks.

    *Live*, what a VPC has asked for, which a unit keeps right as it writes: forgotten where what was written is taken back.

    *Answers*: between two commits nothing changes, so whoever asks the same thing again, as a waiter does, gets the same
    answer. They are forgotten when a commit begins, and none is kept until it has ended: a reader who saw the new state
    must never see the old one again.
    """

    __slots__ = ("_has_answers", "answers", "callers", "ends", "is_closed", "keys", "live")

    def __init__(self, *, forgetful: bool = False, shared: bool = False) -> None:
        """Begin empty. A forgetful one never remembers anything; where others write too, only keys and callers are."""
        self.keys: Known[IssuedKey] = Known(forgetful=forgetful)
        self.callers: Known[Any] = Known(forgetful=forgetful)  # of a room above this one
        self.ends: Known[End] = Known(forgetful=forgetful or shared)
        self.live: Known[Live] = Known(forgetful=forgetful or shared, limit=LIVE_LIMIT)
        self.answers: dict[Hashable, Remembered] = {}
        self._has_answers = not shared
        self.is_closed = forgetful or shared

    def spoil(self) -> None:
        """Forget all rows, after statements that no table's own methods have seen."""
        self.spoil_authorizations()
        self.ends.spoil()
        self.live.spoil()

    def spoil_authorizations(self) -> None:
        """Forget who may do what, after a change of it."""
        self.keys.spoil()
        self.callers.spoil()

    def close(self) -> None:
        """Forget the answers, and remember none while a commit is under way."""
        self.answers.clear()
        self.is_closed = True

    def renew(self) -> None:
        """Begin again, after a transaction has ended."""
        self.answers.clear()
        self.is_closed = not self._has_answers
        self.keys.renew()
        self.callers.renew()
        self.ends.renew()
        self.live.renew()

    def keep(self, question: Hashable, answer: Remembered) -> None:
        """Remember an answer, if it may be; one too many takes the place of all."""
        if self.is_closed or len(answer.members) > ANSWER_BYTES:
            return
        if len(self.answers) >= ANSWERS_LIMIT:
            self.answers.clear()
        self.answers[question] = answer


class Moment(Struct, frozen=True):
    """What a unit is given when it begins: the instant by both clocks, and the seed of its ids."""

    wall: int
    now: int
    seed: bytes


class Unit:
    """What handlers call `store`: the tables, the instant, the randomness, and a note of every write."""

    def __init__(self, engine: UnitEngine, *, bounded: bool, note_due: Callable[[int], None], memo: Memo) -> None:
        """Bind the tables to an engine; `bounded` units run on the event loop and may not look at too many rows."""
        self.engine, self.memo = engine, memo
        self.accounts = Rows(self, tables.ACCOUNTS)
        self.access_keys = KeyRows(self)
        self.sessions = Rows(self, tables.SESSIONS)
        self.vpcs = VpcRows(self)
        self.vpc_cidr_blocks = BlockRows(self)
        self.route_tables = Rows(self, tables.ROUTE_TABLES)
        self.security_groups = Rows(self, tables.SECURITY_GROUPS)
        self.security_group_rules = Rows(self, tables.SECURITY_GROUP_RULES)
        self.network_acls = Rows(self, tables.NETWORK_ACLS)
        self.network_acl_entries = Rows(self, tables.NETWORK_ACL_ENTRIES)
        self.peerings = PeeringRows(self)
        self.tags = TagRows(self)
        self.iam_users = IamRows(self, tables.IAM_USERS)
        self.iam_groups = IamRows(self, tables.IAM_GROUPS)
        self.iam_memberships = IamRows(self, tables.IAM_MEMBERSHIPS, ("group_id", "user_id"))
        self.iam_roles = RoleRows(self)
        self.iam_instance_profiles = IamRows(self, tables.IAM_INSTANCE_PROFILES)
        self.iam_policies = IamRows(self, tables.IAM_POLICIES)
        self.iam_policy_versions = IamRows(self, tables.IAM_POLICY_VERSIONS, ("policy_id",))
        self.iam_inline_policies = IamRows(self, tables.IAM_INLINE_POLICIES, ("owner_id",))
        self.iam_attachments = AttachmentRows(self)
        self.iam_account_aliases = IamRows(self, tables.IAM_ACCOUNT_ALIASES, ("account",))
        self.organizations = IamRows(self, tables.ORGANIZATIONS)
        self.service_control_policies = IamRows(self, tables.SERVICE_CONTROL_POLICIES)
        self.service_control_attachments = ServiceControlRows(self)
        self.installation = ""
        self.bounded, self._tell_due = bounded, note_due
        self.begin(Moment(0, 0, b""), writable=False)

    def begin(self, moment: Moment, *, writable: bool) -> None:
        """Start over for a new piece of work."""
        self.wall, self.now, self._seed = moment.wall, moment.now, moment.seed
        self.writable, self._drawn, self._budget = writable, 0, LOOP_BUDGET
        self.dry_run = self.wrote = self._told_authorizations = False
        self.changes: dict[str, Change] = {}
        self.states: dict[int, tuple[int, str]] = {}
        self.on_commit: list[Callable[[], None]] = []

    def entropy(self, size: int) -> bytes:
        """Return fresh bytes that follow from the unit's seed, so that a unit run again makes the same ids."""
        self._drawn += 1
        return hashlib.blake2b(self._drawn.to_bytes(4, "big"), digest_size=size, key=self._seed).digest()

    def spend(self, rows: int) -> None:
        """Note that the unit looked at so many rows; raise where the event loop should not wait for more of them."""
        self._budget -= rows
        if self.bounded and self._budget < 0:
            raise TooMuchForTheLoop

    def writes(self) -> None:
        """Announce a write. A dry run ends here, before anything is written (ADR 9)."""
        if self.dry_run:
            raise errors.dry_run()
        if not self.writable:
            raise AssertionError("a READ unit of work tried to write")
        self.wrote = True

    def held_offset(self) -> int:
        """Return by how many milliseconds service time is ahead of wall time, and let nobody else move it before this ends.

        `now` follows what this process saw last. Since then another server, or a unit before this one in the same batch, may
        have moved service time: what is reckoned from it is reckoned from this.
        """
        offset: int = self.engine.query(f"SELECT clock_offset FROM server_state{self.engine.for_update}")[0][0]
        return offset

    def changed(self, row: Any, before: str, after: str) -> None:  # noqa: ANN401 - any row
        """Note for the journal what became of an object; of several notes about one, the first `before` stands."""
        row_id = getattr(row, "id", "")
        if row_id:
            first = self.changes.get(row_id)
            self.changes[row_id] = (row_id, first[1] if first and first[1] != "present" else before, after)

    def changed_part(self, resource_id: str) -> None:
        """Note for the journal that something changed which is kept beside an object: its tags, or a policy of its own."""
        self.changes.setdefault(resource_id, (resource_id, "present", "present"))

    def changed_authorizations(self) -> None:
        """Let every server forget what it knows of who may do what, once the unit is committed; this one does so at once."""
        self.memo.spoil_authorizations()
        if not self._told_authorizations:
            self._told_authorizations = True
            self.engine.later("UPDATE server_state SET authorization_generation = authorization_generation + 1")

    def note_due(self, at: int | None) -> None:
        """Tell the store that something falls due, so that it wakes in time."""
        if at is not None:
            self._tell_due(at)
