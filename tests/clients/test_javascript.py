"""The JavaScript SDK v3, unmodified, against a real server. Each story is a function of js/stories.mjs."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.clients.server import WHERE, Pair, Server, client_environment, pair

pytestmark = pytest.mark.extended

Tell = Callable[[str, Pair], Any]


@pytest.fixture
def tell(server: Server, javascript: Path, tmp_path: Path) -> Tell:
    """Run a story and return what it printed."""

    def story(name: str, ends: Pair) -> Any:
        given = json.dumps({"endpoint": server.endpoint, "peer": ends.peer, **asdict(ends)})
        environment = client_environment(server, ends.requester, tmp_path)
        command = ["node", "stories.mjs", name, given]
        done = subprocess.run(command, cwd=javascript, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return story


@pytest.mark.parametrize("where", WHERE)
def test_a_connection_lives_from_request_to_deletion(tell: Tell, where: str) -> None:
    told = tell("life", pair(**WHERE[where]))
    life = ["initiating-request", "pending-acceptance", "provisioning", "active", "active", "deleted"]
    assert told == {"states": life, "deleted": True, "waited": ["SUCCESS", "SUCCESS"]}


def test_dates_booleans_and_empty_lists_are_told_from_what_is_absent(tell: Tell) -> None:
    assert tell("values", pair(accounts=2)) == {
        "expiration time of a request": "Date",
        "expires in days": 7,
        "expiration time of an active one": "undefined",
        "own option": False,
        "options of the other account": "undefined",
        "IPv6 blocks of a VPC without": "undefined",
        "tags of what has none": "Array of 0",
        "nothing found": "Array of 0",
        "next page of the last": "undefined",
        "default VPC": False,
        "IPv6 associations of a VPC without": "Array of 0",
    }


def test_paginators_walk_every_page(tell: Tell) -> None:
    assert tell("pages", pair()) == {"sizes": [5, 5, 2], "each once": True, "peerings": [5, 5, 1]}


def test_a_refusal_has_the_name_the_words_and_the_status_of_ec2(tell: Tell) -> None:
    told = tell("refusals", pair())
    assert all(each.pop("requestId") for each in told["all"].values())
    assert {what: (each["name"], each["status"]) for what, each in told["all"].items()} == {
        "an unknown connection": ("InvalidVpcPeeringConnectionID.NotFound", 400),
        "no connection's id": ("InvalidVpcPeeringConnectionId.Malformed", 400),
        "a dry run": ("DryRunOperation", 412),
        "pages too small": ("InvalidParameterValue", 400),
        "an action not spoken here": ("InvalidAction", 400),
    }
    assert told["all"]["a dry run"]["message"] == "Request would have succeeded, but DryRun flag is set."
    assert told["left"] == 0


def test_waiters_end_as_ec2_says(tell: Tell) -> None:
    told = tell("waiting", pair())
    assert told == {"an unknown one is deleted": "SUCCESS", "an unknown one exists": "TimeoutError"}


def test_the_caller_is_the_account_of_the_key(tell: Tell) -> None:
    ends = pair()
    account = ends.requester.account
    assert tell("caller", ends) == {"account": account, "arn": f"arn:aws:iam::{account}:root"}
