"""Every condition key that can have a value says it, where the table has it, and nowhere else."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from isthmus.actions.authorization.keys import SPELLED
from isthmus.config import Settings
from isthmus.policy.context import fold
from tests.api.authorization.asking import allow, arn, ask, deny, let
from tests.api.iam.world import ACCOUNT, World
from tests.api.test_every_action import code, furnished, good

PEER: Final = "222222222222"
TAG: Final = {"TagSpecification.1.Tag.1.Key": "Team", "TagSpecification.1.Tag.1.Value": "net"}
TAGGED_VPC: Final = {"TagSpecification.1.ResourceType": "vpc", **TAG}
TAGGED_PEERING: Final = {"TagSpecification.1.ResourceType": "vpc-peering-connection", **TAG}
ANY_SET: Final = "ForAnyValue:"

# Action, its parameters beyond the least, and a key with what it must say; words in braces are ids of `furnished`.
CASES: Final[list[tuple[str, Mapping[str, str], str, str]]] = [
    ("DeleteVpc", {}, "ec2:VpcID", "{lonely}"),
    ("DeleteVpc", {}, "ec2:Tenancy", "default"),
    ("DeleteVpc", {}, "ec2:ResourceTag/Team", "{lonely}"),
    ("DeleteVpc", {}, "aws:ResourceTag/Team", "{lonely}"),
    ("DeleteVpc", {}, "aws:ResourceAccount", ACCOUNT),
    ("DeleteVpc", {}, "ec2:Region", "us-east-1"),
    ("CreateVpc", TAGGED_VPC, "aws:RequestTag/Team", "net"),
    ("CreateVpc", TAGGED_VPC, "aws:TagKeys", "Team"),
    ("CreateVpcPeeringConnection", {}, "ec2:RequesterVpc", arn("vpc", "{lonely}")),
    ("CreateVpcPeeringConnection", {}, "ec2:AccepterVpc", arn("vpc", "{other}")),
    (
        "CreateVpcPeeringConnection",
        {"PeerVpcId": "{peer}", "PeerOwnerId": PEER},
        "ec2:AccepterVpc",
        arn("vpc", "{peer}", PEER),
    ),
    (
        "CreateVpcPeeringConnection",
        {"PeerRegion": "us-west-2"},
        "ec2:AccepterVpc",
        arn("vpc", "{other}", region="us-west-2"),
    ),
    ("CreateVpcPeeringConnection", {}, "ec2:VpcID", "{lonely}"),
    ("CreateVpcPeeringConnection", {}, "ec2:Tenancy", "default"),
    ("CreateVpcPeeringConnection", TAGGED_PEERING, "aws:RequestTag/Team", "net"),
    ("AcceptVpcPeeringConnection", {}, "ec2:RequesterVpc", arn("vpc", "{peer}", PEER)),
    ("AcceptVpcPeeringConnection", {}, "ec2:AccepterVpc", arn("vpc", "{other}")),
    ("AcceptVpcPeeringConnection", {}, "ec2:VpcID", "{other}"),
    ("AcceptVpcPeeringConnection", {}, "ec2:VpcPeeringConnectionID", "{pending}"),
    ("AcceptVpcPeeringConnection", {}, "ec2:ResourceTag/Team", "{pending}"),
    ("RejectVpcPeeringConnection", {}, "ec2:VpcPeeringConnectionID", "{pending}"),
    ("DeleteVpcPeeringConnection", {}, "ec2:AccepterVpc", arn("vpc", "{peer}", PEER)),
    ("ModifyVpcPeeringConnectionOptions", {}, "ec2:Attribute", "RequesterPeeringConnectionOptions"),
    ("ModifyVpcPeeringConnectionOptions", {}, "ec2:Attribute/RequesterPeeringConnectionOptions", "true"),
    ("ModifyVpcAttribute", {}, "ec2:Attribute", "EnableDnsHostnames"),
    ("ModifyVpcAttribute", {}, "ec2:Attribute/EnableDnsHostnames", "true"),
    ("DescribeVpcAttribute", {}, "ec2:VpcID", "{vpc}"),
    ("DisassociateVpcCidrBlock", {}, "ec2:VpcID", "{lonely}"),
    ("AssociateVpcCidrBlock", {}, "ec2:Tenancy", "default"),
    ("CreateTags", {}, "aws:RequestTag/a", "b"),
    ("CreateTags", {}, "aws:TagKeys", "a"),
    ("CreateTags", {}, "ec2:VpcID", "{vpc}"),
    ("CreateTags", {"ResourceId.1": "{active}"}, "ec2:RequesterVpc", arn("vpc", "{vpc}")),
    ("CreateTags", {"ResourceId.1": "{table}"}, "ec2:Vpc", arn("vpc", "{vpc}")),
    ("CreateTags", {"ResourceId.1": "{table}"}, "ec2:RouteTableID", "{table}"),
    ("CreateTags", {"ResourceId.1": "{acl}"}, "ec2:NetworkAclID", "{acl}"),
    ("CreateTags", {"ResourceId.1": "{group}"}, "ec2:SecurityGroupID", "{group}"),
    ("CreateTags", {"ResourceId.1": "{options}"}, "ec2:DhcpOptionsID", "{options}"),
    ("CreateTags", {"ResourceId.1": "{options}"}, "ec2:ResourceTag/Team", "{options}"),
    ("DeleteTags", {}, "aws:TagKeys", "a"),
    ("DeleteTags", {}, "ec2:ResourceTag/Team", "{vpc}"),
    ("DescribeVpcs", {}, "aws:RequestedRegion", "us-east-1"),
    ("DescribeVpcs", {}, "aws:PrincipalAccount", ACCOUNT),
    ("DescribeVpcs", {}, "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:user/net/alice"),
    ("DescribeVpcs", {}, "aws:PrincipalType", "User"),
    ("DescribeVpcs", {}, "aws:PrincipalTag/Squad", "blue"),
    ("DescribeVpcs", {}, "aws:userid", "{alice}"),
    ("DescribeVpcs", {}, "aws:username", "alice"),
    ("DescribeVpcs", {}, "aws:PrincipalIsAWSService", "false"),
    ("DescribeVpcs", {}, "aws:ViaAWSService", "false"),
    ("DescribeVpcs", {}, "aws:SecureTransport", "false"),
    ("DescribeVpcs", {}, "aws:UserAgent", "curl"),
    ("DescribeVpcs", {}, "aws:Referer", "a-page"),
    ("DescribeVpcs", {}, "aws:SourceIp", "127.0.0.1"),
    ("DescribeVpcs", {}, "aws:CurrentTime", "{now}"),
    ("DescribeVpcs", {}, "aws:EpochTime", "{epoch}"),
]
# Keys of sessions, of what there is none of yet, and one that the next test is about.
ELSEWHERE: Final = {
    "aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:SourceIdentity", "ec2:Subnet", "ec2:SubnetID",
    "ec2:AvailabilityZone", "ec2:AvailabilityZoneId", "ec2:InternetGatewayID", "ec2:NetworkInterfaceID", "ec2:CreateAction",
}  # fmt: skip


def scene(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """Everything furnished, tagged each with its own id, and a user with a key: the ids, and the key."""
    key = world.user("alice", Path="/net/", Tags=[{"Key": "Squad", "Value": "blue"}])
    ids, ec2 = furnished(world.server), world.root("ec2")
    inside = [{"Name": "vpc-id", "Values": [ids["vpc"]]}]
    ids["table"] = ec2.describe_route_tables(Filters=inside)["RouteTables"][0]["RouteTableId"]
    ids["group"] = ec2.describe_security_groups(Filters=inside)["SecurityGroups"][0]["GroupId"]
    ids["acl"] = ec2.describe_network_acls(Filters=inside)["NetworkAcls"][0]["NetworkAclId"]
    ids["options"] = ec2.describe_dhcp_options()["DhcpOptions"][0]["DhcpOptionsId"]
    for name in ("vpc", "lonely", "active", "pending", "options"):
        ec2.create_tags(Resources=[ids[name]], Tags=[{"Key": "Team", "Value": ids[name]}])
    ids["alice"] = world.root().get_user(UserName="alice")["User"]["UserId"]
    ids["epoch"] = str(world.clock.wall() // 1_000)
    ids["now"] = "2026-01-02T03:04:05Z"
    return ids, key


def attempt(world: World, key: Mapping[str, str], ids: Mapping[str, str], action: str, more: Mapping[str, str]) -> int:
    given = {**good(action, ids), **{name: value.format_map(ids) for name, value in more.items()}}
    headers = {"user-agent": "curl", "referer": "a-page"}
    answer = ask(world, key, "ec2", action, given, headers)
    assert answer.status == 200 or code(answer) in {"UnauthorizedOperation", "InvalidVpcID.NotFound"}, answer.body
    return answer.status


def denied_where(key: str, value: str) -> dict[str, Any]:
    prefix = ANY_SET if key == "aws:TagKeys" else ""
    return {f"{prefix}StringEquals": {key: value}}


@pytest.mark.rule("I95", "I96", "I97", "I98", "I99", "I100", "I133", "I134", "I135", "I136", "S402", "S403", "S406")
@pytest.mark.parametrize(("action", "more", "key", "value"), CASES)
def test_a_condition_key_says_this_and_nothing_else(
    world: World, action: str, more: Mapping[str, str], key: str, value: str
) -> None:
    ids, holder = scene(world)
    said = value.format_map(ids)
    let(world, "alice", allow("*"), deny(action, **denied_where(key, said)))
    assert attempt(world, holder, ids, action, more) == 403
    let(world, "alice", allow("*"), deny(action, **denied_where(key, said + "x")))
    assert attempt(world, holder, ids, action, more) != 403


def test_every_key_that_can_have_a_value_has_a_case() -> None:
    told = {fold(key.partition("/")[0] + "/" if "/" in key else key) for _, _, key, _ in CASES}
    assert {name for folded, name in SPELLED.items() if folded not in told} == ELSEWHERE


@pytest.mark.rule("I137", "S405")
def test_create_action_is_said_of_tags_that_a_create_brings_and_of_no_others(world: World) -> None:
    ids, holder = scene(world)
    while_creating = allow("CreateTags", resource=arn("vpc", "*"), StringEquals={"ec2:CreateAction": "CreateVpc"})
    let(world, "alice", allow("CreateVpc"), while_creating)
    assert ask(world, holder, "ec2", "CreateVpc", {"CidrBlock": "10.8.0.0/16", **TAGGED_VPC}).status == 200
    assert ask(world, holder, "ec2", "CreateTags", good("CreateTags", ids)).status == 403


@pytest.mark.rule("I100", "S404")
@pytest.mark.parametrize(
    ("action", "more", "key"),
    [
        ("CreateVpcPeeringConnection", {}, "ec2:VpcPeeringConnectionID"),
        ("CreateVpc", {}, "ec2:VpcID"),
        ("CreateVpc", {}, "ec2:ResourceTag/Team"),
        ("DeleteVpc", {}, "ec2:AccepterVpc"),
        ("DeleteVpc", {}, "aws:RequestTag/Team"),
        ("DeleteTags", {}, "aws:RequestTag/a"),
        ("DescribeVpcs", {}, "ec2:VpcID"),
        ("DescribeVpcs", {}, "aws:ResourceAccount"),
        ("DescribeVpcs", {}, "aws:TokenIssueTime"),
        ("DescribeVpcs", {}, "aws:MultiFactorAuthPresent"),
        ("DescribeVpcs", {}, "ec2:Attribute"),
    ],
)
def test_a_key_has_no_value_where_the_table_does_not_have_it(
    world: World, action: str, more: Mapping[str, str], key: str
) -> None:
    ids, holder = scene(world)
    let(world, "alice", allow("*"), deny(action, Null={key: "false"}))
    assert attempt(world, holder, ids, action, more) == 200


@pytest.mark.rule("I101")
@pytest.mark.parametrize(
    ("forwarded", "status"), [("198.51.100.7", 200), ("203.0.113.9", 403), ("198.51.100.7, 203.0.113.9", 403)]
)
def test_a_trusted_proxy_says_from_where_a_request_comes(forwarded: str, status: int) -> None:
    with World(Settings(data="memory", trusted_proxy=("127.0.0.1",))) as world:
        key = world.user("alice")
        let(world, "alice", allow("DescribeVpcs", IpAddress={"aws:SourceIp": "198.51.100.0/24"}))
        assert ask(world, key, "ec2", "DescribeVpcs", {}, {"x-forwarded-for": forwarded}).status == status


@pytest.mark.rule("I101")
def test_one_place_says_nothing_of_another() -> None:
    with World(Settings(data="memory", trusted_proxy=("127.0.0.1",))) as world:
        key = world.user("alice")
        inside: Any = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}, "Bool": {"aws:SecureTransport": "true"}}
        let(world, "alice", allow("DescribeVpcs", **inside))
        asked = [("198.51.100.7", "https"), ("198.51.100.7", "http"), ("203.0.113.9", "https"), ("198.51.100.7", "https")]
        answers = [
            ask(world, key, "ec2", "DescribeVpcs", {}, {"x-forwarded-for": place, "x-forwarded-proto": scheme}).status
            for place, scheme in asked
        ]
        assert answers == [200, 403, 403, 200]


@pytest.mark.rule("I87", "I95")
@pytest.mark.parametrize(
    ("conditions", "statuses"),
    [
        ({"DateLessThan": {"aws:CurrentTime": "2026-01-02T03:04:07Z"}}, [200, 200, 403, 403, 403]),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2026-01-02T03:04:07Z"}}, [200, 200, 200, 403, 403]),
        ({"DateEquals": {"aws:CurrentTime": "2026-01-02T03:04:07.000Z"}}, [403, 403, 200, 403, 403]),
        ({"DateGreaterThan": {"aws:EpochTime": "1767323046"}}, [403, 403, 200, 200, 200]),
        (
            {
                "NumericGreaterThan": {"aws:EpochTime": "1767323045"},
                "DateNotEquals": {"aws:CurrentTime": ["2026-01-02T03:04:07Z", "2026-01-02T03:04:09Z"]},
            },
            [403, 200, 403, 200, 403],
        ),
        ({"StringLike": {"aws:CurrentTime": "*:0[68]Z"}}, [403] * 5),
        ({"StringLike": {"aws:CurrentTime": ["*:06Z", "*:08Z"]}}, [403, 200, 403, 200, 403]),
        ({"StringEquals": {"aws:PrincipalTag/since": "${aws:CurrentTime}"}}, [403, 403, 200, 403, 403]),
        ({"Null": {"aws:CurrentTime": "false"}}, [200] * 5),
    ],
)
def test_the_clock_changes_what_a_caller_may_do_to_the_second(
    world: World, conditions: dict[str, Any], statuses: list[int]
) -> None:
    """The caller asks twice in each second: at once, and at its end. Then once more in the first."""
    holder = world.user("alice", Tags=[{"Key": "since", "Value": "2026-01-02T03:04:07Z"}])
    let(world, "alice", allow("DescribeVpcs", **conditions))
    for status in statuses:
        for milliseconds in (999, 1):
            assert ask(world, holder, "ec2", "DescribeVpcs", {}).status == status
            world.clock.advance(milliseconds)
    world.clock.advance(-1_000 * len(statuses))
    assert ask(world, holder, "ec2", "DescribeVpcs", {}).status == statuses[0]


@pytest.mark.rule("I95", "I29")
def test_a_trusted_proxy_says_whether_a_caller_spoke_tls(world: World) -> None:
    secure = allow("DescribeVpcs", Bool={"aws:SecureTransport": "true"})
    with World(Settings(data="memory", trusted_proxy=("127.0.0.1",))) as behind:
        for each, status in ((world, 403), (behind, 200)):
            key = each.user("alice")
            let(each, "alice", secure)
            answer = ask(each, key, "ec2", "DescribeVpcs", {}, {"x-forwarded-proto": "https"})
            assert answer.status == status


@pytest.mark.rule("I136")
def test_each_attribute_of_a_request_is_authorized_for_itself(world: World) -> None:
    ids, holder = scene(world)
    own: Any = {"StringEquals": {"ec2:Attribute": "RequesterPeeringConnectionOptions"}}
    let(world, "alice", allow("ModifyVpcPeeringConnectionOptions", **own))
    one = good("ModifyVpcPeeringConnectionOptions", ids)
    both = {**one, "AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc": "true"}
    assert ask(world, holder, "ec2", "ModifyVpcPeeringConnectionOptions", both).status == 403
    assert ask(world, holder, "ec2", "ModifyVpcPeeringConnectionOptions", one).status == 200
