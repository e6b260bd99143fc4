"""What must always hold in a store, each claim with a name and a way to find what breaks it.

The claims are those of docs/architecture.md ("What must always hold") as far as the state alone can show them, and those
that the code leans on. Nothing here trusts a constraint or an index of the database: an import, a repair by hand or a bug
may have got past it. Where the domain states a rule the domain is asked; the rest is set-based SQL that every engine knows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from isthmus.domain import dhcp_options
from isthmus.domain.cidr import Prefix, overlap
from isthmus.domain.errors import Conflict
from isthmus.domain.peering import ENDED, ESTABLISHED, LIVE, Peering, State, fate, views
from isthmus.store import iam_invariants, tables
from isthmus.store.api import TransferError
from isthmus.store.table import Table, prefix
from isthmus.store.tables import PEERINGS
from isthmus.store.transfer import Part, Progress, pages, silent
from isthmus.store.unit import UnitEngine

Broken = Iterator[str]
Find = Callable[[UnitEngine], Broken]

DHCP_OPTIONS: Final = "dhcp-options"
LISTED: Final = 100
"""Sentences kept of one claim; a store that breaks it a million times breaks it for one reason."""


class Invariant(msgspec.Struct, frozen=True):
    """A claim about the whole state, and a function that yields a sentence for everything that breaks it."""

    name: str
    sentence: str
    find: Find


class Finding(msgspec.Struct, frozen=True):
    """What became of a claim: sentences for what breaks it, and how many more there are."""

    name: str
    sentence: str
    broken: list[str]
    unlisted: int = 0


def check(engine: UnitEngine, claims: Sequence[Invariant], progress: Progress = silent) -> list[Finding]:
    """Look whether every claim holds, in the engine's present transaction. `progress` hears of every claim."""
    return [_finding(engine, claim, progress) for claim in claims]


def _finding(engine: UnitEngine, claim: Invariant, progress: Progress) -> Finding:
    broken: list[str] = []
    unlisted = 0
    try:
        for sentence in claim.find(engine):
            if len(broken) < LISTED:
                broken.append(sentence)
            else:
                unlisted += 1
    except Conflict:  # the engine's way of saying that the unit has to run again
        raise
    except Exception as error:  # noqa: BLE001 - whatever a damaged store leads to; the other claims still want a look
        why = str(error) if isinstance(error, TransferError) else repr(error)  # the one is a sentence already
        broken.append(f"this could not be looked at to its end: {why}")
    progress(1)
    return Finding(claim.name, claim.sentence, broken, unlisted)


def _told(sql: str, words: str) -> Find:
    """Make a query of what breaks a claim into sentences about it."""
    return lambda engine: (words.format(*row) for row in engine.query(sql))


def _among(states: Iterable[str]) -> str:
    return f"({', '.join(repr(str(state)) for state in sorted(states))})"


# --- connections ------------------------------------------------------------------------------------------------------

_LOW = "CASE WHEN requester_vpc_id < accepter_vpc_id THEN requester_vpc_id ELSE accepter_vpc_id END"
_HIGH = "CASE WHEN requester_vpc_id < accepter_vpc_id THEN accepter_vpc_id ELSE requester_vpc_id END"

