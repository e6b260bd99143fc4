"""Describe one connection by its id, where few and where many exist; 16 clients, and for comparison one."""

from collections.abc import Callable, Sequence
from itertools import count, cycle, islice

from bench.arena import CLIENTS, MICROSECONDS, Arena, Crowd, Repeated, remarks
from bench.figures import Outcome, at_most_a, compare
from bench.load import Answer
from bench.seed import CONNECTION_ID
from bench.servers import MINISTACK, MOTO, OURS

NAME = "describe"
ABOUT = "describe by id, with 100 and with 10,000 connections"
FEW, MANY, MANY_QUICK = 100, 10_000, 1_000
FEW_REGION, MANY_REGION = "us-east-1", "us-west-2"
TARGETS_FEW = {
    MOTO: at_most_a(35, "describe by id, 100: isthmus / moto"),
    MINISTACK: at_most_a(5, "describe by id, 100: isthmus / ministack"),
}
TARGETS_MANY = {MINISTACK: at_most_a(150, "describe by id, 10,000: isthmus / ministack")}


def never_asked(crowd: Crowd) -> Callable[[int], Sequence[bytes]]:
    """The same requests, each with another value of a common parameter that says nothing: no two are alike.

    Ours answers a question that it has just answered from memory until the next commit; here it never can.
    """
    ids, numbers = cycle(crowd.ids), count(1)

    def requests(wanted: int) -> list[bytes]:
        action = {"Action": "DescribeVpcPeeringConnections"}
        return [
            crowd.server.sign(crowd.region, {**action, "VpcPeeringConnectionId.1": id, "Timestamp": str(next(numbers))})
            for id in islice(ids, wanted)
        ]

    return requests


def by_id(crowd: Crowd) -> Callable[[int], Sequence[bytes]]:
    """Describe requests for the ids of a crowd, drawn from all of it in turn."""
    step = max(1, len(crowd.ids) // 1000)
    ids = cycle(crowd.ids[::step])

    def requests(wanted: int) -> list[bytes]:
        action = "DescribeVpcPeeringConnections"
        few = [
            crowd.server.sign(crowd.region, {"Action": action, "VpcPeeringConnectionId.1": id})
            for id in islice(ids, min(wanted, 500))
        ]
        return list(islice(cycle(few), wanted))

    return requests


def not_one(answers: Sequence[Answer]) -> int:
    """How many answers do not show exactly one connection."""
    return sum(answer.status != 200 or len(CONNECTION_ID.findall(answer.body)) != 1 for answer in answers)


Ask = Callable[[Crowd], Callable[[int], Sequence[bytes]]]


def windows(arena: Arena, crowds: dict[str, Crowd], lanes: int = CLIENTS, ask: Ask = by_id) -> dict[str, Repeated]:
    """A window for each server."""
    return {name: Repeated(crowd.server, ask(crowd), not_one, arena.options, lanes) for name, crowd in crowds.items()}


def run(arena: Arena) -> Outcome:
    """The few first: a peer's Regions lie in one table, and the many would weigh on the few."""
    many = arena.options.size(MANY, MANY_QUICK)
    few_windows = windows(arena, arena.crowds(FEW, FEW_REGION))
    few = arena.side_by_side(few_windows, MICROSECONDS)
    fresh = arena.side_by_side(windows(arena, arena.crowds(FEW, FEW_REGION), ask=never_asked), MICROSECONDS)
    alone = arena.side_by_side(windows(arena, arena.crowds(FEW, FEW_REGION), lanes=1), MICROSECONDS)
    many_windows = windows(arena, arena.crowds(many, MANY_REGION))
    figures = {
        f"{FEW:,} connections": few,
        f"{FEW:,} connections, no question twice": fresh,
        f"{FEW:,} connections, one client": alone,
        f"{many:,} connections": arena.side_by_side(many_windows, MICROSECONDS),
    }
    claims = [compare(target, few, OURS, peer) for peer, target in TARGETS_FEW.items()]
    claims += [compare(target, figures[f"{many:,} connections"], OURS, peer) for peer, target in TARGETS_MANY.items()]
    notes = remarks([*few_windows.values(), *many_windows.values()], "do not show exactly the one connection")
    return Outcome(NAME, figures, claims, notes)
