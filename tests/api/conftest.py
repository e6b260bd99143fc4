"""What every API test has: a server in memory, to which `server.client(account, region)` connects boto3."""

from collections.abc import Iterator

import pytest

from isthmus.testing import InProcess


@pytest.fixture
def server() -> Iterator[InProcess]:
    with InProcess() as running:
        yield running
