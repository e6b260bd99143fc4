from collections.abc import Callable
from itertools import count

import pytest
from msgspec.structs import replace

from isthmus.domain import security_group as rules
from isthmus.domain.cidr import Prefix
from isthmus.domain.errors import ApiError
from isthmus.domain.filters import Filter
from isthmus.domain.security_group import Permission, SecurityGroup, SecurityGroupRule, SecurityGroupWithRules

ID = "sg-0123456789abcdef0"
OTHER = "sg-0fedcba9876543210"


def group(group_id: str = ID, *, account: str = "111111111111", name: str = "default") -> SecurityGroup:
    return SecurityGroup(
        id=group_id,
        account=account,
        region="us-east-1",
        vpc_id="vpc-0123456789abcdef0",
        name=name,
        description="default VPC security group",
    )


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"sgr-{next(numbers):017x}"


def rule(
    number: int = 1,
    *,
    egress: bool = False,
    protocol: str = "tcp",
    ports: tuple[int | None, int | None] = (80, 90),
    cidr: str | None = None,
    to_group: str | None = None,
) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=f"sgr-{number:017x}",
        account="111111111111",
        region="us-east-1",
        group_id=ID,
        vpc_id="vpc-0123456789abcdef0",
        is_egress=egress,
        ip_protocol=protocol,
        from_port=ports[0],
        to_port=ports[1],
        cidr=None if cidr is None else Prefix.parse(cidr),
        referenced_group_id=to_group,
        description=None,
    )


def everything(number: int, *, egress: bool, cidr: str | None = None, to_group: str | None = None) -> SecurityGroupRule:
    return rule(number, egress=egress, protocol="-1", ports=(None, None), cidr=cidr, to_group=to_group)


@pytest.mark.rule("S555")
def test_a_default_group_lets_itself_in_and_everything_out() -> None:
    assert rules.default_rules(group(), numbered(), ipv6=False) == (
        everything(1, egress=False, to_group=ID),
        everything(2, egress=True, cidr="0.0.0.0/0"),
    )


@pytest.mark.rule("S555")
def test_with_ipv6_it_lets_ipv6_out_too() -> None:
    assert rules.default_rules(group(), numbered(), ipv6=True) == (
        everything(1, egress=False, to_group=ID),
        everything(2, egress=True, cidr="0.0.0.0/0"),
        everything(3, egress=True, cidr="::/0"),
    )


@pytest.mark.rule("S555")
def test_the_default_group_is_named_and_described_as_ec2_does() -> None:
    assert (rules.DEFAULT_NAME, rules.DEFAULT_DESCRIPTION) == ("default", "default VPC security group")


@pytest.mark.rule("S555")
def test_an_untouched_group_gains_the_ipv6_egress_rule() -> None:
    held = rules.default_rules(group(), numbered(), ipv6=False)
    assert rules.rules_for_ipv6(group(), held, lambda: f"sgr-{9:017x}") == (everything(9, egress=True, cidr="::/0"),)


@pytest.mark.parametrize(
    "egress",
    [
        [],
        [everything(2, egress=True, cidr="10.0.0.0/8")],
        [rule(2, egress=True, cidr="0.0.0.0/0")],
        [everything(2, egress=True, cidr="0.0.0.0/0"), everything(3, egress=True, cidr="::/0")],
        [everything(2, egress=True, to_group=ID)],
    ],
)
def test_a_group_that_was_changed_or_has_the_rule_gains_nothing(egress: list[SecurityGroupRule]) -> None:
    held = [everything(1, egress=False, to_group=ID), *egress]
    assert rules.rules_for_ipv6(group(), held, numbered()) == ()


@pytest.mark.rule("S564")
def test_rules_of_one_protocol_and_port_range_make_one_permission() -> None:
    web_a, web_b = rule(1, cidr="10.0.0.0/8"), rule(2, cidr="::/0")
    other_from, other_to = rule(3, ports=(81, 90)), rule(4, ports=(80, 91))
    other_protocol = rule(5, protocol="udp")
    assert rules.permissions([web_a, other_from, other_to, other_protocol, web_b]) == (
        Permission("tcp", 80, 90, (web_a, web_b)),
        Permission("tcp", 81, 90, (other_from,)),
        Permission("tcp", 80, 91, (other_to,)),
        Permission("udp", 80, 90, (other_protocol,)),
    )


def test_a_direction_holds_its_own_rules_only() -> None:
    inwards, outwards = rule(1), rule(2, egress=True)
    item = SecurityGroupWithRules(group(), (inwards, outwards))
    assert item.direction(is_egress=False) == (inwards,)
    assert item.direction(is_egress=True) == (outwards,)


