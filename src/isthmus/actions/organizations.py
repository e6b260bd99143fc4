"""The organization's policies: what binds an account besides its own, level by level (I116)."""

from operator import attrgetter
from typing import TYPE_CHECKING

from isthmus.domain import organizations as rules
from isthmus.domain.organizations import FULL_ACCESS, FULL_ACCESS_DOCUMENT, FULL_ACCESS_ID, ROOT, ServiceControlPolicy
from isthmus.policy.compiled import Kind
from isthmus.policy.evaluate import Attached

if TYPE_CHECKING:
    from isthmus.store.unit import Unit

_name = attrgetter("name")


def levels(unit: "Unit", account: str) -> tuple[tuple[Attached, ...], ...] | None:
    """Return the service control policies of an account, from the organization's root to the account.

    None where nothing binds it: nobody attached a policy to either level, or it is the management account (I116).
    """
    rows = unit.service_control_attachments.where(account=[ROOT, account])
    manager = management_account(unit) if rows else ""
    if not rows or account == manager:
        return None
    ids = [[row.policy_id for row in rows if row.account == level] or [FULL_ACCESS_ID] for level in (ROOT, account)]
    found = {each.id: each for each in unit.service_control_policies.where(id=sorted({*ids[0], *ids[1]}))}
    attached = ((_attached(each, found.get(each), manager) for each in level) for level in ids)
    return tuple(tuple(sorted(level, key=_name)) for level in attached)  # an explanation has them in an order people know


def management_account(unit: "Unit") -> str:
    """Return the account that manages the organization, nothing where none does."""
    found = unit.organizations.get(rules.ORGANIZATION_ID)
    return found.account if found else ""


def _attached(policy_id: str, policy: ServiceControlPolicy | None, manager: str) -> Attached:
    """Return a policy as the evaluator takes it. One that is gone denies everything (I56)."""
    from isthmus.actions.authorization.permissions import load

    arn = rules.policy_arn(manager, policy_id)
    if policy_id == FULL_ACCESS_ID:
        return Attached(load(FULL_ACCESS_DOCUMENT, Kind.SERVICE_CONTROL), FULL_ACCESS, arn)
    text, name = (policy.document, policy.name) if policy else ("", policy_id)
    return Attached(load(text, Kind.SERVICE_CONTROL), name, arn)
