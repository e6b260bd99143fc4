# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus export`, `import`, `backup` and `check`: the state as a whole, taken elsewhere, copied and verified."""

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import click

from isthmus.cli import progress, show
from isthmus.cli.ask import json_option
from isthmus.config import POSTGRES

if TYPE_CHECKING:
    from isthmus.config import Settings
    from isthmus.store.invariants import Finding
    from isthmus.store.unit import Unit

F = TypeVar("F", bound=Callable[..., Any])

STANDARD: Final = "-"

DATA: Final = click.option(
    "--data", metavar="FILE|URL", help="The server's data. Default: as for `isthmus serve`. A server may have it open."
)
CLOSED_DATA: Final = click.option(
    "--data", metavar="FILE|URL", help="Where to put it. Default: as for `isthmus serve`. No server may have it open."
)


@click.command()
@click.argument("file")
@DATA
def export(file: str, data: str | None) -> None:
    """Write the whole state to FILE, or to standard output as -.

    Accounts and keys, VPCs, connections, who sees them, tags, the journal and the clock, as one JSON file that
    `isthmus import` takes into a store of any kind, of this Isthmus or a newer one. It shows one moment; a server goes on
    meanwhile. It holds secrets, so FILE is made for you only, and one that is there is never written over.

    \b
    Examples:
      isthmus export state.json
      isthmus export state.json --data isthmus.db
      isthmus export - --data isthmus.db | gzip > state.json.gz
    """
    from isthmus import bootstrap
    from isthmus.store import transfer

    with bootstrap.snapshot(_settings(data)) as seen, _output(file) as out:
        total = transfer.count(seen.engine) if progress.is_watched() else None
        with progress.bar("Exporting", total) as told:
            rows = transfer.export(seen.engine, out.write, told)
    click.echo(f"Exported {_counted(rows)}{'' if file == STANDARD else f' to {file}'}.", err=True)


@contextmanager
def _output(file: str) -> Iterator[BinaryIO]:
    from isthmus.store.sqlite_file import appearing

    if file == STANDARD:
        if sys.stdout.isatty():
            raise click.UsageError("An export holds secrets and is long: name a FILE, or send it through a pipe.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with appearing(Path(file).expanduser()) as path, path.open("wb", buffering=1 << 20) as out:
        yield out


@click.command("import")
@click.argument("file")
@click.option("--replace", is_flag=True, help="Lose what the store holds, if it holds anything.")
@CLOSED_DATA
def import_(file: str, data: str | None, *, replace: bool) -> None:
    """Put the state that `isthmus export` wrote into an empty store.

    FILE is what it wrote, or - for standard input. All of it is taken or nothing: a file that was cut or changed leaves the
    store as it was. Ids, keys, tokens, the order of lists and the clock stay what they were. No server may have the store
    open.

    \b
    Examples:
      isthmus import state.json --data new.db
      isthmus import state.json --replace
      gunzip -c state.json.gz | isthmus import - --data new.db
    """
    from isthmus import bootstrap
    from isthmus.store.importing import import_state

    settings = _settings(data)
    path = None if settings.data.startswith(POSTGRES) else bootstrap.state_file(settings).resolve()
    with _input(file) as given:
        rows = _filled(settings, path, lambda unit: import_state(unit, given, replace=replace))
    click.echo(f"Imported {_counted(rows)}. `isthmus check` verifies what a store holds.", err=True)


def _filled(settings: "Settings", path: Path | None, work: "Callable[[Unit], dict[str, int]]") -> dict[str, int]:
    """Run the work on the store. A file that is not there takes its name once it is whole: a refused one leaves nothing."""
    from msgspec.structs import replace

    from isthmus import bootstrap
    from isthmus.store.api import TransferError
    from isthmus.store.sqlite_file import appearing

    if path is None or path.exists():
        return _run(settings, work)
    bootstrap.make_folder(path)
    with appearing(path) as made:
        rows = _run(replace(settings, data=str(made)), work)
        if made.with_name(made.name + "-wal").exists():  # what was committed could not be brought into the file itself
            raise TransferError(f"{path} could not be completed. Make room on its disk, or name another with --data.")
    return rows


def _run(settings: "Settings", work: "Callable[[Unit], dict[str, int]]") -> dict[str, int]:
    from isthmus import bootstrap
    from isthmus.domain.errors import ApiError
    from isthmus.store.api import Kind

    store = bootstrap.unshared(settings)
    try:
        return store.run_now(Kind.WRITE, work, alone=True)
    except ApiError as error:
        became = (
            "may have been written or not: `isthmus accounts list` tells"
            if settings.data.startswith(POSTGRES)  # whose connection was perhaps cut in the midst of the commit
            else "could not be written, and is as it was. Is its disk full?"
        )
        raise click.ClickException(f"The store {became} ({error.message}).") from None
    finally:
        store.close()


@contextmanager
def _input(file: str) -> Iterator[Any]:
    """The file, with a bar of its bytes. One that others can read is taken all the same: it is not ours to judge."""
    if file == STANDARD:
        with progress.bar("Importing", None) as told:
            yield progress.ToldFile(sys.stdin.buffer, told)
        return
    try:
        opened = Path(file).expanduser().open("rb")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}. `isthmus export FILE` writes one.") from None
    with opened:
        about = os.fstat(opened.fileno())
        size = about.st_size if stat.S_ISREG(about.st_mode) else None
        with progress.bar("Importing", size) as told:
            yield progress.ToldFile(opened, told)


