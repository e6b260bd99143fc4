# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus actions`: which actions are spoken."""

import click

from isthmus.cli import show
from isthmus.cli.ask import json_option


@click.command()
@json_option
def actions(*, wants_json: bool) -> None:
    """List the API actions that this Isthmus speaks, by service.

    \b
    Examples:
      isthmus actions
      isthmus actions --json
    """
    from isthmus.gateway.handle import listed_actions

    spoken = listed_actions()
    if wants_json:
        show.as_json(spoken)
    else:
        content = [(service, action) for service, names in spoken.items() for action in names]
        show.rows(("Service", "Action"), content, nothing="None.")