_SEVERAL_LIVE = (
    f"SELECT requester_vpc_id, accepter_vpc_id, count(*) FROM peering WHERE state IN {_among(LIVE)} "
    "GROUP BY requester_vpc_id, accepter_vpc_id, accepter_account, accepter_region HAVING count(*) > 1"
)
_SEVERAL_ESTABLISHED = (
    f"SELECT {_LOW}, {_HIGH}, count(*) FROM peering WHERE state IN {_among(ESTABLISHED)} "
    f"GROUP BY {_LOW}, {_HIGH} HAVING count(*) > 1"
)
_UNMARKED_ENDS = (
    f"SELECT id, state FROM peering WHERE (ended_at IS NOT NULL) <> (state IN {_among(ENDED)}) "
    "OR (ended_by <> '') <> (state IN ('deleting', 'deleted'))"
)
_NO_ACCEPTER = (
    "SELECT id, state, accepter_vpc_id FROM peering WHERE accepter_exists = 0 "
    "AND state NOT IN ('initiating-request', 'failed', 'deleted')"
)
_STRANGERS = """
SELECT view.account, view.region, view.peering_seq FROM peering_view AS view
LEFT JOIN peering ON peering.seq = view.peering_seq
WHERE peering.seq IS NULL
   OR NOT ((view.account = peering.requester_account AND view.region = peering.requester_region)
        OR (view.account = peering.accepter_account AND view.region = peering.accepter_region))
"""
_VIEWS = """
SELECT view.peering_seq, view.account, view.region, view.state, view.hide_at FROM peering
JOIN peering_view AS view ON view.peering_seq = peering.seq
 AND view.account IN (peering.requester_account, peering.accepter_account)
 AND view.region IN (peering.requester_region, peering.accepter_region)
WHERE peering.seq BETWEEN ? AND ?
"""
_BLOCKS = f"""
SELECT DISTINCT vpc.account, vpc.region, vpc.id, block.prefix FROM peering
JOIN vpc ON vpc.id IN (peering.requester_vpc_id, peering.accepter_vpc_id)
JOIN vpc_cidr_block AS block ON block.vpc_id = vpc.id
WHERE peering.seq BETWEEN ? AND ? AND peering.state IN {_among(LIVE)}
"""
_OTHER_STEPS = """
SELECT id, state, coalesce(due_state, 'nothing') FROM peering
WHERE state <> 'initiating-request' AND (
    coalesce(due_state, '') <> CASE state
        WHEN 'pending-acceptance' THEN 'expired' WHEN 'provisioning' THEN 'active' WHEN 'deleting' THEN 'deleted' ELSE '' END
    OR (due_at IS NULL) <> (due_state IS NULL)
    OR (state = 'pending-acceptance' AND coalesce(due_at, 0) <> expires_at))
"""
_INITIATING = f"SELECT {PEERINGS.picked} FROM peering WHERE state = 'initiating-request'"

_PEERING = Part(PEERINGS.name, PEERINGS.columns)
_SIDES = tuple(f"{side}_{what}" for side in ("requester", "accepter") for what in ("account", "region", "vpc_id", "blocks"))
_ENDS = Part(PEERINGS.name, ("seq", "id", "state", "accepter_exists", *_SIDES))
"""What of a connection says which blocks it joins; reading all of it would take three times as long."""


def _blocks(text: str) -> tuple[Prefix, ...]:
    return tuple(map(prefix, text.split()))


def _overlapping(engine: UnitEngine) -> Broken:
    for page in pages(engine, _ENDS):
        for _, peering_id, state, _, *ends in page:
            if state in ESTABLISHED and overlap(_blocks(ends[3]), _blocks(ends[7])):
                yield f"{peering_id} is {state} between overlapping blocks"


def _other_blocks(engine: UnitEngine) -> Broken:
    for page in pages(engine, _ENDS):
        held: dict[tuple[str, str, str], list[str]] = {}
        for *identity, block in engine.query(_BLOCKS, (page[0][0], page[-1][0])):
            held.setdefault((identity[0], identity[1], identity[2]), []).append(block)
        for _, peering_id, state, exists, *ends in page:
            for account, region, vpc_id, blocks in ((ends[:4], ends[4:])[: 1 + exists]) if state in LIVE else ():
                if sorted(blocks.split()) != sorted(held.get((account, region, vpc_id), [])):
                    yield f"{peering_id} is {state} and does not show the blocks of {vpc_id}"


def _wrong_steps(engine: UnitEngine) -> Broken:
    """How initiating ends hangs on the blocks, which the domain compares (S241)."""
    for row in engine.query(_OTHER_STEPS):
        yield "{} is {} and its next state is {}, or comes at another time than it should".format(*row)
    for each in map(PEERINGS.decode, engine.query(_INITIATING)):
        if each.due_at is None or each.due_state is not fate(each):
            yield f"{each.id} is {each.state} and its next state is {each.due_state or 'nothing'}, not {fate(each)}"


