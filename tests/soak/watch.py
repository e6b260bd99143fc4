"""What a soak looks at each second, and the figures that it comes to."""

from collections.abc import Sequence
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the beginning, requests answered so far, and sizes in bytes or rows."""

    at: float
    requests: int
    resident: int
    log: int
    journal: int


def slope(samples: Sequence[Sample]) -> float:
    """How much resident memory grows, in MiB per 100,000 requests: the line of least squares through the samples."""
    count = len(samples)
    x_mean = sum(each.requests for each in samples) / count
    y_mean = sum(each.resident for each in samples) / count
    across = sum((each.requests - x_mean) * (each.resident - y_mean) for each in samples)
    return across / sum((each.requests - x_mean) ** 2 for each in samples) / MIB * 100_000


def since(samples: Sequence[Sample], fraction: float) -> list[Sample]:
    """The samples of the last part of the run."""
    begin = samples[-1].at * (1 - fraction)
    return [each for each in samples if each.at >= begin]
