"""Settings: where they come from, which wins, and what is said about one that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from isthmus import config
from isthmus.config import ConfigError, Delays, Settings


def load(tmp_path: Path, environment: dict[str, str] | None = None, **given: Any) -> Settings:
    return config.load(given, {"XDG_CONFIG_HOME": str(tmp_path), **(environment or {})})


def test_defaults_hold_where_nothing_is_said(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()
    assert (Settings().host, Settings().port) == ("127.0.0.1", 4510)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('port = 1\nqueue_limit = 1\njournal_rows = 1\nallow_host = ["a"]\n')
    seen = load(tmp_path, {"ISTHMUS_PORT": "2", "ISTHMUS_QUEUE_LIMIT": "2"}, config=str(file), port="3", data=None)
    assert (seen.port, seen.queue_limit, seen.journal_rows, seen.allow_host) == (3, 2, 1, ("a",))


def test_the_user_s_own_file_is_read_unless_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "isthmus").mkdir()
    (tmp_path / "isthmus" / "config.toml").write_text("port = 4600\n")
    other = tmp_path / "other.toml"
    other.write_text("")
    assert load(tmp_path).port == 4600
    assert load(tmp_path, config=str(other)).port == 4510
    assert load(tmp_path, {"ISTHMUS_CONFIG": str(other)}).port == 4510


def test_lists_and_tables_are_written_with_commas_outside_the_file(tmp_path: Path) -> None:
    environment = {"ISTHMUS_ALLOW_HOST": "a.example, b.example", "ISTHMUS_DELAYS": "provisioning_seconds=2.5"}
    seen = load(tmp_path, environment, quota="vpcs=3,routes = 4")
    assert seen.allow_host == ("a.example", "b.example")
    assert seen.in_force == Delays(0, 2.5, 0)
    assert seen.quota == {"vpcs": 3, "routes": 4}


def test_the_profile_holds_where_no_delay_is_given(tmp_path: Path) -> None:
    assert load(tmp_path, profile="realistic").in_force == Delays(1.5, 2.0, 1.0)


@pytest.mark.parametrize("text", ["true", "1"])
def test_a_switch_in_the_environment_is_a_word(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, {"ISTHMUS_ALLOW_OPEN_NETWORK": text}).allow_open_network


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"port": "many"}, "The setting port cannot be 'many': expected `int`, got `str`."),
        ({"port": "65536"}, "port must be between 0 and 65535, not 65536."),
        ({"auth": "maybe"}, "The setting auth cannot be 'maybe': it may be open or enforce."),
        ({"log_format": "xml"}, "it may be text or json or none"),
        ({"quota": "vpcs"}, "The setting quota must look like name=number,name=number, not 'vpcs'."),
        ({"quota": "vpcs=x"}, "expected `int`"),
        ({"delays": "waiting_seconds=1"}, "waiting_seconds"),
        ({"delays": "initiating_seconds=-1"}, "A delay must be between 0 and 86400 seconds."),
        ({"delays": "initiating_seconds=nan"}, "A delay must be between 0 and 86400 seconds."),
        ({"signature_window_seconds": "10"}, "signature_window_seconds must be between 300 and 900, not 10."),
        ({"default_account": "12345"}, "default_account must be an account id, 12 digits, not '12345'."),
        ({"config": "nowhere.toml"}, "There is no settings file nowhere.toml."),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, **given)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe", b"prt = 1"])
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load(tmp_path, config=str(file))


def test_data_and_credentials_lie_in_the_user_s_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert config.data_path(Settings()) == tmp_path / "isthmus" / "isthmus.db"
    assert config.credentials_path(Settings()) == tmp_path / "isthmus" / "credentials"
    assert config.data_path(Settings(data="memory")) is None
