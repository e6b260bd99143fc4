"""Cold start: CPU time from the command to the first answer, and memory when nothing is asked.

Beside it stands what an interpreter costs that only imports what any such server needs: the start's floor on this machine
at this moment. The bound in milliseconds was set on a machine where that floor was about 105 ms.
"""

import subprocess
import sys
from collections.abc import Callable

from bench import servers
from bench.arena import Arena, settle
from bench.errors import NotReadyError
from bench.figures import Claim, Figure, Outcome, Sense, Target
from bench.servers import OURS, Recipe

NAME = "start"
ABOUT = "CPU to the first answer, memory when idle"
CPU_TARGET = Target("cold start to the first answer", Sense.AT_MOST, 180, "ms CPU")
MEMORY_TARGET = Target("resident when idle", Sense.AT_MOST, 45, "MiB")
IDLE_SECONDS = 2.0
REGION = "us-east-1"


BARE = "bare imports"
BARE_PROGRAM = """
import time, asyncio, sqlite3, json, hmac, hashlib, logging, click, httptools, msgspec, uvloop
print(time.process_time())
"""


def bare(_number: int) -> float:
    """Milliseconds of CPU of an interpreter that imports the libraries and ends."""
    done = subprocess.run([sys.executable, "-c", BARE_PROGRAM], check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000


class Starting:
    """Starts of one server, one per run."""

    def __init__(self, arena: Arena, recipe: Recipe) -> None:
        self.folder = arena.new_folder()
        self.recipe = recipe
        self.resident: list[float] = []

    def __call__(self, _number: int) -> float:
        """Milliseconds of CPU until the first describe is answered; the memory two seconds later is kept beside."""
        server = servers.start(self.recipe, self.folder)
        try:
            answer = server.call(REGION, "DescribeVpcPeeringConnections")
            spent = server.cpu_seconds()
            if answer.status != 200:
                raise NotReadyError(f"{server.name} answers {answer.status} to its first request")
            settle(IDLE_SECONDS)
            self.resident.append(server.resident_mib())
        finally:
            server.stop()
        return spent * 1000


def prepared(arena: Arena) -> dict[str, Starting]:
    """The servers that start at all; that first start, which compiles and makes the file, is not counted."""
    found = {}
    for name, recipe in arena.contenders().items():
        try:
            found[name] = Starting(arena, recipe(arena.new_folder()))
            found[name](0)
        except NotReadyError as error:
            arena.absent[name] = str(error)
            found.pop(name, None)
            continue
        found[name].resident.clear()
    return found


def run(arena: Arena) -> Outcome:
    """Each server is started once per run."""
    starting = prepared(arena)
    windows: dict[str, Callable[[int], float]] = {**starting, BARE: bare}
    cpu = arena.side_by_side(windows, "ms CPU")
    memory = {name: Figure("MiB", tuple(each.resident)) for name, each in starting.items()}
    claims = [
        Claim(target, figures[OURS].median if OURS in figures else None, "" if OURS in figures else f"{OURS} did not run")
        for target, figures in ((CPU_TARGET, cpu), (MEMORY_TARGET, memory))
    ]
    notes = [f"{OURS} starts at {cpu[OURS].median / cpu[BARE].median:.2f} times the bare imports"] if OURS in cpu else []
    return Outcome(NAME, {"cold start": cpu, "idle": memory}, claims, notes)
