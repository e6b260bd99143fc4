"""What an operator does to a whole server: accounts and their keys, resets. Each function is the work of one unit.

None of this is part of a service's API; the admin endpoints and the command line call it.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from isthmus.domain import access_keys
from isthmus.domain.accounts import AccessKey, Account, KeyStatus
from isthmus.domain.peering import Delays, Peering, State, enter
from isthmus.store.tables import IAM, OWNED
from isthmus.store.unit import Unit

ACCOUNT_DIGITS: Final = 12
DOCUMENTED: Final = frozenset({"111122223333", "123456789012"})
"""Ids of examples everywhere, which an account has only where they are asked for (I218). No drawn id begins with 0."""
LONGEST_NAME: Final = 50
"""As in AWS Organizations; and a name stands on one line of a table."""


class AdministrationError(Exception):
    """The operator asked for something that cannot be; the text says why and what to do."""


class NewAccount(Struct, frozen=True):
    """An account just made, with its first key."""

    account: Account
    key: AccessKey


def create_account(unit: Unit, name: str, account_id: str | None = None) -> NewAccount:
    """Make an account with one access key, which acts as the account's root (I4, I5).

    Raises `AdministrationError` as `make_account` does.
    """
    account = make_account(unit, name, account_id)
    return NewAccount(account, create_key(unit, account))


def make_account(unit: Unit, name: str, account_id: str | None = None) -> Account:
    """Make an account that has no key yet.

    Raises `AdministrationError` for an id that is no account id or is taken, and for a name that is none.
    """
    check_name(name)
    chosen = check_id(account_id) if account_id is not None else _free_account_id(unit)
    if unit.accounts.get(chosen):
        raise AdministrationError(f"Account {chosen} exists already; `isthmus accounts show {chosen}` shows it.")
    return unit.accounts.put(Account(chosen, name, unit.now))


def check_name(name: str) -> None:
    """Refuse a text that cannot be an account's name."""
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise AdministrationError(f"An account's name has 1 to {LONGEST_NAME} printable characters, unlike {name!r}.")


def check_id(account_id: str) -> str:
    """Return an account id as it is; refuse a text that is none."""
    if len(account_id) != ACCOUNT_DIGITS or not (account_id.isascii() and account_id.isdigit()):
        raise AdministrationError(f"{account_id!r} is not an account id: those have 12 digits.")
    return account_id


def _free_account_id(unit: Unit) -> str:
    while True:
        candidate = f"{int.from_bytes(unit.entropy(8), 'big') % 10**ACCOUNT_DIGITS:012d}"
        if candidate[0] != "0" and candidate not in DOCUMENTED and not unit.accounts.get(candidate):
            return candidate


def create_key(unit: Unit, account: Account) -> AccessKey:
    """Make an access key for an account's root."""
    return issue_key(unit, account.id)


class RotatedKeys(Struct, frozen=True):
    """A root's new key, and what became of those before it."""

    key: AccessKey
    kept: list[str]
    deleted: list[str]


def rotate_keys(unit: Unit, account_id: str, *, keeps_old: bool) -> RotatedKeys:
    """Make a new key for an account's root, and delete those before it: all, or all but the newest (I7, I215).

    Raises `AdministrationError` where there is no such account.
    """
    account, _ = show_account(unit, account_id)
    old = unit.access_keys.long_term(account_id)
    kept = old[-1:] if keeps_old else []
    deleted = old[: len(old) - len(kept)]
    for key in deleted:
        unit.access_keys.delete(key)
    return RotatedKeys(create_key(unit, account), [key.id for key in kept], [key.id for key in deleted])


def issue_key(unit: Unit, account_id: str, holder_id: str = "") -> AccessKey:
    """Make an access key for a user, or for an account's root (I4, I5).

    In open mode an account is there without having been made; one that is given a key is made, with its digits as its name.
    """
    key_id = access_keys.make(access_keys.LONG_TERM_PREFIX, account_id, unit.entropy(access_keys.ID_ENTROPY_BYTES))
    secret = access_keys.secret(unit.entropy(access_keys.SECRET_ENTROPY_BYTES))
    _ensure(unit, account_id)
    return unit.access_keys.put(AccessKey(key_id, account_id, secret, KeyStatus.ACTIVE, None, None, unit.now, holder_id))


def issue_temporary_key(unit: Unit, account_id: str, holder_id: str, seconds: int, token_length: int) -> AccessKey:
    """Make a key for a session: of a user, of a role, or of an account's root, good for so many seconds (I4 to I6)."""
    key_id = access_keys.make(access_keys.TEMPORARY_PREFIX, account_id, unit.entropy(access_keys.ID_ENTROPY_BYTES))
    secret = access_keys.secret(unit.entropy(access_keys.SECRET_ENTROPY_BYTES))
    token = access_keys.session_token(unit.entropy(access_keys.TOKEN_ENTROPY_BYTES), token_length)
    expires_at = unit.now + seconds * 1_000
    _ensure(unit, account_id)
    return unit.access_keys.put(
        AccessKey(key_id, account_id, secret, KeyStatus.ACTIVE, token, expires_at, unit.now, holder_id)
    )


