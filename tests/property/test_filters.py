"""Laws of filter values, with the obvious slow matcher as the oracle."""

from hypothesis import given
from hypothesis import strategies as st

from isthmus.domain.filters import Filter, FilterTable, exact, has_wildcard, pattern, unescaped

values = st.text(alphabet="ab*?\\", max_size=9)
texts = st.text(alphabet="ab*?\\", max_size=9)


def obviously_matches(value: str, text: str) -> bool:
    """Try everything the rule allows, one symbol at a time."""
    if not value:
        return not text
    if value[0] == "\\" and value[1:2] in ("*", "?", "\\"):
        return text[:1] == value[1] and obviously_matches(value[2:], text[1:])
    if value[0] == "*":
        return any(obviously_matches(value[1:], text[skipped:]) for skipped in range(len(text) + 1))
    if value[0] == "?":
        return obviously_matches(value[1:], text) or (text != "" and obviously_matches(value[1:], text[1:]))
    return text[:1] == value[0] and obviously_matches(value[1:], text[1:])


@given(values, texts)
def test_the_fast_matcher_agrees_with_the_obvious_one(value: str, text: str) -> None:
    assert pattern(value)(text) == obviously_matches(value, text)


@given(st.text(alphabet="ab?*", max_size=12), st.text(alphabet="ab", max_size=8))
def test_it_agrees_when_wildcards_crowd(value: str, text: str) -> None:
    assert pattern(value)(text) == obviously_matches(value, text)


@given(st.lists(values, min_size=1, max_size=4), texts)
def test_a_filter_agrees_with_the_obvious_matcher(several: list[str], text: str) -> None:
    table: FilterTable[str] = FilterTable(getters={"text": lambda row: (row,)})
    passes = table.compile([Filter("text", tuple(several))])
    assert passes(text, {}) == any(obviously_matches(value, text) for value in several)


@given(texts)
def test_a_text_with_every_special_character_escaped_matches_itself_only(text: str) -> None:
    value = "".join(f"\\{character}" if character in "*?\\" else character for character in text)
    assert not has_wildcard(value)
    assert unescaped(value) == text
    assert exact([Filter("x", (value,))], "x") == (text,)
    assert pattern(value)(text)


@given(st.lists(values, max_size=4), texts)
def test_an_index_never_misses_what_the_filter_lets_through(several: list[str], text: str) -> None:
    wanted = Filter("text", tuple(several))
    table: FilterTable[str] = FilterTable(getters={"text": lambda row: (row,)})
    keys = exact([wanted], "text")
    if keys is not None:
        assert (text in keys) == table.compile([wanted])(text, {})
