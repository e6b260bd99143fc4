"""The role by which another account's people come into a new account (I216)."""

from typing import Final

from isthmus.actions import administration
from isthmus.actions.administration import AdministrationError
from isthmus.actions.start_file import applying, checking
from isthmus.actions.start_file.entries import AccountEntry, RoleEntry
from isthmus.actions.start_file.problems import StartFileError
from isthmus.store.unit import Unit

ROLE_NAME: Final = "OrganizationAccountAccessRole"
"""What AWS Organizations calls it."""
POLICY: Final = "AdministratorAccess"


def trust(unit: Unit, account_id: str, other: str, role_name: str = ROLE_NAME) -> str:
    """Make a role that may do everything in an account, for whomever another account lets assume it; return its name.

    Raises `AdministrationError` for what is no account id or no role's name.
    """
    administration.check_id(other)
    role = RoleEntry(name=role_name, trusted_principals=[f"arn:aws:iam::{other}:root"], attached_policies=[POLICY])
    if problems := list(checking.account(AccountEntry(id=account_id, name=other, roles=[role]), ())):
        raise AdministrationError(str(StartFileError(problems)))
    try:
        applying.add_role(unit, account_id, role)
    except StartFileError as error:
        raise AdministrationError(str(error)) from None
    return role.name
