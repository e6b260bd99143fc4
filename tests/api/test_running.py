"""A server as its operator meets it: started, watched, moved in time, stopped and killed."""

import json
import signal
import socket
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.running import Running, isthmus, running

ALICE, BOB = "111111111111", "222222222222"
HOST = "127.0.0.1"


def vpc(client: Any, block: str) -> str:
    made: str = client.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    return made


def ask(requester: Any, accepter: Any, owner: str, base: int = 0) -> str:
    mine, theirs = vpc(requester, f"10.{base}.0.0/16"), vpc(accepter, f"10.{base + 1}.0.0/16")
    asked = requester.create_vpc_peering_connection(VpcId=mine, PeerVpcId=theirs, PeerOwnerId=owner)
    made: str = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    return made


def user_key(iam: Any) -> dict[str, str]:
    """A key of a user who may do everything: a root may not assume a role."""
    iam.create_user(UserName="admin")
    iam.attach_user_policy(UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    made: dict[str, str] = iam.create_access_key(UserName="admin")["AccessKey"]
    return made


def state(client: Any, peering_id: str) -> str:
    found = client.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])
    code: str = found["VpcPeeringConnections"][0]["Status"]["Code"]
    return code


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- starting ---------------------------------------------------------------------------------------------------------


def test_it_says_where_it_listens_on_which_data_in_which_mode_and_how_to_stop(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        lines = server.said.splitlines()
        assert lines[-1] == f"ready {server.url}"
        assert f"{tmp_path}/d/isthmus.db" in server.said
        assert "open: a 12-digit access key id is the account" in server.said
        assert f"kill {server.process.pid}" in server.said


@pytest.mark.rule("I8")
def test_its_files_are_for_their_owner_only(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        vpc(server.client(), "10.0.0.0/16")
        files = {path.name: mode_of(path) for path in (tmp_path / "d").iterdir()}
        assert mode_of(tmp_path / "d") == 0o700
        assert set(files) == {f"isthmus.db{end}" for end in ("", "-wal", "-shm", ".lock", ".token")}
        assert set(files.values()) == {0o600}


@pytest.mark.rule("I8")
@pytest.mark.parametrize("exposed", ["isthmus.db", "credentials"])
def test_it_does_not_start_on_files_that_others_can_read(tmp_path: Path, exposed: str) -> None:
    data, credentials = tmp_path / "isthmus.db", tmp_path / "credentials"
    assert isthmus(tmp_path, "accounts", "create", "alice", f"--data={data}", f"--credentials={credentials}").returncode == 0
    (tmp_path / exposed).chmod(0o640)
    done = isthmus(tmp_path, "serve", "--port=0", f"--data={data}", f"--credentials={credentials}")
    assert done.returncode == 1
    assert f"chmod 600 {tmp_path / exposed}" in done.stderr


def test_a_second_server_on_the_same_data_is_refused_with_the_first_one_s_name(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        port = first.url.rpartition(":")[2]
        for same_or_free in (port, "0"):
            second = isthmus(tmp_path, "serve", f"--port={same_or_free}", f"--data={tmp_path}/d/isthmus.db")
            assert second.returncode == 1
            assert f"is in use by the server at {first.url} (process {first.process.pid})" in second.stderr
        assert first.get("/_isthmus/health")[0] == 200
        assert first.run("clock", "show")["offset_seconds"] == 0  # the first one's token still opens


def test_a_server_that_is_refused_leaves_the_ready_file_of_a_running_one_alone(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        (ready,) = tmp_path.glob("ready-*")
        refused = isthmus(tmp_path, "serve", "--port=0", f"--data={tmp_path}/d/isthmus.db", f"--ready-file={ready}")
        assert refused.returncode == 1
        assert ready.read_text().strip() == first.url
        assert first.stop() == 0
        assert not ready.exists()
        assert first.said.splitlines()[-1] == "stopped"
        assert "stopped" not in refused.stderr


def test_a_port_in_use_is_told_as_a_sentence_and_leaves_the_other_server_s_token_alone(tmp_path: Path) -> None:
    with running(tmp_path, "--data=memory") as first:
        port = first.url.rpartition(":")[2]
        second = isthmus(tmp_path, "serve", f"--port={port}", "--data=memory")
        assert second.returncode == 1
        assert f"Port {port} of 127.0.0.1 is in use" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.run("clock", "show")["offset_seconds"] == 0


def test_a_server_in_memory_takes_its_token_with_it(tmp_path: Path) -> None:
    with running(tmp_path, "--data=memory") as server:
        assert len(list((tmp_path / "data" / "isthmus").glob("memory-*.token"))) == 1
        assert server.stop() == 0
        assert list((tmp_path / "data" / "isthmus").iterdir()) == []


def test_the_command_line_wins_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('auth = "enforce"\nlog_format = "json"\nprofile = "realistic"\n[quota]\nvpcs-per-region = 1\n')
    given = (f"--config={config}", "--log-format=none")
    with running(tmp_path, *given, ISTHMUS_AUTH="open", ISTHMUS_LOG_FORMAT="text", ISTHMUS_QUOTA="") as server:
        client = server.client()
        vpc(client, "10.0.0.0/16")
        vpc(client, "10.1.0.0/16")  # the environment emptied the file's table of quotas
        assert "open: " in server.said  # the environment, over the file
        time.sleep(0.2)
        assert server.said.splitlines()[-1].startswith("ready")  # the command line: no audit line


def test_open_beyond_loopback_is_refused_unless_allowed_and_then_warned_of(tmp_path: Path) -> None:
    refused = isthmus(tmp_path, "serve", "--host=0.0.0.0", "--auth=open", "--data=memory", "--port=0")
    assert refused.returncode == 1
    assert "--allow-open-network" in refused.stderr
    with running(tmp_path, "--host=0.0.0.0", "--auth=open", "--allow-open-network", "--data=memory") as server:
        assert "WARNING: this server is OPEN BEYOND LOOPBACK" in server.said


# --- stopping ---------------------------------------------------------------------------------------------------------


def _create_until_it_ends(server: Running, number: int, answered: list[str], refused: list[str]) -> None:
    client = server.client(f"{number:012d}")
    try:
        for block in range(200):
            made = vpc(client, f"10.{block}.0.0/16")
            answered.append(made)
    except (ClientError, BotoCoreError) as error:
        refused.append(type(error).__name__)


def _under_load(server: Running, number: int) -> tuple[list[str], list[str], int]:
    """Send the signal while four clients write; answers what they were told, how each ended, and the exit status."""
    answered: list[str] = []
    refused: list[str] = []
    threads = [
        threading.Thread(target=_create_until_it_ends, args=(server, 300_000_000_000 + each, answered, refused))
        for each in range(4)
    ]
    for thread in threads:
        thread.start()
    while len(answered) < 20:
        time.sleep(0.01)
    status = server.stop(number)
    for thread in threads:
        thread.join()
    return answered, refused, status


def _kept(server: Running) -> set[str]:
    clients = [server.client(f"{300_000_000_000 + each:012d}") for each in range(4)]
    return {each["VpcId"] for client in clients for each in client.describe_vpcs()["Vpcs"]}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_finishes_what_was_accepted(tmp_path: Path, number: int) -> None:
    with running(tmp_path) as server:
        answered, refused, status = _under_load(server, number)
        assert status == 0
        assert len(refused) == 4  # each client was cut off between requests, not refused by an error of the API
        assert "ClientError" not in refused
    with running(tmp_path) as again:
        kept = _kept(again)
        assert set(answered) == kept  # nothing that was answered is gone, and nothing was done that was not answered


def test_a_server_that_drains_answers_while_its_health_says_no(tmp_path: Path) -> None:
    with running(tmp_path, "--drain-seconds=3600") as server:
        assert server.get("/_isthmus/health")[0] == 200
        server.process.send_signal(signal.SIGTERM)
        while server.get("/_isthmus/health")[0] != 503:
            pass
        assert json.loads(server.get("/_isthmus/health")[1])["status"] == "draining"
        made = vpc(server.client(), "10.0.0.0/16")
        assert server.stop() == 0  # the second signal ends the wait
    with running(tmp_path) as again:
        assert [each["VpcId"] for each in again.client().describe_vpcs()["Vpcs"]] == [made]


def test_a_drain_comes_to_its_end(tmp_path: Path) -> None:
    with running(tmp_path, "--drain-seconds=0.2") as server:
        assert server.stop() == 0


def test_every_answered_write_is_there_after_kill_9(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        answered, _, status = _under_load(server, signal.SIGKILL)
        assert status == -signal.SIGKILL
    with running(tmp_path) as again:
        assert set(answered) <= _kept(again)


# --- who is believed --------------------------------------------------------------------------------------------------


def test_enforce_believes_issued_keys_only(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        made = server.run("accounts", "create", "alice")
        alice = server.client(made["access_key_id"], made["secret_access_key"])
        owner = alice.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["OwnerId"]
        assert owner == made["account_id"]
        for key, secret in ((made["access_key_id"], "wrong" * 8), (made["account_id"], made["secret_access_key"])):
            with pytest.raises(ClientError, match="AuthFailure"):
                server.client(key, secret).describe_vpcs()


@pytest.mark.parametrize("path", ["/?Action=DescribeVpcs&Version=2016-11-15", "/_isthmus/health"])
@pytest.mark.parametrize("headers", [{"Origin": "https://example.org"}, {"Host": "rebound.example.org"}])
def test_open_mode_refuses_what_a_web_page_could_send(open_server: Running, path: str, headers: dict[str, str]) -> None:
    status, body = open_server.get(path, headers)
    assert status in (400, 403)
    assert "refused" in body or "not a name of this server" in body


def test_a_forwarded_header_from_an_untrusted_peer_is_not_believed(tmp_path: Path) -> None:
    with running(tmp_path, "--data=memory", "--log-format=json") as server:
        server.get("/?Action=DescribeVpcs&Version=2016-11-15", {"X-Forwarded-For": "203.0.113.9"})
        assert audit_of(server)[0]["source"] == HOST


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("open"), "--data=memory", "--log-format=none") as server:
        yield server


# --- what it tells ------------------------------------------------------------------------------------------------------


def audit_of(server: Running) -> list[dict[str, Any]]:
    """The audit log so far; its lines are at most 50 ms behind."""
    time.sleep(0.3)
    return [json.loads(line) for line in server.said.splitlines() if line.startswith("{")]


def test_the_audit_log_in_json_has_a_line_for_every_request(tmp_path: Path) -> None:
    with running(tmp_path, "--log-format=json") as server:
        client = server.client(ALICE, region="eu-west-1")
        vpc(client, "10.0.0.0/16")
        with pytest.raises(ClientError):
            client.describe_vpcs(VpcIds=["vpc-00000000000000000"])
        first, second = audit_of(server)
        assert (first["account"], first["region"], first["action"], first["status"], first["code"]) == (
            ALICE, "eu-west-1", "CreateVpc", 200, "",
        )  # fmt: skip
        assert (second["action"], second["status"], second["code"]) == ("DescribeVpcs", 400, "InvalidVpcID.NotFound")
        client.describe_vpcs()
        assert server.stop() == 0
        assert len(audit_of(server)) == 3  # the last one was written at the stop, if not before


def test_the_audit_log_in_text_is_for_people_and_none_is_none(tmp_path: Path) -> None:
    with running(tmp_path / "text", "--data=memory") as server:
        vpc(server.client(), "10.0.0.0/16")
        time.sleep(0.3)
        assert (
            f"127.0.0.1 arn:aws:iam::{ALICE}:root {ALICE[-4:]} us-east-1 ec2:CreateVpc 200 - allowed - vpc-" in server.said
        )
    with running(tmp_path / "none", "--data=memory", "--log-format=none") as server:
        vpc(server.client(), "10.0.0.0/16")
        time.sleep(0.3)
        assert "CreateVpc" not in server.said


def test_the_metrics_page_is_prometheus_own_format(tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    with running(tmp_path) as server:
        vpc(server.client(), "10.0.0.0/16")
        page = isthmus(tmp_path, "metrics", ISTHMUS_ENDPOINT=server.url).stdout
        samples = {
            (sample.name, sample.labels.get("outcome")): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }
        assert samples["isthmus_requests_total", "CreateVpc"] == 1
        assert samples["isthmus_units_total", None] >= 1


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S211")
def test_a_week_expires_a_request_and_after_a_month_an_ordinary_client_still_works(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        keys = [server.run("accounts", "create", name) for name in ("alice", "bob")]
        alice, bob = (server.client(each["access_key_id"], each["secret_access_key"]) for each in keys)
        asked = ask(alice, bob, keys[1]["account_id"])
        server.run("clock", "advance", "6d23h59m")
        assert state(bob, asked) == "pending-acceptance"
        assert server.run("clock", "advance", "60s")["offset_seconds"] == 7 * 86_400
        assert state(alice, asked) == "expired"
        with pytest.raises(ClientError, match="InvalidStateTransition"):
            bob.accept_vpc_peering_connection(VpcPeeringConnectionId=asked)
        server.run("clock", "advance", "30d")
        vpc(alice, "10.7.0.0/16")


def test_steps_fall_due_on_an_idle_server(tmp_path: Path) -> None:
    with running(tmp_path, "--delays=provisioning_seconds=0.5") as server:
        alice, bob = server.client(ALICE), server.client(BOB)
        asked = ask(alice, bob, BOB)
        bob.accept_vpc_peering_connection(VpcPeeringConnectionId=asked)
        assert state(alice, asked) == "provisioning"
        time.sleep(1.0)
        server.stop(signal.SIGKILL)  # nothing has asked: what the file says now was written on the server's own account
    import sqlite3

    connection = sqlite3.connect(tmp_path / "d" / "isthmus.db")
    assert connection.execute("SELECT state FROM peering").fetchall() == [("active",)]
    connection.close()


def test_realistic_states_last_as_long_as_the_profile_says(tmp_path: Path) -> None:
    with running(tmp_path, "--profile=realistic", "--data=memory") as server:
        alice, bob = server.client(ALICE), server.client(BOB)
        asked = ask(alice, bob, BOB)
        assert state(alice, asked) == "initiating-request"
        server.run("clock", "advance", "2s")
        assert state(bob, asked) == "pending-acceptance"
        bob.accept_vpc_peering_connection(VpcPeeringConnectionId=asked)
        assert state(alice, asked) == "provisioning"
        server.run("clock", "advance", "2s")
        assert state(alice, asked) == "active"


# --- accounts and resets ----------------------------------------------------------------------------------------------


def test_deleting_an_account_with_objects_ends_its_connections_for_the_other_side(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        keys = [server.run("accounts", "create", name) for name in ("alice", "bob")]
        alice, bob = (server.client(each["access_key_id"], each["secret_access_key"]) for each in keys)
        asked = ask(alice, bob, keys[1]["account_id"])
        bob.accept_vpc_peering_connection(VpcPeeringConnectionId=asked)
        assert state(bob, asked) == "active"
        refused = isthmus(tmp_path, "accounts", "delete", keys[0]["account_id"], ISTHMUS_ENDPOINT=server.url)
        assert refused.returncode == 1
        assert "--with-objects" in refused.stderr
        assert state(bob, asked) == "active"
        gone = server.run("accounts", "delete", keys[0]["account_id"], "--with-objects")
        assert gone["access_key_ids"] == [keys[0]["access_key_id"]]
        assert state(bob, asked) == "deleted"
        with pytest.raises(ClientError):
            alice.describe_vpcs()
        profiles = (tmp_path / "data" / "isthmus" / "credentials").read_text()
        assert f"[{keys[1]['profile']}]" in profiles
        assert f"[{keys[0]['profile']}]" not in profiles


@pytest.mark.rule("I7", "I215")
def test_an_old_key_is_refused_from_the_request_after_its_exchange(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        made = server.run("accounts", "create", "alice")
        first = server.client(made["access_key_id"], made["secret_access_key"])
        vpc(first, "10.0.0.0/16")
        made = server.run("accounts", "keys", "rotate", made["account_id"], "--keep-old")
        second = server.client(made["access_key_id"], made["secret_access_key"])
        assert len(first.describe_vpcs()["Vpcs"]) == len(second.describe_vpcs()["Vpcs"]) == 1
        server.run("accounts", "keys", "rotate", made["account_id"])
        for old in (first, second):
            with pytest.raises(ClientError, match="AuthFailure"):
                old.describe_vpcs()


@pytest.mark.rule("I215", "I216")
def test_an_account_without_a_key_is_entered_by_the_role_it_trusts(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        alice = server.run("accounts", "create", "alice")
        bob = server.run("accounts", "create", "bob", "--trust", alice["account_id"], "--no-root-key")
        assert "access_key_id" not in bob
        key = user_key(server.client(alice["access_key_id"], alice["secret_access_key"], service="iam"))
        sts = server.client(key["AccessKeyId"], key["SecretAccessKey"], service="sts")
        given = sts.assume_role(RoleArn=bob["role_arn"], RoleSessionName="alice")["Credentials"]
        inside = server.client(given["AccessKeyId"], given["SecretAccessKey"], token=given["SessionToken"])
        assert inside.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["OwnerId"] == bob["account_id"]


def test_a_reset_keeps_accounts_and_keys_unless_identity_is_said(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        made = server.run("accounts", "create", "alice")
        alice = server.client(made["access_key_id"], made["secret_access_key"])
        vpc(alice, "10.0.0.0/16")
        server.run("clock", "advance", "7d")
        server.run("reset", "--yes")
        assert alice.describe_vpcs()["Vpcs"] == []
        assert server.run("clock", "show")["offset_seconds"] == 0
        server.run("reset", "--identity", "--yes")
        with pytest.raises(ClientError):
            alice.describe_vpcs()
        assert server.run("accounts", "list") == []
        assert "[isthmus-" not in (tmp_path / "data" / "isthmus" / "credentials").read_text()


def test_a_reset_of_one_account_leaves_the_others_objects(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        alice, bob = server.client(ALICE), server.client(BOB)
        asked = ask(alice, bob, BOB)
        server.run("reset", "--account", ALICE, "--yes")
        assert alice.describe_vpcs()["Vpcs"] == []
        assert len(bob.describe_vpcs()["Vpcs"]) == 1
        assert state(bob, asked) == "deleted"


def test_a_command_on_the_file_of_a_running_server_asks_that_server(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        data = f"{tmp_path}/d/isthmus.db"
        assert isthmus(tmp_path, "clock", "advance", "1h", "--data", data).returncode == 0
        assert server.run("clock", "show")["offset_seconds"] == 3_600
        assert server.stop() == 0
    shown = isthmus(tmp_path, "clock", "show", "--data", data, "--json")  # and without a server, the file itself
    assert json.loads(shown.stdout)["offset_seconds"] == 3_600


def test_nothing_that_answers_is_a_sentence_with_what_to_do_next(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        done = isthmus(tmp_path, "clock", "show", "--endpoint", f"http://{HOST}:{probe.getsockname()[1]}")
    assert done.returncode == 1
    assert "Start one with `isthmus serve`" in done.stderr
