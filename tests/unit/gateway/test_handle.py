"""One request inside one unit of work: what is taken back, what is noted, and that whatever goes wrong is answered."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest

from isthmus.actions import registry
from isthmus.actions.call import Call
from isthmus.domain import errors
from isthmus.domain.errors import ApiError, Conflict
from isthmus.gateway import handle
from isthmus.store.api import Kind
from isthmus.testing import InProcess
from isthmus.wire.http import HttpRequest, HttpResponse
from isthmus.wire.shapes import ec2
from tests.simulation.random_requests import authorization

VERSION = "2016-11-15"
CREATE = {"Action": "CreateVpc", "Version": VERSION, "CidrBlock": "10.0.0.0/16"}


def send(server: InProcess, form: Mapping[str, str]) -> HttpResponse:
    signed = {"x-amz-date": "20260102T030405Z", "authorization": authorization("1" * 12, "ec2", "us-east-1")}
    return server.send("POST", "/", signed, urlencode(form).encode())


def rows(server: InProcess, sql: str) -> list[Any]:
    return server.store.run_now(Kind.READ, lambda unit: unit.engine.query(sql))


def replaced(monkeypatch: pytest.MonkeyPatch, action: str, handler: registry.Handler) -> None:
    actions = MappingProxyType({**registry.collect("ec2"), action: handler})
    monkeypatch.setattr(registry, "collect", lambda _: actions)


def fails_after_writing(error: Exception) -> registry.Handler:
    create_vpc = registry.collect("ec2")["CreateVpc"]

    def handler(request: ec2.CreateVpcRequest, call: Call) -> None:
        create_vpc(request, call)
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(errors.vpc_limit(), 400, "VpcLimitExceeded"), (ValueError("a bug"), 500, "InternalError")],
)
def test_an_error_after_a_write_takes_the_write_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    with InProcess() as server:
        replaced(monkeypatch, "CreateVpc", fails_after_writing(error))
        answer = send(server, CREATE)
        assert (answer.status, f"<Code>{code}</Code>".encode() in answer.body) == (status, True)
        assert rows(server, "SELECT * FROM vpc") == rows(server, "SELECT * FROM journal") == []
    assert ("a bug" in caplog.text) == (status == 500)


def test_an_answer_that_cannot_be_encoded_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    create_vpc = registry.collect("ec2")["CreateVpc"]

    def handler(request: ec2.CreateVpcRequest, call: Call) -> object:
        create_vpc(request, call)
        return object()

    with InProcess() as server:
        replaced(monkeypatch, "CreateVpc", handler)
        assert send(server, CREATE).status == 500
        assert rows(server, "SELECT * FROM vpc") == []


def test_a_read_that_writes_is_a_bug(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    create_vpc = registry.collect("ec2")["CreateVpc"]

    def handler(_: object, call: Call) -> object:
        return create_vpc(ec2.CreateVpcRequest(cidr_block="10.0.0.0/16"), call)

    with InProcess() as server:
        replaced(monkeypatch, "DescribeVpcs", handler)
        assert send(server, {"Action": "DescribeVpcs", "Version": VERSION}).status == 500
        assert rows(server, "SELECT * FROM vpc") == []
    assert "a READ unit of work tried to write" in caplog.text


def test_a_lost_race_is_not_answered_but_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with InProcess() as server:
        replaced(monkeypatch, "CreateVpc", fails_after_writing(Conflict()))
        incoming = server.gateway.read(
            HttpRequest("POST", "/", urlencode(CREATE), (("host", "127.0.0.1"),), b"", "127.0.0.1", is_loopback=True)
        )
        with pytest.raises(Conflict):
            server.store.run_now(incoming.kind, lambda unit: server.gateway.handle(incoming, unit))
        assert rows(server, "SELECT * FROM vpc") == []


def test_what_a_request_changed_stands_in_the_journal_with_who_did_it() -> None:
    with InProcess() as server:
        answer = send(server, CREATE)
        ((request_id, actor, action, changes),) = rows(server, "SELECT request_id, actor, action, changes FROM journal")
        (vpc,) = rows(server, "SELECT id FROM vpc")
    assert (request_id, actor, action) == (
        dict(answer.headers)["x-amzn-requestid"],
        "arn:aws:iam::111111111111:root",
        "CreateVpc",
    )
    assert vpc[0] in {change[0] for change in json.loads(changes)}


@pytest.mark.parametrize(
    "form", [{**CREATE, "DryRun": "true"}, {**CREATE, "CidrBlock": "x"}, {"Action": "DescribeVpcs", "Version": VERSION}]
)
def test_what_changes_nothing_leaves_no_line_in_the_journal(form: dict[str, str]) -> None:
    with InProcess() as server:
        send(server, form)
        assert rows(server, "SELECT * FROM journal") == []


def test_a_request_notes_for_the_audit_log_who_asked_and_what_it_got() -> None:
    with InProcess() as server:
        named = (
            ("host", "localhost"),
            ("x-amz-date", "20260102T030405Z"),
            ("authorization", authorization("1" * 12, "ec2", "eu-west-1")),
        )
        http = HttpRequest(
            "GET", "/", "Action=DeleteVpc&Version=2016-11-15&VpcId=x", named, b"", "127.0.0.1", is_loopback=True
        )
        incoming = server.gateway.read(http)
        server.store.run_now(incoming.kind, lambda unit: server.gateway.handle(incoming, unit))
    assert incoming.principal is not None
    assert (incoming.principal.account, incoming.principal.region) == ("111111111111", "eu-west-1")
    assert (incoming.action, incoming.code, incoming.service.name) == ("DeleteVpc", "InvalidVpcId.Malformed", "ec2")


def test_the_version_names_the_service_of_a_request_without_a_scope() -> None:
    with InProcess() as server:
        answer = server.send("GET", "/?Action=GetCallerIdentity&Version=2011-06-15")
    assert b"<Account>000000000000</Account>" in answer.body


def test_every_spoken_action_is_listed() -> None:
    listed = handle.listed_actions()
    assert listed.keys() == {"ec2", "iam", "sts"}
    assert "CreateVpcPeeringConnection" in listed["ec2"]
    assert {"GetAccessKeyInfo", "GetCallerIdentity"} <= set(listed["sts"])


def test_unavailability_is_told_with_an_id_of_its_own() -> None:
    with InProcess() as server:
        http = HttpRequest("GET", "/", "", (), b"", "127.0.0.1", is_loopback=True)
        answers = [handle.unavailable(server.gateway.read(http), ApiError("Unavailable", "x")) for _ in range(2)]
    assert [answer.status for answer in answers] == [503, 503]
    assert len({dict(answer.headers)["x-amzn-requestid"] for answer in answers} - {""}) == 2