def _wrong_views(engine: UnitEngine) -> Broken:
    """Compare with what the domain says of each connection.

    A place may have lost sight of an ended connection: its window closed, its account was deleted, or it never saw it.
    """
    for page in ([PEERINGS.decode(row) for row in rows] for rows in pages(engine, _PEERING)):
        found: dict[int, dict[tuple[str, str], tuple[str, int | None]]] = {}
        for seq, account, region, state, hide_at in engine.query(_VIEWS, (page[0].seq, page[-1].seq)):
            found.setdefault(seq, {})[account, region] = (state, hide_at)
        for each in page:
            yield from _wrong_views_of(each, found.get(each.seq, {}))


def _wrong_views_of(each: Peering, found: dict[tuple[str, str], tuple[str, int | None]]) -> Broken:
    wanted = {(view.account, view.region): (each.state.value, view.hide_at) for view in views(each)}
    for place, what in found.items():
        if wanted.get(place) != what:
            yield f"{each.id} is {each.state}, and {' in '.join(place)} sees it as {what[0]} until {what[1]}"
    if each.state in ENDED and not found:
        yield f"{each.id} is {each.state} and nobody sees it any more"
    for place in () if each.state in ENDED else wanted.keys() - found.keys():
        yield f"{each.id} is {each.state}, and {' in '.join(place)} does not see it"


# --- VPCs -------------------------------------------------------------------------------------------------------------


def _exactly_one(table: str, condition: str) -> str:
    return (
        f"SELECT vpc.id, count(it.vpc_id) FROM vpc LEFT JOIN {table} AS it ON it.vpc_id = vpc.id AND {condition} "
        "GROUP BY vpc.id HAVING count(it.vpc_id) <> 1"
    )


_ELSEWHERE = " UNION ALL ".join(
    f"SELECT it.id, it.account, it.region, owner.id FROM {table} AS it JOIN {parent} AS owner ON owner.id = it.{column} "
    "WHERE it.account <> owner.account OR it.region <> owner.region"
    for table, parent, column in (
        ("vpc_cidr_block", "vpc", "vpc_id"),
        ("route_table", "vpc", "vpc_id"),
        ("security_group", "vpc", "vpc_id"),
        ("network_acl", "vpc", "vpc_id"),
        ("security_group_rule", "security_group", "group_id"),
        ("network_acl_entry", "network_acl", "network_acl_id"),
    )
)
_BLOCKS_OF_SEVERAL = (
    "SELECT vpc_id, prefix FROM vpc_cidr_block "
    "WHERE vpc_id IN (SELECT vpc_id FROM vpc_cidr_block GROUP BY vpc_id HAVING count(*) > 1) ORDER BY vpc_id, seq"
)


def _blocks_in_blocks(engine: UnitEngine) -> Broken:
    of, before = "", list[Prefix]()
    for vpc_id, text in engine.query(_BLOCKS_OF_SEVERAL):
        if vpc_id != of:
            of, before = vpc_id, []
        block = prefix(text)
        if overlap([block], before):
            yield f"{vpc_id} has {block} and another block that overlaps it"
        before.append(block)


# --- tags -------------------------------------------------------------------------------------------------------------

_TAGGED: Final[Sequence[Table[Any]]] = (
    tables.VPCS,
    tables.VPC_CIDR_BLOCKS,
    tables.ROUTE_TABLES,
    tables.SECURITY_GROUPS,
    tables.SECURITY_GROUP_RULES,
    tables.NETWORK_ACLS,
)
_TAG_ON_PEERING = (
    "SELECT tag.account, tag.key, tag.resource_id FROM tag "
    "LEFT JOIN peering ON peering.id = tag.resource_id AND peering.seq = tag.resource_seq "
    "LEFT JOIN peering_view AS view ON view.account = tag.account AND view.region = tag.region "
    f"AND view.peering_seq = peering.seq WHERE tag.resource_type = '{PEERINGS.kind}' AND view.account IS NULL"
)
_TAG_ON_WHATEVER = (
    "SELECT account, key, resource_id FROM tag "
    f"WHERE resource_type NOT IN {_among([*(table.kind for table in _TAGGED), PEERINGS.kind, DHCP_OPTIONS])}"
)


