# ruff: noqa: D301 - \b is for click: it keeps the lines of the examples
"""`isthmus audit`: who asked for what and what became of it, out of the audit log or the journal (I219)."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import IO, Any, Final, TypeAlias

import click

from isthmus.cli import show
from isthmus.cli.ask import Ask, Target, target_options

Record = Mapping[str, Any]
Keep = Callable[[Record], bool]

OUTCOMES: Final[Mapping[str, Keep]] = {
    "ok": lambda record: not record["code"],
    "refused": lambda record: bool(record["code"]),
    "denied": lambda record: record["decision"].endswith("Deny"),
}
"""The words of --outcome; anything else is an error's code."""
Moment: TypeAlias = datetime | timedelta
"""An instant, or how long it is ago by the clock of what is looked at."""
COLUMNS: Final = ("Time", "Principal", "Action", "Outcome", "Resources", "Request")


def _time(_: click.Context, option: click.Parameter, text: str | None) -> Moment | None:
    """Read an instant, or how long ago it was."""
    from isthmus.domain import durations

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return timedelta(milliseconds=durations.parse(text))
        except ValueError:
            said = f"{text!r} is no time. Write it like 2026-01-31T12:00:00Z, or like 15m for 15 minutes ago."
            raise click.BadParameter(said, param=option) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command(short_help="Show who asked for what, from the audit log or the journal.")
@click.argument("file", required=False)
@click.option("--journal", "of_journal", is_flag=True, help="The journal of a server or a file: what changed, and by whom.")
@click.option("--account", metavar="ID", help="Only what this account asked for.")
@click.option("--principal", metavar="NAME|ARN", help="Only what this principal asked for; * and ? stand for anything.")
@click.option("--action", metavar="ACTION", help="Only this action, such as CreateVpc, ec2:Describe* or iam:*.")
@click.option("--outcome", metavar="ok|refused|denied|CODE", help="Only what came out so: denied is what policies refused.")
@click.option("--since", metavar="TIME", callback=_time, help="Only from then on: a time, or 15m for 15 minutes ago.")
@click.option("--until", metavar="TIME", callback=_time, help="Only before then.")
@target_options
@click.option("--json", "wants_json", is_flag=True, help="Answer in JSON at a terminal, too: a line for each request.")
def audit(
    file: str | None,
    *,
    of_journal: bool,
    wants_json: bool,
    since: Moment | None,
    until: Moment | None,
    **words: str | None,
) -> None:
    """Show who asked for what, and what became of it.

    FILE is an audit log, what `isthmus serve` wrote to standard error in either format; - is standard input. With --journal
    it is what a server, or the file or database of --data, keeps of every change; its times are service time (`isthmus
    clock`), those of the log the wall clock's. A terminal shows a table, a pipe gets a line of JSON for each.

    \b
    Examples:
      isthmus audit server.log --outcome denied
      isthmus audit - --account 111122223333 --since 1h < server.log
      isthmus audit --journal --action 'ec2:*VpcPeeringConnection'
      isthmus audit --journal --data isthmus.db --json
    """
    target = {name: words.pop(name) for name in ("endpoint", "token_file", "data")}
    if of_journal is (file is not None):
        raise click.UsageError("Name a file with an audit log (- for standard input), or say --journal. One of the two.")
    if not of_journal and any(target.values()):
        raise click.UsageError("--endpoint, --token-file and --data are for --journal; the audit log is not in the data.")
    if file is None:
        with Target(**target).open() as ask:
            now = datetime.fromisoformat(ask("GET", "clock", {})["service"])
            _show(filter(_filter(now, since, until, words), _journal(ask)), wants_json=wants_json)
    else:
        with _opened(file) as lines:
            keep = _filter(datetime.now(UTC), since, until, words)
            _show(filter(keep, _log(file, lines)), wants_json=wants_json)


def _opened(file: str) -> AbstractContextManager[IO[Any]]:
    try:
        return click.open_file(file, encoding="utf-8", errors="replace")
    except OSError as error:
        raise click.ClickException(f"The audit log {file} cannot be read: {error.strerror}.") from None


