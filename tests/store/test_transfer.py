"""Export and import: the whole state as one file, all or nothing, into this Isthmus and a newer one."""

import io
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain.errors import ApiError
from isthmus.store import importing, invariants, layout, migrate, sqlite_file, transfer
from isthmus.store.api import SchemaError, TransferError
from isthmus.store.importing import import_state
from isthmus.store.layout import FORMAT, Header, Reader, Writer
from isthmus.store.sqlite import SqliteStore
from isthmus.store.transfer import PARTS, Part
from isthmus.testing import InProcess
from tests.api.peerings import HERE, ONE, OTHER
from tests.store.builders import opened, put_vpc, read, wipe, write
from tests.store.lively import lively, settings


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("original") / "isthmus.db"
    lively(file)
    return file


@pytest.fixture(scope="module")
def exported(original: Path) -> bytes:
    return export_of(original)


def export_of(file: Path) -> bytes:
    out = io.BytesIO()
    with sqlite_file.snapshot(file) as engine:
        transfer.export(engine, out.write)
    return out.getvalue()


exported_once = cache(export_of)


def take_in(store: SqliteStore, content: bytes, *, replace: bool = False) -> dict[str, int]:
    return write(store, lambda unit: import_state(unit, io.BytesIO(content), replace=replace))


def imported(content: bytes, file: Path) -> Path:
    file.touch(0o600)
    store = opened(file)
    try:
        take_in(store, content)
    finally:
        store.close()
    return file


def refusal(content: bytes, file: Path) -> str:
    """Why an export is not taken; the store must then be as empty as before."""
    store = opened(file)
    with pytest.raises(TransferError) as error:
        take_in(store, content)
    assert read(store, lambda unit: transfer.count(unit.engine)) == 1, "something stayed"
    store.close()
    return str(error.value)


# --- the whole state --------------------------------------------------------------------------------------------------


def test_every_table_and_column_of_the_database_is_moved(original: Path) -> None:
    """Against the database's own catalogue: a table that comes with a later migration cannot be forgotten."""
    with sqlite_file.snapshot(original) as engine:
        names = [name for (name,) in engine.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: {row[1] for row in engine.query(f"PRAGMA table_info({name})")} for name in names}
    assert {part.name: set(part.columns) for part in PARTS} == columns


def test_parents_come_before_their_children(original: Path) -> None:
    order = [part.name for part in PARTS]
    with sqlite_file.snapshot(original) as engine:
        for child in order:
            for row in engine.query(f"PRAGMA foreign_key_list({child})"):
                assert order.index(row[2]) < order.index(child)


def test_an_import_exports_the_same_bytes(exported: bytes, tmp_path: Path) -> None:
    assert export_of(imported(exported, tmp_path / "new.db")) == exported


def test_an_imported_store_breaks_no_invariant(exported: bytes, tmp_path: Path) -> None:
    with sqlite_file.snapshot(imported(exported, tmp_path / "new.db")) as engine:
        assert [found.broken for found in invariants.check(engine, sqlite_file.INVARIANTS) if found.broken] == []


DESCRIBES: list[Callable[[Any], Any]] = [
    lambda ec2: ec2.describe_vpcs()["Vpcs"],
    lambda ec2: ec2.describe_vpc_peering_connections()["VpcPeeringConnections"],
    lambda ec2: ec2.describe_tags()["Tags"],
    lambda ec2: ec2.describe_route_tables()["RouteTables"],
    lambda ec2: ec2.describe_security_groups()["SecurityGroups"],
    lambda ec2: ec2.describe_network_acls()["NetworkAcls"],
    lambda ec2: ec2.describe_dhcp_options()["DhcpOptions"],
]


def test_an_imported_store_answers_as_the_old_one_and_goes_on_with_its_pages(tmp_path: Path) -> None:
    clock = lively(tmp_path / "old.db")
    content = export_of(tmp_path / "old.db")
    with InProcess(settings(tmp_path / "old.db"), clock=clock) as old:
        ec2 = old.client(ONE, HERE)
        answers = [[ask(old.client(account, HERE)) for ask in DESCRIBES] for account in (ONE, OTHER)]
        first = ec2.describe_vpcs(MaxResults=5)
        rest = ec2.describe_vpcs(MaxResults=5, NextToken=first["NextToken"])["Vpcs"]
    imported(content, tmp_path / "new.db")
    with InProcess(settings(tmp_path / "new.db"), clock=clock) as new:
        assert [[ask(new.client(account, HERE)) for ask in DESCRIBES] for account in (ONE, OTHER)] == answers
        again = new.client(ONE, HERE).describe_vpcs(MaxResults=5, NextToken=first["NextToken"])["Vpcs"]
        assert again == rest != []


