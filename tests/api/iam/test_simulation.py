"""The policy simulator: what policies would decide, and what they ask for, as boto3 sees it (I196a)."""

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus.actions.start_file import applying, checking
from isthmus.store.api import Kind
from tests.api.iam.world import ACCOUNT, OTHER, World, refusal

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
VPC = f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-0aaa"
VPCB = f"arn:aws:ec2:us-east-1:{OTHER}:vpc/vpc-0bbb"
READER = "arn:aws:iam::aws:policy/AmazonVPCReadOnlyAccess"
VECTORS = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "spec" / "iam-vectors.json").read_text(encoding="utf-8")
)
OUTCOMES = {"ALLOW": "allowed", "IMPLICIT_DENY": "implicitDeny", "EXPLICIT_DENY": "explicitDeny"}


def policy(*statements: dict[str, Any], indent: int | None = None) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=indent)


def allow(action: str = "ec2:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def entry(name: str, type_: str, *values: str) -> dict[str, Any]:
    return {"ContextKeyName": name, "ContextKeyType": type_, "ContextKeyValues": list(values)}


def custom(world: World, *policies: str, actions: Any = ("ec2:DeleteVpc",), **more: Any) -> Any:
    """The results of a simulation of these policies."""
    iam = world.root()
    return iam.simulate_custom_policy(PolicyInputList=list(policies), ActionNames=list(actions), **more)["EvaluationResults"]


def principal(world: World, *actions: str, arn: str = ALICE, **more: Any) -> Any:
    """The results of a simulation of what binds alice."""
    iam = world.root()
    return iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)["EvaluationResults"]


def decisions(results: Any) -> list[str]:
    return [each["EvalDecision"] for each in results]


def by(result: Any) -> list[tuple[str, str]]:
    return [(each["SourcePolicyId"], each["SourcePolicyType"]) for each in result["MatchedStatements"]]


def alice(world: World) -> Any:
    """A user with an inline policy, one of her group's, and one of the vendor's."""
    iam = world.root()
    iam.create_user(UserName="alice")
    iam.create_group(GroupName="crew")
    iam.add_user_to_group(UserName="alice", GroupName="crew")
    iam.put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=policy(allow("ec2:CreateVpc")))
    iam.put_group_policy(GroupName="crew", PolicyName="lent", PolicyDocument=policy(allow("ec2:DeleteVpc", VPC)))
    iam.attach_user_policy(UserName="alice", PolicyArn=READER)
    return iam


# --- custom policies --------------------------------------------------------------------------------------------------


NEVER_SAVED = {"T85"}
"""Whose policy IAM would not save, and so does not simulate."""
SIMULABLE = [
    vector
    for vector in VECTORS["vectors"]
    if vector["session"] is None and vector["trust"] is None and vector["id"] not in NEVER_SAVED
]
"""No simulation has sessions or trust policies."""
SEVEREST = ("explicitDeny", "implicitDeny", "allowed")


def shown(key: str, value: Any) -> dict[str, Any]:
    return entry(key, "stringList", *value) if isinstance(value, list) else entry(key, "string", value)


@pytest.mark.rule("I122", "I196a")
@pytest.mark.parametrize("vector", SIMULABLE, ids=[vector["id"] for vector in SIMULABLE])
def test_the_simulator_decides_each_vector_as_the_specification_says(world: World, vector: dict[str, Any]) -> None:
    base = {key: value for key, value in VECTORS["base_context"].items() if key not in vector["context_without"]}
    more: dict[str, Any] = {}
    if vector["boundary"] is not None:
        more["PermissionsBoundaryPolicyInputList"] = [json.dumps(vector["boundary"])]
    if vector["scps"] is not None:
        more["OrderedOrganizationPolicyInputList"] = [
            {"ServiceControlPolicyInputList": [json.dumps(each) for each in level]} for level in vector["scps"]
        ]
    found = []
    for resource in vector["resources"]:  # each has its own context, which a request has for all of them
        said = {**base, **vector["context"], **resource["ctx"]}
        found += custom(
            world,
            *([json.dumps(each) for each in vector["identity"]] or [policy(allow("none:Nothing"))]),
            actions=[vector["action"]],
            ResourceArns=[resource["arn"]],
            ContextEntries=[shown(key, value) for key, value in said.items()],
            **more,
        )
    assert min(decisions(found), key=SEVEREST.index) == OUTCOMES[vector["expect"]], vector["title"]


