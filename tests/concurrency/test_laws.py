"""The laws themselves: each catches the histories that break it, and leaves in peace those that only look odd."""

from collections.abc import Sequence

import pytest

from tests.asking import Answer
from tests.concurrency.history import (
    ACCEPT,
    CREATE,
    DELETE,
    DESCRIBE,
    EVERY_STATE,
    LIVE,
    NEVER,
    REJECT,
    TAG,
    Event,
    Outcome,
    Seen,
    seen_in,
)  # fmt: skip
from tests.concurrency.laws import violations

HERE, THERE = ("111111111111", "us-east-1"), ("222222222222", "us-east-1")
PLACES = {"a": HERE, "b": THERE}
AB, BA = ("a", "b"), ("b", "a")
PENDING, ACTIVE = "pending-acceptance", "active"


def done(action: str, begin: int, end: int, id: str = "", *, place: tuple[str, str] = HERE, tag: str = "") -> Event:
    return Event("one", place, action, begin, end, Outcome.DONE, id=id, tag=tag)


def unanswered(action: str, begin: int, id: str = "", *, pair: tuple[str, str] = AB, tag: str = "") -> Event:
    return Event("one", HERE, action, begin, NEVER, Outcome.UNKNOWN, id=id, pair=pair, tag=tag)


def refused(action: str, begin: int, end: int, id: str, code: str = "InvalidStateTransition") -> Event:
    return Event("one", HERE, action, begin, end, Outcome.REFUSED, code=code, id=id)


def shown(
    begin: int,
    end: int,
    *seen: tuple[str, str],
    action: str = DESCRIBE,
    pair: tuple[str, str] = AB,
    whole: frozenset[str] = frozenset(),
) -> Event:
    """An answer with connections in their states; `whole`: it shows all in those states."""
    these = tuple(Seen(id, state, pair) for id, state in seen)
    return Event(
        "two", HERE, action, begin, end, Outcome.DONE, pair=pair if action == CREATE else ("", ""), seen=these, whole=whole
    )


def created(id: str, begin: int, end: int, pair: tuple[str, str] = AB) -> Event:
    return shown(begin, end, (id, "initiating-request"), action=CREATE, pair=pair)


def accepted(id: str, begin: int, end: int, pair: tuple[str, str] = AB) -> Event:
    seen = (Seen(id, "provisioning", pair),)
    return Event("one", THERE, ACCEPT, begin, end, Outcome.DONE, id=id, seen=seen)


def tagged(begin: int, end: int, value: str) -> Event:
    return done(TAG, begin, end, "x", tag=value)


def read(begin: int, end: int, value: str) -> Event:
    return Event("two", HERE, DESCRIBE, begin, end, Outcome.DONE, seen=(Seen("x", PENDING, AB, value),))


BORN = created("x", 0, 1)
BAD: dict[str, tuple[str, Sequence[Event]]] = {
    "a read goes back in time": (
        "x was active for two and later pending-acceptance",
        [BORN, accepted("x", 2, 3), shown(4, 5, ("x", ACTIVE)), shown(6, 7, ("x", PENDING))],
    ),
    "an acknowledged accept is lost": (
        "x was provisioning for one and later pending-acceptance",
        [BORN, accepted("x", 2, 3), shown(4, 5, ("x", PENDING))],
    ),
    "an acknowledged delete is lost": (
        "x was deleting for one and later active",
        [BORN, accepted("x", 2, 3), done(DELETE, 4, 5, "x"), shown(6, 7, ("x", ACTIVE))],
    ),
    "an ended connection lives again": (
        "x was active and was rejected",
        [BORN, done(REJECT, 2, 3, "x"), unanswered(ACCEPT, 4, "x"), shown(6, 7, ("x", ACTIVE))],
    ),
    "accept and reject both succeed": (
        "x was provisioning and was rejected",
        [BORN, accepted("x", 2, 9), done(REJECT, 2, 9, "x")],
    ),
    "two accepts succeed": ("answered with yes more than once", [BORN, accepted("x", 2, 9), accepted("x", 2, 9)]),
    "a refused accept happens": (
        "x is active, and nobody had asked for that",
        [BORN, refused(ACCEPT, 2, 3, "x"), shown(4, 5, ("x", ACTIVE))],
    ),
    "a state is there before it was asked for": (
        "x is active, and nobody had asked for that",
        [BORN, shown(2, 3, ("x", ACTIVE)), accepted("x", 4, 5)],
    ),
    "a connection expires by itself": ("x is expired, and nobody", [BORN, shown(2, 3, ("x", "expired"))]),
    "a connection comes from nowhere": ("never asked for", [shown(2, 3, ("x", PENDING))]),
    "one unanswered create makes two": (
        "2 connections of ('a', 'b') were never asked for; 1",
        [unanswered(CREATE, 0), shown(2, 3, ("x", "deleted")), shown(2, 3, ("y", PENDING)), unanswered(DELETE, 1, "x")],
    ),
    "two directions are established at once": (
        "x and y were established at once",
        [BORN, created("y", 0, 1, BA), accepted("x", 2, 3), accepted("y", 4, 5, BA), shown(6, 7, ("x", ACTIVE))],
    ),
    "two of an ordered pair are live at once": (
        "x and y were live at once",
        [BORN, shown(2, 3, ("x", PENDING)), created("y", 4, 5), shown(6, 7, ("x", PENDING))],
    ),
    "two are live at once and nobody looks again": ("x and y were live at once", [BORN, created("y", 4, 5)]),
    "one answer shows two": (
        "one answer shows 2 established of ('a', 'b')",
        [
            BORN,
            created("y", 0, 1, BA),
            accepted("x", 0, 9),
            accepted("y", 0, 9, BA),
            shown(1, 9, ("x", ACTIVE), ("y", ACTIVE)),
        ],
    ),
    "a created connection is lost": ("x was there, and two did not see it", [BORN, shown(2, 3, whole=EVERY_STATE)]),
    "a live connection is left out": (
        "x was there, and two did not see it",
        [BORN, shown(2, 3, whole=LIVE), shown(4, 5, ("x", PENDING))],
    ),
    "a step is refused without reason": ("was refused while it was outstanding", [BORN, refused(ACCEPT, 2, 3, "x")]),
    "an accept is refused for no other connection": (
        "no other connection joined its VPCs",
        [BORN, refused(ACCEPT, 2, 3, "x", "VpcPeeringConnectionAlreadyExists")],
    ),
    "an unknown refusal": (
        "was refused: UnauthorizedOperation",
        [BORN, refused(DELETE, 2, 3, "x", "UnauthorizedOperation")],
    ),
    "an acknowledged tag is lost": (
        "x has the tag '' again after 'v'",
        [BORN, tagged(2, 3, "v"), read(4, 5, "v"), read(6, 7, "")],
    ),
    "a tag is lost before anybody reads it": (
        "x lost the tag 'v'",
        [BORN, read(1, 1, ""), tagged(2, 3, "v"), read(6, 7, "")],
    ),
    "an old tag comes back": (
        "again after",
        [BORN, tagged(2, 3, "v"), tagged(4, 5, "w"), read(6, 7, "w"), read(8, 9, "v")],
    ),
    "two reads disagree about the order of two writes": (
        "lost the tag 'w'",
        [BORN, tagged(2, 20, "v"), tagged(2, 20, "w"), read(3, 4, "v"), read(5, 6, "w"), read(7, 8, "v")],
    ),
    "a tag that nobody wrote": ("which nobody wrote", [BORN, read(2, 3, "v")]),
    "a tag is read before it was written": ("before it was written", [BORN, read(2, 3, "v"), tagged(4, 5, "v")]),
}

