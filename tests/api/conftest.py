"""What every API test has: a server in memory, to which `server.client(account, region)` connects boto3."""

from collections.abc import Iterator
from unittest import mock

import pytest
from botocore.loaders import Loader

from isthmus.testing import InProcess


@pytest.fixture(scope="session", autouse=True)
def one_model_for_all_clients() -> Iterator[None]:
    """Let the clients of a run share what boto3 reads from its files: the model of EC2 alone takes 0.2 seconds."""
    shared = Loader()
    with mock.patch("botocore.loaders.create_loader", return_value=shared):
        yield


@pytest.fixture
def server() -> Iterator[InProcess]:
    with InProcess() as running:
        yield running
