"""The command line."""

import sys


def main() -> None:
    """Run a command."""
    from isthmus import bootstrap, config

    settings = config.load(dict(word.removeprefix("--").replace("-", "_").split("=", 1) for word in sys.argv[2:]))
    sys.exit(bootstrap.serve(settings))
