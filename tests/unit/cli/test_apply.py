"""`isthmus apply`, `accounts create --trust`, and `serve --start-file`, on a file that nobody serves."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from isthmus import bootstrap, config, serving
from isthmus.cli.root import root
from isthmus.gateway.start_file import StartFileRefusedError
from isthmus.store.api import Kind
from tests.running import running

ACCOUNT, OTHER = "111122223333", "444455556666"
START = f"""accounts:
  - id: {ACCOUNT}
    name: network
    access_keys: generate
    users:
      - name: alice
        access_keys: generate
        attached_policies: [AmazonVPCFullAccess]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ISTHMUS_ENDPOINT", "ISTHMUS_TOKEN_FILE", "ISTHMUS_DATA", "ISTHMUS_START_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "start.yaml").write_text(START)
    return tmp_path


def on_file(home: Path, *words: str) -> Result:
    return CliRunner().invoke(root, [*words, f"--data={home / 'isthmus.db'}"])


def apply(home: Path, *words: str) -> Result:
    return on_file(home, "apply", str(home / "start.yaml"), *words)


@pytest.mark.rule("I217")
def test_apply_makes_what_the_file_says_and_the_second_time_says_that_there_is_nothing_to_do(home: Path) -> None:
    first, second = apply(home), apply(home)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"made user alice in {ACCOUNT}\n" in first.stdout
    assert f"credentials file: {home / 'data' / 'isthmus' / 'credentials'}\n" in first.stdout
    assert second.stdout == f"Nothing to change: everything is as {home / 'start.yaml'} says.\n"


