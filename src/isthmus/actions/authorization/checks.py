"""What one call of EC2 is checked for: a list of (action, resource, context), each of which must be allowed (I131 to I140).

The list follows from the action table and the typed request. A resource that the action makes is `*`; one that is there
already is the one that the request names, by the member that is called after its type.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from isthmus.actions.authorization.ec2_table import ACTIONS, TAGGING, Type
from isthmus.actions.authorization.keys import (
    ANY,
    NOTHING_REQUESTED,
    CommonContext,
    Place,
    Requested,
    ResourceContext,
    ec2_arn,
)
from isthmus.actions.call import Call, Found
from isthmus.domain import ids
from isthmus.domain.peering import Peering
from isthmus.domain.vpc import VpcCidrBlock
from isthmus.policy.evaluate import Request
from isthmus.wire import services
from isthmus.wire.model import Structure

CREATE_TAGS: Final = "CreateTags"
DELETE_TAGS: Final = "DeleteTags"
TAGGING_OF_NEW: Final = f"ec2:{CREATE_TAGS}"
TAGGING_ACTIONS: Final = frozenset({CREATE_TAGS, DELETE_TAGS})
ATTRIBUTE: Final = "ec2:attribute"
TAG_KEYS: Final = "aws:tagkeys"


MEMBERS: Final[Mapping[str, Sequence[str]]] = {
    "security-group": ("group_id", "groups"),
    "ipam-pool": ("ipv4_ipam_pool_id", "ipv6_ipam_pool_id"),
    "ipv6pool-ec2": ("ipv6_pool",),
}
"""Which members of a request name a resource, where they are not called after its type (`vpc_id`)."""


def _accepter(_call: Call, found: Found | None) -> Place | None:
    """Accept is about the accepter's VPC, which only the connection names (I135)."""
    return found.row.accepter.identity if found is not None and isinstance(found.row, Peering) else None


def _blocks_vpc(call: Call, found: Found | None) -> Place | None:
    """A block is taken from its VPC, which only the block names."""
    row = None if found is None else found.row
    return (call.account, call.region, row.vpc_id) if isinstance(row, VpcCidrBlock) else None


ROUNDABOUT: Final[Mapping[tuple[str, str], Callable[[Call, Found | None], Place | None]]] = {
    ("AcceptVpcPeeringConnection", "vpc"): _accepter,
    ("DisassociateVpcCidrBlock", "vpc"): _blocks_vpc,
}
"""By action and type: what the request does not name itself, but what it names does."""


def requests(call: Call, common: CommonContext, found: Found | None) -> list[Request]:
    """Return what a call is checked for: first what it makes, then what is there, then the tags (I132, I137)."""
    action = call.action
    plan = _tagged(call) if action in TAGGING_ACTIONS else PLANS[action]
    if not plan:
        return [Request(f"ec2:{action}", ANY, common)]
    tags, permission = _tags(call.request), f"ec2:{action}"
    asked: list[Request] = []
    tagged: list[Request] = []
    for type_, places in plan:
        said = _requested(call, type_, tags)
        for place in places(call, tags, found):
            account, region, resource_id = place
            arn = ec2_arn(region, account, type_.name, resource_id)
            for requested in said:
                context = ResourceContext(call, type_, place, requested, found, common)
                asked.append(Request(permission, arn, context))
            if tags and type_.is_new:
                brought = Requested(tags=tags, tag_keys=tuple(tags), create_action=action)
                context = ResourceContext(call, type_, place, brought, found, common)
                tagged.append(Request(TAGGING_OF_NEW, arn, context))
    return asked + tagged


# --- resources --------------------------------------------------------------------------------------------------------

Places = Callable[[Call, Mapping[str, str], Found | None], Sequence[Place]]
"""From a call, the tags that it brings and what was found already to the resources of a type."""
Plan = Sequence[tuple[Type, Places]]


def _any(call: Call) -> Place:
    return call.account, call.region, ANY


def _tagged(call: Call) -> Plan:
    """Return what is tagged or untagged: every id says by itself of which type it is."""
    return [(TAGGING[ids.kind_of(each)], _this(each)) for each in dict.fromkeys(call.request.resources)]


def _this(resource_id: str) -> Places:
    return lambda call, _tags, _found: [(call.account, call.region, resource_id)]


def _places(action: str, type_: Type) -> Places:
    """Return what finds the resources of a type; what is required and cannot be found is any."""
    if type_.is_new:
        return lambda call, tags, _found: [_any(call)] if type_.required or tags else []
    if (look := ROUNDABOUT.get((action, type_.name))) is not None:
        return lambda call, _tags, found: [look(call, found) or _any(call)]
    members = _members(type_)

    def named(call: Call, _tags: Mapping[str, str], _found: Found | None) -> Sequence[Place]:
        places: list[Place] = []
        for member in members:
            value = getattr(call.request, member, None)
            if value:
                places += [(call.account, call.region, each) for each in ((value,) if isinstance(value, str) else value)]
        return places or ([_any(call)] if type_.required else [])

    return named


def _members(type_: Type) -> Sequence[str]:
    return MEMBERS.get(type_.name) or (f"{type_.name.replace('-', '_')}_id",)


PLANS: Final[Mapping[str, Plan]] = {
    action: [(each, _places(action, each)) for each in sorted(types, key=lambda type_: not type_.is_new)]
    for action, types in ACTIONS.items()
}
"""By action, with what it makes first (I132)."""


# --- what the request says of them ------------------------------------------------------------------------------------


def _requested(call: Call, type_: Type, tags: Mapping[str, str]) -> Sequence[Requested]:
    """Return what a request says of a resource: its tags, or what it modifies, each attribute for itself (I136, I138)."""
    if ATTRIBUTE in type_.keys:
        return [Requested(attribute=name, value=value) for name, value in _attributes(call, type_)] or NOTHING_REQUESTED
    if not tags or TAG_KEYS not in type_.keys:
        return NOTHING_REQUESTED
    return [Requested(tags={} if call.action == DELETE_TAGS else tags, tag_keys=tuple(tags))]


def _tags(request: Any) -> dict[str, str]:  # noqa: ANN401 - a request of any action
    """Return the tags that a request sets or takes (I99)."""
    own, specifications = getattr(request, "tags", None), getattr(request, "tag_specifications", None)
    if not own and not specifications:
        return {}
    given = list(own or ())
    for specification in specifications or ():
        given += specification.tags or ()
    return {tag.key or "": tag.value or "" for tag in given}


def _attributes(call: Call, type_: Type) -> list[tuple[str, str]]:
    """Return the attributes that a request sets, by the names of its members, with their values."""
    tables = services.tables("ec2")
    shape = tables.shapes[tables.actions[call.action].request]
    assert isinstance(shape, Structure)
    others = {"dry_run", *_members(type_)}
    values = [
        (each.sent_as, getattr(call.request, each.attribute)) for each in shape.members if each.attribute not in others
    ]
    return [(name, _text(value)) for name, value in values if value is not None]


def _text(value: object) -> str:
    """Return an attribute's value; of one that has several parts, that it is there (inferred)."""
    plain = getattr(value, "value", value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain) if isinstance(plain, str | int) else "true"
