"""What must hold in every history of peering connections, however many servers answered and however often they died.

Each law takes a history and yields a sentence for whatever breaks it. The laws lean only on what the clients know: two
requests follow each other if the answer to one was there before the other was sent, else either may have come first. So a
law about two servers is the same as one about one server, and one about two clients the same as one about one client.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise

from tests.concurrency.history import (
    ACCEPT,
    CREATE,
    DELETE,
    DESCRIBE,
    ESTABLISHED,
    LIVE,
    NEVER,
    OUTSTANDING,
    REJECT,
    TAG,
    Event,
    Life,
    Outcome,
    lives,
)  # fmt: skip

Places = Mapping[str, tuple[str, str]]
"""Where each VPC is: its account and Region."""

WAYS: Mapping[str, tuple[str, ...]] = {
    "initiating-request": ("pending-acceptance", "failed"),
    "pending-acceptance": ("provisioning", "rejected", "deleting", "expired"),
    "provisioning": ("active",),
    "active": ("deleting",),
    "deleting": ("deleted",),
    "deleted": (), "rejected": (), "failed": (), "expired": (),
}  # fmt: skip
"""The steps of a connection's life, as the API reference draws them."""
CAUSES: Mapping[str, str] = {
    "provisioning": ACCEPT, "active": ACCEPT, "rejected": REJECT, "deleting": DELETE, "deleted": DELETE,
}  # fmt: skip
"""What somebody must have asked for before a state can be seen. The other states have no cause in these histories."""
UNCAUSED = frozenset({"failed", "expired"})
REFUSALS: Mapping[str, frozenset[str]] = {
    CREATE: frozenset(),
    ACCEPT: frozenset({"InvalidStateTransition", "VpcPeeringConnectionAlreadyExists"}),
    REJECT: frozenset({"InvalidStateTransition"}),
    DELETE: frozenset({"InvalidStateTransition", "OperationNotPermitted"}),
    TAG: frozenset(),
    DESCRIBE: frozenset(),
}
"""The refusals that clients can meet who name what exists and ask as who may."""


def _after(state: str) -> frozenset[str]:
    """The state and all that can follow it."""
    return frozenset({state}).union(*(_after(following) for following in WAYS[state]))


AFTER: Mapping[str, frozenset[str]] = {state: _after(state) for state in WAYS}


def violations(history: Sequence[Event], places: Places) -> list[str]:
    """Everything that is wrong with a history."""
    known = lives(history)
    return [
        *(sentence for law in LAWS for sentence in law(known, history)),
        *nothing_is_missing(known, history, places),
    ]


# --- one connection ---------------------------------------------------------------------------------------------------


def no_state_is_lost(known: Mapping[str, Life], _: Sequence[Event]) -> Iterator[str]:
    """A connection goes one way through its life, and whoever asks later sees no earlier state."""
    for life in known.values():
        states = {sight.state for sight in life.sights}
        for one, other in combinations(sorted(states), 2):
            if one not in AFTER[other] and other not in AFTER[one]:
                yield f"{life.id} was {one} and was {other}"
        yield from _backwards(life)


def _backwards(life: Life) -> Iterator[str]:
    """Walk through time: at each question, the latest state that was known by then."""
    ended = sorted(life.sights, key=lambda sight: sight.end)
    known, latest = 0, None
    for sight in sorted(life.sights, key=lambda sight: sight.begin):
        while ended[known].end < sight.begin:
            if latest is None or ended[known].state in AFTER[latest.state]:
                latest = ended[known]
            known += 1
        if latest and sight.is_exact and sight.state != latest.state and latest.state in AFTER[sight.state]:
            yield (
                f"{life.id} was {latest.state} for {latest.event.client} and later {sight.state} for {sight.event.client}"
            )


