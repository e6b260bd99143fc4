"""`isthmus` with serializable transactions on PostgreSQL, which no setting of ours offers: the oracle's servers."""

import importlib
from functools import partial

from isthmus import cli

if __name__ == "__main__":
    store = importlib.import_module("isthmus.store.postgres")
    vars(store)["PostgresSettings"] = partial(store.PostgresSettings, isolation="SERIALIZABLE")
    cli.main()
