import pytest

from isthmus.domain.errors import ApiError
from isthmus.wire.query import Limits, parse_form

SMALL = Limits(form_bytes=40, parameters=3, name_length=5, value_length=10)


def refusal(form: str | bytes, limits: Limits = SMALL) -> str:
    with pytest.raises(ApiError) as caught:
        parse_form(form, limits)
    assert caught.value.code == "MalformedQueryString"
    return caught.value.message


@pytest.mark.rule("S102")
@pytest.mark.parametrize(
    ("form", "parameters"),
    [
        ("A=1&B=2", {"A": "1", "B": "2"}),
        ("A=a+b%20c", {"A": "a b c"}),
        ("A=%2B%26%3D", {"A": "+&="}),
        ("Tag%2E1=x", {"Tag.1": "x"}),
        ("A=%C3%A9%f0%9f%8c%8d", {"A": "é🌍"}),
        ("A=é".encode(), {"A": "é"}),
        ("A=b=c", {"A": "b=c"}),
        ("", {}),
        ("&A=1&&", {"A": "1"}),
    ],
)
def test_escapes_and_plus_signs_are_undone(form: str | bytes, parameters: dict[str, str]) -> None:
    assert parse_form(form) == parameters


@pytest.mark.rule("S108")
def test_an_empty_value_is_a_value() -> None:
    assert parse_form("A=&B") == {"A": "", "B": ""}


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("A=1&A=1", "The parameter A was sent more than once"),
        ("A=1&%41=2", "The parameter A was sent more than once"),
        ("A=100%", "The request has a broken escape: %"),
        ("A=%4", "The request has a broken escape: %4"),
        ("A=%zz", "The request has a broken escape: %zz"),
        ("A=%ff", "The request is not UTF-8"),
        ("A=%ed%a0%80", "The request is not UTF-8"),
        (b"A=\xff", "The request is not UTF-8"),
        ("A=%00", "The request holds a character that XML 1.0 does not allow"),
        ("A=\x1b", "The request holds a character that XML 1.0 does not allow"),
        ("A=\ud800", "The request holds a character that XML 1.0 does not allow"),
        ("%ef%bf%bf=a", "The request holds a character that XML 1.0 does not allow"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_refused(form: str | bytes, reason: str) -> None:
    assert refusal(form) == reason


@pytest.mark.parametrize(
    ("allowed", "refused", "reason"),
    [
        ("A=1&B=2&C=3", "A=1&B=2&C=3&D=4", "The request has more than 3 parameters"),
        ("Abcde=1", "Abcdef=1", "A parameter's name is longer than 5 characters"),
        ("A=0123456789", "A=0123456789x", "The value of A is longer than 10 characters"),
        ("A=%30%31%32%33%34%35%36%37%38%39", "A=%30%31%32%33%34%35%36%37%38%39x", "The value of A is longer than 10"),
        ("A=1&B=" + 10 * "x", 41 * "x", "The request is longer than 40 bytes"),
    ],
)
def test_each_bound_holds_exactly(allowed: str, refused: str, reason: str) -> None:
    assert parse_form(allowed, SMALL)
    assert refusal(refused).startswith(reason)


def test_a_megabyte_and_ten_thousand_parameters_are_allowed() -> None:
    assert len(parse_form("&".join(f"A.{n}=1" for n in range(10_000)))) == 10_000
    assert refusal("&".join(f"A.{n}=1" for n in range(10_001)), Limits())