@pytest.mark.rule("S563")
@pytest.mark.parametrize(("port", "shown"), [(None, -1), (0, 0), (80, 80)])
def test_rules_show_no_port_as_minus_one(port: int | None, shown: int) -> None:
    assert rules.shown_port(port) == shown


# Filters


def shown(*, egress: bool) -> SecurityGroupWithRules:
    of_rules = (
        rule(1, egress=egress, cidr="10.0.0.0/8"),
        rule(2, egress=egress, cidr="2600:1f00::/56"),
        rule(3, egress=egress, to_group=OTHER),
        everything(4, egress=egress, to_group="sg-00000000000000000"),
    )
    peer = group(OTHER, account="222222222222", name="web")
    return SecurityGroupWithRules(group(), of_rules, {OTHER: peer})


def matches(item: SecurityGroupWithRules, name: str, value: str) -> bool:
    return rules.FILTERS.compile([Filter(name, (value,))])(item, {})


@pytest.mark.rule("S570a")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("description", "default VPC security group"),
        ("group-id", ID),
        ("group-name", "default"),
        ("owner-id", "111111111111"),
        ("vpc-id", "vpc-0123456789abcdef0"),
    ],
)
def test_each_filter_matches_its_own_value(name: str, value: str) -> None:
    assert matches(shown(egress=False), name, value)
    assert not matches(shown(egress=False), name, f"x{value}")


@pytest.mark.rule("S570a")
@pytest.mark.parametrize("egress", [False, True])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cidr", "10.0.0.0/8"),
        ("from-port", "80"),
        ("group-id", OTHER),
        ("group-name", "web"),
        ("ipv6-cidr", "2600:1f00::/56"),
        ("protocol", "tcp"),
        ("protocol", "-1"),
        ("to-port", "90"),
        ("user-id", "222222222222"),
    ],
)
def test_permission_filters_look_at_their_own_direction(egress: bool, name: str, value: str) -> None:
    own, opposite = ("egress.ip-permission", "ip-permission") if egress else ("ip-permission", "egress.ip-permission")
    assert matches(shown(egress=egress), f"{own}.{name}", value)
    assert not matches(shown(egress=egress), f"{own}.{name}", f"x{value}")
    assert not matches(shown(egress=egress), f"{opposite}.{name}", value)


@pytest.mark.rule("S570a")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cidr", "2600:1f00::/56"),
        ("ipv6-cidr", "10.0.0.0/8"),
        ("prefix-list-id", "*"),
        ("from-port", "90"),
        ("to-port", "80"),
        ("from-port", "None"),
        ("group-id", "None"),
    ],
)
def test_a_permission_filter_looks_at_nothing_else(name: str, value: str) -> None:
    assert not matches(shown(egress=False), f"ip-permission.{name}", value)


@pytest.mark.rule("S570a")
@pytest.mark.parametrize("name", ["cidr", "from-port", "group-id", "group-name", "ipv6-cidr", "to-port", "user-id"])
def test_a_rule_without_a_member_matches_no_value_of_it(name: str) -> None:
    to_nowhere = SecurityGroupWithRules(group(), (everything(1, egress=False, to_group=OTHER),))
    from_block = SecurityGroupWithRules(group(), (everything(1, egress=False, cidr="10.0.0.0/8"),))
    item = from_block if name.startswith("group") or name == "user-id" else to_nowhere
    assert not matches(item, f"ip-permission.{name}", "*")


@pytest.mark.rule("S503")
@pytest.mark.parametrize("value", ["sg-nonsense", "vpc-0123456789abcdef0", ""])
def test_a_malformed_group_id_in_the_filter_of_rules_is_an_error(value: str) -> None:
    with pytest.raises(ApiError) as error:
        rules.check_group_ids([Filter("tag:x", ("1",)), Filter("group-id", (ID, value))])
    assert (error.value.code, error.value.message) == (
        "InvalidGroupId.Malformed",
        f"The security group ID '{value}' is malformed",
    )


@pytest.mark.rule("S503")
def test_other_filters_and_patterns_are_not_read_as_group_ids() -> None:
    rules.check_group_ids([Filter("group-id", (ID, "sg-*", "sg-012?")), Filter("security-group-rule-id", ("x",))])


@pytest.mark.rule("S570a")
@pytest.mark.parametrize(("name", "value"), [("group-id", ID), ("security-group-rule-id", f"sgr-{7:017x}")])
def test_rules_are_found_by_group_and_id(name: str, value: str) -> None:
    test = rules.RULE_FILTERS.compile([Filter(name, (value,))])
    assert test(rule(7), {})
    assert not test(replace(rule(8), group_id=OTHER), {})
