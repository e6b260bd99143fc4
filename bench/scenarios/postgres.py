"""Ours on PostgreSQL: beside ours on SQLite, beside what the database itself can do, and as it grows.

What counts is the CPU time of our server's process; what PostgreSQL's own processes spend stands beside it. Creates are
told as a part of pgbench's rate with the same statements (`bench/pgbench.py`), in windows that alternate with it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import database, load, ours, pgbench, seed, servers
from bench.arena import CLIENTS, MICROSECONDS, Arena, Crowd, Repeated, remarks, settle
from bench.database import Database
from bench.figures import Claim, Figure, Outcome, Sense, Target, compare_by_turns, microseconds, ratio
from bench.ours import Seeded
from bench.scenarios import growth
from bench.scenarios.create import RATE, mistaken
from bench.scenarios.describe import FEW, by_id, never_asked, not_one
from bench.scenarios.growth import ACTIVE, LARGE, LARGE_QUICK, SMALL, Filled
from bench.scenarios.start import IDLE_SECONDS
from bench.seed import Grid
from bench.servers import OURS, Server

NAME = "postgres"
ABOUT = "on PostgreSQL: beside SQLite, beside pgbench, and as it grows"
POSTGRES, SQLITE = "postgresql", "sqlite"
ONE, TWO, PGBENCH = "one server process", "two server processes", "pgbench"
DESCRIBE = {
    "no question twice": Target("describe by id, no question twice: PostgreSQL / SQLite", Sense.AT_MOST, 4),
    "asked again": Target("describe by id, SQLite answers from memory: PostgreSQL / SQLite", Sense.AT_MOST, 4),
}
RATES = {ONE: 0.35, TWO: 0.5}
RETRIED = "units run again, distinct pairs, {where}"
IDLE = Target("resident when idle, on PostgreSQL", Sense.AT_MOST, 60, "MiB")
WARM_WINDOW = 0
TURN, TURNS = 250, 6  # describes in a turn, and turns in a run


# --- describe, beside SQLite ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Watched:
    """A window whose requests cost the database CPU time too, which is kept beside."""

    window: Repeated
    database: Database
    spent: list[float] = field(default_factory=list)

    def __call__(self, number: int) -> float:
        """One run, in microseconds of our server's CPU time per request."""
        before, asked = self.database.cpu_seconds(), self.window.asked
        cost = self.window(number)
        self.spent.append(microseconds(self.database.cpu_seconds() - before, self.window.asked - asked))
        return cost

    def warm_up(self) -> None:
        """Fill the caches, and find out how many requests fill a window."""
        self.window(0)


def watched(
    arena: Arena, base: Database, windows: Mapping[str, Repeated], far: Sequence[str], turns: int = 1
) -> dict[str, Figure]:
    """The windows side by side; for those on the database, `far`, its own CPU time too."""
    seen = {name: Watched(windows[name], base) for name in far}
    for each in seen.values():
        each.warm_up()
    figures = arena.side_by_side({**windows, **seen}, MICROSECONDS, turns)
    return {**figures, **{f"{name}: PostgreSQL": Figure(MICROSECONDS, tuple(each.spent)) for name, each in seen.items()}}


def total(figures: Mapping[str, Figure], name: str) -> Figure:
    """Our server's CPU time and the database's together, run by run."""
    both = zip(figures[name].runs, figures[f"{name}: PostgreSQL"].runs, strict=True)
    return Figure(MICROSECONDS, tuple(sum(each) for each in both))