def _log(name: str, content: Iterable[str]) -> Iterator[Record]:
    """Yield the lines of an audit log; say at the end what stood between them, or that there was nothing else."""
    from isthmus.gateway.audit_lines import parse

    others = lines = 0
    for line in content:
        record = parse(line.rstrip("\n"))
        lines += 1
        if record is None:
            others += 1
        else:
            yield record
    if others == lines and lines:
        raise click.ClickException(
            f"{name} has no line of an audit log. `isthmus serve` writes it to standard error, unless --log-format is "
            "none; send that into a file with 2> FILE."
        )
    if others:
        click.echo(f"{others} of {lines} lines were none of the audit log.", err=True)


def _journal(ask: Ask) -> Iterator[Record]:
    """Yield the lines of the journal, a page at a time, in the shape of the audit log's."""
    after = 0
    while page := ask("GET", "journal", {"after": after})["journal"]:
        yield from map(_of_journal, page)
        after = page[-1]["seq"]


def _of_journal(entry: Mapping[str, Any]) -> Record:
    return {
        "time": entry["at"],
        "request": entry["request_id"],
        "account": entry["account"],
        "principal": entry["actor"],
        "region": entry["region"],
        "service": _service_of(entry["action"]),
        "action": entry["action"],
        "code": "",
        "decision": "",
        "resources": [resource for resource, _, _ in entry["changes"]],
        "changes": [{"id": each, "before": before, "after": after} for each, before, after in entry["changes"]],
    }


@cache
def _service_of(action: str) -> str:
    """Return whose action it is; nothing for what an operator did, and for what the service does by itself."""
    from isthmus.wire import services

    return next((service.name for service in services.BY_NAME.values() if service.has(action)), "")


def _filter(now: datetime, since: Moment | None, until: Moment | None, words: Mapping[str, str | None]) -> Keep:
    """Return what a line must meet: every option that was said."""
    tests = [make(text) for name, make in FILTERS.items() if (text := words[name]) is not None]
    if since is not None or until is not None:
        tests.append(_between(_at(now, since), _at(now, until)))
    return lambda record: all(test(record) for test in tests)


def _at(now: datetime, moment: Moment | None) -> datetime | None:
    return now - moment if isinstance(moment, timedelta) else moment


def _between(since: datetime | None, until: datetime | None) -> Keep:
    def test(record: Record) -> bool:
        moment = datetime.fromisoformat(record["time"])
        return (since is None or since <= moment) and (until is None or moment < until)

    return test


def _of_principal(text: str) -> Keep:
    """Match an ARN, or a name at its end."""
    return lambda record: fnmatchcase(record["principal"], text) or fnmatchcase(record["principal"].rpartition("/")[2], text)


def _of_action(text: str) -> Keep:
    """Match an action, with or without its service, in whatever letter case."""
    wanted = (text if ":" in text else f"*:{text}").lower()
    return lambda record: fnmatchcase(f"{record['service']}:{record['action']}".lower(), wanted)


FILTERS: Final[Mapping[str, Callable[[str], Keep]]] = {
    "account": lambda text: lambda record: record["account"] == text,
    "principal": _of_principal,
    "action": _of_action,
    "outcome": lambda text: OUTCOMES.get(text, lambda record: record["code"] == text),
}
"""By option, from what it was given to what a line must meet."""


def _show(records: Iterable[Record], *, wants_json: bool) -> None:
    if wants_json or not show.is_terminal():
        for record in records:
            click.echo(json.dumps(record))
        return
    rows = [_row(record) for record in records]
    show.rows(COLUMNS, rows, nothing="Nothing of that kind is there.")


def _row(record: Record) -> tuple[str, ...]:
    action = f"{record['service']}:{record['action']}".strip(":")
    layer = record.get("layer")
    outcome = f"{record['code']} ({layer})" if layer else record["code"] or "ok"
    return record["time"], record["principal"], action, outcome, ", ".join(record["resources"]), record["request"]
