# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus reset`, `health` and `metrics`: what is asked of a server as a whole."""

import sys
from typing import Any

import click

from isthmus.cli import show
from isthmus.cli.ask import Remote, Target, json_option, server_options, target_options


@click.command(short_help="Remove all objects, and put the clock back.")
@click.option("--account", "account_id", metavar="ID", help="Only what this account owns.")
@click.option("--identity", is_flag=True, help="The accounts and their keys, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@target_options
@json_option
def reset(
    account_id: str | None,
    endpoint: str | None,
    token_file: str | None,
    data: str | None,
    *,
    identity: bool,
    yes: bool,
    wants_json: bool,
) -> None:
    """Remove all objects, tags and the journal, and put the clock back.

    Accounts and keys stay, unless you say --identity.

    \b
    Examples:
      isthmus reset --yes
      isthmus reset --account 111122223333
      isthmus reset --identity --data isthmus.db
    """
    if account_id is not None and identity:
        raise click.UsageError(
            f"--identity goes with a reset of everything. `isthmus accounts delete {account_id} --with-objects` removes "
            "one account with its keys."
        )
    target = Target(endpoint, token_file, data)
    what = (
        f"what account {account_id} owns"
        if account_id is not None
        else "everything, accounts and keys too"
        if identity
        else "all objects"
    )
    _confirm(f"Remove {what} from {data or target.endpoint}?", yes=yes)
    # An empty id, as of a shell's variable that is not set, must never stand for everything.
    args: dict[str, Any] = {"account": account_id} if account_id is not None else {"identity": identity}
    with target.open() as ask:
        done = ask("POST", "reset", args)
    _forget(done.get("deleted_accounts", []))
    if wants_json:
        show.as_json(done)
    else:
        click.echo(_told(account_id, identity=identity))


def _told(account_id: str | None, *, identity: bool) -> str:
    """Say what a reset has removed, and what it has left."""
    if account_id is not None:
        return f"Removed the objects of account {account_id}. Its keys, the journal and the clock stay."
    accounts = "All accounts and keys are gone, too." if identity else "Accounts and keys stay."
    return f"Removed all objects, their tags and the journal; the clock has no offset any more. {accounts}"


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("This cannot be undone. Say --yes where nobody can be asked.")
    click.confirm(question, abort=True)


def _forget(account_ids: list[str]) -> None:
    if account_ids:
        from isthmus import config
        from isthmus.cli.accounts import remove_profiles

        remove_profiles(config.credentials_path(config.load({})), account_ids)


@click.command()
@server_options
@json_option
def health(endpoint: str | None, token_file: str | None, *, wants_json: bool) -> None:
    """Say whether a server answers, and which version it is.

    \b
    Examples:
      isthmus health
      until isthmus health >/dev/null 2>&1; do sleep 0.1; done
    """
    target = Target(endpoint, token_file)
    found = Remote(target.endpoint, target.token_file).health()
    if wants_json:
        show.as_json(found)
    else:
        show.facts({"endpoint": target.endpoint, **{word.replace("_", " "): value for word, value in found.items()}})


@click.command()
@server_options
def metrics(endpoint: str | None, token_file: str | None) -> None:
    """Show what a server has done, in Prometheus' text format.

    \b
    Example:
      isthmus metrics | grep isthmus_requests
    """
    with Target(endpoint, token_file).open() as ask:
        click.echo(ask("GET", "metrics", {}), nl=False)
