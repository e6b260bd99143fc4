"""Throw-away PostgreSQL clusters for tests: made, started, killed, replicated and promoted here, and removed at the end.

Nothing has to be prepared but Debian's package `postgresql` (or any other PostgreSQL with its programs). A cluster listens
on a port of the loopback with a random password; its data lies in memory where the machine offers that, or on the disk. As
root, everything of PostgreSQL runs as an account without rights, because it refuses root.

    def test_it(postgres: Cluster) -> None:
        url = postgres.database()      # "postgresql://...": an empty database, C locale, UTF-8
"""

import contextlib
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests.clients.installed import missing

PROGRAMS = ("initdb", "postgres", "pg_basebackup", "psql")
DEBIAN = Path("/usr/lib/postgresql")
MEMORY = Path("/dev/shm")
ACCOUNTS = ("postgres", "nobody")
SUPERUSER = "isthmus"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.01
# Below the ports that systems hand out to outgoing connections, so that a cluster that restarts finds its own port free.
PORTS = range(15000, 30000)
# What ends a session's clusters when the tests themselves are killed: it waits for their end of a pipe.
KEEPER = """
read -r _
for file in "$1"/*/data/postmaster.pid "$2"/*/data/postmaster.pid; do
    [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")"
done
sleep 2
rm -rf "$1" "$2"
"""


@cache
def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest of several; None where there is none.

    Debian keeps them off the PATH, in a folder for each version.
    """
    return next((folder for folder in _folders() if all((folder / name).is_file() for name in PROGRAMS)), None)


def required() -> Path:
    """The same folder; where there is none the test ends, skipped or failed."""
    return programs() or missing(
        "There is no PostgreSQL: its programs (Debian's package postgresql) are neither on the PATH nor in their place."
    )


def _folders() -> Iterator[Path]:
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run([pg_config, "--bindir"], check=False, capture_output=True, text=True).stdout.strip()
        yield Path(said)
    numbered = [folder for folder in DEBIAN.glob("*/bin") if folder.parent.name.isdigit()]
    yield from sorted(numbered, key=lambda folder: int(folder.parent.name), reverse=True)


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs PostgreSQL: ourselves, or somebody without rights in root's place."""

    uid: int
    gid: int

    @classmethod
    def found(cls) -> "Account":
        if os.geteuid():
            return cls(os.geteuid(), os.getegid())
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = next(known[name] for name in ACCOUNTS if name in known)
        return cls(entry.pw_uid, entry.pw_gid)

    def popen(self, words: list[str], output: int, folder: Path) -> "subprocess.Popen[bytes]":
        """Start a program as this account, in a session of its own, so that Ctrl-C in a terminal is ours alone."""
        root = not os.geteuid()
        return subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=_plain(),
            user=self.uid if root else None, group=self.gid if root else None, extra_groups=[] if root else None,
        )  # fmt: skip

    def run(self, words: list[str], folder: Path) -> None:
        """Run a program as this account to its end, which must be a good one."""
        with tempfile.TemporaryFile() as output:
            status = self.popen(words, output.fileno(), folder).wait(PATIENCE_SECONDS)
            output.seek(0)
            assert status == 0, output.read().decode(errors="replace")

    def folder(self, path: Path) -> Path:
        path.mkdir(mode=0o700)
        if not os.geteuid():
            os.chown(path, self.uid, self.gid)
        return path


def _plain() -> dict[str, str]:
    """The environment without settings of whoever runs the tests, who may use PostgreSQL too."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C", "TZ": "UTC"}


class Clusters:
    """What a test session has of PostgreSQL. `close` ends and removes it all; so does our own sudden death."""

    def __init__(self, bin_folder: Path) -> None:
        self.bin = bin_folder
        self.account = Account.found()
        self.password = secrets.token_urlsafe(16)
        self._made: list[Cluster] = []
        self._roots = {disk: self._root(disk=disk) for disk in (False, True)}
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", *map(str, self._roots.values())],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._template = self._initialised()

    def new(self, *, disk: bool = False, fsync: bool = True, settings: Mapping[str, str] | None = None) -> "Cluster":
        """A new cluster, not started. Its data lies in memory unless on `disk`; `settings` as in postgresql.conf."""
        cluster = self.empty({"fsync": "on" if fsync else "off", **(settings or {})}, disk=disk)
        self.account.run(["cp", "-a", str(self._template), str(cluster.data)], cluster.folder)
        return cluster

    def empty(self, settings: Mapping[str, str], *, disk: bool) -> "Cluster":
        """A place for a cluster whose files somebody else brings."""
        folder = self.account.folder(self._roots[disk] / f"cluster-{len(self._made)}")
        cluster = Cluster(self, folder, free_port(), settings, disk)
        self._made.append(cluster)
        return cluster

    def close(self) -> None:
        """Stop what runs and remove every file."""
        for cluster in self._made:
            cluster.kill()
        self._keeper.terminate()
        self._keeper.communicate()
        for root in self._roots.values():
            shutil.rmtree(root)

    def _root(self, *, disk: bool) -> Path:
        """A folder that the account can reach, which pytest's own are not for others."""
        in_memory = not disk and os.access(MEMORY, os.W_OK)
        root = Path(tempfile.mkdtemp(prefix="isthmus-postgres-", dir=MEMORY if in_memory else None))
        root.chmod(0o711)
        return root

    def _initialised(self) -> Path:
        """A cluster's files, made once in a session and copied from then on."""
        folder = self.account.folder(self._roots[False] / "template")
        given = folder / "password"
        given.write_text(self.password)
        given.chmod(0o644)  # its folder is the account's alone
        self.account.run(
            [
                str(self.bin / "initdb"), "--pgdata", str(folder / "files"), "--username", SUPERUSER, "--pwfile", str(given),
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
            ],
            folder,
        )  # fmt: skip
        return folder / "files"