def test_an_export_is_one_json_document(exported: bytes) -> None:
    content = json.loads(exported)
    assert content["isthmus"]["format"] == FORMAT
    assert list(content) == ["isthmus", *(part.name for part in PARTS), "end"]
    accounts = [dict(zip(content["account"]["columns"], row, strict=True)) for row in content["account"]["rows"]]
    assert [each["name"] for each in accounts] == ["alice", "büro ☎"]
    assert content["end"]["rows"] == {
        name: len(part["rows"]) for name, part in content.items() if "rows" in part and name != "end"
    }


def test_a_table_of_many_pages_comes_whole_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lively(tmp_path / "old.db")
    whole = export_of(tmp_path / "old.db")
    for size in (1, 2, 3):
        monkeypatch.setattr(transfer, "PAGE", size)
        assert export_of(tmp_path / "old.db") == whole


def test_progress_hears_of_every_row(original: Path) -> None:
    told: list[int] = []
    with sqlite_file.snapshot(original) as engine:
        rows = transfer.export(engine, lambda _: None, told.append)
        assert sum(told) == sum(rows.values()) == transfer.count(engine)


# --- room -------------------------------------------------------------------------------------------------------------


def test_a_store_that_holds_something_is_not_written_over(exported: bytes, tmp_path: Path) -> None:
    store = opened(tmp_path / "new.db")
    write(store, put_vpc(1))
    with pytest.raises(TransferError, match=r"not empty: it has rows in vpc.*--replace"):
        take_in(store, exported)
    assert read(store, lambda unit: [row.id for row in unit.vpcs.where()]) == ["vpc-00000000000000001"]
    store.close()


def test_replacing_loses_what_was_there_and_nothing_else(exported: bytes, tmp_path: Path) -> None:
    lively(tmp_path / "new.db")
    store = opened(tmp_path / "new.db")
    write(store, put_vpc(1))
    take_in(store, exported, replace=True)
    store.close()
    assert export_of(tmp_path / "new.db") == exported


def test_an_import_that_fails_at_its_end_replaces_nothing(exported: bytes, tmp_path: Path) -> None:
    store = opened(tmp_path / "new.db")
    write(store, put_vpc(1))
    with pytest.raises(TransferError):
        take_in(store, exported[:-10] + b"\n", replace=True)
    assert read(store, lambda unit: [row.id for row in unit.vpcs.where()]) == ["vpc-00000000000000001"]
    store.close()


def test_a_full_disk_is_told_as_such(exported: bytes, tmp_path: Path) -> None:
    store = opened(tmp_path / "new.db")
    ((pages,),) = read(store, lambda unit: unit.engine.query("PRAGMA page_count"))
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ApiError) as error:
        take_in(store, exported)
    assert error.value.code == "Unavailable"
    store.close()


# --- files that are not whole -----------------------------------------------------------------------------------------


def test_a_file_that_was_cut_anywhere_is_refused(exported: bytes, tmp_path: Path) -> None:
    lines = exported.splitlines(keepends=True)
    assert "ends too early" in refusal(b"", tmp_path / "new.db")
    for kept in range(1, len(lines), 17):
        assert "ends too early" in refusal(b"".join(lines[:kept]), tmp_path / "new.db")
    for kept in range(len(exported) - len(lines[-1]), len(exported), 20):
        assert "ends too early" in refusal(exported[:kept], tmp_path / "new.db")
    assert "ends too early" in refusal(exported[:-1], tmp_path / "new.db")


@given(at=st.integers(0, 1_000_000), bits=st.integers(1, 255))
def test_a_file_that_was_changed_anywhere_is_refused(original: Path, at: int, bits: int) -> None:
    exported = exported_once(original)
    at %= len(exported)
    changed = exported[:at] + bytes([exported[at] ^ bits]) + exported[at + 1 :]
    store = opened(None)
    with pytest.raises(TransferError):
        take_in(store, changed)
    store.close()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'{"isthmus"', b'{"else"', "no export of Isthmus"),
        (b'"columns":["id","name"', b'"columns":["id","nom"', "no table account with these columns"),
        (b'"account":{', b'"accounts":{', "no table accounts with these columns"),
        (b'"tag":{', b'"vpc":{', "the table vpc comes twice"),
        (b'"alice",', b'"alice",7,', "too many values or too few"),
        (b'"alice",', b'["alice"],', "no row of the table account"),
        (b'"alice",', b"null,", "does not take a row of the table account"),
        (b'"active"', b'"actual"', "does not take a row of the table peering"),
        (b"]},\n", b"]}\n", "no row of the table"),
        (b'"end":', b'"ende":', "a table should begin here"),
        (b'"sha256":"', b'"sha256":7"', "the end cannot be read"),
        (b'"rows":{"server_state":1,', b'"rows":{"server_state":2,', "counts or its checksum"),
    ],
)
def test_a_file_that_nobody_wrote_is_refused_with_the_line(
    exported: bytes, tmp_path: Path, old: bytes, new: bytes, why: str
) -> None:
    assert old in exported
    assert why in refusal(exported.replace(old, new, 1), tmp_path / "new.db")


