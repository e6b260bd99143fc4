"""Who is calling, as users see it: open and enforced, issued keys and sessions, and how each service refuses."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore import auth
from botocore.exceptions import ClientError
from msgspec.structs import replace

from isthmus.actions import administration
from isthmus.config import Settings
from isthmus.domain import access_keys
from isthmus.domain.accounts import AccessKey, KeyStatus
from isthmus.gateway.authenticate import FOREIGN_KEY_TEXT
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.unit import Unit
from isthmus.testing import InProcess

ACCOUNT = "444455556666"
SESSION_TOKEN = "FwoGZXIvYXdzE/+=="
DAY = 86_400_000
FOREIGN = "AKIAIOSFODNN7EXAMPLE"

AUTH_FAILURE = (401, "AuthFailure", "AWS was not able to validate the provided access credentials")
INVALID_TOKEN = (403, "InvalidClientTokenId", "The security token included in the request is invalid")
MISMATCH = (
    403,
    "SignatureDoesNotMatch",
    (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    ),
)


class World:
    """A server with one account that was made, its key, and a session of it; clients sign at the server's wall time."""

    def __init__(self, mode: str) -> None:
        self.clock = ManualClock()
        self.server = InProcess(Settings(data="memory", auth=mode), clock=self.clock)  # type: ignore[arg-type]  # a mode
        self.key: AccessKey = self.write(lambda unit: administration.create_account(unit, "made", ACCOUNT).key)
        temporary = access_keys.make(access_keys.TEMPORARY_PREFIX, ACCOUNT, b"12345")
        self.session = AccessKey(
            temporary, ACCOUNT, self.key.secret, KeyStatus.ACTIVE, SESSION_TOKEN, self.clock.wall() + 3_600_000, 0
        )
        self.write(lambda unit: unit.access_keys.put(self.session))

    def write(self, work: Callable[[Unit], Any]) -> Any:
        return self.server.store.run_now(Kind.WRITE, work)

    def client(self, key_id: str, secret: str, service: str = "ec2", token: str | None = None) -> Any:
        return self.server.client(key_id, service=service, secret=secret, aws_session_token=token)

    def ours(self, service: str = "ec2") -> Any:
        return self.client(self.key.id, self.key.secret, service)

    def refused(self, client: Any, *, late_ms: int = 0) -> tuple[int, str, str]:
        """Status, code and message of what a signed call gets; `late_ms` is how far the caller's clock is behind."""
        with pytest.raises(ClientError) as caught:
            self.call(client, late_ms=late_ms)
        error = caught.value.response
        return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]

    def call(self, client: Any, *, late_ms: int = 0) -> Any:
        signed_at = datetime.fromtimestamp((self.clock.wall() - late_ms) / 1_000, UTC)
        with mock.patch.object(auth, "get_current_datetime", return_value=signed_at):
            name = client.meta.service_model.service_name
            return client.describe_vpcs() if name == "ec2" else client.get_caller_identity()


@pytest.fixture(params=["open", "enforce"])
def both(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param)
    with world.server:
        yield world


@pytest.fixture
def enforced() -> Iterator[World]:
    world = World("enforce")
    with world.server:
        yield world


@pytest.fixture
def opened() -> Iterator[World]:
    world = World("open")
    with world.server:
        yield world


# --- who one is --------------------------------------------------


@pytest.mark.rule("I1", "I3", "I121", "I171", "I213")
def test_an_accounts_digits_are_its_root_in_open_mode(opened: World) -> None:
    answer = opened.call(opened.client("123456789012", "anything", "sts"))
    assert (answer["Account"], answer["Arn"], answer["UserId"]) == (
        "123456789012",
        "arn:aws:iam::123456789012:root",
        "123456789012",
    )


@pytest.mark.rule("I1", "I3", "I171", "I215")
@pytest.mark.parametrize("temporary", [False, True])
def test_an_issued_key_is_its_accounts_root(both: World, temporary: bool) -> None:
    key = both.session if temporary else both.key
    answer = both.call(both.client(key.id, key.secret, "sts", key.session_token))
    assert (answer["Account"], answer["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")


@pytest.mark.rule("I213")
@pytest.mark.parametrize("key_id", ["test", "12345678901", "AKIA"])
def test_whoever_names_nobody_is_the_default_account_in_open_mode(opened: World, key_id: str) -> None:
    assert opened.call(opened.client(key_id, "x", "sts"))["Account"] == "000000000000"


@pytest.mark.rule("I215")
@pytest.mark.parametrize("key_id", ["test", "123456789012", ACCOUNT])
def test_enforced_only_issued_keys_count(enforced: World, key_id: str) -> None:
    assert enforced.refused(enforced.client(key_id, "x")) == AUTH_FAILURE
    assert enforced.refused(enforced.client(key_id, "x", "sts")) == INVALID_TOKEN


def test_objects_of_an_issued_key_and_of_its_accounts_digits_are_the_same(opened: World) -> None:
    with mock.patch.object(
        auth, "get_current_datetime", return_value=datetime.fromtimestamp(opened.clock.wall() / 1_000, UTC)
    ):
        made = opened.ours().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]
    assert [vpc["VpcId"] for vpc in opened.call(opened.client(ACCOUNT, "x"))["Vpcs"]] == [made["VpcId"]]


