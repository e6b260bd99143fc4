# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus clock`: shows service time and moves it."""

from collections.abc import Mapping
from typing import Any

import click

from isthmus.cli import show
from isthmus.cli.ask import Target, json_option, target_options


@click.group()
def clock() -> None:
    """Show service time, or move it.

    Life cycles, expiry and every time that is shown follow service time: the wall clock plus an offset that the server
    keeps. Signatures follow the wall clock alone, so clients work on, however far service time has moved.

    \b
    Examples:
      isthmus clock show
      isthmus clock advance 7d              requests that nobody accepted expire now
      isthmus clock set 2027-01-01T00:00:00Z
      isthmus clock reset                   back to the wall clock
    """


def _print(content: Mapping[str, Any], *, wants_json: bool) -> None:
    if wants_json:
        show.as_json(content)
    else:
        show.facts({"service": content["service"], "wall": content["wall"], "offset seconds": content["offset_seconds"]})


def _move(target: Target, word: str, value: str | float | bool, *, wants_json: bool) -> None:  # noqa: FBT001 - a JSON value
    with target.open() as ask:
        _print(ask("POST", "clock", {word: value}), wants_json=wants_json)


@clock.command("show")
@target_options
@json_option
def show_(endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """Show service time, the wall clock and the offset between them.

    \b
    Example:
      isthmus clock show --json
    """
    with Target(endpoint, token_file, data).open() as ask:
        _print(ask("GET", "clock", {}), wants_json=wants_json)


@clock.command(context_settings={"ignore_unknown_options": True})
@click.argument("span")
@target_options
@json_option
def advance(span: str, endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """Let SPAN pass: 90s, 15m, 12h, 7d, 1d12h.

    A number alone is seconds. With a minus the clock goes back, and what has ended stays ended.

    \b
    Examples:
      isthmus clock advance 7d
      isthmus clock advance 36h --endpoint http://127.0.0.1:4511
    """
    _move(Target(endpoint, token_file, data), "advance", span, wants_json=wants_json)


@clock.command("set")
@click.argument("time")
@target_options
@json_option
def set_(time: str, endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """Make it TIME, in ISO 8601; without a zone it is UTC.

    \b
    Example:
      isthmus clock set 2027-01-01T00:00:00Z
    """
    _move(Target(endpoint, token_file, data), "set", time, wants_json=wants_json)


@clock.command("set-offset", context_settings={"ignore_unknown_options": True})
@click.argument("seconds", type=float)
@target_options
@json_option
def set_offset(seconds: float, endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """Set service time SECONDS ahead of the wall clock, or behind it.

    Behind it is a number with a minus.

    \b
    Examples:
      isthmus clock set-offset 3600
      isthmus clock set-offset -60
    """
    _move(Target(endpoint, token_file, data), "offset_seconds", seconds, wants_json=wants_json)


@clock.command()
@target_options
@json_option
def reset(endpoint: str | None, token_file: str | None, data: str | None, *, wants_json: bool) -> None:
    """Put service time back to the wall clock. What has ended stays ended.

    \b
    Example:
      isthmus clock reset
    """
    _move(Target(endpoint, token_file, data), "reset", True, wants_json=wants_json)
