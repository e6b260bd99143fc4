"""What a server has loaded when it has answered for the first time: start-up is a budget (ADR 11)."""

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

THIRD_PARTY = {"click", "httptools", "isthmus", "msgspec", "typing_extensions", "uvloop"}
"""All that a server without metrics needs; msgspec loads typing_extensions where that is installed."""
HEAVY = (
    "botocore",
    "email.utils",
    "h11",
    "html",
    "http.client",
    "http.server",
    "importlib.metadata",
    "isthmus.cli.accounts",
    "isthmus.cli.ask",
    "isthmus.testing",
    "isthmus.wire.shapes.iam",
    "logging.config",
    "multiprocessing",
    "prometheus_client",
    "rich",
    "stringprep",
    "tomllib",
    "unittest",
    "urllib.request",
    "uvicorn",
    "websockets",
    "xml",
    "yaml",
)
# Loaded all the same: ssl, by asyncio; http, for its status words.
RECORDING = """
import atexit, json, os, sys
atexit.register(lambda: open(os.environ["RECORD"], "w").write(json.dumps(sorted(sys.modules))))
from isthmus.cli import main
main()
"""
FORM = b"Action=DescribeVpcPeeringConnections&Version=2016-11-15"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a server that answered one request and was stopped."""
    folder: Path = tmp_path_factory.mktemp("startup")
    ready, record = folder / "ready", folder / "modules"
    words = ["serve", "--port=0", f"--data={folder}/d/isthmus.db", "--log-format=json", f"--ready-file={ready}"]
    command = [sys.executable, "-c", RECORDING, *words]
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, cwd=folder, env={"HOME": str(folder), "RECORD": str(record)}
    )
    try:
        deadline = time.monotonic() + 30
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with urlopen(Request(ready.read_text().strip(), data=FORM), timeout=10) as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        process.wait(30)
    return set(json.loads(record.read_text()))


def test_only_what_a_server_needs_is_loaded_of_other_peoples_packages(loaded: set[str]) -> None:
    tops = {name.partition(".")[0] for name in loaded}
    foreign = {name for name in tops if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert foreign - {"cython_runtime", "sitecustomize", "usercustomize"} <= THIRD_PARTY


@pytest.mark.parametrize("name", HEAVY)
def test_what_is_heavy_loads_when_it_is_used(loaded: set[str], name: str) -> None:
    assert name not in loaded
