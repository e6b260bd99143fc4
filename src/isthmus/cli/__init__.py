"""The command line: `isthmus serve`, and the commands that speak to a running server or open a file that nobody serves."""


def main() -> None:
    """Run a command."""
    from isthmus.cli.root import root

    root(prog_name="isthmus")
