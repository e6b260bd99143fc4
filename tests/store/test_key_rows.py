"""Keys and their sessions, on every engine: read together, kept for a while after their end, and gone with their holder."""

import pytest
from msgspec.structs import replace

from isthmus.actions import administration
from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, AccessKey, Account, IssuedKey, Session
from isthmus.domain.iam.objects import Role, User
from isthmus.store import settle
from isthmus.store.key_rows import KEPT_AFTER_EXPIRY
from isthmus.store.unit import Unit
from tests.store.builders import NOW, ONE, OTHER, AnyStore, read, write
from tests.store.test_iam_rows import generation

ADA, NET = "AIDA0000000000000001A", "AROA0000000000000001A"


def furnish(store: AnyStore) -> None:
    def work(unit: Unit) -> None:
        for account in (ONE, OTHER):
            unit.accounts.put(Account(account, account, NOW))
        unit.iam_users.put(User(ADA, ONE, "ada", "/ops/", NOW))
        unit.iam_roles.put(Role(NET, ONE, "net", "/ops/", NOW, "{}"))

    write(store, work)


def begin(store: AnyStore, holder_id: str, kind: str = "", seconds: int = 900, account: str = ONE) -> AccessKey:
    """Make a temporary key, with a session if it is of a kind that has one."""

    def work(unit: Unit) -> AccessKey:
        key = administration.issue_temporary_key(unit, account, holder_id, seconds, 0)
        if kind:
            unit.sessions.put(session(key, kind))
        return key

    made: AccessKey = write(store, work)
    return made


def session(key: AccessKey, kind: str) -> Session:
    return Session(key.id, key.account, kind, "wörk", "{}", ("ANPA1",), {"k": "v"}, ("k",), "eve")


def issued(store: AnyStore, key: AccessKey) -> IssuedKey | None:
    found: IssuedKey | None = read(store, lambda unit: unit.access_keys.issued(key.id))
    return found


@pytest.mark.rule("I1", "I6")
@pytest.mark.parametrize(
    ("holder_id", "kind", "resource"),
    [
        ("", "", "root"),
        (ADA, "", "user/ops/ada"),
        (NET, ASSUMED_ROLE, "role/ops/net"),
        (ADA, FEDERATED_USER, "user/ops/ada"),
        ("", FEDERATED_USER, "root"),
    ],
)
def test_a_key_is_read_with_its_holder_and_its_session(store: AnyStore, holder_id: str, kind: str, resource: str) -> None:
    furnish(store)
    key = begin(store, holder_id, kind)
    found = issued(store, key)
    assert found is not None
    assert (found.key, found.resource) == (key, resource)
    kept = found.session and replace(found.session, seq=0, version=0)
    assert kept == (session(key, kind) if kind else None)


@pytest.mark.rule("I7")
@pytest.mark.parametrize(("holder_id", "kind"), [("AIDAGONE", ""), ("AROAGONE", ASSUMED_ROLE), (NET, "")])
def test_a_key_of_nobody_and_a_roles_key_without_a_session_open_nothing(store: AnyStore, holder_id: str, kind: str) -> None:
    furnish(store)
    assert issued(store, begin(store, holder_id, kind)) is None


@pytest.mark.rule("I7")
def test_a_holders_temporary_keys_end_and_nobody_elses_do(store: AnyStore) -> None:
    furnish(store)
    ended = [begin(store, ADA), begin(store, ADA, FEDERATED_USER)]
    others = [begin(store, NET, ASSUMED_ROLE), begin(store, "")]
    long_term = write(store, lambda unit: administration.issue_key(unit, ONE, ADA))
    assert all(issued(store, key) for key in (*ended, *others))
    before = generation(store)
    write(store, lambda unit: unit.access_keys.end_sessions(ONE, ADA))
    assert [issued(store, key) for key in ended] == [None, None]
    assert all(issued(store, key) for key in (*others, long_term))
    assert generation(store) == before + 1
    assert read(store, lambda unit: unit.sessions.count()) == 1


def test_a_session_that_begins_changes_nothing_that_anybody_remembers(store: AnyStore) -> None:
    furnish(store)
    before = generation(store)
    begin(store, NET, ASSUMED_ROLE)
    write(store, lambda unit: unit.iam_roles.used(NET, NOW, "eu-west-1"))
    assert generation(store) == before


@pytest.mark.rule("I33")
def test_long_expired_keys_are_tidied_away_slice_by_slice_and_no_others(
    store: AnyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(store)
    monkeypatch.setattr(settle, "KEYS_SLICE", 2)
    for _ in range(5):
        begin(store, NET, ASSUMED_ROLE)
    longer = begin(store, NET, ASSUMED_ROLE, 3_600)
    write(store, lambda unit: store.set_offset(unit, KEPT_AFTER_EXPIRY + 1_000_000))
    assert [write(store, lambda unit: settle.tidy(unit, 1_000_000)) for _ in range(3)] == [True, True, False]
    assert read(store, lambda unit: [each.id for each in unit.access_keys.where()]) == [longer.id]
    assert read(store, lambda unit: [each.id for each in unit.sessions.where()]) == [longer.id]


@pytest.mark.rule("I33")
@pytest.mark.parametrize("back_to", [NOW + 950_000, NOW + 100_000, NOW - 1])
def test_what_is_over_is_over_at_whatever_time_one_goes_back_to(store: AnyStore, back_to: int) -> None:
    furnish(store)
    short, long = begin(store, ADA, seconds=900), begin(store, ADA, seconds=3_600)
    write(store, lambda unit: store.set_offset(unit, 1_000_000))
    write(store, lambda unit: store.set_offset(unit, back_to - unit.wall))

    def ends(unit: Unit) -> list[tuple[int, int | None]]:
        kept = [unit.access_keys.issued(key.id) for key in (short, long)]
        return [(unit.now, each.key.expires_at) for each in kept if each is not None]

    (now, first), (_, second) = read(store, ends)
    assert first is not None
    assert first <= now
    assert second == long.expires_at
