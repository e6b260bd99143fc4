"""The API as HTTP shows it: raw requests against the gateway in process, and against a real server on a socket."""

import http.client
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from uvicorn import Config, Server

from isthmus import bootstrap
from isthmus.config import Settings
from isthmus.domain import errors
from isthmus.gateway import asgi
from isthmus.gateway.admin import Admin
from isthmus.gateway.asgi import Edge
from isthmus.store.api import Kind
from isthmus.testing import InProcess
from isthmus.wire import services
from isthmus.wire.http import HttpResponse
from tests.simulation.random_requests import authorization

ACCOUNT, REGION = "111111111111", "us-east-1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
VERSION = "2016-11-15"


def headers(service: str = "ec2", **more: str) -> dict[str, str]:
    signed = {"x-amz-date": "20260102T030405Z", "authorization": authorization(ACCOUNT, service, REGION)}
    return {**signed, "content-type": FORM, **more}


def post(server: InProcess, body: str, service: str = "ec2", **more: str) -> HttpResponse:
    return server.send("POST", "/", headers(service, **more), body.encode())


def get(server: InProcess, query: str, **more: str) -> HttpResponse:
    unsent = {name: value for name, value in headers(**more).items() if name != "content-type"}
    return server.send("GET", f"/?{query}", unsent)


def refusal(answer: HttpResponse) -> tuple[int, str, str]:
    """Status, code and message."""
    root = ET.fromstring(re.sub(rb' xmlns="[^"]*"', b"", answer.body))
    return answer.status, root.findtext(".//Code") or "", root.findtext(".//Message") or ""


def texts(answer: HttpResponse, name: str) -> list[str]:
    return [found.decode() for found in re.findall(f"<{name}>([^<]*)</{name}>".encode(), answer.body)]


def ids_of(answer: HttpResponse) -> set[str | None]:
    """The request id, in the body and in the header."""
    body = texts(answer, "(?:[rR]equestI[dD])") or re.findall(r"<[rR]equestI[dD]>([^<]*)<", answer.body.decode())
    return {*body, dict(answer.headers).get("x-amzn-requestid")}


# --- requests --------------------------------------------------

DESCRIBE = f"Action=DescribeRegions&Version={VERSION}"


@pytest.mark.rule("S101", "S103")
@pytest.mark.parametrize("action", sorted(services.tables("ec2").actions))
def test_get_and_post_answer_the_same(action: str) -> None:
    """Every action, with what it lacks; the request id follows from the seed."""
    with InProcess() as one, InProcess() as other:
        posted, got = post(one, f"Action={action}&Version={VERSION}"), get(other, f"Action={action}&Version={VERSION}")
        assert (posted.status, posted.body) == (got.status, got.body)
        assert posted.status in (200, 400)


@pytest.mark.rule("S101")
def test_get_writes_as_post_does(server: InProcess) -> None:
    made = get(server, f"Action=CreateVpc&Version={VERSION}&CidrBlock=10.0.0.0%2F16")
    assert texts(made, "cidrBlock")[0] == "10.0.0.0/16"
    assert texts(post(server, f"Action=DescribeVpcs&Version={VERSION}"), "vpcId") == texts(made, "vpcId")


@pytest.mark.rule("S102")
@pytest.mark.parametrize("content_type", ["", FORM, FORM.replace("utf-8", "UTF-8"), FORM.partition(";")[0], "text/plain"])
def test_any_content_type_will_do(server: InProcess, content_type: str) -> None:
    assert post(server, DESCRIBE, **{"content-type": content_type}).status == 200


@pytest.mark.rule("S102")
def test_percent_plus_and_utf_8_are_decoded(server: InProcess) -> None:
    vpc = texts(post(server, f"Action=CreateVpc&Version={VERSION}&CidrBlock=10.0.0.0/16"), "vpcId")[0]
    tag = f"Tag.1.Key=a+b&Tag.1.Value={quote('é ✓&<')}"
    assert post(server, f"Action=CreateTags&Version={VERSION}&ResourceId.1={vpc}&{tag}").status == 200
    shown = ET.fromstring(post(server, f"Action=DescribeTags&Version={VERSION}").body)
    assert [part.text for part in shown.iter() if part.tag.endswith(("}key", "}value"))] == ["a b", "é ✓&<"]


