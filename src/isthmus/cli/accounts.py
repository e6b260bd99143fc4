# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus accounts`: makes, lists, shows and deletes accounts, exchanges their keys, and keeps their profiles in the
credentials file.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from isthmus.cli import show
from isthmus.cli.ask import Target, json_option, target_options

CREDENTIALS: Final = click.option(
    "--credentials", metavar="FILE", help="The credentials file for its profile. Default: in the user's data directory."
)

PRINT: Final = click.option("--print", "prints_secret", is_flag=True, help="Show the secret key at a terminal, too.")


@click.group()
def accounts() -> None:
    """Make, list, show and delete accounts, and exchange their keys.

    \b
    Examples:
      isthmus accounts create alice
      isthmus accounts list
      isthmus accounts keys rotate 111122223333
      isthmus accounts delete 111122223333 --with-objects
    """


@accounts.command()
@click.argument("name")
@click.option("--id", "account_id", metavar="ID", help="Its 12 digits. Default: drawn at random.")
@click.option(
    "--trust", "trusted", metavar="ID", help="Another account, which gets a role in this one that may do everything."
)
@click.option("--role-name", metavar="NAME", help="That role's name. Default: OrganizationAccountAccessRole.")
@click.option("--no-root-key", is_flag=True, help="Make no key; the role of --trust, or a start file's users, lead in.")
@PRINT
@CREDENTIALS
@target_options
@json_option
def create(
    name: str,
    account_id: str | None,
    trusted: str | None,
    role_name: str | None,
    credentials: str | None,
    *,
    no_root_key: bool,
    prints_secret: bool,
    wants_json: bool,
    **target: str | None,
) -> None:
    """Make the account NAME with an access key, and write its profile.

    The key acts as the account's root. Its secret goes into the credentials file, which only you can read, as the profile
    isthmus-ID, and to standard output where that is a pipe; a terminal shows it with --print. --trust makes a role, too,
    which may do everything here, for whomever the other account lets assume it.

    \b
    Examples:
      isthmus accounts create alice
      isthmus accounts create bob --id 111122223333 --json
      isthmus accounts create carol --trust 111122223333
      isthmus accounts create dave --trust 111122223333 --no-root-key
    """
    if role_name is not None and trusted is None:
        raise click.UsageError("--role-name names the role of --trust; say that, too.")
    path = _credentials_path(credentials)
    said = {"name": name, "id": account_id, "trust": trusted, "role_name": role_name}
    asked: dict[str, Any] = {word: value for word, value in said.items() if value is not None}
    with Target(**target).open(may_create=True) as ask:
        made = ask("POST", "accounts", {**asked, "root_key": not no_root_key})
    _tell(
        {
            "account_id": made["id"],
            "name": made["name"],
            **({} if no_root_key else _profiled(path, made)),
            **({"role_arn": made["role_arn"]} if trusted is not None else {}),
        },
        wants_json=wants_json,
        prints_secret=prints_secret,
    )


def _profiled(path: Path, made: Mapping[str, Any]) -> dict[str, Any]:
    """Write the profile of a new key; return what is told of the key."""
    key = made["access_keys"][0]
    return {
        "access_key_id": key["access_key_id"],
        "secret_access_key": key["secret_access_key"],
        "profile": _write_profile(path, made["id"], key),
        "credentials_file": str(path),
    }


def _tell(content: dict[str, Any], *, wants_json: bool, prints_secret: bool) -> None:
    """Show what was made; a person at a terminal sees the secret only on demand."""
    if wants_json:
        show.as_json(content)
        return
    if "secret_access_key" in content:
        content["secret_access_key"] = show.secret(content["secret_access_key"], tells=prints_secret)
    show.facts({word.replace("_", " "): value for word, value in content.items()})