def describe(arena: Arena, base: Database) -> Outcome:
    """Describe by id at a hundred connections on both engines, and memory when nothing is asked."""
    asks = {"no question twice": never_asked, "asked again": by_id}
    with ExitStack() as stack:
        crowds: dict[str, Crowd] = {}
        for name in (SQLITE, POSTGRES):
            folder = arena.new_folder()
            seeded = ours.fill(folder / "data.db" if name == SQLITE else base.new(), folder, FEW, 0, arena.progress)
            server = on(seeded, folder, stack)
            crowds[name] = Crowd(server, seeded.region, seeded.connection_ids)
        crowds[POSTGRES].server.call(crowds[POSTGRES].region, growth.DESCRIBE)
        settle(IDLE_SECONDS)
        resident = crowds[POSTGRES].server.resident_mib()
        figures, notes = {}, []
        for words, ask in asks.items():
            windows = {
                name: Repeated(crowd.server, ask(crowd), not_one, arena.options, most=TURN) for name, crowd in crowds.items()
            }
            figures[words] = watched(arena, base, windows, (POSTGRES,), TURNS)
            notes += remarks(windows.values(), "do not show exactly the one connection")
    claims = [compare_by_turns(DESCRIBE[words], each, POSTGRES, SQLITE) for words, each in figures.items()]
    notes.append("asked again, SQLite answers from memory (ADR 18); PostgreSQL never does, another server may have written")
    return Outcome(NAME, figures, [*claims, Claim(IDLE, resident)], notes)


def on(seeded: Seeded, folder: Path, stack: ExitStack) -> Server:
    """A server on what was filled, which `stack` stops."""
    recipe = ours.recipe(seeded.data, seeded.keys)
    if isinstance(seeded.data, str):
        recipe = ours.shared(seeded.data, seeded.keys, folder)
    server = servers.start(recipe, folder)
    stack.callback(server.stop)
    return server


# --- creates, beside pgbench ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Creates:
    """Creates against servers on one database, between VPCs that are used up as they go."""

    seeded: Seeded
    members: Sequence[Server]
    base: Database
    pairs: list[tuple[str, str]]
    wrong: int = 0
    costs: dict[str, list[float]] = field(default_factory=dict)

    def run(self, count: int, members: int) -> float:
        """Creates per second with so many of the servers; what each process spends is kept."""
        used = self.members[:members]
        requests = seed.creates(used[0], self.seeded.region, [self.pairs.pop() for _ in range(count)])
        before, base_before = sum(each.cpu_seconds() for each in used), self.base.cpu_seconds()
        done = load.drive(used[0].address, requests, CLIENTS, others=[each.address for each in used[1:]])
        spent = sum(each.cpu_seconds() for each in used) - before
        self.costs.setdefault("server", []).append(microseconds(spent, count))
        self.costs.setdefault("PostgreSQL", []).append(microseconds(self.base.cpu_seconds() - base_before, count))
        self.wrong += mistaken(done.answers)
        return count / done.seconds


