"""Writes the pages of docs/reference that are made from code: actions, errors, quotas, settings, life cycle.

    python tools/reference.py            write the pages
    python tools/reference.py --check    write nothing; fail when a page is old or something is undocumented

Each page is a function from the code's own tables to text, so a page can be wrong only where the code is.
"""

import argparse
import ast
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import msgspec
from msgspec.structs import asdict

from isthmus import config
from isthmus.actions import registry
from isthmus.actions.describe import Listing
from isthmus.cli.serve import serve
from isthmus.domain import errors, ids, pages, peering, quotas
from isthmus.domain.filters import FilterTable
from isthmus.domain.iam import errors as iam_errors
from isthmus.domain.peering import Event, State
from isthmus.wire import faults, model, services

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("docs/reference")
SERVICES = ("ec2", "iam", "sts")
TITLES = {"ec2": "Amazon EC2", "iam": "AWS IAM", "sts": "AWS STS"}

MARKED_TEXT = re.compile(r'"(?P<name>\w+)": \(')


# --- Markdown ---------------------------------------------------------------------------------------------------------


def head(title: str, *words: str) -> str:
    """The top of a page."""
    return f"# {title}\n\nGenerated from the code by `make docs`; do not edit.\n" + "".join(f"{word}\n" for word in words)


def cell(text: object) -> str:
    """A text that a table can hold."""
    return " ".join(str(text).split()).replace("|", "\\|")


def code(text: object) -> str:
    """A text in code type; nothing for an empty one."""
    return f"`{text}`" if str(text) else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell(each) for each in line)} |" for line in lines) + "\n"


def sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((docstring or "").strip().partition("\n\n")[0].split())


# --- Actions ----------------------------------------------------------------------------------------------------------


def actions_page() -> str:
    """Every action: what it does, what it takes, what it gives."""
    parts = [
        head(
            "Actions",
            "",
            "Numbers in brackets are rules of [docs/spec](../spec/); [rules.md](rules.md) names the tests that pin them.",
            "Parameters stand as they are sent: `.N` counts from 1. Parameters that every request may carry (`DryRun`,",
            "`Version`, the signature's) are left out. Any other parameter is answered with `UnknownParameter`.",
            "Actions that read never change anything; the others are durable once they are answered.",
        )
    ]
    for service in SERVICES:
        handlers = registry.collect(service)
        parts.append(f"## {TITLES[service]}\n\n{_contents(handlers)}")
        parts += [_action(service, name, handlers[name]) for name in sorted(handlers)]
    return "\n".join(parts)


def _contents(handlers: Mapping[str, registry.Handler]) -> str:
    return table(
        ("action", "kind", "what it does"),
        [
            (f"[{name}](#{name.lower()})", registry.kind_of(name).value, sentence(handlers[name].__doc__))
            for name in sorted(handlers)
        ],
    )


def _action(service: str, name: str, handler: registry.Handler) -> str:
    action = services.tables(service).actions[name]
    parts = [f"### {name}\n", f"{sentence(handler.__doc__)}\n", f"Code: `{handler.__module__}.{handler.__name__}`.\n"]
    sent = list(_leaves(service, action.request))
    parts.append(table(("parameter", "type", ""), sent) if sent else "No parameters of its own.\n")
    if found := _filters_of(handler):
        names = ", ".join(map(code, found))
        parts.append(f"Filters: {names}.\n")
    if name in pages.MAX_RESULTS and "max_results" in _members_of(service, action.request):
        parts.append("`MaxResults`: {} to {}.\n".format(*pages.MAX_RESULTS[name]))
    given = _members_of(service, action.result) if action.result else {}
    shown = ", ".join(code(member.returned_as) for member in given.values()) or "nothing"
    parts.append(f"Answers with {shown}.\n")
    return "\n".join(parts)


def _members_of(service: str, shape: str) -> Mapping[str, model.Member]:
    structure = services.tables(service).shapes[shape]
    assert isinstance(structure, model.Structure)
    return {member.attribute: member for member in structure.members}


def _leaves(service: str, shape: str, prefix: str = "", needed: bool = True) -> Iterator[tuple[str, str, str]]:  # noqa: FBT001, FBT002 - handed down
    """The parameters that a request may send, each with its type and whether it must be there."""
    for member in _members_of(service, shape).values():
        if prefix or member.attribute != "dry_run":
            yield from _leaf(service, member.shape, prefix + member.sent_as, needed and member.required)


def _leaf(service: str, shape: str, name: str, needed: bool) -> Iterator[tuple[str, str, str]]:  # noqa: FBT001 - handed down
    found = services.tables(service).shapes[shape]
    match found:
        case model.Structure():
            yield from _leaves(service, shape, f"{name}.", needed)
        case model.ListOf():
            item = f"{name}.{found.sent_as}.N" if found.sent_as else f"{name}.N"
            yield from _leaf(service, found.shape, item, needed)
        case _:
            yield code(name), _type(found), "required" if needed else ""


