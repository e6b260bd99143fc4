"""Several server processes on one store, which are stopped or killed and come back while clients use them."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.postgres import free_port
from tests.running import ISTHMUS, Running, running


class Fleet:
    """So many servers on one store. Each has a port of its own and comes back there."""

    def __init__(self, folder: Path, data: str, count: int, *options: str, program: Sequence[str] = ISTHMUS) -> None:
        self.folder, self.program = folder, program
        self.ports = [free_port() for _ in range(count)]
        self.options = (f"--data={data}", "--auth=open", "--log-format=none", *options)
        self._running: list[Running | None] = [None] * count
        self._stacks = [ExitStack() for _ in range(count)]

    def __enter__(self) -> Self:
        try:
            for number in range(len(self._running)):
                self.start(number)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for stack in self._stacks:
            stack.close()

    @property
    def up(self) -> list[Running]:
        """Those that are up."""
        return [each for each in list(self._running) if each]

    @property
    def urls(self) -> list[str]:
        """The addresses of those that are up."""
        return [each.url for each in self.up]

    def run(self, *words: str) -> Any:
        """Run a command against the first that is up; answers its JSON."""
        return next(each for each in self._running if each).run(*words)

    @property
    def said(self) -> str:
        """What all of them wrote to standard error, those that are gone too."""
        return "".join(log.read_text() for log in sorted(self.folder.glob("*/log-*")))

    def start(self, number: int) -> None:
        """Start one that does not run."""
        folder = self.folder / f"server-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        self._running[number] = self._stacks[number].enter_context(
            running(folder, *self.options, f"--port={self.ports[number]}", program=self.program)
        )

    def kill(self, number: int) -> None:
        """End one with -9."""
        self._running[number] = None
        self._stacks[number].close()

    def stop(self, number: int) -> None:
        """Ask one to stop; it answers what it has and ends well."""
        server, self._running[number] = self._running[number], None
        assert server is not None
        assert server.stop() == 0, server.said
        self._stacks[number].close()