@accounts.command("list")
@target_options
@json_option
def list_(endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """List the accounts that were made, oldest first.

    \b
    Examples:
      isthmus accounts list
      isthmus accounts list --data isthmus.db --json
    """
    with Target(endpoint, token_file, data).open() as ask:
        found = ask("GET", "accounts", {})["accounts"]
    if wants_json:
        show.as_json(found)
        return
    content = [(each["id"], each["name"], each["created_at"]) for each in found]
    show.rows(("Account", "Name", "Created"), content, nothing="No account was made yet: isthmus accounts create NAME")


@accounts.command("show")
@click.argument("account_id", metavar="ID")
@target_options
@json_option
def show_(account_id: str, endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """Show the account ID and its access keys, without their secrets. Keys that name no user are the root's.

    \b
    Example:
      isthmus accounts show 111122223333
    """
    with Target(endpoint, token_file, data).open() as ask:
        found = ask("GET", f"accounts/{_digits(account_id)}", {})
    if wants_json:
        show.as_json(found)
        return
    keys = ", ".join(_key(key) for key in found["access_keys"])
    show.facts({"account id": found["id"], "name": found["name"], "created": found["created_at"], "access keys": keys})


def _key(key: dict[str, str]) -> str:
    """Return a key with its status and, unless it is the root's, with its user."""
    whose = f", user {key.get('user', key['user_id'])}" if "user_id" in key else ""
    return f"{key['access_key_id']} ({key['status']}{whose})"


@accounts.command()
@click.argument("account_id", metavar="ID")
@click.option("--with-objects", is_flag=True, help="Delete what it owns, too; its connections end as deleted.")
@CREDENTIALS
@target_options
@json_option
def delete(
    account_id: str,
    endpoint: str | None,
    token_file: str | None,
    data: str | None,
    credentials: str | None,
    *,
    with_objects: bool,
    wants_json: bool,
) -> None:
    """Delete the account ID, its keys and its profile.

    While it owns objects this is refused unless you say --with-objects. The other sides of its connections then see them
    as deleted.

    \b
    Examples:
      isthmus accounts delete 111122223333
      isthmus accounts delete 111122223333 --with-objects
    """
    path = _credentials_path(credentials)
    with Target(endpoint, token_file, data).open() as ask:
        gone = ask("POST", f"accounts/{_digits(account_id)}/delete", {"with_objects": with_objects})
    remove_profiles(path, [account_id])
    if wants_json:
        show.as_json(gone)
    else:
        click.echo(f"Account {account_id} is deleted, and with it {', '.join(gone['access_key_ids']) or 'no key'}.")


@accounts.group()
def keys() -> None:
    """Exchange the keys of an account's root.

    \b
    Example:
      isthmus accounts keys rotate 111122223333
    """


@keys.command()
@click.argument("account_id", metavar="ID")
@click.option("--keep-old", is_flag=True, help="Leave the newest key there was as it is, until the next exchange.")
@PRINT
@CREDENTIALS
@target_options
@json_option
def rotate(
    account_id: str,
    credentials: str | None,
    *,
    keep_old: bool,
    prints_secret: bool,
    wants_json: bool,
    **target: str | None,
) -> None:
    """Exchange the keys of the root of account ID for a new one.

    Its old keys are deleted, its profile is written anew, and whatever still uses an old key is refused from the next
    request on. The option --keep-old leaves the newest of them, so that clients can be moved one by one; exchange once
    more, without it, when all have moved. An account without a key gets one.

    \b
    Examples:
      isthmus accounts keys rotate 111122223333
      isthmus accounts keys rotate 111122223333 --keep-old
    """
    path = _credentials_path(credentials)
    with Target(**target).open() as ask:
        made = ask("POST", f"accounts/{_digits(account_id)}/keys/rotate", {"keep_old": keep_old})
    old = {word: made[word] if wants_json else ", ".join(made[word]) or "none" for word in ("kept", "deleted")}
    _tell({"account_id": made["id"], **_profiled(path, made), **old}, wants_json=wants_json, prints_secret=prints_secret)


def _digits(account_id: str) -> str:
    if not re.fullmatch("[0-9]{12}", account_id):
        raise click.UsageError(
            f"{account_id!r} is not an account id: those have 12 digits. `isthmus accounts list` shows them."
        )
    return account_id


def _credentials_path(given: str | None) -> Path:
    from isthmus import config

    return config.credentials_path(config.load({"credentials": given}))


def _write_profile(path: Path, account_id: str, key: Mapping[str, Any]) -> str | None:
    """Write the profile; where that fails the account is made all the same, so its key must still be told."""
    from isthmus import config
    from isthmus.gateway import credentials_file

    profile = credentials_file.profile_name(account_id)
    words = {"access_key_id": key["access_key_id"], "secret": key["secret_access_key"]}
    try:
        credentials_file.write_profile(path, profile, **words, region=config.load({}).default_region)
    except (OSError, credentials_file.ExposedFileError) as error:
        click.echo(f"The account is made, but its profile could not be written: {error}", err=True)
        return None
    return profile


def remove_profiles(path: Path, account_ids: list[str]) -> None:
    """Take the profiles of deleted accounts out of the credentials file; one that cannot be read stays, with a warning."""
    from isthmus.gateway import credentials_file

    try:
        for account_id in account_ids:
            for profile in credentials_file.profiles_of(path, account_id):
                credentials_file.remove_profile(path, profile)
    except (OSError, credentials_file.ExposedFileError) as error:
        click.echo(f"The profiles in {path} stay: {error}", err=True)
