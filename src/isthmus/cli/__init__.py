"""The command line: `isthmus serve`, and the commands that speak to a running server or open a file that nobody serves."""

import gc


def main() -> None:
    """Run a command.

    What is imported stays, so looking for garbage among it is wasted: a tenth of a start. A server begins to collect once
    it serves (`gateway.server`); no other command lives long enough to need it.
    """
    gc.disable()
    from isthmus.cli.root import root

    root(prog_name="isthmus")