def every_state_has_a_cause(known: Mapping[str, Life], history: Sequence[Event]) -> Iterator[str]:
    """Nothing happens that nobody asked for, and what was refused did not happen."""
    for life in known.values():
        for state in sorted({sight.state for sight in life.sights}):
            first = min(sight.end for sight in life.sights if sight.state == state)
            cause = CAUSES.get(state)
            if state in UNCAUSED or (cause and not any(event.begin < first for event in life.attempts(cause))):
                yield f"{life.id} is {state}, and nobody had asked for that"
        for action in (ACCEPT, REJECT):
            if sum(event.outcome is Outcome.DONE for event in life.attempts(action)) > 1:
                yield f"{life.id}: {action} was answered with yes more than once"
    yield from _from_nowhere(known, history)


def _from_nowhere(known: Mapping[str, Life], history: Sequence[Event]) -> Iterator[str]:
    """A connection that no Create answered is one whose Create was never answered, and each of those made at most one."""
    creates = [event for event in history if event.action == CREATE]
    answered = {each.id for event in creates for each in event.seen}
    unanswered = Counter(event.pair for event in creates if event.outcome is Outcome.UNKNOWN)
    orphans = Counter(life.pair for life in known.values() if life.sights and life.id not in answered)
    for pair, count in orphans.items():
        if count > unanswered[pair]:
            yield f"{count} connections of {pair} were never asked for; {unanswered[pair]} requests had no answer"


# --- two connections of the same VPCs ---------------------------------------------------------------------------------


def no_pair_is_joined_twice(known: Mapping[str, Life], history: Sequence[Event]) -> Iterator[str]:
    """S242: one established connection between two VPCs, one live connection of an ordered pair; ever, and in one answer."""
    rules: tuple[tuple[str, frozenset[str], tuple[str, ...], Callable[[tuple[str, str]], tuple[str, ...]]], ...] = (
        ("established", ESTABLISHED, (DELETE,), lambda pair: tuple(sorted(pair))),
        ("live", LIVE, (DELETE, REJECT), lambda pair: pair),
    )
    for word, states, enders, key in rules:
        times: dict[tuple[str, ...], list[tuple[int, int, str]]] = defaultdict(list)
        for life in known.values():
            first, last = life.surely(states, enders)
            if first <= last:
                times[key(life.pair)].append((first, last, life.id))
        for of_pair in times.values():
            yield from (f"{one[2]} and {two[2]} were {word} at once" for one, two in _overlapping(of_pair))
        for event in history:
            counts = Counter(key(each.pair) for each in event.seen if each.state in states)
            yield from (f"one answer shows {count} {word} of {pair}" for pair, count in counts.items() if count > 1)


def _overlapping(times: list[tuple[int, int, str]]) -> Iterator[tuple[tuple[int, int, str], tuple[int, int, str]]]:
    latest: tuple[int, int, str] | None = None
    for each in sorted(times):
        if latest and each[0] < latest[1]:
            yield latest, each
        latest = each if latest is None or each[1] > latest[1] else latest


# --- what answers leave out or refuse ---------------------------------------------------------------------------------


def nothing_is_missing(known: Mapping[str, Life], history: Sequence[Event], places: Places) -> Iterator[str]:
    """A describe shows every connection of its place that was surely there, in a state that it asks for, while it ran."""
    seen = [life for life in known.values() if life.sights]
    live = [(*life.surely(LIVE, (DELETE, REJECT)), life) for life in seen]
    born = [(min(sight.end for sight in life.sights), NEVER, life) for life in seen]
    whole = [event for event in history if event.whole and event.outcome is Outcome.DONE]
    yield from _missing(live, [event for event in whole if event.whole <= LIVE], places)
    yield from _missing(born, [event for event in whole if event.whole > LIVE], places)


def _missing(there: Sequence[tuple[int, int, Life]], events: Sequence[Event], places: Places) -> Iterator[str]:
    """Walk through time with those that are there, each from an instant to another."""
    coming = sorted(there, key=lambda each: each[0], reverse=True)
    now: list[tuple[int, int, Life]] = []
    for event in sorted(events, key=lambda event: event.begin):
        while coming and coming[-1][0] < event.begin:
            now.append(coming.pop())
        now = [each for each in now if each[1] > event.begin]
        shown = {each.id for each in event.seen}
        for _, last, life in now:
            here = event.place in (places[life.pair[0]], places[life.pair[1]])
            if here and event.end < last and life.id not in shown:
                yield f"{life.id} was there, and {event.client} did not see it"