GOOD: dict[str, Sequence[Event]] = {
    "a life": [
        BORN, shown(2, 3, ("x", PENDING)), accepted("x", 4, 5), refused(REJECT, 6, 7, "x"), shown(8, 9, ("x", ACTIVE)),
        done(DELETE, 10, 11, "x"), done(DELETE, 12, 13, "x"), shown(14, 15, ("x", "deleted"), whole=EVERY_STATE),
        created("y", 16, 17), shown(18, 19, ("y", PENDING), whole=LIVE),
    ],
    "requests at the same time come in any order": [
        BORN, accepted("x", 2, 9), shown(3, 4, ("x", ACTIVE)), shown(3, 8, ("x", PENDING)), refused(REJECT, 2, 9, "x"),
    ],
    "an unanswered accept happens": [BORN, unanswered(ACCEPT, 2, "x"), shown(4, 5, ("x", ACTIVE))],
    "an unanswered accept happens late": [
        BORN, unanswered(ACCEPT, 2, "x"), shown(4, 5, ("x", PENDING)), shown(8, 9, ("x", ACTIVE)),
    ],
    "an unanswered create makes one": [unanswered(CREATE, 0), shown(4, 5, ("x", PENDING))],
    "an unanswered delete frees the pair": [BORN, unanswered(DELETE, 2, "x"), created("y", 4, 5)],
    "the other direction may be asked for": [BORN, created("y", 2, 3, BA)],
    "the second direction waits for the end of the first": [
        BORN, created("y", 0, 1, BA), accepted("x", 2, 3), refused(ACCEPT, 4, 5, "y", "VpcPeeringConnectionAlreadyExists"),
        done(DELETE, 6, 9, "x"), accepted("y", 7, 9, BA), shown(10, 11, ("y", ACTIVE), pair=BA),
    ],
    "the accepter may not delete what is pending": [BORN, refused(DELETE, 2, 3, "x", "OperationNotPermitted")],
    "an unanswered write of a tag happens between two reads": [
        BORN, tagged(2, 3, "v"), unanswered(TAG, 4, "x", tag="w"), read(5, 6, "v"), read(7, 8, "w"),
    ],
    "two writes at once": [BORN, tagged(2, 9, "v"), tagged(2, 9, "w"), read(3, 4, "w"), read(10, 11, "v")],
    "another place has tags of its own": [
        BORN, tagged(2, 3, "v"), Event("two", THERE, DESCRIBE, 4, 5, Outcome.DONE, seen=(Seen("x", PENDING, AB, ""),)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_breaks_a_law_is_caught(name: str) -> None:
    sentence, history = BAD[name]
    found = violations(history, PLACES)
    assert any(sentence in each for each in found), found


@pytest.mark.parametrize("name", GOOD)
def test_a_history_that_some_order_explains_is_left_in_peace(name: str) -> None:
    assert violations(GOOD[name], PLACES) == []


def test_an_answer_is_read_as_it_stands() -> None:
    end = "<{0}VpcInfo><ownerId>1</ownerId><vpcId>vpc-{0}</vpcId></{0}VpcInfo>"
    item = (
        "<vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><status><code>active</code></status>"
        f"{end.format('requester')}{end.format('accepter')}<tagSet><item><key>Name</key><value>v</value></item></tagSet>"
    )
    seen = Seen("pcx-1", "active", ("vpc-requester", "vpc-accepter"), "v")
    one = f'<A xmlns="http://x/"><vpcPeeringConnection>{item}</vpcPeeringConnection></A>'
    many = f'<A xmlns="http://x/"><vpcPeeringConnectionSet><item>{item}</item></vpcPeeringConnectionSet></A>'
    assert seen_in(Answer(200, one)) == seen_in(Answer(200, many)) == (seen,)
