"""Opening a store: one writer per file, our own files only, forward migrations."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.store import migrate
from isthmus.store.api import SchemaError, StoreInUseError
from isthmus.store.sqlite import SqliteStore
from isthmus.store.sqlite_engine import APPLICATION_ID, WORDS
from tests.store.builders import opened, put_vpc, read, vpc, vpc_ids, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


def other_process(file: Path, then: str = "pass") -> subprocess.CompletedProcess[str]:
    """Open a file in another process, and do something there."""
    lines = [
        "import sys, os, pathlib",
        "from isthmus.store.sqlite import SqliteStore",
        "SqliteStore(pathlib.Path(sys.argv[1]))",
    ]
    code = "\n".join([*lines, then])
    return subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)


def rewritten(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_what_was_written_is_there_when_the_file_is_opened_again(file: Path) -> None:
    store = opened(file)
    write(store, put_vpc(1))
    installation = read(store, lambda unit: unit.installation)
    write(store, lambda unit: store.set_offset(unit, 5_000))
    store.close()
    again = opened(file)
    assert read(again, vpc_ids) == [vpc(1).id]
    assert read(again, lambda unit: (unit.installation, unit.now - unit.wall)) == (installation, 5_000)
    again.close()


def test_a_second_opener_is_refused_with_the_name_of_the_first(file: Path) -> None:
    first = SqliteStore(file, holder="the server at http://127.0.0.1:4510")
    with pytest.raises(StoreInUseError, match=rf"in use by the server at http://127.0.0.1:4510 \(process {os.getpid()}\)"):
        SqliteStore(file)
    first.close()
    SqliteStore(file).close()


def test_a_second_process_is_refused_under_any_name_of_the_file(file: Path) -> None:
    first = SqliteStore(file, holder="the first")
    alias = file.with_name("alias.db")
    alias.symlink_to(file)
    run = other_process(alias)
    first.close()
    assert "in use by the first" in run.stderr


def test_a_lock_outlives_neither_its_process_nor_a_failed_opening(file: Path) -> None:
    assert other_process(file, "os._exit(9)").returncode == 9
    SqliteStore(file).close()
    rewritten(file, "PRAGMA user_version = 999")
    for _ in range(2):
        with pytest.raises(SchemaError):
            SqliteStore(file)


def test_a_file_from_the_future_is_refused_and_left_alone(file: Path) -> None:
    opened(file).close()
    rewritten(file, "PRAGMA user_version = 999")
    before = file.read_bytes()
    with pytest.raises(SchemaError, match="schema version 999, but this Isthmus knows versions up to"):
        SqliteStore(file)
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(file: Path) -> None:
    rewritten(file, "CREATE TABLE theirs (a)")
    before = file.read_bytes()
    with pytest.raises(SchemaError, match="some other program"):
        SqliteStore(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"just some text, and quite a lot of it\n" * 50, b"short"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SchemaError, match=str(file)):
        SqliteStore(file)
    assert file.read_bytes() == content


def test_an_empty_file_becomes_a_store(file: Path) -> None:
    file.touch()
    store = opened(file)
    write(store, put_vpc(1))
    store.close()
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA user_version").fetchone() == (migrate.scripts()[-1][0],)
    connection.close()


def test_a_commit_is_synchronous(file: Path) -> None:
    store = opened(file)
    settings = {name: store._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}
    assert store._read_unit.engine.query("PRAGMA query_only") == [(1,)]
    store.close()


# --- migrations ---------------------------------------------------------------------------------------------------------


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrate.scripts()] == list(range(1, len(migrate.scripts()) + 1))


def test_a_store_gets_only_the_migrations_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "scripts", lambda: [(1, "a"), (2, "b"), (3, "c")])
    assert migrate.pending(0, "x") == [(1, "a"), (2, "b"), (3, "c")]
    assert migrate.pending(2, "x") == [(3, "c")]
    assert migrate.pending(3, "x") == []
    with pytest.raises(SchemaError):
        migrate.pending(4, "x")


def test_a_script_is_split_into_statements_with_the_engines_words() -> None:
    script = "-- a comment; with a semicolon\nCREATE TABLE a (seq {identity}); -- more\n\nCREATE INDEX b ON a (seq);\n"
    assert migrate.statements(script, {"identity": "SERIAL"}) == ["CREATE TABLE a (seq SERIAL)", "CREATE INDEX b ON a (seq)"]


def test_a_file_is_brought_forward_with_its_rows(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(file)
    write(store, put_vpc(1))
    store.close()
    newest = migrate.scripts()[-1][0]
    known = migrate.scripts()
    monkeypatch.setattr(migrate, "scripts", lambda: [*known, (newest + 1, "CREATE TABLE later (seq {identity});")])
    store = opened(file)
    assert read(store, vpc_ids) == [vpc(1).id]
    assert read(store, lambda unit: unit.engine.query("SELECT count(*) FROM later")) == [(0,)]
    assert store._writer.execute("PRAGMA user_version").fetchone() == (newest + 1,)
    store.close()


def test_a_migration_that_fails_leaves_the_file_at_its_version(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(file).close()
    known = migrate.scripts()
    bad = (known[-1][0] + 1, "CREATE TABLE later (a); CREATE TABLE vpc (a);")
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "scripts", lambda: [*known, bad])
        with pytest.raises(sqlite3.OperationalError, match="vpc already exists"):
            SqliteStore(file)
    store = opened(file)
    assert store._writer.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone() == (0,)
    store.close()


def test_every_word_that_differs_between_engines_is_known() -> None:
    for _, script in migrate.scripts():
        assert "{" not in ";".join(migrate.statements(script, WORDS))
