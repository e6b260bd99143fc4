import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from isthmus.domain import vpc as rules
from isthmus.domain.cidr import Prefix
from isthmus.domain.errors import ApiError
from isthmus.domain.filters import Filter
from isthmus.domain.vpc import AddressRequest, Vpc, VpcCidrBlock, VpcWithBlocks

ID = "vpc-0123456789abcdef0"


def vpc(**changes: object) -> Vpc:
    base = Vpc(
        id=ID,
        account="111111111111",
        region="us-east-1",
        dhcp_options_id="dopt-0123456789abcdef0",
        instance_tenancy="default",
        is_default=False,
        enable_dns_support=True,
        enable_dns_hostnames=False,
        enable_network_address_usage_metrics=False,
        created_at=0,
    )
    return replace(base, **changes)


def block(text: str, number: int = 1, *, primary: bool = False) -> VpcCidrBlock:
    prefix = Prefix.parse(text)
    six = prefix.version == 6
    return VpcCidrBlock(
        id=f"vpc-cidr-assoc-{number:017x}",
        account="111111111111",
        region="us-east-1",
        vpc_id=ID,
        prefix=prefix,
        is_primary=primary,
        ipv6_pool="Amazon" if six else "",
        network_border_group="us-east-1" if six else "",
        seq=number,
    )


def prefixes(*texts: str) -> list[Prefix]:
    return [Prefix.parse(text) for text in texts]


def refusal(error: pytest.ExceptionInfo[ApiError]) -> tuple[str, str]:
    return error.value.code, error.value.message


def restricted(text: str) -> tuple[str, str]:
    return (
        "InvalidVpc.Range",
        (
            f"The CIDR '{text}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, "
            "or use a publicly-routable CIDR. For additional restrictions, see "
            "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
        ),
    )


# Blocks


@pytest.mark.rule("S514")
def test_host_bits_are_cleared_not_refused() -> None:
    assert str(rules.parse_ipv4("100.68.0.18/18")) == "100.68.0.0/18"


@pytest.mark.rule("S512")
@pytest.mark.parametrize("text", ["10.0.0.0/16", "10.0.0.0/28"])
def test_blocks_of_16_to_28_bits_are_accepted(text: str) -> None:
    assert str(rules.parse_ipv4(text)) == text