@pytest.mark.rule("I196a")
def test_an_explicit_deny_is_all_that_is_named_with_its_place(world: World) -> None:
    text = policy(allow(), deny("ec2:Delete*"), indent=2)
    (result,) = custom(world, policy(allow("*")), text)
    assert result["EvalDecision"] == "explicitDeny"
    (statement,) = result["MatchedStatements"]
    assert (statement["SourcePolicyId"], statement["SourcePolicyType"]) == ("PolicyInputList.2", "none")
    lines = text.split("\n")
    start, end = statement["StartPosition"], statement["EndPosition"]
    assert lines[start["Line"] - 1][start["Column"] - 1 :] == "{"
    assert lines[end["Line"] - 1][: end["Column"] - 1] == "    }"
    assert json.loads("\n".join(lines[start["Line"] - 1 : end["Line"]])) == deny("ec2:Delete*")


@pytest.mark.rule("I66", "I112", "I196a")
def test_several_resources_are_answered_together_and_each(world: World) -> None:
    other = VPC.replace("0aaa", "0ccc")
    text = policy(allow(resource=VPC), deny("ec2:DeleteVpc", other))
    (result,) = custom(world, text, ResourceArns=[VPC, other, VPC.replace("0aaa", "0ddd")])
    assert result["EvalDecision"] == "explicitDeny"
    assert len(result["MatchedStatements"]) == 1
    assert result["EvalResourceName"] == "arn:${Partition}:ec2:${Region}:${Account}:vpc/${VpcId}"
    specific = {each["EvalResourceName"]: each for each in result["ResourceSpecificResults"]}
    assert [each["EvalResourceDecision"] for each in specific.values()] == ["allowed", "explicitDeny", "implicitDeny"]
    assert [len(each["MatchedStatements"]) for each in specific.values()] == [1, 1, 0]
    assert result["EvalDecisionDetails"] == {}


@pytest.mark.rule("I66", "I196a")
def test_without_resources_all_are_meant(world: World) -> None:
    text = policy(allow(resource=VPC))
    for more in ({}, {"ResourceArns": ["*"]}):
        (result,) = custom(world, text, **more)
        assert (result["EvalDecision"], result["ResourceSpecificResults"]) == ("implicitDeny", [])
        assert "EvalDecisionDetails" not in result


@pytest.mark.rule("I83", "I196a")
def test_keys_that_nobody_gave_are_missing(world: World) -> None:
    tagged = {
        "StringEquals": {"aws:ResourceTag/Env": "${aws:PrincipalTag/Env}"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    }
    text = policy(allow(Condition=tagged))
    (result,) = custom(world, text)
    assert result["EvalDecision"] == "implicitDeny"
    assert result["MissingContextValues"] == ["aws:PrincipalTag/Env", "aws:ResourceTag/Env", "aws:SourceIp"]
    given = [
        entry("AWS:principaltag/Env", "string", "dev"),
        entry("aws:ResourceTag/Env", "string", "dev"),
        entry("aws:SourceIp", "ip", "10.1.2.3"),
    ]
    (result,) = custom(world, text, ContextEntries=given, ResourceArns=[VPC])
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])
    (result,) = custom(world, text, ContextEntries=given[:2], ResourceArns=[VPC])
    assert result["ResourceSpecificResults"][0]["MissingContextValues"] == ["aws:SourceIp"]


