"""Our own endpoints, below `/_isthmus/`: health, clock, accounts, start files, journal, reset, metrics.

The command line speaks to them; on a file that no server has open it calls `Admin.perform` itself, so both do the same.
Only `health` is free. Everything else needs the token from the file beside the data, which the command line reads, and
whatever changes something needs POST. Answers are JSON, except for metrics.
"""

import asyncio
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from msgspec import Struct, field

from isthmus import __version__
from isthmus.actions import administration
from isthmus.actions.administration import AdministrationError
from isthmus.domain import durations
from isthmus.domain.accounts import AccessKey, Account
from isthmus.domain.errors import ApiError, Conflict
from isthmus.gateway import guard
from isthmus.gateway.races import waits
from isthmus.gateway.tally import Counted
from isthmus.store import journal
from isthmus.store.api import Kind, Undo
from isthmus.store.unit import Unit
from isthmus.wire.http import HttpRequest, HttpResponse
from isthmus.wire.xml import instant

PREFIX: Final = "/_isthmus/"
EARLIEST: Final = 0
LATEST: Final = 253_402_300_799_000 - durations.LONGEST
"""Service time stays where every instant that follows from it is still a date."""

Args = Mapping[str, Any]


class BadRequestError(ValueError):
    """The caller's words make no sense here; the text says why."""


