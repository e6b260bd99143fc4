"""The shape of what is seeded."""

import ipaddress
from itertools import combinations

import pytest

from bench.seed import OUTSTANDING, Grid, blocks, shape


@pytest.mark.rule("S243")
@pytest.mark.parametrize("connections", [1, 24, 25, 26, 100, 1_000, 10_000])
def test_no_requester_has_more_requests_than_may_be_outstanding(connections: int) -> None:
    requesters, accepters = shape(connections)
    assert accepters <= OUTSTANDING
    assert requesters * accepters >= connections
    assert (requesters - 1) * accepters < connections


def test_no_two_blocks_overlap() -> None:
    networks = [ipaddress.ip_network(block) for some in blocks(*shape(10_000)) for block in some]
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


def test_a_grid_names_every_pair_once() -> None:
    pairs = list(Grid(("r1", "r2", "r3"), ("a1", "a2")).pairs())
    assert len(pairs) == len(set(pairs)) == 6


def test_neighbours_in_a_grid_can_be_kept_apart() -> None:
    grid = Grid(tuple(f"r{number}" for number in range(50)), tuple(f"a{number}" for number in range(25)))
    pairs = list(grid.apart())
    assert sorted(pairs) == sorted(grid.pairs())
    for at in range(len(pairs) - 16):
        together = [vpc for pair in pairs[at : at + 16] for vpc in pair]
        assert len(set(together)) == len(together)
