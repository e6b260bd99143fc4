"""A server that cannot start says why in one sentence, harms nothing, and starts once the fault is mended."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from botocore.exceptions import ClientError

from isthmus.store import migrate
from tests.faults.small_disk import SmallDisk
from tests.postgres import Cluster
from tests.running import isthmus, running
from tests.store.builders import wipe

PAGE = 4096


def sentence_of(folder: Path, data: str, before: list[str] | None = None) -> str:
    """What `isthmus serve` says as it refuses to start."""
    done = isthmus(folder, "serve", "--port=0", f"--data={data}", before=before or ())
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


# --- a file -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file with one VPC, whose server has stopped; and the VPC's id."""
    folder = tmp_path_factory.mktemp("made")
    with running(folder) as server:
        vpc = server.client().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        assert server.stop() == 0
    return folder / "d" / "isthmus.db", vpc


@pytest.fixture
def file(made: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copy(made[0], tmp_path / "isthmus.db"))


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 999")


def of_another_program(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA application_id = 1")


def without_its_first_page(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:16] + b"\xff" * (PAGE - 16) + content[PAGE:])


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 5 * PAGE + 100])


def without_the_page_of_its_state(file: Path) -> None:
    wipe(file, "server_state", b"\xaa")


FILES: dict[Callable[[Path], None], str] = {
    newer: f"schema version 999, but this Isthmus knows versions up to {migrate.newest()}. Use the newer Isthmus",
    of_another_program: "is a database of some other program. Choose another file with --data.",
    without_its_first_page: "cannot be read as a database",
    cut_short: "is damaged",
    without_the_page_of_its_state: "is damaged",
}


@pytest.mark.parametrize("spoil", FILES, ids=lambda spoil: spoil.__name__)
def test_a_file_that_cannot_be_used_is_a_sentence_and_stays_as_it_is(
    made: tuple[Path, str], file: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(file)
    before = file.read_bytes()
    said = sentence_of(file.parent, str(file))
    assert FILES[spoil] in said
    assert str(file) in said
    assert file.read_bytes() == before
    file.write_bytes(made[0].read_bytes())  # a good copy takes its place
    with running(file.parent, f"--data={file}") as server:
        assert [vpc["VpcId"] for vpc in server.client().describe_vpcs()["Vpcs"]] == [made[1]]


def test_damage_that_shows_later_ends_the_server_and_check_names_it(made: tuple[Path, str], file: Path) -> None:
    wipe(file, "vpc", b"\xaa")
    with running(file.parent, f"--data={file}") as server:
        with pytest.raises(ClientError, match="Unavailable"):
            server.client().describe_vpcs()
        assert server.process.wait(30) == 1
        assert f"{file} is damaged (database disk image is malformed). Isthmus stops, so that no answer lies." in server.said
        assert f"`isthmus check --data {file}`" in server.said
    checked = isthmus(file.parent, "check", "--data", str(file))
    assert checked.returncode == 1
    assert "malformed" in checked.stdout
    assert "Traceback" not in checked.stderr


@pytest.mark.extended
def test_a_read_only_disk_is_a_sentence_and_nothing_is_lost(made: tuple[Path, str], file: Path) -> None:
    disk = SmallDisk.at(file.parent / "disk", 4 << 20)
    data = Path(shutil.copy(file, disk.path))
    assert "Read-only file system. Choose another with --data." in sentence_of(
        file.parent, str(data), before=disk.before_read_only()
    )
    seen = isthmus(file.parent, "check", "--data", str(data), before=disk.before_read_only())
    assert seen.returncode == 0, seen.stderr  # looking takes no writing
    with running(file.parent, f"--data={data}") as server:
        assert [vpc["VpcId"] for vpc in server.client().describe_vpcs()["Vpcs"]] == [made[1]]


@pytest.mark.extended
@pytest.mark.parametrize("size", [4096, 32 << 10, 200 << 10])
def test_a_disk_without_room_is_a_sentence(tmp_path: Path, size: int) -> None:
    disk = SmallDisk.at(tmp_path / "disk", size)
    said = sentence_of(tmp_path, f"{disk.path}/isthmus.db", before=disk.before())
    assert f"There is no room for {disk.path}/isthmus.db on its disk" in said
    assert "--data" in said


# --- a database -------------------------------------------------------------------------------------------------------


def wrong_password(cluster: Cluster) -> str:
    return cluster.database().replace(cluster.clusters.password, "wrong-password")


def no_such_database(cluster: Cluster) -> str:
    return cluster.url("nowhere")


def nobody_listens(cluster: Cluster) -> str:
    return cluster.url().replace(f":{cluster.port}/", ":1/")


def with_foreign_tables(cluster: Cluster) -> str:
    url = cluster.database()
    cluster.sql_at(url, "CREATE TABLE theirs (a INTEGER)")
    return url


def with_a_newer_schema(cluster: Cluster) -> str:
    url = cluster.database()
    from isthmus.store.postgres import PostgresStore

    PostgresStore(url).close()
    cluster.sql_at(url, "UPDATE isthmus_schema SET version = 999, needs = 999")
    return url


def without_the_right_to_make_tables(cluster: Cluster) -> str:
    url = cluster.database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-password'")
    return url.replace(f"//isthmus:{cluster.clusters.password}@", "//guest:guest-password@")


DATABASES: dict[Callable[[Cluster], str], str] = {
    wrong_password: "password authentication failed",
    no_such_database: 'database "nowhere" does not exist',
    nobody_listens: "Connection refused",
    with_foreign_tables: "is a database of some other program. Name another with --data.",
    with_a_newer_schema: f"has schema version 999, but this Isthmus knows versions up to {migrate.newest()}",
    without_the_right_to_make_tables: "(CREATE DATABASE isthmus OWNER that_user), or name another with --data.",
}


@pytest.mark.extended
@pytest.mark.parametrize("spoil", DATABASES, ids=lambda spoil: spoil.__name__)
def test_a_database_that_cannot_be_used_is_a_sentence_without_its_password(
    postgres: Cluster, tmp_path: Path, spoil: Callable[[Cluster], str]
) -> None:
    url = spoil(postgres)
    said = sentence_of(tmp_path, url)
    assert DATABASES[spoil] in said
    assert "--data" in said
    assert "password@" not in said
    assert postgres.clusters.password not in said


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    cluster.stop()
    yield
    cluster.start()


@pytest.mark.extended
def test_a_database_that_is_down_at_the_start_is_a_sentence_and_afterwards_all_is_there(
    postgres: Cluster, tmp_path: Path
) -> None:
    cluster = postgres.clusters.new(fsync=False).start()
    url = cluster.database()
    with running(tmp_path, f"--data={url}") as server:
        made = server.client().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        assert server.stop() == 0
    with stopped(cluster):
        said = sentence_of(tmp_path, url)
        assert "See that PostgreSQL runs, takes writes and knows this user" in said
        assert "PGPASSFILE" in said
        assert "?." not in said, "the driver's own hint ends with a question"
    with running(tmp_path, f"--data={url}") as server:
        assert [vpc["VpcId"] for vpc in server.client().describe_vpcs()["Vpcs"]] == [made]
    cluster.kill()
