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


def test_a_delay_that_is_given_leaves_the_others_to_the_profile(tmp_path: Path) -> None:
    seen = load(tmp_path, profile="realistic", delays="provisioning_seconds=10")
    assert seen.in_force == Delays(1.5, 10, 1.0)
    (tmp_path / "isthmus").mkdir()
    (tmp_path / "isthmus" / "config.toml").write_text("[delays]\ndeleting_seconds = 0\n")
    assert load(tmp_path, {"ISTHMUS_PROFILE": "realistic"}).in_force == Delays(1.5, 2.0, 0)


@pytest.mark.parametrize("text", ["true", "1"])
def test_a_switch_in_the_environment_is_a_word(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, {"ISTHMUS_ALLOW_OPEN_NETWORK": text}).allow_open_network


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"port": "many"}, "port must be a whole number, not 'many' (from --port)."),
        ({"port": "65536"}, "port must be between 0 and 65535, not 65536 (from --port)."),
        ({"auth": "maybe"}, "auth must be open or enforce, not 'maybe' (from --auth)."),
        ({"log_format": "xml"}, "log_format must be text or json or none, not 'xml' (from --log-format)."),
        ({"quota": "vpcs"}, "quota must look like name=number,name=number, not 'vpcs' (from --quota)."),
        ({"quota": "vpcs=x"}, "quota.vpcs must be a whole number, not 'x' (from --quota)."),
        ({"delays": "provisionning_seconds=1"}, "perhaps delays.provisioning_seconds is meant."),
        ({"delays": "initiating_seconds=-1"}, "A delay must be between 0 and 86400 seconds (from --delays)."),
        ({"delays": "initiating_seconds=nan"}, "A delay must be between 0 and 86400 seconds (from --delays)."),
        (
            {"signature_window_seconds": "10"},
            "signature_window_seconds must be between 300 and 900, not 10 (from --signature-window-seconds).",
        ),
        ({"max_unpaged_items": "1"}, "max_unpaged_items must be between 5 and 1000000, not 1 (from"),
        (
            {"default_account": "12345"},
            "default_account must be an account id, 12 digits, not '12345' (from --default-account).",
        ),
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


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"The settings file {file} cannot be read: "):
        load(tmp_path, config=str(file))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("prt = 1", "There is no setting prt (from {file}); perhaps port is meant."),
        ("allow-host = []", "There is no setting allow-host (from {file}); perhaps allow_host is meant."),
        ("zebra = 1", "There is no setting zebra (from {file}); `isthmus serve --help` lists those that exist."),
        ("[delays]\nwaiting = 1", "There is no setting delays.waiting (from {file});"),
        ("port = true", "port must be a whole number, not true (from {file})."),
        ("[port]\nx = 1", "port must be a whole number, not a table (from {file})."),
        ("quota = 3", "quota must be a table of name = number, not 3 (from {file})."),
        ('[quota]\nvpcs = "few"', "quota.vpcs must be a whole number, not 'few' (from {file})."),
        ('allow_host = "a"', "allow_host must be a list of texts, not 'a' (from {file})."),
        ("host = []", "host must be a text, not a list (from {file})."),
        ("allow_open_network = 'maybe'", "allow_open_network must be true or false, not 'maybe' (from {file})."),
    ],
)
def test_what_a_file_says_wrong_is_named_with_the_file_and_the_nearest_setting(
    tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, config=str(file))
    assert sentence.format(file=file) in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("ISTHMUS_PORRT", "There is no setting ISTHMUS_PORRT (from the environment); perhaps ISTHMUS_PORT is meant."),
        ("ISTHMUS_ENDPOIN", "perhaps ISTHMUS_ENDPOINT is meant."),
        ("ISTHMUS_PORT", "port must be a whole number, not 'x' (from ISTHMUS_PORT)."),
        ("ISTHMUS_QUOTA", "quota must look like name=number,name=number, not 'x' (from ISTHMUS_QUOTA)."),
    ],
)
def test_what_the_environment_says_wrong_is_named_by_its_variable(tmp_path: Path, variable: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {variable: "x"})
    assert sentence in str(refused.value)


def test_variables_of_the_other_commands_and_of_other_programs_are_no_settings(tmp_path: Path) -> None:
    others = {f"ISTHMUS_{name}": "x" for name in config.OTHER_VARIABLES if name != "CONFIG"}
    assert load(tmp_path, {**others, "ISTHMUSPORT": "1", "PORT": "1"}) == Settings()


def test_data_and_credentials_lie_in_the_user_s_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert config.data_path(Settings()) == tmp_path / "isthmus" / "isthmus.db"
    assert config.credentials_path(Settings()) == tmp_path / "isthmus" / "credentials"
    assert config.data_path(Settings(data="memory")) is None
