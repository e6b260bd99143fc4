# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""The `isthmus` command itself: it finds its subcommands by name and loads only the one that was asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from isthmus import __version__

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "isthmus.cli.serve:serve",
    "accounts": "isthmus.cli.accounts:accounts",
    "apply": "isthmus.cli.apply:apply",
    "clock": "isthmus.cli.clock:clock",
    "reset": "isthmus.cli.server:reset",
    "health": "isthmus.cli.server:health",
    "metrics": "isthmus.cli.server:metrics",
    "audit": "isthmus.cli.audit:audit",
    "actions": "isthmus.cli.actions:actions",
    "why-denied": "isthmus.cli.why_denied:why_denied",
    "export": "isthmus.cli.move:export",
    "import": "isthmus.cli.move:import_",
    "backup": "isthmus.cli.move:backup",
    "check": "isthmus.cli.move:check",
}


class Root(click.Group):
    """A group that imports a command when it is named: `isthmus serve` must start quickly."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the commands in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Return a command by its name."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command; what the operator can mend is told as a sentence, not as a traceback."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(error, _mendable()):
                raise click.ClickException(str(error)) from error
            raise


def _mendable() -> tuple[type[Exception], ...]:
    from isthmus.config import ConfigError
    from isthmus.gateway.credentials_file import ExposedFileError
    from isthmus.gateway.start_file import StartFileRefusedError
    from isthmus.store.api import SchemaError, StoreInUseError, TransferError

    return ConfigError, ExposedFileError, SchemaError, StartFileRefusedError, StoreInUseError, TransferError


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="isthmus %(version)s")
def root() -> None:
    """Amazon EC2's VPC peering, as a server that you run yourself.

    \b
    Examples:
      isthmus serve                         run a server on http://127.0.0.1:4510
      isthmus accounts create alice         make an account with an access key
      isthmus clock advance 7d              let a week pass

    \b
    The AWS CLI as account 111111111111, on a server in open mode:
      export AWS_ENDPOINT_URL=http://127.0.0.1:4510 AWS_DEFAULT_REGION=us-east-1
      export AWS_ACCESS_KEY_ID=111111111111 AWS_SECRET_ACCESS_KEY=anything
      aws ec2 describe-vpcs
    """
