"""How an answer is shown: a table for a person at a terminal, plain text for a pipe, JSON where it was asked for."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click


def is_terminal() -> bool:
    """Tell whether a person reads standard output."""
    return sys.stdout.isatty()


def secret(text: str, *, tells: bool) -> str:
    """Return a secret for a pipe, and for a person who asked for it; to others, say where it is."""
    return text if tells or not is_terminal() else "in the credentials file (--print shows it)"


def as_json(content: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Show content as JSON."""
    click.echo(json.dumps(content, indent=2))


def facts(content: Mapping[str, Any]) -> None:
    """Show what is known of one thing, a line each."""
    width = max(len(name) for name in content)
    for name, value in content.items():
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}" if is_terminal() else f"{name}: {value}")


def rows(columns: Sequence[str], content: Sequence[Sequence[Any]], *, nothing: str) -> None:
    """Show several things of a kind: for a pipe a line each, with tabs; `nothing` stands for none."""
    if not is_terminal():
        for row in content:
            click.echo("\t".join(map(str, row)))
    elif content:
        _table(columns, content)
    else:
        click.echo(nothing)


def _table(columns: Sequence[str], content: Sequence[Sequence[Any]]) -> None:
    from rich import box  # heavy, and only a terminal shows what it does
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # An id or an ARN that is too long for its column goes on in the next line: one that was cut is of no use.
    table = Table(*(Column(name, overflow="fold") for name in columns), box=box.SIMPLE_HEAD)
    for row in content:
        table.add_row(*(Text(str(value)) for value in row))
    Console().print(table)
