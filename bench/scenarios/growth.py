"""Growth from 1,000 to 1,000,000 connections: what you do not ask for costs nothing. Ours only, filled in bulk."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice

from bench import ours, seed, servers
from bench.arena import MICROSECONDS, Arena, Crowd, Repeated, remarks
from bench.errors import NotReadyError
from bench.figures import Claim, Figure, Outcome, Sense, Target, ratio
from bench.load import Answer
from bench.ours import Seeded
from bench.scenarios.describe import by_id, not_one
from bench.scenarios.selective import all_but
from bench.seed import CONNECTION_ID, OUTSTANDING, Grid
from bench.servers import OURS, Server

NAME = "growth"
ABOUT = "1,000 against 1,000,000 connections"
SMALL, LARGE, LARGE_QUICK = 1_000, 1_000_000, 100_000
ACTIVE = 50
END_TO_END, STATEMENTS = 1.4, 2.0
LAST_PAGE = Target("last page / first page of 1,000,000", Sense.AT_MOST, 1.2)
PAGE = 1_000
WORK = ("describe_by_id", "create", "selective")
TOKEN = re.compile(rb"<nextToken>([^<]+)</nextToken>")
DESCRIBE = "DescribeVpcPeeringConnections"


def target(work: str, bound: float, where: str) -> Target:
    """The target for one kind of work."""
    return Target(f"{work.replace('_', ' ')}, 1,000 -> 1,000,000, {where}", Sense.AT_MOST, bound)


@dataclass(slots=True)
class Filled:
    """A server on a file that was filled in bulk."""

    server: Server
    seeded: Seeded
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pairs = list(Grid(self.seeded.spare_requester_vpc_ids, self.seeded.spare_accepter_vpc_ids).apart())

    def creates(self, count: int) -> list[bytes]:
        """Creates between VPCs that have no connection yet; they are used up as they go."""
        taken, self.pairs = self.pairs[:count], self.pairs[count:]
        if not taken:
            raise NotReadyError("no spare VPCs are left to connect")
        return seed.creates(self.server, self.seeded.region, taken)

    def selective(self, count: int) -> list[bytes]:
        """The connections of one requester VPC, of one VPC after the other."""
        name = "requester-vpc-info.vpc-id"
        form = {"Action": DESCRIBE, "Filter.1.Name": name}
        few = [
            self.server.sign(self.seeded.region, {**form, "Filter.1.Value.1": vpc})
            for vpc in islice(cycle(self.seeded.requester_vpc_ids), min(count, 200))
        ]
        return list(islice(cycle(few), count))

    def page(self, token: str) -> bytes:
        """One page of the list of all."""
        more = {"NextToken": token} if token else {}
        return self.server.sign(self.seeded.region, {"Action": DESCRIBE, "MaxResults": str(PAGE), **more})


def no_id(answers: Sequence[Answer]) -> int:
    """How many creates have not made a connection."""
    return sum(answer.status != 200 or CONNECTION_ID.search(answer.body) is None for answer in answers)


def windows(filled: Filled, arena: Arena) -> dict[str, Repeated]:
    """A window for each kind of work."""
    crowd = Crowd(filled.server, filled.seeded.region, filled.seeded.connection_ids)
    every = len(filled.pairs) // (arena.options.runs + 1)
    return {
        "describe_by_id": Repeated(filled.server, by_id(crowd), not_one, arena.options),
        "create": Repeated(filled.server, filled.creates, no_id, arena.options, most=every),
        "selective": Repeated(filled.server, filled.selective, all_but(OUTSTANDING), arena.options),
    }


def last_token(filled: Filled, connections: int) -> str:
    """Walk the pages of the connections that the file was filled with; the token of the last one."""
    token = ""
    for _ in range(connections // PAGE - 1):
        match = TOKEN.search(filled.server.send([filled.page(token)])[0].body)
        if match is None:
            raise NotReadyError("the pages end too early")
        token = match[1].decode()
    return token


def pages(filled: Filled, connections: int, arena: Arena) -> dict[str, Figure]:
    """CPU time of the first page and of the last of those that the file was filled with.

    Both show as many connections, which differ in nothing but their place: those that were made since are between more
    different VPCs, and an answer about them takes longer wherever it stands.
    """
    arena.progress("walking to the last page")
    tokens = {"first page": "", "last page": last_token(filled, connections)}
    return arena.side_by_side({name: page_window(filled, token, arena) for name, token in tokens.items()}, MICROSECONDS)


def page_window(filled: Filled, token: str, arena: Arena) -> Repeated:
    """A window of the page behind a token."""

    def requests(count: int) -> list[bytes]:
        return [filled.page(token)] * count

    return Repeated(filled.server, requests, all_but(PAGE), arena.options, lanes=1)


def statements(small: Seeded, large: Seeded) -> tuple[dict[str, dict[str, Figure]], list[Claim]]:
    """The store's own statements on both files, with no server on them."""
    times = dict(zip(("small", "large"), ours.statement_times(small, large), strict=True))
    figures = {f"{work} (store)": {size: Figure("us", tuple(runs[work])) for size, runs in times.items()} for work in WORK}
    claims = [
        Claim(
            target(work, STATEMENTS, "in the store"),
            ratio(figures[f"{work} (store)"]["large"], figures[f"{work} (store)"]["small"]),
        )
        for work in WORK
    ]
    return figures, claims


def run(arena: Arena) -> Outcome:
    """A server on the small file and one on the large, run by run beside each other."""
    if OURS not in arena.options.servers:
        return Outcome(NAME)
    large = arena.options.size(LARGE, LARGE_QUICK)
    notes: list[str] = []
    with ExitStack() as stack:
        filled: dict[str, Filled] = {}
        for name, connections in (("small", SMALL), ("large", large)):
            folder = arena.new_folder()
            data = folder / "data.db"
            seeded = ours.fill(data, folder, connections, ACTIVE, arena.progress)
            stack.callback(data.unlink, missing_ok=True)
            server = servers.start(ours.recipe(seeded.data, seeded.keys), folder)
            stack.callback(server.stop)
            filled[name] = Filled(server, seeded)
        work = {name: windows(each, arena) for name, each in filled.items()}
        figures: dict[str, dict[str, Figure]] = {}
        for kind in WORK:
            arena.progress(kind)
            figures[kind] = arena.side_by_side({name: some[kind] for name, some in work.items()}, MICROSECONDS)
            notes += remarks([some[kind] for some in work.values()], f"of {kind} are wrong")
        figures["pages"] = pages(filled["large"], large, arena)
        for each in filled.values():
            each.server.stop()
        inner, inner_claims = statements(filled["small"].seeded, filled["large"].seeded)
    claims = [
        Claim(target(kind, END_TO_END, "end to end"), ratio(figures[kind]["large"], figures[kind]["small"])) for kind in WORK
    ]
    claims += [*inner_claims, Claim(LAST_PAGE, ratio(figures["pages"]["last page"], figures["pages"]["first page"]))]
    return Outcome(NAME, {**figures, **inner}, claims, notes)
