"""Security groups and their rules: the default group, permissions, and the filters of both Describe actions."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field

from isthmus.domain import ids
from isthmus.domain.cidr import Prefix
from isthmus.domain.filters import Filter, FilterTable


class SecurityGroup(Struct, frozen=True):
    """A security group of a VPC."""

    id: str
    account: str
    region: str
    vpc_id: str
    name: str
    description: str
    seq: int = 0
    version: int = 0


class SecurityGroupRule(Struct, frozen=True):
    """One rule of a security group: exactly one of `cidr` and `referenced_group_id` is set.

    Ports are None for all traffic, whatever the way in which an action shows that (S563).
    """

    id: str
    account: str
    region: str
    group_id: str
    vpc_id: str
    is_egress: bool
    ip_protocol: str
    from_port: int | None
    to_port: int | None
    cidr: Prefix | None
    referenced_group_id: str | None
    description: str | None
    seq: int = 0
    version: int = 0


class SecurityGroupWithRules(Struct, frozen=True):
    """A security group, its rules, and the groups that these name, by id."""

    group: SecurityGroup
    rules: tuple[SecurityGroupRule, ...]
    referenced: Mapping[str, SecurityGroup] = field(default_factory=dict)

    def direction(self, *, is_egress: bool) -> tuple[SecurityGroupRule, ...]:
        """Return the rules of one direction."""
        return tuple(rule for rule in self.rules if rule.is_egress is is_egress)


class Permission(Struct, frozen=True):
    """The rules of one direction that share protocol and ports (S564)."""

    ip_protocol: str
    from_port: int | None
    to_port: int | None
    rules: tuple[SecurityGroupRule, ...]


DEFAULT_NAME = "default"
DEFAULT_DESCRIPTION = "default VPC security group"
ALL_TRAFFIC = "-1"
ANY_IPV4 = Prefix(4, 0, 0)
ANY_IPV6 = Prefix(6, 0, 0)


def default_rules(group: SecurityGroup, new_id: Callable[[], str], *, ipv6: bool) -> tuple[SecurityGroupRule, ...]:
    """Return the rules of a VPC's default group: in from itself, out to everywhere (S555)."""
    within = _rule(group, new_id(), is_egress=False, referenced_group_id=group.id)
    everywhere = (ANY_IPV4, ANY_IPV6) if ipv6 else (ANY_IPV4,)
    return (within, *(_rule(group, new_id(), is_egress=True, cidr=block) for block in everywhere))


def rules_for_ipv6(
    group: SecurityGroup, rules: Sequence[SecurityGroupRule], new_id: Callable[[], str]
) -> tuple[SecurityGroupRule, ...]:
    """Return what the default group gains when its VPC gets an IPv6 block: out to ::/0.

    Nothing, if its owner has changed the egress rules, or has had the rule already (VPC User Guide; S555).
    """
    egress = [rule for rule in rules if rule.is_egress]
    untouched = [(rule.ip_protocol, rule.cidr) for rule in egress] == [(ALL_TRAFFIC, ANY_IPV4)]
    return (_rule(group, new_id(), is_egress=True, cidr=ANY_IPV6),) if untouched else ()


def _rule(
    group: SecurityGroup,
    rule_id: str,
    *,
    is_egress: bool,
    cidr: Prefix | None = None,
    referenced_group_id: str | None = None,
) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=rule_id,
        account=group.account,
        region=group.region,
        group_id=group.id,
        vpc_id=group.vpc_id,
        is_egress=is_egress,
        ip_protocol=ALL_TRAFFIC,
        from_port=None,
        to_port=None,
        cidr=cidr,
        referenced_group_id=referenced_group_id,
        description=None,
    )


def permissions(rules: Iterable[SecurityGroupRule]) -> tuple[Permission, ...]:
    """Group the rules of one direction by protocol and ports, in the order of first appearance (S564)."""
    grouped: dict[tuple[str, int | None, int | None], list[SecurityGroupRule]] = {}
    for rule in rules:
        grouped.setdefault((rule.ip_protocol, rule.from_port, rule.to_port), []).append(rule)
    return tuple(Permission(*key, tuple(members)) for key, members in grouped.items())


def shown_port(port: int | None) -> int:
    """Return a port as DescribeSecurityGroupRules shows it: -1 for all traffic (S563)."""
    return -1 if port is None else port


def check_group_ids(filters: Iterable[Filter]) -> None:
    """Refuse a malformed id in a `group-id` filter of DescribeSecurityGroupRules; an unknown one is no error (S503)."""
    for given in filters:
        if given.name == "group-id":
            for value in given.values:
                _check_group_id(value)


def _check_group_id(value: str) -> None:
    # A value with a wildcard is a pattern, not an id.
    if "*" not in value and "?" not in value:
        ids.check("security-group", value)


def _referenced(rule: SecurityGroupRule) -> Iterable[str]:
    return (rule.referenced_group_id,) if rule.referenced_group_id is not None else ()


def _block(rule: SecurityGroupRule, version: int) -> Iterable[str]:
    return (str(rule.cidr),) if rule.cidr is not None and rule.cidr.version == version else ()


def _port(port: int | None) -> Iterable[str]:
    return (str(port),) if port is not None else ()


def _groups(item: SecurityGroupWithRules, rule: SecurityGroupRule) -> Iterable[SecurityGroup]:
    return (item.referenced[group_id] for group_id in _referenced(rule) if group_id in item.referenced)


# What each filter on permissions looks at, in either direction (S570a).
_PERMISSION_FILTERS: Mapping[str, Callable[[SecurityGroupWithRules, SecurityGroupRule], Iterable[str]]] = {
    "cidr": lambda _, rule: _block(rule, 4),
    "from-port": lambda _, rule: _port(rule.from_port),
    "group-id": lambda _, rule: _referenced(rule),
    "group-name": lambda item, rule: (group.name for group in _groups(item, rule)),
    "ipv6-cidr": lambda _, rule: _block(rule, 6),
    "prefix-list-id": lambda _item, _rule: (),
    "protocol": lambda _, rule: (rule.ip_protocol,),
    "to-port": lambda _, rule: _port(rule.to_port),
    "user-id": lambda item, rule: (group.account for group in _groups(item, rule)),
}


def _permission_filter(name: str, *, is_egress: bool) -> Callable[[SecurityGroupWithRules], Iterable[str]]:
    look = _PERMISSION_FILTERS[name]
    return lambda item: (text for rule in item.direction(is_egress=is_egress) for text in look(item, rule))


FILTERS: FilterTable[SecurityGroupWithRules] = FilterTable(
    {
        "description": lambda item: (item.group.description,),
        "group-id": lambda item: (item.group.id,),
        "group-name": lambda item: (item.group.name,),
        "owner-id": lambda item: (item.group.account,),
        "vpc-id": lambda item: (item.group.vpc_id,),
        **{f"ip-permission.{name}": _permission_filter(name, is_egress=False) for name in _PERMISSION_FILTERS},
        **{f"egress.ip-permission.{name}": _permission_filter(name, is_egress=True) for name in _PERMISSION_FILTERS},
    }
)

RULE_FILTERS: FilterTable[SecurityGroupRule] = FilterTable(
    {
        "group-id": lambda rule: (rule.group_id,),
        "security-group-rule-id": lambda rule: (rule.id,),
    }
)
