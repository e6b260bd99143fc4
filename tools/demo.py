"""`make demo`: two accounts peer their VPCs over a real server; every request and the XML that came back are shown.

The server runs on a free port, on a file in a temporary folder, with issued keys and checked signatures. Nothing stays
behind: server and folder go, also on Ctrl-C.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from isthmus.cli.ask import Remote

ALICE, BOB = "111111111111", "222222222222"
REGION, FAR = "us-east-1", "eu-west-1"
START_SECONDS = 30.0
STOP_SECONDS = 40.0
LONGEST_ANSWER = 45
"""Lines of XML after which an answer is cut: enough for a connection with both its sides."""

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Tell the story; answers the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="isthmus-demo-") as folder, server(Path(folder)) as (endpoint, token_file):
            told = story(endpoint, Remote(endpoint, token_file))
    except KeyboardInterrupt:
        console.print("\nStopped; the server and its folder are gone.")
        return 130
    summarize(told)
    console.print("\nThe server has stopped, and its folder is gone.")
    return 0


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a server below `folder`; yields its endpoint and its token's file."""
    ready, log, data = folder / "ready", folder / "log", folder / "data" / "isthmus.db"
    command = [sys.executable, "-m", "isthmus", "serve", "--port=0", "--auth=enforce"]
    command += [f"--data={data}", f"--ready-file={ready}", f"--credentials={folder / 'credentials'}"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISTHMUS_", "AWS_"))}
    places = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with log.open("wb") as sink:  # in a session of its own, so that Ctrl-C reaches us first and we stop it
        process = subprocess.Popen(command, stderr=sink, env=kept | places, start_new_session=True)
    try:
        give_up = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > give_up:
                raise SystemExit(f"The server did not start. It said:\n{log.read_text()}")
            time.sleep(0.02)
        yield ready.read_text().strip(), f"{data}.token"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def story(endpoint: str, admin: Remote) -> dict[str, str]:
    """The main job, step by step; answers the ids of the connections that were asked for, by what they show."""
    console.print(f"[bold]Isthmus is running at {endpoint}[/bold], with issued keys and checked signatures.")
    alice, bob = (client(endpoint, admin, name, account) for name, account in (("alice", ALICE), ("bob", BOB)))
    far = client(endpoint, admin, "bob", BOB, FAR)

    heading("1. Two accounts, each with a VPC")
    hers = alice.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    his = bob.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]

    heading("2. A dry run: may she? Nothing is made")
    refused(alice.create_vpc_peering_connection, VpcId=hers, PeerVpcId=his, PeerOwnerId=BOB, DryRun=True)

    heading("3. Alice asks. The answer is a request on its way: initiating-request")
    peering = request(alice, hers, his)

    heading("4. Bob sees it: pending-acceptance")
    show(bob, peering)

    heading("5. Only the accepter may accept: Alice may not, Bob may")
    refused(alice.accept_vpc_peering_connection, VpcPeeringConnectionId=peering)
    bob.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)

    heading("6. Both see it active")
    show(alice, peering)
    show(bob, peering)

    heading("7. Overlapping blocks: the request is taken, and has failed a moment later")
    overlapping = bob.create_vpc(CidrBlock="10.0.128.0/17")["Vpc"]["VpcId"]
    hopeless = request(alice, hers, overlapping)
    show(alice, hopeless)

    heading("8. Another Region, and nobody accepts: after seven days it has expired")
    distant = far.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    forgotten = request(alice, hers, distant, PeerRegion=FAR)
    moved = admin("POST", "clock", {"advance": "7d"})
    console.print(f"\n[bold]$ isthmus clock advance 7d[/bold]\nIt is now {moved['service']}.")
    show(alice, forgotten)
    refused(far.accept_vpc_peering_connection, VpcPeeringConnectionId=forgotten)
    return {"accepted": peering, "overlapping": hopeless, "left alone": forgotten}


def summarize(told: dict[str, str]) -> None:
    """Print which states each connection was seen in."""
    heading("What came of it")
    table = Table("request", "states seen", box=None, pad_edge=False)
    for what, peering_id in told.items():
        table.add_row(what, " -> ".join(SEEN[peering_id]))
    console.print(table)


def request(requester: Any, vpc: str, peer: str, **more: str) -> str:
    """Ask Bob's account for a connection; answers its id."""
    asked = requester.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer, PeerOwnerId=BOB, **more)
    made: str = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    return made


def show(client: Any, peering_id: str) -> None:
    """Describe a connection."""
    client.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])


def refused(action: Any, **parameters: Any) -> None:
    """Do what must be refused."""
    try:
        action(**parameters)
    except ClientError:
        return
    raise AssertionError("this should have been refused")


def client(endpoint: str, admin: Remote, name: str, account: str, region: str = REGION) -> Any:
    """A boto3 client with a key of this account, made where it is missing, that prints what it sends and gets."""
    if account not in KEYS:
        made = admin("POST", "accounts", {"name": name, "id": account})
        KEYS[account] = (made["access_keys"][0]["access_key_id"], made["access_keys"][0]["secret_access_key"])
    key, secret = KEYS[account]
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    plain = Config(retries={"max_attempts": 0}, parameter_validation=True)
    made = session.client("ec2", endpoint_url=endpoint, config=plain)
    made.meta.events.register("before-send.ec2", lambda request, **_: show_request(f"{name}, {region}", request))
    made.meta.events.register("response-received.ec2", lambda response_dict, **_: show_answer(response_dict))
    made.meta.events.register("after-call.ec2", lambda parsed, **_: note_states(parsed))
    return made


KEYS: dict[str, tuple[str, str]] = {}
"""The access key id and the secret of each account that was made."""

SEEN: dict[str, list[str]] = {}
"""The states of each connection, in the order in which answers told them."""


def note_states(parsed: Any) -> None:
    """Keep the states of the connections in an answer."""
    one = parsed.get("VpcPeeringConnection")
    for connection in [one] if one else parsed.get("VpcPeeringConnections", []):
        states, code = SEEN.setdefault(connection["VpcPeeringConnectionId"], []), connection["Status"]["Code"]
        if code not in states:
            states.append(code)


def heading(text: str) -> None:
    """Say what comes next, and why it is worth a look."""
    console.print(f"\n[bold cyan]{text}[/bold cyan]")


def show_request(who: str, request: Any) -> None:
    """Print the action and its parameters as they went over the wire."""
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    form = dict(parse_qsl(body))
    action, _ = form.pop("Action"), form.pop("Version")
    words = " ".join(f"{name}={value}" for name, value in form.items() if name != "ClientToken")
    console.print(f"\n[bold green]{who}[/bold green] -> [bold]{action}[/bold] {escape(words)}")


def show_answer(answer: Any) -> None:
    """Print the XML, indented, without its namespace."""
    root = ET.fromstring(answer["body"].decode().replace(' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"', ""))
    ET.indent(root)
    lines = ET.tostring(root, encoding="unicode").splitlines()
    console.print(f"<- HTTP {answer['status_code']}")
    console.print(escape("\n".join(lines[:LONGEST_ANSWER])), style="dim" if console.is_terminal else "")
    if len(lines) > LONGEST_ANSWER:
        console.print(f"... and {len(lines) - LONGEST_ANSWER} lines more")


if __name__ == "__main__":
    sys.exit(main())
