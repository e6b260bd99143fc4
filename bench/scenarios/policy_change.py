"""What the first request after a change of its caller's policy costs more than the next one of the same kind.

The change is a commit of its own: whatever was compiled of 20 statements, and all that was remembered of the caller, is of
no use any more. The statements are those of `authorization`, in a group that the caller is in, because they are longer than
a user's own policies may be (I55). No two documents of a run are alike, so that none was compiled before.

One request is short, but it begins and ends while the server sleeps, and a thread's CPU time is then known to the
nanosecond. What disturbs one round is left out by the median of many.
"""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from bench import ours, seed, servers
from bench.arena import Arena, Crowd
from bench.errors import NotReadyError
from bench.figures import Claim, Figure, Outcome, Sense, Target
from bench.load import Answer
from bench.scenarios.authorization import USER_ID, networker, statements
from bench.scenarios.create import REGIONS, mistaken
from bench.scenarios.describe import FEW, FEW_REGION, by_id, not_one
from bench.servers import OURS, Server
from bench.sign import IAM, Keys
from isthmus import bootstrap
from isthmus.config import Settings
from isthmus.domain.iam.objects import Group, Membership
from isthmus.store.api import Kind
from isthmus.store.unit import Unit

NAME = "policy-change"
ABOUT = "the first describe and create after a change of 20 statements"
GROUP, GROUP_ID = "networkers", "AGPABENCHBENCHBENCHBE"
UNIT = "us CPU more"
BOUND_MILLISECONDS = 2.0
ROUNDS, ROUNDS_QUICK = 15, 5

Pairs = Callable[[int], Sequence[tuple[bytes, bytes]]]
"""The pairs of requests for a run: one to be the first after a change, and one after that."""


def document(account: str, number: int) -> str:
    """The networker's policy, unlike that of any other number."""
    named = [{**each, "Sid": f"Change{number}Statement{at}"} for at, each in enumerate(statements(account, watched=False))]
    return json.dumps({"Version": "2012-10-17", "Statement": named}, separators=(",", ":"))


def _member(unit: Unit, account: str) -> Keys:
    """Make the user with a key, in a group."""
    unit.iam_groups.put(Group(GROUP_ID, account, GROUP, "/", unit.now))
    unit.iam_memberships.put(Membership(account, GROUP_ID, USER_ID))
    return networker(unit, account)


@dataclass(slots=True)
class Changing:
    """A server whose requests a member of the group signs, and the root that changes the group's policy."""

    server: Server
    root: Keys
    changes: Iterator[int]

    def change(self) -> None:
        """Give the group a policy that it never had."""
        text = document(self.root.account, next(self.changes))
        action = {"Action": "PutGroupPolicy", "GroupName": GROUP, "PolicyName": "networking", "PolicyDocument": text}
        answer = self.server.measure([self.server.sign(FEW_REGION, action, self.root, IAM)]).answers[0]
        if answer.status != 200:
            raise NotReadyError(f"PutGroupPolicy answers {answer.status} {answer.body[:200]!r}")


@dataclass(slots=True)
class After:
    """A window of rounds: a change, a request, and one of the same kind when all is known again."""

    changing: Changing
    requests: Pairs
    wrong: Callable[[Sequence[Answer]], int]
    asked: int = 0
    mistaken: int = 0

    def __call__(self, number: int) -> float:
        """One run, in microseconds that the first request costs more; the median of its rounds."""
        return statistics.median(self._round(*pair) for pair in self.requests(number))

    def _round(self, first: bytes, second: bytes) -> float:
        self.changing.change()
        cold, warm = (self.changing.server.measure([each]) for each in (first, second))
        answers = (*cold.answers, *warm.answers)
        self.asked += len(answers)
        self.mistaken += self.wrong(answers)
        return cold.microseconds - warm.microseconds


def _describes(server: Server, ids: Sequence[str], rounds: int) -> Pairs:
    """The same question twice, so that the second is answered from memory."""
    asked = by_id(Crowd(server, FEW_REGION, tuple(ids)))
    return lambda _number: [(each, each) for each in asked(rounds)]


def _creates(server: Server, rounds: int) -> Pairs:
    """Two connections that were not asked for before; a run has a Region of its own."""

    def requests(number: int) -> list[tuple[bytes, bytes]]:
        region = REGIONS[number]
        pairs = list(seed.grid(server, region, 2 * rounds).pairs())[: 2 * rounds]
        made = seed.creates(server, region, pairs)
        return list(zip(made[::2], made[1::2], strict=True))

    return requests


@contextmanager
def _served(arena: Arena) -> Iterator[Changing]:
    """Serve a new file with the group, its member and its first policy."""
    folder = arena.new_folder()
    data = folder / f"{NAME}.db"
    root = ours.account(data)
    store = bootstrap.store(Settings(data=str(data)))
    member = store.run_now(Kind.WRITE, lambda unit: _member(unit, root.account))
    store.close()
    server = servers.start(ours.recipe(data, member), folder)
    try:
        changing = Changing(server, root, count())
        changing.change()
        yield changing
    finally:
        server.stop()


def run(arena: Arena) -> Outcome:
    """Ours only: with the peers nobody but a root was measured."""
    if OURS not in arena.options.servers:
        return Outcome(NAME)
    rounds = arena.options.size(ROUNDS, ROUNDS_QUICK)
    with _served(arena) as changing:
        server = changing.server
        windows = {
            "describe": After(changing, _describes(server, seed.connect(server, FEW_REGION, FEW), rounds), not_one),
            "create": After(changing, _creates(server, rounds), mistaken),
        }
        figures = arena.side_by_side(windows, UNIT)
    claims = [_claim(name, figure) for name, figure in figures.items()]
    notes = [
        f"{each.mistaken:,} of {each.asked:,} {name}s answered wrongly" for name, each in windows.items() if each.mistaken
    ]
    return Outcome(NAME, {"first after a change": figures}, claims, notes)


def _claim(name: str, figure: Figure) -> Claim:
    target = Target(f"first {name} after a change of policy, over the next one", Sense.AT_MOST, BOUND_MILLISECONDS, "ms CPU")
    return Claim(target, figure.median / 1_000)
