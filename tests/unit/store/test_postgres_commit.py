"""What a unit on PostgreSQL is told of its COMMIT: yes, no, or that nobody knows."""

from typing import Any, cast

import psycopg
import pytest
from psycopg import errors as refusals

from isthmus.domain.errors import ApiError, Conflict
from isthmus.store.pipeline import LostError
from isthmus.store.postgres_engine import PostgresEngine


class Refusing:
    """A connection whose COMMIT fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send(self, sql: str) -> str:
        return sql

    def collect(self, _: str) -> Any:
        raise self._error


def outcome(error: Exception) -> Exception:
    engine = PostgresEngine()
    engine.link = cast("Any", Refusing(error))
    with pytest.raises((ApiError, Conflict, psycopg.Error)) as caught:
        engine.commit()
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        LostError("cut"),
        refusals.AdminShutdown("terminating connection"),
        refusals.ConnectionFailure("said by a proxy"),
        refusals.TransactionResolutionUnknown("said by a proxy"),
    ],
)
def test_a_commit_that_may_have_been_done_is_never_run_again(error: Exception) -> None:
    told = outcome(error)
    assert isinstance(told, ApiError)
    assert told.code == "Unavailable"


@pytest.mark.parametrize("error", [refusals.SerializationFailure("race"), refusals.DeadlockDetected("race")])
def test_a_commit_that_lost_a_race_was_not_done_and_may_run_again(error: Exception) -> None:
    assert isinstance(outcome(error), Conflict)
