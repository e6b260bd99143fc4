"""Where objects of each kind are kept."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from isthmus.store.rows import Rows
from isthmus.store.unit import Unit

ROWS: Final[Mapping[str, Callable[[Unit], Rows[Any]]]] = {
    "network-acl": lambda unit: unit.network_acls,
    "route-table": lambda unit: unit.route_tables,
    "security-group": lambda unit: unit.security_groups,
    "security-group-rule": lambda unit: unit.security_group_rules,
    "vpc": lambda unit: unit.vpcs,
    "vpc-peering-connection": lambda unit: unit.peerings,
}
"""By kind. One that is not named here has no objects that are rows."""
