"""`isthmus` as another release would be: its migrations lie in the folder that SCHEMA names."""

import os
from pathlib import Path

from isthmus import cli
from isthmus.store import migrate

if __name__ == "__main__":
    vars(migrate)["FOLDER"] = Path(os.environ["SCHEMA"])
    cli.main()
