"""Security groups and their rules: DescribeSecurityGroups, DescribeSecurityGroupRules."""

from collections.abc import Sequence

from isthmus.actions.call import Call
from isthmus.actions.describe import Listing, as_filters, describe
from isthmus.actions.tagging import tag_set
from isthmus.domain import errors, pages, regions
from isthmus.domain import security_group as rules
from isthmus.domain.filters import Tags
from isthmus.domain.security_group import Permission, SecurityGroup, SecurityGroupRule, SecurityGroupWithRules
from isthmus.wire.shapes import ec2


def describe_security_groups(request: ec2.DescribeSecurityGroupsRequest, call: Call) -> ec2.DescribeSecurityGroupsResult:
    """List the security groups of the account in the Region, with their permissions (S555, S564, S570a)."""
    wanted = [*(request.group_ids or ()), *_ids_of_names(call, request.group_names or ())]
    page = describe(call, _GROUPS, wanted, request.filters, request.max_results, request.next_token)
    found = [_security_group(item, tags) for item, tags in page.items]
    return ec2.DescribeSecurityGroupsResult(security_groups=found, next_token=page.next_token)


def describe_security_group_rules(
    request: ec2.DescribeSecurityGroupRulesRequest, call: Call
) -> ec2.DescribeSecurityGroupRulesResult:
    """List the rules of the account's security groups in the Region (S503, S565)."""
    rules.check_group_ids(as_filters(request.filters))
    page = describe(call, _RULES, request.security_group_rule_ids, request.filters, request.max_results, request.next_token)
    found = [_rule(rule, tags) for rule, tags in page.items]
    return ec2.DescribeSecurityGroupRulesResult(security_group_rules=found, next_token=page.next_token)


def _ids_of_names(call: Call, names: Sequence[str]) -> list[str]:
    """Return the ids of groups named without an id: such names are looked for in the default VPC only."""
    if not names:
        return []
    call.authorize()
    defaults = call.store.vpcs.where(account=call.account, region=call.region, is_default=1)
    vpc_ids = [vpc.id for vpc in defaults]
    held = call.store.security_groups.where(account=call.account, region=call.region, vpc_id=vpc_ids)
    by_name = {group.name: group.id for group in held}
    for name in names:
        if name not in by_name:
            raise errors.not_found("security-group", name)
    return [by_name[name] for name in names]


def _with_rules(call: Call, groups: Sequence[SecurityGroup]) -> list[SecurityGroupWithRules]:
    of_group: dict[str, list[SecurityGroupRule]] = {group.id: [] for group in groups}
    held = call.store.security_group_rules.where(account=call.account, region=call.region, group_id=list(of_group))
    for rule in held:
        of_group[rule.group_id].append(rule)
    named = {rule.referenced_group_id for rule in held if rule.referenced_group_id is not None}
    known = {group.id: group for group in groups if group.id in named}
    if missing := sorted(named - known.keys()):
        known.update((group.id, group) for group in call.store.security_groups.where(id=missing))
    return [SecurityGroupWithRules(group, tuple(of_group[group.id]), known) for group in groups]


_GROUPS: Listing[SecurityGroupWithRules] = Listing(
    rows=lambda unit: unit.security_groups,
    filters=rules.FILTERS,
    load=_with_rules,
    ids_parameter="GroupIds",
    indexed={"group-id": "id", "vpc-id": "vpc_id"},
    max_results=pages.MAX_RESULTS["DescribeSecurityGroups"],
)

_RULES: Listing[SecurityGroupRule] = Listing(
    rows=lambda unit: unit.security_group_rules,
    filters=rules.RULE_FILTERS,
    load=lambda _, found: found,
    ids_parameter="SecurityGroupRuleIds",
    indexed={"group-id": "group_id", "security-group-rule-id": "id"},
    max_results=pages.MAX_RESULTS["DescribeSecurityGroupRules"],
)


def _arn(row: SecurityGroup | SecurityGroupRule, kind: str) -> str:
    return f"arn:{regions.partition_of(row.region)}:ec2:{row.region}:{row.account}:{kind}/{row.id}"


def _security_group(item: SecurityGroupWithRules, tags: Tags) -> ec2.SecurityGroup:
    group = item.group
    return ec2.SecurityGroup(
        group_id=group.id,
        group_name=group.name,
        description=group.description,
        owner_id=group.account,
        vpc_id=group.vpc_id,
        security_group_arn=_arn(group, "security-group"),
        ip_permissions=_permissions(item, is_egress=False),
        ip_permissions_egress=_permissions(item, is_egress=True),
        tags=tag_set(tags),
    )


def _permissions(item: SecurityGroupWithRules, *, is_egress: bool) -> list[ec2.IpPermission]:
    found = rules.permissions(item.direction(is_egress=is_egress))
    return [_permission(permission, item) for permission in found]


def _permission(permission: Permission, item: SecurityGroupWithRules) -> ec2.IpPermission:
    blocks = [(rule.cidr, rule.description) for rule in permission.rules if rule.cidr is not None]
    ipv4 = [(str(cidr), text) for cidr, text in blocks if cidr.version == 4]
    ipv6 = [(str(cidr), text) for cidr, text in blocks if cidr.version == 6]
    return ec2.IpPermission(
        ip_protocol=permission.ip_protocol,
        from_port=permission.from_port,
        to_port=permission.to_port,
        user_id_group_pairs=[_pair(rule, item) for rule in permission.rules if rule.referenced_group_id is not None],
        ip_ranges=[ec2.IpRange(cidr_ip=cidr, description=text) for cidr, text in ipv4],
        ipv6_ranges=[ec2.Ipv6Range(cidr_ipv6=cidr, description=text) for cidr, text in ipv6],
        prefix_list_ids=[],
    )


def _pair(rule: SecurityGroupRule, item: SecurityGroupWithRules) -> ec2.UserIdGroupPair:
    referenced = item.referenced.get(rule.referenced_group_id or "")
    return ec2.UserIdGroupPair(
        group_id=rule.referenced_group_id,
        user_id=rule.account if referenced is None else referenced.account,
        description=rule.description,
    )


def _rule(rule: SecurityGroupRule, tags: Tags) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(
        security_group_rule_id=rule.id,
        security_group_rule_arn=_arn(rule, "security-group-rule"),
        group_id=rule.group_id,
        group_owner_id=rule.account,
        is_egress=rule.is_egress,
        ip_protocol=rule.ip_protocol,
        from_port=rules.shown_port(rule.from_port),
        to_port=rules.shown_port(rule.to_port),
        cidr_ipv4=str(rule.cidr) if rule.cidr is not None and rule.cidr.version == 4 else None,
        cidr_ipv6=str(rule.cidr) if rule.cidr is not None and rule.cidr.version == 6 else None,
        referenced_group_info=_referenced(rule),
        description=rule.description,
        tags=tag_set(tags),
    )


def _referenced(rule: SecurityGroupRule) -> ec2.ReferencedSecurityGroup | None:
    if rule.referenced_group_id is None:
        return None
    return ec2.ReferencedSecurityGroup(group_id=rule.referenced_group_id, user_id=rule.account)
