"""From the database's log to a script for pgbench."""

import pytest

from bench.errors import NotReadyError
from bench.pgbench import Statement, recorded, script

LOG = """@7@ LOG:  execute i0: BEGIN ISOLATION LEVEL READ COMMITTED
@9@ LOG:  execute i4: SELECT 1 FROM somebody_else
@7@ LOG:  execute i1: 
	SELECT needs, nextval('row_seq')
	FROM isthmus_schema
	
@7@ LOG:  execute i2: SELECT 1 FROM vpc WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
@7@ DETAIL:  parameters: $1 = '{vpc-1,vpc-2}'
@9@ DETAIL:  parameters: $1 = 'nobody'
@7@ LOG:  execute i3: INSERT INTO peering (seq, id, a, b, c, d, e) VALUES ($1, $2, $3, $4, $5, $6, $7)
@7@ DETAIL:  parameters: $1 = '64', $2 = 'pcx-1', $3 = 'vpc-1', $4 = 'it''s, $2', $5 = NULL, $6 = '', $7 = 'it''s, $2'
@7@ LOG:  execute i5: COMMIT
@7@ LOG:  execute i6: SELECT 'the next unit'
"""  # noqa: W291, W293 - as the database writes it


def test_the_statements_of_one_session_are_read_with_their_parameters() -> None:
    assert recorded(LOG) == [
        Statement("BEGIN ISOLATION LEVEL READ COMMITTED"),
        Statement("SELECT needs, nextval('row_seq')\nFROM isthmus_schema"),
        Statement("SELECT 1 FROM vpc WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", ("{vpc-1,vpc-2}",)),
        Statement(
            "INSERT INTO peering (seq, id, a, b, c, d, e) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            ("64", "pcx-1", "vpc-1", "it's, $2", None, "", "it's, $2"),
        ),
        Statement("COMMIT"),
    ]


def test_a_log_without_a_create_is_no_recording() -> None:
    with pytest.raises(NotReadyError):
        recorded(LOG.replace("INTO peering ", "INTO tag "))


def test_what_names_the_new_connection_and_its_vpcs_varies_and_the_rest_stays() -> None:
    made = script(recorded(LOG), "vpc-1", "vpc-2")
    assert made.text.splitlines()[4:] == [
        "BEGIN ISOLATION LEVEL READ COMMITTED;",
        "SELECT needs, nextval('row_seq')",
        r"FROM isthmus_schema \gset got_",
        r"\set seq :got_nextval",
        "SELECT 1 FROM vpc WHERE id = ANY (ARRAY[:one, :other]) ORDER BY id FOR NO KEY UPDATE;",
        "INSERT INTO peering (seq, id, a, b, c, d, e) VALUES (:seq, :id, :one, :c0, NULL, '', :c0);",
        "COMMIT;",
    ]
    assert made.constants == {"c0": "it's, $2"}