@pytest.mark.rule("S103")
def test_common_parameters_are_never_unknown(server: InProcess) -> None:
    old = "AWSAccessKeyId=x&SignatureMethod=HmacSHA256&SignatureVersion=2&Signature=x&Timestamp=x&Expires=x&SecurityToken=x"
    assert post(server, f"{DESCRIBE}&{old}").status == 200


@pytest.mark.rule("S104")
def test_the_scope_chooses_the_region_and_the_service(server: InProcess) -> None:
    post(server, f"Action=CreateVpc&Version={VERSION}&CidrBlock=10.0.0.0/16")
    elsewhere = authorization(ACCOUNT, "ec2", "eu-west-1")
    assert texts(post(server, f"Action=DescribeVpcs&Version={VERSION}", authorization=elsewhere), "vpcId") == []
    who = post(server, "Action=GetCallerIdentity&Version=2011-06-15", "sts")
    assert texts(who, "Account") == [ACCOUNT]


@pytest.mark.rule("S106", "S109")
@pytest.mark.parametrize("indexes", [(0, 1), (1, 2), (3, 1), (7, 900)])
def test_lists_begin_anywhere_and_have_gaps(server: InProcess, indexes: tuple[int, int]) -> None:
    one, other = indexes
    names = f"RegionName.{one}=us-east-1&RegionName.{other}=eu-west-1"
    assert sorted(texts(post(server, f"{DESCRIBE}&{names}"), "regionName")) == ["eu-west-1", "us-east-1"]


@pytest.mark.rule("S110")
def test_a_first_letter_in_lower_case_is_the_same_name(server: InProcess) -> None:
    pcx = "pcx-0123456789abcdef0"
    answer = post(server, f"Action=RejectVpcPeeringConnection&Version={VERSION}&vpcPeeringConnectionId={pcx}")
    assert refusal(answer) == (
        400,
        "InvalidVpcPeeringConnectionID.NotFound",
        f"The vpcPeeringConnection ID '{pcx}' does not exist",
    )


def test_a_request_as_boto_2_and_libcloud_send_it(server: InProcess) -> None:
    """GET, all in the query, lists from 0, an old version, many signed headers, some of them empty."""
    made = get(server, "Action=CreateVpc&Version=2014-10-01&CidrBlock=10.0.0.0%2F16", **{"accept-encoding": ""})
    vpc = texts(made, "vpcId")[0]
    tagged = get(server, f"Action=CreateTags&Version=2014-10-01&ResourceId.0={vpc}&Tag.0.Key=a&Tag.0.Value=b")
    assert texts(tagged, "return") == ["true"]
    found = get(server, "Action=DescribeVpcs&Version=2014-10-01&Filter.0.Name=tag%3Aa&Filter.0.Value.0=b")
    assert texts(found, "vpcId") == [vpc]
    assert b'<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2014-10-01/">' in found.body


def test_a_request_as_terraform_sends_it(server: InProcess) -> None:
    sent = {
        "accept-encoding": "gzip",
        "amz-sdk-invocation-id": "0b1f1b0e-0000-4000-8000-000000000000",
        "amz-sdk-request": "attempt=1; max=25",
        "user-agent": "APN/1.0 HashiCorp/1.0 Terraform/1.11.0 aws-sdk-go-v2/1.36.3",
        "content-type": "application/x-www-form-urlencoded",
    }
    body = f"Action=CreateVpc&CidrBlock=10.0.0.0%2F16&InstanceTenancy=default&Version={VERSION}"
    assert post(server, body, **sent).status == 200


# --- answers --------------------------------------------------

ISSUED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.rule("S111", "S112", "S113", "S114")
def test_an_answer_is_xml_with_its_id_in_body_and_header(server: InProcess) -> None:
    answer = post(server, DESCRIBE)
    assert (answer.status, dict(answer.headers)["content-type"]) == (200, "text/xml;charset=UTF-8")
    opening = f'<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/{VERSION}/"><requestId>'
    assert answer.body.decode().replace("\n", "").startswith(f'<?xml version="1.0" encoding="UTF-8"?>{opening}')
    (request_id,) = ids_of(answer)
    assert ISSUED.fullmatch(request_id or "")


