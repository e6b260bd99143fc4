# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus apply`: brings a server to what a start file says."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isthmus.cli import show
from isthmus.cli.ask import RefusedError, Target, json_option, target_options

if TYPE_CHECKING:
    from isthmus.gateway.start_file import Loaded


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--prune", is_flag=True, help="Delete what FILE does not name of its accounts' users, groups, roles and policies."
)
@click.option("--print", "prints_secret", is_flag=True, help="Show the secrets of keys that are made at a terminal, too.")
@click.option(
    "--credentials", metavar="FILE", help="The credentials file for their profiles. Default: in the user's data directory."
)
@target_options
@json_option
def apply(
    file: Path,
    credentials: str | None,
    *,
    dry_run: bool,
    prune: bool,
    prints_secret: bool,
    wants_json: bool,
    **target: str | None,
) -> None:
    """Make accounts, users, groups, roles and policies as FILE says.

    FILE is TOML, YAML or JSON. All of it is made or nothing. What is there and as FILE says stays as it is, so that applying
    it again changes nothing; what FILE does not name stays, too, unless you say --prune. Access keys that are made get
    profiles in the credentials file.

    \b
    Examples:
      isthmus apply accounts.toml
      isthmus apply accounts.yaml --prune --dry-run
      isthmus apply accounts.json --data isthmus.db --json
    """
    from isthmus import config
    from isthmus.gateway import start_file

    loaded = start_file.load(file)
    with Target(**target).open(may_create=True, is_trial=dry_run) as ask:
        done = _ask(ask, loaded, dry_run=dry_run, prune=prune)
    path = config.credentials_path(settings := config.load({"credentials": credentials}))
    profiles = _profiles(path, done["access_keys"], settings.default_region)
    for key, profile in zip(done["access_keys"], profiles, strict=True):
        key["profile"] = profile
    if wants_json:
        show.as_json(done)
    else:
        _tell(file, done, path, dry_run=dry_run, prints_secret=prints_secret)


def _ask(ask: Any, loaded: "Loaded", **how: bool) -> Any:  # noqa: ANN401 - as `ask` has it
    from isthmus.gateway import start_file

    try:
        return ask("POST", "apply", {"start": loaded.value, **how})
    except RefusedError as error:
        if "problems" in error.content:
            raise loaded.refusal(start_file.problems_of(error.content)) from None
        raise


def _profiles(path: Path, keys: list[dict[str, str]], region: str) -> list[str]:
    """Write the profiles; where that fails the keys are made all the same, so they must still be told."""
    from isthmus.gateway import credentials_file, start_file

    try:
        return start_file.write_profiles(path, keys, region)
    except (OSError, credentials_file.ExposedFileError) as error:
        click.echo(f"Keys are made, but their profiles could not be written: {error}", err=True)
        return [""] * len(keys)


def _tell(file: Path, done: Any, credentials: Path, *, dry_run: bool, prints_secret: bool) -> None:  # noqa: ANN401 - JSON
    for change in done["changes"]:
        click.echo(f"would have {change}" if dry_run else change)
    if not done["changes"]:
        click.echo(f"Nothing to change: everything is as {file} says.")
    for key in done["access_keys"]:
        secret = show.secret(key["secret_access_key"], tells=prints_secret)
        written = {"profile": key["profile"], "credentials file": str(credentials)} if key["profile"] else {}
        show.facts({"access key": key["access_key_id"], "secret": secret, **written})