def _tag_on(table: Table[Any]) -> str:
    return (
        f"SELECT tag.account, tag.key, tag.resource_id FROM tag LEFT JOIN {table.name} AS it ON it.id = tag.resource_id "
        "AND it.seq = tag.resource_seq AND it.account = tag.account AND it.region = tag.region "
        f"WHERE tag.resource_type = '{table.kind}' AND it.id IS NULL"
    )


_TAGS_ON_NOTHING = " UNION ALL ".join([*map(_tag_on, _TAGGED), _TAG_ON_PEERING, _TAG_ON_WHATEVER])
_TAGGED_OPTIONS = (
    "SELECT DISTINCT tag.account, tag.region, tag.resource_id, server_state.installation FROM tag CROSS JOIN server_state "
    f"WHERE tag.resource_type = '{DHCP_OPTIONS}'"
)


def _idle_tags(engine: UnitEngine) -> Broken:
    """DHCP options follow from the installation's name and are kept nowhere."""
    for row in engine.query(_TAGS_ON_NOTHING):
        yield "{} has the tag {!r} on {}, which it does not see".format(*row)
    for account, region, resource_id, installation in engine.query(_TAGGED_OPTIONS):
        if resource_id != dhcp_options.default_set(installation, account, region).id:
            yield f"{account} has tags on {resource_id}, which it does not see"


# --- keys, journal, clock ---------------------------------------------------------------------------------------------

_KEYS_OF_NOBODY = (
    "SELECT access_key.id, access_key.account FROM access_key LEFT JOIN account ON account.id = access_key.account "
    "WHERE account.id IS NULL"
)

_STATES_OF_SERVER = "SELECT held FROM (SELECT count(*) AS held FROM server_state) AS state WHERE held <> 1"

_JOURNAL = Part("journal", ("seq", "changes"))
_STATES = Part("peering", ("seq", "id", "state"))
_changes = msgspec.json.Decoder(list[tuple[str, str, str]]).decode
_PRESENT: Final = "present"
"""What the journal says of an object that was changed and has no state of its own."""


def _contradictions(engine: UnitEngine) -> Broken:
    """Follow every object through the journal, whose beginning may have been forgotten already."""
    last: dict[str, str] = {}
    for page in pages(engine, _JOURNAL):
        for seq, text in page:
            for resource, before, after in _changes(text):
                if before != _PRESENT and last.get(resource, before) != before:
                    yield f"line {seq} of the journal has {resource} go on from {before!r} after {last[resource]!r}"
                if before in ENDED and after != before:
                    yield f"line {seq} of the journal has {resource} move from {before!r}, where it had ended"
                if after != _PRESENT or before == "":
                    last[resource] = after
    yield from _other_states(engine, last)


def _other_states(engine: UnitEngine, last: dict[str, str]) -> Broken:
    """Compare with the connections; one may have been deleted with its account, which is the operator's doing."""
    for page in pages(engine, _STATES):
        for _, peering_id, state in page:
            if state != State.DELETED and last.get(peering_id, state) != state:
                yield f"{peering_id} is {state}, and {last[peering_id]} in the journal"