@pytest.mark.rule("S512")
@pytest.mark.parametrize("text", ["10.0.0.0/15", "10.0.0.7/29"])
def test_larger_and_smaller_blocks_are_refused_in_the_callers_words(text: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.parse_ipv4(text)
    assert refusal(error) == ("InvalidVpc.Range", f"The CIDR '{text}' is invalid.")


@pytest.mark.rule("S513")
@pytest.mark.parametrize("text", ["10.0.0.0", "ten/16", "10.0.0.0/33", "2600:1f00::/56", "10.0.0.256/24"])
def test_what_is_not_an_ipv4_block_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.parse_ipv4(text)
    assert refusal(error) == (
        "InvalidParameterValue",
        f"Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
    )


@pytest.mark.rule("S515")
@pytest.mark.parametrize("text", ["10.0.0.0/16", "8.8.8.0/24", "100.64.0.0/16", "198.19.0.0/16"])
def test_any_range_may_be_the_primary_block(text: str) -> None:
    assert str(rules.primary_prefix(AddressRequest(cidr_block=text))) == text


@pytest.mark.parametrize("text", [None, ""])
def test_a_vpc_needs_an_ipv4_block(text: str | None) -> None:
    with pytest.raises(ApiError) as error:
        rules.primary_prefix(AddressRequest(cidr_block=text, amazon_provided_ipv6_cidr_block=True))
    assert refusal(error) == ("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")


@pytest.mark.rule("S520")
@pytest.mark.parametrize(
    ("held", "added"),
    [
        (["10.0.0.0/16"], "10.2.0.0/16"),
        (["10.2.0.0/16"], "10.0.0.0/16"),
        (["10.0.0.0/16"], "10.1.0.0/16"),
        (["10.0.0.0/16"], "8.8.0.0/16"),
        (["10.0.0.0/16"], "100.64.0.0/16"),
        (["10.0.0.0/16"], "198.18.0.0/16"),
        (["10.0.0.0/16"], "172.32.0.0/16"),
        (["172.16.0.0/16"], "172.30.0.0/16"),
        (["172.31.0.0/24"], "172.30.0.0/16"),
        (["192.168.0.0/24"], "192.168.1.0/24"),
        (["198.19.0.0/24"], "198.19.1.0/24"),
        (["8.8.0.0/16"], "9.9.0.0/16"),
        (["100.64.0.0/16"], "100.65.0.0/16"),
        (["8.8.0.0/16"], "169.253.0.0/16"),
    ],
)
def test_a_block_may_join_its_own_family_and_public_ranges_any(held: list[str], added: str) -> None:
    rules.check_added(Prefix.parse(added), prefixes(*held))


@pytest.mark.rule("S520", "S521")
@pytest.mark.parametrize(
    ("held", "added"),
    [
        (["10.0.0.0/16"], "172.16.0.0/16"),
        (["10.0.0.0/16"], "192.168.0.0/16"),
        (["10.0.0.0/16"], "198.19.0.0/16"),
        (["10.1.0.0/16"], "10.0.0.0/24"),
        (["10.1.0.0/16"], "10.0.0.0/16"),
        (["10.1.0.0/16"], "10.0.255.0/24"),
        (["10.5.0.0/16", "10.1.128.0/24"], "10.0.0.0/16"),
        (["172.16.0.0/16"], "10.0.0.0/16"),
        (["172.16.0.0/16"], "192.168.0.0/16"),
        (["172.16.0.0/16"], "198.19.0.0/16"),
        (["172.16.0.0/16"], "172.31.0.0/16"),
        (["172.16.0.0/16"], "172.31.255.0/24"),
        (["192.168.0.0/24"], "10.0.0.0/16"),
        (["192.168.0.0/24"], "172.16.0.0/16"),
        (["192.168.0.0/24"], "198.19.0.0/16"),
        (["198.19.0.0/24"], "10.0.0.0/16"),
        (["198.19.0.0/24"], "172.16.0.0/16"),
        (["198.19.0.0/24"], "192.168.0.0/16"),
        (["8.8.0.0/16"], "10.0.0.0/16"),
        (["8.8.0.0/16"], "172.16.0.0/16"),
        (["8.8.0.0/16"], "192.168.0.0/16"),
        (["100.64.0.0/16"], "198.19.0.0/16"),
        (["10.0.0.0/16"], "169.254.0.0/16"),
        (["8.8.0.0/16"], "169.254.7.0/24"),
        # A family is that of the primary block, whatever the others are.
        (["10.0.0.0/16", "8.8.0.0/16"], "172.16.0.0/16"),
        (["8.8.0.0/16", "9.9.0.0/16"], "10.0.0.0/16"),
    ],
)
def test_blocks_of_another_family_and_reserved_ranges_are_restricted(held: list[str], added: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_added(Prefix.parse(added), prefixes(*held))
    assert refusal(error) == restricted(added)


@pytest.mark.rule("S520", "S521")
@pytest.mark.parametrize("added", ["10.0.0.0/16", "10.0.3.0/24", "10.9.0.0/24"])
def test_a_block_may_not_overlap_the_vpcs_own(added: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_added(Prefix.parse(added), prefixes("10.0.0.0/16", "10.9.0.0/16"))
    assert refusal(error) == ("InvalidVpc.Range", f"The CIDR '{added}' conflicts with one of the VPC's CIDRs")


@pytest.mark.rule("S519")
def test_an_associated_ipv4_block_is_read_like_a_primary_one() -> None:
    assert rules.added_prefix(AddressRequest(cidr_block="10.1.0.7/16")) == Prefix.parse("10.1.0.0/16")


@pytest.mark.rule("S523")
def test_an_amazon_provided_ipv6_block_has_no_ipv4_block() -> None:
    assert rules.added_prefix(AddressRequest(amazon_provided_ipv6_cidr_block=True)) is None


def test_one_association_adds_one_block() -> None:
    with pytest.raises(ApiError) as error:
        rules.added_prefix(AddressRequest(cidr_block="10.1.0.0/16", amazon_provided_ipv6_cidr_block=True))
    assert refusal(error) == (
        "InvalidParameterCombination",
        "The parameter cidrBlock cannot be used with the parameter amazonProvidedIpv6CidrBlock",
    )


@pytest.mark.parametrize(
    "request_", [AddressRequest(), AddressRequest(amazon_provided_ipv6_cidr_block=False), AddressRequest(cidr_block="")]
)
def test_an_association_without_a_block_is_refused(request_: AddressRequest) -> None:
    with pytest.raises(ApiError) as error:
        rules.added_prefix(request_)
    assert refusal(error) == (
        "MissingParameter",
        "Either 'cidrBlock' or 'amazonProvidedIpv6CidrBlock' should be provided.",
    )


@pytest.mark.rule("S522")
def test_the_primary_block_stays() -> None:
    rules.check_disassociation(block("10.1.0.0/16"))
    with pytest.raises(ApiError) as error:
        rules.check_disassociation(block("10.0.0.0/16", 7, primary=True))
    assert refusal(error) == (
        "OperationNotPermitted",
        (
            "The vpc CIDR block with association ID vpc-cidr-assoc-00000000000000007 may not be disassociated. "
            "It is the primary IPv4 CIDR block of the VPC"
        ),
    )


@pytest.mark.rule("S523")
@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ("00000000", "2600:1f00::/56"),
        ("ffffffff", "2600:1fff:ffff:ff00::/56"),
        ("12345678", "2600:1f12:3456:7800::/56"),
    ],
)
def test_drawn_digits_name_an_ipv6_block(drawn: str, text: str) -> None:
    assert str(rules.amazon_ipv6_prefix(drawn)) == text


@pytest.mark.rule("S523")
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_two_draws_give_the_same_block_or_blocks_apart(one: int, other: int) -> None:
    first, second = (rules.amazon_ipv6_prefix(f"{number:08x}") for number in (one, other))
    assert first.overlaps(second) is (one == other)
    assert first.length == 56
    assert Prefix.parse("2600:1f00::/24").contains(first)


def test_the_primary_block_comes_first_then_the_oldest() -> None:
    blocks = [block("10.3.0.0/16", 3), block("2600:1f00::/56", 2), block("10.0.0.0/16", 5, primary=True)]
    assert [b.seq for b in rules.in_order(blocks)] == [5, 2, 3]


def test_blocks_part_by_vpc_each_in_order() -> None:
    other = replace(block("10.9.0.0/16", 4, primary=True), vpc_id="vpc-fedcba9876543210f")
    secondary, primary = block("10.3.0.0/16", 3), block("10.0.0.0/16", 5, primary=True)
    assert rules.by_vpc([secondary, other, primary]) == {ID: (primary, secondary), other.vpc_id: (other,)}


def test_blocks_part_by_ip_version() -> None:
    item = VpcWithBlocks(vpc(), (block("10.0.0.0/16", 1, primary=True), block("2600:1f00::/56", 2)))
    assert [b.seq for b in item.ipv4] == [1]
    assert [b.seq for b in item.ipv6] == [2]


# What exists nowhere is refused


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            AddressRequest(ipv4_ipam_pool_id="ipam-pool-1"),
            "InvalidIpamPoolId.NotFound",
            "The ipam-pool ID 'ipam-pool-1' does not exist",
        ),
        (
            AddressRequest(cidr_block="10.0.0.0/16", ipv6_ipam_pool_id="ipam-pool-2"),
            "InvalidIpamPoolId.NotFound",
            "The ipam-pool ID 'ipam-pool-2' does not exist",
        ),
        (
            AddressRequest(ipv6_pool="ipv6pool-ec2-1"),
            "InvalidPoolID.NotFound",
            "The ipv6Pool ID 'ipv6pool-ec2-1' does not exist",
        ),
        (
            AddressRequest(ipv4_netmask_length=20),
            "InvalidParameterCombination",
            "The parameter ipv4NetmaskLength cannot be used without the parameter ipv4IpamPoolId",
        ),
        (
            AddressRequest(ipv6_netmask_length=0),
            "InvalidParameterCombination",
            "The parameter ipv6NetmaskLength cannot be used without the parameter ipv6IpamPoolId",
        ),
        (
            AddressRequest(ipv6_cidr_block="2001:db8::/56"),
            "InvalidParameterCombination",
            "The parameter ipv6CidrBlock cannot be used without the parameter ipv6Pool",
        ),
        (
            AddressRequest(ipv6_cidr_block_network_border_group="us-east-1"),
            "InvalidParameterCombination",
            (
                "The parameter ipv6CidrBlockNetworkBorderGroup cannot be used without the parameter "
                "amazonProvidedIpv6CidrBlock"
            ),
        ),
        (
            AddressRequest(amazon_provided_ipv6_cidr_block=True, ipv6_cidr_block_network_border_group="us-east-1-bos-1"),
            "InvalidParameterValue",
            (
                "Value (us-east-1-bos-1) for parameter ipv6CidrBlockNetworkBorderGroup is invalid. "
                "The network border group is not known."
            ),
        ),
    ],
)
def test_pools_and_border_groups_that_do_not_exist_are_refused(request_: AddressRequest, code: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_address_request(request_, "us-east-1")
    assert refusal(error) == (code, message)


@pytest.mark.parametrize(
    "request_",
    [
        AddressRequest(cidr_block="10.0.0.0/16"),
        AddressRequest(cidr_block="10.0.0.0/16", amazon_provided_ipv6_cidr_block=False),
        AddressRequest(amazon_provided_ipv6_cidr_block=True, ipv6_cidr_block_network_border_group="us-east-1"),
    ],
)
def test_ordinary_requests_pass(request_: AddressRequest) -> None:
    rules.check_address_request(request_, "us-east-1")


@pytest.mark.rule("S511")
@pytest.mark.parametrize(("given_", "kept"), [(None, "default"), ("default", "default"), ("dedicated", "dedicated")])
def test_tenancy_is_default_unless_given(given_: str | None, kept: str) -> None:
    assert rules.check_tenancy(given_) == kept


@pytest.mark.parametrize("given_", ["host", "shared", ""])
def test_other_tenancies_are_refused(given_: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_tenancy(given_)
    assert refusal(error) == (
        "InvalidParameterValue",
        f"Value ({given_}) for parameter instanceTenancy is invalid. Valid values are default, dedicated.",
    )


# Attributes


@pytest.mark.rule("S517")
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("enableDnsSupport", "enable_dns_support"),
        ("enableDnsHostnames", "enable_dns_hostnames"),
        ("enableNetworkAddressUsageMetrics", "enable_network_address_usage_metrics"),
    ],
)
@pytest.mark.parametrize("value", [True, False])
def test_each_attribute_reads_its_own_field(name: str, field: str, value: bool) -> None:
    others = dict.fromkeys(rules.ATTRIBUTES.values(), not value)
    assert rules.attribute(vpc(**{**others, field: value}), name) is value