# --- keys --------------------------------------------------


@pytest.mark.rule("I4", "I172")
@pytest.mark.parametrize("key_id", [FOREIGN, "ASIA" + FOREIGN[4:]])
def test_a_key_id_tells_its_account_whether_or_not_it_was_issued(opened: World, key_id: str) -> None:
    assert opened.client("1" * 12, "x", "sts").get_access_key_info(AccessKeyId=key_id)["Account"] == "581039954779"
    own = opened.client("1" * 12, "x", "sts").get_access_key_info(AccessKeyId=opened.key.id)
    assert own["Account"] == ACCOUNT


@pytest.mark.rule("I172")
@pytest.mark.parametrize("key_id", ["1" * 16, "AKIA" + "0" * 16, "AKIA" + "!" * 16, "short"])
def test_what_is_no_key_id_is_a_validation_error(opened: World, key_id: str) -> None:
    with pytest.raises(ClientError) as caught:
        opened.server.client("1" * 12, service="sts", validate=False).get_access_key_info(AccessKeyId=key_id)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.rule("I2", "I5")
def test_a_made_key_looks_as_clients_expect(opened: World) -> None:
    assert len(opened.key.id) == 20
    assert opened.key.id.startswith("AKIA")
    assert len(opened.key.secret) == 40


@pytest.mark.rule("I32", "S125")
def test_a_wrong_secret_is_told_in_the_words_of_the_service(both: World) -> None:
    assert both.refused(both.client(both.key.id, "wrong")) == AUTH_FAILURE
    assert both.refused(both.client(both.key.id, "wrong", "sts")) == MISMATCH


@pytest.mark.rule("I31", "S125")
def test_an_unknown_key_is_told_in_the_words_of_the_service(enforced: World) -> None:
    assert enforced.refused(enforced.client(FOREIGN, "x")) == AUTH_FAILURE
    assert enforced.refused(enforced.client(FOREIGN, "x", "sts")) == INVALID_TOKEN


@pytest.mark.rule("I7", "I31")
@pytest.mark.parametrize("how", ["inactive", "deleted"])
def test_a_key_that_was_taken_away_fails_at_once(both: World, how: str) -> None:
    client = both.ours()
    both.call(client)

    def take_away(unit: Unit) -> None:
        key = unit.access_keys.get(both.key.id)
        assert key is not None
        if how == "deleted":
            unit.access_keys.delete(key)
        else:
            unit.access_keys.put(replace(key, status=KeyStatus.INACTIVE))

    both.write(take_away)
    assert both.refused(client)[:2] == AUTH_FAILURE[:2]


@pytest.mark.rule("I214")
def test_keys_that_look_real_are_refused_in_open_mode_with_the_reason(opened: World) -> None:
    assert opened.refused(opened.client(FOREIGN, "x")) == (401, "AuthFailure", FOREIGN_KEY_TEXT)
    assert opened.refused(opened.client(FOREIGN, "x", "sts")) == (403, "InvalidClientTokenId", FOREIGN_KEY_TEXT)


# --- sessions --------------------------------------------------


@pytest.mark.rule("I6", "I34")
@pytest.mark.parametrize("token", [None, "another"])
def test_a_temporary_key_needs_its_own_token(both: World, token: str | None) -> None:
    key = both.session
    assert both.refused(both.client(key.id, key.secret, token=token)) == AUTH_FAILURE
    assert both.refused(both.client(key.id, key.secret, "sts", token)) == INVALID_TOKEN


@pytest.mark.rule("I6")
def test_a_long_term_key_comes_without_a_token(both: World) -> None:
    assert both.refused(both.client(both.key.id, both.key.secret, token=SESSION_TOKEN)) == AUTH_FAILURE


@pytest.mark.rule("I33", "S126")
def test_a_session_ends_by_service_time(both: World) -> None:
    key = both.session
    both.write(lambda unit: both.server.store.set_offset(unit, 3_599_999))
    both.call(both.client(key.id, key.secret, token=key.session_token))
    both.write(lambda unit: both.server.store.set_offset(unit, 3_600_000))
    assert both.refused(both.client(key.id, key.secret, token=key.session_token)) == (
        400,
        "RequestExpired",
        "Request has expired.",
    )
    assert both.refused(both.client(key.id, key.secret, "sts", key.session_token)) == (
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    )


