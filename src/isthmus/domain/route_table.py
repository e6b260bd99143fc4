"""Route tables and the local routes that follow from the blocks of their VPC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table of a VPC; the main one carries the id of its association with the VPC."""

    id: str
    account: str
    region: str
    vpc_id: str
    association_id: str
    is_main: bool
    seq: int = 0
    version: int = 0