@pytest.mark.rule("S114", "S121")
def test_an_error_has_its_id_in_body_and_header_and_no_namespace(server: InProcess) -> None:
    answer = post(server, f"Action=Nonsense&Version={VERSION}")
    (request_id,) = ids_of(answer)
    assert ISSUED.fullmatch(request_id or "")
    assert answer.body.decode().replace("\n", "") == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>InvalidAction</Code>'
        "<Message>The action Nonsense is not valid for this web service.</Message></Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    )


def test_two_requests_have_two_ids(server: InProcess) -> None:
    assert ids_of(post(server, DESCRIBE)) != ids_of(post(server, DESCRIBE))


@pytest.mark.rule("S112", "S129")
@pytest.mark.parametrize("version", sorted(services.EC2_VERSIONS))
def test_every_dated_version_is_answered_in_its_namespace(server: InProcess, version: str) -> None:
    answer = post(server, f"Action=DescribeVpcs&Version={version}")
    assert answer.status == 200
    assert f'xmlns="http://ec2.amazonaws.com/doc/{version}/"'.encode() in answer.body


# --- refusals, in the order in which EC2 complains --------------------------------------------------


@pytest.mark.rule("S122", "S127", "S128", "S129", "S130", "S131", "S132", "S142")
@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (f"Action=Nonsense&Version={VERSION}", "InvalidAction", "The action Nonsense is not valid for this web service."),
        (f"Version={VERSION}", "MissingAction", "The request must contain the parameter Action"),
        ("", "MissingAction", "The request must contain the parameter Action"),
        ("Action=DescribeVpcs", "MissingParameter", "The request must contain the parameter Version"),
        ("Action=DescribeVpcs&Version=1999-01-01", "NoSuchVersion", "The requested version (1999-01-01) is not valid."),
        (f"Action=DeleteVpc&Version={VERSION}", "MissingParameter", "The request must contain the parameter vpcId"),
        (f"{DESCRIBE}&Foo=1", "UnknownParameter", "The parameter Foo is not recognized"),
        (f"{DESCRIBE}&foo=1", "UnknownParameter", "The parameter foo is not recognized"),
        (
            f"Action=CreateVpc&Version={VERSION}&CidrBlock=x",
            "InvalidParameterValue",
            "Value (x) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
    ],
)
def test_a_request_that_cannot_be_answered_is_told_why(server: InProcess, body: str, code: str, message: str) -> None:
    assert refusal(post(server, body)) == (400, code, message)


@pytest.mark.rule("S133")
@pytest.mark.parametrize(
    ("action", "ids", "members"),
    [
        ("DescribeVpcs", "VpcId.1=vpc-0123456789abcdef0", "VpcIds"),
        ("DescribeRouteTables", "RouteTableId.1=rtb-0123456789abcdef0", "RouteTableIds"),
        ("DescribeNetworkAcls", "NetworkAclId.1=acl-0123456789abcdef0", "NetworkAclIds"),
        ("DescribeSecurityGroups", "GroupId.1=sg-0123456789abcdef0", "GroupIds"),
        ("DescribeSecurityGroupRules", "SecurityGroupRuleId.1=sgr-0123456789abcdef0", "SecurityGroupRuleIds"),
        ("DescribeDhcpOptions", "DhcpOptionsId.1=dopt-0123456789abcdef0", "DhcpOptionsIds"),
    ],
)
@pytest.mark.parametrize(("page", "parameter"), [("MaxResults=5", "MaxResults"), ("NextToken=x", "NextToken")])
def test_ids_do_not_go_with_pages(  # whether or not there is such an object
    server: InProcess, action: str, ids: str, members: str, page: str, parameter: str
) -> None:
    assert refusal(post(server, f"Action={action}&Version={VERSION}&{ids}&{page}")) == (
        400,
        "InvalidParameterCombination",
        f"The parameter {members} cannot be used with the parameter {parameter}",
    )