@click.command()
@click.argument("file")
@DATA
def backup(file: str, data: str | None) -> None:
    """Copy the data to FILE as they are now, and verify the copy.

    A server may go on writing meanwhile. The copy is itself a file for --data: to go back to it, stop the server and start
    one on (a copy of) it. It holds secrets, so it is made for you only, and a file that is there is never written over.

    \b
    Examples:
      isthmus backup isthmus-monday.db
      isthmus backup /backups/isthmus.db --data /srv/isthmus/isthmus.db
    """
    from isthmus import bootstrap
    from isthmus.store import sqlite_file

    settings = _settings(data)
    if settings.data.startswith(POSTGRES):
        raise click.ClickException(
            "PostgreSQL is backed up with its own tools, such as pg_dump. `isthmus export FILE` writes the state as a file "
            "that any Isthmus can import."
        )
    source, done = bootstrap.state_file(settings), 0
    with progress.bar("Copying", source.stat().st_size if source.exists() else None) as told:

        def copied(size: int) -> None:
            nonlocal done
            told(size - done)
            done = size

        sqlite_file.backup(source, Path(file).expanduser(), copied)
    click.echo(f"Copied {source} to {file} and verified it.", err=True)


@click.command()
@DATA
@json_option
@click.pass_context
def check(ctx: click.Context, data: str | None, *, wants_json: bool) -> None:
    """Verify that all holds in the data that must always hold.

    That the file is undamaged, that no two VPCs are connected twice or with overlapping blocks, that everybody sees what
    they may and nothing else, and so on. It looks at one moment; a server may have the data open and goes on. The exit
    status is 0 where all holds, 1 where something does not. A pipe gets JSON.

    \b
    Examples:
      isthmus check
      isthmus check --data copy.db --json
    """
    from isthmus import bootstrap
    from isthmus.store import invariants

    with bootstrap.snapshot(_settings(data)) as seen, progress.bar("Checking", len(seen.invariants)) as told:
        findings = invariants.check(seen.engine, seen.invariants, told)
    if wants_json or not show.is_terminal():
        show.as_json([_as_json(finding) for finding in findings])
    else:
        _show(findings)
    ctx.exit(1 if any(finding.broken for finding in findings) else 0)


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {
        "invariant": finding.name,
        "claim": finding.sentence,
        "holds": not finding.broken,
        "broken": finding.broken,
        "unlisted": finding.unlisted,
    }


def _show(findings: "Sequence[Finding]") -> None:
    content = [
        (finding.name, finding.sentence, "holds" if not finding.broken else f"broken {_times(finding)}")
        for finding in findings
    ]
    show.rows(("Invariant", "What it says", "Result"), content, nothing="")
    for finding in findings:
        for sentence in finding.broken:
            click.echo(f"{finding.name}: {sentence}")
        if finding.unlisted:
            click.echo(f"{finding.name}: and {finding.unlisted:,} more")
    if any(finding.broken for finding in findings):
        click.echo("Keep a copy of this file, go back to a backup, and report what you found: Isthmus should not do this.")


def _times(finding: "Finding") -> str:
    return f"{len(finding.broken) + finding.unlisted:,} times"


def _settings(data: str | None) -> "Settings":
    """Return the settings with these data; an empty word must not stand for the default file, which import may replace."""
    from isthmus import config

    if data == "":
        raise click.UsageError("--data is empty. Name a file, or leave it out for the one that `isthmus serve` takes.")
    return config.load({"data": data})


def _counted(rows: dict[str, int]) -> str:
    """The numbers that a person knows by heart, and all."""
    accounts, vpcs, peerings = (
        f"{rows[table]:,} {word}{'' if rows[table] == 1 else 's'}"
        for table, word in (("account", "account"), ("vpc", "VPC"), ("peering", "connection"))
    )
    return f"{accounts}, {vpcs} and {peerings} ({sum(rows.values()):,} rows in all)"
