"""The vendor's managed policies: each grants what its name says for the services that are spoken here, and no more."""

import pytest

from isthmus.actions.registry import WRITES
from isthmus.domain.iam import vendor
from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.policy.context import Context
from isthmus.policy.document import Effect
from isthmus.wire import services

ACTIONS = sorted(f"{name}:{action}" for name in ("ec2", "iam", "sts") for action in services.tables(name).actions)
READS = ("Describe", "Get", "List", "Search", "Simulate")


def granted(name: str) -> set[str]:
    """The spoken actions that a policy allows on anything."""
    policy = vendor.named(name)
    assert policy is not None
    statements = compiled.load(vendor.document(policy.id)).statements
    assert all(each.statement.effect is Effect.ALLOW for each in statements)
    return {
        action
        for action in ACTIONS
        if any(each.covers_action(action.lower()) and each.applies(None, Context()) for each in statements)
    }


def reads(*names: str) -> set[str]:
    spoken = [each.split(":") for each in sorted(all_of(*names))]
    return {f"{name}:{action}" for name, action in spoken if action.startswith(READS) and action not in WRITES}


def all_of(*names: str) -> set[str]:
    return {each for each in ACTIONS if each.split(":")[0] in names}


@pytest.mark.rule("I195")
@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("AdministratorAccess", set(ACTIONS)),
        ("PowerUserAccess", all_of("ec2", "sts") | {"iam:ListRoles"}),
        ("ReadOnlyAccess", reads("ec2", "iam", "sts")),
        ("IAMFullAccess", all_of("iam")),
        ("IAMReadOnlyAccess", reads("iam")),
        ("AmazonEC2FullAccess", all_of("ec2")),
        ("AmazonEC2ReadOnlyAccess", reads("ec2")),
        ("AmazonVPCFullAccess", all_of("ec2")),
        ("AmazonVPCReadOnlyAccess", reads("ec2")),
    ],
)
def test_a_policy_grants_what_its_name_says_of_what_is_spoken(name: str, actions: set[str]) -> None:
    assert granted(name) == actions, f"what {name} allows stands in domain/iam/vendor.py"


@pytest.mark.rule("I195")
@pytest.mark.parametrize(
    "name", ["AmazonVPCCrossAccountNetworkInterfaceOperations", "AmazonVPCReachabilityAnalyzerFullAccessPolicy"]
)
def test_the_narrow_policies_change_no_connection(name: str) -> None:
    assert {each for each in granted(name) if "Peering" in each} <= {"ec2:DescribeVpcPeeringConnections"}
    assert granted(name) <= all_of("ec2")


@pytest.mark.rule("I51", "I55", "I195")
@pytest.mark.parametrize("name", sorted(vendor.POLICIES))
def test_each_document_could_be_saved_as_a_managed_policy(name: str) -> None:
    policy = vendor.named(name)
    assert policy is not None
    compiled.validate(vendor.document(policy.id), Kind.MANAGED)


@pytest.mark.rule("I2")
def test_each_policy_has_an_id_of_its_own_that_stays() -> None:
    ids = [each.id for each in vendor.policies()]
    assert len(set(ids)) == len(vendor.POLICIES)
    assert all(each.startswith("ANPA") and len(each) == 21 for each in ids)
    assert vendor.by_id()[ids[0]].name == "AdministratorAccess"
    assert ids[0] == "ANPAQDSSVDON6G5PZ7MQE", "what is attached refers to it"
