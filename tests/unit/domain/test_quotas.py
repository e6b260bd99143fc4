"""Quotas: the documented numbers, ours, and setting them."""

import pytest
from msgspec.structs import asdict

from isthmus.domain import quotas
from isthmus.domain.errors import OVER_QUOTA
from isthmus.domain.quotas import ABOUT, DEFAULT, DOCUMENTED, Quotas

PEERING_AND_VPC = {
    "active_peerings_per_vpc": 50,
    "outstanding_peerings_per_vpc": 25,
    "cidr_blocks_per_vpc": 5,
    "ipv6_blocks_per_vpc": 5,
    "tags_per_resource": 50,
}
INVENTORY = {
    "vpcs_per_region": 5,
    "subnets_per_vpc": 200,
    "route_tables_per_vpc": 200,
    "routes_per_table": 50,
    "security_groups_per_region": 2500,
    "rules_per_security_group": 60,
    "security_groups_per_interface": 5,
    "network_acls_per_vpc": 200,
    "network_acl_entries": 20,
    "internet_gateways_per_region": 5,
    "network_interfaces_per_region": 5000,
}


@pytest.mark.rule("S525")
def test_the_documented_quotas_are_the_services_own() -> None:
    assert asdict(DOCUMENTED) == PEERING_AND_VPC | INVENTORY


def test_more_inventory_leaves_peering_and_blocks_alone() -> None:
    small = Quotas(**dict.fromkeys(PEERING_AND_VPC, 2), **dict.fromkeys(INVENTORY, 3))
    more = quotas._with_more_inventory(small)
    assert asdict(more) == dict.fromkeys(PEERING_AND_VPC, 2) | dict.fromkeys(INVENTORY, 300)


def test_the_default_has_a_hundred_times_the_inventory_and_nothing_else() -> None:
    assert asdict(DEFAULT) == PEERING_AND_VPC | {name: value * 100 for name, value in INVENTORY.items()}


def test_every_quota_says_its_rule_and_what_it_counts() -> None:
    assert set(ABOUT) == set(Quotas.__struct_fields__)
    assert {name for name, about in ABOUT.items() if about.rule == "S525"} == set(INVENTORY)
    assert {name: about.rule for name, about in ABOUT.items() if about.rule != "S525"} == {
        "active_peerings_per_vpc": "S243",
        "outstanding_peerings_per_vpc": "S243",
        "cidr_blocks_per_vpc": "S519",
        "ipv6_blocks_per_vpc": "S523",
        "tags_per_resource": "S596",
    }
    assert all(len(about.meaning.split()) > 2 for about in ABOUT.values())


def test_every_wording_belongs_to_a_quota() -> None:
    assert set(OVER_QUOTA) <= set(ABOUT)


@pytest.mark.rule("S525")
@pytest.mark.parametrize("name", PEERING_AND_VPC | INVENTORY)
def test_each_quota_can_be_set_by_its_name(name: str) -> None:
    changed = DEFAULT.with_overrides({name: 0})
    assert asdict(changed) == asdict(DEFAULT) | {name: 0}


def test_no_overrides_change_nothing() -> None:
    assert DEFAULT.with_overrides({}) == DEFAULT


def test_setting_quotas_leaves_the_table_alone() -> None:
    before = asdict(DEFAULT)
    assert DEFAULT.with_overrides({"vpcs_per_region": 1, "subnets_per_vpc": 2}).subnets_per_vpc == 2
    assert asdict(DEFAULT) == before


def refusal(overrides: dict[str, int]) -> str:
    with pytest.raises(ValueError, match="quota") as refused:
        DEFAULT.with_overrides(overrides)
    return str(refused.value)


def test_an_unknown_name_is_answered_with_the_one_that_was_meant() -> None:
    assert refusal({"vpc_per_region": 1}) == "There is no quota 'vpc_per_region': did you mean vpcs_per_region?"


def test_a_name_like_no_other_is_answered_with_all_of_them() -> None:
    assert refusal({"zzz": 1}) == (
        "There is no quota 'zzz': known quotas are active_peerings_per_vpc, outstanding_peerings_per_vpc, "
        "cidr_blocks_per_vpc, ipv6_blocks_per_vpc, tags_per_resource, vpcs_per_region, subnets_per_vpc, "
        "route_tables_per_vpc, routes_per_table, security_groups_per_region, rules_per_security_group, "
        "security_groups_per_interface, network_acls_per_vpc, network_acl_entries, internet_gateways_per_region, "
        "network_interfaces_per_region."
    )


def test_a_negative_number_is_refused() -> None:
    assert refusal({"vpcs_per_region": -1}) == "The quota vpcs_per_region must be 0 or more, not -1."
