"""`status-code=active`, unpaged, where 50 of 10,000 connections are active."""

from collections.abc import Callable, Sequence

from bench import seed
from bench.arena import MICROSECONDS, Arena, Crowd, Repeated, remarks
from bench.figures import Outcome, at_most_a, compare
from bench.load import Answer
from bench.scenarios.describe import MANY, MANY_QUICK, MANY_REGION
from bench.seed import CONNECTION_ID
from bench.servers import MINISTACK, MOTO, OURS

NAME = "selective"
ABOUT = "status-code=active where 50 of 10,000 are active"
ACTIVE = 50
TARGETS = {
    MOTO: at_most_a(2000, "50 active of 10,000: isthmus / moto"),
    MINISTACK: at_most_a(10, "50 active of 10,000: isthmus / ministack"),
}


def active_only(crowd: Crowd) -> Callable[[int], Sequence[bytes]]:
    """The same request as often as asked."""
    form = {"Action": "DescribeVpcPeeringConnections", "Filter.1.Name": "status-code", "Filter.1.Value.1": "active"}
    return lambda count: [crowd.server.sign(crowd.region, form)] * count


def all_but(count: int) -> Callable[[Sequence[Answer]], int]:
    """How many answers do not show so many connections."""
    return lambda answers: sum(len(CONNECTION_ID.findall(answer.body)) != count for answer in answers)


def run(arena: Arena) -> Outcome:
    """50 connections are accepted, spread over the requesters, and then asked for."""
    many = arena.options.size(MANY, MANY_QUICK)
    crowds = arena.crowds(many, MANY_REGION)
    for crowd in crowds.values():
        seed.accept(crowd.server, crowd.region, crowd.ids[:: many // ACTIVE][:ACTIVE])
    windows = {
        name: Repeated(crowd.server, active_only(crowd), all_but(ACTIVE), arena.options, lanes=1)
        for name, crowd in crowds.items()
    }
    figures = arena.side_by_side(windows, MICROSECONDS)
    claims = [compare(target, figures, OURS, peer) for peer, target in TARGETS.items()]
    notes = remarks(windows.values(), f"show other than the {ACTIVE} active connections")
    return Outcome(NAME, {f"{ACTIVE} of {many:,}": figures}, claims, notes)