def _ensure(unit: Unit, account_id: str) -> None:
    if unit.accounts.get(account_id) is None:
        unit.accounts.put(Account(account_id, account_id, unit.now))


def list_accounts(unit: Unit) -> list[Account]:
    """Return every account that was made, oldest first."""
    return unit.accounts.where()


def show_account(unit: Unit, account_id: str) -> tuple[Account, list[AccessKey]]:
    """Return an account and its long-term keys. Raises `AdministrationError` where there is none."""
    account = unit.accounts.get(account_id)
    if account is None:
        raise AdministrationError(f"There is no account {account_id}; `isthmus accounts list` shows those there are.")
    return account, [key for key in unit.access_keys.where(account=account_id) if key.session_token is None]


def delete_account(unit: Unit, account_id: str, *, with_objects: bool) -> list[str]:
    """Delete an account, its IAM and its keys; return the ids of the keys. With objects, its connections end as `deleted`.

    Raises `AdministrationError` where there is no such account, or where it owns objects and `with_objects` is not set.
    """
    account, keys = show_account(unit, account_id)
    owned = count_objects(unit, account_id)
    if owned and not with_objects:
        raise AdministrationError(
            f"Account {account_id} still owns {owned} objects. Delete them first, or say --with-objects to end its "
            "peering connections and delete the rest."
        )
    remove_objects(unit, account_id)
    for table in OF_ACCOUNT:
        unit.engine.execute(f"DELETE FROM {table} WHERE account = ?", (account_id,))
    unit.changed_authorizations()
    unit.accounts.delete(account)
    return [key.id for key in keys]


def count_objects(unit: Unit, account_id: str) -> int:
    """Count the VPCs an account owns, the connections of theirs that have not ended, and what IAM keeps for it by name."""
    named = (unit.iam_users, unit.iam_groups, unit.iam_roles, unit.iam_instance_profiles, unit.iam_policies)
    in_iam = sum(rows.count(account=account_id) for rows in named)
    return unit.vpcs.count(account=account_id) + len(_open_peerings(unit, account_id)) + in_iam


def _open_peerings(unit: Unit, account_id: str) -> list[Peering]:
    """Return the connections that have not ended and have a side in this account: each hangs on one of its VPCs."""
    joined = [each for vpc in unit.vpcs.where(account=account_id) for each in unit.peerings.of_vpc(vpc.id)]
    found = {each.seq: each for each in joined}
    return [each for each in found.values() if account_id in (each.requester.account, each.accepter.account)]


def remove_objects(unit: Unit, account_id: str) -> None:
    """Remove everything that an account owns, tags included; the other sides see its connections as `deleted`."""
    unit.engine.hold("vpc", [vpc.id for vpc in unit.vpcs.where(account=account_id)])
    for each in _open_peerings(unit, account_id):
        _end(unit, each, account_id)
    unit.writes()
    sql = "DELETE FROM peering_view WHERE account = ? RETURNING peering_seq"
    unit.peerings.forget_unseen([row[0] for row in unit.engine.query(sql, (account_id,))])
    unit.engine.execute("DELETE FROM tag WHERE account = ?", (account_id,))
    for table in OWNED:
        unit.engine.execute(f"DELETE FROM {table} WHERE account = ?", (account_id,))
    unit.memo.spoil()


def _end(unit: Unit, each: Peering, account_id: str) -> None:
    """End a connection as deleted by this account, whatever state it was in, or by whoever is deleting it already (S261)."""
    unit.peerings.put(enter(replace(each, ended_by=each.ended_by or account_id), State.DELETED, unit.now, Delays()))


EVERYTHING: Final = ("journal", "tag", "peering_view", "peering", *OWNED)
IAM_OWNED: Final = tuple(table.name for table in reversed(IAM))
OF_ACCOUNT: Final = (*IAM_OWNED, "sts_session", "access_key", "service_control_attachment", "organization")
IDENTITY: Final = (*OF_ACCOUNT, "service_control_policy", "account")


def reset(unit: Unit, *, identity: bool) -> None:
    """Empty the server: objects, tags and journal; accounts, their IAM and their keys too if `identity` is set.

    Whole tables are emptied at once, so this runs `alone`; the caller also puts the clock back (`set_offset`).
    """
    unit.writes()
    tables: Sequence[str] = (*EVERYTHING, *IDENTITY) if identity else EVERYTHING
    for table in tables:
        unit.engine.execute(f"DELETE FROM {table}")
    unit.memo.spoil()
    unit.changed_authorizations()


def reset_account(unit: Unit, account_id: str) -> None:
    """Remove what one account owns in EC2; its name, its IAM and its keys stay.

    In open mode an account needs none of them, so any id will do.
    """
    remove_objects(unit, check_id(account_id))
