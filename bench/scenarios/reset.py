"""Reset: one transaction, whose CPU time is bounded beside that of a commit."""

import http.client
import sqlite3
import time
from pathlib import Path

from bench import ours, seed, servers
from bench.arena import Arena
from bench.errors import NotReadyError
from bench.figures import Claim, Figure, Outcome, Sense, Target
from bench.servers import OURS, Server

NAME = "reset"
ABOUT = "reset with 1,000 and with 100,000 objects"
FEW, MANY = 1_000, 100_000
TARGET_FEW = Target("reset of 1,000 objects, less one commit", Sense.AT_MOST, 1, "ms CPU")
TARGET_MANY = Target("reset of 100,000 objects", Sense.AT_MOST, 150, "ms CPU")
REGION = "us-east-1"
COMMITS = 200


def commit_milliseconds(folder: Path) -> float:
    """CPU time of one commit of one row, as our store commits: WAL, `synchronous=FULL`."""
    database = sqlite3.connect(folder / "commit.db", isolation_level=None)
    try:
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t (x INTEGER)")
        began = time.process_time()
        for number in range(COMMITS):
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO t VALUES (?)", (number,))
            database.execute("COMMIT")
        return (time.process_time() - began) * 1000 / COMMITS
    finally:
        database.close()


def reset(server: Server, token: str) -> float:
    """Milliseconds of the server's CPU time for one reset."""
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    before = server.cpu_seconds()
    connection.request("POST", "/_isthmus/reset", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read()
    spent = server.cpu_seconds() - before
    connection.close()
    if answer.status not in (200, 204):
        raise NotReadyError(f"reset answers {answer.status} {body[:200]!r}")
    return spent * 1000


def few(arena: Arena) -> Figure:
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
    return Figure("ms CPU", tuple(spent[1:]))


def many(arena: Arena) -> Figure:
    """A file is filled in bulk once per run, served and reset."""
    spent = []
    for _ in range(arena.options.runs):
        folder = arena.new_folder()
        filled = ours.fill(folder / "many.db", MANY, 50, arena.progress)
        server = servers.start(ours.recipe(filled.data, filled.keys), folder)
        try:
            server.call(filled.region, "DescribeVpcPeeringConnections", MaxResults="5")
            spent.append(reset(server, ours.admin_token(filled.data)))
        finally:
            server.stop()
            filled.data.unlink()
    return Figure("ms CPU", tuple(spent))


def run(arena: Arena) -> Outcome:
    """Ours only: no peer has such a thing in one transaction."""
    if OURS not in arena.options.servers:
        return Outcome(NAME)
    commits = Figure("ms CPU", tuple(commit_milliseconds(arena.folder) for _ in range(arena.options.runs)))
    small = few(arena)
    figures = {f"{FEW:,} objects": {OURS: small, "one commit": commits}}
    claims = [Claim(TARGET_FEW, small.median - commits.median)]
    if arena.options.quick:
        return Outcome(NAME, figures, [*claims, Claim(TARGET_MANY, None, "not in a quick run")])
    try:
        large = many(arena)
    except NotReadyError as error:
        return Outcome(NAME, figures, [*claims, Claim(TARGET_MANY, None, str(error))])
    figures[f"{MANY:,} objects"] = {OURS: large}
    return Outcome(NAME, figures, [*claims, Claim(TARGET_MANY, large.median)])
