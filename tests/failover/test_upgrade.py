"""An older and a newer release on one database: expand, then contract, as CONTRIBUTING has it, while clients are at work.

The releases differ in their migrations alone, which are those of the source and two that exist only here.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from isthmus.store import migrate
from tests.asking import CUT, Caller
from tests.postgres import Cluster
from tests.running import Running, isthmus, running

pytestmark = pytest.mark.extended

PROGRAM = (str(Path(__file__).with_name("serve_release.py")),)
OLDEST = migrate.newest()
EXPAND = "ALTER TABLE vpc ADD COLUMN note TEXT NOT NULL DEFAULT '';\nCREATE INDEX vpc_note ON vpc (note);\n"
CONTRACT = f"-- needs: {OLDEST + 1}\nDROP INDEX peering_view_hide;\n"
STEPS = {"expand": EXPAND, "contract": CONTRACT}
"""What each release's last migration does; the old release has neither."""
PLACE = ("111111111111", "us-east-1")
CLIENTS = 4
PATIENCE_SECONDS = 60.0


def release(folder: Path, *steps: str) -> dict[str, str]:
    """The environment of a release that has made these steps."""
    schema = folder / f"release-{len(steps)}"
    shutil.copytree(migrate.FOLDER, schema, dirs_exist_ok=True)
    for number, step in enumerate(steps, OLDEST + 1):
        (schema / f"{number:04d}_{step}.sql").write_text(STEPS[step])
    return {"SCHEMA": str(schema)}


@dataclass
class Client:
    """Changes and looks without a pause at one server, until that is gone."""

    server: Running
    enough: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    made: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def run(self) -> None:
        caller = Caller(self.server.url)
        try:
            while not self.stop.is_set():
                answer = caller.ask(*PLACE, "CreateVpc", CidrBlock="10.0.0.0/24")
                if answer.status == 200:
                    self.made.append(answer.first("vpcId"))
                    answer = caller.ask(*PLACE, "DescribeVpcs", VpcId__1=self.made[-1])
                if answer.status != 200:
                    self.refused.append(f"{answer.status} {answer.code}")
                if len(self.made) % 10 == 0:
                    self.enough.set()
        except CUT:
            self.refused.append("cut")
        finally:
            caller.close()

    def go_on(self) -> None:
        """Wait until more was made."""
        self.enough.clear()
        assert self.enough.wait(PATIENCE_SECONDS), self.refused


@contextmanager
def at_work(server: Running) -> Iterator[list[Client]]:
    some = [Client(server) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=each.run) for each in some]
    for thread in threads:
        thread.start()
    try:
        yield some
    finally:
        for each in some:
            each.stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


@dataclass
class Site:
    """Servers of several releases on one database, each with clients of its own."""

    folder: Path
    data: str
    stack: ExitStack

    def serve(self, *steps: str, workers: int = 1) -> tuple[Running, list[Client]]:
        folder = self.folder / f"server-{len(list(self.folder.glob('server-*')))}"
        options = (f"--data={self.data}", f"--workers={workers}", "--log-format=none", "--quota=vpcs_per_region=1000000")
        server = self.stack.enter_context(running(folder, *options, program=PROGRAM, **release(self.folder, *steps)))
        return server, self.stack.enter_context(at_work(server))


@pytest.fixture
def site(postgres: Cluster, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, postgres.database(), stack)


def versions(postgres: Cluster, site: Site) -> tuple[int, ...]:
    return tuple(map(int, postgres.sql_at(site.data, "SELECT version, needs FROM isthmus_schema").split("|")))


def test_servers_go_on_beside_a_newer_release_that_adds_something(postgres: Cluster, site: Site) -> None:
    _, older = site.serve()
    for each in older:
        each.go_on()
    _, newer = site.serve("expand")
    assert versions(postgres, site) == (OLDEST + 1, migrate.needed(OLDEST))
    for each in (*older, *newer):
        each.go_on()
    again, late = site.serve()  # an old server that starts only now finds nothing amiss either
    for each in late:
        each.go_on()
    made = {vpc for each in (*older, *newer, *late) for vpc in each.made}
    assert made <= set(postgres.sql_at(site.data, "SELECT id FROM vpc").split())
    assert [each.refused for each in (*older, *newer, *late)] == [[]] * 3 * CLIENTS
    assert again.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_stops_with_a_sentence_once_a_newer_release_took_away_what_it_needs(
    postgres: Cluster, site: Site, workers: int
) -> None:
    old, older = site.serve(workers=workers)
    new, newer = site.serve("expand", workers=workers)
    for each in (*older, *newer):
        each.go_on()
    _, newest = site.serve("expand", "contract")
    assert versions(postgres, site) == (OLDEST + 2, OLDEST + 1)
    assert old.process.wait(PATIENCE_SECONDS) == 1
    for each in (*newer, *newest):
        each.go_on()
    sentence = f"that takes schema {OLDEST + 1}, this one has {OLDEST}. Start the newer one here too."
    assert 1 <= old.said.count(sentence) <= workers
    assert new.process.poll() is None
    assert {refused for each in older for refused in each.refused} == {"503 Unavailable", "cut"}
    assert [each.refused for each in (*newer, *newest)] == [[]] * 2 * CLIENTS
    made = {vpc for each in (*older, *newer, *newest) for vpc in each.made}
    assert made <= set(postgres.sql_at(site.data, "SELECT id FROM vpc").split())


def test_a_server_that_is_too_old_does_not_start_and_says_what_to_use(site: Site) -> None:
    site.serve("expand", "contract")
    done = isthmus(site.folder, "serve", "--port=0", f"--data={site.data}")
    assert done.returncode == 1
    assert f"has schema version {OLDEST + 2}, but this Isthmus knows versions up to {OLDEST}" in done.stderr