def _type(shape: model.Shape) -> str:
    match shape:
        case model.Text(values=values) if values:
            return "one of " + ", ".join(map(code, values))
        case model.Text():
            return "text"
        case model.Integer():
            return "integer"
        case model.Boolean():
            return "boolean"
        case model.Instant():
            return "time, such as `2026-01-31T12:00:00Z`"
        case _:
            raise NotImplementedError(shape)


def _filters_of(handler: registry.Handler) -> list[str]:
    """The names of the filters of the table that a handler uses, found by what its code names."""
    names = handler.__code__.co_names
    used = [handler.__globals__.get(name) for name in names]
    tables = [each.filters if isinstance(each, Listing) else each for each in used]
    found = [each for each in tables if isinstance(each, FilterTable)]
    return sorted({name for each in found for name in (*each.getters, *each.aliases)})


# --- Errors -----------------------------------------------------------------------------------------------------------


@cache
def errors_page() -> str:
    """Every error whose words are kept in a table, or stand where it is raised: all of the source is read, once."""
    inferred = _inferred()
    worded = [
        (code(key), faults.STATUS.get(key, 400), text, "inferred" if name in inferred else "")
        for name, (key, text) in errors.WORDING.items()
    ]
    limits = [(code(name), code(key), text) for name, (key, text) in errors.OVER_QUOTA.items()]
    kinds = [
        (name, code(row.prefix + "-"), code(row.not_found), code(row.malformed or ""))
        for name, row in sorted(ids.KINDS.items())
    ]
    others = [(code(each), status) for each, status in faults.STATUS.items()]
    return "\n".join(
        [
            head(
                "Errors",
                "",
                "What stands in braces is filled in: what the caller said, or what the rule knows.",
                "*Inferred*: nobody has recorded the service's own words, so these are ours and may be mended.",
            ),
            "## Words\n",
            table(("code", "status", "message", ""), sorted(worded, key=lambda row: str(row[0]))),
            "## Words of single rules\n",
            table(("code", "message", "where"), sorted(_single(ROOT / "src" / "isthmus"))),
            "## Words of IAM\n",
            "By what they are about.\n",
            table(("code", "message", "about"), [(code(key), text, about) for key, about, text in _iam_errors()]),
            "## Quotas that are used up\n",
            table(("quota", "code", "message"), limits),
            "[quotas.md](quotas.md) has the numbers.\n",
            "## Ids\n",
            "An id that cannot be one is malformed; one of an object that the caller does not see is not found.",
            "Where the last column is empty the service does not tell the two apart.",
            "Of some kinds there are no objects yet.\n",
            table(("kind", "id begins with", "not found", "malformed"), kinds),
            "## Status\n",
            "A code that is not in this list is answered with status 400.\n",
            table(("code", "status"), others),
        ]
    )


def _iam_errors() -> Iterator[tuple[str, str, str]]:
    """Code, subject and words of the errors that IAM keeps in tables."""
    tables = (("NoSuchEntity", iam_errors.NO_SUCH), ("EntityAlreadyExists", iam_errors.TAKEN))
    for key, words in (*tables, ("DeleteConflict", iam_errors.CONFLICTS)):
        yield from ((key, about, text) for about, text in words.items())


def _inferred() -> frozenset[str]:
    """The errors whose comment in the source says that the wording is inferred."""
    found: set[str] = set()
    name = ""
    for line in inspect.getsource(errors).partition("OVER_QUOTA")[0].splitlines():
        if key := MARKED_TEXT.search(line):
            name = key["name"]
        if "inferred" in line.partition("#")[2]:
            found.add(name)
    return frozenset(found)


def _single(source: Path) -> Iterator[tuple[str, str, str]]:
    """Errors that are worded where they are raised: their code, their words, and the module."""
    free = dict(_free_constructors())
    for path in sorted(source.rglob("*.py")):
        if path == source / "domain" / "errors.py" or "shapes" in path.parts:
            continue
        module = str(path.relative_to(source).with_suffix("")).replace("/", ".")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and (found := worded(call, free)):
                yield code(found[0]), found[1], code(module)


def _free_constructors() -> Iterator[tuple[str, str]]:
    """The constructors of `domain.errors` that take nothing but a message, each with its code."""
    for name, constructor in inspect.getmembers(errors, inspect.isfunction):
        if list(inspect.signature(constructor).parameters) == ["message"]:
            yield name, constructor("").code


