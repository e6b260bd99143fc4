"""How windows are filled and put side by side."""

from pathlib import Path

import pytest

from bench import environments
from bench.arena import Arena, Options, count_for
from bench.load import Answer
from bench.scenarios.create import floor_rate
from bench.servers import Window


@pytest.mark.parametrize(
    ("cost", "most", "least", "expected"),
    [
        (100.0, 10_000, 1, 6_000),
        (100.0, 3_000, 1, 3_000),
        (8_000_000.0, 3_000, 1, 1),
        (8_000.0, 3_000, 200, 200),
        (0.0, 9, 1, 9),
    ],
)
def test_a_window_is_filled_within_its_limits(cost: float, most: int, least: int, expected: int) -> None:
    assert count_for(cost, 0.6, most, least) == expected


def test_runs_alternate_between_the_servers(tmp_path: Path) -> None:
    order: list[str] = []

    def window(name: str, cost: float) -> float:
        order.append(name)
        return cost

    arena = Arena(Options(runs=3), tmp_path, lambda _words: None)
    figures = arena.side_by_side({"a": lambda n: window("a", n), "b": lambda n: window("b", n * 10)}, "us")
    assert order == ["a", "b"] * 3
    assert figures["b"].runs == (0, 10, 20)


def test_a_window_tells_cost_and_rate() -> None:
    window = Window(cpu_seconds=0.02, seconds=0.5, answers=(Answer(200, b""),) * 100)
    assert window.microseconds == pytest.approx(200)
    assert window.per_second == pytest.approx(200)


@pytest.mark.parametrize(("disk", "memory", "least"), [(100, 4_000, 500), (4_000, 2_000, 1_500)])
def test_the_least_rate_is_bounded_by_the_disk_or_by_the_server(disk: float, memory: float, least: float) -> None:
    assert floor_rate(disk, memory) == least


def test_an_environment_is_made_anew_for_other_requirements_or_another_python() -> None:
    made = environments.fingerprint(b"moto==1", "3.11")
    assert len({made, environments.fingerprint(b"moto==2", "3.11"), environments.fingerprint(b"moto==1", "3.12")}) == 3


@pytest.mark.parametrize("name", ["moto", "ministack"])
def test_every_requirement_of_a_peer_is_pinned_and_hashed(name: str) -> None:
    text = (environments.HERE / f"requirements-{name}.txt").read_text().replace("\\\n", " ")
    wanted = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert wanted
    assert all("==" in line and "--hash=sha256:" in line for line in wanted)
