"""`isthmus` that shortens its journal every second, so that its file soon has its full size; no setting offers that."""

import importlib

from isthmus import cli

if __name__ == "__main__":
    for module in ("isthmus.store.sqlite", "isthmus.store.postgres"):
        vars(importlib.import_module(module))["HOUSEKEEPING"] = 1.0
    cli.main()
