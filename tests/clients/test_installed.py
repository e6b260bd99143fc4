"""How clients are installed: by locks that name no host, and loudly where they are required."""

import json
import re

import pytest

from tests.clients import installed


def test_a_client_that_cannot_be_had_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISTHMUS_REQUIRE_CLIENTS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no node"):
        installed.missing("There is no node.")


def test_a_client_that_is_required_and_cannot_be_had_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_REQUIRE_CLIENTS", "1")
    with pytest.raises(pytest.fail.Exception, match="no node"):
        installed.missing("There is no node.")


def test_the_lock_of_the_javascript_sdk_has_a_hash_for_every_package_and_no_host() -> None:
    lock = json.loads((installed.JAVASCRIPT / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)


def test_every_package_of_the_javascript_sdk_runs_on_the_oldest_node() -> None:
    lock = json.loads((installed.JAVASCRIPT / "package-lock.json").read_text())
    oldest = [
        re.findall(r"\d+", package["engines"]["node"])[0] for package in lock["packages"].values() if "engines" in package
    ]
    assert max(int(version) for version in oldest) <= installed.OLDEST_NODE


def test_the_lock_of_aws_cli_has_hashes_for_every_package_and_no_host() -> None:
    lock = installed.AWSCLI_LOCK.read_text()
    packages = re.findall(r"^(\S+==\S+)(?: ;[^\\]*)? \\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"==", lock)) > 0
    assert "://" not in lock