@pytest.mark.rule("S518")
@pytest.mark.parametrize("value", [True, False])
def test_dns_support_and_hostnames_do_not_change_together(value: bool) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_changes({"enableDnsSupport": True, "enableDnsHostnames": value})
    assert refusal(error) == (
        "InvalidParameterCombination",
        "The parameter enableDnsHostnames cannot be used with the parameter enableDnsSupport",
    )


@pytest.mark.rule("S518")
def test_hostnames_need_dns_support() -> None:
    without = vpc(enable_dns_support=False)
    with pytest.raises(ApiError) as error:
        rules.modify(without, {"enableDnsHostnames": True})
    assert refusal(error) == (
        "InvalidParameterValue",
        (
            f"Value (true) for parameter enableDnsHostnames is invalid. DNS support is disabled for the VPC {ID}; "
            "enable it first."
        ),
    )
    assert rules.modify(without, {"enableDnsHostnames": False}) == without
    assert rules.modify(vpc(), {"enableDnsHostnames": True}) == vpc(enable_dns_hostnames=True)


@pytest.mark.rule("S518")
def test_other_attributes_change_together() -> None:
    changes = {"enableDnsSupport": False, "enableNetworkAddressUsageMetrics": True}
    rules.check_changes(changes)
    rules.check_changes({"enableDnsHostnames": True, "enableNetworkAddressUsageMetrics": True})
    changed = rules.modify(vpc(), changes)
    assert changed == vpc(enable_dns_support=False, enable_network_address_usage_metrics=True)


