import re

import pytest

from isthmus.domain import dhcp_options as rules
from isthmus.domain.filters import Filter

ACCOUNT = "111111111111"


@pytest.mark.rule("S594")
def test_the_default_set_has_an_id_like_any_other_and_keeps_it() -> None:
    first = rules.default_id("installation", ACCOUNT, "us-east-1")
    assert re.fullmatch("dopt-[0-9a-f]{17}", first)
    assert rules.default_id("installation", ACCOUNT, "us-east-1") == first
    assert first == "dopt-82430de828284d638"


@pytest.mark.rule("S594", "S508")
def test_the_id_differs_by_installation_account_and_region() -> None:
    ids = {
        rules.default_id(installation, account, region)
        for installation in ("one", "two")
        for account in (ACCOUNT, "222222222222")
        for region in ("us-east-1", "us-east-2")
    }
    assert len(ids) == 8


@pytest.mark.rule("S594")
@pytest.mark.parametrize(
    ("region", "domain_name"),
    [
        ("us-east-1", "ec2.internal"),
        ("us-east-2", "us-east-2.compute.internal"),
        ("eu-west-1", "eu-west-1.compute.internal"),
    ],
)
def test_the_default_set_names_the_regions_domain_and_the_services_resolver(region: str, domain_name: str) -> None:
    default = rules.default_set("installation", ACCOUNT, region)
    assert default.id == rules.default_id("installation", ACCOUNT, region)
    assert (default.account, default.region) == (ACCOUNT, region)
    assert default.configurations == (
        ("domain-name", (domain_name,)),
        ("domain-name-servers", ("AmazonProvidedDNS",)),
    )


@pytest.mark.rule("S577")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", "domain-name"),
        ("key", "domain-name-servers"),
        ("owner-id", ACCOUNT),
        ("value", "ec2.internal"),
        ("value", "AmazonProvidedDNS"),
        ("dhcp-options-id", rules.default_id("installation", ACCOUNT, "us-east-1")),
    ],
)
def test_each_filter_matches_its_own_value(name: str, value: str) -> None:
    default = rules.default_set("installation", ACCOUNT, "us-east-1")
    assert rules.FILTERS.compile([Filter(name, (value,))])(default, {})
    assert not rules.FILTERS.compile([Filter(name, (f"x{value}",))])(default, {})
