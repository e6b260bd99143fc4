"""A disk that is full refuses a unit with 503; nothing of the unit stays, and what is read is still served."""

import asyncio
from pathlib import Path

import pytest

from isthmus.domain.errors import ApiError
from isthmus.store.api import Kind
from tests.store.builders import put_vpc, served, vpc_ids, write_all


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


@pytest.mark.parametrize("name", ["SQLITE_IOERR_READ", "SQLITE_FULL", "SQLITE_BUSY"])
def test_trouble_with_the_disk_is_not_taken_for_a_bug(name: str) -> None:
    import sqlite3

    from isthmus.store.sqlite_engine import refusal

    error = sqlite3.OperationalError("trouble")
    error.sqlite_errorname = name
    meant = refusal(error)
    assert isinstance(meant, ApiError)
    assert meant.code == "Unavailable"
