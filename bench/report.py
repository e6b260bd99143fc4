"""What was measured, for a person and for a program."""

import json
import platform
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.figures import Claim, Figure, Outcome

VERDICTS = {True: "yes", False: "NO", None: "not measured"}
FIGURE_COLUMNS = ("scenario", "case", "server", "median", "unit", "spread")
CLAIM_COLUMNS = ("target", "reached", "bound", "met", "remark")


def number(value: float) -> str:
    """A figure for reading: three digits that count, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a plain table; each column as wide as its widest cell."""
    every = [columns, *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(columns))]
    for row in (columns, tuple("-" * width for width in widths), *every[1:]):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def figure_row(scenario: str, case: str, server: str, figure: Figure) -> tuple[str, ...]:
    """One figure's cells."""
    return (scenario, case, server, number(figure.median), figure.unit, f"{figure.spread:.0%}")


def bound_of(claim: Claim) -> str:
    """The bound as the target gives it; a fraction as 1/n."""
    bound, unit = claim.target.bound, claim.target.unit
    shown = f"1/{1 / bound:g}" if 0 < bound < 1 and not unit else f"{bound:g}"
    return f"{claim.target.sense.value} {shown} {unit}".rstrip()


def reached(claim: Claim) -> str:
    """What was measured, written like its bound."""
    if claim.value is None:
        return "-"
    if 0 < claim.target.bound < 1 and not claim.target.unit and claim.value > 0:
        return f"1/{number(1 / claim.value)}"
    return f"{number(claim.value)} {claim.target.unit}".rstrip()


def claim_row(claim: Claim) -> tuple[str, ...]:
    """One target's cells."""
    words = claim.target.words.split(" <= 1/")[0]
    return (words, reached(claim), bound_of(claim), VERDICTS[claim.met], claim.remark)


def text(outcomes: Sequence[Outcome]) -> str:
    """Figures, targets and notes."""
    figures = [
        figure_row(outcome.scenario, case, server, figure)
        for outcome in outcomes
        for case, servers in outcome.figures.items()
        for server, figure in servers.items()
    ]
    lines = [*table(FIGURE_COLUMNS, figures), ""]
    lines += [*table(CLAIM_COLUMNS, [claim_row(claim) for outcome in outcomes for claim in outcome.claims]), ""]
    lines += [f"note ({outcome.scenario}): {note}" for outcome in outcomes for note in outcome.notes]
    lines += [f"could not run {outcome.scenario}: {outcome.failure}" for outcome in outcomes if outcome.failure]
    return "\n".join(lines).rstrip() + "\n"


def as_data(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The same for a program, every run in it."""
    return {
        "machine": {"system": platform.system(), "release": platform.release(), "python": platform.python_version()},
        "scenarios": [
            {
                "scenario": outcome.scenario,
                "figures": [
                    {
                        "case": case,
                        "server": server,
                        "unit": figure.unit,
                        "median": figure.median,
                        "runs": list(figure.runs),
                    }
                    for case, servers in outcome.figures.items()
                    for server, figure in servers.items()
                ],
                "targets": [
                    {
                        "target": claim.target.words,
                        "sense": claim.target.sense.value,
                        "bound": claim.target.bound,
                        "unit": claim.target.unit,
                        "value": claim.value,
                        "met": claim.met,
                        "remark": claim.remark,
                    }
                    for claim in outcome.claims
                ],
                "notes": list(outcome.notes),
                "failure": outcome.failure,
            }
            for outcome in outcomes
        ],
    }


def as_json(outcomes: Sequence[Outcome]) -> str:
    """The data as JSON text."""
    return json.dumps(as_data(outcomes), indent=2) + "\n"