@pytest.mark.rule("I89", "I90", "I196a")
@pytest.mark.parametrize(
    ("operator", "key", "bound", "given", "expected"),
    [
        ("NumericLessThan", "aws:MultiFactorAuthAge", "60", entry("aws:MultiFactorAuthAge", "numeric", "59"), "allowed"),
        ("DateLessThan", "aws:CurrentTime", "2026-01-01", entry("aws:CurrentTime", "date", "2027-01-01"), "implicitDeny"),
        ("Bool", "aws:SecureTransport", "true", entry("aws:SecureTransport", "boolean", "TRUE"), "allowed"),
        ("BinaryEquals", "a:b", "AAEC", entry("a:bcde", "binary", "AAEC"), "implicitDeny"),
        (
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            ["a", "b"],
            entry("aws:TagKeys", "stringList", "a", "c"),
            "implicitDeny",
        ),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["a", "b"], entry("aws:TagKeys", "stringList", "a", "c"), "allowed"),
        ("StringEquals", "aws:TagKeys", ["a", "c"], entry("aws:TagKeys", "stringList", "a", "c"), "implicitDeny"),
        ("Null", "aws:TagKeys", "true", entry("aws:TagKeys", "stringList"), "allowed"),
    ],
)
def test_context_entries_are_of_every_type(
    world: World, operator: str, key: str, bound: Any, given: dict[str, Any], expected: str
) -> None:
    text = policy(allow(Condition={operator: {key: bound}}))
    assert decisions(custom(world, text, ContextEntries=[given])) == [expected]


@pytest.mark.rule("I114", "I196a")
def test_a_boundary_allows_nothing_and_is_spoken_of_by_itself(world: World) -> None:
    results = custom(
        world,
        policy(allow("ec2:*")),
        actions=["ec2:DeleteVpc", "ec2:CreateVpc", "sts:AssumeRole"],
        PermissionsBoundaryPolicyInputList=[policy(allow("ec2:Delete*"), allow("sts:*"))],
    )
    assert decisions(results) == ["allowed", "implicitDeny", "implicitDeny"]
    within = [each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for each in results]
    assert within == [True, False, True]
    assert by(results[0]) == [("PolicyInputList.1", "none")]


@pytest.mark.rule("I116", "I196a")
def test_every_level_of_the_organization_must_allow(world: World) -> None:
    levels = [
        {"ServiceControlPolicyInputList": [policy(allow("*"))]},
        {"ServiceControlPolicyInputList": [policy(allow("ec2:Describe*")), policy(allow("ec2:Delete*"))]},
    ]
    results = custom(
        world, policy(allow("*")), actions=["ec2:DeleteVpc", "ec2:CreateVpc"], OrderedOrganizationPolicyInputList=levels
    )
    assert decisions(results) == ["allowed", "implicitDeny"]
    assert [each["OrganizationsDecisionDetail"]["AllowedByOrganizations"] for each in results] == [True, False]


def granting(arn: str = ALICE) -> str:
    return policy({**allow("ec2:DeleteVpc"), "Principal": {"AWS": arn}})


@pytest.mark.rule("I118", "I196a")
def test_a_resources_policy_is_enough_in_the_callers_account(world: World) -> None:
    more = {"ResourcePolicy": granting(), "ResourceArns": [VPC]}
    (result,) = custom(world, policy(allow("sts:*")), CallerArn=ALICE, **more)
    assert (result["EvalDecision"], by(result)) == ("allowed", [("ResourcePolicy", "resource")])
    (result,) = custom(world, policy(allow("sts:*")), CallerArn=ALICE.replace("alice", "bob"), **more)
    assert result["EvalDecision"] == "implicitDeny"


@pytest.mark.rule("I119", "I196a")
def test_across_accounts_both_sides_must_allow(world: World) -> None:
    own, none = policy(allow("ec2:*")), policy(allow("sts:*"))
    for text, theirs, expected, details in (
        (own, granting(), "allowed", {"IAM Policy": "allowed", "Resource Policy": "allowed"}),
        (own, None, "implicitDeny", {"IAM Policy": "allowed", "Resource Policy": "implicitDeny"}),
        (none, granting(), "implicitDeny", {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}),
    ):
        more = {} if theirs is None else {"ResourcePolicy": theirs}
        (result,) = custom(world, text, CallerArn=ALICE, ResourceArns=[VPCB], **more)
        (specific,) = result["ResourceSpecificResults"]
        assert (result["EvalDecision"], result["EvalDecisionDetails"]) == (expected, details)
        assert specific["EvalDecisionDetails"] == details


