"""How people write a span of time, and what is none."""

import pytest

from isthmus.domain import durations


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("5ms", 5),
        ("90s", 90_000),
        ("90", 90_000),
        ("0", 0),
        ("0.25", 250),
        ("15m", 900_000),
        ("12h", 43_200_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("1d12h", 129_600_000),
        ("1h30m5s7ms", 5_405_007),
        ("1.5h", 5_400_000),
        ("0.000001h", 4),
        ("-7d", -604_800_000),
        ("-90", -90_000),
    ],
)
def test_a_span_is_numbers_with_units_or_seconds(text: str, milliseconds: int) -> None:
    assert durations.parse(text) == milliseconds


def test_the_longest_span_is_a_hundred_years() -> None:
    assert durations.parse("36500d") == durations.LONGEST == 100 * 365 * 86_400_000
    for text in ("36500d1ms", "-36501d", "9999999d"):
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
            durations.parse(text)
        assert str(error.value) == f"{text!r} is longer than a hundred years, which no span may be."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "d",
        "7 d",
        " 7d",
        "7d ",
        "7x",
        "7D",
        "1d x",
        "x1d",
        "--1d",
        "1d-2h",
        "1d2",
        "1e3s",
        "1.s",
        "1,5h",
        "\u0663d",
        "\uff19\uff10",
    ],
)
def test_anything_else_is_refused_with_a_sentence_that_shows_how(text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        durations.parse(text)
    assert str(error.value) == f"{text!r} is not a span of time. Write it like 90s, 15m, 12h, 7d or 1d12h."


def test_the_minus_turns_the_limit_round_too() -> None:
    assert durations.parse("-36500d") == -durations.LONGEST
