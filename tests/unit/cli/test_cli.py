"""The commands, on a file that nobody serves: words in, words out. Against servers they run in tests/api/test_running.py."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from isthmus.cli.ask import Remote
from isthmus.cli.root import COMMANDS, root
from isthmus.cli.serve import OPTIONS
from isthmus.config import Settings

ACCOUNT = "111122223333"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ISTHMUS_ENDPOINT", "ISTHMUS_TOKEN_FILE", "ISTHMUS_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(root, words)


def on_file(home: Path, *words: str) -> Result:
    return run(*words, f"--data={home / 'isthmus.db'}")


def created(home: Path) -> dict[str, str]:
    done = on_file(home, "accounts", "create", "alice", "--id", ACCOUNT, "--json")
    assert done.exit_code == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


def every_command() -> list[tuple[str, click.Command]]:
    context = click.Context(root)
    return [each for name in COMMANDS for each in with_commands_below(name, root.get_command(context, name))]


def with_commands_below(name: str, command: click.Command | None) -> list[tuple[str, click.Command]]:
    assert command is not None
    below = command.commands.items() if isinstance(command, click.Group) else ()
    return [(name, command), *(each for sub, found in below for each in with_commands_below(f"{name} {sub}", found))]


@pytest.mark.parametrize(("name", "command"), every_command(), ids=[name for name, _ in every_command()])
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    done = run(*name.split(), "--help")
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert f"isthmus {name.split(maxsplit=1)[0]}" in done.stdout
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize("name", ["", *(name for name, _ in every_command())])
def test_help_cuts_no_sentence_and_no_option_in_two_on_80_columns(name: str) -> None:
    lines = CliRunner().invoke(root, (*name.split(), "--help"), env={"COLUMNS": "80"}).stdout.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if re.search(r"\w(\.\.\.|-)$", line)] == []


def test_every_setting_is_an_option_of_serve() -> None:
    switches = {"allow_open_network"}
    assert set(OPTIONS) | switches == {field.name for field in msgspec.structs.fields(Settings)}


def test_the_help_of_serve_tells_the_defaults_that_hold() -> None:
    told = {name: found[1] for name, (_, text) in OPTIONS.items() if (found := re.search(r"Default: (\S+)$", text))}
    assert {name: said for name, said in told.items() if said != written(getattr(Settings(), name))} == {}
    assert {"port", "connections", "poll_seconds", "log_format"} < told.keys()


def written(default: object) -> str:
    """A default as a line of help has it."""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default) or "none"


def test_facts_have_words_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Remote, "health", lambda _: {"status": "ok", "token_file": "/x.token"})
    assert "token file: /x.token" in run("health").stdout.splitlines()
    assert json.loads(run("health", "--json").stdout)["token_file"] == "/x.token"


def test_create_prints_the_key_to_a_pipe_and_writes_a_private_profile(home: Path) -> None:
    made = created(home)
    path = home / "data" / "isthmus" / "credentials"
    assert made["account_id"] == ACCOUNT
    assert made["credentials_file"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text().splitlines() == [
        f"[isthmus-{ACCOUNT}]",
        f"aws_access_key_id = {made['access_key_id']}",
        f"aws_secret_access_key = {made['secret_access_key']}",
        "region = us-east-1",
    ]


@pytest.mark.rule("I215")
def test_a_terminal_shows_no_secret_unless_it_is_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.show.is_terminal", lambda: True)
    hidden = on_file(home, "accounts", "create", "alice", "--id", ACCOUNT).stdout
    shown = on_file(home, "accounts", "create", "bob", "--print").stdout
    profiles = (home / "data" / "isthmus" / "credentials").read_text().split("aws_secret_access_key = ")
    secrets = [part.split("\n")[0] for part in profiles[1:]]
    assert len(secrets) == 2
    assert not any(secret in hidden for secret in secrets)
    assert sum(secret in shown for secret in secrets) == 1


def test_the_key_is_told_even_where_its_profile_cannot_be_written(home: Path) -> None:
    folder = home / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    done = on_file(home, "accounts", "create", "alice", "--json", f"--credentials={folder}/credentials")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["secret_access_key"]
    assert "chmod 700" in done.stderr


def test_list_and_show_tell_accounts_but_no_secrets(home: Path) -> None:
    made = created(home)
    assert on_file(home, "accounts", "list").stdout.split("\t")[:2] == [ACCOUNT, "alice"]
    shown = on_file(home, "accounts", "show", ACCOUNT).stdout
    assert made["access_key_id"] in shown
    assert made["secret_access_key"] not in shown


def test_delete_takes_the_profile_along(home: Path) -> None:
    created(home)
    assert on_file(home, "accounts", "delete", ACCOUNT).exit_code == 0
    assert (home / "data" / "isthmus" / "credentials").read_text() == ""
    assert on_file(home, "accounts", "list").stdout == ""


def key_ids(home: Path) -> list[str]:
    shown = json.loads(on_file(home, "accounts", "show", ACCOUNT, "--json").stdout)
    return [key["access_key_id"] for key in shown["access_keys"]]


def rotated(home: Path, *words: str) -> dict[str, Any]:
    done = on_file(home, "accounts", "keys", "rotate", ACCOUNT, "--json", *words)
    assert done.exit_code == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@pytest.mark.rule("I7", "I215")
def test_a_new_key_takes_the_place_of_all_old_ones(home: Path) -> None:
    first = created(home)["access_key_id"]
    second = rotated(home, "--keep-old")
    assert (second["kept"], second["deleted"]) == ([first], [])
    third = rotated(home, "--keep-old")
    assert (third["kept"], third["deleted"]) == ([second["access_key_id"]], [first])
    assert key_ids(home) == [second["access_key_id"], third["access_key_id"]]
    last = rotated(home)
    assert last["deleted"] == [second["access_key_id"], third["access_key_id"]]
    assert key_ids(home) == [last["access_key_id"]]
    profile = (home / "data" / "isthmus" / "credentials").read_text()
    assert profile.count("aws_access_key_id") == 1
    assert last["secret_access_key"] in profile


@pytest.mark.rule("I215")
def test_an_account_may_be_made_without_a_key_and_given_one_later(home: Path) -> None:
    made = json.loads(on_file(home, "accounts", "create", "alice", "--id", ACCOUNT, "--no-root-key", "--json").stdout)
    assert made == {"account_id": ACCOUNT, "name": "alice"}
    assert not (home / "data" / "isthmus" / "credentials").exists()
    assert key_ids(home) == []
    key = rotated(home)["access_key_id"]
    assert key_ids(home) == [key]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("accounts", "keys", "rotate", "999999999999"), 1, "There is no account 999999999999"),
        (("accounts", "keys", "rotate", "../clock"), 2, "is not an account id"),
        (("accounts", "create", "bob", "--id", "12"), 1, "'12' is not an account id: those have 12 digits."),
        (("accounts", "create", "bob", "--id", ACCOUNT), 1, f"Account {ACCOUNT} exists already"),
        (("accounts", "create", "b\nb"), 1, "printable"),
        (("accounts", "show", "999999999999"), 1, "There is no account 999999999999"),
        (("accounts", "show", "alice"), 2, "'alice' is not an account id: those have 12 digits. `isthmus accounts list`"),
        (("accounts", "delete", "../clock"), 2, "is not an account id"),
        (("clock", "advance", "soon"), 1, "Write it like 90s"),
        (("clock", "set", "tomorrow"), 1, "Write it like 2026-01-31T12:00:00Z"),
        (("clock", "set", "1969-01-01"), 1, "Service time must stay between"),
        (("reset",), 2, "--yes"),
        (("reset", "--yes", "--identity", "--account", ACCOUNT), 2, "accounts delete"),
        (("reset", "--yes", "--account", "nobody"), 1, "12 digits"),
        (("reset", "--yes", "--account", ""), 1, "'' is not an account id"),
        (("reset", "--yes", "--identity", "--account", ""), 2, "accounts delete"),
        (("accounts", "create", "bob", "--id", ""), 1, "'' is not an account id"),
        (("accounts", "create", "bob", "--trust", ""), 1, "'' is not an account id"),
        (("clock", "show", "--endpoint", ""), 2, "either --endpoint"),
        (("clock", "show", "--endpoint", "http://127.0.0.1:1"), 2, "either --endpoint"),
        (("serve", "--ready-file", "missing/ready"), 1, "The ready file missing/ready cannot be written: No such file"),
        (("serve", "--ready-file", "/"), 1, "The ready file / cannot be written: Is a directory"),
        (("serve", "--default-region", "mars-1"), 1, "default_region must be a Region"),
        (("serve", "--allow-host", "http://x/"), 1, "allow_host must be names"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_on_standard_error(
    home: Path, words: tuple[str, ...], status: int, sentence: str
) -> None:
    created(home)
    done = on_file(home, *words)
    assert done.exit_code == status
    assert sentence in done.stderr
    assert done.stdout == ""


def test_the_clock_of_a_file_moves_and_comes_back(home: Path) -> None:
    created(home)

    def offset(*words: str) -> float:
        done = on_file(home, "clock", *words, "--json")
        assert done.exit_code == 0, done.stderr
        return float(json.loads(done.stdout)["offset_seconds"])

    assert offset("advance", "7d") == 604_800
    assert offset("advance", "-1d") == 518_400
    assert offset("set-offset", "-60.5") == -60.5
    assert offset("show") == -60.5
    assert offset("reset") == 0
    assert on_file(home, "clock", "set", "2030-01-01").stdout.startswith("service: 2030-01-01T00:00:00")


def test_a_file_that_is_not_there_is_not_made_by_looking_at_it(home: Path) -> None:
    done = on_file(home, "accounts", "list")
    assert done.exit_code == 1
    assert "There is no file" in done.stderr
    assert not (home / "isthmus.db").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Removed all objects, their tags and the journal; the clock has no offset any more. Accounts and keys stay."),
        (("--identity",), "All accounts and keys are gone, too."),
        (("--account", ACCOUNT), f"Removed the objects of account {ACCOUNT}. Its keys, the journal and the clock stay."),
    ],
)
def test_a_reset_says_what_it_has_removed(home: Path, words: tuple[str, ...], told: str) -> None:
    created(home)
    assert told in on_file(home, "reset", "--yes", *words).stdout


def test_memory_cannot_be_opened_from_outside(home: Path) -> None:
    assert "--endpoint" in run("clock", "show", "--data=memory").stderr


def test_actions_lists_what_is_spoken() -> None:
    assert "ec2\tCreateVpcPeeringConnection\n" in run("actions").stdout
    assert "GetCallerIdentity" in json.loads(run("actions", "--json").stdout)["sts"]


@pytest.mark.parametrize("told", ["/etc/passwd", "/home/me/.ssh/id_rsa", ""])
def test_a_stranger_is_not_sent_just_any_file(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    remote = Remote("http://127.0.0.1:1", None)
    monkeypatch.setattr(Remote, "health", lambda _: {"token_file": told})
    with pytest.raises(click.ClickException, match="--token-file"):
        remote("GET", "clock", {})


def test_a_token_file_is_not_believed_of_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.token").write_text("t" * 43)
    monkeypatch.setattr(Remote, "health", lambda _: {"token_file": str(tmp_path / "x.token")})
    with pytest.raises(click.ClickException, match="not on this machine"):
        Remote("http://isthmus.example.org:4510", None)("GET", "clock", {})


@pytest.mark.parametrize(
    "endpoint", ["localhost:4510", "", "http://", "http://127.0.0.1:99999", "http://127.0.0.1:port", "http://[::1"]
)
def test_an_endpoint_that_is_no_url_is_refused(home: Path, endpoint: str) -> None:
    done = run("health", "--endpoint", endpoint)
    assert done.exit_code == 2
    assert f"{endpoint!r} is no endpoint" in done.stderr