def creates(arena: Arena, base: Database, seeded: Seeded, where: str) -> Outcome:
    """Rates of one server process, of two and of pgbench, and the units that were run again."""
    count = arena.options.size(2_000, 600)
    with ExitStack() as stack:
        folders = [arena.new_folder(), arena.new_folder()]
        creating = Creates(seeded, [on(seeded, folder, stack) for folder in folders], base, spare(seeded))
        bench = recorded(arena, creating, folders[0])
        for members in (1, 2):
            creating.run(count // 2, members)
        bench.run(WARM_WINDOW, count // CLIENTS)
        before = [ours.retried_units(*each) for each in zip(creating.members, folders, strict=True)]
        creating.costs.clear()
        windows: dict[str, Callable[[int], float]] = {
            ONE: lambda _number: creating.run(count, 1),
            TWO: lambda _number: creating.run(count, 2),
            PGBENCH: lambda number: bench.run(1 + number, 2 * count // CLIENTS),
        }
        figures = arena.side_by_side(windows, RATE)
        after = [ours.retried_units(*each) for each in zip(creating.members, folders, strict=True)]
    claims = [
        Claim(
            Target(f"creates/s, {name}, {where}", Sense.AT_LEAST, bound, "of pgbench"),
            ratio(figures[name], figures[PGBENCH]),
            f"{figures[name].median:,.0f} of {figures[PGBENCH].median:,.0f} /s",
        )
        for name, bound in RATES.items()
    ]
    claims.append(Claim(Target(RETRIED.format(where=where), Sense.AT_MOST, 0), sum(after) - sum(before)))
    costs = ", ".join(f"{name} {median(each):,.0f}" for name, each in creating.costs.items())
    notes = [f"creates, {where}, us CPU each: {costs}"]
    notes += [f"{creating.wrong:,} creates without an id of their own, {where}"] if creating.wrong else []
    return Outcome(NAME, {f"creates, {where}": figures}, claims, notes)


def spare(seeded: Seeded) -> list[tuple[str, str]]:
    """Pairs of VPCs without a connection, the next one last, neighbours without a VPC in common."""
    return list(Grid(seeded.spare_requester_vpc_ids, seeded.spare_accepter_vpc_ids).apart())


def recorded(arena: Arena, creating: Creates, folder: Path) -> pgbench.Pgbench:
    """Make pgbench ready with what one create sends, once the server has made a few."""
    creating.run(4 * CLIENTS, 1)
    requester, accepter = creating.pairs[-1]
    statements = pgbench.record(creating.base, lambda: creating.run(1, 1))
    made = pgbench.script(statements, requester, accepter)
    url = str(creating.seeded.data)
    bench = pgbench.Pgbench(creating.base, url, made, folder / "create.pgbench", CLIENTS, arena.options.runs + 1)
    bench.prepare(requester)
    arena.progress(f"a create sends {len(statements)} statements")
    return bench


# --- growth -----------------------------------------------------------------------------------------------------------


def grown(arena: Arena, base: Database, small: Seeded, large: Seeded, connections: int) -> Outcome:
    """A server on the small database and one on the large: our CPU time and PostgreSQL's together."""
    figures: dict[str, dict[str, Figure]] = {}
    claims, notes = [], []
    with ExitStack() as stack:
        filled = {}
        for name, seeded in (("small", small), ("large", large)):
            filled[name] = Filled(on(seeded, arena.new_folder(), stack), seeded)
            filled[name].pairs.reverse()  # the creates before took the last ones
        work = {name: growth.windows(each, arena) for name, each in filled.items()}
        for kind in growth.WORK:
            arena.progress(kind)
            figures[kind] = watched(arena, base, {name: some[kind] for name, some in work.items()}, tuple(work))
            target = growth.target(kind, growth.END_TO_END, "PostgreSQL and ours")
            claims.append(Claim(target, ratio(total(figures[kind], "large"), total(figures[kind], "small"))))
            notes += remarks([some[kind] for some in work.values()], f"of {kind} are wrong")
        tokens = growth.last_token(filled["large"], connections)
        pages = {"first page": "", "last page": tokens}
        windows = {name: growth.page_window(filled["large"], token, arena) for name, token in pages.items()}
        figures["pages"] = watched(arena, base, windows, tuple(windows))
    claims.append(
        Claim(growth.LAST_PAGE, ratio(total(figures["pages"], "last page"), total(figures["pages"], "first page")))
    )
    return Outcome(NAME, figures, claims, notes)


def run(arena: Arena) -> Outcome:
    """All of it, on one cluster."""
    if OURS not in arena.options.servers:
        return Outcome(NAME)
    large = arena.options.size(LARGE, LARGE_QUICK)
    with database.running() as base:
        parts = [describe(arena, base)]
        sizes = {"empty": 0, "small": SMALL, "large": large}
        seeded = {name: filled(arena, base, connections) for name, connections in sizes.items()}
        parts.append(creates(arena, base, seeded["empty"], "empty"))
        parts.append(creates(arena, base, seeded["large"], f"{large:,} connections"))
        parts.append(grown(arena, base, seeded["small"], seeded["large"], large))
    return Outcome(
        NAME,
        {case: figures for part in parts for case, figures in part.figures.items()},
        [claim for part in parts for claim in part.claims],
        [note for part in parts for note in part.notes],
    )


def filled(arena: Arena, base: Database, connections: int) -> Seeded:
    """A database with so many connections, looked after as autovacuum does within minutes."""
    url = base.new()
    seeded = ours.fill(url, arena.new_folder(), connections, min(connections, ACTIVE), arena.progress)
    if connections:  # the planner would take an empty one at its word, and read whole tables from then on
        base.sql(url, "VACUUM ANALYZE")
    return seeded