@pytest.mark.rule("I119", "I196a")
def test_the_owner_counts_where_the_arn_names_none(world: World) -> None:
    bucket = "arn:aws:s3:::notes"
    for owner, expected in ((ACCOUNT, "allowed"), (OTHER, "implicitDeny"), (f"arn:aws:iam::{OTHER}:root", "implicitDeny")):
        text = policy(allow("s3:*"))
        more = {"CallerArn": ALICE, "ResourceArns": [bucket], "ResourceOwner": owner}
        assert decisions(custom(world, text, actions=["s3:GetObject"], **more)) == [expected]
    conditional = policy(allow("s3:*", Condition={"StringEquals": {"aws:ResourceAccount": OTHER}}))
    assert decisions(custom(world, conditional, actions=["s3:GetObject"], ResourceArns=[bucket], ResourceOwner=OTHER)) == [
        "allowed"
    ]


@pytest.mark.rule("I119", "I196a")
def test_what_is_everybodys_is_in_no_other_account(world: World) -> None:
    (result,) = custom(world, policy(allow("iam:*")), actions=["iam:GetPolicy"], CallerArn=ALICE, ResourceArns=[READER])
    assert (result["EvalDecision"], result["EvalDecisionDetails"]) == ("allowed", {})


@pytest.mark.rule("I114", "I116", "I119", "I196a")
def test_details_speak_of_the_boundary_and_end_with_the_organization(world: World) -> None:
    more: dict[str, Any] = {
        "CallerArn": ALICE,
        "ResourceArns": [VPCB],
        "ResourcePolicy": granting(),
        "PermissionsBoundaryPolicyInputList": [policy(allow("sts:*"))],
    }
    (result,) = custom(world, policy(allow()), **more)
    decided = {"IAM Policy": "allowed", "Resource Policy": "allowed", "Permissions Boundary Policy": "implicitDeny"}
    assert (result["EvalDecision"], result["EvalDecisionDetails"]) == ("implicitDeny", decided)
    denied = [{"ServiceControlPolicyInputList": [policy(allow("*"), deny("ec2:*"))]}]
    (result,) = custom(world, policy(allow()), **more, OrderedOrganizationPolicyInputList=denied)
    assert (result["EvalDecision"], "EvalDecisionDetails" in result) == ("explicitDeny", False)
    assert result["MatchedStatements"] == []