@pytest.mark.rule("S137", "S138")
@pytest.mark.parametrize(
    ("vpc", "code", "message"),
    [
        ("x", "InvalidVpcId.Malformed", 'Invalid id: "x" (expecting "vpc-...")'),
        ("vpc-0123456789abcdef0", "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist"),
    ],
)
def test_an_id_is_malformed_or_not_found(server: InProcess, vpc: str, code: str, message: str) -> None:
    assert refusal(post(server, f"Action=DeleteVpc&Version={VERSION}&VpcId={vpc}")) == (400, code, message)


@pytest.mark.rule("S141")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "&".join(f"Filter.{number}.Name=vpc-id&Filter.{number}.Value.1=x" for number in range(1, 52)),
            "FilterLimitExceeded",
        ),
        ("Filter.1.Name=vpc-id&" + "&".join(f"Filter.1.Value.{n}=x" for n in range(1, 202)), "FilterLimitExceeded"),
        ("Filter.1.Name=vpc-id&Filter.1.Name=vpc-id", "MalformedQueryString"),
        ("&".join(f"X{number}=" for number in range(10_000)), "MalformedQueryString"),
        ("&".join(f"VpcId.{number}=vpc-1" for number in range(1_001)), "MalformedQueryString"),
        ("Filter" + ".1" * 12 + "=x", "MalformedQueryString"),
        ("a" * 256 + "=x", "MalformedQueryString"),
        ("Filter.1.Name=" + "x" * 65_537, "MalformedQueryString"),
        ("Filter.1.Name=%zz", "MalformedQueryString"),
        ("Filter.1.Name=%ff", "MalformedQueryString"),
        ("Filter.1.Name=%00", "MalformedQueryString"),
    ],
)
def test_bounds_are_told_with_a_clear_error(server: InProcess, text: str, code: str) -> None:
    status, found, message = refusal(post(server, f"Action=DescribeVpcs&Version={VERSION}&{text}"))
    assert (status, found) == (400, code)
    assert message


def test_a_parameter_in_query_and_body_is_a_double(server: InProcess) -> None:
    answer = server.send("POST", f"/?{DESCRIBE}", headers(), b"Action=DescribeVpcs")
    assert refusal(answer)[:2] == (400, "MalformedQueryString")


def test_any_other_path_is_not_found(server: InProcess) -> None:
    answer = server.send("POST", "/other", headers(), DESCRIBE.encode())
    assert (answer.status, dict(answer.headers)["content-type"]) == (404, "text/plain")


# --- services that are not spoken --------------------------------------------------


@pytest.mark.rule("S127", "I38")
@pytest.mark.parametrize("auth", ["open", "enforce"])
@pytest.mark.parametrize("service", ["rds", "elasticloadbalancing", "sns", "s3", "dynamodb"])
@pytest.mark.parametrize("body", ["Action=DescribeDBInstances&Version=2014-10-31", '{"a": 1}', "%zz", ""])
def test_a_service_that_is_not_spoken_is_refused_at_once_in_the_query_protocol(auth: str, service: str, body: str) -> None:
    with InProcess(Settings(data="memory", auth=auth)) as server:  # type: ignore[arg-type]  # one of the two words
        answer = post(server, body, service)
    named = "The action DescribeDBInstances is not valid for this web service."
    unnamed = f"Isthmus speaks ec2, iam and sts only; this request is for {service}."
    assert refusal(answer) == (400, "InvalidAction", named if body.startswith("Action") else unnamed)
    root = ET.fromstring(answer.body)
    assert root.tag == f"{{https://{service}.amazonaws.com/doc/}}ErrorResponse"
    assert [part.tag.rpartition("}")[2] for part in root.iter()][1:] == ["Error", "Type", "Code", "Message", "RequestId"]
    assert len(ids_of(answer)) == 1


@pytest.mark.rule("S127", "I38")
@pytest.mark.parametrize("service", ["sts", "iam"])
def test_an_unknown_action_of_the_query_services_is_refused_in_their_protocol(server: InProcess, service: str) -> None:
    version = services.BY_NAME[service].version
    answer = post(server, f"Action=CreateVpc&Version={version}", service)
    assert refusal(answer)[:2] == (400, "InvalidAction")
    assert f'<ErrorResponse xmlns="https://{service}.amazonaws.com/doc/{version}/">'.encode() in answer.body


