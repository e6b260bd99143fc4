"""What a scenario gets: the options of this run, servers that are stopped at its end, and measuring side by side."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench import ours, seed, servers
from bench.errors import NotReadyError
from bench.figures import Figure
from bench.load import Answer
from bench.servers import MINISTACK, MOTO, OURS, Recipe, Server, Window

WARM_UP = 32
# How many clients ask at a time, of every server alike: a server that is asked one thing at a time spends much of its
# CPU on falling asleep and waking up, which says little about what it does with a request.
CLIENTS = 16
MICROSECONDS = "us CPU/request"


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured, and of whom. `quick` makes all smaller: to see that it works, not to judge a target."""

    runs: int = 5
    quick: bool = False
    servers: tuple[str, ...] = (OURS, MOTO, MINISTACK)

    def size(self, full: int, quick: int) -> int:
        """A size of this run."""
        return quick if self.quick else full

    @property
    def window_seconds(self) -> float:
        """How much of a server's CPU time a run is to use: enough that a stray millisecond does not show."""
        return 0.15 if self.quick else 0.6


@dataclass(frozen=True, slots=True)
class Crowd:
    """A server with many connections in one Region."""

    server: Server
    region: str
    ids: tuple[str, ...]


def count_for(cpu_microseconds: float, window_seconds: float, most: int, least: int = 1) -> int:
    """How many requests fill a window, given what one costs."""
    return max(least, min(most, round(window_seconds * 1e6 / max(cpu_microseconds, 1.0))))


@dataclass(slots=True)
class Arena:
    """The servers of a run, and what could not be started."""

    options: Options
    folder: Path
    progress: Callable[[str], None]
    absent: dict[str, str] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _crowds: list[Server] | None = None
    _seeded: dict[tuple[str, int], Crowd] = field(default_factory=dict)
    _folders: int = 0

    def __enter__(self) -> Self:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def new_folder(self) -> Path:
        """An empty folder on the file system of the project."""
        self._folders += 1
        folder = self.folder / f"{self._folders:02}"
        folder.mkdir()
        return folder

    def open(self, name: str, recipe: Callable[[Path], Recipe], stack: ExitStack) -> list[Server]:
        """Start a server that `stack` stops; none, and a reason in `absent`, if it cannot be."""
        self.progress(f"starting {name}")
        folder = self.new_folder()
        try:
            server = servers.start(recipe(folder), folder)
        except NotReadyError as error:
            self.absent[name] = str(error)
            self.progress(f"{name} is left out: {error}")
            return []
        stack.callback(server.stop)
        return [server]

    @contextmanager
    def running(self, recipes: Mapping[str, Callable[[Path], Recipe]]) -> Iterator[dict[str, Server]]:
        """Start these servers, each in a folder of its own, and stop them at the end; who fails is left out."""
        with ExitStack() as stack:
            found: list[Server] = []
            for name, recipe in recipes.items():
                found += self.open(name, recipe, stack)
            yield {server.name: server for server in found}

    def contenders(self) -> dict[str, Callable[[Path], Recipe]]:
        """Ours and its peers, as far as this run measures them."""
        every: dict[str, Callable[[Path], Recipe]] = {
            OURS: ours.fresh,
            MOTO: lambda _folder: servers.moto(self.progress),
            MINISTACK: lambda _folder: servers.ministack(self.progress),
        }
        return {name: recipe for name, recipe in every.items() if name in self.options.servers}

    def crowds(self, connections: int, region: str) -> dict[str, Crowd]:
        """Ours and its peers with so many pending connections in this Region, kept for the scenarios that follow."""
        if self._crowds is None:
            self._crowds = list(self._stack.enter_context(self.running(self.contenders())).values())
        for server in self._crowds:
            if (server.name, connections) not in self._seeded:
                self.progress(f"seeding {server.name} with {connections:,} connections")
                ids = seed.connect(server, region, connections)
                self._seeded[server.name, connections] = Crowd(server, region, tuple(ids))
        return {server.name: self._seeded[server.name, connections] for server in self._crowds}

    def side_by_side(self, windows: Mapping[str, Callable[[int], float]], unit: str, turns: int = 1) -> dict[str, Figure]:
        """Run 1 of A, of B, of C, then run 2 of A, ...: what disturbs the machine disturbs all alike.

        With more `turns` a run is made of so many shorter ones, and what disturbs the machine for seconds only does too.
        """
        runs: dict[str, list[float]] = {name: [] for name in windows}
        for number in range(self.options.runs * turns):
            for name, window in windows.items():
                runs[name].append(window(number))
        figures = {name: Figure(unit, tuple(values)) for name, values in runs.items()}
        for name, figure in figures.items():
            self.progress(f"  {name}: {figure.median:,.0f} {figure.unit}")
        return figures


@dataclass(slots=True)
class Repeated:
    """A window that sends requests of one kind, as many as fill it, and counts the answers that are wrong."""

    server: Server
    requests: Callable[[int], Sequence[bytes]]
    wrong: Callable[[Sequence[Answer]], int]
    options: Options
    lanes: int = CLIENTS
    most: int = 4000
    asked: int = 0
    mistaken: int = 0
    _count: int = 0

    def __call__(self, _number: int) -> float:
        """One run, in microseconds of the server's CPU time per request."""
        if not self._count:
            warm = self.server.measure(self.requests(1), self.lanes)
            few = min(WARM_UP, count_for(warm.microseconds, 2.0, WARM_UP))
            warm = self.server.measure(self.requests(few), self.lanes)
            self._count = count_for(warm.microseconds, self.options.window_seconds, self.most)
        return self._checked(self.server.measure(self.requests(self._count), self.lanes)).microseconds

    def _checked(self, window: Window) -> Window:
        self.asked += len(window.answers)
        self.mistaken += self.wrong(window.answers)
        return window


def remarks(windows: Iterable[Repeated], words: str) -> list[str]:
    """What is to be said of wrong answers."""
    return [
        f"{window.server.name}: {window.mistaken:,} of {window.asked:,} answers {words}"
        for window in windows
        if window.mistaken
    ]


def settle(seconds: float) -> None:
    """Let a server be."""
    time.sleep(seconds)