INVARIANTS: Final = (
    Invariant(
        "one-live-connection",
        "An ordered pair of VPCs has at most one connection that has not ended (S242).",
        _told(_SEVERAL_LIVE, "{0} and {1} have {2} live connections"),
    ),
    Invariant(
        "one-established-connection",
        "Two VPCs have at most one connection that is provisioning or active (S242).",
        _told(_SEVERAL_ESTABLISHED, "{0} and {1} have {2} established connections"),
    ),
    Invariant("no-overlap", "No connection is established between overlapping blocks (S241).", _overlapping),
    Invariant(
        "accepter-exists",
        "Only a request to a VPC that is there gets beyond initiating (S236).",
        _told(_NO_ACCEPTER, "{0} is {1}, and {2} does not exist"),
    ),
    Invariant("blocks-follow", "A live connection shows the blocks that its VPCs have (S279).", _other_blocks),
    Invariant("next-step", "What a connection becomes by itself, and when, fits its state (S206).", _wrong_steps),
    Invariant(
        "ends-are-marked",
        "A connection that has ended says when, and one that was deleted says by whom (S212).",
        _told(_UNMARKED_ENDS, "{0} is {1}, and does not say when it ended or by whom, or says so though it did not"),
    ),
    Invariant("views-follow", "Those see a connection who may, in its state and for its time (S212, S321).", _wrong_views),
    Invariant(
        "no-strangers",
        "Nobody else sees a connection, and nobody sees one that is not there (S321).",
        _told(_STRANGERS, "{0} in {1} sees the connection number {2}, which is not there or none of its own"),
    ),
    Invariant(
        "primary-block",
        "Every VPC has one primary block.",
        _told(_exactly_one("vpc_cidr_block", "it.is_primary = 1"), "{0} has {1} primary blocks"),
    ),
    Invariant("blocks-apart", "The blocks of a VPC do not overlap (S520).", _blocks_in_blocks),
    Invariant(
        "main-route-table",
        "Every VPC has its main route table.",
        _told(_exactly_one("route_table", "it.is_main = 1"), "{0} has {1} main route tables"),
    ),
    Invariant(
        "default-security-group",
        "Every VPC has its default security group.",
        _told(_exactly_one("security_group", "it.name = 'default'"), "{0} has {1} default security groups"),
    ),
    Invariant(
        "default-network-acl",
        "Every VPC has its default network ACL.",
        _told(_exactly_one("network_acl", "it.is_default = 1"), "{0} has {1} default network ACLs"),
    ),
    Invariant(
        "one-place",
        "What belongs to a VPC is in its account and its Region.",
        _told(_ELSEWHERE, "{0} is in {1} {2}, unlike {3}"),
    ),
    Invariant("tags-are-seen", "A tag is on an object that is there and that its account sees (S295).", _idle_tags),
    Invariant(
        "keys-have-accounts",
        "Every access key belongs to an account.",
        _told(_KEYS_OF_NOBODY, "the key {0} belongs to {1}, which does not exist"),
    ),
    Invariant(
        "keys-have-holders",
        "Every access key that is not the root's belongs to a user of its account, or, if temporary, a role (I7).",
        _told(iam_invariants.KEYS_OF_NOBODY, "the key {0} belongs to {1}, which is no user or role of its account"),
    ),
    Invariant(
        "sessions-have-keys",
        "Every session is opened by a temporary key of its account (I6).",
        _told(iam_invariants.SESSIONS_WITHOUT_KEY, "no key opens the session {0}"),
    ),
    Invariant(
        "role-keys-have-sessions",
        "Every key of a role opens a session of it (I1).",
        _told(iam_invariants.KEYS_WITHOUT_SESSION, "the key {0} of the role {1} has no session"),
    ),
    Invariant(
        "iam-parts",
        "What belongs to an object of IAM is in the account of an object that is there.",
        _told(iam_invariants.STRAY_PARTS, "{0} belongs to {1}, which its account does not have"),
    ),
    Invariant(
        "iam-policies",
        "Whatever policy somebody has, attached or as boundary, is there (I114).",
        _told(iam_invariants.STRAY_POLICIES, "{0} has the policy {1}, which its account does not have"),
    ),
    Invariant(
        "policy-in-force",
        "Every managed policy has the version that is in force.",
        _told(iam_invariants.NOT_IN_FORCE, "{0} has no version {1}, which should be in force"),
    ),
    Invariant(
        "service-control-policies",
        "Whatever service control policy a level has is there (I116).",
        _told(iam_invariants.STRAY_SERVICE_CONTROL, "the level '{0}' has the policy {1}, which is not there"),
    ),
    Invariant(
        "journal",
        "The journal's lines go on from each other and lead to what is; nothing moves after its end (S206).",
        _contradictions,
    ),
    Invariant(
        "server-state",
        "The store has one name and one clock.",
        _told(_STATES_OF_SERVER, "there are {0} of each where there should be one"),
    ),
)
"""What must hold on every engine, in the order of the architecture page."""
