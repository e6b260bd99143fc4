"""What somebody is told who may not, and what the encoded message of it says to whom."""

import json
import re
from typing import Any, Final

import pytest
from botocore import xform_name

from tests.api.authorization.asking import allow, arn, deny, document, let
from tests.api.iam.world import ACCOUNT, OTHER, World, refusal

ALICE: Final = f"arn:aws:iam::{ACCOUNT}:user/alice"
OPENING: Final = f"You are not authorized to perform this operation. User: {ALICE} is not authorized to perform: "
BLOB: Final = ". Encoded authorization failure message: "
A_BLOCK: Final = "10.0.0.0/16"
TAGS: Final = [{"Key": "Team", "Value": "net"}]


def vpc(world: World, account: str = ACCOUNT) -> str:
    vpc_id: str = world.root("ec2", account).create_vpc(CidrBlock=A_BLOCK)["Vpc"]["VpcId"]
    return vpc_id


def told(call: Any, **parameters: Any) -> tuple[str, str]:
    """The message without its blob, and the blob."""
    status, code, message = refusal(call, **parameters)
    assert (status, code) == (403, "UnauthorizedOperation")
    words, _, blob = message.partition(BLOB)
    return words, blob


@pytest.mark.rule("I151", "I153", "I154", "I133")
def test_a_refusal_names_caller_action_resource_and_reason(world: World) -> None:
    ec2 = world.of(world.user("alice"), "ec2")
    words, blob = told(ec2.create_vpc, CidrBlock=A_BLOCK)
    why = "because no identity-based policy allows the ec2:CreateVpc action"
    assert words == f"{OPENING}ec2:CreateVpc on resource: {arn('vpc', '*')} {why}"
    assert re.fullmatch("[A-Za-z0-9_-]{300,1200}", blob)


@pytest.mark.rule("I152")
def test_a_refusal_about_no_resource_names_none_and_has_no_encoded_message(world: World) -> None:
    ec2 = world.of(world.user("alice"), "ec2")
    why = "because no identity-based policy allows the ec2:DescribeVpcs action"
    assert told(ec2.describe_vpcs) == (f"{OPENING}ec2:DescribeVpcs {why}", "")