@pytest.mark.rule("I95", "I97", "I196a")
def test_the_callers_arn_says_who_it_is(world: World) -> None:
    own = policy(allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"))
    more = {"actions": ["iam:GetUser"], "ResourceArns": [ALICE]}
    assert decisions(custom(world, own, CallerArn=ALICE, **more)) == ["allowed"]
    assert decisions(custom(world, own, CallerArn=ALICE.replace("alice", "bob"), **more)) == ["implicitDeny"]
    (result,) = custom(world, own, **more)
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:username"])


@pytest.mark.rule("I196a", "I197")
def test_results_come_in_pages(world: World) -> None:
    actions = [f"ec2:Describe{number}" for number in range(5)]
    pages = world.root().get_paginator("simulate_custom_policy")
    asked = {"PolicyInputList": [policy(allow())], "ActionNames": actions}
    found = [
        [each["EvalActionName"] for each in page["EvaluationResults"]]
        for page in pages.paginate(**asked, PaginationConfig={"PageSize": 2})
    ]
    assert found == [actions[:2], actions[2:4], actions[4:]]


INSTANCE = [
    f"arn:aws:ec2:us-east-1:{ACCOUNT}:{each}/*" for each in ("instance", "image", "security-group", "network-interface")
]


@pytest.mark.rule("I196a", "I197")
def test_a_page_is_shorter_where_each_action_has_many_resources(world: World) -> None:
    many, actions = [VPC.replace("0aaa", f"{number:04x}") for number in range(1_000)], [f"ec2:Describe{n}" for n in range(7)]
    answer = world.root().simulate_custom_policy(PolicyInputList=[policy(allow())], ActionNames=actions, ResourceArns=many)
    assert ([each["EvalActionName"] for each in answer["EvaluationResults"]], answer["IsTruncated"]) == (actions[:3], True)
    assert [len(each["ResourceSpecificResults"]) for each in answer["EvaluationResults"]] == [1_000] * 3


@pytest.mark.rule("I196a")
def test_a_simulation_that_would_never_end_is_refused(world: World) -> None:
    many, heavy = [VPC.replace("0aaa", f"{number:04x}") for number in range(1_000)], policy(*[deny("ec2:*", VPC)] * 500)
    wrong = {"PolicyInputList": [heavy] * 4, "ActionNames": ["ec2:DeleteVpc"], "ResourceArns": many}
    assert refusal(world.root().simulate_custom_policy, **wrong)[:2] == (400, "InvalidInput")


@pytest.mark.rule("I196a")
def test_a_scenario_has_all_its_resources(world: World) -> None:
    asked = {"actions": ["ec2:RunInstances"], "ResourceHandlingOption": "EC2-VPC-InstanceStore"}
    assert decisions(custom(world, policy(allow()), ResourceArns=INSTANCE, **asked)) == ["allowed"]


GOOD = {"PolicyInputList": [policy(allow())], "ActionNames": ["ec2:DeleteVpc"]}


@pytest.mark.rule("I196a", "I198")
@pytest.mark.parametrize(
    "wrong",
    [
        {"PolicyInputList": ["{}"]},
        {"PolicyInputList": [granting()]},
        {"PermissionsBoundaryPolicyInputList": [policy(allow())] * 2},
        {"OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": ["nonsense"]}]},
        {"ActionNames": ["ec2:Describe*"]},
        {"ActionNames": ["DeleteVpc"]},
        {"ResourceArns": ["vpc-0aaa"]},
        {"ResourcePolicy": granting()},
        {"ResourcePolicy": policy(allow()), "CallerArn": ALICE},
        {"ResourcePolicy": granting(), "CallerArn": f"arn:aws:iam::{ACCOUNT}:role/net"},
        {"ResourceOwner": "nobody"},
        {"CallerArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/net/work"},
        {"CallerArn": f"arn:aws:iam::{ACCOUNT}:root"},
        {"ResourceHandlingOption": "EC2-Moon"},
        {"ResourceHandlingOption": "EC2-VPC-EBS", "ResourceArns": INSTANCE},
        {"ContextEntries": [{"ContextKeyName": "aws:TagKeys", "ContextKeyValues": ["a"]}]},
        {"ContextEntries": [{"ContextKeyType": "string", "ContextKeyValues": ["a"]}]},
        {"ContextEntries": [entry("tagkeys", "string", "a")]},
        {"ContextEntries": [entry("aws:SourceIp", "ip", "10.0.0.0"), entry("aws:sourceip", "ip", "10.0.0.1")]},
        {"ContextEntries": [entry("aws:TagKeys", "string", "a", "b")]},
        {"ContextEntries": [entry("aws:SourceIp", "ip", "10.0.0")]},
        {"ContextEntries": [entry("aws:CurrentTime", "dateList", "2026-01-01", "today")]},
        {"ContextEntries": [entry("aws:MultiFactorAuthAge", "numeric", "nan")]},
        {"ContextEntries": [entry("aws:SecureTransport", "boolean", "yes")]},
        {"ContextEntries": [entry("a:bcde", "binary", "?")]},
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert refusal(world.root().simulate_custom_policy, **{**GOOD, **wrong})[:2] == (400, "InvalidInput")


# --- a principal's policies -------------------------------------------------------------------------------------------


@pytest.mark.rule("I111", "I196a")
def test_a_users_own_attached_and_lent_policies_count(world: World) -> None:
    alice(world)
    results = principal(world, "ec2:CreateVpc", "ec2:DeleteVpc", "ec2:DescribeVpcs", "iam:ListUsers")
    assert decisions(results) == ["allowed", "implicitDeny", "allowed", "implicitDeny"]
    assert [by(each) for each in results] == [
        [("user_alice_own", "user")], [], [("AmazonVPCReadOnlyAccess", "aws-managed")], [],
    ]  # fmt: skip
    (result,) = principal(world, "ec2:DeleteVpc", ResourceArns=[VPC])
    assert (result["EvalDecision"], by(result)) == ("allowed", [("group_crew_lent", "group")])


@pytest.mark.rule("I111", "I196a")
def test_groups_and_roles_are_simulated_too(world: World) -> None:
    iam = alice(world)
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}})
    iam.create_role(RoleName="net", Path="/ops/", AssumeRolePolicyDocument=trust)
    own = iam.create_policy(PolicyName="lend", PolicyDocument=policy(allow()))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="net", PolicyArn=own)
    (result,) = principal(world, "ec2:CreateVpc", arn=f"arn:aws:iam::{ACCOUNT}:role/ops/net")
    assert by(result) == [("lend", "user-managed")]
    assert decisions(principal(world, "ec2:CreateVpc", arn=f"arn:aws:iam::{ACCOUNT}:group/crew")) == ["implicitDeny"]


