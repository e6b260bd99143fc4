"""Runs the long parts one after the other and writes docs/reference/test-long.md: `make test-long`.

    python tools/test_long.py             every part
    python tools/test_long.py mutation    that part only; the report keeps what it said of the others

Every part runs to its end even when one before it failed; the exit status is 0 when all passed. The report names the
commit, so that a reader knows what was tried. Each part also runs by itself, with the command that the report shows.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = Path("docs/reference/test-long.md")
RESULTS = Path("build/test-long.json")  # what the report is made from
TAIL_LINES = 3
FIGURE = "figure: "
LOG_FOLDER = Path("build/test-long")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the long tests: the claim it makes, and the make target that tries it."""

    name: str
    claim: str
    target: str


PARTS = (
    Part("long", "The tests marked `long`: full forms of the random requests, crashes and power cuts", "long"),
    Part("failover", "Nothing that was answered is lost when the database's primary dies under load", "failover"),
    Part("soak", "Ten minutes at full load on each engine: memory, log, journal and latency stay as they are", "soak"),
    Part("mutation", "The tests of `domain/` and of `policy/` notice at least 85 % of the mutants", "mutation"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """How one part ended, and the last lines that it printed."""

    passed: bool
    seconds: float
    commit: str
    tail: Sequence[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; answers the exit status."""
    parser = argparse.ArgumentParser(description="Run the long parts and write their report.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all without; or: {', '.join(p.name for p in PARTS)}")
    names = parser.parse_args(arguments).parts or [part.name for part in PARTS]
    if unknown := set(names) - {part.name for part in PARTS}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    results = dict(earlier(ROOT / RESULTS))
    for part in PARTS:
        if part.name in names:
            results[part.name] = run(part)
            save(results)
    return 0 if all(results[name].passed for name in names) else 1


def run(part: Part) -> Result:
    """Run one part, showing what it prints and keeping it under build/test-long/."""
    print(f"== {part.name}: make {part.target}", flush=True)
    log = ROOT / LOG_FOLDER / f"{part.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            ["make", "--no-print-directory", part.target],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None, "asked for a pipe"
        for line in process.stdout:
            print(line, end="", flush=True)
            file.write(line)
    passed = process.wait() == 0
    return Result(passed, round(time.monotonic() - started, 1), commit(), last_lines(log.read_text(encoding="utf-8")))


def last_lines(text: str) -> list[str]:
    """The last lines that say something, and before them those that tell a figure (tests/figures.py)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [*(line for line in lines[:-TAIL_LINES] if line.startswith(FIGURE)), *lines[-TAIL_LINES:]]


def commit() -> str:
    """What was tried; with a plus when the work tree differs from it."""
    described = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    answer = subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def earlier(path: Path) -> Mapping[str, Result]:
    """The results kept from before, of parts that still exist."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {part.name: Result(**kept[part.name]) for part in PARTS if part.name in kept}


def save(results: Mapping[str, Result]) -> None:
    """Keep the results, and write the report from them."""
    kept = {name: asdict(result) for name, result in results.items()}
    (ROOT / RESULTS).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    (ROOT / REPORT).write_text(report(results, machine), encoding="utf-8")


def report(results: Mapping[str, Result], machine: str) -> str:
    """The page: one section a part."""
    lines = ["# The long tests", "", "Written by `make test-long`; do not edit.", "", f"Last run with {machine}."]
    for part in PARTS:
        lines += ["", f"## {part.name}", "", f"{part.claim}. By itself: `make {part.target}`.", ""]
        lines += told(results[part.name]) if part.name in results else ["Not run yet."]
    return "\n".join(lines) + "\n"


def told(result: Result) -> list[str]:
    """What the report says of a part that ran."""
    verdict = "Passed" if result.passed else "FAILED"
    return [f"{verdict} after {result.seconds:g} s, at commit {result.commit}:", "", "```", *result.tail, "```"]


if __name__ == "__main__":
    sys.exit(main())
