"""One request of an API, inside one unit of work: a plain function from a request to an answer.

Because all of it happens in the unit, a key that was revoked is revoked at once, and an answer that cannot be encoded writes
nothing. Whatever goes wrong is answered in the service's own protocol; only `Conflict` and the store's own signals pass.
"""

import logging
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from isthmus.actions import registry
from isthmus.actions.call import Call, Identifiers, RandomIdentifiers, Rules
from isthmus.domain import errors
from isthmus.domain.accounts import Principal
from isthmus.domain.errors import ApiError, Conflict
from isthmus.domain.sts import sessions
from isthmus.gateway import authenticate, guard
from isthmus.gateway.authenticate import IdentitySettings, Mode, Seen
from isthmus.gateway.origin import RequestOrigin
from isthmus.store import journal
from isthmus.store.api import Kind, TooMuchForTheLoop, Undo
from isthmus.store.unit import Remembered, Unit
from isthmus.wire import services
from isthmus.wire.constraints import check_constraints
from isthmus.wire.decode import decode
from isthmus.wire.encode import document, encode_members
from isthmus.wire.faults import encode_fault
from isthmus.wire.http import HttpRequest, HttpResponse
from isthmus.wire.query import parse_form
from isthmus.wire.services import BY_NAME, BY_VERSION, EC2, Service
from isthmus.wire.sigv4 import SigningKeys

log = logging.getLogger("isthmus.gateway")

CONTENT_TYPE: Final = ("content-type", "text/xml;charset=UTF-8")
QUESTION_BYTES: Final = 1_024
"""The longest body whose form and whose answer are worth remembering."""
SERVICES_SPOKEN: Final = frozenset({"ec2", "iam", "sts"})


class Incoming(Struct):
    """A request whose form was read; `principal`, `code` and `call` are filled in on the way, for the audit log.

    `action` is the action asked for, empty if none was named; `kind` says whether it may write.
    """

    http: HttpRequest
    seen: Seen
    form: Mapping[str, str]
    service: Service
    action: str = ""
    kind: Kind = Kind.READ
    problem: ApiError | None = None
    principal: Principal | None = None
    code: str = ""
    request_id: str = ""
    call: Call | None = None


class Gateway(Struct, frozen=True):
    """The settings that every request meets, and the one cache they share."""

    rules: Rules
    identity: IdentitySettings
    bounds: guard.Bounds
    identifiers: Identifiers = field(default_factory=RandomIdentifiers)
    keys: SigningKeys = field(default_factory=SigningKeys)

    def read(self, http: HttpRequest) -> Incoming:
        """Read a request's form, from the query string and the body (S101). A form that cannot be read is a problem."""
        seen = authenticate.see(http, self.identity.mode)
        try:
            form = _form(http)
        except ApiError as problem:
            return Incoming(http, seen, {}, EC2, kind=registry.kind_of(""), problem=problem)
        action = form.get("Action", "")
        return Incoming(http, seen, form, _versions_service(form), action, registry.kind_of(action))

    def handle(self, incoming: Incoming, unit: Unit) -> HttpResponse:
        """Answer a request. Raises `Undo` with the answer where something was written that must not stay."""
        incoming.request_id = self.identifiers.request_id(unit)
        incoming.service, incoming.code = _versions_service(incoming.form), ""  # a unit may run more than once
        incoming.call = None
        try:
            return self._act(incoming, unit)
        except (Conflict, TooMuchForTheLoop):
            raise
        except ApiError as error:
            answer = _fault(incoming, error)
        except Exception:
            log.exception("request %s failed", incoming.request_id)
            answer = _fault(incoming, errors.internal_error())
        if unit.wrote:
            raise Undo(answer)
        return answer

    def _act(self, incoming: Incoming, unit: Unit) -> HttpResponse:
        principal = self._authenticate(incoming, unit)
        if incoming.http.path != "/":
            return HttpResponse(404, (("content-type", "text/plain"),), b"The API lives at /\n")
        service, action, version = _target(incoming)
        question = _question(incoming, principal)
        members = self._remembered(incoming, unit, principal, question)
        if members is None:
            members = self._members(incoming, unit, principal, question)
        return _answer(200, document(service, action, version, incoming.request_id, members), incoming.request_id)

    def _remembered(self, incoming: Incoming, unit: Unit, principal: Principal, question: Hashable) -> bytes | None:
        """Return the answer that the same question has just had, if the caller still may have it (ADR 18)."""
        found = unit.memo.answers.get(question) if incoming.kind is Kind.READ else None
        if found is None or (found.said and self._call(incoming, unit, principal).said(found.said) != found.said):
            return None
        return found.members

    def _members(self, incoming: Incoming, unit: Unit, principal: Principal, question: Hashable) -> bytes:
        """Decode, act, journal, encode; and remember what may be asked again."""
        service, action = incoming.service, incoming.action
        request = decode(service, action, incoming.form)
        check_constraints(service, action, request)
        sessions.check_may_call(principal, action)
        call = self._call(incoming, unit, principal, request)
        unit.dry_run = bool(getattr(request, "dry_run", None))
        result = registry.collect(service.name)[action](request, call)
        if not call.authorized:
            raise AssertionError(f"{action} ended without an authorization")
        if unit.dry_run:
            raise errors.dry_run()
        if unit.changes:
            call.resources.extend(unit.changes)
            journal.write(unit, call.request_id, call.principal.arn, call.account, call.region, call.action)
        members = encode_members(service, action, result)
        if incoming.kind is Kind.READ and len(incoming.http.body) <= QUESTION_BYTES:
            unit.memo.keep(question, Remembered(members, call.said(call.asks)))
        return members

    def _call(self, incoming: Incoming, unit: Unit, principal: Principal, request: object = None) -> Call:
        origin = RequestOrigin(incoming.http, self.bounds)
        call = Call(incoming.action, principal, unit, self.rules, incoming.request_id, self.identifiers, request, origin)
        incoming.call = call
        return call

    def _authenticate(self, incoming: Incoming, unit: Unit) -> Principal:
        """Return who is calling. A refusal is told in the words of the service that the credential scope names.

        One that is not spoken here answers InvalidAction at once, whoever calls: clients of other services share the URL.
        """
        try:
            principal = self._principal(incoming, unit)
        except ApiError:
            incoming.service = authenticate.service_of(incoming.seen, incoming.service)
            if incoming.service.name not in BY_NAME:
                raise _not_spoken(incoming) from None
            raise
        incoming.service, incoming.principal = BY_NAME[principal.service], principal
        return principal

    def _principal(self, incoming: Incoming, unit: Unit) -> Principal:
        if self.identity.mode is Mode.OPEN and (why := guard.refusal(incoming.http, self.bounds)):
            raise ApiError("Blocked", why)
        if incoming.problem:
            raise incoming.problem
        return authenticate.authenticate(
            incoming.http, incoming.seen, unit, self.identity, unit.wall, unit.now, self.keys, service=incoming.service.name
        )


