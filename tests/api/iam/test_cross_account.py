"""Accounts as an operator makes them: with a way in from another account, and with an id that nobody takes for real."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from isthmus.actions import administration, cross_account
from isthmus.actions.administration import AdministrationError
from isthmus.store.api import Kind
from tests.api.iam.world import ACCOUNT, OTHER, World

THIRD = "333333333333"


def trusting(world: World, **more: Any) -> str:
    """Make an account that trusts another, and return the ARN of its role."""

    def work(unit: Any) -> str:
        administration.create_account(unit, "workload", OTHER)
        return cross_account.trust(unit, OTHER, ACCOUNT, **more)

    return f"arn:aws:iam::{OTHER}:role/{world.server.store.run_now(Kind.WRITE, work)}"


def session(world: World, account: str, role: str) -> Any:
    """A client of EC2 in a session of a role, which somebody of an account assumes."""
    made = world.root("sts", account).assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
    return world.of(made, "ec2", aws_session_token=made["SessionToken"])


@pytest.mark.rule("I216")
def test_the_trusted_account_comes_in_and_may_do_everything(world: World) -> None:
    role = trusting(world)
    assert role.endswith(":role/OrganizationAccountAccessRole")
    made = session(world, ACCOUNT, role).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]
    assert made["OwnerId"] == OTHER


@pytest.mark.rule("I216")
def test_a_third_account_does_not(world: World) -> None:
    role = trusting(world)
    with pytest.raises(ClientError, match="AccessDenied"):
        session(world, THIRD, role)


@pytest.mark.rule("I216")
def test_a_role_with_a_name_that_cannot_be_leaves_no_account(world: World) -> None:
    with pytest.raises(AdministrationError, match="value for roleName is invalid"):
        trusting(world, role_name="a b")
    assert world.server.store.run_now(Kind.READ, administration.list_accounts) == []


@pytest.mark.rule("I218")
def test_an_id_that_is_drawn_is_none_of_the_documentation_s() -> None:
    drawn: Iterator[int] = iter((111122223333, 123456789012, 0, 12, 555566667777))
    unit: Any = SimpleNamespace(
        entropy=lambda size: next(drawn).to_bytes(size, "big"), accounts=SimpleNamespace(get=lambda _: None)
    )
    assert administration._free_account_id(unit) == "555566667777"


@pytest.mark.rule("I218")
@pytest.mark.parametrize("account_id", ["111122223333", "123456789012", "000000000000"])
def test_the_documentation_s_ids_can_be_asked_for(world: World, account_id: str) -> None:
    made = world.server.store.run_now(Kind.WRITE, lambda unit: administration.create_account(unit, "x", account_id))
    assert made.account.id == account_id