def test_what_follows_the_end_is_refused(exported: bytes, tmp_path: Path) -> None:
    assert "changed" in refusal(exported + b"\n", tmp_path / "new.db")


def test_a_document_that_was_reformatted_is_refused_with_a_sentence(exported: bytes, tmp_path: Path) -> None:
    assert "no export of Isthmus" in refusal(json.dumps(json.loads(exported), indent=1).encode() + b"\n", tmp_path / "n.db")


def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Endless(io.RawIOBase):
        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            asked.append(size)
            return b"x" * 10

    with pytest.raises(TransferError):
        Reader(Endless())  # type: ignore[arg-type]  # what it needs of a file
    assert asked == [layout.LONGEST_LINE]


def test_a_table_that_is_missing_is_named(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PARTS", [part for part in PARTS if part.name != "tag"])
    content = export_of(original)
    monkeypatch.undo()
    assert "lacks the tables tag" in refusal(content, tmp_path / "new.db")


def test_a_file_without_a_state_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    writer = Writer(out.write, Header(FORMAT, transfer.newest_schema()))
    for part in PARTS:
        writer.part(part.name, part.columns, [])
    writer.end()
    assert "0 rows in server_state" in refusal(out.getvalue(), tmp_path / "new.db")


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [Header(FORMAT + 1, 1, "9.0"), Header(FORMAT, 9_999, "9.0")])
def test_an_export_of_a_newer_isthmus_is_refused_with_a_sentence(tmp_path: Path, header: Header) -> None:
    out = io.BytesIO()
    Writer(out.write, header).end()
    assert "written by a newer Isthmus (9.0" in refusal(out.getvalue(), tmp_path / "new.db")


LATER = """
ALTER TABLE vpc ADD COLUMN nickname TEXT NOT NULL DEFAULT 'none';
UPDATE vpc SET nickname = 'vpc of ' || account;
CREATE TABLE region_seen (seq {identity}, region TEXT NOT NULL UNIQUE);
INSERT INTO region_seen (region) SELECT DISTINCT region FROM vpc ORDER BY region;
"""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer Isthmus, which has one more migration, with a column and a table that are made of what was there."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder)
    (folder / f"{transfer.newest_schema() + 1:04d}_later.sql").write_text(LATER)
    parts = [Part(part.name, (*part.columns, "nickname")) if part.name == "vpc" else part for part in PARTS]
    parts.append(Part("region_seen", ("seq", "region")))
    monkeypatch.setattr(migrate, "FOLDER", folder)
    monkeypatch.setattr(transfer, "PARTS", parts)
    monkeypatch.setattr(importing, "PARTS", parts)


def test_an_export_of_an_older_isthmus_is_brought_up_to_date_as_its_store_would_be(
    original: Path, exported: bytes, tmp_path: Path, later: None
) -> None:
    upgraded = Path(shutil.copy(original, tmp_path / "old.db"))
    opened(upgraded).close()
    with sqlite_file.snapshot(imported(exported, tmp_path / "new.db")) as engine:
        assert engine.query("SELECT region FROM region_seen ORDER BY seq") == [("eu-west-1",), ("us-east-1",)]
        assert engine.query("SELECT DISTINCT nickname FROM vpc ORDER BY 1") == [(f"vpc of {ONE}",), (f"vpc of {OTHER}",)]
    assert export_of(tmp_path / "new.db") == export_of(upgraded)


def test_a_file_of_an_older_schema_is_not_changed_by_looking_at_it(original: Path, tmp_path: Path, later: None) -> None:
    old = Path(shutil.copy(original, tmp_path / "old.db"))
    before = old.read_bytes()
    with pytest.raises(SchemaError, match="written by an older Isthmus"):
        export_of(old)
    assert old.read_bytes() == before


# --- a SQLite file ----------------------------------------------------------------------------------------------------


def test_an_export_shows_one_moment_while_a_server_goes_on(original: Path, exported: bytes, tmp_path: Path) -> None:
    file = Path(shutil.copy(original, tmp_path / "isthmus.db"))
    store = opened(file)
    lines: list[bytes] = []

    def slowly(line: bytes) -> None:
        lines.append(line)
        write(store, put_vpc(1_000 + len(lines)))

    with sqlite_file.snapshot(file) as engine:
        transfer.export(engine, slowly)
    assert b"".join(lines) == exported
    assert read(store, lambda unit: unit.vpcs.count()) > len(lines)
    store.close()


