"""Managed policies, the account's own and the vendor's: found by ARN or by id, with their documents and who uses them."""

from collections.abc import Iterable, Mapping
from typing import Final

from isthmus.actions import iam_keys, iam_objects, iam_shown
from isthmus.actions.call import Call
from isthmus.domain import regions
from isthmus.domain.iam import errors, names, vendor
from isthmus.domain.iam.objects import ManagedPolicy, PolicyVersion
from isthmus.wire.shapes import iam

BOUNDARY_TYPE: Final = "PermissionsBoundaryPolicy"


def find(call: Call, arn: str) -> ManagedPolicy:
    """Return the policy with this ARN, once the caller is authorized for it."""
    iam_objects.alone(call)
    found = lookup(call, call.account, arn)
    call.authorize(arn, iam_keys.of(call, found), told=f"policy {arn}")
    return _there(found, arn, "policy")


def find_own(call: Call, arn: str) -> ManagedPolicy:
    """Do the same for a policy that is to be changed, which no account does to the vendor's."""
    found = find(call, arn)
    if found.account == vendor.ACCOUNT:
        raise errors.vendors_own()
    return found


def named(call: Call, arn: str, kind: str) -> ManagedPolicy:
    """Return the policy with this ARN; `kind` names it in the complaint that there is none."""
    return _there(lookup(call, call.account, arn), arn, kind)


def _there(found: ManagedPolicy | None, arn: str, kind: str) -> ManagedPolicy:
    """Return what was found under an ARN; complain where that is nothing."""
    if found is not None:
        return found
    parsed = names.parse_arn(arn)
    if parsed is None or parsed[2] != "policy":
        raise errors.invalid_arn(arn)
    raise errors.no_such(kind, arn)


def lookup(call: Call, account: str, arn: str) -> ManagedPolicy | None:
    """Return the policy with this ARN if it is the account's own or the vendor's."""
    parsed = names.parse_arn(arn)
    if parsed is None:
        return None
    partition, owner, kind, path, name = parsed
    if (partition, kind) != (regions.partition_of(call.region), "policy") or owner not in (account, vendor.ACCOUNT):
        return None
    found = vendor.named(name) if owner == vendor.ACCOUNT else call.store.iam_policies.named(owner, name)
    return found if found is not None and found.path == path else None


def by_ids(call: Call, ids: Iterable[str]) -> Mapping[str, ManagedPolicy]:
    """Return policies by unique id."""
    wanted = set(ids)
    found = {each: vendor.by_id()[each] for each in wanted & vendor.by_id().keys()}
    if own := sorted(wanted - found.keys()):
        found.update((row.id, row) for row in call.store.iam_policies.where(id=own))
    return found


def version(call: Call, policy: ManagedPolicy, number: int) -> PolicyVersion | None:
    """Return one version of a policy."""
    return next((each for each in versions(call, policy) if each.number == number), None)


def versions(call: Call, policy: ManagedPolicy) -> list[PolicyVersion]:
    """Return the versions of a policy, the oldest first; the vendor's have one."""
    if policy.account == vendor.ACCOUNT:
        return [PolicyVersion(vendor.ACCOUNT, policy.id, 1, vendor.document(policy.id), policy.created_at)]
    return call.store.iam_policy_versions.where(policy_id=policy.id)


def boundary_id(call: Call, arn: str | None) -> str | None:
    """Return the unique id of the policy that is to be a permissions boundary (I114)."""
    return None if arn is None else named(call, arn, "boundary").id


def boundary(call: Call, policy_id: str | None) -> iam.AttachedPermissionsBoundary | None:
    """Return a permissions boundary as its user or role shows it."""
    return None if policy_id is None else shown_boundary(call, by_ids(call, [policy_id])[policy_id])


def shown_boundary(call: Call, policy: ManagedPolicy | None) -> iam.AttachedPermissionsBoundary | None:
    """Return a policy as those show it whom it bounds."""
    if policy is None:
        return None
    return iam.AttachedPermissionsBoundary(
        permissions_boundary_type=BOUNDARY_TYPE, permissions_boundary_arn=iam_objects.arn_of(call, policy)
    )


def attached(call: Call, policy: ManagedPolicy) -> iam.AttachedPolicy:
    """Return a policy as those show it to whom it is attached."""
    return iam.AttachedPolicy(policy_name=policy.name, policy_arn=iam_objects.arn_of(call, policy))


def shown(call: Call, policy: ManagedPolicy, attachments: int, boundaries: int, *, whole: bool) -> iam.Policy:
    """Return a policy as it is answered: lists leave its description and tags out."""
    return iam.Policy(
        policy_name=policy.name,
        policy_id=policy.id,
        arn=iam_objects.arn_of(call, policy),
        path=policy.path,
        default_version_id=version_id(policy.default_version),
        attachment_count=attachments,
        permissions_boundary_usage_count=boundaries,
        is_attachable=True,
        description=policy.description if whole else None,
        create_date=policy.created_at,
        update_date=policy.updated_at,
        tags=iam_shown.tags(policy.tags) if whole else None,
    )


def version_id(number: int) -> str:
    """Return a version's number as the wire has it."""
    return f"v{number}"