# --- dates --------------------------------------------------


@pytest.mark.rule("I15", "I16", "I37", "S126")
@pytest.mark.parametrize(("late_ms", "passes"), [(900_000, True), (901_000, False), (-900_000, True), (-901_000, False)])
def test_a_date_may_be_a_quarter_of_an_hour_off(both: World, late_ms: int, passes: bool) -> None:
    if passes:
        both.call(both.ours(), late_ms=late_ms)
        return
    assert both.refused(both.ours(), late_ms=late_ms) == (400, "RequestExpired", "Request has expired.")
    status, code, message = both.refused(both.ours("sts"), late_ms=late_ms)
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert ("Signature expired: " if late_ms > 0 else "Signature not yet current: ") in message


@pytest.mark.rule("S126")
def test_an_ordinary_client_works_after_service_time_has_moved_a_month(both: World) -> None:
    both.write(lambda unit: both.server.store.set_offset(unit, 30 * DAY))
    both.call(both.ours())
    both.call(both.ours("sts"))
    assert both.refused(both.ours(), late_ms=-30 * DAY)[1] == "RequestExpired"


# --- no signature, or a broken one --------------------------------------------------


def raw(world: World, version: str = "2016-11-15", **headers: str) -> tuple[int, str]:
    action = "DescribeVpcs" if version == "2016-11-15" else "GetCallerIdentity"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = world.server.send("POST", "/", named, f"Action={action}&Version={version}".encode())
    code = answer.body.partition(b"<Code>")[2].partition(b"<")[0].decode()
    return answer.status, code


@pytest.mark.rule("I35", "S124")
def test_no_credentials_are_a_missing_parameter_where_signatures_count(enforced: World) -> None:
    assert raw(enforced) == (400, "MissingParameter")
    assert raw(enforced, "2011-06-15") == (403, "MissingAuthenticationToken")


def test_no_credentials_are_the_default_account_in_open_mode(opened: World) -> None:
    assert raw(opened) == (200, "")


@pytest.mark.rule("I36", "S123")
@pytest.mark.parametrize(
    "text", ["AWS4-HMAC-SHA256", "Basic eDp5", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0"]
)
def test_a_header_that_cannot_be_read_is_an_incomplete_signature(both: World, text: str) -> None:
    assert raw(both, authorization=text) == (400, "IncompleteSignature")
    assert raw(both, "2011-06-15", authorization=text) == (400, "IncompleteSignature")


@pytest.mark.rule("S123")
def test_a_web_page_is_kept_out_of_an_open_server_and_not_of_an_enforced_one(opened: World, enforced: World) -> None:
    assert raw(opened, origin="https://evil.example") == (403, "Blocked")
    assert raw(opened, sec_fetch_site="cross-site") == (403, "Blocked")
    assert raw(opened, host="evil.example:4510") == (403, "Blocked")
    assert raw(opened, host="localhost:4510") == (200, "")
    assert raw(enforced, origin="https://evil.example") == (400, "MissingParameter")


# --- presigned, and other services --------------------------------------------------


@pytest.mark.rule("I25", "I26", "S103")
def test_a_presigned_identity_is_answered_until_it_expires(enforced: World) -> None:
    session = boto3.Session(enforced.key.id, enforced.key.secret, region_name="us-east-1")
    client = session.client("sts", endpoint_url="http://127.0.0.1:4510")
    signed_at = datetime.fromtimestamp(enforced.clock.wall() / 1_000, UTC)
    with mock.patch.object(auth, "get_current_datetime", return_value=signed_at):
        url = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    target = "/" + url.partition("4510/")[2]
    answer = enforced.server.send("GET", target)
    assert (answer.status, ACCOUNT.encode() in answer.body) == (200, True)
    enforced.clock.advance(60_001 + 900_000)
    assert enforced.server.send("GET", target).status == 403


@pytest.mark.rule("I38")
def test_an_action_of_iam_that_is_not_spoken_is_refused_in_its_own_protocol(both: World) -> None:
    client = both.ours("iam")
    signed_at = datetime.fromtimestamp(both.clock.wall() / 1_000, UTC)
    with mock.patch.object(auth, "get_current_datetime", return_value=signed_at), pytest.raises(ClientError) as caught:
        client.list_virtual_mfa_devices()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"]["Type"] == "Sender"
    assert (caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]) == (
        "InvalidAction",
        "The action ListVirtualMFADevices is not valid for this web service.",
    )