def test_a_backup_is_the_state_at_its_beginning_while_a_server_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, copy = tmp_path / "isthmus.db", tmp_path / "copy.db"
    lively(file)
    before = export_of(file)
    monkeypatch.setattr(sqlite_file, "PAGES_PER_STEP", 8)
    store = opened(file)
    steps: list[int] = []

    def meanwhile(done: int) -> None:
        steps.append(done)
        write(store, put_vpc(1_000 + len(steps)))

    sqlite_file.backup(file, copy, meanwhile)
    assert steps == sorted(steps)
    assert len(steps) > 5, "the copy was made in one go, or began again and again"
    assert read(store, lambda unit: unit.vpcs.count()) > len(steps)
    store.close()
    assert export_of(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir() if "copy" in path.name} <= {"copy.db", "copy.db-wal", "copy.db-shm"}


def test_a_backup_serves(original: Path, tmp_path: Path) -> None:
    sqlite_file.backup(original, tmp_path / "copy.db")
    assert {path.name for path in tmp_path.iterdir()} == {"copy.db"}, "a copy is one file"
    with InProcess(settings(tmp_path / "copy.db")) as server:
        assert server.client(ONE, HERE).describe_vpcs()["Vpcs"]


def test_a_backup_never_writes_over_a_file(original: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    with pytest.raises(TransferError, match="is there already"):
        sqlite_file.backup(original, copy)
    assert copy.read_text() == "mine"


def test_a_file_that_came_to_be_meanwhile_is_not_written_over(original: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"

    def somebody_writes(_: int) -> None:
        copy.write_text("mine")

    with pytest.raises(TransferError, match="has come to be meanwhile"):
        sqlite_file.backup(original, copy, somebody_writes)
    assert copy.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [copy]


def test_a_backup_of_a_broken_store_is_made_and_told(original: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(original, tmp_path / "isthmus.db"))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM route_table")
    with pytest.raises(TransferError, match=r"as broken as .*main-route-table"):
        sqlite_file.backup(file, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").exists()


def damaged(original: Path, file: Path, table: str) -> Path:
    """A copy of a file in which the first page of a table is wiped."""
    shutil.copy(original, file)
    wipe(file, table)
    return file


def test_a_backup_of_a_damaged_file_names_the_files_that_were_given(original: Path, tmp_path: Path) -> None:
    file, copy = damaged(original, tmp_path / "isthmus.db", "journal"), tmp_path / "copy.db"
    with pytest.raises(TransferError) as caught:
        sqlite_file.backup(file, copy)
    said = str(caught.value)
    assert said.startswith(f"{copy} is written, and is as broken as {file} is: file, ")
    assert f"{copy} is damaged (" in said
    assert f".{copy.name}." not in said, "the name that the copy had while it was made"


def test_a_file_without_a_readable_state_row_is_told_as_damaged(original: Path, tmp_path: Path) -> None:
    file = damaged(original, tmp_path / "isthmus.db", "server_state")
    with pytest.raises(TransferError, match=rf"^{file} is damaged \("):
        export_of(file)


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "holds no state of Isthmus yet"), (b"text" * 400, "cannot be read as a")]
)
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "isthmus.db"
    file.write_bytes(content)
    with pytest.raises(SchemaError, match=why):
        export_of(file)
    assert file.read_bytes() == content


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="There is no file"):
        export_of(tmp_path / "isthmus.db")
    assert list(tmp_path.iterdir()) == []


def test_what_appears_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with sqlite_file.appearing(tmp_path / "state.json") as path:
            path.write_text("half of")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with sqlite_file.appearing(tmp_path / "state.json") as path:
        path.write_text("whole")
    assert (tmp_path / "state.json").read_text() == "whole"


def test_a_snapshot_reads_only(original: Path) -> None:
    with sqlite_file.snapshot(original) as engine, pytest.raises(TransferError, match="cannot be written"):
        engine.execute("DELETE FROM tag")


def test_new_rows_are_numbered_after_those_that_came(exported: bytes, tmp_path: Path) -> None:
    store = opened(imported(exported, tmp_path / "new.db"))
    last = read(store, lambda unit: max(row.seq for row in unit.vpcs.where()))
    assert write(store, put_vpc(1_000)).seq > last
    store.close()


NOBODY = 65534


@pytest.fixture
def read_only(original: Path) -> Iterator[Path]:
    """A store in a folder in which this process can write nothing."""
    folder = Path(tempfile.mkdtemp())
    file = Path(shutil.copy(original, folder / "isthmus.db"))
    file.chmod(0o444)
    folder.chmod(0o555)
    if is_root := os.geteuid() == 0:
        os.seteuid(NOBODY)
    yield file
    if is_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_copy_beside_which_nothing_can_be_written_is_read_all_the_same(exported: bytes, read_only: Path) -> None:
    assert export_of(read_only) == exported


def test_a_file_that_cannot_be_read_is_told(read_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(TransferError, match="as the server's user"):
        export_of(read_only)
