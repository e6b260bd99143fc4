"""The action table is made from the specification's file, for the actions that are spoken."""

import json
from typing import Any

import pytest

from isthmus.actions.authorization.ec2_table import ACTIONS, TAGGING
from isthmus.domain.kinds import KINDS
from isthmus.wire import services
from tools import permissions

DATA: dict[str, Any] = json.loads(permissions.SOURCE.read_text("utf-8"))


def test_the_module_is_what_the_tool_would_write() -> None:
    assert permissions.TARGET.read_text("utf-8") == permissions.module()


@pytest.mark.rule("I139", "S401")
def test_every_spoken_action_has_the_types_and_keys_of_the_specification() -> None:
    assert ACTIONS.keys() == services.tables("ec2").actions.keys()
    for action, types in ACTIONS.items():
        given = DATA[action]["resources"]
        expected = {} if given == permissions.ANY else {each["type"]: each for each in given}
        assert {each.name: each.required for each in types} == {name: each["required"] for name, each in expected.items()}
        for each in types:
            assert each.keys == {key.partition("${")[0].casefold() for key in expected[each.name]["keys"]}


@pytest.mark.rule("I138", "I140")
def test_what_an_action_makes_is_told_by_the_tags_that_it_may_bring() -> None:
    made = {(action, each.name) for action, types in ACTIONS.items() for each in types if each.is_new}
    assert {("CreateVpc", "vpc"), ("CreateVpcPeeringConnection", "vpc-peering-connection")} <= made
    assert all(action.startswith(("Create", "Start", "Authorize")) for action, _ in made)
    assert all("aws:resourcetag/" in each.keys for types in ACTIONS.values() for each in types if not each.is_new)


def test_whatever_is_taggable_can_be_authorized_for_tagging() -> None:
    assert TAGGING.keys() == {name for name, kind in KINDS.items() if kind.taggable}
    assert {"aws:requesttag/", "aws:tagkeys"} <= TAGGING["vpc"].keys
    assert "ec2:attribute" not in TAGGING["vpc"].keys


@pytest.mark.parametrize(
    ("written", "folded"), [("ec2:VpcID", "ec2:vpcid"), ("aws:ResourceTag/${TagKey}", "aws:resourcetag/")]
)
def test_keys_are_folded_and_placeholders_cut(written: str, folded: str) -> None:
    assert permissions.folded(written) == folded