class Admin(Struct):
    """The admin endpoints, their token, and the numbers that metrics show."""

    token: str
    bounds: guard.Bounds
    token_file: str = ""
    draining: bool = False
    """Whether the server is about to stop, so that load balancers should send it nothing more."""
    answered: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    worker: int = 0
    """Which of the server's workers this is; 0 where there is only one."""
    total: Callable[[], Counted] | None = None
    """Adds up what all workers have done, where there are several."""

    async def answer(self, http: HttpRequest, store: Any) -> HttpResponse:  # noqa: ANN401 - the store as the edge has it
        """Answer a request below the prefix."""
        if why := guard.refusal(http, self.bounds):
            return _json(403, {"error": why})
        if http.path != f"{PREFIX}health" and not self._has_token(http):
            return _json(401, {"error": "This needs the header 'Authorization: Bearer TOKEN' with the server's token."})
        try:
            args = _args(http)
        except ValueError as error:
            return _json(400, {"error": str(error)})
        return await self.perform(http.method, http.path, args, store)

    async def perform(self, method: str, path: str, args: Args, store: Any) -> HttpResponse:  # noqa: ANN401
        """Do what was asked, by a request or, on a file that nobody serves, by the command line."""
        name, _, rest = path.removeprefix(PREFIX).partition("/")
        route = ROUTES.get((method, name))
        if route is None:
            return _json(404, {"error": f"There is no {method} {path} here."})
        try:
            return await _until_won(lambda: route(self, store, rest, args))
        except (BadRequestError, AdministrationError) as error:
            return _json(400, {"error": str(error)})
        except ApiError as error:
            return _json(503, {"error": error.message})
        except Conflict:
            return _json(503, {"error": "Something else changed the same at the same time. Try again."})

    def _has_token(self, http: HttpRequest) -> bool:
        scheme, _, token = (http.header("authorization") or "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self.token.encode())


async def _until_won(act: Callable[[], Awaitable[HttpResponse]]) -> HttpResponse:
    """Do something, and again if it lost a race against another server's unit; after a few times raise `Conflict`."""
    for wait in waits():
        try:
            return await act()
        except Conflict:
            await asyncio.sleep(wait)
    return await act()


def _args(http: HttpRequest) -> dict[str, Any]:
    args: dict[str, Any] = dict(parse_qsl(http.query, keep_blank_values=True))
    if http.body:
        try:
            body = json.loads(http.body)
        except ValueError as error:
            raise BadRequestError(f"The body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise BadRequestError("The body must be a JSON object.")
        args.update(body)
    return args


def _flag(args: Args, name: str) -> bool:
    value = args.get(name, False)
    if value in (True, False):
        return bool(value)
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise BadRequestError(f"{name} must be true or false, not {value!r}.")


def _only(args: Args, *known: str) -> None:
    if strange := sorted(set(args) - set(known)):
        raise BadRequestError(f"Unknown: {', '.join(strange)}. Known here: {', '.join(known) or 'nothing'}.")


async def _health(admin: Admin, _: Any, __: str, ___: Args) -> HttpResponse:  # noqa: ANN401
    """Say that the server lives, and where its token lies: the file guards itself, and the command line must find it."""
    status, word = (503, "draining") if admin.draining else (200, "ok")
    which = {"worker": admin.worker} if admin.worker else {}
    return _json(status, {"status": word, "version": __version__, "token_file": admin.token_file, **which})


# --- clock ------------------------------------------------------------------------------------------------------------


async def _show_clock(_: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args)
    return _json(200, await store.run(Kind.READ, _clock))


def _clock(unit: Unit) -> dict[str, Any]:
    return {"service": instant(unit.now), "wall": instant(unit.wall), "offset_seconds": (unit.now - unit.wall) / 1_000}


async def _move_clock(_: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args, *MOVES)
    if len(args) != 1:
        raise BadRequestError(f"Say exactly one of {', '.join(MOVES)}.")
    ((name, value),) = args.items()

    def work(unit: Unit) -> None:
        offset = _moved(unit, name, value)
        if not EARLIEST <= unit.wall + offset <= LATEST:
            raise BadRequestError(f"Service time must stay between {instant(EARLIEST)} and {instant(LATEST)}.")
        store.set_offset(unit, offset)

    await store.run(Kind.WRITE, work)
    return _json(200, await store.run(Kind.READ, _clock))


def _moved(unit: Unit, name: str, value: Any) -> int:  # noqa: ANN401 - from JSON
    try:
        return MOVES[name](unit, value)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


def _at(text: str) -> int:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadRequestError(f"{text!r} is not a time. Write it like 2026-01-31T12:00:00Z.") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


def _seconds(value: Any) -> int:  # noqa: ANN401 - from JSON
    try:
        return round(float(value) * 1_000)
    except (TypeError, ValueError, OverflowError):
        raise BadRequestError(f"{value!r} is not a number of seconds.") from None


MOVES: Final[Mapping[str, Callable[[Unit, Any], int]]] = {
    "advance": lambda unit, value: durations.parse(str(value)) + unit.held_offset(),
    "set": lambda unit, value: _at(value) - unit.wall,
    "offset_seconds": lambda _, value: _seconds(value),
    "reset": lambda _, __: 0,
}
"""By how many milliseconds service time is then ahead of wall time, by the word that was said."""


# --- accounts ---------------------------------------------------------------------------------------------------------


def account_as_json(account: Account) -> dict[str, Any]:
    """Return an account as the endpoints and the command line show it."""
    return {"id": account.id, "name": account.name, "created_at": instant(account.created_at)}


def key_as_json(key: AccessKey, *, with_secret: bool = False) -> dict[str, Any]:
    """Return a key, with the unique id of its user unless it is the root's; its secret only where it was just made."""
    shown = {"access_key_id": key.id, "status": key.status.value, "created_at": instant(key.created_at)}
    if key.holder_id:
        shown["user_id"] = key.holder_id
    return {**shown, "secret_access_key": key.secret} if with_secret else shown


async def _accounts(_: Admin, store: Any, account_id: str, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args)
    if not account_id:
        found = await store.run(Kind.READ, administration.list_accounts)
        return _json(200, {"accounts": [account_as_json(account) for account in found]})

    def work(unit: Unit) -> dict[str, Any]:
        account, keys = administration.show_account(unit, account_id)
        holders = [key.holder_id for key in keys if key.holder_id]
        users = {user.id: user.name for user in unit.iam_users.where(id=holders)} if holders else {}
        named = [{**key_as_json(key), **({"user": users[key.holder_id]} if key.holder_id in users else {})} for key in keys]
        return {**account_as_json(account), "access_keys": named}

    return _json(200, await store.run(Kind.READ, work))


async def _change_account(_: Admin, store: Any, rest: str, args: Args) -> HttpResponse:  # noqa: ANN401
    account_id, verb = (*rest.split("/", 1), "")[:2]
    if not rest:
        return await _create_account(store, args)
    if verb == "delete":
        return await _delete_account(store, account_id, args)
    if verb == "keys/rotate":
        return await _rotate_keys(store, account_id, args)
    raise BadRequestError("POST accounts makes one; accounts/ID/delete and accounts/ID/keys/rotate change one.")


async def _create_account(store: Any, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args, "name", "id", "trust", "role_name", "root_key")
    name, account_id, other = str(args.get("name", "")), args.get("id"), args.get("trust")
    has_key = _flag({"root_key": True, **args}, "root_key")

    def work(unit: Unit) -> tuple[Account, list[AccessKey], str]:
        account = administration.make_account(unit, name, None if account_id is None else str(account_id))
        keys = [administration.create_key(unit, account)] if has_key else []
        return account, keys, "" if other is None else _trust(unit, account.id, str(other), args.get("role_name"))

    account, keys, role = await store.run(Kind.WRITE, work)
    shown = {**account_as_json(account), "access_keys": [key_as_json(key, with_secret=True) for key in keys]}
    return _json(200, {**shown, "role_arn": f"arn:aws:iam::{account.id}:role/{role}"} if role else shown)


async def _delete_account(store: Any, account_id: str, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args, "with_objects")
    with_objects = _flag(args, "with_objects")

    def work(unit: Unit) -> list[str]:
        return administration.delete_account(unit, account_id, with_objects=with_objects)

    return _json(200, {"deleted": account_id, "access_key_ids": await store.run(Kind.WRITE, work)})


async def _rotate_keys(store: Any, account_id: str, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args, "keep_old")
    keeps_old = _flag(args, "keep_old")

    def work(unit: Unit) -> administration.RotatedKeys:
        return administration.rotate_keys(unit, account_id, keeps_old=keeps_old)

    done: administration.RotatedKeys = await store.run(Kind.WRITE, work)
    made = key_as_json(done.key, with_secret=True)
    return _json(200, {"id": account_id, "access_keys": [made], "kept": done.kept, "deleted": done.deleted})


def _trust(unit: Unit, account_id: str, other: str, role_name: str | None) -> str:
    from isthmus.actions import cross_account  # brings IAM along, which most servers' starts need not pay for

    return cross_account.trust(unit, account_id, other, role_name or cross_account.ROLE_NAME)


# --- start file ---------------------------------------------------------------------------------------------------------


async def _apply(_: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    """Bring the state to what a start file says; a dry run tells what that would change."""
    from isthmus.actions.start_file import applying, checking  # as in `_trust`
    from isthmus.actions.start_file.problems import StartFileError

    _only(args, "start", "dry_run", "prune")
    dry_run, prunes = _flag(args, "dry_run"), _flag(args, "prune")

    def work(unit: Unit) -> applying.Applied:
        applied = applying.apply(unit, start, prunes=prunes)
        if dry_run:
            raise Undo(applied._replace(keys=()))
        return applied

    try:
        start = checking.checked(args.get("start"))
        done = await store.run(Kind.WRITE, work)
    except StartFileError as error:
        problems = [{"place": each.place, "message": each.message} for each in error.problems]
        return _json(400, {"error": str(error), "problems": problems})
    keys = [
        {"account": key.account, "user": user, "access_key_id": key.id, "secret_access_key": key.secret}
        for user, key in done.keys
    ]
    return _json(200, {"changes": done.changes, "access_keys": keys})


# --- journal ------------------------------------------------------------------------------------------------------------


async def _journal(_: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    """Show the next lines of the journal after one, by its number."""
    _only(args, "after")
    after = str(args.get("after", 0))
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise BadRequestError(f"after must be the number of a line, not {after!r}.")
    found: list[journal.Entry] = await store.run(Kind.READ, lambda unit: journal.read(unit, int(after)))
    return _json(200, {"journal": [{**each._asdict(), "at": instant(each.at)} for each in found]})


# --- permissions ------------------------------------------------------------------------------------------------------


async def _why_denied(_: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    from isthmus.actions.authorization import reasons  # most servers are never asked

    _only(args, "message", "caller", "action", "resources", "context", "region")
    message, said = args.get("message"), args.get("context", {})
    resources = args.get("resources", [])
    if not isinstance(said, dict) or not isinstance(resources, list):
        raise BadRequestError("context must be an object of condition keys, and resources a list of ARNs.")
    asked = [str(each) for each in resources]
    keys = {str(name): tuple(map(str, each)) if isinstance(each, list) else str(each) for name, each in said.items()}

    def work(unit: Unit) -> dict[str, Any]:
        if message is not None:
            return reasons.of_message(unit, str(message))
        who, action = str(args.get("caller", "")), str(args.get("action", ""))
        return reasons.of_call(unit, who, action, asked, keys, str(args.get("region", "")))

    try:
        return _json(200, await store.run(Kind.READ, work))
    except ValueError as error:
        raise BadRequestError(str(error)) from None


# --- reset and metrics --------------------------------------------------------------------------------------------------


async def _reset(_: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    _only(args, "identity", "account")
    account_id, identity = args.get("account"), _flag(args, "identity")
    if "account" not in args:  # one that is null or empty names no account, and must not stand for all of them
        return await _reset_everything(store, identity=identity)
    if identity:
        raise BadRequestError("Say either account or identity; POST accounts/ID/delete removes an account with its keys.")
    await store.run(Kind.WRITE, lambda unit: administration.reset_account(unit, str(account_id)))
    return _json(200, {"reset": str(account_id)})


async def _reset_everything(store: Any, *, identity: bool) -> HttpResponse:  # noqa: ANN401
    def work(unit: Unit) -> list[str]:
        gone = [account.id for account in administration.list_accounts(unit)] if identity else []
        administration.reset(unit, identity=identity)
        store.set_offset(unit, 0)
        return gone

    gone = await store.run_alone(work)
    return _json(200, {"reset": "everything" if identity else "objects", "deleted_accounts": gone})


async def _metrics(admin: Admin, store: Any, __: str, args: Args) -> HttpResponse:  # noqa: ANN401
    from isthmus.gateway import metrics  # heavy, and most servers are never asked

    _only(args)
    own = Counted(admin.answered, store.units, store.batches, store.retried)
    body = metrics.render(admin.total() if admin.total else own)
    return HttpResponse(200, (("content-type", metrics.CONTENT_TYPE),), body)


Route = Callable[[Admin, Any, str, Args], Awaitable[HttpResponse]]
ROUTES: Final[Mapping[tuple[str, str], Route]] = {
    ("GET", "health"): _health,
    ("GET", "clock"): _show_clock,
    ("POST", "clock"): _move_clock,
    ("GET", "accounts"): _accounts,
    ("POST", "accounts"): _change_account,
    ("POST", "apply"): _apply,
    ("GET", "journal"): _journal,
    ("POST", "reset"): _reset,
    ("POST", "why-denied"): _why_denied,
    ("GET", "metrics"): _metrics,
}


def _json(status: int, content: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(status, (("content-type", "application/json"),), json.dumps(content).encode() + b"\n")
