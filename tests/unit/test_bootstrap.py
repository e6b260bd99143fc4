"""From settings to concrete parts: what is refused before anything is opened, and files that are their owner's alone."""

import json
import os
import stat
from pathlib import Path

import pytest

from isthmus import bootstrap, serving
from isthmus.config import ConfigError, Delays, Settings
from isthmus.domain.peering import Delays as Milliseconds
from isthmus.gateway.authenticate import Mode
from isthmus.gateway.credentials_file import ExposedFileError
from isthmus.store.api import StoreInUseError


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("example.org", False),
    ],
)
def test_only_loopback_is_loopback(host: str, loopback: bool) -> None:
    assert bootstrap.is_loopback(host) is loopback


def test_a_server_is_open_on_loopback_and_enforces_elsewhere_unless_it_is_told() -> None:
    assert bootstrap.identity(Settings()).mode is Mode.OPEN
    assert bootstrap.identity(Settings(host="0.0.0.0")).mode is Mode.ENFORCE
    assert bootstrap.identity(Settings(auth="enforce")).mode is Mode.ENFORCE
    assert bootstrap.identity(Settings(host="0.0.0.0", auth="open", allow_open_network=True)).mode is Mode.OPEN


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (Settings(host="0.0.0.0", auth="open"), "--allow-open-network"),
        (Settings(quota={"vpcs-on-the-moon": 1}), "vpcs-on-the-moon"),
        (Settings(trusted_proxy=("10.0.0.0/33",)), "trusted_proxy"),
        (Settings(default_region="mars-1"), "default_region must be a Region, such as us-east-1, not 'mars-1'"),
        (Settings(allow_host=("a.example", "http://b.example")), "allow_host must be .*, not 'http://b.example'"),
        (Settings(allow_host=("b.example:4510",)), "allow_host must be .* without scheme and port"),
        (Settings(allow_host=("[::1]",)), "allow_host"),
        (Settings(allow_host=("*.example",)), "allow_host"),
        (Settings(allow_host=("a..b",)), "allow_host"),
    ],
)
def test_what_cannot_be_served_is_refused_in_a_sentence(settings: Settings, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        bootstrap.gateway(settings)


@pytest.mark.parametrize(
    ("data", "why"), [("memory", "What is kept in memory belongs to one process"), ("a.db", "A file has one writer")]
)
def test_several_workers_are_refused_without_a_database_that_they_can_share(data: str, why: str, tmp_path: Path) -> None:
    settings = Settings(data=data, workers=2, credentials=str(tmp_path / "credentials"))
    with pytest.raises(ConfigError, match=f"{why}, so --workers 2 needs a PostgreSQL database: --data postgresql://"):
        serving.serve(settings)


def test_names_and_addresses_are_allowed_hosts_whatever_their_case() -> None:
    hosts = ("Isthmus.Example.org", "my_service", "192.0.2.1", "2001:DB8::1")
    assert bootstrap.bounds(Settings(allow_host=hosts)).allowed_hosts == {host.lower() for host in hosts}


def test_delays_become_milliseconds() -> None:
    assert bootstrap.rules(Settings(delays=Delays(1.5, 0.25, 0))).delays == Milliseconds(1_500, 250, 0)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_data_are_their_owner_s_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        opened = bootstrap.store(Settings(data=str(tmp_path / "new" / "isthmus.db")))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    opened.close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert {"isthmus.db", "isthmus.db-wal", "isthmus.db-shm", "isthmus.db.lock"} <= set(modes)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_data_that_others_can_read_or_write_are_not_opened(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "isthmus.db"
    path.touch()
    path.chmod(mode)
    with pytest.raises(ExposedFileError, match=f"chmod 600 {path}"):
        bootstrap.store(Settings(data=str(path)))


@pytest.mark.parametrize("content", ["a text", "a text that is longer than the header of a database"])
def test_a_file_that_is_no_database_is_refused_as_such_whoever_can_read_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "txt.db"
    path.write_text(content)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=f"{path} is not a database of Isthmus. Choose another with --data."):
        bootstrap.store(Settings(data=str(path)))
    assert path.read_text() == content


def test_a_place_that_cannot_hold_data_is_told_as_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data"):
        bootstrap.store(Settings(data=str(tmp_path)))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("a.b", "http://a.b:1"),
    ],
)
def test_the_address_is_one_that_a_client_here_can_reach(host: str, url: str) -> None:
    assert serving.address(Settings(host=host, port=1)) == url


def test_a_file_without_a_server_answers_as_the_admin_endpoints_do(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "isthmus.db"))
    with bootstrap.unserved(settings) as perform:
        made = json.loads(perform("POST", "/_isthmus/accounts", {"name": "alice", "id": "111122223333"}).body)
        assert made["access_keys"][0]["secret_access_key"]
        assert json.loads(perform("POST", "/_isthmus/clock", {"advance": "7d"}).body)["offset_seconds"] == 604_800
        assert perform("POST", "/_isthmus/clock", {"advance": "soon"}).status == 400
        with pytest.raises(StoreInUseError, match="an isthmus command"), bootstrap.unserved(settings):
            pass
        assert bootstrap.server_of(tmp_path / "isthmus.db") is None
        assert json.loads(perform("POST", "/_isthmus/reset", {"identity": True}).body)["deleted_accounts"] == [
            "111122223333"
        ]
    with bootstrap.unserved(settings) as perform:
        assert json.loads(perform("GET", "/_isthmus/clock", {}).body)["offset_seconds"] == 0
        assert json.loads(perform("GET", "/_isthmus/accounts", {}).body) == {"accounts": []}


def test_the_holder_of_a_lock_is_known_by_its_address_if_it_is_a_server(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "isthmus.db"))
    opened = bootstrap.store(settings, holder=bootstrap.SERVER + "http://127.0.0.1:4510")
    assert bootstrap.server_of(tmp_path / "isthmus.db") == "http://127.0.0.1:4510"
    opened.close()
    assert bootstrap.server_of(tmp_path / "isthmus.db") is None


def test_a_link_to_the_data_leads_to_the_same_server_and_token(tmp_path: Path) -> None:
    settings, link = Settings(data=str(tmp_path / "isthmus.db")), tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "isthmus.db")
    opened = bootstrap.store(settings, holder=bootstrap.SERVER + "http://127.0.0.1:4510")
    assert bootstrap.server_of(link) == "http://127.0.0.1:4510"
    assert bootstrap.token_path(Settings(data=str(link))) == bootstrap.token_path(settings)
    opened.close()