@pytest.mark.rule("I112", "I196a")
def test_more_policies_can_be_tried_on_a_user(world: World) -> None:
    alice(world)
    (result,) = principal(world, "ec2:CreateVpc", PolicyInputList=[policy(deny("ec2:Create*"))])
    assert (result["EvalDecision"], by(result)) == ("explicitDeny", [("PolicyInputList.1", "none")])


@pytest.mark.rule("I114", "I196a")
def test_a_users_boundary_counts_until_another_is_tried(world: World) -> None:
    iam = alice(world)
    assert "PermissionsBoundaryDecisionDetail" not in principal(world, "ec2:CreateVpc")[0]
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=READER)
    assert decisions(principal(world, "ec2:CreateVpc", "ec2:DescribeVpcs")) == ["implicitDeny", "allowed"]
    other: dict[str, Any] = {"PermissionsBoundaryPolicyInputList": [policy(allow("ec2:Create*"))]}
    assert decisions(principal(world, "ec2:CreateVpc", "ec2:DescribeVpcs", **other)) == ["allowed", "implicitDeny"]
    gone: dict[str, Any] = {"PolicyExclusionList": [{"PolicyType": "permission-boundary"}]}
    assert decisions(principal(world, "ec2:CreateVpc", "ec2:DescribeVpcs", **gone)) == ["allowed", "allowed"]


@pytest.mark.rule("I116", "I196a")
def test_the_accounts_service_control_policies_count(world: World) -> None:
    alice(world)
    read = {"name": "OnlyRead", "document": json.loads(policy(allow("ec2:Describe*")))}
    start = checking.checked(
        {
            "organization": {
                "policies": [read],
                "service_control_policies": ["OnlyRead"],
            },
            "accounts": [{"id": ACCOUNT, "name": "network"}],
        }
    )
    world.server.store.run_now(Kind.WRITE, lambda unit: applying.apply(unit, start))
    results = principal(world, "ec2:CreateVpc", "ec2:DescribeVpcs")
    assert decisions(results) == ["implicitDeny", "allowed"]
    assert [each["OrganizationsDecisionDetail"]["AllowedByOrganizations"] for each in results] == [False, True]
    (result,) = principal(world, "ec2:CreateVpc", PolicyExclusionList=[{"PolicyType": "scp"}])
    assert (result["EvalDecision"], "OrganizationsDecisionDetail" in result) == ("allowed", False)


OWN = {"PolicyName": "own", "AttachmentType": "user", "AttachmentName": "Alice"}
LENT = {"PolicyName": "lent", "AttachmentType": "group", "AttachmentName": "crew"}


@pytest.mark.rule("I196a")
@pytest.mark.parametrize(
    ("excluded", "left"),
    [
        ({"PolicyType": "inline"}, [False, True]),
        ({"PolicyType": "aws-managed"}, [True, False]),
        ({"PolicyType": "user-managed"}, [True, True]),
        ({"PolicyType": "rcp"}, [True, True]),
        ({"PolicyArn": READER}, [True, False]),
        ({"PolicyArn": "arn:aws:iam::aws:policy/Amazon*ReadOnlyAcces?"}, [True, False]),
        ({"PolicyArn": "arn:aws:iam::aws:policy/*FullAccess"}, [True, True]),
        ({"InlinePolicyIdentifier": OWN}, [False, True]),
        ({"InlinePolicyIdentifier": LENT}, [True, True]),
    ],
)
def test_a_policy_can_be_thought_away(world: World, excluded: dict[str, Any], left: list[bool]) -> None:
    alice(world)
    results = principal(world, "ec2:CreateVpc", "ec2:DescribeVpcs", PolicyExclusionList=[excluded])
    assert [each == "allowed" for each in decisions(results)] == left


