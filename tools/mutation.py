"""Mutates domain/ and policy/ and fails when their tests notice too little: `make mutation`.

mutmut changes one thing at a time in these rooms of src/isthmus and runs the tests that reach the changed function
(pyproject.toml says which folders). The share that made a test fail must reach 85 %
in each room. A mutant that no test reaches
counts as one that survived; one that ran out of time counts as noticed, because a test that hangs does not pass.

    python tools/mutation.py                          everything
    python tools/mutation.py 'isthmus.domain.cidr*'   the mutants whose names match (the share is then of these)
    make mutation ARGS="'isthmus.domain.cidr*'"       the same
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST_PERCENT = 85.0
NOTICED = frozenset({"killed", "timeout", "segfault", "caught by type check"})
NOT_TRIED = frozenset({"skipped", "not checked"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run mutmut and judge what it says; answers the exit status."""
    parser = argparse.ArgumentParser(description="Mutate domain/ and policy/ and see whether the tests notice.")
    parser.add_argument("names", nargs="*", help="patterns of mutant names; all without")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default: 2)")
    parser.add_argument("--least", type=float, default=LEAST_PERCENT, help="percent that must be noticed (default: 85)")
    options = parser.parse_args(arguments)
    mutmut = Path(sys.executable).with_name("mutmut")
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    run = subprocess.run([mutmut, "run", "--max-children", str(options.jobs), *options.names], cwd=ROOT, check=False)
    if run.returncode != 0:
        return run.returncode
    listing = subprocess.run(
        [mutmut, "results", "--all", "true"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    results = {name: status for name, status in results_in(listing).items() if chosen(name, options.names)}
    print("\n".join(survivors(results)))
    shares = {room: (percent_noticed(statuses), len(statuses)) for room, statuses in by_room(results).items()}
    for room, (percent, count) in shares.items():
        print(f"mutation: {room}/: {percent:.1f} % of {count} mutants noticed; at least {options.least:g} % is asked")
    return 0 if shares and all(percent >= options.least for percent, _ in shares.values()) else 1


def chosen(name: str, patterns: Sequence[str]) -> bool:
    """Whether a mutant is among those asked for."""
    return not patterns or any(fnmatch(name, pattern) for pattern in patterns)


def results_in(listing: str) -> Mapping[str, str]:
    """Mutant to status, from mutmut's listing of `name: status` lines."""
    pairs = (line.strip().rpartition(": ") for line in listing.splitlines() if ": " in line)
    return {name: status for name, _, status in pairs}


def by_room(results: Mapping[str, str]) -> Mapping[str, list[str]]:
    """The statuses by room, which is the second part of a mutant's name (`isthmus.domain.cidr.…`)."""
    rooms: dict[str, list[str]] = {}
    for name, status in sorted(results.items()):
        rooms.setdefault(name.split(".")[1], []).append(status)
    return rooms


def percent_noticed(statuses: Iterable[str]) -> float:
    """The share of the tried mutants that a test noticed; 0 when none was tried."""
    counts = Counter(status for status in statuses if status not in NOT_TRIED)
    return 100 * sum(counts[status] for status in NOTICED) / max(counts.total(), 1)


def survivors(results: Mapping[str, str]) -> list[str]:
    """A line for each mutant that nobody noticed; `mutmut show NAME` prints its change."""
    return [f"{status}: {name}" for name, status in sorted(results.items()) if status not in NOTICED | NOT_TRIED]


if __name__ == "__main__":
    sys.exit(main())
