"""Where statements stand in a policy's text."""

import json

import pytest

from isthmus.policy import positions

ONE, TWO = (
    {"Effect": "Allow", "Action": "ec2:*", "Resource": ["{", "]}"]},
    {"Effect": "Deny", "NotAction": "*", "Resource": "*"},
)
DOCUMENT = {"Version": "2012-10-17", "Statement": [ONE, TWO], "Id": 'a "Statement": b'}


def cut(text: str, span: tuple[positions.Position, positions.Position]) -> object:
    """What stands between two places."""
    begin, end = (sum(map(len, text.splitlines(keepends=True)[: at.line - 1])) + at.column - 1 for at in span)
    return json.loads(text[begin:end])


@pytest.mark.rule("I196a")
@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", " : "), (" ,\r\n ", ": ")])
def test_a_statement_stands_where_it_was_written(indent: int | str | None, separators: tuple[str, str]) -> None:
    text = json.dumps(DOCUMENT, indent=indent, separators=separators)
    assert [cut(text, span) for span in positions.statements(text)] == [ONE, TWO]


@pytest.mark.rule("I196a")
def test_a_lone_statement_needs_no_list() -> None:
    text = json.dumps({"Id": "x", "Statement": ONE})
    assert [cut(text, span) for span in positions.statements(text)] == [ONE]


@pytest.mark.rule("I196a")
def test_lines_and_columns_count_from_one_and_the_end_is_behind_the_brace() -> None:
    assert positions.statements('{"Statement":{}}') == (((1, 14), (1, 16)),)
    assert positions.statements('{\n "Statement": [\n  {}\n ]\n}') == (((3, 3), (3, 5)),)
    assert positions.statements('\n{"Statement":{}}') == (((2, 14), (2, 16)),)
