"""What the tests of STS have."""

from collections.abc import Iterator

import pytest

from tests.api.iam.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made