@pytest.mark.rule("I215", "I217")
def test_keys_that_are_made_have_private_profiles(home: Path) -> None:
    keys = json.loads(apply(home, "--json").stdout)["access_keys"]
    path = home / "data" / "isthmus" / "credentials"
    assert [each["profile"] for each in keys] == [f"isthmus-{ACCOUNT}", f"isthmus-{ACCOUNT}-alice"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for key in keys:
        assert f"[{key['profile']}]\naws_access_key_id = {key['access_key_id']}\n" in path.read_text()


@pytest.mark.rule("I215")
def test_a_terminal_shows_no_secret_unless_it_is_asked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.show.is_terminal", lambda: True)
    shown = apply(home).stdout
    content = (home / "data" / "isthmus" / "credentials").read_text()
    secrets = [line.partition(" = ")[2] for line in content.splitlines() if line.startswith("aws_secret")]
    assert len(secrets) == 2
    assert not any(secret in shown for secret in secrets)


def test_keys_are_told_even_where_their_profiles_cannot_be_written(home: Path) -> None:
    folder = home / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    done = apply(home, "--json", f"--credentials={folder}/credentials")
    assert done.exit_code == 0
    assert all(each["secret_access_key"] for each in json.loads(done.stdout)["access_keys"])
    assert "chmod 700" in done.stderr


@pytest.mark.rule("I217")
def test_a_dry_run_says_what_would_change_and_changes_nothing(home: Path) -> None:
    done = apply(home, "--dry-run")
    assert f"would have made user alice in {ACCOUNT}\n" in done.stdout
    assert "secret" not in done.stdout
    assert not list(home.glob("isthmus.db*"))
    on_file(home, "accounts", "create", "network", "--id", ACCOUNT)
    assert "would have made account" not in apply(home, "--dry-run").stdout
    assert on_file(home, "accounts", "list").stdout.count("\n") == 1


@pytest.mark.rule("I217")
def test_pruning_is_asked_for_and_can_be_tried_first(home: Path) -> None:
    apply(home)
    (home / "start.yaml").write_text(START.partition("    users:")[0])
    assert apply(home).stdout.startswith("Nothing to change")
    assert apply(home, "--prune", "--dry-run").stdout == f"would have deleted user alice in {ACCOUNT}\n"
    assert apply(home, "--prune").stdout == f"deleted user alice in {ACCOUNT}\n"


@pytest.mark.rule("I217")
def test_a_file_that_is_wrong_is_told_by_line_and_changes_nothing(home: Path) -> None:
    (home / "start.yaml").write_text(START.replace("AmazonVPCFullAccess", "None").replace("generate", "genrate", 1))
    done = apply(home)
    assert done.exit_code == 1
    assert done.stderr == (
        f"Error: {home}/start.yaml:4: accounts[0].access_keys: "
        "this must be 'generate', or a list of keys with id and secret\n"
        "Nothing was changed.\n"
    )
    (home / "start.yaml").write_text(START.replace("AmazonVPCFullAccess", "None"))
    done = apply(home)
    assert f"{home}/start.yaml:6: accounts[0].users[0]: Policy None does not exist or is not attachable." in done.stderr
    assert on_file(home, "accounts", "list").stdout == ""


@pytest.mark.rule("I217")
def test_a_server_has_its_start_file_applied_before_it_serves(home: Path) -> None:
    settings = config.load({"start_file": str(home / "start.yaml"), "data": "memory"})
    opened = bootstrap.store(settings)
    try:
        for _ in range(2):
            serving.apply_start_file(settings, opened)
        (account,) = opened.run_now(Kind.READ, lambda unit: unit.accounts.where())
        assert account.name == "network"
        assert (home / "data" / "isthmus" / "credentials").read_text().count("[isthmus-") == 2
        (home / "start.yaml").write_text("accounts: 1")
        with pytest.raises(StartFileRefusedError, match=r"start.yaml:1: accounts: this must be a list, not a text"):
            serving.apply_start_file(settings, opened)
    finally:
        opened.close()


def test_a_server_says_which_start_file_it_has_applied_and_where_the_new_keys_profiles_are(home: Path) -> None:
    start = home / "start.yaml"
    with running(home, f"--start-file={start}") as server:
        assert f"  file  {start} is applied; new keys are in {home}/data/isthmus/credentials\n" in server.said


@pytest.mark.rule("I216")
def test_an_account_can_be_made_that_trusts_another(home: Path) -> None:
    words = ("accounts", "create", "workload", "--id", OTHER, "--trust", ACCOUNT, "--json")
    made = json.loads(on_file(home, *words).stdout)
    assert made["role_arn"] == f"arn:aws:iam::{OTHER}:role/OrganizationAccountAccessRole"
    named = json.loads(on_file(home, "accounts", "create", "x", "--trust", ACCOUNT, "--role-name", "Admin", "--json").stdout)
    assert named["role_arn"].endswith(":role/Admin")


@pytest.mark.rule("I216")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--trust", "12"), "'12' is not an account id"),
        (("--trust", ACCOUNT, "--role-name", "a b"), "The specified value for roleName is invalid."),
        (("--role-name", "Admin"), "--role-name names the role of --trust"),
    ],
)
def test_what_cannot_be_trusted_makes_no_account(home: Path, words: tuple[str, ...], why: str) -> None:
    done = on_file(home, "accounts", "create", "x", *words)
    assert done.exit_code > 0
    assert why in done.stderr
    assert on_file(home, "accounts", "list").stdout == ""


def test_an_account_is_shown_with_its_keys_and_the_names_of_their_users(home: Path) -> None:
    apply(home)
    keys = {
        key.get("user"): key
        for key in json.loads(on_file(home, "accounts", "show", ACCOUNT, "--json").stdout)["access_keys"]
    }
    assert keys.keys() == {None, "alice"}
    assert keys["alice"]["user_id"].startswith("AIDA")
    assert f"{keys['alice']['access_key_id']} (Active, user alice)" in on_file(home, "accounts", "show", ACCOUNT).stdout


def test_an_account_that_is_deleted_takes_the_profiles_of_its_users_along(home: Path) -> None:
    apply(home)
    path = home / "data" / "isthmus" / "credentials"
    path.write_text(path.read_text() + f"\n[isthmus-{ACCOUNT}9]\nregion = us-east-1\n")
    path.chmod(0o600)
    assert on_file(home, "accounts", "delete", ACCOUNT, "--with-objects").exit_code == 0
    assert path.read_text() == f"[isthmus-{ACCOUNT}9]\nregion = us-east-1\n"
