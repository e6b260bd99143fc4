"""Which function is which action."""

from types import ModuleType

import pytest

from isthmus.actions import registry
from isthmus.store.api import Kind
from isthmus.wire import services


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("DescribeVpcs", "describe_vpcs"),
        ("CreateVpcPeeringConnection", "create_vpc_peering_connection"),
        ("GetAccessKeyInfo", "get_access_key_info"),
        ("ListMFADevices", "list_mfa_devices"),
        ("ListSSHPublicKeys", "list_ssh_public_keys"),
    ],
)
def test_a_function_is_the_action_of_its_name(action: str, name: str) -> None:
    assert registry.snake_case(action) == name


@pytest.mark.parametrize("service", ["ec2", "iam", "sts"])
def test_every_listed_action_has_its_function_and_no_other_is_public(service: str) -> None:
    found = registry.collect(service)
    assert found.keys() == services.tables(service).actions.keys()
    assert all(registry.snake_case(action) == function.__name__ for action, function in found.items())


def test_a_function_without_an_action_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def describe_nothing() -> None: ...

    module = ModuleType("isthmus.actions.ec2.stray")
    describe_nothing.__module__ = module.__name__
    module.describe_nothing = describe_nothing  # type: ignore[attr-defined]  # a made-up module
    monkeypatch.setattr(registry, "_modules", lambda _: [module])
    registry.collect.cache_clear()
    with pytest.raises(LookupError, match="describe_nothing"):
        registry.collect("ec2")
    registry.collect.cache_clear()


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("DescribeVpcs", Kind.READ),
        ("GetCallerIdentity", Kind.READ),
        ("ListUsers", Kind.READ),
        ("CreateVpc", Kind.WRITE),
        ("ModifyVpcAttribute", Kind.WRITE),
        ("Redescribe", Kind.WRITE),
        ("", Kind.WRITE),
    ],
)
def test_only_actions_that_begin_so_are_reads(action: str, kind: Kind) -> None:
    assert registry.kind_of(action) is kind
