"""The organization of a start file: who manages it, its service control policies, and what they are attached to (I116)."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from isthmus.actions.start_file.changes import Changes
from isthmus.actions.start_file.checking import text_of
from isthmus.actions.start_file.entries import ServiceControlEntry, Start
from isthmus.actions.start_file.problems import Problem, StartFileError
from isthmus.domain import organizations as rules
from isthmus.domain.organizations import (
    FULL_ACCESS,
    FULL_ACCESS_ID,
    ORGANIZATION_ID,
    POLICIES_PER_TARGET,
    ROOT,
    Organization,
    ServiceControlAttachment,
    ServiceControlPolicy,
)
from isthmus.store.unit import Unit
from isthmus.wire.written.text import Place

KIND: Final = "service control policy"
WORD: Final = "service_control_policies"
ROOT_NAME: Final = "the organization's root"


def apply(unit: Unit, start: Start, changes: Changes) -> None:
    """Make what a start file says of the organization true. Raises `StartFileError` for what cannot be."""
    unit.engine.alone("organization")
    if (entry := start.organization) is not None:
        if entry.management_account is not None:
            _manage(unit, entry.management_account, changes)
        for each in entry.policies:
            _policy(unit, each, changes)
        if entry.service_control_policies is not None:
            _attach(unit, ROOT, entry.service_control_policies, ("organization", WORD), changes)
    for number, account in enumerate(start.accounts):
        if account.service_control_policies is not None:
            _attach(unit, account.id, account.service_control_policies, ("accounts", number, WORD), changes)


def _manage(unit: Unit, account: str, changes: Changes) -> None:
    if unit.accounts.get(account) is None:  # those of the file have been made by now
        why = f"there is no account {account}; name one of this file, or one that is there"
        raise StartFileError([Problem(("organization", "management_account"), why)])
    found = unit.organizations.get(ORGANIZATION_ID)
    if found is None or found.account != account:
        unit.organizations.put(replace(found or Organization(ORGANIZATION_ID, ""), account=account))
        changes.note("management account", account, "", was_there=found is not None)


def _policy(unit: Unit, entry: ServiceControlEntry, changes: Changes) -> None:
    rows = unit.service_control_policies
    found = rows.one(name=entry.name)
    new = found or ServiceControlPolicy(rules.policy_id(unit.entropy(rules.ID_ENTROPY_BYTES)), entry.name, "", "", unit.now)
    description = new.description if entry.description is None else entry.description
    wanted = replace(new, document=text_of(entry.document), description=description)
    if wanted != found:
        rows.put(wanted)
        changes.note(KIND, entry.name, "", was_there=found is not None)


def _attach(unit: Unit, level: str, names: Sequence[str], place: Place, changes: Changes) -> None:
    """Let a level have these policies and no others."""
    if not 0 < len(names) <= POLICIES_PER_TARGET:
        why = f"a level has 1 to {POLICIES_PER_TARGET} service control policies; {FULL_ACCESS} alone sets no limits"
        raise StartFileError([Problem(place, why)])
    wanted = {_id_of(unit, name, (*place, number)) for number, name in enumerate(names)}
    rows = unit.service_control_attachments
    present = rows.where(account=level)
    held = {each.policy_id for each in present} or {FULL_ACCESS_ID}
    if held == wanted:
        return
    rows.delete_all([each for each in present if each.policy_id not in wanted])
    for policy_id in sorted(wanted - {each.policy_id for each in present}):
        rows.put(ServiceControlAttachment(level, policy_id))
    changes.note("the service control policies of", level or ROOT_NAME, "", was_there=True)


def _id_of(unit: Unit, name: str, place: Place) -> str:
    if name == FULL_ACCESS:
        return FULL_ACCESS_ID
    found = unit.service_control_policies.one(name=name)
    if found is None:
        raise StartFileError([Problem(place, f"there is no service control policy {name}")])
    return found.id