def test_a_form_that_cannot_be_read_is_refused_in_the_protocol_of_its_scope(server: InProcess) -> None:
    answer = post(server, "Action=%zz", "sts")
    assert b"<ErrorResponse" in answer.body
    assert refusal(answer)[:2] == (400, "MalformedQueryString")


# --- over a socket --------------------------------------------------


class Served:
    """A server on a free port of this machine, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=str(folder / "isthmus.db"))
        self.store = bootstrap.store(self.settings)
        gateway = bootstrap.gateway(self.settings)
        edge = Edge(gateway, self.store, Admin("token", gateway.bounds), lambda: 0)
        config = Config(edge, host="127.0.0.1", port=0, http="httptools", ws="none", lifespan="on", log_config=None)
        self.server = Server(config)
        self.thread = threading.Thread(target=self.server.run)

    def start(self) -> None:
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.store.close()

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        opened = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            yield opened
        finally:
            opened.close()

    def ask(self, method: str, target: str, body: bytes = b"", more: Mapping[str, str] | None = None) -> HttpResponse:
        with self.connection() as opened:
            opened.request(method, target, body, {**headers(), **(more or {})})
            answer = opened.getresponse()
            named = tuple((name.lower(), value) for name, value in answer.getheaders())
            return HttpResponse(answer.status, named, answer.read())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("served"))
    running.start()
    yield running
    running.stop()


@pytest.mark.rule("S101", "S111", "S114", "S119")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_over_a_socket_the_answer_is_the_same(served: Served, method: str) -> None:
    target, body = (f"/?{DESCRIBE}", b"") if method == "GET" else ("/", DESCRIBE.encode())
    answer = served.ask(method, target, body)
    assert answer.status == 200
    assert dict(answer.headers)["content-type"] == "text/xml;charset=UTF-8"
    assert dict(answer.headers)["content-length"] == str(len(answer.body))
    assert len(ids_of(answer)) == 1
    assert "us-east-1" in texts(answer, "regionName")


def test_a_connection_serves_many_requests(served: Served) -> None:
    with served.connection() as opened:
        for _ in range(3):
            opened.request("POST", "/", DESCRIBE, headers())
            answer = opened.getresponse()
            assert answer.status == 200
            answer.read()


@pytest.mark.rule("I28")
@pytest.mark.parametrize(("size", "status"), [(asgi.MAX_BODY, 400), (asgi.MAX_BODY + 1, 413)])
def test_a_body_holds_a_mebibyte_at_most(served: Served, size: int, status: int) -> None:
    answer = served.ask("POST", "/", b"A" * size)
    assert answer.status == status


def test_a_body_that_never_ends_is_refused_before_it_has_arrived(served: Served) -> None:
    """Chunks without a length: what is beyond the bound is not waited for."""
    with served.connection() as opened:
        opened.request("POST", "/", iter([b"A" * 65_536] * 18), headers(), encode_chunked=True)
        assert opened.getresponse().status == 413


def test_a_body_that_does_not_arrive_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.2)
    with served.connection() as opened:
        opened.putrequest("POST", "/")
        opened.putheader("Content-Length", "100")
        opened.endheaders(b"Action=")
        assert opened.getresponse().status == 408


def test_unknown_methods_and_paths_are_refused_without_html(served: Served) -> None:
    assert served.ask("POST", "/other", DESCRIBE.encode()).status == 404
    assert served.ask("BREW", "/", DESCRIBE.encode()).status in (200, 400, 405)
    assert b"<html" not in served.ask("GET", "/favicon.ico").body


# --- when there is too much --------------------------------------------------


@pytest.mark.rule("S136")
def test_a_full_queue_is_told_as_a_request_limit(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Kind, __: object) -> None:
        raise errors.request_limit_exceeded()

    monkeypatch.setattr(server.store, "run_now", full)
    answer = post(server, DESCRIBE)
    assert refusal(answer) == (503, "RequestLimitExceeded", "Request limit exceeded.")
    (request_id,) = ids_of(answer)
    assert ISSUED.fullmatch(request_id or "")
