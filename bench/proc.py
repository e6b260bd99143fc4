"""What a process tree has used, as Linux tells it.

The CPU time of a live process is read from its own CPU clock, which counts in nanoseconds and includes threads that
have ended; `/proc/PID/stat` gives the same sum in ticks of 10 ms, and beside it the time of children that have ended
and been waited for.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of `/proc/PID/stat` that count CPU time, in ticks."""

    pid: int
    parent: int
    utime: int
    stime: int
    cutime: int
    cstime: int

    @property
    def own_ticks(self) -> int:
        """User and system time of the process itself, ended threads included."""
        return self.utime + self.stime

    @property
    def reaped_ticks(self) -> int:
        """User and system time of its children that have ended and been waited for, and of theirs."""
        return self.cutime + self.cstime


def parse_stat(text: str) -> Stat:
    """Read one line of `/proc/PID/stat`. The command's name may hold blanks and parentheses: the last `)` ends it."""
    opening, closing = text.index("("), text.rindex(")")
    rest = text[closing + 1 :].split()
    return Stat(int(text[:opening]), int(rest[1]), *(int(word) for word in rest[11:15]))


def parse_kib(text: str, name: str) -> int:
    """The value in KiB of the line `name:` of `/proc/PID/status`."""
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise ValueError(f"no {name} in the status")


def main_thread_seconds(pid: int) -> float:
    """CPU time of a process's first thread, which in our server runs the event loop and never waits for a disk."""
    return int((PROC / str(pid) / "task" / str(pid) / "schedstat").read_text().split()[0]) / 1e9


def family(root: int, stats: Iterable[Stat]) -> list[Stat]:
    """The process `root` and all that descend from it, each once."""
    children: dict[int, list[Stat]] = {}
    known: dict[int, Stat] = {}
    for stat in stats:
        known[stat.pid] = stat
        children.setdefault(stat.parent, []).append(stat)
    found = [known[root]] if root in known else []
    for member in found:  # grows while it is walked: breadth first
        found.extend(children.get(member.pid, ()))
    return found


def read_stats() -> list[Stat]:
    """Every process there is; one that ends while it is looked at is left out."""
    stats = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stats.append(parse_stat((entry / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return stats


def clock_of(pid: int) -> int:
    """The id of another process's CPU clock, as clock_getcpuclockid(3) makes it on Linux."""
    return (~pid << 3) | 2


def own_seconds(stat: Stat) -> float:
    """CPU time of one process, from its clock; from the ticks if it has just ended."""
    try:
        return time.clock_gettime(clock_of(stat.pid))
    except OSError:
        return stat.own_ticks / TICKS_PER_SECOND


def cpu_seconds(root: int) -> float:
    """CPU time of the process tree under `root` so far: ended threads and ended children included."""
    return sum(own_seconds(stat) + stat.reaped_ticks / TICKS_PER_SECOND for stat in family(root, read_stats()))


def resident_mib(root: int) -> float:
    """Resident memory (VmRSS) of the process tree under `root`, in MiB."""
    members = family(root, read_stats())
    return sum(parse_kib((PROC / str(stat.pid) / "status").read_text(), "VmRSS") for stat in members) / 1024
