"""Condition keys: what each one says of a call, worked out when a policy asks for it and not before (I95 to I100).

`OF_CALL` are keys of every call, beside those of its caller (`callers`), and `OF_RESOURCE` those of one resource. The latter
are there only where the action table has them for the resource's type (I100). A key that is in no table has no value here,
now or later: it speaks of instances, organizations, or whatever else there is none of.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from isthmus.actions.authorization.callers import CONSTANTS, OF_PLACE, Caller
from isthmus.actions.authorization.ec2_table import Type
from isthmus.actions.call import EC2, Call, Found
from isthmus.actions.resources import ROWS
from isthmus.domain import regions
from isthmus.domain.peering import Peering, accepter_asked
from isthmus.policy.context import Context, Key, Value, fold, member

ANY: Final = "*"
RESOURCE_ACCOUNT: Final = "aws:resourceaccount"
CREATE_ACTION: Final = "ec2:createaction"
NOTHING: Final[Mapping[str, str]] = {}


@lru_cache(maxsize=4_096)  # the same few objects are asked about again and again
def ec2_arn(region: str, account: str, kind: str, resource_id: str) -> str:
    """Return the ARN of an object of EC2 as the account sees it (I133, S406)."""
    return f"arn:{regions.partition_of(region)}:ec2:{region}:{account}:{kind}/{resource_id}"


# --- keys of every call -----------------------------------------------------------------------------------------------


# What may differ from one request of a caller to the next, the same words in both.
_VARYING: Final[dict[str, Callable[[Call], Value | None]]] = {
    **OF_PLACE,
    "aws:UserAgent": lambda call: call.origin.header("user-agent"),
    "aws:Referer": lambda call: call.origin.header("referer"),
}
VARYING: Final = frozenset(map(fold, _VARYING))
_OF_CALL: Final[dict[str, Callable[[Call], Value | None]]] = {
    **_VARYING,
    "ec2:Region": lambda call: call.region if call.principal.service == EC2 else None,
}
OF_CALL: Final = {fold(name): source for name, source in _OF_CALL.items()}


class CommonContext(Context):
    """What is true of a call, whatever it is about, and, behind that, of its caller. Each key is worked out once."""

    __slots__ = ("_call", "_constants", "_known")

    def __init__(self, call: Call, caller: Caller) -> None:  # the context's own mappings stay unset, as below
        """Bind the keys to a call."""
        self._call, self._constants = call, caller.constants
        self._known: dict[str, Value | None] = {}

    def get(self, wanted: Key) -> Value | None:
        """Return the value of a key, None where it has none."""
        source = OF_CALL.get(wanted.name)
        if source is None:
            return self._constants.get(wanted)
        if wanted.name not in self._known:
            self._known[wanted.name] = source(self._call)
        return self._known[wanted.name]


# --- keys of one resource ---------------------------------------------------------------------------------------------


class Requested(NamedTuple):
    """What a request says of the resource that it makes or changes.

    `tags` are those that it sets, `tag_keys` those that it names (I99). `attribute` is what it modifies and `value` what to
    (I136), `create_action` the action that tags what it makes (I137).
    """

    tags: Mapping[str, str] = NOTHING
    tag_keys: tuple[str, ...] = ()
    attribute: str = ""
    value: str = ""
    create_action: str = ""


NOTHING_REQUESTED: Final = (Requested(),)
Place = tuple[str, str, str]
"""The account, the Region and the id of an object; the id is `*` where the action makes it."""


class ResourceContext(Context):
    """What is true of one resource of a call, and, behind that, of the call."""

    __slots__ = ("_common", "_found", "_held", "call", "place", "requested", "type")

    def __init__(  # the context's own mappings stay unset: nothing is looked up in them
        self, call: Call, type_: Type, place: Place, requested: Requested, found: Found | None, common: Context
    ) -> None:
        """Bind the keys to a resource; `found` is an object that was read already, perhaps this one."""
        self.call, self.type, self.place, self.requested = call, type_, place, requested
        self._found, self._common = found, common
        self._held: Mapping[str, str] | None = None

    @property
    def id(self) -> str | None:
        """The resource's id, None where the action makes it."""
        return None if self.place[2] == ANY else self.place[2]

    def get(self, wanted: Key) -> Value | None:
        """Return the value of a key, None where it has none."""
        name, keys = wanted.name, self.type.keys
        if wanted.family:
            return member(self.members(wanted.family), wanted.member) if wanted.family in keys else self._common.get(wanted)
        if name in keys:
            if (source := OF_RESOURCE.get(name)) is not None:
                return source(self)
            said = OF_REQUEST.get(name)
            return None if said is None else said(self.requested) or None
        if name == RESOURCE_ACCOUNT:
            return self.place[0]
        return self.requested.create_action or None if name == CREATE_ACTION else self._common.get(wanted)

    def members(self, family: str) -> Mapping[str, str]:
        """Return the members of a family of keys that the table has for the resource's type."""
        return FAMILIES[family](self)

    def row(self) -> object | None:
        """Return the resource itself, None where it is not there; of another account's the caller sees nothing (I142)."""
        account, region, resource_id = self.place
        kind, call = self.type.name, self.call
        if self._found is None or (self._found.kind, self._found.id) != (kind, resource_id):
            is_ours = (account, region) == (call.account, call.region) and kind in ROWS and resource_id != ANY
            row = ROWS[kind](call.store).visible(account, region, resource_id) if is_ours else None
            self._found = Found(kind, resource_id, row)
        return self._found.row

    def tags(self) -> Mapping[str, str]:
        """Return the resource's tags as the caller's account has them here (I99); a missing one has none (I141)."""
        if self._held is None:
            call, resource_id = self.call, self.place[2]
            self._held = call.store.tags.of(call.account, call.region, [resource_id]).get(resource_id, NOTHING)
        return self._held


