"""What it costs that a caller is no root: the same requests by an account's root, and by users with 20 statements.

Three of our own servers, each with one caller. The policies of the *networker* look at the resources and at who is calling,
so that an answer just given may be given again; those of the *watched* one at its address and at the clock too, so that an
answer is given again only to the same address and within the same second.

The bounds are close to 1, so the servers take turns more often than elsewhere, and each turn of one is compared with the
turn of the other beside it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import ours, seed
from bench.arena import CLIENTS, MICROSECONDS, Arena, Crowd, Repeated, remarks
from bench.figures import Claim, Figure, Outcome, Sense, Target, compare_by_turns
from bench.scenarios.create import REGIONS, mistaken
from bench.scenarios.describe import FEW, FEW_REGION, Ask, by_id, never_asked, not_one
from bench.servers import OURS, Recipe, Server
from bench.sign import Keys
from isthmus import bootstrap
from isthmus.actions import administration
from isthmus.config import Settings
from isthmus.domain.iam.objects import InlinePolicy, User
from isthmus.store.api import Kind
from isthmus.store.unit import Unit

NAME = "authorization"
ABOUT = "describe and create by a user with 20 statements, beside the account's root"
ROOT, NETWORKER, WATCHED = "root", "networker", "watched"
STATEMENTS = 20
USER_ID = "AIDABENCHBENCHBENCHBE"
DESCRIBE_BOUND, CREATE_BOUND = 1.30, 1.15
TURN, TURNS = 120, 16  # creates in a turn, and turns in a run
DESCRIBES, DESCRIBE_TURNS = 1_000, 4  # the same; enough that the few which a new second asks anew weigh little

Statement = Mapping[str, Any]


def _allow(*actions: str, resource: str = "*", **condition: Any) -> Statement:
    made = {"Effect": "Allow", "Action": [f"ec2:{action}" for action in actions], "Resource": resource}
    return {**made, **({"Condition": condition} if condition else {})}


def _deny(*actions: str, **condition: Any) -> Statement:
    return {**_allow(*actions, **condition), "Effect": "Deny"}


def _arn(account: str, kind: str) -> str:
    return f"arn:aws:ec2:*:{account}:{kind}/*"


def statements(account: str, *, watched: bool) -> list[Statement]:
    """A networker's policies, 20 statements of them, as people write them."""
    peering, vpc = _arn(account, "vpc-peering-connection"), _arn(account, "vpc")
    own = {"ArnLike": {"ec2:RequesterVpc": vpc, "ec2:AccepterVpc": vpc}}
    always = [
        _allow("Describe*"),
        _allow("CreateVpc", "ModifyVpcAttribute", "AssociateVpcCidrBlock", resource=vpc),
        _allow("CreateVpcPeeringConnection", resource=vpc),
        _allow("CreateVpcPeeringConnection", resource=peering, **own),
        _allow("AcceptVpcPeeringConnection", resource=vpc, StringEquals={"ec2:ResourceTag/peered": "yes"}),
        _allow("AcceptVpcPeeringConnection", "RejectVpcPeeringConnection", resource=peering, **own),
        _allow("DeleteVpcPeeringConnection", resource=peering, StringEquals={"ec2:ResourceTag/team": "${aws:username}"}),
        _allow("CreateTags", "DeleteTags", resource=peering, **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
        _allow("CreateTags", resource=vpc, StringEquals={"ec2:CreateAction": "CreateVpc"}),
        _allow("CreateSubnet", "DeleteSubnet", resource=_arn(account, "subnet")),
        _allow("*Route", "*RouteTable", resource=_arn(account, "route-table")),
        _allow("*SecurityGroup*", resource=_arn(account, "security-group")),
        _deny("DeleteVpc", StringNotEquals={"ec2:ResourceTag/disposable": "yes"}),
        _deny("*", StringLike={"aws:PrincipalTag/suspended": "*"}),
        _deny("*", StringNotEquals={"aws:PrincipalAccount": account}),
        _deny("*", StringEquals={"aws:RequestedRegion": ["cn-north-1", "cn-northwest-1"]}),
        _deny("*NetworkAcl*", "*DhcpOptions*"),
        _deny("ModifyVpcPeeringConnectionOptions", StringNotEquals={"ec2:Attribute": "RequesterPeeringConnectionOptions"}),
    ]
    last = (
        [_deny("*", NotIpAddress={"aws:SourceIp": ["127.0.0.0/8", "10.0.0.0/8"]}),
         _deny("*", DateGreaterThan={"aws:CurrentTime": "2099-01-01T00:00:00Z"})]
        if watched
        else [_deny("*", Null={"aws:username": "true"}),
              _deny("*", ArnNotLike={"aws:PrincipalArn": f"arn:aws:iam::{account}:*"})]
    )  # fmt: skip
    assert len(always) + len(last) == STATEMENTS
    return [*always, *last]


def _user(unit: Unit, account: str, *, watched: bool) -> Keys:
    """Make the user with its policy and a key."""
    text = json.dumps({"Version": "2012-10-17", "Statement": statements(account, watched=watched)})
    unit.iam_inline_policies.put(InlinePolicy(account, USER_ID, "networking", text))
    return networker(unit, account)


def networker(unit: Unit, account: str) -> Keys:
    """Make the user with a key."""
    unit.iam_users.put(User(USER_ID, account, NETWORKER, "/", unit.now, tags={"team": "net"}))
    key = administration.issue_key(unit, account, USER_ID)
    return Keys(account, key.id, key.secret)


def recipe(name: str) -> Callable[[Path], Recipe]:
    """Our server on a new file, with one caller."""

    def made(folder: Path) -> Recipe:
        data = folder / f"{name}.db"
        keys = ours.account(data)
        if name != ROOT:
            store = bootstrap.store(Settings(data=str(data)))
            keys = store.run_now(Kind.WRITE, lambda unit: _user(unit, keys.account, watched=name == WATCHED))
            store.close()
        return replace(ours.recipe(data, keys), name=name)

    return made


def _describing(arena: Arena, crowds: Sequence[Crowd], ask: Ask) -> dict[str, Repeated]:
    return {
        crowd.server.name: Repeated(crowd.server, ask(crowd), not_one, arena.options, most=DESCRIBES) for crowd in crowds
    }


@dataclass(slots=True)
class CreatingInTurn:
    """Creates against one server, so many a turn; a run has a Region of its own, with VPCs that are made before it."""

    server: Server
    wrong: int = 0
    _pairs: Sequence[tuple[str, str]] = ()

    def __call__(self, number: int) -> float:
        """One turn, in microseconds of the server's CPU time per request."""
        run, turn = divmod(number, TURNS)
        if turn == 0:
            self._pairs = list(seed.grid(self.server, REGIONS[run], (TURNS + 1) * TURN).pairs())
            self._turn(run, TURNS)  # what is asked of a Region for the first time is no part of it
        return self._turn(run, turn)

    def _turn(self, run: int, turn: int) -> float:
        pairs = self._pairs[turn * TURN : (turn + 1) * TURN]
        window = self.server.measure(seed.creates(self.server, REGIONS[run], pairs), CLIENTS)
        self.wrong += mistaken(window.answers)
        return window.microseconds


def _claims(words: str, bound: float, figures: Mapping[str, Figure]) -> list[Claim]:
    return [
        compare_by_turns(Target(f"{words}: {name} / root", Sense.AT_MOST, bound), figures, name, ROOT)
        for name in (NETWORKER, WATCHED)
    ]


def run(arena: Arena) -> Outcome:
    """All three side by side: a question that was asked before, one that never was, and creates."""
    if OURS not in arena.options.servers:
        return Outcome(NAME)
    with arena.running({name: recipe(name) for name in (ROOT, NETWORKER, WATCHED)}) as servers:
        crowds = [Crowd(each, FEW_REGION, tuple(seed.connect(each, FEW_REGION, FEW))) for each in servers.values()]
        windows = _describing(arena, crowds, by_id)
        again = arena.side_by_side(windows, MICROSECONDS, DESCRIBE_TURNS)
        fresh = arena.side_by_side(_describing(arena, crowds, never_asked), MICROSECONDS, DESCRIBE_TURNS)
        creating = {name: CreatingInTurn(server) for name, server in servers.items()}
        creates = arena.side_by_side(creating, MICROSECONDS, TURNS)
    claims = [
        *_claims("describe by id", DESCRIBE_BOUND, again),
        *_claims("describe by id, no question twice", DESCRIBE_BOUND, fresh),
        *_claims("create", CREATE_BOUND, creates),
    ]
    notes = remarks(windows.values(), "do not show exactly the one connection")
    notes += [f"{name}: {each.wrong:,} creates without an id of their own" for name, each in creating.items() if each.wrong]
    return Outcome(NAME, {"describe": again, "describe, no question twice": fresh, "create": creates}, claims, notes)