def worded(call: ast.Call, free: Mapping[str, str]) -> tuple[str, str] | None:
    """The code and the words of an error that is made in this call; None where it is no such call.

    >>> worded(ast.parse("invalid_combination(f'not with {name}')", mode="eval").body, {"invalid_combination": "Both"})
    ('Both', 'not with {name}')
    """
    name = ast.unparse(call.func).rpartition(".")[2]
    match name, call.args:
        case "ApiError", [ast.Constant(value=str(given)), message]:
            words = _words(message)
        case _, [message] if name in free:
            given, words = free[name], _words(message)
        case _:
            return None
    return (given, words) if words else None


def _words(message: ast.expr) -> str:
    match message:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_words(value) for value in values)
        case ast.FormattedValue(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return "{" + name + "}"
        case ast.FormattedValue():
            return "{…}"
        case _:
            return ""


# --- Quotas -----------------------------------------------------------------------------------------------------------


def quotas_page() -> str:
    """Every quota with both tables' numbers."""
    real, ours = asdict(quotas.DOCUMENTED), asdict(quotas.DEFAULT)
    counted = set(errors.OVER_QUOTA)
    rows = [
        (
            code(name),
            about.meaning,
            real[name],
            ours[name],
            about.rule,
            "" if name in counted else "not yet",
        )
        for name, about in quotas.ABOUT.items()
    ]
    return "\n".join(
        [
            head(
                "Quotas",
                "",
                "`--quotas real` sets the documented numbers; the default ones allow larger inventories.",
                "A single quota is set by name: `--quota vpcs_per_region=3`, or in the settings file under `[quota]`",
                "(see [settings.md](settings.md)). *Not yet*: no action makes such objects, so the number limits nothing.",
            ),
            table(("quota", "what it limits", "documented", "default", "rule", "enforced"), rows),
        ]
    )


# --- Settings ---------------------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Every setting with its three names, its default and its meaning."""
    meanings = {name: without_default(text) for name, text in meanings_of_settings().items()}
    rows = [
        (code(each.name), code(variable(each.name)), kind_of_setting(each.type), _shown(each), meanings[each.name])
        for each in msgspec.structs.fields(config.Settings)
    ]
    profiles = [
        (code(name), *(f"{seconds:g}" for seconds in msgspec.structs.astuple(delays)))
        for name, delays in config.PROFILES.items()
    ]
    bounds = [(code(name), f"{low:,.0f}", f"{high:,.0f}") for name, (low, high) in config.LIMITS.items()]
    return "\n".join(
        [
            head(
                "Settings",
                "",
                "A setting is looked up on the command line (`isthmus serve --log-format json`), then in the environment",
                '(`ISTHMUS_LOG_FORMAT=json`), then in a TOML file (`log_format = "json"`), and else has its default.',
                "The file is `isthmus/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`; `--config FILE` or",
                "`ISTHMUS_CONFIG` names another. A setting that does not exist is refused, not passed over.",
                "In the environment a list is written with commas, and a table like `name=number,name=number`.",
            ),
            table(("in the file", "in the environment", "type", "default", "meaning"), rows),
            "## Profiles of delays\n",
            "How many seconds the transitional states of a peering connection last.\n",
            table(("profile", *(code(name) for name in config.Delays.__struct_fields__)), profiles),
            "## Bounds\n",
            table(("setting", "from", "to"), bounds),
        ]
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{config.ENVIRONMENT_PREFIX}{name.upper()}"


def _shown(each: Any) -> str:
    default = each.default_factory() if each.default is msgspec.NODEFAULT else each.default
    return "" if default in ("", (), {}, None) else code(str(default).lower() if isinstance(default, bool) else default)


def kind_of_setting(annotation: Any) -> str:
    """A type, for people."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(code(value) for value in parts if value)
    if origin is types.UnionType:
        return " or ".join(kind_of_setting(part) for part in parts if part is not type(None))
    if origin is tuple:
        return "list of text"
    if origin is dict:
        return "table of numbers"
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", config.Delays: "table of seconds"}
    return words[annotation]


def meanings_of_settings() -> Mapping[str, str]:
    """What each setting means: the help of its option of `isthmus serve`, else the words below it in config.py."""
    return {**attribute_docstrings(inspect.getsource(config), "Settings"), **_helps()}


def without_default(text: str) -> str:
    """A help text without the default that another column shows; one that only words can tell stays.

    >>> without_default("The port. Default: 4510."), without_default("Who. Default: open on loopback.")
    ('The port.', 'Who. Default: open on loopback.')
    """
    words, found, default = text.partition(" Default: ")
    return words if found and " " not in default else text


def attribute_docstrings(source: str, name: str) -> dict[str, str]:
    """The strings that stand directly below the attributes of a class.

    >>> attribute_docstrings('class A:' + chr(10) + '    b: int = 1' + chr(10) + '    "Says b."', "A")
    {'b': 'Says b.'}
    """
    found: dict[str, str] = {}
    (body,) = [node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name]
    for before, after in pairwise(body):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=attribute)), ast.Expr(value=ast.Constant(value=str(text))):
                found[attribute] = " ".join(text.split())
    return found


def _helps() -> dict[str, str]:
    options = [each for each in serve.params if isinstance(each, click.Option)]
    return {each.name: each.help for each in options if each.name and each.help}


# --- The life cycle ---------------------------------------------------------------------------------------------------

BY_ITSELF = frozenset({Event.INITIATED, Event.PROVISIONED, Event.DELETED, Event.EXPIRE, Event.FAIL})
"""What the service does without being asked."""


def life_cycle_page() -> str:
    """The states of a peering connection: the diagram, the messages, and who sees an ended one for how long."""
    messages = [
        (code(state.value), _filled(peering.MESSAGES[state]), _blocks_shown(state), "yes" if state in peering.ENDED else "")
        for state in State
    ]
    days = peering.LIFETIME // peering.DAY
    return "\n".join(
        [
            head(
                "The life cycle of a peering connection",
                "",
                f"A request that nobody accepts expires after {days} days, to the second. Transitional states last as long",
                "as [the settings](settings.md) say: by default no time at all, so only the action's answer shows them.",
            ),
            "```mermaid\nstateDiagram-v2",
            *(f"    {line}" for line in _diagram()),
            "```\n",
            "A word in brackets is what the service does by itself. A connection within one Region passes `deleting`",
            "without stopping there.\n",
            "## States\n",
            table(("state", "message", "shows blocks of", "final"), messages),
            "## After the end\n",
            "How long an ended connection stays visible, and to whom. The last column: one account owns both sides.\n",
            table(("state", "to the requester", "to the accepter", "to one account with both"), _windows()),
        ]
    )


def _diagram() -> Iterator[str]:
    named = {state: state.value.replace("-", "_") for state in State}
    yield from (f"{named[state]}: {state.value}" for state in State)
    yield f"[*] --> {named[State.INITIATING_REQUEST]}: create"
    for state, moves in peering.TRANSITIONS.items():
        for event, target in moves.items():
            word = event.name.lower()
            yield f"{named[state]} --> {named[target]}: {f'({word})' if event in BY_ITSELF else word}"
    yield from (f"{named[state]} --> [*]" for state in State if state in peering.ENDED)


def _filled(text: str) -> str:
    return text.format(accepter="*accepter's account*", ended_by="*account that deleted it*")


def _blocks_shown(state: State) -> str:
    sides = peering.FULL.get(state, peering.REQUESTER_ONLY)
    return {0: "neither side", 1: "the requester", 2: "both sides"}[len(sides)]


def _windows() -> Iterator[Sequence[str]]:
    for state, window in peering.WINDOWS.items():
        yield code(state.value), _span(window.requester), _span(window.accepter), _span(window.one_account)
    deleter, other = _span(peering.DELETER_WINDOW), _span(peering.OTHER_WINDOW)
    who = f"{deleter} if it deleted, else {other}"
    yield code(State.DELETED.value), who, who, deleter


def _span(milliseconds: int) -> str:
    if not milliseconds:
        return "not at all"
    for unit, word in ((peering.DAY, "day"), (peering.HOUR, "hour")):
        if milliseconds % unit == 0:
            count = milliseconds // unit
            return f"{count} {word}{'s' * (count != 1)}"
    return f"{milliseconds / peering.SECOND:g} seconds"


# --- Writing and checking ---------------------------------------------------------------------------------------------

PAGES: Mapping[str, Callable[[], str]] = {
    "actions.md": actions_page,
    "errors.md": errors_page,
    "life-cycle.md": life_cycle_page,
    "quotas.md": quotas_page,
    "settings.md": settings_page,
}


def undocumented() -> Iterator[str]:
    """What has no words: one sentence each."""
    for service in SERVICES:
        for name, handler in registry.collect(service).items():
            if not sentence(handler.__doc__):
                yield f"{service} {name} has no docstring"
    meanings = meanings_of_settings()
    for each in msgspec.structs.fields(config.Settings):
        if not meanings.get(each.name):
            yield f"the setting {each.name} has no words below it in config.py and no help in `isthmus serve`"


def out_of_date(root: Path) -> Iterator[str]:
    """The pages that are not what this would write."""
    for name, page in PAGES.items():
        path = root / FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != page():
            yield f"{FOLDER / name} is out of date; run `make docs`"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command; answers the exit status."""
    parser = argparse.ArgumentParser(description="Write or check the reference pages that are made from code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is old or lacks words")
    check = parser.parse_args(arguments).check
    if not check:
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        for name, page in PAGES.items():
            (root / FOLDER / name).write_text(page(), encoding="utf-8")
    problems = [*undocumented(), *(out_of_date(root) if check else ())]
    for problem in problems:
        print(f"reference: {problem}", file=sys.stderr)
    return 1 if problems and check else 0


if __name__ == "__main__":
    sys.exit(main())
