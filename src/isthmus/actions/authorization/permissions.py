"""What binds a principal: its policies, its boundary, its session's policies, its account's service control
policies, and its tags (I97, I98, I111, I114 to I116).

It is read once and remembered (`callers`): whoever writes something of it has every server forget it in the same transaction
(`Unit.changed_authorizations`). A policy's text is compiled once per process, wherever it is attached; that which
saves it does so then.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from isthmus.actions import organizations
from isthmus.domain import regions
from isthmus.domain.accounts import ASSUMED_ROLE, FEDERATED_USER, ROOT, Principal, Session
from isthmus.domain.iam import names, vendor
from isthmus.domain.iam.objects import ManagedPolicy, Role, User
from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.policy.evaluate import Attached, PrincipalPolicies

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

NO_TAGS: Final[Mapping[str, str]] = {}

load = compiled.known


class Permissions(Struct, frozen=True):
    """What binds a principal, and what condition keys say of it.

    `asks` are the keys that its policies ask for, folded, and `turns` the instants at which what they say of the clock may
    change (`Policy.turns`), in order. `role_arn` is the role of a session, with its path (I96);
    `ids` are the unique ids by which a trust policy may name it (I54).
    """

    policies: PrincipalPolicies
    asks: frozenset[str] = frozenset()
    turns: tuple[Decimal, ...] | None = ()
    tags: Mapping[str, str] = NO_TAGS
    role_arn: str = ""
    ids: frozenset[str] = frozenset()
    source_identity: str = ""
    issued_at: int | None = None
    with_mfa: bool | None = None


EVERYTHING: Final = Attached(load('{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'))
OF_ROOT: Final = Permissions(PrincipalPolicies.root())


def read(principal: Principal, unit: "Unit") -> Permissions:
    """Return what binds a principal, from the tables. One that is not there any more may do nothing.

    An account's root may do all that service control policies let it (I117).
    """
    scps = _service_control(principal, unit)
    if principal.kind == ROOT:
        if not scps:
            return OF_ROOT
        return Permissions(
            PrincipalPolicies.root(scps),
            _asked_by(scps),
            _turns(scps),
            issued_at=principal.issued_at,
            with_mfa=_with_mfa(principal),
        )
    partition = regions.partition_of(principal.region)
    holder = _holder(principal, unit)
    identity = _of_nobody(principal) if holder is None else _identity(holder, unit, partition)
    boundary = None if holder is None else _boundary(holder, unit, partition)
    session = _session(principal.session, unit, partition)
    layers = (identity, boundary or (), session or (), *(scps or ()))
    return Permissions(
        policies=PrincipalPolicies(identity, boundary, session, scps),
        asks=_asked_by(layers),
        turns=_turns(layers),
        tags=_tags(NO_TAGS if holder is None else holder.tags, principal.session),
        role_arn=arn_of(holder, "role", partition) if isinstance(holder, Role) else "",
        ids=frozenset() if holder is None else frozenset({holder.id}),
        source_identity=(principal.session and principal.session.source_identity) or "",
        issued_at=principal.issued_at,
        with_mfa=_with_mfa(principal),
    )


def _with_mfa(principal: Principal) -> bool | None:
    """Return whether temporary credentials were asked for with a second factor, which nobody has here (I97)."""
    return None if principal.issued_at is None else False


def _asked_by(layers: Iterable[Iterable[Attached]]) -> frozenset[str]:
    """Return the condition keys that policies ask for."""
    return frozenset(key.folded for layer in layers for each in layer for key in each.policy.keys)


def _turns(layers: Iterable[Iterable[Attached]]) -> tuple[Decimal, ...] | None:
    found = compiled.all_turns(each.policy.turns for layer in layers for each in layer)
    return None if found is None else tuple(sorted(found))


def _service_control(principal: Principal, unit: "Unit") -> Sequence[Sequence[Attached]] | None:
    """Return the levels of service control policies, None where there are none; a root that shows no key has none (I213)."""
    is_taken_at_its_word = principal.access_key_id != "" and principal.is_unverified
    return None if principal.kind == ROOT and is_taken_at_its_word else organizations.levels(unit, principal.account)


def _holder(principal: Principal, unit: "Unit") -> User | Role | None:
    rows = unit.iam_roles if principal.kind == ASSUMED_ROLE else unit.iam_users
    return rows.get(principal.holder_id) if principal.holder_id else None


def _of_nobody(principal: Principal) -> list[Attached]:
    """Return the policies of a federated user that a root has made: all that a root may (I117). Whoever is gone has none."""
    return [EVERYTHING] if principal.kind == FEDERATED_USER and not principal.holder_id else []


def _session(session: Session | None, unit: "Unit", partition: str) -> list[Attached] | None:
    """Return the policies of a session, None where it is not bounded. A federated user without any may do nothing (I111)."""
    if session is None or (session.kind == ASSUMED_ROLE and session.policy is None and not session.policy_ids):
        return None
    own = [] if session.policy is None else [Attached(load(session.policy, Kind.SESSION))]
    return own + managed(session.policy_ids, unit, partition)


def _tags(held: Mapping[str, str], session: Session | None) -> Mapping[str, str]:
    """Return a principal's tags; a session's outweighs its user's or role's, in whatever letter case (I98)."""
    if session is None or not session.tags:
        return held
    given = {key.lower() for key in session.tags}
    return {key: value for key, value in held.items() if key.lower() not in given} | session.tags


def arn_of(item: User | Role | ManagedPolicy, kind: str, partition: str) -> str:
    """Return the ARN of an object of IAM (I1)."""
    return names.arn(partition, item.account, kind, item.path, item.name)


def _identity(holder: User | Role, unit: "Unit", partition: str) -> list[Attached]:
    """Return inline and attached policies, a user's groups' included (I111)."""
    groups = unit.iam_memberships.where(user_id=holder.id) if isinstance(holder, User) else []
    owners = [holder.id, *(each.group_id for each in groups)]
    inline = [
        Attached(load(each.document, Kind.INLINE), each.name) for each in unit.iam_inline_policies.where(owner_id=owners)
    ]
    attached = [each.policy_id for each in unit.iam_attachments.where(owner_id=owners)]
    return inline + managed(attached, unit, partition)


def _boundary(holder: User | Role, unit: "Unit", partition: str) -> list[Attached] | None:
    """Return the permissions boundary, None without one. One that is gone allows nothing."""
    return None if holder.boundary_id is None else managed([holder.boundary_id], unit, partition)


def managed(policy_ids: Iterable[str], unit: "Unit", partition: str) -> list[Attached]:
    """Return managed policies by unique id, the default version of each."""
    wanted = list(dict.fromkeys(policy_ids))
    own = [each for each in wanted if each not in vendor.by_id()]
    texts = {each: vendor.document(each) for each in wanted if each in vendor.by_id()}
    found = {each.id: each for each in vendor.policies() if each.id in texts}
    if own:
        found.update((row.id, row) for row in unit.iam_policies.where(id=own))
        versions = unit.iam_policy_versions.where(policy_id=own)
        texts.update((row.policy_id, row.document) for row in versions if row.number == found[row.policy_id].default_version)
    return [
        Attached(load(texts[each], Kind.MANAGED), found[each].name, arn_of(found[each], "policy", partition))
        for each in wanted
        if each in texts
    ]