def every_refusal_has_a_reason(known: Mapping[str, Life], history: Sequence[Event]) -> Iterator[str]:
    """A step is refused only if the state may have forbidden it at some moment of the request."""
    of_pair: dict[frozenset[str], list[Life]] = defaultdict(list)
    for life in known.values():
        of_pair[frozenset(life.pair)].append(life)
    for event in history:
        if event.outcome is not Outcome.REFUSED:
            continue
        if event.code not in REFUSALS[event.action]:
            yield f"{event.action} of {event.id or event.pair} was refused: {event.code}"
        elif event.code == "InvalidStateTransition":
            first, last = known[event.id].surely(OUTSTANDING, (ACCEPT, REJECT, DELETE))
            if first < event.begin and event.end < last:
                yield f"{event.action} of {event.id} was refused while it was outstanding"
        elif event.code == "VpcPeeringConnectionAlreadyExists":
            life = known[event.id]
            others = [other for other in of_pair[frozenset(life.pair)] if other is not life]
            if not any(_may_be_established(other, event) for other in others):
                yield f"{event.action} of {event.id} was refused, and no other connection joined its VPCs"


def _may_be_established(life: Life, during: Event) -> bool:
    accepted = min((event.begin for event in life.attempts(ACCEPT)), default=NEVER)
    over = min((sight.end for sight in life.sights if sight.state not in LIVE), default=NEVER)
    return accepted < during.end and during.begin < over


# --- tags -------------------------------------------------------------------------------------------------------------


def tags_are_registers(_: Mapping[str, Life], history: Sequence[Event]) -> Iterator[str]:
    """The tag of each place on a connection behaves as one variable (Gibbons and Korach, "Testing shared memories", 1997).

    Every value is written once. A value that was surely there for a while, from the first request that had finished with it
    to the last that began with it, leaves no room in that while for another's whole life.
    """
    writes: dict[tuple[tuple[str, str], str], dict[str, Event]] = defaultdict(dict)
    reads: dict[tuple[tuple[str, str], str], dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in history:
        if event.action == TAG and event.may_have_happened:
            writes[event.place, event.id][event.tag] = event
        for each in event.seen:
            if each.tag is not None:
                reads[event.place, each.id][each.tag].append(event)
    for register in writes.keys() | reads.keys():
        yield from _of_register(register[1], writes[register], reads[register])


def _of_register(id: str, writes: Mapping[str, Event], reads: Mapping[str, list[Event]]) -> Iterator[str]:
    surely, maybe = [], []
    for value in writes.keys() | reads.keys():
        write, readers = writes.get(value), reads.get(value, [])
        if value and write is None:
            yield f"{id} has the tag {value!r}, which nobody wrote"
        elif write and any(reader.end < write.begin for reader in readers):
            yield f"{id} had the tag {value!r} before it was written"
        ends = [reader.end for reader in readers] + [write.end if write else 0]
        begins = [reader.begin for reader in readers] + [write.begin if write else 0]
        if min(ends) < max(begins):
            surely.append((min(ends), max(begins), value))
        elif min(ends) < NEVER:
            maybe.append((max(begins), min(ends), value))
    yield from (
        f"{id} has the tag {one[2]!r} again after {two[2]!r}" for one, two in pairwise(sorted(surely)) if two[0] < one[1]
    )
    for begin, end, value in maybe:
        if any(first < begin and end < last for first, last, _ in surely):
            yield f"{id} lost the tag {value!r}"


LAWS = (
    no_state_is_lost,
    every_state_has_a_cause,
    no_pair_is_joined_twice,
    every_refusal_has_a_reason,
    tags_are_registers,
)
