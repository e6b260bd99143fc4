"""A disk that is full refuses a unit with 503; nothing of the unit stays, and what is read is still served."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus.domain.errors import ApiError
from isthmus.domain.peering import Peering
from isthmus.store import disk, trouble
from isthmus.store.api import Kind, SchemaError
from isthmus.store.sqlite import SqliteStore
from isthmus.store.sqlite_engine import SqliteEngine
from isthmus.store.unit import Unit
from tests.store.builders import Work, end, opened, peering, put_vpc, read, served, vpc_ids, write, write_all


def test_a_full_disk_answers_unavailable_and_keeps_what_was_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "data.db") as store, asyncio.timeout(20):
            await store.run(Kind.WRITE, put_vpc(1))
            (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
            store._writer.execute(f"PRAGMA max_page_count = {pages}")
            answers = await write_all(store, *(put_vpc(number) for number in range(2, 400)))
            refused = [answer for answer in answers if isinstance(answer, ApiError)]
            assert refused
            assert {error.code for error in refused} == {"Unavailable"}
            kept = [answer.id for answer in answers if not isinstance(answer, BaseException)]
            assert sorted(await store.run(Kind.READ, vpc_ids)) == sorted(["vpc-" + f"{1:017x}", *kept])

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["SQLITE_IOERR_READ", "SQLITE_FULL", "SQLITE_BUSY", "SQLITE_READONLY_DBMOVED"])
def test_trouble_with_the_disk_is_not_taken_for_a_bug(name: str) -> None:
    told: list[sqlite3.DatabaseError] = []
    error = troubled(name)
    refusal = SqliteEngine(sqlite3.connect(":memory:"), told.append)._refusal(error)
    assert isinstance(refusal, ApiError)
    assert refusal.code == "Unavailable"
    assert told == [error]


def test_an_error_of_ours_stays_what_it_is() -> None:
    error = troubled("SQLITE_ERROR")
    told: list[sqlite3.DatabaseError] = []
    assert SqliteEngine(sqlite3.connect(":memory:"), told.append)._refusal(error) is error
    assert told == []


def troubled(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("trouble")
    error.sqlite_errorname = name
    return error


# --- what the operator hears ------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_so_is_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "data.db") as store, asyncio.timeout(20):
            await store.run(Kind.WRITE, put_vpc(1))
            (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
            for limit, calm in ((pages, 3_600.0), (1_000_000, 0.0)):
                monkeypatch.setattr(disk, "CALM_SECONDS", calm)
                store._writer.execute(f"PRAGMA max_page_count = {limit}")
                for first in (1_000, 2_000, 3_000):
                    await write_all(store, *(put_vpc(limit + first + number) for number in range(200)))

    asyncio.run(scenario())
    told = [record.message for record in caplog.records if record.levelname != "DEBUG"]
    assert len(told) == 2
    assert told[0].startswith(f"There is no room for {tmp_path}/data.db on its disk")
    assert "nothing is lost" in told[0]
    assert told[1] == f"{tmp_path}/data.db can be written again"


def test_a_commit_that_writes_nothing_is_no_sign_of_recovery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "CALM_SECONDS", 0.0)
    store = opened(tmp_path / "data.db")
    store._disk.troubled(troubled("SQLITE_FULL"))
    told = []
    for work in (vpc_ids, put_vpc(1)):
        write(store, work)
        store._disk.written()
        told.append(not store._disk.is_troubled)
    assert told == [False, True]
    store.close()


@pytest.mark.parametrize("name", ["SQLITE_CORRUPT", "SQLITE_CORRUPT_INDEX", "SQLITE_NOTADB"])
def test_a_damaged_file_ends_the_server_with_a_sentence_and_takes_no_more_writes(tmp_path: Path, name: str) -> None:
    async def scenario() -> list[str]:
        async with served(tmp_path / "data.db") as store, asyncio.timeout(20):
            said: list[str] = []
            store.on_fatal = said.append
            store._disk.troubled(troubled(name))
            store._disk.troubled(troubled(name))
            with pytest.raises(ApiError, match="Unavailable"):
                await store.run(Kind.WRITE, put_vpc(1))
            return said

    (sentence,) = asyncio.run(scenario())
    assert "go back to a backup" in sentence.lower()


@pytest.mark.parametrize("tell", [trouble.at_start, trouble.in_flight])
def test_every_trouble_has_a_sentence_that_names_the_file(tell: Callable[[sqlite3.DatabaseError, str], str]) -> None:
    for name in trouble.TROUBLES:
        assert "/srv/x.db" in tell(troubled(name), "/srv/x.db")
        assert "(trouble)" in tell(troubled(name), "/srv/x.db")
    assert tell(troubled("SQLITE_ERROR"), "x") == tell(sqlite3.ProgrammingError(), "x") == ""


def test_a_lock_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data.db.lock").mkdir()
    with pytest.raises(SchemaError, match=r"data.db.lock cannot be written: Is a directory. .* --data"):
        SqliteStore(tmp_path / "data.db")


def looks(unit: Unit) -> object:
    """Answer also where that fails, as the gateway does."""
    try:
        return unit.peerings.where(requester_vpc_id="vpc-0")
    except ApiError as error:
        return error.code


def asks_or_answers(number: int) -> Work:
    """A unit of work that asks for a connection; every seventh one only looks what there is, and answers for itself."""
    if number % 7 == 0:
        return looks
    return lambda unit: unit.peerings.put(peering(number, requester=end(number % 200), accepter=end(number % 200 + 1)))


def test_on_a_full_disk_what_was_answered_is_there_and_nothing_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path / "data.db") as store, asyncio.timeout(30):
            await store.run(Kind.WRITE, put_vpc(1))
            (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
            store._writer.execute(f"PRAGMA max_page_count = {pages + 6}")
            kept: set[str] = set()
            for first in range(1, 200, 40):
                answers = await write_all(store, *(asks_or_answers(first + each) for each in range(40)))
                kept |= {answer.id for answer in answers if isinstance(answer, Peering)}
            assert {row.id for row in read(store, lambda unit: unit.peerings.where())} == kept
            assert 0 < len(kept) < 150

    asyncio.run(scenario())
