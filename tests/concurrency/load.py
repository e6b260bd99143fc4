"""Clients that change the connections of a few VPCs as they like, all at once, and write down what they asked and heard."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.asking import CUT, Answer, Caller
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

ACCOUNTS = ("111111111111", "222222222222")
REGIONS = ("us-east-1", "us-east-1", "eu-west-1")
"""Where the VPCs of each account are."""
CUT_ONE_IN = 50
MOVE_ONE_IN = 10
RECENT = 24
PATIENCE_SECONDS = 60.0
# What clients like to do. Deleting is at least as frequent as accepting, so that pairs are free again and again.
WEIGHTS = {CREATE: 26, ACCEPT: 18, REJECT: 6, DELETE: 20, TAG: 10, DESCRIBE: 20}
SHOWING = frozenset({CREATE, ACCEPT, DESCRIBE})


def vpcs(url: str) -> dict[str, tuple[str, str]]:
    """Make the VPCs: id to account and Region. None overlaps another."""
    caller, found = Caller(url), {}
    for number, place in enumerate((account, region) for account in ACCOUNTS for region in REGIONS):
        answer = caller.ask(*place, "CreateVpc", CidrBlock=f"10.{number}.0.0/16")
        assert answer.status == 200, answer.body
        found[answer.first("vpcId")] = place
    caller.close()
    return found


@dataclass
class Board:
    """What all clients share: where to ask, the VPCs, and the connections that were seen last."""

    urls: Callable[[], Sequence[str]]
    places: Mapping[str, tuple[str, str]]
    recent: deque[Seen] = field(default_factory=lambda: deque(maxlen=RECENT))
    stop: threading.Event = field(default_factory=threading.Event)

    def pairs(self) -> list[tuple[str, str]]:
        """Every ordered pair of VPCs of two accounts."""
        return [(one, two) for one in self.places for two in self.places if self.places[one][0] != self.places[two][0]]


@dataclass
class Client:
    """One client with one connection at a time, to whichever server."""

    name: str
    board: Board
    draw: random.Random
    history: list[Event] = field(default_factory=list)
    problem: str = ""

    def __post_init__(self) -> None:
        self._caller: Caller | None = None
        self._written = 0
        self._pairs = self.board.pairs()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Wait for the last answer; the board has told everybody to stop."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), f"{self.name} waits for an answer"

    def _run(self) -> None:
        try:
            while not self.board.stop.is_set():
                self._step()
        except Exception as problem:  # noqa: BLE001 - whatever ends a client early must fail the test
            self.problem = f"{self.name}: {problem!r}"
        finally:
            self._leave()

    def _step(self) -> None:
        (action,) = self.draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if action == CREATE or not self.board.recent:
            self._create(self.draw.choice(self._pairs))
        elif action == DESCRIBE:
            self._describe(self.draw.choice(list(self.board.recent)))
        else:
            self._change(action, self.draw.choice(list(self.board.recent)))

    # --- what it does ---

    def _create(self, pair: tuple[str, str]) -> None:
        one, two = pair
        account, region = self.board.places[two]
        place = self.board.places[one]
        self.ask(CREATE, place, {"VpcId": one, "PeerVpcId": two, "PeerOwnerId": account, "PeerRegion": region}, pair=pair)

    def _change(self, action: str, it: Seen) -> None:
        requester, accepter = (self.board.places[vpc] for vpc in it.pair)
        place = accepter if action in (ACCEPT, REJECT) else self.draw.choice((requester, accepter))
        if action == TAG:
            self._written += 1
            tag = f"{self.name}-{self._written}"
            self.ask(TAG, place, {"ResourceId__1": it.id, "Tag__1__Key": "Name", "Tag__1__Value": tag}, id=it.id, tag=tag)
        else:
            self.ask(action, place, {"VpcPeeringConnectionId": it.id}, id=it.id)

    def _describe(self, it: Seen) -> None:
        place = self.board.places[self.draw.choice(it.pair)]
        if self.draw.random() < 0.5:
            self.ask(DESCRIBE, place, {"VpcPeeringConnectionId__1": it.id})
        else:
            wanted = {f"Filter__1__Value__{number}": state for number, state in enumerate(sorted(LIVE), 1)}
            self.ask(DESCRIBE, place, {"Filter__1__Name": "status-code", **wanted}, whole=LIVE)

    def describe_everything(self) -> None:
        """Ask once in every place for all there is."""
        for place in sorted(set(self.board.places.values())):
            self.ask(DESCRIBE, place, {}, whole=EVERY_STATE)
        self._leave()

    # --- asking ---

    def ask(self, action: str, place: tuple[str, str], form: Mapping[str, str], **about: object) -> None:
        """Send a request, or now and then cut the connection behind it, and write down what came of it."""
        begin = time.monotonic_ns()
        try:
            caller = self._connected()
            caller.send(*place, action, **form)
            answer = None if self._cuts(action, about) else caller.receive()
        except CUT:
            answer = None
        end = time.monotonic_ns()
        if answer is None:
            self._leave()
            known = {"end": NEVER, "outcome": Outcome.UNKNOWN}
        else:
            known = {"end": end, **self._heard(action, answer)}
        event = Event(self.name, place, action, begin, **about, **known)  # type: ignore[arg-type]  # the fields by name
        self.history.append(event)
        self.board.recent.extend(event.seen)
        if self.draw.randrange(MOVE_ONE_IN) == 0:
            self._leave()

    def _heard(self, action: str, answer: Answer) -> dict[str, object]:
        if answer.status == 200:
            shown = seen_in(answer) if action in SHOWING else ()
            return {"outcome": Outcome.DONE, "seen": shown}
        if answer.status == 503:
            return {"end": NEVER, "outcome": Outcome.UNKNOWN, "code": answer.code}
        assert answer.status < 500, answer.body
        return {"outcome": Outcome.REFUSED, "code": answer.code}

    def _cuts(self, action: str, about: Mapping[str, object]) -> bool:
        return not self.board.stop.is_set() and self.draw.randrange(CUT_ONE_IN) == 0

    def _connected(self) -> Caller:
        if self._caller is None:
            urls = self.board.urls()
            while not urls:
                time.sleep(0.01)
                urls = self.board.urls()
            self._caller = Caller(self.draw.choice(urls), PATIENCE_SECONDS)
        return self._caller

    def _leave(self) -> None:
        if self._caller is not None:
            self._caller.close()
            self._caller = None


@dataclass
class Work:
    """What clients do, and afterwards what they saw: the last of it is everything there is."""

    places: Mapping[str, tuple[str, str]]
    clients: list[Client]
    history: list[Event] = field(default_factory=list)

    def end(self) -> None:
        """Wait for the last answers and look at everything; a client that met what it should not have met fails here."""
        for each in self.clients:
            each.end()
        self.clients[0].describe_everything()
        problems = [each.problem for each in self.clients if each.problem]
        assert not problems, problems[:3]
        self.history = [event for each in self.clients for event in each.history]


@contextmanager
def at_work(urls: Callable[[], Sequence[str]], count: int, seed: int) -> Iterator[Work]:
    """So many clients at work on a few new VPCs for as long as the block lasts."""
    board = Board(urls, vpcs(urls()[0]))
    work = Work(board.places, [Client(f"client-{each}", board, random.Random(f"{seed}/{each}")) for each in range(count)])
    for each in work.clients:
        each.begin()
    try:
        yield work
    finally:
        board.stop.set()
    work.end()
