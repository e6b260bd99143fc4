import ast
from pathlib import Path

import pytest

from isthmus.actions import registry
from isthmus.domain import errors, ids, peering, quotas
from tools import reference
from tools.reference import PAGES, attribute_docstrings, kind_of_setting, main, sentence, table


def rows(page: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line.startswith("| ")]


def first_cells(page: str) -> set[str]:
    return {row[0] for row in rows(page)}


def test_every_action_is_on_its_page_with_its_kind() -> None:
    page = reference.actions_page()
    for service in reference.SERVICES:
        for name in registry.collect(service):
            kind = registry.kind_of(name).value
            assert f"| [{name}](#{name.lower()}) | {kind} |" in page
            assert f"\n### {name}\n" in page


def test_parameters_stand_as_they_are_sent() -> None:
    section = reference.actions_page().partition("### DescribeVpcPeeringConnections\n")[2].partition("\n### ")[0]
    assert {row[0] for row in rows(section)} >= {"`VpcPeeringConnectionId.N`", "`Filter.N.Name`", "`Filter.N.Value.N`"}
    assert "`DryRun`" not in section


def test_what_must_be_sent_is_marked() -> None:
    section = reference.actions_page().partition("### DescribeVpcAttribute\n")[2].partition("\n### ")[0]
    assert ["`VpcId`", "text", "required"] in rows(section)


def test_filters_and_page_sizes_are_named() -> None:
    section = reference.actions_page().partition("### DescribeVpcPeeringConnections\n")[2].partition("\n### ")[0]
    assert "`status-code`" in section.partition("Filters: ")[2]
    assert "`MaxResults`: 5 to 1000." in section


def test_every_worded_error_is_on_its_page() -> None:
    page = reference.errors_page()
    codes = {code for code, _ in (*errors.WORDING.values(), *errors.OVER_QUOTA.values())}
    assert {code for code in codes if f"`{code}`" not in page} == set()
    assert {kind for kind in ids.KINDS if kind not in first_cells(page)} == set()


def test_an_inferred_wording_is_marked() -> None:
    words = reference.errors_page().partition("## Quotas")[0]
    marks = {row[2]: row[-1] for row in rows(words)}
    assert marks["Duplicate tag key '{key}' specified."] == "inferred"
    assert marks["Request has expired."] == ""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('errors.ApiError("Blocked", "Go away.")', ("Blocked", "Go away.")),
        ('errors.operation_not_permitted(f"User {account} may not")', ("OperationNotPermitted", "User {account} may not")),
        ('errors.operation_not_permitted("User " "may not")', ("OperationNotPermitted", "User may not")),
        ("errors.operation_not_permitted(SENTENCE)", None),
        ('errors.not_found("vpc", "vpc-1")', None),
        ("ApiError(code, text)", None),
    ],
)
def test_words_are_found_where_they_are_raised(source: str, found: tuple[str, str] | None) -> None:
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert reference.worded(call, dict(reference._free_constructors())) == found


def test_words_of_single_rules_are_on_the_page() -> None:
    single = reference.errors_page().partition("## Words of single rules")[2].partition("\n## ")[0]
    assert ["`OperationNotPermitted`", "User {account} cannot delete peering {id}", "`domain.peering`"] in rows(single)
    assert "`MalformedQueryString`" in first_cells(single)


def test_every_quota_has_both_numbers() -> None:
    by_name = {row[0]: row[2:4] for row in rows(reference.quotas_page())}
    for name in quotas.ABOUT:
        numbers = [str(getattr(numbers, name)) for numbers in (quotas.DOCUMENTED, quotas.DEFAULT)]
        assert by_name[f"`{name}`"] == numbers


def test_the_diagram_has_every_transition_and_no_other() -> None:
    arrows = {tuple(line.split(":")[0].split(" --> ")) for line in reference._diagram() if " --> " in line}
    drawn = {(one.replace("_", "-"), other.replace("_", "-")) for one, other in arrows if "[*]" not in (one, other)}
    assert drawn == {(state, target) for state, moves in peering.TRANSITIONS.items() for target in moves.values()}


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(0, "not at all"), (7_200_000, "2 hours"), (3_600_000, "1 hour"), (172_800_000, "2 days"), (1_500, "1.5 seconds")],
)
def test_spans_are_written_for_people(milliseconds: int, words: str) -> None:
    assert reference._span(milliseconds) == words


def test_a_table_survives_pipes_and_line_breaks() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines")]) == "| a | b |\n| --- | --- |\n| x\\|y | two lines |\n"


def test_a_docstring_gives_its_first_paragraph_in_one_line() -> None:
    assert sentence("One\n    sentence.\n\n    More.") == "One sentence."
    assert sentence(None) == ""


def test_words_below_an_attribute_are_its_meaning() -> None:
    source = 'class A:\n    b: int = 1\n    """What b\n    says."""\n    c: int = 2\n    d: str = ""\n'
    assert attribute_docstrings(source, "A") == {"b": "What b says."}


@pytest.mark.parametrize(
    ("annotation", "words"),
    [(str, "text"), (tuple[str, ...], "list of text"), (dict[str, int], "table of numbers"), (bool, "`true` or `false`")],
)
def test_types_are_written_for_people(annotation: object, words: str) -> None:
    assert kind_of_setting(annotation) == words


def test_every_action_and_setting_is_documented() -> None:
    assert list(reference.undocumented()) == []


def test_the_pages_are_what_the_code_says() -> None:
    assert list(reference.out_of_date(reference.ROOT)) == []


def test_an_old_or_missing_page_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path) == 0
    assert list(reference.out_of_date(tmp_path)) == []
    (tmp_path / reference.FOLDER / "quotas.md").write_text("old")
    (tmp_path / reference.FOLDER / "errors.md").unlink()
    assert main(["--check"], tmp_path) == 1
    told = capsys.readouterr().err
    assert "quotas.md is out of date" in told
    assert "errors.md is out of date" in told
    assert len(PAGES) == len(list((tmp_path / reference.FOLDER).iterdir())) + 1


def test_a_handler_without_words_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe_nothing() -> None:
        pass

    monkeypatch.setattr("isthmus.actions.registry.collect", lambda service: {"DescribeNothing": describe_nothing})
    assert "ec2 DescribeNothing has no docstring" in list(reference.undocumented())
