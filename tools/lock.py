"""Renews requirements/*.lock from pyproject.toml: one resolution for every Python and system, with hashes, no host.

`run.lock` is what a server needs; `dev.lock` adds the development group and agrees with it.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",  # it would repeat the command line
    "--no-annotate",
    "--upgrade",
    "--quiet",
)
LOCKS = {
    "requirements/run.lock": (),
    "requirements/dev.lock": ("--group=dev", "--constraint=requirements/run.lock"),
}


def main() -> int:
    """Write every lock; answers the exit status."""
    uv = Path(sys.executable).with_name("uv")
    for lock, extra in LOCKS.items():
        subprocess.run(
            [uv, "pip", "compile", "pyproject.toml", *OPTIONS, *extra, "--output-file", lock],
            cwd=ROOT,
            check=True,
        )
        print(f"wrote {lock}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
