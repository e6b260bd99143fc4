"""What a second process on one SQLite file would bring, and what it would cost the first (ADR 24).

    python -m bench.readers

*Reads*: a signed describe by id, from the request's bytes to the answer's, without a network. As today, in the process that
writes, which knows when something is committed; and in processes that only read, which have to look for every request, one
of them and two at once. *Writes*: a signed create in the process that writes, and beside it what it takes to hand such a
request over a socket to that process and the answer back, in CPU time of both ends.
"""

import asyncio
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from bench import bulk, sign
from isthmus import bootstrap, serving
from isthmus.config import Settings
from isthmus.gateway.handle import Gateway
from isthmus.store import sqlite_file
from isthmus.store.clock import SystemClock, system_seeds
from isthmus.store.unit import Memo, Moment, Unit
from isthmus.wire.http import HttpRequest, HttpResponse

ADDRESS = ("127.0.0.1", 4510)
CONNECTIONS = 2_000
DESCRIBES, CREATES, HANDED_OVER = 2_000, 500, 5_000
RUNS = 3
IN_FLIGHT = 16
ANSWER_BYTES = 1_300
"""What the answer to a create has."""

Ask = Callable[[HttpRequest], HttpResponse]


def request_of(raw: bytes) -> HttpRequest:
    """A request as the edge hands it over."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    headers = tuple((name.lower(), value) for name, _, value in lines)
    return HttpRequest("POST", "/", "", headers, body, ADDRESS[0], True)


def front() -> Gateway:
    """A gateway that checks every signature."""
    return bootstrap.gateway(Settings(auth="enforce"))


@contextmanager
def writer(data: Path) -> Iterator[Ask]:
    """The process that writes, as it is today."""
    gateway, store = front(), bootstrap.store(Settings(data=str(data)))

    def ask(http: HttpRequest) -> HttpResponse:
        incoming = gateway.read(http)
        return store.run_now(incoming.kind, lambda unit: gateway.handle(incoming, unit))

    try:
        yield ask
    finally:
        store.close()


@contextmanager
def reader(data: Path) -> Iterator[Ask]:
    """A process that only reads. Each request has a transaction of its own, which begins with the state row."""
    gateway, clock = front(), SystemClock()
    with sqlite_file.snapshot(data) as engine:
        unit = Unit(engine, bounded=False, note_due=lambda _: None, memo=Memo(shared=True))

        def ask(http: HttpRequest) -> HttpResponse:
            engine.connection.execute("ROLLBACK")
            engine.connection.execute("BEGIN")
            unit.installation, offset = engine.query("SELECT installation, clock_offset FROM server_state")[0]
            wall = clock.wall()
            unit.begin(Moment(wall, wall + offset, system_seeds()), writable=False)
            return gateway.handle(gateway.read(http), unit)

        yield ask


def each(ask: Ask, requests: Sequence[HttpRequest]) -> tuple[float, float]:
    """Requests a second, and microseconds of CPU time of one."""
    began, cpu = time.perf_counter(), time.process_time()
    for http in requests:
        answer = ask(http)
        assert answer.status == 200, answer.body
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    return len(requests) / seconds, used * 1e6 / len(requests)


def read_elsewhere(data: Path, requests: Sequence[HttpRequest], gate: Any, results: Any) -> None:
    """Be a process that only reads; all begin together."""
    with reader(data) as ask:
        each(ask, requests[:200])
        gate.wait()
        results.put(each(ask, requests))


def reading_processes(count: int, data: Path, requests: Sequence[HttpRequest]) -> tuple[float, float]:
    """Requests a second of so many processes together, and microseconds of CPU time of one request."""
    context = multiprocessing.get_context("fork")
    gate, results = context.Barrier(count), context.Queue()
    some = [context.Process(target=read_elsewhere, args=(data, requests, gate, results)) for _ in range(count)]
    for process in some:
        process.start()
    told = [results.get() for _ in some]
    for process in some:
        process.join()
    return sum(rate for rate, _ in told), median(cpu for _, cpu in told)


async def _take_over(line: socket.socket, answer: bytes) -> None:
    """Be the process that writes: read a request, answer it."""
    incoming, outgoing = await asyncio.open_unix_connection(sock=line)
    try:
        while size := await incoming.readexactly(4):
            await incoming.readexactly(int.from_bytes(size, "big"))
            outgoing.write(len(answer).to_bytes(4, "big") + answer)
    except asyncio.IncompleteReadError:
        outgoing.close()


async def _hand_over(line: socket.socket, request: bytes) -> None:
    """Be a process that hands requests over, so many at a time."""
    incoming, outgoing = await asyncio.open_unix_connection(sock=line)
    for at in range(HANDED_OVER + IN_FLIGHT):
        if at < HANDED_OVER:
            outgoing.write(len(request).to_bytes(4, "big") + request)
        if at >= IN_FLIGHT:
            await incoming.readexactly(int.from_bytes(await incoming.readexactly(4), "big"))
    outgoing.close()


def handing_over(request: bytes) -> tuple[float, float]:
    """Microseconds of CPU time that a request takes at the end that hands it over, and at the end that writes."""
    ours, theirs = socket.socketpair()
    told, tell = os.pipe()
    child = os.fork()
    loop = serving.loop_factory()
    if not child:
        ours.close()
        began = time.process_time()
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_take_over(theirs, b"x" * ANSWER_BYTES))
        os.write(tell, json.dumps(time.process_time() - began).encode())
        os._exit(0)
    theirs.close()
    began = time.process_time()
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_hand_over(ours, request))
    spent = time.process_time() - began
    os.waitpid(child, 0)
    other = float(os.read(told, 100))
    os.close(told)
    os.close(tell)
    return spent * 1e6 / HANDED_OVER, other * 1e6 / HANDED_OVER


def main() -> int:
    """Measure and tell."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "isthmus.db"
        made = bulk.fill(str(data), CONNECTIONS, 50)
        keys = sign.Keys(made["account_id"], made["access_key_id"], made["secret_access_key"])
        signed = partial(sign.signed, ADDRESS, keys, made["region"])
        action = "DescribeVpcPeeringConnections"
        raw = [signed({"Action": action, "VpcPeeringConnectionId.1": id}) for id in made["connection_ids"]]
        describes = list(islice(cycle([request_of(one) for one in raw]), DESCRIBES))
        runs: list[dict[str, tuple[float, float]]] = []
        for _ in range(RUNS):
            with writer(data) as ask:
                each(ask, describes[:200])
                today = each(ask, describes)
            runs.append({"today": today, **{f"{n} read": reading_processes(n, data, describes) for n in (1, 2)}})
        pairs = [(one, other) for other in made["spare_accepter_vpc_ids"] for one in made["spare_requester_vpc_ids"]]
        words = {"Action": "CreateVpcPeeringConnection"}
        creates = [signed({**words, "VpcId": one, "PeerVpcId": other}) for one, other in pairs[:CREATES]]
        with writer(data) as ask:
            create = each(ask, [request_of(one) for one in creates])[1]
    there, here = (median(ends) for ends in zip(*(handing_over(creates[0]) for _ in range(RUNS)), strict=True))
    places = {"today": "in the process that writes", "1 read": "in one that only reads", "2 read": "in two of them"}
    cpu = {name: median(run[name][1] for run in runs) for name in places}
    for name, words_ in places.items():
        print(f"describes/s {words_:28} {median(run[name][0] for run in runs):8.0f}   {cpu[name]:6.0f} us CPU each")
    gain = median(run["2 read"][0] / run["1 read"][0] for run in runs)
    print(
        f"two reading processes against one: {gain:.2f} here and now; {2 * cpu['1 read'] / cpu['2 read']:.2f} by CPU time,"
    )
    print(f"which is what two cores that nobody else wants would give; against today {2 * cpu['today'] / cpu['2 read']:.2f}")
    print(f"a create, from bytes to bytes, one to a commit: {create:.0f} us CPU")
    print(f"handing it over: {here:.0f} us CPU where it is written, {there:.0f} us where it came in: "
          f"{here / create:.0%} and {there / create:.0%} of the create")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
