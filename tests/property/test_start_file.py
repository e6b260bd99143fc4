"""Applying a start file twice is applying it once, whatever it says and whatever was there before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.actions.start_file import applying, checking
from isthmus.actions.start_file.applying import Applied
from isthmus.config import Settings
from isthmus.store import invariants
from isthmus.store.api import Kind
from isthmus.store.unit import Unit
from isthmus.testing import InProcess

ACCOUNTS = ("111122223333", "444455556666")
NAMES = st.sampled_from(("a", "A", "b", "c"))
PATHS = st.sampled_from((None, "/", "/x/"))
TAGS = st.dictionaries(st.sampled_from(("k", "K", "team")), st.sampled_from(("", "x")), max_size=2).filter(
    lambda tags: len({key.lower() for key in tags}) == len(tags)
)
ACTIONS = st.sampled_from(("ec2:*", "ec2:Describe*", "*"))


def document(action: str, *, wrapped: bool) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement] if wrapped else statement}


DOCUMENTS = st.builds(document, ACTIONS, wrapped=st.booleans())
INLINE = st.dictionaries(st.sampled_from(("p", "q")), DOCUMENTS, max_size=2)
ATTACHED = st.lists(st.sampled_from(("AdministratorAccess", "AmazonVPCFullAccess", "own")), max_size=3)
SERVICE_CONTROL = st.none() | st.lists(st.sampled_from(("FullAWSAccess", "one", "two")), min_size=1, max_size=3)


def distinct(entries: Any) -> Any:
    return st.lists(entries, max_size=3, unique_by=lambda each: each["name"].lower())


def entry(**more: Any) -> Any:
    return st.fixed_dictionaries(
        {"name": NAMES, "path": PATHS, "attached_policies": ATTACHED, "inline_policies": INLINE, **more}
    )


USERS = entry(
    tags=TAGS,
    permissions_boundary=st.sampled_from((None, "PowerUserAccess", "own")),
    groups=st.lists(st.just("team"), max_size=2),
    access_keys=st.sampled_from(("generate", [])),
)
ROLES = entry(
    path=st.none(),
    tags=TAGS,
    trusted_principals=st.lists(
        st.sampled_from((*ACCOUNTS, f"arn:aws:iam::{ACCOUNTS[0]}:root", f"arn:aws:iam::{ACCOUNTS[1]}:role/known")),
        min_size=1,
        max_size=2,
    ),
    max_session_duration=st.sampled_from((None, "3600", "7200")),
    description=st.sampled_from((None, "", "x")),
)


def account(account_id: str) -> Any:
    known = {"name": "known", "trusted_principals": [account_id]}
    return st.fixed_dictionaries(
        {
            "id": st.just(account_id),
            "name": NAMES,
            "access_keys": st.sampled_from(("generate", [])),
            "policies": st.builds(
                lambda document, tags: [{"name": "own", "document": document, "tags": tags}], DOCUMENTS, TAGS
            ),
            "groups": st.builds(lambda attached: [{"name": "team", "attached_policies": attached}], ATTACHED),
            "users": distinct(USERS),
            "roles": distinct(ROLES).map(lambda roles: [*roles, known]),
            "service_control_policies": SERVICE_CONTROL,
        }
    )


STARTS = st.fixed_dictionaries(
    {
        "organization": st.fixed_dictionaries(
            {
                "management_account": st.sampled_from((None, *ACCOUNTS)),
                "policies": st.builds(
                    lambda one, two: [{"name": "one", "document": one}, {"name": "two", "document": two}],
                    DOCUMENTS,
                    DOCUMENTS,
                ),
                "service_control_policies": SERVICE_CONTROL,
            }
        ),
        "accounts": st.tuples(*map(account, ACCOUNTS)).map(list),
    }
)


def apply(server: InProcess, value: Any, *, prunes: bool) -> Applied:
    start = checking.checked(value)
    return server.store.run_now(Kind.WRITE, lambda unit: applying.apply(unit, start, prunes=prunes))


def everything(unit: Unit) -> list[Any]:
    tables = ("account", "access_key", "iam_user", "iam_role", "iam_policy", "iam_policy_version", "journal")
    return [unit.engine.query(f"SELECT * FROM {table} ORDER BY seq") for table in tables]


@pytest.mark.rule("I217")
@given(before=STARTS, value=STARTS, prunes=st.booleans())
def test_applied_twice_is_applied_once(before: Any, value: Any, prunes: bool) -> None:
    with InProcess(Settings(data="memory")) as server:
        apply(server, before, prunes=False)
        apply(server, value, prunes=prunes)
        rows = server.store.run_now(Kind.READ, everything)
        assert apply(server, value, prunes=prunes) == Applied((), ())
        assert server.store.run_now(Kind.READ, everything) == rows
        findings = server.store.run_now(Kind.READ, lambda unit: invariants.check(unit.engine, invariants.INVARIANTS))
        assert [each.broken for each in findings if each.broken] == []
