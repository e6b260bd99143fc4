"""The scenarios, in the order of a run. Each is a module with NAME, ABOUT, its targets as data, and `run(arena)`."""

from types import ModuleType

from bench.scenarios import (
    answers,
    authorization,
    create,
    describe,
    floor,
    growth,
    policy_change,
    postgres,
    reset,
    selective,
    start,
)

SCENARIOS: tuple[ModuleType, ...] = (
    answers,
    describe,
    selective,
    floor,
    create,
    authorization,
    policy_change,
    start,
    reset,
    growth,
    postgres,
)
BY_NAME = {scenario.NAME: scenario for scenario in SCENARIOS}
