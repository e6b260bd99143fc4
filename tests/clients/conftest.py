"""What the tests of real clients share: one server in memory per module, and the clients themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import installed
from tests.clients.server import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def aws() -> Path:
    """The `aws` command of AWS CLI v1."""
    return installed.aws_cli()


@pytest.fixture(scope="session")
def javascript() -> Path:
    """A folder from which Node finds the JavaScript SDK v3."""
    return installed.javascript_sdk()
