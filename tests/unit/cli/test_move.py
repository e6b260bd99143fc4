"""`isthmus export`, `import`, `backup` and `check` on files: words in, words out."""

import json
import resource
import shutil
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from isthmus.cli import progress
from isthmus.cli.root import root
from isthmus.store.sqlite import SqliteStore
from isthmus.store.sqlite_file import INVARIANTS
from tests.store.lively import lively


@pytest.fixture(scope="module")
def lively_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("lively") / "isthmus.db"
    lively(file)
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ISTHMUS_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def data(home: Path, lively_file: Path) -> Path:
    return Path(shutil.copy(lively_file, home / "isthmus.db"))


def run(*words: object, given: bytes = b"") -> Result:
    return CliRunner().invoke(root, [str(word) for word in words], input=given)


def refused(*words: object) -> str:
    done = run(*words)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    return done.stderr


def test_an_export_goes_into_a_private_file_and_from_there_into_a_new_store(data: Path, home: Path) -> None:
    state, new = home / "state.json", home / "new.db"
    done = run("export", state, "--data", data)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("Exported 2 accounts, 11 VPCs and 7 connections (")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    done = run("import", state, "--data", new)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("Imported 2 accounts, 11 VPCs and 7 connections (")
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert run("export", "-", "--data", new).stdout_bytes == state.read_bytes()


def test_a_pipe_carries_a_state_from_one_store_to_another(data: Path, home: Path) -> None:
    written = run("export", "-", "--data", data).stdout_bytes
    done = run("import", "-", "--data", home / "new.db", given=written)
    assert done.exit_code == 0, done.stderr
    assert run("export", "-", "--data", home / "new.db").stdout_bytes == written


