"""The soak's own arithmetic."""

from tests.soak.watch import MIB, Sample, since, slope


def samples(resident: list[float]) -> list[Sample]:
    """A look each second, with 10,000 requests in between."""
    return [Sample(float(at), at * 10_000, round(each * MIB), 0, 0) for at, each in enumerate(resident)]


def test_memory_that_does_not_grow_has_no_slope() -> None:
    assert slope(samples([50.0] * 10)) == 0.0


def test_a_leak_is_told_in_mib_per_100_000_requests() -> None:
    assert round(slope(samples([50 + 0.2 * at for at in range(10)])), 6) == 2.0


def test_noise_around_a_level_is_no_leak() -> None:
    assert abs(slope(samples([50.0, 51.0, 51.0, 50.0] * 25))) < 0.01


def test_the_last_part_leaves_the_first_out() -> None:
    assert [each.at for each in since(samples([0.0] * 11), 0.5)] == [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