@dataclass
class Cluster:
    """One PostgreSQL server with its data."""

    clusters: Clusters
    folder: Path
    port: int
    settings: Mapping[str, str]
    disk: bool
    process: "subprocess.Popen[bytes] | None" = None
    before: Sequence[str] = ()
    """Words of a program that makes a place for the server, gives root up and becomes it."""
    _databases: int = field(default=0, repr=False)
    _standbys: int = field(default=0, repr=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def said(self) -> str:
        """What the server wrote to its log so far."""
        return (self.folder / "log").read_text()

    # --- life ---

    def start(self) -> "Cluster":
        """Start it and wait until it takes connections."""
        fixed = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
        }
        words = [f"--{name}={value}" for name, value in {**fixed, **self.settings}.items()]
        with (self.folder / "log").open("ab") as log:
            command = [str(self.clusters.bin / "postgres"), "-D", str(self.data), *words]
            runner = Account(os.geteuid(), os.getegid()) if self.before else self.clusters.account
            self.process = runner.popen([*self.before, *command], log.fileno(), self.folder)
        self._wait("does not take connections", self._is_ready)
        return self

    def stop(self) -> None:
        """Stop it in order: connections are cut, everything is written."""
        self._end(signal.SIGINT)

    def restart(self) -> None:
        """Stop and start, at the same port."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End every process of it with -9, as the loss of a machine does. Does nothing if it does not run."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGSTOP)  # so that it starts nothing while its children are counted
        for pid in children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop every process of it where it stands, as if its machine hung: connections stay and nothing answers."""
        assert self.process is not None, "it was never started"
        for pid in (self.process.pid, *children(self.process.pid)):
            os.kill(pid, signal.SIGSTOP)

    def promote(self) -> None:
        """Make a standby the primary, and wait until it writes."""
        assert self.sql(f"SELECT pg_promote(true, {PATIENCE_SECONDS:.0f})") == "t", self.said

    def _end(self, number: int) -> None:
        assert self.process is not None, "it was never started"
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)

    def _is_ready(self) -> bool:
        """As pg_ctl knows it: the eighth line of the server's own file."""
        assert self.process is not None
        assert self.process.poll() is None, f"PostgreSQL did not start: {self.said}"
        with contextlib.suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"
        return False

    def _wait(self, otherwise: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < deadline, f"PostgreSQL {otherwise}: {self.said}"
            time.sleep(POLL_SECONDS)

    # --- databases ---

    def url(self, database: str = "postgres", *, also: "Cluster | None" = None) -> str:
        """The address of a database. With `also`, of whichever of two clusters takes writes."""
        hosts = [f"127.0.0.1:{each.port}" for each in (self, also) if each is not None]
        query = "?target_session_attrs=read-write" if also else ""
        return f"postgresql://{SUPERUSER}:{self.clusters.password}@{','.join(hosts)}/{database}{query}"

    def database(self, template: str = "template0", *, tablespace: str = "pg_default") -> str:
        """Make a database like the template, which nobody may be using; answers its address."""
        self._databases += 1
        name = f"isthmus_{self._databases}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} TABLESPACE {tablespace}")
        return self.url(name)

    def sql(self, text: str, database: str = "postgres") -> str:
        """What a statement answers, as psql prints it: a line per row, columns divided by `|`."""
        return self.sql_at(self.url(database), text)

    def sql_at(self, url: str, text: str) -> str:
        """The same for a whole address."""
        command = [str(self.clusters.bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=_plain(), timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    # --- replication ---

    def standby(self, synchronous_commit: str = "on") -> "Cluster":
        """Copy it to a standby, started, without which from now on no commit is answered.

        `synchronous_commit` says how far the standby must be: `on` has it on its disk, `remote_apply` shows it too. Once
        promoted, the standby waits for nobody.
        """
        self._standbys += 1
        name = f"standby_{self._standbys}"
        copy = self.clusters.empty(self.settings, disk=self.disk)
        source = f"{self.url('')}?application_name={name}"
        backup = [
            str(self.clusters.bin / "pg_basebackup"),
            "-D",
            str(copy.data),
            "-d",
            source,
            "-R",
            "-c",
            "fast",
            "-X",
            "stream",
        ]
        self.clusters.account.run([*backup, "--no-sync"], copy.folder)
        copy.start()
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.sql(f"ALTER SYSTEM SET synchronous_commit = '{synchronous_commit}'")
        self.sql("SELECT pg_reload_conf()")
        state = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{name}'"
        self._wait("has no synchronous standby", lambda: self.sql(state) == "sync")
        return copy


def free_port() -> int:
    """A port of the loopback where nobody listens."""
    draw = random.SystemRandom()
    while True:
        port = draw.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def children(parent: int) -> list[int]:
    """The processes that a process started. None where there is no /proc: they notice by themselves that it is gone."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, _, rest = stat.read_text().partition(" (")
            if rest.rpartition(") ")[2].split()[1] == str(
                parent
            ):  # a name may hold anything, so what follows is sought from the end
                found.append(int(pid))
    return found


# --- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """PostgreSQL for tests that need clusters of their own. Without its programs a skip, or a failure where required."""
    made = Clusters(required())
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def postgres(clusters: Clusters) -> Cluster:
    """A cluster that runs for the whole session, in memory. Take a `database()` for each test; leave the cluster running."""
    return clusters.new().start()
