from tools.test_long import PARTS, Result, last_lines, report


def test_the_report_says_of_every_part_how_it_ended_and_how_to_run_it_alone() -> None:
    text = report({"mutation": Result(True, 12.5, "abc1234", ["91.0 % of 400 mutants noticed"])}, "Python 3.11")
    assert "Passed after 12.5 s, at commit abc1234:\n\n```\n91.0 % of 400 mutants noticed\n```" in text
    assert text.count("Not run yet.") == len(PARTS) - 1
    for part in PARTS:
        assert f"`make {part.target}`" in text


def test_a_failure_stands_out_in_the_report() -> None:
    assert "FAILED after 1 s" in report({"long": Result(False, 1.0, "abc1234+", [])}, "Python 3.11")


def test_the_last_lines_that_say_something_are_kept() -> None:
    assert last_lines("1\n\n2\n 3 \n4\n\n") == ["2", "3", "4"]


def test_figures_are_kept_wherever_they_stand() -> None:
    assert last_lines("a\nfigure: b\nc\nd\nfigure: e\nf\n") == ["figure: b", "d", "figure: e", "f"]
