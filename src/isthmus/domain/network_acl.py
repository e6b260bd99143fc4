"""Network ACLs and their entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.domain.cidr import Prefix


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """A network ACL of a VPC."""

    id: str
    account: str
    region: str
    vpc_id: str
    is_default: bool
    seq: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class NetworkAclEntry:
    """One entry of a network ACL; its id is never shown: EC2 names an entry by number and direction."""

    id: str
    account: str
    region: str
    network_acl_id: str
    is_egress: bool
    rule_number: int
    protocol: str
    rule_action: str
    prefix: Prefix
    seq: int = 0
    version: int = 0
