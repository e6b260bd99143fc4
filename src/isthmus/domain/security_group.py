"""Security groups and their rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.domain.cidr import Prefix


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group of a VPC."""

    id: str
    account: str
    region: str
    vpc_id: str
    name: str
    description: str
    seq: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """One rule of a security group: exactly one of `cidr` and `referenced_group_id` is set."""

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