@pytest.mark.rule("I153", "I112", "I113", "I114")
def test_a_refusal_names_the_layer_that_decided(world: World) -> None:
    key, iam = world.user("alice"), world.root()
    ec2 = world.of(key, "ec2")
    let(world, "alice", allow("*"))
    denying = iam.create_policy(PolicyName="no-vpcs", PolicyDocument=document(deny("CreateVpc")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=denying)
    assert told(ec2.create_vpc, CidrBlock=A_BLOCK)[0].endswith(
        f"with an explicit deny in an identity-based policy: {denying}"
    )
    iam.detach_user_policy(UserName="alice", PolicyArn=denying)
    iam.put_user_permissions_boundary(
        UserName="alice", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonVPCReadOnlyAccess"
    )
    boundary = "because no permissions boundary allows the ec2:CreateVpc action"
    assert told(ec2.create_vpc, CidrBlock=A_BLOCK)[0].endswith(boundary)
    assert ec2.describe_vpcs()["Vpcs"] == []


@pytest.mark.rule("I132", "I131")
def test_of_several_checks_the_new_resource_comes_first_then_what_is_there_then_the_tags(world: World) -> None:
    ec2, mine = world.of(world.user("alice"), "ec2"), vpc(world)
    new, action = arn("vpc-peering-connection", "*"), "CreateVpcPeeringConnection"
    specification = [{"ResourceType": "vpc-peering-connection", "Tags": TAGS}]
    asked = {"VpcId": mine, "PeerVpcId": mine, "TagSpecifications": specification}
    steps = [
        (f"ec2:{action} on resource: {new} ", [allow(action, resource=new)]),
        (f"ec2:{action} on resource: {arn('vpc', mine)} ", [allow(action)]),
        (f"ec2:CreateTags on resource: {new} ", [allow(action, "CreateTags")]),
    ]
    for expected, then in steps:
        assert told(ec2.create_vpc_peering_connection, **asked)[0].startswith(OPENING + expected)
        let(world, "alice", *then)
    assert ec2.create_vpc_peering_connection(**asked)["VpcPeeringConnection"]["Status"]["Code"] == "initiating-request"


@pytest.mark.rule("I131", "I155", "S408")
def test_an_explicit_deny_of_a_later_check_is_named_before_a_missing_allow(world: World) -> None:
    ec2, mine = world.of(world.user("alice"), "ec2"), vpc(world)
    let(world, "alice", deny("CreateVpcPeeringConnection", resource=arn("vpc", "*")))
    words, _ = told(ec2.create_vpc_peering_connection, VpcId=mine, PeerVpcId=mine)
    assert words.endswith(f"on resource: {arn('vpc', mine)} with an explicit deny in an identity-based policy")


@pytest.mark.rule("I137", "S405")
def test_tags_on_create_need_a_permission_of_their_own_and_else_nothing_is_made(world: World) -> None:
    ec2 = world.of(world.user("alice"), "ec2")
    let(world, "alice", allow("CreateVpc", "DescribeVpcs"))
    specification = [{"ResourceType": "vpc", "Tags": TAGS}]
    words, _ = told(ec2.create_vpc, CidrBlock=A_BLOCK, TagSpecifications=specification)
    assert words.startswith(f"{OPENING}ec2:CreateTags on resource: {arn('vpc', '*')} ")
    assert ec2.describe_vpcs()["Vpcs"] == []
    ec2.create_vpc(CidrBlock=A_BLOCK)


@pytest.mark.rule("I141", "I142")
def test_who_may_not_does_not_learn_what_is_there(world: World) -> None:
    ec2 = world.of(world.user("alice"), "ec2")
    for vpc_id in (vpc(world), vpc(world, OTHER), "vpc-00000000000000000"):
        words, _ = told(ec2.delete_vpc, VpcId=vpc_id)
        assert words.startswith(f"{OPENING}ec2:DeleteVpc on resource: {arn('vpc', vpc_id)} ")
    let(world, "alice", allow("DeleteVpc"))
    for vpc_id in (vpc(world, OTHER), "vpc-00000000000000000"):
        assert refusal(ec2.delete_vpc, VpcId=vpc_id)[1] == "InvalidVpcID.NotFound"


@pytest.mark.rule("I156")
def test_iam_and_sts_refuse_in_their_own_words(world: World) -> None:
    key = world.user("alice")
    start = f"User: {ALICE} is not authorized to perform:"
    why = "because no identity-based policy allows the sts:GetAccessKeyInfo action"
    message = f"{start} sts:GetAccessKeyInfo on resource: * {why}"
    assert refusal(world.of(key, "sts").get_access_key_info, AccessKeyId=key["AccessKeyId"]) == (
        403,
        "AccessDenied",
        message,
    )


BOUNDS = "arn:aws:iam::aws:policy/PowerUserAccess"


@pytest.mark.rule("I156")
@pytest.mark.parametrize(
    ("action", "parameters", "called"),
    [
        ("GetUser", {"UserName": "bob"}, "user bob"),
        ("GetUser", {}, ALICE),
        ("AddUserToGroup", {"UserName": "bob", "GroupName": "net"}, "group net"),
        ("AttachRolePolicy", {"RoleName": "pilot", "PolicyArn": BOUNDS}, "role pilot"),
        ("GetInstanceProfile", {"InstanceProfileName": "web"}, "instance profile web"),
        ("GetPolicy", {"PolicyArn": BOUNDS}, f"policy {BOUNDS}"),
        ("CreateUser", {"UserName": "bob", "Path": "/x/"}, f"arn:aws:iam::{ACCOUNT}:user/x/bob"),
        ("ListUsers", {}, "*"),
    ],
)
def test_iam_calls_what_it_refuses_by_what_was_asked_for(
    world: World, action: str, parameters: dict[str, str], called: str
) -> None:
    client = world.of(world.user("alice"))
    why = f"because no identity-based policy allows the iam:{action} action"
    message = f"User: {ALICE} is not authorized to perform: iam:{action} on resource: {called} {why}"
    assert refusal(getattr(client, xform_name(action)), **parameters) == (403, "AccessDenied", message)


@pytest.mark.rule("I121")
def test_who_one_is_can_be_asked_whatever_is_denied(world: World) -> None:
    key = world.user("alice")
    let(world, "alice", deny("*"))
    assert world.of(key, "sts").get_caller_identity()["Arn"] == ALICE


# --- the encoded message ----------------------------------------------------------------------------------------------


def decode(client: Any, blob: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(client.decode_authorization_message(EncodedMessage=blob)["DecodedMessage"])
    return read


def said(message: dict[str, Any]) -> dict[str, list[str]]:
    items = message["context"]["conditions"]["items"]
    return {item["key"]: [value["value"] for value in item["values"]["items"]] for item in items}


@pytest.mark.rule("I158", "I159", "I160")
def test_the_encoded_message_tells_of_a_missing_allow(world: World) -> None:
    key = world.user("alice")
    _, blob = told(world.of(key, "ec2").create_vpc, CidrBlock=A_BLOCK)
    message = decode(world.root("sts"), blob)
    assert {name: message[name] for name in ("allowed", "explicitDeny", "matchedStatements", "failures")} == {
        "allowed": False, "explicitDeny": False, "matchedStatements": {"items": []}, "failures": {"items": []},
    }  # fmt: skip
    context = message["context"]
    user_id = world.root().get_user(UserName="alice")["User"]["UserId"]
    assert context["principal"] == {"id": user_id, "name": "alice", "arn": ALICE}
    assert (context["action"], context["resource"]) == ("ec2:CreateVpc", arn("vpc", "*"))
    assert said(message) == {
        "aws:Region": ["us-east-1"],
        "aws:Service": ["ec2"],
        "aws:Resource": ["vpc/*"],
        "aws:Type": ["vpc"],
        "aws:Account": [ACCOUNT],
        "aws:ARN": [arn("vpc", "*")],
        "ec2:Region": ["us-east-1"],
    }


@pytest.mark.rule("I159", "I160")
def test_the_encoded_message_tells_of_a_deny_with_its_statement_and_what_conditions_saw(world: World) -> None:
    key, mine = world.user("alice"), vpc(world)
    ec2 = world.of(key, "ec2")
    where = {"StringEquals": {"ec2:ResourceTag/Team": ["net", "web"]}, "Bool": {"aws:SecureTransport": "false"}}
    let(world, "alice", allow("*"), {"Sid": "NoNet", **deny("Delete*", resource=arn("vpc", "*"), **where)})
    ec2.create_tags(Resources=[mine], Tags=TAGS)
    message = decode(world.root("sts"), told(ec2.delete_vpc, VpcId=mine)[1])
    assert message["explicitDeny"] is True
    assert message["matchedStatements"]["items"] == [
        {
            "statementId": "NoNet",
            "effect": "DENY",
            "principals": {"items": []},
            "principalGroups": {"items": []},
            "actions": {"items": [{"value": "ec2:Delete*"}]},
            "resources": {"items": [{"value": arn("vpc", "*")}]},
            "conditions": {
                "items": [
                    {"key": "ec2:ResourceTag/Team", "values": {"items": [{"value": "net"}, {"value": "web"}]}},
                    {"key": "aws:SecureTransport", "values": {"items": [{"value": "false"}]}},
                ]
            },
        }
    ]
    seen = said(message)
    assert (seen["ec2:VpcID"], seen["ec2:Tenancy"], seen["ec2:ResourceTag/Team"]) == ([mine], ["default"], ["net"])
    assert seen["aws:SecureTransport"] == ["false"]


@pytest.mark.rule("I159", "I162")
def test_only_who_may_decode_of_the_same_account_reads_the_message(world: World) -> None:
    key = world.user("alice")
    _, blob = told(world.of(key, "ec2").create_vpc, CidrBlock=A_BLOCK)
    assert refusal(world.of(key, "sts").decode_authorization_message, EncodedMessage=blob)[1] == "AccessDenied"
    let(world, "alice", allow("sts:DecodeAuthorizationMessage"))
    assert decode(world.of(key, "sts"), blob)["context"]["action"] == "ec2:CreateVpc"
    stranger = world.root("sts", OTHER)
    assert refusal(stranger.decode_authorization_message, EncodedMessage=blob) == (
        400, "InvalidAuthorizationMessageException", "Message is not valid",
    )  # fmt: skip


@pytest.mark.rule("I161")
@pytest.mark.parametrize("text", ["x", "AAAA", "nonsense" * 40, "\u00e9" * 40, "A" * 9_000])
def test_garbage_is_no_message(world: World, text: str) -> None:
    assert refusal(world.root("sts").decode_authorization_message, EncodedMessage=text)[1] == (
        "InvalidAuthorizationMessageException"
    )


@pytest.mark.rule("I158")
def test_a_message_that_would_be_too_long_leaves_statements_out(world: World) -> None:
    key, iam = world.user("alice"), world.root()
    for number in range(10):
        many = [f"ec2:*{number:02}{index:04}{hash((number, index)) & 0xFFFFFFFF:08x}*" for index in range(200)]
        text = document({"Sid": f"S{number}", "Effect": "Deny", "Action": ["ec2:CreateVpc", *many], "Resource": "*"})
        made = iam.create_policy(PolicyName=f"p{number}", PolicyDocument=text)["Policy"]["Arn"]
        iam.attach_user_policy(UserName="alice", PolicyArn=made)
    _, blob = told(world.of(key, "ec2").create_vpc, CidrBlock=A_BLOCK)
    assert len(blob) <= 10_240
    message = decode(world.root("sts"), blob)
    assert 0 < len(message["matchedStatements"]["items"]) < 10
