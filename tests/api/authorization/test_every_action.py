"""What holds for every action of EC2 by itself: a new one is tested here on the day it is listed."""

from typing import Final

import pytest

from isthmus.actions.authorization.ec2_table import ACTIONS as TABLE
from isthmus.actions.authorization.keys import OF_REQUEST, OF_RESOURCE
from isthmus.gateway.handle import listed_actions
from tests.api.authorization.asking import ask
from tests.api.iam.world import World
from tests.api.test_every_action import code, furnished, good, rows


@pytest.mark.rule("I143", "S134")
@pytest.mark.parametrize("action", listed_actions()["ec2"])
def test_a_dry_run_is_authorized_as_the_call_is_and_changes_nothing(world: World, action: str) -> None:
    ids = furnished(world.server)
    nobody, somebody = world.user("nobody"), world.user("somebody")
    world.root().attach_user_policy(UserName="somebody", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2FullAccess")
    before = rows(world.server)
    dry = {**good(action, ids), "DryRun": "true"}
    refused, allowed = ask(world, nobody, "ec2", action, dry), ask(world, somebody, "ec2", action, dry)
    assert (refused.status, code(refused)) == (403, "UnauthorizedOperation")
    assert (allowed.status, code(allowed)) == (412, "DryRunOperation")
    assert rows(world.server) == before


@pytest.mark.parametrize("action", listed_actions()["ec2"])
def test_full_access_to_ec2_allows_every_action_of_it(world: World, action: str) -> None:
    ids, somebody = furnished(world.server), world.user("somebody")
    world.root().attach_user_policy(UserName="somebody", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2FullAccess")
    assert ask(world, somebody, "ec2", action, good(action, ids)).status == 200


# What the table has keys for and there is nothing of: pools of addresses.
WITHOUT_VALUE: Final = {"ec2:ipv4ipampoolid", "ec2:ipv6ipampoolid"}


@pytest.mark.rule("I100", "S401")
def test_every_key_of_the_table_has_a_source_of_its_value() -> None:
    keys = {key for types in TABLE.values() for each in types for key in each.keys if not key.endswith("/")}
    assert keys - OF_RESOURCE.keys() - OF_REQUEST.keys() == WITHOUT_VALUE
