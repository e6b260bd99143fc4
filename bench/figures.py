"""Arithmetic of the bench: figures, ratios, claims and what they come to. Pure; no clock, no process, no file."""

import enum
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity: its unit and the value of each run, in the order they were taken."""

    unit: str
    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run, which one disturbed run does not move."""
        return statistics.median(self.runs)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median: how far the runs lie apart."""
        return (max(self.runs) - min(self.runs)) / self.median if self.median else 0.0


class Sense(enum.Enum):
    """Which side of its bound a claim wants to be on."""

    AT_MOST = "<="
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached: in words, and as a bound on a number."""

    words: str
    sense: Sense
    bound: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A target with what was measured; `value` is None where it was not, and `remark` says why."""

    target: Target
    value: float | None
    remark: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None when it was not measured."""
        if self.value is None:
            return None
        if self.target.sense is Sense.AT_MOST:
            return self.value <= self.target.bound
        return self.value >= self.target.bound


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario has to say: figures by case and server, claims, and notes on what was answered wrongly."""

    scenario: str
    figures: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = ()
    failure: str = ""


def microseconds(cpu_seconds: float, requests: int) -> float:
    """CPU time per request, in microseconds."""
    if requests < 1:
        raise ValueError("a window needs at least one request")
    return cpu_seconds * 1e6 / requests


def ratio(ours: Figure | None, theirs: Figure | None) -> float | None:
    """Median over median; None when one of them is missing or theirs is zero."""
    if ours is None or theirs is None or theirs.median == 0:
        return None
    return ours.median / theirs.median


def compare(target: Target, case: Mapping[str, Figure], ours: str, theirs: str) -> Claim:
    """The claim that `ours` stands to `theirs` as the target says."""
    missing = [name for name in (ours, theirs) if name not in case]
    return Claim(target, ratio(case.get(ours), case.get(theirs)), f"no figure for {', '.join(missing)}" if missing else "")


def compare_by_turns(target: Target, case: Mapping[str, Figure], ours: str, theirs: str) -> Claim:
    """The same, by the median of the ratios of runs that followed each other: for a bound so close that a machine which is
    faster at one time than at another would decide about it.
    """
    claim = compare(target, case, ours, theirs)
    if claim.value is None:
        return claim
    pairs = zip(case[ours].runs, case[theirs].runs, strict=True)
    return replace(claim, value=statistics.median(one / other for one, other in pairs if other))


def at_most_a(denominator: float, words: str) -> Target:
    """A target of the form "at most 1/`denominator` of ..."."""
    return Target(f"{words} <= 1/{denominator:g}", Sense.AT_MOST, 1 / denominator)
