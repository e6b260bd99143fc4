"""The server in a test's own process: what it does as the network edge does, beyond handing requests to the gateway."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from isthmus.domain.errors import Conflict
from isthmus.gateway import asgi, races
from isthmus.gateway.admin import Admin
from isthmus.gateway.asgi import Edge
from isthmus.store.api import Kind
from isthmus.store.unit import Unit
from isthmus.testing import InProcess
from isthmus.wire.http import HttpRequest, HttpResponse
from tests.simulation.random_requests import authorization

SIGNED = {"x-amz-date": "20260102T030405Z", "authorization": authorization("1" * 12, "ec2", "us-east-1")}
CREATE = b"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0/16"


def loses(monkeypatch: pytest.MonkeyPatch, server: InProcess, times: int) -> list[Kind]:
    """Let units lose so many races; answers which were run, once they are."""
    ran: list[Kind] = []
    run_now = server.store.run_now

    def racing(kind: Kind, work: Callable[[Unit], Any], *, alone: bool = False) -> Any:
        ran.append(kind)
        if len(ran) <= times:
            raise Conflict("another came first")
        return run_now(kind, work, alone=alone)

    monkeypatch.setattr(server.store, "run_now", racing)
    monkeypatch.setattr(races, "FIRST_WAIT_SECONDS", 0.0)
    return ran


def in_process(server: InProcess) -> HttpResponse:
    return server.send("POST", "/", SIGNED, CREATE)


def through_the_edge(server: InProcess) -> HttpResponse:
    async def run() -> HttpResponse:
        edge = Edge(server.gateway, server.store, Admin("token", server.gateway.bounds), lambda: 0)
        answered: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        headers = (("host", "127.0.0.1"), *SIGNED.items())
        edge.answer(HttpRequest("POST", "/", "", headers, CREATE, "127.0.0.1", is_loopback=True), answered.set_result)
        return await answered

    return asyncio.run(run())


@pytest.mark.parametrize("ask", [in_process, through_the_edge])
def test_a_unit_that_lost_a_race_runs_again(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[InProcess], HttpResponse]
) -> None:
    with InProcess() as server:
        ran = loses(monkeypatch, server, races.ATTEMPTS - 1)
        assert ask(server).status == 200
        assert ran == [Kind.WRITE] * races.ATTEMPTS


@pytest.mark.parametrize("ask", [in_process, through_the_edge])
def test_a_unit_that_loses_every_race_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[InProcess], HttpResponse]
) -> None:
    with InProcess() as server:
        ran = loses(monkeypatch, server, 1_000)
        answer = ask(server)
        assert (answer.status, b"<Code>Unavailable</Code>" in answer.body) == (503, True)
        assert ran == [Kind.WRITE] * races.ATTEMPTS


def test_each_wait_is_longer_than_the_last_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    assert list(races.waits()) == [0.005, 0.01, 0.02, 0.04]


def test_an_endpoint_of_ours_that_lost_a_race_says_so_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with InProcess() as server:
        loses(monkeypatch, server, 1_000)
        admin = Admin("token", server.gateway.bounds)
        answer = asyncio.run(admin.perform("POST", "/_isthmus/accounts", {"name": "alice"}, server.store))
    assert answer.status == 503
    assert b'{"error": "Something else changed' in answer.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_a_method_that_the_edge_refuses_is_refused_here_too(method: str) -> None:
    with InProcess() as server:
        assert server.send(method, "/", SIGNED, CREATE) is asgi.WRONG_METHOD
