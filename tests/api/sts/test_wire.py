"""AssumeRole on the wire: the Query protocol's document, and its refusals."""

import re
from urllib.parse import urlencode

import pytest

from tests.api.iam.world import ACCOUNT, World
from tests.api.sts.roles import role
from tests.simulation.random_requests import authorization

VERSION = "2011-06-15"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def ask(world: World, **form: str) -> tuple[int, str]:
    """Status and document of a request by the account's digits."""
    headers = {"authorization": authorization(ACCOUNT, "sts", "us-east-1"), "x-amz-date": "20260102T030405Z"}
    answer = world.server.send("POST", "/", headers, urlencode({"Version": VERSION, **form}).encode())
    return answer.status, answer.body.decode()


@pytest.mark.rule("I38", "I173")
def test_an_assumed_role_is_answered_in_the_models_order(world: World) -> None:
    arn = role(world, "net", ACCOUNT)
    status, text = ask(world, Action="AssumeRole", RoleArn=arn, RoleSessionName="work", DurationSeconds="900")
    assert status == 200
    key, secret, token = "ASIA[A-Z2-7]{16}", "[A-Za-z0-9/+]{40}", "[A-Za-z0-9/+]{356}"
    assert re.fullmatch(
        rf'(<\?xml[^>]*\?>\s*)?<AssumeRoleResponse xmlns="{NAMESPACE}"><AssumeRoleResult>'
        rf"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
        rf"<SessionToken>{token}</SessionToken><Expiration>2026-01-02T03:19:05Z</Expiration></Credentials>"
        r"<AssumedRoleUser><AssumedRoleId>AROA[A-Z2-7]{17}:work</AssumedRoleId>"
        rf"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/net/work</Arn></AssumedRoleUser></AssumeRoleResult>"
        r"<ResponseMetadata><RequestId>[0-9a-f-]{36}</RequestId></ResponseMetadata></AssumeRoleResponse>",
        text,
    )


@pytest.mark.rule("I38", "I156", "I157", "I173")
@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/missing", "RoleSessionName": "work"}, 403, "AccessDenied"),
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/missing", "RoleSessionName": "a b"}, 400, "ValidationError"),
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/missing"}, 400, "ValidationError"),
        ({"RoleArn": "short", "RoleSessionName": "work"}, 400, "ValidationError"),
    ],
)
def test_a_refusal_is_a_document_of_sts(world: World, form: dict[str, str], status: int, code: str) -> None:
    answered, text = ask(world, Action="AssumeRole", **form)
    assert answered == status
    assert f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>' in text


@pytest.mark.rule("I180")
def test_web_identities_are_not_spoken(world: World) -> None:
    status, text = ask(world, Action="AssumeRoleWithWebIdentity", RoleSessionName="work", WebIdentityToken="x")
    assert (status, "<Code>InvalidAction</Code>" in text) == (400, True)