@pytest.mark.rule("I196a", "I198")
@pytest.mark.parametrize(
    "wrong", ["arn:aws:iam::aws:policy*/Reader", "arn:aws:iam::aws:policy/*Reader*", "arn:aws:iam::aws:user/Reader"]
)
def test_an_exclusion_that_cannot_be_meant_is_refused(world: World, wrong: str) -> None:
    alice(world)
    asked = {"PolicySourceArn": ALICE, "ActionNames": ["ec2:CreateVpc"], "PolicyExclusionList": [{"PolicyArn": wrong}]}
    assert refusal(world.root().simulate_principal_policy, **asked)[:2] == (400, "InvalidInput")


@pytest.mark.rule("I196a", "I198")
@pytest.mark.parametrize(
    ("arn", "refused"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/nobody", (404, "NoSuchEntity")),
        (f"arn:aws:iam::{ACCOUNT}:user/path/alice", (404, "NoSuchEntity")),
        (f"arn:aws:iam::{OTHER}:user/alice", (404, "NoSuchEntity")),
        (READER, (400, "InvalidInput")),
        ("alice, who is a user", (400, "InvalidInput")),
    ],
)
def test_only_the_accounts_own_can_be_simulated(world: World, arn: str, refused: tuple[int, str]) -> None:
    alice(world)
    for call, more in (
        ("simulate_principal_policy", {"ActionNames": ["a:b"]}),
        ("get_context_keys_for_principal_policy", {}),
    ):
        assert refusal(getattr(world.root(), call), PolicySourceArn=arn, **more)[:2] == refused


@pytest.mark.rule("I196a")
def test_who_may_simulate_one_may_not_simulate_another(world: World) -> None:
    key = world.user("carol")
    alice(world)
    text = policy(allow("iam:SimulatePrincipalPolicy", f"arn:aws:iam::{ACCOUNT}:user/carol"))
    world.root().put_user_policy(UserName="carol", PolicyName="self", PolicyDocument=text)
    iam = world.of(key)
    iam.simulate_principal_policy(PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/carol", ActionNames=["ec2:CreateVpc"])
    assert refusal(iam.simulate_principal_policy, PolicySourceArn=ALICE, ActionNames=["ec2:CreateVpc"])[1] == "AccessDenied"
    assert refusal(iam.simulate_custom_policy, **GOOD)[1] == "AccessDenied"


@pytest.mark.rule("I196a")
def test_a_simulation_foretells_what_a_call_gets(world: World) -> None:
    key = world.user()
    world.root().put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=policy(allow("ec2:Describe*")))
    assert decisions(principal(world, "ec2:DescribeVpcs", "ec2:CreateVpc")) == ["allowed", "implicitDeny"]
    ec2 = world.of(key, "ec2")
    ec2.describe_vpcs()
    assert refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16")[1] == "UnauthorizedOperation"


# --- which keys policies ask for --------------------------------------------------------------------------------------


@pytest.mark.rule("I91", "I196a")
def test_the_keys_that_policies_ask_for_are_listed_once(world: World) -> None:
    iam = alice(world)
    wanted = {"aws:ResourceTag/Env": "${aws:username}", "ec2:Region": "us-east-1"}
    asking = policy(allow(Condition={"StringEquals": wanted}))
    again = policy(allow(Condition={"StringLike": {"EC2:region": "us-*"}}))
    named = iam.get_context_keys_for_custom_policy(PolicyInputList=[again, asking])["ContextKeyNames"]
    assert named == ["aws:ResourceTag/Env", "aws:username", "ec2:Region"]
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=ALICE)["ContextKeyNames"] == []
    iam.put_group_policy(GroupName="crew", PolicyName="asking", PolicyDocument=again)
    answer = iam.get_context_keys_for_principal_policy(PolicySourceArn=ALICE, PolicyInputList=[policy(allow())])
    assert answer["ContextKeyNames"] == ["EC2:region"]
    assert refusal(iam.get_context_keys_for_custom_policy, PolicyInputList=["{}"])[:2] == (400, "InvalidInput")
