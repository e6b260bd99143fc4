"""What the database itself can do: pgbench, with the statements that one request of ours sends it.

They are recorded from the database's own log (`log_statement = all`) while a server answers one create, with their
parameters. In the script for `pgbench -M prepared` those that name the new connection, its number and its two VPCs become
variables; all others stay as they were recorded. The VPCs are rows of pgbench's own, whose ids are plain numbers, because
pgbench can reckon with these. No two of its creates are for one pair, and no two clients share a VPC, so that none waits
for another one's lock. pgbench waits for each statement's answer, where our server sends several at once.
"""

import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.database import Database
from bench.errors import NotReadyError
from bench.seed import OUTSTANDING

LOG_SECONDS = 0.5
WINDOW_SECONDS = 120
CLIENT_VPCS = 100
"""Requester VPCs of a client in a window: each is good for 25 creates."""
ENTRY = re.compile(r"^@(\d+)@ (\w+):  ", re.MULTILINE)
PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
PLACE = re.compile(r"\$(\d+)")
RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
NEW_CONNECTION = "INSERT INTO peering ("
NUMBERS = "nextval"

# One row for each number in a range; they differ from those of a server in nothing that a create looks at.
VPC_ROWS = """
INSERT INTO vpc SELECT 1000000000000 + n, n::text, account, region, dhcp_options_id, instance_tenancy, is_default,
    enable_dns_support, enable_dns_hostnames, enable_network_address_usage_metrics, created_at, version
FROM (SELECT * FROM vpc WHERE id = '{like}') AS one, generate_series({first}, {last}) AS n;
INSERT INTO vpc_cidr_block SELECT 1000000000000 + n, 'block-' || n, account, region, n::text, prefix, is_primary,
    ipv6_pool, network_border_group, version
FROM (SELECT * FROM vpc_cidr_block WHERE vpc_id = '{like}') AS one, generate_series({first}, {last}) AS n;
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the database logged it, with the parameters in their order; None is NULL."""

    sql: str
    values: tuple[str | None, ...] = ()


def recorded(log: str) -> list[Statement]:
    """The statements of the transaction that made a connection, BEGIN and COMMIT included."""
    pieces = ENTRY.split(log)[1:]
    found: dict[str, list[Statement]] = {}
    for pid, level, text in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        said = found.setdefault(pid, [])
        if level == "LOG" and text.startswith("execute "):
            said.append(Statement(text.partition(": ")[2].replace("\n\t", "\n").strip()))
        elif level == "DETAIL" and said:
            said[-1] = Statement(said[-1].sql, tuple(_value(match[2]) for match in PARAMETER.finditer(text)))
    for said in found.values():
        at = next((number for number, each in enumerate(said) if each.sql.startswith(NEW_CONNECTION)), None)
        if at is not None:
            first = max(number for number in range(at) if said[number].sql.startswith("BEGIN"))
            last = next(number for number in range(at, len(said)) if said[number].sql == "COMMIT")
            return said[first : last + 1]
    raise NotReadyError("the database's log does not show a create")


def _value(text: str) -> str | None:
    return None if text == "NULL" else text[1:-1].replace("''", "'")


def record(database: Database, create: Callable[[], object]) -> list[Statement]:
    """The statements of one create."""
    database.set("log_statement", "all")
    time.sleep(LOG_SECONDS)
    at = database.log.stat().st_size
    try:
        create()
        time.sleep(LOG_SECONDS)
    finally:
        database.set("log_statement", "none")
    with database.log.open() as log:
        log.seek(at)
        return recorded(log.read())


@dataclass(frozen=True, slots=True)
class Script:
    """A script for pgbench, and the constants that it names."""

    text: str
    constants: Mapping[str, str]


def script(statements: Sequence[Statement], requester: str, accepter: str) -> Script:
    """Turn the statements of one create, from `requester` to `accepter`, into those of any create."""
    made = next(each for each in statements if each.sql.startswith(NEW_CONNECTION))
    roles = {requester: "one", accepter: "other", str(made.values[0]): "seq", str(made.values[1]): "id"}
    constants: dict[str, str] = {}
    lines = [
        r"\set n :n + 1",
        rf"\set one :base + :client_id * {CLIENT_VPCS} + :n / {OUTSTANDING}",
        rf"\set other :others + :client_id * {OUTSTANDING} + :n % {OUTSTANDING}",
        r"\set id random(1, 9000000000000000000)",
    ]
    for statement in statements:
        sql = _filled(statement, roles, constants)
        lines += [f"{sql} \\gset got_", rf"\set seq :got_{NUMBERS}"] if NUMBERS in sql else [f"{sql};"]
    return Script("\n".join(lines) + "\n", constants)


def _filled(statement: Statement, roles: Mapping[str, str], constants: dict[str, str]) -> str:
    def word(match: re.Match[str]) -> str:
        value = statement.values[int(match[1]) - 1]
        if not value:  # pgbench has no empty variables
            return "NULL" if value is None else "''"
        if value.startswith("{") and value.endswith("}"):
            return f"ARRAY[{', '.join(name(each) for each in value[1:-1].split(','))}]"
        return name(value)

    def name(value: str) -> str:
        if value in roles:
            return f":{roles[value]}"
        for known, held in constants.items():
            if held == value:
                return f":{known}"
        constants[f"c{len(constants)}"] = value
        return f":c{len(constants) - 1}"

    return PLACE.sub(word, statement.sql)


@dataclass(slots=True)
class Pgbench:
    """pgbench on one database, with VPCs enough for so many windows."""

    database: Database
    url: str
    made: Script
    path: Path
    clients: int
    windows: int

    def prepare(self, like: str) -> None:
        """Write the script, and make VPCs like this one: those that request, then those that accept."""
        self.path.write_text(self.made.text)
        last = self._others + self.clients * OUTSTANDING
        self.database.sql(self.url, VPC_ROWS.format(like=like, first=0, last=last) + "ANALYZE vpc, vpc_cidr_block")

    @property
    def _others(self) -> int:
        return self.windows * self.clients * CLIENT_VPCS

    def run(self, number: int, each: int) -> float:
        """Transactions per second of one window, in which each client makes so many, at most 2,500."""
        given = {
            **self.made.constants,
            "n": "-1",
            "base": str(number * self.clients * CLIENT_VPCS),
            "others": str(self._others),
        }
        command = [self.database.program("pgbench"), "-n", "-c", str(self.clients), "-M", "prepared", "-t", str(each)]
        command += [word for name, value in given.items() for word in ("-D", f"{name}={value}")]
        done = subprocess.run(
            [*command, "-f", str(self.path), self.url],
            check=False,
            capture_output=True,
            text=True,
            timeout=WINDOW_SECONDS,
        )
        rate, failed = RATE.search(done.stdout), FAILED.search(done.stdout)
        if done.returncode or rate is None or (failed and failed[1] != "0"):
            raise NotReadyError(f"pgbench failed: {(done.stderr or done.stdout).strip()[-300:]}")
        return float(rate[1])
