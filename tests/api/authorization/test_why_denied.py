"""`isthmus why-denied` says which statement of which policy decided, and what was wrong with the others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from isthmus.actions.authorization import reasons
from isthmus.config import Settings
from isthmus.policy.context import Value
from isthmus.store.api import Kind
from isthmus.store.clock import SystemClock
from isthmus.testing import InProcess
from tests.api.authorization.asking import allow, arn, deny, document, let
from tests.api.iam.world import ACCOUNT, World, refusal
from tests.running import isthmus

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
BLOB = ". Encoded authorization failure message: "


def why(world: World, who: str, action: str, *resources: str, region: str = "", **said: Value) -> dict[str, Any]:
    given = {name.replace("__", ":").replace("_", "/"): value for name, value in said.items()}
    return world.server.store.run_now(Kind.READ, lambda unit: reasons.of_call(unit, who, action, resources, given, region))


def why_refused(world: World, text: str) -> dict[str, Any]:
    return world.server.store.run_now(Kind.READ, lambda unit: reasons.of_message(unit, text))


def verdicts(check: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    return [(each["policy"], each["verdict"], each["decides"]) for each in check["statements"]]


def test_each_statement_is_told_with_what_was_wrong_and_the_deciding_one_is_marked(world: World) -> None:
    key, vpc_id = world.user("alice"), world.root("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    world.root("ec2").create_tags(Resources=[vpc_id], Tags=[{"Key": "team", "Value": "web"}])
    let(world, "alice", allow("Describe*"), policy="a")
    let(world, "alice", allow("*", resource=arn("subnet", "*")), policy="b")
    let(world, "alice", allow("DeleteVpc", StringEquals={"ec2:ResourceTag/team": "net"}), policy="c")
    target = arn("vpc", vpc_id)
    for who in (ALICE, key["AccessKeyId"]):
        told = why(world, who, "ec2:DeleteVpc", target)
        (check,) = told["checks"]
        assert (told["caller"], told["allowed"], check["decision"]) == (ALICE, False, "implicitDeny")
        assert check["reason"] == "because no identity-based policy allows the ec2:DeleteVpc action"
        assert verdicts(check) == [("a", "action", False), ("b", "resource", False), ("c", "condition", False)]
        assert check["statements"][2]["conditions"] == [
            {"operator": "StringEquals", "key": "ec2:ResourceTag/team", "values": ["net"], "said": "web"}
        ]
    let(world, "alice", deny("DeleteVpc"), policy="d")
    (check,) = why(world, ALICE, "ec2:DeleteVpc", target)["checks"]
    assert (check["decision"], check["layer"]) == ("explicitDeny", "identity-based policy")
    assert verdicts(check)[-1] == ("d", "matches", True)


def test_what_only_a_request_says_is_said_by_whoever_asks(world: World) -> None:
    world.user("alice")
    let(world, "alice", allow("DescribeVpcs", IpAddress={"aws:SourceIp": "10.0.0.0/8"}))
    assert why(world, ALICE, "ec2:DescribeVpcs")["allowed"] is False
    assert why(world, ALICE, "ec2:DescribeVpcs", aws__SourceIp="10.1.2.3")["allowed"] is True


def test_the_encoded_message_of_a_refusal_is_explained_as_the_request_was(world: World) -> None:
    ec2 = world.of(world.user("alice"), "ec2")
    let(world, "alice", allow("CreateVpc", StringEquals={"aws:RequestTag/team": "net"}), allow("CreateTags"))
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "team", "Value": "web"}]}]
    message = refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=tags)[2]
    told = why_refused(world, message.partition(BLOB)[2])
    (check,) = told["checks"]
    assert (told["allowed"], check["action"], check["resource"]) == (False, "ec2:CreateVpc", arn("vpc", "*"))
    assert check["statements"][0]["conditions"][0]["said"] == "web"
    assert told["refused"]["context"]["principal"]["arn"] == ALICE
    assert why_refused(world, f"An error occurred: {message}\n") == told
    for text in ("nonsense", "", " "):
        with pytest.raises(ValueError, match="no encoded message"):
            why_refused(world, text)


def test_what_would_be_allowed_now_is_told_to_have_been_refused(world: World) -> None:
    key = world.user("alice")
    message = refusal(world.of(key, "ec2").create_vpc, CidrBlock="10.0.0.0/16")[2]
    let(world, "alice", allow("CreateVpc"))
    told = why_refused(world, message)
    assert (told["allowed"], told["refused"]["allowed"]) == (True, False)
    assert ["has changed since" in note for note in told["notes"]] == [True]


def test_an_arn_of_a_session_is_told_not_to_say_what_the_session_may(world: World) -> None:
    world.user("alice")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
    role = world.root().create_role(RoleName="deploy", AssumeRolePolicyDocument=document(trust))["Role"]
    world.root().put_role_policy(RoleName="deploy", PolicyName="all", PolicyDocument=document(allow("*")))
    let(world, "alice", allow("sts:AssumeRole"))
    sts = world.of(world.root().create_access_key(UserName="alice")["AccessKey"], "sts")
    asked = {"RoleArn": role["Arn"], "RoleSessionName": "tuesday", "Policy": document(allow("ec2:Describe*"))}
    session = sts.assume_role(**asked)
    who, target = session["AssumedRoleUser"]["Arn"], arn("vpc", "vpc-1")
    by_arn = why(world, who, "ec2:DeleteVpc", target)
    assert by_arn["allowed"] is True
    assert ["name its access key" in note for note in by_arn["notes"]] == [True]
    by_key = why(world, session["Credentials"]["AccessKeyId"], "ec2:DeleteVpc", target)
    assert (by_key["allowed"], by_key["checks"][0]["layer"], by_key["notes"]) == (False, "session policy", [])


def test_what_cannot_be_meant_is_refused_and_what_may_mislead_is_noted(world: World) -> None:
    key = world.user("alice")["AccessKeyId"]
    for resource in ("vpc-1234abcd", "deploy"):
        with pytest.raises(ValueError, match="is no ARN"):
            why(world, ALICE, "ec2:DeleteVpc", resource)
    with pytest.raises(ValueError, match="'nowhere' is no Region"):
        why(world, key, "ec2:DeleteVpc", region="nowhere")
    anywhere = f"arn:aws:ec2:*:{ACCOUNT}:vpc/*"
    for who in (ALICE, key):
        assert why(world, who, "ec2:DeleteVpc", anywhere)["notes"] == []
    assert why(world, ALICE, "ec2:DeleteVpc")["notes"] == [
        "ec2:DeleteVpc is decided for a resource (vpc). Without its ARN, only what is about every resource (*) counts."
    ]
    assert why(world, ALICE, "ec2:DescribeVpcs")["notes"] == []
    assert why(world, ALICE, "ec2:DeleteVpcs")["notes"] == ["This Isthmus has no action ec2:DeleteVpcs."]
    assert why(world, ALICE, "iam:passrole")["notes"] == []
    assert why(world, ALICE, "EC2:deletevpc", anywhere)["notes"] == []
    assert why(world, ALICE, "sts:TagSession", f"arn:aws:iam::{ACCOUNT}:role/x")["notes"] == []


def test_a_role_that_is_to_be_assumed_has_its_trust_policy_asked_too(world: World) -> None:
    world.user("alice")
    nobody = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}}
    world.root().create_role(RoleName="deploy", AssumeRolePolicyDocument=document(nobody))
    let(world, "alice", allow("sts:AssumeRole"))
    (check,) = why(world, ALICE, "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/deploy")["checks"]
    assert (check["allowed"], check["layer"]) == (False, "role trust policy")
    assert [each["verdict"] for each in check["statements"]] == ["principal", "matches"]


def test_root_is_bound_by_nothing_and_a_stranger_is_nobody(world: World) -> None:
    assert why(world, f"arn:aws:iam::{ACCOUNT}:root", "ec2:DeleteVpc", arn("vpc", "vpc-1"))["allowed"] is True
    for who in ("arn:aws:iam::111111111111:user/nobody", "AKIAIOSFODNN7EXAMPLE", f"arn:aws:sts::{ACCOUNT}:federated-user/x"):
        with pytest.raises(reasons.UnknownCallerError):
            why(world, who, "ec2:DescribeVpcs")
    with pytest.raises(ValueError, match="no action"):
        why(world, f"arn:aws:iam::{ACCOUNT}:root", "DescribeVpcs")


def test_the_command_prints_the_decision_and_reads_a_file_that_nobody_serves(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    with InProcess(Settings(data=str(data))) as server:
        iam = server.client(ACCOUNT, service="iam")
        iam.create_user(UserName="alice")
        two = allow("*", StringEquals={"aws:RequestTag/team": "net"}, Bool={"aws:MultiFactorAuthPresent": "true"})
        iam.put_user_policy(UserName="alice", PolicyName="mine", PolicyDocument=document(deny("Delete*"), allow("*"), two))
    command = ("why-denied", ALICE, "ec2:DeleteVpc", arn("vpc", "vpc-1"), "--data", str(data))
    done = isthmus(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    *shown, unmet = done.stdout.splitlines()
    assert shown == [
        f"denied: {ALICE}",
        f"  ec2:DeleteVpc on {arn('vpc', 'vpc-1')} with an explicit deny in an identity-based policy",
        "  identity-based policy",
        "    -> Deny   mine, statement 1: matches",
        "       Allow  mine, statement 2: matches",
    ]
    assert unmet == (
        "       Allow  mine, statement 3: StringEquals does not hold: aws:RequestTag/team has no value, asked for net; "
        "Bool does not hold: aws:MultiFactorAuthPresent has no value, asked for true"
    )
    assert isthmus(tmp_path, "why-denied", ALICE, "ec2:DeleteVpcs", "--data", str(data)).stdout.endswith(
        "note: This Isthmus has no action ec2:DeleteVpcs.\n"
    )
    assert '"allowed": false' in isthmus(tmp_path, *command, "--json").stdout
    assert isthmus(tmp_path, "why-denied", ALICE).returncode == 2
    assert "no encoded message" in isthmus(tmp_path, "why-denied", "--message", "x", "--data", str(data)).stderr


def test_the_command_names_service_control_policies_and_where_they_are_attached(tmp_path: Path) -> None:
    start, data = tmp_path / "start.json", tmp_path / "data.db"
    policies = [{"name": "NoDelete", "document": {"Version": "2012-10-17", "Statement": deny("Delete*")}}]
    organization = {"policies": policies, "service_control_policies": ["FullAWSAccess", "NoDelete"]}
    accounts = [{"id": ACCOUNT, "name": "network"}]
    start.write_text(json.dumps({"organization": organization, "accounts": accounts}))
    assert isthmus(tmp_path, "apply", str(start), "--data", str(data)).returncode == 0
    root = f"arn:aws:iam::{ACCOUNT}:root"
    told = isthmus(tmp_path, "why-denied", root, "ec2:DeleteVpc", arn("vpc", "vpc-1"), "--data", str(data)).stdout
    full, ours = "arn:aws:organizations::aws:policy/", "NoDelete (arn:aws:organizations::"
    assert [(line[:15], full in line, ours in line) for line in told.splitlines()[2:]] == [
        ("  service contr", False, False),
        ("       Allow  a", True, False),
        ("    -> Deny   N", False, True),
        ("  service contr", False, False),
        ("       Allow  a", True, False),
    ]
    assert [line.split()[-1] for line in told.splitlines() if line.startswith("  service")] == ["organization", "account"]


def test_the_command_lists_service_control_policies_by_name(tmp_path: Path) -> None:
    start, data = tmp_path / "start.json", tmp_path / "data.db"
    names = ["FullAWSAccess", "Zones", "Alpha", "Middle"]
    policies = [{"name": each, "document": {"Version": "2012-10-17", "Statement": deny("Delete*")}} for each in names[1:]]
    organization = {"policies": policies, "service_control_policies": names}
    start.write_text(json.dumps({"organization": organization, "accounts": [{"id": ACCOUNT, "name": "network"}]}))
    assert isthmus(tmp_path, "apply", str(start), "--data", str(data)).returncode == 0
    root = f"arn:aws:iam::{ACCOUNT}:root"
    told = isthmus(tmp_path, "why-denied", root, "ec2:DeleteVpc", arn("vpc", "vpc-1"), "--data", str(data)).stdout
    listed = [name for line in told.splitlines()[3:7] for name in names if name in line]
    assert listed == sorted(names)


def test_the_command_says_that_what_was_refused_is_allowed_now(tmp_path: Path) -> None:
    data = tmp_path / "data.db"
    with InProcess(Settings(data=str(data)), clock=SystemClock()) as server:
        iam = server.client(ACCOUNT, service="iam")
        iam.create_user(UserName="alice")
        key = iam.create_access_key(UserName="alice")["AccessKey"]
        alice = server.client(key["AccessKeyId"], secret=key["SecretAccessKey"])
        message = refusal(alice.create_vpc, CidrBlock="10.0.0.0/16")[2]
        iam.put_user_policy(UserName="alice", PolicyName="mine", PolicyDocument=document(allow("*")))
    told = isthmus(tmp_path, "why-denied", "--message", message, "--data", str(data)).stdout.splitlines()
    assert told[0] == f"allowed now: {ALICE}"
    assert told[-1].startswith("note: It was refused when it was asked")
