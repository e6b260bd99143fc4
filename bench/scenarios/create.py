"""Create connections, 16 clients at a time. Ours answers after a durable commit (`synchronous=FULL`); the peers keep
theirs in memory.

The rate is bounded below by the disk and by ourselves: F is how often a loop can overwrite 16 KiB and wait for the disk
on the file system of the data, M the rate of the same server with its file on tmpfs.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import ours, seed
from bench.arena import CLIENTS, MICROSECONDS, Arena, count_for
from bench.figures import Claim, Figure, Outcome, Sense, Target, at_most_a, compare
from bench.load import Answer
from bench.seed import CONNECTION_ID
from bench.servers import MINISTACK, MOTO, OURS, Recipe, Server, Window

NAME = "create"
ABOUT = "durable creates, 16 clients"
TMPFS = "isthmus on tmpfs"
TMPFS_FOLDER = Path("/dev/shm")
DISK = "16 KiB overwrite + fdatasync"
RATE = "/s"
BLOCK = b"\xa5" * 16_384
TARGETS = {
    MOTO: at_most_a(15, "durable create: isthmus / moto"),
    MINISTACK: at_most_a(2.5, "durable create: isthmus / ministack"),
}
RATE_WORDS = "creates/s / min(5 F, 0.75 M)"
RATE_TARGET = Target(RATE_WORDS, Sense.AT_LEAST, 1.0)
# A run has a Region of its own: as many VPCs as it needs, within the quotas of ours, and the same for every server.
REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1",
    "eu-north-1", "ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "sa-east-1",
)  # fmt: skip
MOST, LEAST = 2_000, 200
WARM_REGION, WARM_COUNT = "ca-central-1", 100


def floor_rate(disk: float, memory: float) -> float:
    """The least rate of creates: five to a commit at the disk's rate, or three quarters of the server's own."""
    return min(5 * disk, 0.75 * memory)


def disk_rate(folder: Path, seconds: float) -> float:
    """How often a second the file system makes a 16 KiB overwrite durable."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        handle = file.fileno()
        os.pwrite(handle, BLOCK, 0)
        os.fsync(handle)
        rounds, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds:
            os.pwrite(handle, BLOCK, 0)
            os.fdatasync(handle)
            rounds += 1
    return rounds / spent


def mistaken(answers: Sequence[Answer]) -> int:
    """How many answers are not a success with an id of their own."""
    ids = [match[1] for answer in answers if answer.status == 200 and (match := CONNECTION_ID.search(answer.body))]
    return len(answers) - len(set(ids))


@dataclass(slots=True)
class Creating:
    """Creates against one server: every run in a Region of its own, with VPCs that are made before it."""

    server: Server
    window_seconds: float
    count: int = 0
    wrong: int = 0
    last_rate: float = 0.0

    def warm_up(self) -> None:
        """See what one costs."""
        cost = self._run(WARM_REGION, WARM_COUNT).microseconds
        self.count = count_for(cost, self.window_seconds, MOST, LEAST)

    def __call__(self, number: int) -> float:
        """One run, in microseconds of the server's CPU time per request; its rate is kept beside."""
        window = self._run(REGIONS[number], self.count)
        self.wrong += mistaken(window.answers)
        self.last_rate = window.per_second
        return window.microseconds

    def _run(self, region: str, count: int) -> Window:
        pairs = list(seed.grid(self.server, region, count).pairs())[:count]
        return self.server.measure(seed.creates(self.server, region, pairs), CLIENTS)


def on_tmpfs(stack: ExitStack) -> Callable[[Path], Recipe]:
    """Our server with its file on tmpfs."""

    def recipe(_folder: Path) -> Recipe:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isthmus-bench-", dir=TMPFS_FOLDER)))
        data = folder / "data.db"
        made = ours.recipe(data, ours.account(data))
        return Recipe(TMPFS, made.command, made.environ, made.keys)

    return recipe


def run(arena: Arena) -> Outcome:
    """CPU and rate of every server, and the disk's rate, run by run beside each other."""
    with ExitStack() as stack:
        recipes = arena.contenders()
        if OURS in recipes:
            recipes[TMPFS] = on_tmpfs(stack)
        servers = stack.enter_context(arena.running(recipes))
        creating = {name: Creating(server, arena.options.window_seconds) for name, server in servers.items()}
        for each in creating.values():
            each.warm_up()
        rates: dict[str, list[float]] = {name: [] for name in (*creating, DISK)}

        def window(name: str) -> Callable[[int], float]:
            def measured(number: int) -> float:
                microseconds = creating[name](number)
                rates[name].append(creating[name].last_rate)
                return microseconds

            return measured

        def disk(_number: int) -> float:
            rates[DISK].append(disk_rate(arena.folder, arena.options.window_seconds))
            return rates[DISK][-1]

        both = arena.side_by_side({**{name: window(name) for name in creating}, DISK: disk}, MICROSECONDS)
    cpu = {name: figure for name, figure in both.items() if name != DISK}
    rate = {name: Figure(RATE, tuple(values)) for name, values in rates.items()}
    claims = [compare(target, cpu, OURS, peer) for peer, target in TARGETS.items()] + [rate_claim(rate)]
    notes = [f"{name}: {each.wrong:,} creates without an id of their own" for name, each in creating.items() if each.wrong]
    notes += [f"{name} keeps its connections in memory only" for name in (MOTO, MINISTACK) if name in cpu]
    return Outcome(NAME, {"CPU": cpu, "rate": rate}, claims, notes)


def rate_claim(rate: dict[str, Figure]) -> Claim:
    """Our rate over the least that is asked for."""
    if OURS not in rate or TMPFS not in rate:
        return Claim(RATE_TARGET, None, f"{OURS} did not run")
    least = floor_rate(rate[DISK].median, rate[TMPFS].median)
    return Claim(RATE_TARGET, rate[OURS].median / least, f"{rate[OURS].median:,.0f} of {least:,.0f} /s")
