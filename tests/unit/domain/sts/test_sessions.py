"""What a session takes with it, how long it lasts, and what it may not call."""

from itertools import product

import pytest

from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, ROOT, USER, Principal, Session
from isthmus.domain.errors import ApiError
from isthmus.domain.sts import sessions

HOUR = 3_600
CALLER = Session("ASIA", "1", ASSUMED_ROLE, "work", None, (), {"Team": "red", "here": "only"}, ("Team",), "bob")


def refused(rule: object, *given: object, **more: object) -> str:
    """The code of the refusal."""
    with pytest.raises(ApiError) as caught:
        rule(*given, **more)  # type: ignore[operator]  # a rule of sessions
    return caught.value.code


# --- how long ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I173", "I175")
@pytest.mark.parametrize(
    ("asked", "longest", "is_chained", "lasts"),
    [
        (None, HOUR, False, HOUR),
        (None, 12 * HOUR, True, HOUR),
        (900, HOUR, True, 900),
        (12 * HOUR, 12 * HOUR, False, 12 * HOUR),
        (HOUR, 12 * HOUR, True, HOUR),
        (HOUR + 1, HOUR, False, None),
        (HOUR + 1, 12 * HOUR, True, None),
    ],
)
def test_how_long_a_role_is_assumed(asked: int | None, longest: int, is_chained: bool, lasts: int | None) -> None:
    if lasts is None:
        assert refused(sessions.role_seconds, asked, longest, is_chained=is_chained) == "ValidationError"
    else:
        assert sessions.role_seconds(asked, longest, is_chained=is_chained) == lasts


@pytest.mark.rule("I179")
@pytest.mark.parametrize("asked", [None, 900, HOUR, 36 * HOUR])
def test_a_roots_credentials_last_an_hour_at_most(asked: int | None) -> None:
    assert sessions.token_seconds(asked, is_root=False) == (asked or 12 * HOUR)
    assert sessions.token_seconds(asked, is_root=True) == min(asked or HOUR, HOUR)


# --- what goes with it ------------------------------------------------------------------------------------------------


@pytest.mark.rule("I177")
def test_transitive_tags_come_along_and_are_handed_on() -> None:
    given = [("own", "1"), ("Passed", "2")]
    assert sessions.tags(given, ["passed"], CALLER) == (
        {"Team": "red", "own": "1", "Passed": "2"},
        ("Team", "Passed"),
    )
    assert sessions.tags([], [], CALLER) == ({"Team": "red"}, ("Team",))
    assert sessions.tags(given, [], None) == (dict(given), ())


@pytest.mark.rule("I177")
@pytest.mark.parametrize(
    ("given", "transitive"),
    [
        ([("a", "1"), ("A", "1")], []),
        ([("AWS:a", "1")], []),
        ([("a", "1")], ["b"]),
        ([("team", "red")], []),
    ],
)
def test_tags_that_cannot_be_are_refused(given: list[tuple[str, str]], transitive: list[str]) -> None:
    assert refused(sessions.tags, given, transitive, CALLER) == "ValidationError"


@pytest.mark.rule("I177")
def test_who_stands_behind_a_session_is_said_once() -> None:
    silent = Session("ASIA", "1", ASSUMED_ROLE, "work")
    assert [sessions.source_identity(None, caller) for caller in (None, silent, CALLER)] == [None, None, "bob"]
    assert [sessions.source_identity("bob", caller) for caller in (None, silent, CALLER)] == ["bob"] * 3
    assert refused(sessions.source_identity, "eve", CALLER) == "AccessDenied"
    assert refused(sessions.source_identity, "Aws:eve", None) == "ValidationError"


@pytest.mark.rule("I55", "I173", "I178")
@pytest.mark.parametrize(
    ("policies", "tags", "percent"),
    [
        ([], [], None),
        ([" \n\t{} "], [], 1),
        (["x" * 2_048], [], 50),
        (["x" * 2_048 + " " * 999], [("k" * 48, "v" * 2_000)], 100),
        ([], [("k", "")], 1),
        (["x" * 2_049], [], None),
        (["x" * 1_025, "y" * 1_024], [], None),
        ([], [("k" * 97, "v" * 4_000)], None),
    ],
)
def test_policies_and_tags_have_so_much_room(policies: list[str], tags: list[tuple[str, str]], percent: int | None) -> None:
    if percent is None and (policies or tags):
        assert refused(sessions.packed_percent, policies, tags) == "PackedPolicyTooLarge"
    else:
        assert sessions.packed_percent(policies, tags) == percent


# --- what it may not call ---------------------------------------------------------------------------------------------

ACTIONS = ("GetCallerIdentity", "AssumeRole", "GetSessionToken", "GetFederationToken", "GetAccessKeyInfo", "ListUsers")
OPEN = {
    ROOT: {"GetCallerIdentity", "AssumeRole"},
    USER: {"GetCallerIdentity", "AssumeRole"},
    FEDERATED_USER: {"GetCallerIdentity"},
    ASSUMED_ROLE: {"GetCallerIdentity", "AssumeRole", "GetAccessKeyInfo", "ListUsers"},
}
"""By kind of temporary credentials; `ListUsers` stands for all of IAM."""


def principal(kind: str, service: str, issued_at: int | None) -> Principal:
    return Principal("1", "arn", "id", "ASIA", "us-east-1", service, kind, "", issued_at)


@pytest.mark.rule("I121", "I179")
@pytest.mark.parametrize(("kind", "action"), list(product(OPEN, ACTIONS)))
def test_temporary_credentials_open_so_much_of_iam_and_sts_and_no_more(kind: str, action: str) -> None:
    service = "iam" if action == "ListUsers" else "sts"
    caller = principal(kind, service, 0)
    if action in OPEN[kind]:
        sessions.check_may_call(caller, action)
    else:
        code = "InvalidClientTokenId" if service == "iam" else "AccessDenied"
        assert refused(sessions.check_may_call, caller, action) == code


@pytest.mark.parametrize(("service", "issued_at"), [("ec2", 0), ("sts", None), ("iam", None)])
def test_nothing_else_is_held_back(service: str, issued_at: int | None) -> None:
    for kind, action in product((ROOT, USER), ACTIONS):
        sessions.check_may_call(principal(kind, service, issued_at), action)