def test_modify_needs_an_attribute() -> None:
    with pytest.raises(ApiError) as error:
        rules.check_changes({})
    assert refusal(error) == ("MissingParameter", "The request must contain one of the attributes to modify")


# Quotas


@pytest.mark.rule("S525")
def test_the_vpc_after_the_last_allowed_is_refused() -> None:
    rules.check_vpc_count(1, 2)
    for held in (2, 3):
        with pytest.raises(ApiError) as error:
            rules.check_vpc_count(held, 2)
        assert refusal(error) == ("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


@pytest.mark.rule("S519", "S523")
def test_the_block_after_the_last_allowed_is_refused() -> None:
    rules.check_block_count(ID, 4, 5)
    for held in (5, 6):
        with pytest.raises(ApiError) as error:
            rules.check_block_count(ID, held, 5)
        assert refusal(error) == (
            "CidrLimitExceeded",
            f"This network '{ID}' has met its maximum number of allowed CIDRs: 5",
        )


# Deletion


@pytest.mark.rule("S524", "S506")
@pytest.mark.parametrize(("groups", "acls", "tables"), [(1, 0, 0), (0, 1, 0), (0, 0, 1), (3, 2, 1)])
def test_what_the_owner_made_blocks_the_deletion(groups: int, acls: int, tables: int) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_deletable(ID, own_groups=groups, own_acls=acls, own_route_tables=tables)
    assert refusal(error) == (
        "DependencyViolation",
        f"The vpc '{ID}' has dependencies and cannot be deleted.",
    )


@pytest.mark.rule("S524")
def test_what_the_vpc_came_with_does_not_block_the_deletion() -> None:
    rules.check_deletable(ID, own_groups=0, own_acls=0, own_route_tables=0)


# Filters

SHOWN = VpcWithBlocks(
    vpc(),
    (
        block("10.0.0.0/16", 1, primary=True),
        block("10.2.0.0/16", 2),
        block("2600:1f00::/56", 3),
    ),
)
BARE = VpcWithBlocks(vpc(is_default=True), (block("10.0.0.0/16", 1, primary=True),))


def matches(item: VpcWithBlocks, name: str, value: str) -> bool:
    return rules.FILTERS.compile([Filter(name, (value,))])(item, {})


@pytest.mark.rule("S528")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cidr", "10.0.0.0/16"),
        ("cidr-block", "10.0.0.0/16"),
        ("cidr-block-association.cidr-block", "10.0.0.0/16"),
        ("cidr-block-association.cidr-block", "10.2.0.0/16"),
        ("cidr-block-association.association-id", "vpc-cidr-assoc-00000000000000002"),
        ("cidr-block-association.state", "associated"),
        ("dhcp-options-id", "dopt-0123456789abcdef0"),
        ("dhcpOptionsId", "dopt-0123456789abcdef0"),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "2600:1f00::/56"),
        ("ipv6-cidr-block-association.ipv6-pool", "Amazon"),
        ("ipv6-cidr-block-association.association-id", "vpc-cidr-assoc-00000000000000003"),
        ("ipv6-cidr-block-association.state", "associated"),
        ("is-default", "false"),
        ("isDefault", "false"),
        ("owner-id", "111111111111"),
        ("state", "available"),
        ("vpc-id", ID),
    ],
)
def test_each_filter_matches_its_own_value(name: str, value: str) -> None:
    assert matches(SHOWN, name, value)
    assert not matches(SHOWN, name, f"x{value}")


@pytest.mark.rule("S528")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cidr", "10.2.0.0/16"),
        ("cidr-block-association.cidr-block", "2600:1f00::/56"),
        ("cidr-block-association.association-id", "vpc-cidr-assoc-00000000000000003"),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "10.0.0.0/16"),
        ("ipv6-cidr-block-association.association-id", "vpc-cidr-assoc-00000000000000001"),
        ("is-default", "true"),
        ("is-default", "False"),
    ],
)
def test_a_filter_looks_at_nothing_else(name: str, value: str) -> None:
    assert not matches(SHOWN, name, value)


@pytest.mark.rule("S528")
def test_ipv6_filters_match_no_vpc_without_ipv6() -> None:
    for name in ("ipv6-cidr-block", "ipv6-pool", "association-id", "state"):
        assert not matches(BARE, f"ipv6-cidr-block-association.{name}", "*")
    assert matches(BARE, "is-default", "true")
