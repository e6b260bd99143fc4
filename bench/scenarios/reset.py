"""Reset: one transaction, whose CPU time is bounded besides its one commit, which runs on a thread of its own."""

import http.client

from bench import ours, seed, servers
from bench.arena import Arena
from bench.errors import NotReadyError
from bench.figures import Claim, Figure, Outcome, Sense, Target
from bench.servers import OURS, Server

NAME = "reset"
ABOUT = "reset with 1,000 and with 100,000 objects"
FEW, MANY = 1_000, 100_000
TARGET_FEW = Target("reset of 1,000 objects, besides its commit", Sense.AT_MOST, 1, "ms CPU")
TARGET_MANY = Target("reset of 100,000 objects", Sense.AT_MOST, 150, "ms CPU")
REGION = "us-east-1"


def reset(server: Server, token: str) -> tuple[float, float]:
    """Milliseconds of the server's CPU time for one reset: its event loop's, and all. The connection stands already."""
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    connection.request("GET", "/_isthmus/health")
    connection.getresponse().read()
    before, loop_before = server.cpu_seconds(), server.loop_seconds()
    connection.request("POST", "/_isthmus/reset", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read()
    spent, on_loop = server.cpu_seconds() - before, server.loop_seconds() - loop_before
    connection.close()
    if answer.status not in (200, 204):
        raise NotReadyError(f"reset answers {answer.status} {body[:200]!r}")
    return on_loop * 1000, spent * 1000


def few(arena: Arena) -> tuple[Figure, Figure]:
    """A server is filled through its API and reset, once per run; the first reset is not counted."""
    folder = arena.new_folder()
    made = ours.fresh(folder)
    server = servers.start(made, folder)
    spent = []
    try:
        token = ours.admin_token(folder / "plain.db")
        for _ in range(arena.options.runs + 1):
            seed.connect(server, REGION, FEW - sum(seed.shape(FEW)))
            spent.append(reset(server, token))
        left = seed.CONNECTION_ID.findall(server.call(REGION, "DescribeVpcPeeringConnections").body)
    finally:
        server.stop()
    if left:
        raise NotReadyError(f"reset left {len(left)} connections")
    on_loop, whole = zip(*spent[1:], strict=True)
    return Figure("ms CPU", on_loop), Figure("ms CPU", whole)


def many(arena: Arena) -> Figure:
    """A file is filled in bulk once per run, served and reset."""
    spent = []
    for _ in range(arena.options.runs):
        folder = arena.new_folder()
        data = folder / "many.db"
        filled = ours.fill(data, folder, MANY, 50, arena.progress)
        server = servers.start(ours.recipe(data, filled.keys), folder)
        try:
            server.call(filled.region, "DescribeVpcPeeringConnections", MaxResults="5")
            spent.append(reset(server, ours.admin_token(data))[1])
        finally:
            server.stop()
            data.unlink()
    return Figure("ms CPU", tuple(spent))


def run(arena: Arena) -> Outcome:
    """Ours only: no peer has such a thing in one transaction."""
    if OURS not in arena.options.servers:
        return Outcome(NAME)
    on_loop, whole = few(arena)
    figures = {f"{FEW:,} objects": {OURS: on_loop}, f"{FEW:,} objects, with its commit": {OURS: whole}}
    claims = [Claim(TARGET_FEW, on_loop.median)]
    if arena.options.quick:
        return Outcome(NAME, figures, [*claims, Claim(TARGET_MANY, None, "not in a quick run")])
    try:
        large = many(arena)
    except NotReadyError as error:
        return Outcome(NAME, figures, [*claims, Claim(TARGET_MANY, None, str(error))])
    figures[f"{MANY:,} objects"] = {OURS: large}
    return Outcome(NAME, figures, [*claims, Claim(TARGET_MANY, large.median)])
