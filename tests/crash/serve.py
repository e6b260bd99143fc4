"""A server whose `synchronous` is chosen by the test: `python serve.py DATA PORT SYNCHRONOUS`."""

import sys
from functools import partial

from isthmus import bootstrap, serving
from isthmus.config import Settings
from isthmus.store.sqlite import SqliteSettings

if __name__ == "__main__":
    data, port, synchronous = sys.argv[1:]
    bootstrap.SqliteSettings = partial(SqliteSettings, synchronous=synchronous)  # type: ignore[assignment,attr-defined]  # a stand-in
    sys.exit(serving.serve(Settings(data=data, port=int(port), auth="open", log_format="none")))
