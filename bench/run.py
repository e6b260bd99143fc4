"""The bench's command: measure, print a table, write JSON. Progress goes to standard error."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that `python bench/run.py` works from anywhere

from bench import report
from bench.arena import Arena, Options
from bench.environments import BUILD
from bench.errors import NotReadyError
from bench.figures import Outcome
from bench.load import LoadError
from bench.scenarios import BY_NAME, SCENARIOS
from bench.scenarios.create import REGIONS
from bench.seed import SeedError
from bench.servers import MINISTACK, MOTO, OURS

RESULTS = BUILD / "results.json"
QUICK_RUNS = 3
MISSED, NOT_RUN = 1, 2
EXAMPLES = """examples:
  make bench                                   everything; the table at the end, build/bench/results.json beside it
  make bench ARGS="--only describe --quick"    one scenario, small
  python -m bench --only create --only start   two scenarios
  python -m bench --servers moto,ministack     the peers alone
  python -m bench --json > results.json        JSON instead of the table
  python -m bench --strict                     exit status 1 when a target is missed

exit status: 0 everything ran, 1 a target was missed (with --strict), 2 something could not run
"""


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    listed = "".join(f"\n  {scenario.NAME:10} {scenario.ABOUT}" for scenario in SCENARIOS)
    parser = argparse.ArgumentParser(
        prog="bench",
        description=f"Measure Isthmus beside moto and MiniStack.\n\nscenarios:{listed}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", action="append", choices=sorted(BY_NAME), metavar="SCENARIO", help="this scenario (repeatable)"
    )
    parser.add_argument(
        "--runs", type=int, default=None, metavar="N", help=f"runs of each window (5; at most {len(REGIONS)})"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, three short runs: to see it work, not to judge")
    parser.add_argument("--servers", default=f"{OURS},{MOTO},{MINISTACK}", metavar="LIST", help="which servers, by comma")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a target is missed")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    found = parser.parse_args(words)
    found.runs = found.runs or (QUICK_RUNS if found.quick else Options().runs)
    if not 1 <= found.runs <= len(REGIONS):
        parser.error(f"--runs must be from 1 to {len(REGIONS)}")
    found.servers = tuple(name.strip() for name in found.servers.split(","))
    unknown = set(found.servers) - {OURS, MOTO, MINISTACK}
    if unknown:
        parser.error(f"no server is called {', '.join(sorted(unknown))}")
    return found


def speaker(*, quiet: bool) -> Callable[[str], None]:
    """Progress with the seconds since the start."""
    began = time.monotonic()

    def say(words: str) -> None:
        if not quiet:
            print(f"[{time.monotonic() - began:6.1f} s] {words}", file=sys.stderr, flush=True)

    return say


def attempt(scenario: ModuleType, arena: Arena) -> Outcome:
    """Run a scenario; what keeps it from running, or a server out of it, is part of its outcome."""
    arena.absent.clear()
    try:
        outcome: Outcome = scenario.run(arena)
    except (NotReadyError, SeedError, LoadError) as error:
        return Outcome(scenario.NAME, failure=str(error))
    if arena.options.quick:
        outcome = replace(outcome, claims=[replace(claim, remark=claim.remark or "quick run") for claim in outcome.claims])
    missing = "; ".join(f"{name}: {reason}" for name, reason in arena.absent.items())
    return replace(outcome, failure=missing)


def status(outcomes: Sequence[Outcome], *, strict: bool) -> int:
    """The exit status."""
    if any(outcome.failure for outcome in outcomes):
        return NOT_RUN
    missed = any(claim.met is not True for outcome in outcomes for claim in outcome.claims)
    return MISSED if strict and missed else 0


def main(words: Sequence[str] | None = None) -> int:
    """Run the bench."""
    options = arguments(words)
    if sys.platform != "linux":
        print("bench: reads CPU time as Linux tells it, and runs there only", file=sys.stderr)
        return NOT_RUN
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(NOT_RUN))  # so that the servers are stopped then too
    say = speaker(quiet=options.quiet)
    chosen = [scenario for scenario in SCENARIOS if not options.only or scenario.NAME in options.only]
    outcomes = []
    with Arena(Options(options.runs, options.quick, options.servers), BUILD / "run", say) as arena:
        for scenario in chosen:
            say(f"{scenario.NAME}: {scenario.ABOUT}")
            outcomes.append(attempt(scenario, arena))
            RESULTS.write_text(report.as_json(outcomes))  # at once, so that a run that is cut short leaves what it has
    sys.stdout.write(report.as_json(outcomes) if options.json else report.text(outcomes))
    return status(outcomes, strict=options.strict)


if __name__ == "__main__":
    sys.exit(main())