def _versions_service(form: Mapping[str, str]) -> Service:
    """Return the service that speaks the version asked for."""
    return BY_VERSION.get(form.get("Version", ""), EC2)


def _form(http: HttpRequest) -> Mapping[str, str]:
    """Return the parameters of the query string and the body; one that is in both is refused like any other double."""
    if not http.query:
        return _known_form(http.body) if _may_come_again(http.body) else parse_form(http.body)
    query = http.query.encode("latin-1")
    return parse_form(query + b"&" + http.body if http.body else query)


def _may_come_again(body: bytes) -> bool:
    """Tell whether a form may be asked again byte for byte, as a waiter does; one that creates something is not."""
    return len(body) <= QUESTION_BYTES and b"Action=Describe" in body


_known_form: Final = lru_cache(maxsize=2_048)(parse_form)


def _question(incoming: Incoming, principal: Principal) -> Hashable:
    """Return all that an answer to a READ depends on besides the state: who asks, in which Region, and what."""
    return principal, incoming.http.query, incoming.http.body


def _target(incoming: Incoming) -> tuple[Service, str, str]:
    """Return the service, action and version of a request, in the order in which EC2 complains (S127-S129)."""
    form, service = incoming.form, incoming.service
    if not incoming.action:
        raise errors.missing_action()
    if "Version" not in form:
        raise errors.missing("Version")
    version = service.check_version(form["Version"])
    if service.name not in SERVICES_SPOKEN or not service.has(incoming.action):
        raise errors.invalid_action(incoming.action)
    return service, incoming.action, version


def _not_spoken(incoming: Incoming) -> ApiError:
    """Refuse a service that is not spoken. Its requests may name their action where we do not look, or have none."""
    if incoming.action:
        return errors.invalid_action(incoming.action)
    return ApiError("InvalidAction", f"Isthmus speaks ec2, iam and sts only; this request is for {incoming.service.name}.")


def _fault(incoming: Incoming, error: ApiError) -> HttpResponse:
    incoming.code = error.code
    status, body = encode_fault(incoming.service, error, incoming.request_id)
    return _answer(status, body, incoming.request_id)


def unavailable(incoming: Incoming, error: ApiError) -> HttpResponse:
    """Answer a request that the store could not run at all, so that no unit of work gave it an id."""
    from uuid import uuid4  # rarely needed, and it costs a start milliseconds

    incoming.request_id = incoming.request_id or str(uuid4())
    return _fault(incoming, error)


def _answer(status: int, body: bytes, request_id: str) -> HttpResponse:
    return HttpResponse(status, (CONTENT_TYPE, ("x-amzn-requestid", request_id)), body)


def listed_actions() -> dict[str, list[str]]:
    """Return every action that is spoken, by service."""
    return {name: sorted(services.tables(name).actions) for name in sorted(SERVICES_SPOKEN)}