def test_an_export_never_shows_secrets_at_a_terminal(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.cli import move

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr(move, "sys", type("Sys", (), {"stdout": Terminal}))
    assert "name a FILE" in refused("export", "-", "--data", data)


def test_an_export_never_writes_over_a_file(data: Path, home: Path) -> None:
    (home / "state.json").write_text("mine")
    assert "is there already. Choose another name" in refused("export", home / "state.json", "--data", data)
    assert (home / "state.json").read_text() == "mine"


def test_an_export_into_a_folder_that_is_not_there_is_told(data: Path, home: Path) -> None:
    assert "cannot be written: No such file" in refused("export", home / "no" / "state.json", "--data", data)


def test_a_full_store_is_replaced_only_if_that_is_said(data: Path, home: Path) -> None:
    state = home / "state.json"
    run("export", state, "--data", data)
    assert "--replace" in refused("import", state, "--data", data)
    assert run("import", state, "--replace", "--data", data).exit_code == 0


def test_a_store_that_somebody_has_open_is_exported_checked_and_copied_but_not_imported_into(data: Path, home: Path) -> None:
    store = SqliteStore(data, holder="the server at http://127.0.0.1:4510")
    assert run("export", home / "state.json", "--data", data).exit_code == 0
    assert run("check", "--data", data).exit_code == 0
    assert run("backup", home / "copy.db", "--data", data).exit_code == 0
    assert "in use by the server at" in refused("import", home / "state.json", "--replace", "--data", data)
    store.close()


@pytest.mark.parametrize("command", [["export", "-"], ["import", "state.json"], ["backup", "copy.db"], ["check"]])
def test_what_is_in_memory_cannot_be_moved(home: Path, command: list[str]) -> None:
    assert "Name a file with --data" in refused(*command, "--data", "memory")


@pytest.mark.parametrize(
    "command", [["export", "-"], ["import", "state.json", "--replace"], ["backup", "copy.db"], ["check"]]
)
def test_an_empty_word_is_not_the_default_file(data: Path, home: Path, command: list[str]) -> None:
    (home / "data" / "isthmus").mkdir(parents=True)
    data.rename(home / "data" / "isthmus" / "isthmus.db")
    assert "--data is empty" in refused(*command, "--data", "")


@pytest.mark.parametrize("command", [["export", "-"], ["backup", "copy.db"], ["check"]])
def test_a_file_that_is_not_there_is_told_and_not_made(home: Path, command: list[str]) -> None:
    assert f"There is no file {home}/none.db" in refused(*command, "--data", home / "none.db")
    assert not (home / "none.db").exists()


def test_an_import_of_nothing_says_how_to_make_something(home: Path) -> None:
    assert "`isthmus export FILE` writes one" in refused("import", home / "state.json", "--data", home / "new.db")
    (home / "state.json").write_text("{}\n")
    assert "no export of Isthmus" in refused("import", home / "state.json", "--data", home / "new.db")


@pytest.mark.parametrize("kept", [0, 0.1, 0.5, 0.99])
def test_a_refused_import_leaves_no_file_behind(data: Path, home: Path, kept: float) -> None:
    written = run("export", "-", "--data", data).stdout_bytes
    (home / "new").mkdir()
    assert "Export again" in refused_bytes(written[: int(len(written) * kept)], home / "new" / "new.db")
    assert list((home / "new").iterdir()) == []


def test_an_import_leaves_only_the_store_where_there_was_none(data: Path, home: Path) -> None:
    written = run("export", "-", "--data", data).stdout_bytes
    (home / "new").mkdir()
    done = run("import", "-", "--data", home / "new" / "new.db", given=written)
    assert done.exit_code == 0, done.stderr
    assert [file.name for file in (home / "new").iterdir()] == ["new.db"]


def refused_bytes(content: bytes, new: Path) -> str:
    done = run("import", "-", "--data", new, given=content)
    assert done.exit_code == 1
    return done.stderr


def test_a_disk_too_small_for_a_backup_is_a_sentence_and_leaves_no_file(data: Path, home: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))  # Python ignores the signal that comes with it
    try:
        told = refused("backup", home / "copy.db", "--data", data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "could not be copied" in told
    assert not [file for file in home.iterdir() if "copy.db" in file.name]


@pytest.mark.parametrize("command", [["export", "-"], ["backup", "copy.db"], ["check"]])
def test_a_folder_is_no_data(home: Path, command: list[str]) -> None:
    assert f"{home} is a folder" in refused(*command, "--data", home)


def test_a_backup_is_private_and_sound(data: Path, home: Path) -> None:
    done = run("backup", home / "copy.db", "--data", data)
    assert done.exit_code == 0, done.stderr
    assert "and verified it" in done.stderr
    assert stat.S_IMODE((home / "copy.db").stat().st_mode) == 0o600
    assert run("check", "--data", home / "copy.db").exit_code == 0


def test_a_backup_of_postgresql_is_left_to_its_own_tools(home: Path) -> None:
    told = refused("backup", home / "copy.db", "--data", "postgresql://localhost/isthmus")
    assert "pg_dump" in told
    assert "isthmus export" in told


def test_a_pipe_gets_every_claim_as_json(data: Path) -> None:
    done = run("check", "--data", data)
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert [each["invariant"] for each in told] == [claim.name for claim in INVARIANTS]
    assert all(each["holds"] and not each["broken"] for each in told)


def test_a_person_sees_a_table_and_what_is_broken(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.show.is_terminal", lambda: True)
    whole = run("check", "--data", data)
    assert whole.exit_code == 0
    assert "holds" in whole.stdout
    assert "broken" not in whole.stdout
    with closing(sqlite3.connect(data, isolation_level=None)) as connection:
        connection.execute("DELETE FROM route_table")
    done = run("check", "--data", data)
    assert done.exit_code == 1
    assert "broken 11 times" in " ".join(done.stdout.split())
    assert done.stdout.count("main-route-table: vpc-") == 11
    assert "go back to a backup" in done.stdout


def test_a_broken_store_has_exit_status_one_and_says_why_in_json(data: Path) -> None:
    with closing(sqlite3.connect(data, isolation_level=None)) as connection:
        connection.execute("DELETE FROM route_table")
    done = run("check", "--json", "--data", data)
    assert done.exit_code == 1
    (broken,) = [each for each in json.loads(done.stdout) if not each["holds"]]
    assert broken["invariant"] == "main-route-table"
    assert len(broken["broken"]) == 11


@pytest.mark.parametrize("command", ["export", "import", "backup", "check"])
def test_a_bar_is_drawn_only_where_a_person_looks(
    command: str, data: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("export", home / "state.json", "--data", data)
    words = {
        "export": ["export", home / "again.json", "--data", data],
        "import": ["import", home / "state.json", "--data", home / "new.db"],
        "backup": ["backup", home / "copy.db", "--data", data],
        "check": ["check", "--data", data],
    }[command]
    shown: list[tuple[str, int | None]] = []
    monkeypatch.setattr(progress, "is_watched", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    import rich.progress

    add_task = rich.progress.Progress.add_task

    def noted(self: rich.progress.Progress, what: str, *, total: int | None) -> rich.progress.TaskID:
        shown.append((what, total))
        return add_task(self, what, total=total)

    monkeypatch.setattr(rich.progress.Progress, "add_task", noted)
    assert run(*words).exit_code == 0
    ((_, total),) = shown
    assert total is not None
    assert total > 1


def test_who_reads_standard_error_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=answer: answer)
        assert progress.is_watched() is answer
