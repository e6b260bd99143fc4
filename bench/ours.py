"""Isthmus as the bench runs it: issued keys, every signature checked, a durable file; and filling a file in bulk."""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import NotReadyError
from bench.servers import LOOPBACK, OURS, Recipe, Server
from bench.sign import Keys

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = (sys.executable, "-m", "isthmus")
COMMAND_SECONDS = 120
SEED_SECONDS = 900
LOGGING = "isthmus+log"


@dataclass(frozen=True, slots=True)
class Seeded:
    """A file or database that was filled in bulk, and what is needed to ask for its contents; `told` has it as JSON."""

    data: Path | str
    told: Path
    keys: Keys
    region: str
    connection_ids: tuple[str, ...]
    requester_vpc_ids: tuple[str, ...]
    spare_requester_vpc_ids: tuple[str, ...]
    spare_accepter_vpc_ids: tuple[str, ...]


def _json_of(command: list[str], timeout_seconds: float) -> Any:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_seconds, cwd=ROOT)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise NotReadyError(f"{' '.join(command[1:4])} failed: {words}")
    return json.loads(done.stdout)


def _first(answer: Mapping[str, Any], *names: str) -> str:
    return next(str(answer[name]) for name in names if name in answer)


def account(data: Path | str, name: str = "bench") -> Keys:
    """Make an account in the file or database and return its first key."""
    made = _json_of([*PROGRAM, "accounts", "create", name, "--data", str(data), "--json"], COMMAND_SECONDS)
    return Keys(
        _first(made, "account_id", "account", "id"),
        _first(made, "access_key_id"),
        _first(made, "secret_access_key", "secret"),
    )


def recipe(data: Path | str, keys: Keys, *, logging: bool = False, options: tuple[str, ...] = ()) -> Recipe:
    """Our server on this file or database, checking everything; with `logging` it writes its line per request to a file."""
    log_format = "json" if logging else "none"

    def command(port: int) -> list[str]:
        serve = ["serve", "--host", LOOPBACK, "--port", str(port), "--data", str(data), "--auth", "enforce"]
        return [*PROGRAM, *serve, "--log-format", log_format, *options]

    return Recipe(LOGGING if logging else OURS, command, keys=keys)


def shared(url: str, keys: Keys, folder: Path) -> Recipe:
    """Our server on a database, one of several perhaps; what it writes itself goes to `folder`."""
    made = recipe(url, keys)
    return Recipe(made.name, made.command, lambda _port: {"XDG_DATA_HOME": str(folder)}, keys)


def fresh(folder: Path, *, logging: bool = False) -> Recipe:
    """Our server on a new file in `folder` with one new account."""
    data = folder / f"{'logging' if logging else 'plain'}.db"
    return recipe(data, account(data), logging=logging)


def admin_token(data: Path) -> str:
    """The token of the administrative endpoints, which a running server keeps beside the data."""
    return _token(data.with_name(f"{data.name}.token"))


def retried_units(server: Server, folder: Path) -> int:
    """How many units of work a server of `shared` had to run again so far, by its own count."""
    token = _token(folder / "isthmus" / f"postgresql-{server.address[1]}.token")
    connection = http.client.HTTPConnection(*server.address, timeout=COMMAND_SECONDS)
    connection.request("GET", "/_isthmus/metrics", headers={"Authorization": f"Bearer {token}"})
    page = connection.getresponse().read().decode()
    connection.close()
    found = re.search(r"^isthmus_retried_units_total (\S+)$", page, re.MULTILINE)
    if found is None:
        raise NotReadyError(f"no count of retried units in {page[:200]!r}")
    return int(float(found[1]))


def _token(path: Path) -> str:
    for _ in range(COMMAND_SECONDS * 10):  # the port is open a moment before the token is there
        if path.exists():
            return path.read_text().strip()
        time.sleep(0.1)
    raise NotReadyError(f"no token at {path.name}")


def _bulk(work: str, *words: str) -> Any:
    return _json_of([sys.executable, "-m", "bench.bulk", work, *words], SEED_SECONDS)


def fill(data: Path | str, folder: Path, connections: int, active: int, progress: Callable[[str], None]) -> Seeded:
    """Fill a new file or database in bulk; what was put there is noted in `folder`."""
    progress(f"filling {data.name if isinstance(data, Path) else 'a database'} with {connections:,} connections")
    made = _bulk("fill", "--data", str(data), "--connections", str(connections), "--active", str(active))
    told = folder / f"seeded-{connections}.json"
    told.write_text(json.dumps(made))
    lists = ("connection_ids", "requester_vpc_ids", "spare_requester_vpc_ids", "spare_accepter_vpc_ids")
    return Seeded(
        data,
        told,
        Keys(made["account_id"], made["access_key_id"], made["secret_access_key"]),
        made["region"],
        *(tuple(made[name]) for name in lists),
    )


def statement_times(*filled: Seeded) -> list[dict[str, list[float]]]:
    """For each, microseconds of the store's own statements by kind of work, one number a run."""
    data, told = [str(each.data) for each in filled], [str(each.told) for each in filled]
    times: list[dict[str, list[float]]] = _bulk("time", "--data", *data, "--seeded", *told)
    return times
