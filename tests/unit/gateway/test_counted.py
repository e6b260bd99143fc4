"""What an answer is counted as: words that we know, so that nobody can make up as many counters as they like."""

import asyncio

from isthmus.config import Settings
from isthmus.gateway.admin import Admin
from isthmus.gateway.asgi import Edge
from isthmus.testing import InProcess
from isthmus.wire.http import HttpRequest, HttpResponse

SCOPE = "AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def request(path: str = "/", action: str = "DescribeVpcs", service: str = "ec2") -> HttpRequest:
    headers = (
        ("host", "127.0.0.1"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", SCOPE.format(service)),
    )
    body = f"Action={action}&Version=2016-11-15".encode()
    return HttpRequest("POST", path, "", headers, body, "127.0.0.1", is_loopback=True)


def counted(*requests: HttpRequest) -> dict[tuple[str, str, int], int]:
    with InProcess(Settings()) as server:
        edge = Edge(server.gateway, server.store, Admin("token", server.gateway.bounds), lambda: 0)

        async def ask(http: HttpRequest) -> HttpResponse:
            answered: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
            edge.answer(http, answered.set_result)
            return await answered

        async def ask_all() -> None:
            for http in requests:
                await ask(http)

        asyncio.run(ask_all())
    return dict(edge.answered)


def test_an_answer_is_counted_by_service_action_and_status() -> None:
    assert counted(request(), request()) == {("ec2", "DescribeVpcs", 200): 2}


def test_actions_asked_for_elsewhere_are_not_told_apart() -> None:
    made_up = [request("/nowhere", action) for action in ("One", "Two", "A" * 300)]
    assert counted(*made_up) == {("ec2", "", 404): 3}


def test_services_that_are_not_spoken_are_not_told_apart() -> None:
    assert counted(*(request(service=name) for name in ("one", "two"))) == {("other", "InvalidAction", 400): 2}
