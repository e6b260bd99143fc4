"""Whatever is sent, the gateway answers: random and mutated requests against the real gateway, in process.

The laws: never a 5xx, a traceback or a hang; always a well-formed document of the protocol that the request speaks; and a
request that is answered with an error, or that only reads, changes nothing in the store.

A run is a number of stages. A stage is a fresh server and a few thousand requests that follow from its seed, so that
`broken_law(seed, number)` finds a failure again; one that was mended stays here under a name (`test_found_...`).

That nothing changed is checked cheaply for every request, by the database's own count of changed rows, and with a hash over
all rows of all tables every so often and wherever the count moved under an error: then the stage is played again up to that
request, and hashed before and after it.
"""

import hashlib
import logging
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from xml.etree import ElementTree as ET

import pytest

from isthmus.actions import registry
from isthmus.config import Settings
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.sqlite import SqliteStore
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from isthmus.wire import services
from isthmus.wire.http import HttpResponse
from tests.engines import TABLES
from tests.simulation.random_requests import Archer, Pool, Shot

STAGE = 2_000
HASH_EVERY = 100
MOVE_CLOCK_EVERY = 97
LONGEST_SECONDS = 5.0
"""Nobody waits longer for an answer; a hundred times what the slowest takes, because machines are busy."""
IDS = re.compile(rb">((?:vpc|pcx|rtb|sg|sgr|acl|dopt|vpc-cidr-assoc)-[0-9a-f]{17})<")
MISSING = re.compile(rb"'([a-z-]+-[0-9a-f]{8,17})' does not exist")
QUOTAS = {"vpcs_per_region": 12}
EC2_NAMESPACE = re.compile(r"\{http://ec2\.amazonaws\.com/doc/(\d{4}-\d\d-\d\d)/\}(\w+)Response")
QUERY_NAMESPACE = re.compile(r"\{https://([a-z0-9.-]+)\.amazonaws\.com/doc/(?:[\d-]+/)?\}(\w+)Response")


class BrokenLawError(Exception):
    """What a request did that none may do."""


class HangError(BaseException):
    """Not an Exception, so that nobody on the way takes it for an error to be answered."""


class Errors(logging.Handler):
    """Keeps what the server logs as an error: it does so only with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


class Stage:
    """A fresh server, and the requests that follow from a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.clock = ManualClock()
        self.server = InProcess(Settings(data="memory", quota=QUOTAS), clock=self.clock, seed=seed * STAGE)
        self.pool = Pool()
        self.archer = Archer(self.draw, self.pool)
        self.errors = Errors()
        self.number = 0

    def next_shot(self) -> Shot:
        self.number += 1
        if self.number % MOVE_CLOCK_EVERY == 0:
            self.clock.advance(self.draw.choice((1_000, 3_600_000, 86_400_000)))
            self._settle()
        shot = self.archer.shot()
        shot.headers["x-amz-date"] = shot.headers.get("x-amz-date", "")
        return shot

    def _settle(self) -> None:
        """Take due steps now, so that they are not taken for what the next request did."""
        self.server.send("POST", "/", body=b"Action=DescribeRegions&Version=2016-11-15")

    def send(self, shot: Shot) -> HttpResponse:
        """Send a request and hold the answer to the laws. Raises `BrokenLawError`."""
        changes = self.touched()
        fingerprint = self.fingerprint() if self.number % HASH_EVERY == 0 else None
        with watched():
            answer = self.server.send(shot.method, shot.target, shot.headers, shot.body)
        if self.errors.texts:
            raise BrokenLawError(f"logged an error:\n{self.errors.texts[0]}")
        check_answer(shot, answer)
        may_change = answer.status == 200 and registry.kind_of(shot.action) is Kind.WRITE
        if fingerprint is not None and not may_change and self.fingerprint() != fingerprint:
            raise BrokenLawError(f"an answer of {answer.status} changed the store")
        if not may_change and self.touched() != changes:
            raise SuspicionError
        self.pool.add(shot.caller, [each.decode() for each in IDS.findall(answer.body)])
        if missing := MISSING.search(answer.body):
            self.pool.forget(shot.caller, missing[1].decode())
        return answer

    def touched(self) -> int:
        """How many rows were written so far, or where only the database knows that, how many units wrote."""
        store = self.server.store
        return store._writer.total_changes if isinstance(store, SqliteStore) else store.batches

    def fingerprint(self) -> str:
        """A hash over all rows of all tables, the journal's included."""

        def read(unit: Unit) -> str:
            digest = hashlib.blake2b()  # here: a unit may be run again
            for table in TABLES:
                digest.update(f"\n{table}\n".encode())
                for row in unit.engine.query(f"SELECT * FROM {table} ORDER BY 1, 2, 3"):
                    digest.update(repr(row).encode())
            return digest.hexdigest()

        return self.server.store.run_now(Kind.READ, read)


