"""What IAM keeps, on every engine: names, pages, and that every change of it is known everywhere at once."""

from typing import Any

import pytest
from msgspec.structs import replace

from isthmus.actions import administration
from isthmus.domain.errors import Conflict
from isthmus.domain.iam.objects import Attachment, Group, ManagedPolicy, Membership, Role, User
from isthmus.store.unit import Unit
from tests.store.builders import NOW, ONE, OTHER, AnyStore, read, write


def user(number: int = 1, name: str = "", account: str = ONE, **more: Any) -> User:
    return User(f"AIDA{number:017d}", account, name or f"user{number}", more.pop("path", "/"), NOW, **more)


def put(row: Any) -> Any:
    """A unit of work that saves a row of the table that it is one of."""
    rows: dict[type[Any], str] = {User: "iam_users", Group: "iam_groups", Role: "iam_roles", ManagedPolicy: "iam_policies"}
    rows |= {Attachment: "iam_attachments", Membership: "iam_memberships"}
    return lambda unit: getattr(unit, rows[type(row)]).put(row)


def generation(store: AnyStore) -> int:
    held: int = read(store, lambda unit: unit.engine.query("SELECT authorization_generation FROM server_state")[0][0])
    return held


def test_a_row_comes_back_with_its_tags_as_it_was_put(store: AnyStore) -> None:
    saved = write(store, put(user(tags={"Größe": "\"x'\n", "": "€"}, boundary_id="ANPA1")))
    assert read(store, lambda unit: unit.iam_users.get(saved.id)) == saved
    assert list(saved.tags) == ["Größe", ""]


@pytest.mark.parametrize("name", ["Ada", "ada", "ADA"])
def test_a_name_is_found_in_every_letter_case_and_in_its_account_alone(store: AnyStore, name: str) -> None:
    saved = write(store, put(user(1, "Ada")))
    write(store, put(user(2, "ada", OTHER)))
    assert read(store, lambda unit: unit.iam_users.named(ONE, name)) == saved
    assert read(store, lambda unit: unit.iam_users.named(ONE, "bob")) is None


def test_the_database_itself_refuses_a_name_twice(store: AnyStore) -> None:
    write(store, put(user(1, "Ada")))
    with pytest.raises(Conflict):
        write(store, put(user(2, "ADA")))


def test_pages_go_by_seq_and_see_one_beginning_of_a_path(store: AnyStore) -> None:
    paths = ["/", "/a/", "/a/b/", "/ab/", "/A/", "/a/%/"]
    for number, path in enumerate(paths):
        write(store, put(user(number, path=path)))

    def found(unit: Unit, prefix: str) -> list[str]:
        seen, seq = list[str](), 0
        while rows := unit.iam_users.after(seq, 2, path_prefix=prefix, account=ONE):
            seen += [row.path for row in rows]
            seq = rows[-1].seq
        return seen

    assert read(store, lambda unit: found(unit, "/")) == paths
    assert read(store, lambda unit: found(unit, "/a/")) == ["/a/", "/a/b/", "/a/%/"]
    assert read(store, lambda unit: found(unit, "/a")) == ["/a/", "/a/b/", "/ab/", "/a/%/"]
    assert read(store, lambda unit: found(unit, "/a/%/")) == ["/a/%/"]


def test_policies_are_counted_by_who_has_them(store: AnyStore) -> None:
    for owner, policy, account in (("AIDA1", "ANPA1", ONE), ("AIDA2", "ANPA1", ONE), ("AIDA3", "ANPA1", OTHER)):
        write(store, put(Attachment(account, owner, policy)))
    write(store, put(user(1, boundary_id="ANPA1")))
    write(store, put(user(2)))
    write(store, put(Role("AROA1", ONE, "pilot", "/", NOW, "{}", boundary_id="ANPA1")))
    assert read(store, lambda unit: unit.iam_attachments.usage(ONE)) == {"ANPA1": 2}
    assert read(store, lambda unit: unit.iam_attachments.boundary_usage(ONE)) == {"ANPA1": 2}
    assert read(store, lambda unit: unit.iam_attachments.boundary_usage(OTHER)) == {}


# --- everybody knows at once --------------------------------------------------


def test_every_write_raises_the_generation_once_in_a_unit(store: AnyStore) -> None:
    before = generation(store)

    def several(unit: Unit) -> None:
        made = unit.iam_users.put(user(1))
        unit.iam_groups.put(Group("AGPA1", ONE, "crew", "/", NOW))
        unit.iam_memberships.put(Membership(ONE, "AGPA1", made.id))

    write(store, several)
    assert generation(store) == before + 1
    write(store, lambda unit: unit.iam_memberships.delete_all(unit.iam_memberships.where()))
    assert generation(store) == before + 2


def test_a_new_key_changes_nothing_for_anybody_and_a_changed_one_does(store: AnyStore) -> None:
    before = generation(store)
    key = write(store, lambda unit: administration.issue_key(unit, ONE))
    assert generation(store) == before
    write(store, lambda unit: unit.access_keys.put(replace(key, holder_id="AIDA1")))
    assert generation(store) == before + 1


def holder(store: AnyStore, key_id: str) -> str | None:
    issued = read(store, lambda unit: unit.access_keys.issued(key_id))
    return None if issued is None else issued.resource


def test_a_key_is_remembered_with_its_holder_until_that_changes(store: AnyStore) -> None:
    saved = write(store, put(user(1, "Ada", path="/x/")))
    key = write(store, lambda unit: administration.issue_key(unit, ONE, saved.id))
    root = write(store, lambda unit: administration.issue_key(unit, ONE))
    assert [holder(store, key.id) for _ in range(2)] == ["user/x/Ada"] * 2
    assert holder(store, root.id) == "root"
    renamed = write(store, put(replace(saved, name="Bob", path="/")))
    assert holder(store, key.id) == "user/Bob"
    write(store, lambda unit: unit.iam_users.delete(renamed))
    assert holder(store, key.id) is None, "a key without its user opens nothing"
    assert holder(store, root.id) == "root"


def test_a_new_key_is_not_remembered_before_it_is_certain(store: AnyStore) -> None:
    ids: list[str] = []

    def fail(unit: Unit) -> None:
        ids.append(administration.issue_key(unit, ONE).id)
        assert unit.access_keys.issued(ids[0]) is not None
        raise LookupError

    with pytest.raises(LookupError):
        write(store, fail)
    assert holder(store, ids[0]) is None
