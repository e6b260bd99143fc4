"""What clients asked of servers and what they were told, with the times at which they knew it.

Nothing here or in `laws.py` knows how a server works: an answer is what it says, and an instant is the clients' own clock.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from xml.etree import ElementTree as ET

from tests.asking import Answer

NEVER = 1 << 62
"""The end of a request whose answer never came: what it asked may still happen, at any time."""

CREATE, ACCEPT, REJECT, DELETE, TAG, DESCRIBE = (
    "CreateVpcPeeringConnection",
    "AcceptVpcPeeringConnection",
    "RejectVpcPeeringConnection",
    "DeleteVpcPeeringConnection",
    "CreateTags",
    "DescribeVpcPeeringConnections",
)
OUTSTANDING = frozenset({"initiating-request", "pending-acceptance"})
ESTABLISHED = frozenset({"provisioning", "active"})
LIVE = OUTSTANDING | ESTABLISHED
EVERY_STATE = LIVE | {"deleting", "deleted", "rejected", "failed", "expired"}
# What a yes says of a connection that the answer does not show. One that is being deleted, or is deleted already, may be
# deleted again (S261), so to a Delete it says only: no earlier state than this from now on.
SAID_BY_YES = {REJECT: "rejected", DELETE: "deleting"}


class Outcome(Enum):
    """What became of a request, as far as its client can know."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection as one answer shows it. `tag` is its tag Name; None where the answer says nothing of tags."""

    id: str
    state: str
    pair: tuple[str, str]
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One request. `place` is the account and Region that asked; `id` the connection it names, `pair` what Create joins,
    `tag` the value that CreateTags writes. A describe with `whole` shows every connection of its place in those states."""

    client: str
    place: tuple[str, str]
    action: str
    begin: int
    end: int = NEVER
    outcome: Outcome = Outcome.UNKNOWN
    code: str = ""
    id: str = ""
    pair: tuple[str, str] = ("", "")
    tag: str = ""
    seen: tuple[Seen, ...] = ()
    whole: frozenset[str] = frozenset()

    @property
    def may_have_happened(self) -> bool:
        """Whether what was asked was done, or may have been."""
        return self.outcome is not Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Sight:
    """One connection in one state, in an event's answer."""

    state: str
    event: Event

    @property
    def is_exact(self) -> bool:
        """Whether it was in this state, and not already in a later one."""
        return self.event.action != DELETE

    @property
    def begin(self) -> int:
        return self.event.begin

    @property
    def end(self) -> int:
        return self.event.end


@dataclass
class Life:
    """All that is known of one connection: when it was seen in which state, and what was asked of it."""

    id: str
    pair: tuple[str, str] = ("", "")
    sights: list[Sight] = field(default_factory=list)
    asked: list[Event] = field(default_factory=list)

    def attempts(self, *actions: str) -> list[Event]:
        """The requests of these actions that were done, or may have been."""
        return [event for event in self.asked if event.action in actions and event.may_have_happened]

    def surely(self, states: frozenset[str], enders: Sequence[str]) -> tuple[int, int]:
        """When it was in one of the states beyond doubt: from the first answer that shows it until the last one was asked
        for, or until somebody first asked for its end. The second instant is before the first if there is no such time."""
        inside = [sight for sight in self.sights if sight.state in states]
        if not inside:
            return NEVER, 0
        first = min(sight.end for sight in inside)
        ended = min((event.begin for event in self.attempts(*enders)), default=NEVER)
        return first, max(ended, *(sight.begin for sight in inside))


def lives(history: Sequence[Event]) -> dict[str, Life]:
    """What the history says of each connection."""
    found: dict[str, Life] = {}
    for event in history:
        for each in event.seen:
            life = found.setdefault(each.id, Life(each.id))
            life.pair = each.pair
            life.sights.append(Sight(each.state, event))
        if event.id:
            life = found.setdefault(event.id, Life(event.id))
            life.asked.append(event)
            if event.outcome is Outcome.DONE and event.action in SAID_BY_YES:
                life.sights.append(Sight(SAID_BY_YES[event.action], event))
    return found


# --- reading an answer ------------------------------------------------------------------------------------------------


def seen_in(answer: Answer) -> tuple[Seen, ...]:
    """The connections in the answer of a Create, an Accept or a Describe."""
    root = ET.fromstring(re.sub(r' xmlns="[^"]+"', "", answer.body, count=1))
    return tuple(_connections(root))


def _connections(root: ET.Element) -> Iterator[Seen]:
    for it in [*root.iterfind("vpcPeeringConnectionSet/item"), *root.iterfind("vpcPeeringConnection")]:
        tags = {tag.findtext("key"): tag.findtext("value") for tag in it.iterfind("tagSet/item")}
        yield Seen(
            it.findtext("vpcPeeringConnectionId", ""),
            it.findtext("status/code", ""),
            (it.findtext("requesterVpcInfo/vpcId", ""), it.findtext("accepterVpcInfo/vpcId", "")),
            tags.get("Name") or "",
        )
