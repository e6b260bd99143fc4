"""The policies of a simulation: those that bind a user, group or role, and those that the request brings (I111, I114)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from isthmus.actions import iam_objects, iam_policies, organizations
from isthmus.actions.authorization.permissions import load
from isthmus.actions.call import Call
from isthmus.domain import regions
from isthmus.domain.errors import ApiError
from isthmus.domain.iam import errors, names, vendor
from isthmus.domain.iam.objects import Group, Holder, ManagedPolicy, User
from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.policy.evaluate import Attached
from isthmus.store.iam_rows import IamRows
from isthmus.wire.shapes import iam

INLINE: Final = "inline"
VENDORS: Final = "aws-managed"
OWN: Final = "user-managed"
RESOURCE: Final = "resource"
NONE: Final = "none"


class Source(Attached, frozen=True):
    """A policy with its text, and how a result names it: `id` and `type` are SourcePolicyId and SourcePolicyType.

    `form` is `inline`, `aws-managed` or `user-managed`; `holder` is the kind and the name of an inline policy's owner.
    """

    text: str = ""
    id: str = ""
    type: str = NONE
    form: str = ""
    holder: tuple[str, str] = ("", "")


class Bound(Struct, frozen=True):
    """What binds whoever is simulated; None for a layer that there is not."""

    identity: Sequence[Source]
    boundary: Sequence[Source] | None = None
    scps: Sequence[Sequence[Attached]] | None = None


def find(call: Call, arn: str) -> Holder:
    """Return the account's user, group or role with this ARN, once the caller is authorized for it.

    Raises InvalidInput for what is no ARN of one, and NoSuchEntity where there is none, or another account has it.
    """
    iam_objects.authorize(call, arn)
    kind, account, path, name = parsed(call, arn)
    store = call.store
    rows: Mapping[str, IamRows[Any]] = {"user": store.iam_users, "group": store.iam_groups, "role": store.iam_roles}
    found: Holder | None = rows[kind].named(account, name) if account == call.account else None
    if found is None or found.path != path:
        raise errors.no_such(kind, name)
    return found


def parsed(call: Call, arn: str) -> tuple[str, str, str, str]:
    """Return kind, account, path and name of a user, group or role from its ARN. Raises InvalidInput for another text."""
    fields = names.parse_arn(arn)
    if fields is None or fields[0] != regions.partition_of(call.region) or fields[2] not in {"user", "group", "role"}:
        raise errors.invalid_arn(arn)
    _, account, kind, path, name = fields
    return kind, account, path, name


def of_holder(call: Call, holder: Holder) -> Bound:
    """Return what binds a user, with its groups' policies, or a group or role (I111, I114, I116)."""
    boundary_id = None if isinstance(holder, Group) else holder.boundary_id
    boundary = None if boundary_id is None else _managed(call, [boundary_id])
    return Bound(identity(call, holder), boundary, organizations.levels(call.store, holder.account))


def identity(call: Call, holder: Holder) -> list[Source]:
    """Return a user's, group's or role's inline and attached policies, a user's groups' included (I111)."""
    owners = {each.id: each for each in (holder, *_groups(call, holder))}
    inline = [
        _inline(owners[row.owner_id], row.name, row.document)
        for row in call.store.iam_inline_policies.where(owner_id=list(owners))
    ]
    return inline + _managed(call, [row.policy_id for row in call.store.iam_attachments.where(owner_id=list(owners))])


def _groups(call: Call, holder: Holder) -> Sequence[Group]:
    if not isinstance(holder, User):
        return ()
    wanted = [row.group_id for row in call.store.iam_memberships.where(user_id=holder.id)]
    return call.store.iam_groups.where(id=wanted) if wanted else ()


def _inline(owner: Holder, name: str, text: str) -> Source:
    kind = iam_objects.KINDS[type(owner)]
    return Source(
        load(text, Kind.INLINE), name, text=text, id=f"{kind}_{owner.name}_{name}", type=kind, form=INLINE,
        holder=(kind, owner.name),
    )  # fmt: skip


def _managed(call: Call, policy_ids: Iterable[str]) -> list[Source]:
    found = iam_policies.by_ids(call, policy_ids)
    return [_of_managed(call, found[each]) for each in dict.fromkeys(policy_ids) if each in found]


def _of_managed(call: Call, policy: ManagedPolicy) -> Source:
    version = iam_policies.version(call, policy, policy.default_version)
    text = "" if version is None else version.document
    form = VENDORS if policy.account == vendor.ACCOUNT else OWN
    arn = iam_objects.arn_of(call, policy)
    return Source(load(text, Kind.MANAGED), policy.name, arn, text=text, id=policy.name, type=form, form=form)


def given(member: str, texts: Sequence[str] | None, kind: Kind = Kind.INLINE) -> list[Source]:
    """Return the policies that a member of the request brings. Raises InvalidInput for one that IAM would not save."""
    return [
        Source(_validated(name, text, kind), name, text=text, id=name)
        for name, text in ((f"{member}.{number}", text) for number, text in enumerate(texts or (), 1))
    ]


def boundary(texts: Sequence[str] | None) -> list[Source] | None:
    """Return the boundary that a request brings, of which there is one at most."""
    if texts is not None and len(texts) > 1:
        raise errors.invalid_input("You can input only one permissions boundary policy.")
    return given("PermissionsBoundaryPolicyInputList", texts) if texts else None


def levels(asked: Sequence[iam.OrderedOrganizationPolicyType] | None) -> list[list[Source]] | None:
    """Return the service control policies that a request brings, from the organization's root to the account (I116)."""
    if not asked:
        return None
    member = "OrderedOrganizationPolicyInputList.{}.ServiceControlPolicyInputList"
    return [
        given(member.format(number), level.service_control_policy_input_list, Kind.SERVICE_CONTROL)
        for number, level in enumerate(asked, 1)
    ]


def resource_policy(text: str | None) -> Source | None:
    """Return the policy that every resource of the simulation is taken to have."""
    if text is None:
        return None
    name = "ResourcePolicy"
    return Source(_validated(name, text, Kind.RESOURCE), name, text=text, id=name, type=RESOURCE)


def _validated(name: str, text: str, kind: Kind) -> compiled.Policy:
    try:
        return compiled.validate(text, kind)
    except ApiError as error:
        raise errors.invalid_input(f"{name}: {error.message}") from None