OfResource = Callable[[ResourceContext], Value | None]


def _id(context: ResourceContext) -> str | None:
    return context.id


def _column(name: str) -> OfResource:
    return lambda context: getattr(context.row(), name, None)


def _part_of(kind: str, column: str) -> OfResource:
    """Return the key that is the ARN of what the resource lies in."""

    def parent(context: ResourceContext) -> str | None:
        account, region, _ = context.place
        parent_id = getattr(context.row(), column, None)
        return None if parent_id is None else ec2_arn(region, account, kind, parent_id)

    return parent


def _vpc(place: Place | None) -> str | None:
    """Return a VPC's ARN, with its owner and its Region (S403)."""
    return None if place is None else ec2_arn(place[1], place[0], "vpc", place[2])


def _requester(context: ResourceContext) -> str | None:
    call = context.call
    if context.type.is_new:
        return ec2_arn(call.region, call.account, "vpc", call.request.vpc_id)
    row = context.row()
    return _vpc(row.requester.identity if isinstance(row, Peering) else None)


def _accepter(context: ResourceContext) -> str | None:
    """Of a connection that is asked for, the request says which VPC it will lead to (I134)."""
    call, asked = context.call, context.call.request
    if context.type.is_new:
        here = (call.account, call.region)
        return _vpc(accepter_asked(here, asked.peer_vpc_id, asked.peer_owner_id, asked.peer_region))
    row = context.row()
    return _vpc(row.accepter.identity if isinstance(row, Peering) else None)


_OF_RESOURCE: Final[dict[str, OfResource]] = {
    "ec2:AccepterVpc": _accepter,
    "ec2:RequesterVpc": _requester,
    "ec2:VpcPeeringConnectionID": _id,
    "ec2:VpcID": _id,
    "ec2:Tenancy": _column("instance_tenancy"),
    "ec2:Vpc": _part_of("vpc", "vpc_id"),
    "ec2:Subnet": _part_of("subnet", "subnet_id"),
    "ec2:SubnetID": _id,
    "ec2:RouteTableID": _id,
    "ec2:SecurityGroupID": _id,
    "ec2:NetworkAclID": _id,
    "ec2:InternetGatewayID": _id,
    "ec2:NetworkInterfaceID": _id,
    "ec2:DhcpOptionsID": _id,
    "ec2:AvailabilityZone": _column("availability_zone"),
    "ec2:AvailabilityZoneId": _column("availability_zone_id"),
}
_OF_REQUEST: Final[dict[str, Callable[[Requested], Value]]] = {
    "aws:TagKeys": attrgetter("tag_keys"),
    "ec2:Attribute": attrgetter("attribute"),
}
"""What the request says of a resource, where the table has the key for it."""
OF_RESOURCE: Final = {fold(name): source for name, source in _OF_RESOURCE.items()}
OF_REQUEST: Final = {fold(name): source for name, source in _OF_REQUEST.items()}


def _attribute(context: ResourceContext) -> Mapping[str, str]:
    requested = context.requested
    return {requested.attribute: requested.value} if requested.attribute else NOTHING


_FAMILIES_OF_RESOURCE: Final[dict[str, Callable[[ResourceContext], Mapping[str, str]]]] = {
    "aws:ResourceTag/": ResourceContext.tags,
    "ec2:ResourceTag/": ResourceContext.tags,
    "aws:RequestTag/": lambda context: context.requested.tags,
    "ec2:Attribute/": _attribute,
}
FAMILIES: Final = {fold(name): source for name, source in _FAMILIES_OF_RESOURCE.items()}

SPELLED: Final[Mapping[str, str]] = {
    fold(name): name
    for name in (
        *CONSTANTS, *_OF_CALL, *_OF_RESOURCE, *_OF_REQUEST, *_FAMILIES_OF_RESOURCE,
        "aws:PrincipalTag/", "aws:ResourceAccount", "ec2:CreateAction",
    )
}  # fmt: skip
"""Every key that can have a value, as the vendor's pages spell it, by its folded name."""