class SuspicionError(Exception):
    """Rows were touched under an error: perhaps taken back, perhaps not."""


@contextmanager
def watched() -> Iterator[None]:
    """Interrupt what takes too long; the traceback says where it was."""

    def stop(_: int, __: FrameType | None) -> None:
        raise HangError(f"no answer after {LONGEST_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def stage(seed: int) -> Iterator[Stage]:
    logger = logging.getLogger("isthmus")
    with (made := Stage(seed)).server:
        logger.addHandler(made.errors)
        propagates, logger.propagate = logger.propagate, False
        try:
            yield made
        finally:
            logger.removeHandler(made.errors)
            logger.propagate = propagates


# --- the laws of an answer ----------------------------------------------------------------------------


def check_answer(shot: Shot, answer: HttpResponse) -> None:
    if answer.status >= 500:
        raise BrokenLawError(f"status {answer.status}: {answer.body[:300]!r}")
    headers = dict(answer.headers)
    if (answer.status == 405) is not (shot.method not in ("GET", "POST")):
        raise BrokenLawError(f"{shot.method} is answered with status {answer.status}")
    if answer.status == 405:
        return
    if answer.status == 404 and headers["content-type"] == "text/plain":
        if shot.target.partition("?")[0] == "/":
            raise BrokenLawError("404 for the path that the API lives at")
        return
    try:
        root = ET.fromstring(answer.body)
    except ET.ParseError as error:
        raise BrokenLawError(f"not well-formed: {error}: {answer.body[:300]!r}") from None
    protocol, request_id = read_document(root, answer.status)
    if shot.service and services.named(shot.service).protocol != protocol:  # type: ignore[union-attr]  # it is one
        raise BrokenLawError(f"{shot.service} answered in the {protocol} protocol: {answer.body[:300]!r}")
    if not request_id or headers["x-amzn-requestid"] != request_id:
        raise BrokenLawError("the request ids of body and header differ")
    if headers["content-type"] != "text/xml;charset=UTF-8":
        raise BrokenLawError(f"Content-Type {headers['content-type']}")


def read_document(root: ET.Element, status: int) -> tuple[str, str]:
    """Return the protocol and the request id of a document, which must be whole."""
    if status == 200:
        return read_success(root)
    if root.tag == "Response":
        (errors, request_id) = root
        (error,) = errors
        shape = [root.tag, errors.tag, error.tag, request_id.tag, *(part.tag for part in error)]
        if shape != ["Response", "Errors", "Error", "RequestID", "Code", "Message"] or not error[0].text:
            raise BrokenLawError(f"an error document of the parts {shape}")
        return "ec2", request_id.text or ""
    matched = QUERY_NAMESPACE.fullmatch(root.tag)
    if not matched or matched[2] != "Error":
        raise BrokenLawError(f"an error document that begins with {root.tag}")
    (error, request_id) = root
    shape = [part.tag.rpartition("}")[2] for part in (error, *error, request_id)]
    if shape != ["Error", "Type", "Code", "Message", "RequestId"] or not error[1].text:
        raise BrokenLawError(f"an error document of the parts {shape}")
    return "query", request_id.text or ""


def read_success(root: ET.Element) -> tuple[str, str]:
    if EC2_NAMESPACE.fullmatch(root.tag):
        if not root[0].tag.endswith("}requestId"):
            raise BrokenLawError("the first element is not requestId")
        return "ec2", root[0].text or ""
    matched = QUERY_NAMESPACE.fullmatch(root.tag)
    if not matched or not root[0].tag.endswith(f"}}{matched[2]}Result") or not root[1].tag.endswith("}ResponseMetadata"):
        raise BrokenLawError(f"an answer that begins with {root.tag}")
    return "query", root[1][0].text or ""


# --- running ---------------------------------------------------------------------------------------------------------------


def play(seed: int, count: int, seen: Counter[str] | None = None) -> None:
    """Send the first `count` requests of a stage. Raises an AssertionError that names a request which broke a law."""
    with stage(seed) as running:
        for _ in range(count):
            shot = running.next_shot()
            try:
                answer = running.send(shot)
            except SuspicionError:
                confirm(seed, running.number)
                continue
            except (BrokenLawError, HangError, Exception) as error:
                raise AssertionError(f"broken_law({seed}, {running.number}): {error}\n{shot}") from error
            if seen is not None:
                seen[f"{shot.action} {answer.status}"] += 1


def confirm(seed: int, number: int) -> None:
    """Play a stage again up to a suspicious request, and compare hashes before and after it."""
    with stage(seed) as again:
        for _ in range(number - 1):
            shot = again.next_shot()
            try:
                again.send(shot)
            except SuspicionError:
                continue
        shot = again.next_shot()
        before = again.fingerprint()
        with suppress(SuspicionError):
            again.send(shot)
        assert again.fingerprint() == before, f"broken_law({seed}, {number}): an error changed the store\n{shot}"


def broken_law(seed: int, number: int) -> str | None:
    """Play a stage up to a request; return what law that one breaks, or None."""
    try:
        play(seed, number)
    except AssertionError as error:
        return str(error)
    return None


def explore(count: int, *, first_seed: int, show_progress: bool = False) -> Counter[str]:
    """Send `count` requests, stage by stage. Returns what was answered, by action and status."""
    seen: Counter[str] = Counter()
    began = time.monotonic()
    for number, seed in enumerate(range(first_seed, first_seed + -(-count // STAGE))):
        play(seed, min(STAGE, count - number * STAGE), seen)
        if show_progress and number % 10 == 9:
            done = (number + 1) * STAGE
            rate = done / (time.monotonic() - began)
            sys.__stderr__.write(f"\r{done:,} of {count:,} requests, {rate:,.0f}/s, seed {seed}")  # type: ignore[union-attr]
            sys.__stderr__.flush()  # type: ignore[union-attr]
    return seen


SEALED = {"DecodeAuthorizationMessage"}
"""What takes a message that nobody can invent."""


def test_no_request_breaks_the_server() -> None:
    seen = explore(12_000, first_seed=1)
    answered = {line.split()[0] for line in seen if line.endswith(" 200")}
    listed = {action for service in ("ec2", "sts") for action in services.tables(service).actions} - SEALED
    assert listed <= answered, "the requests are not plausible enough: some action was never answered with success"
    iam = services.tables("iam").actions.keys()  # so many that in this time not all of them can find what they need
    assert len(iam & answered) > len(iam) / 2
    assert sum(count for line, count in seen.items() if line.endswith(" 200")) > sum(seen.values()) / 6


@pytest.mark.extended
def test_none_of_a_hundred_thousand_requests_breaks_the_server() -> None:
    explore(100_000, first_seed=10_000)


@pytest.mark.long
def test_none_of_a_million_requests_breaks_the_server() -> None:
    explore(1_000_000, first_seed=100_000, show_progress=True)


# --- the laws notice what they should ----------------------------------------------------------------------------


def test_a_change_under_an_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(1) as running:
        before = running.fingerprint()
        sql = "INSERT INTO journal VALUES (1, 0, '', '', '', '', '', '')"

        def scribble(unit: Unit) -> None:
            unit.writes()
            unit.engine.execute(sql)

        running.server.store.run_now(Kind.WRITE, scribble)
        assert running.fingerprint() != before


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"<Response/>", "status 500"),
        (400, b"<html>", "not well-formed"),
        (400, b"<html></html>", "begins with html"),
        (404, b"<Response><Errors><Error><Code>A</Code><Message>b</Message></Error></Errors><RequestID/></Response>", "ids"),
        (200, b"<DescribeVpcsResponse/>", "begins with DescribeVpcsResponse"),
    ],
)
def test_a_bad_answer_is_noticed(status: int, body: bytes, why: str) -> None:
    shot = Shot("POST", "/", {}, b"", "DescribeVpcs", "", "111111111111", "ec2")
    headers = (("content-type", "text/xml;charset=UTF-8"), ("x-amzn-requestid", "one"))
    with pytest.raises(BrokenLawError, match=why):
        check_answer(shot, HttpResponse(status, headers, body))


def test_a_hang_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.property.test_requests.LONGEST_SECONDS", 0.01)
    with pytest.raises(HangError), watched():
        time.sleep(1)
