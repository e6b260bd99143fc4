"""Describe by id beside a bare uvicorn application that reads the body and answers 1 KiB: what our edge stands on."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench import ours, seed, servers
from bench.arena import MICROSECONDS, Arena, Crowd, Repeated, remarks
from bench.figures import Outcome, Sense, Target, compare
from bench.load import Answer
from bench.scenarios.describe import FEW, FEW_REGION, by_id, not_one
from bench.servers import BARE, BARE_LOGGING, OURS, Recipe, Server

NAME = "floor"
ABOUT = "describe by id beside a bare uvicorn application"
PLAIN = Target("describe by id / bare uvicorn, both without access log", Sense.AT_MOST, 4)
# The stricter reading of "5 times with it": our line per request counts against us, the floor stays the one without.
LOGGED = Target("describe by id with its access log / bare uvicorn without", Sense.AT_MOST, 5)
RECIPES: dict[str, Callable[[Path], Recipe]] = {
    BARE: lambda _folder: servers.bare(logging=False),
    BARE_LOGGING: lambda _folder: servers.bare(logging=True),
    OURS: ours.fresh,
    ours.LOGGING: lambda folder: ours.fresh(folder, logging=True),
}


def not_a_kibibyte(answers: Sequence[Answer]) -> int:
    """How many answers are not the application's."""
    return sum(answer.status != 200 or len(answer.body) != 1024 for answer in answers)


def window(arena: Arena, server: Server) -> Repeated:
    """A window of describes; the bare application gets the same bytes."""
    if server.name in (BARE, BARE_LOGGING):
        crowd = Crowd(server, FEW_REGION, ("pcx-0123456789abcdef0",))
        return Repeated(server, by_id(crowd), not_a_kibibyte, arena.options, most=8000)
    crowd = Crowd(server, FEW_REGION, tuple(seed.connect(server, FEW_REGION, FEW)))
    return Repeated(server, by_id(crowd), not_one, arena.options)


def run(arena: Arena) -> Outcome:
    """All four side by side."""
    wanted = {name: recipe for name, recipe in RECIPES.items() if OURS in arena.options.servers or name.startswith(BARE)}
    with arena.running(wanted) as running:
        windows = {name: window(arena, server) for name, server in running.items()}
        figures = arena.side_by_side(windows, MICROSECONDS)
    claims = [compare(PLAIN, figures, OURS, BARE), compare(LOGGED, figures, ours.LOGGING, BARE)]
    return Outcome(NAME, {f"{FEW} connections": figures}, claims, remarks(windows.values(), "are wrong"))
