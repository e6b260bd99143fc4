"""Requests of somebody who holds a key, and the policies that let somebody do something."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from isthmus.wire import services
from isthmus.wire.http import HttpResponse
from tests.api.iam.world import World

HOST = "127.0.0.1:4510"
REGION = "us-east-1"
Statement = Mapping[str, Any]
Key = Mapping[str, str]


def ask(
    world: World,
    key: Key,
    service: str,
    action: str,
    parameters: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Sign and send a request as the holder of a key."""
    body = urlencode({"Action": action, "Version": services.BY_NAME[service].version, **parameters})
    given = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    request = AWSRequest("POST", f"http://{HOST}/", data=body, headers=given)
    SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), service, REGION).add_auth(request)
    return world.server.send("POST", "/", dict(request.headers.items()), body.encode())


def document(*statements: Statement) -> str:
    """A policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str | Sequence[str] = "*", **conditions: Any) -> Statement:
    """A statement that allows; conditions by operator."""
    return statement("Allow", actions, resource, conditions)


def deny(*actions: str, resource: str | Sequence[str] = "*", **conditions: Any) -> Statement:
    """A statement that denies."""
    return statement("Deny", actions, resource, conditions)


def statement(
    effect: str, actions: Sequence[str], resource: str | Sequence[str], conditions: Mapping[str, Any]
) -> Statement:
    """A statement."""
    made = {"Effect": effect, "Action": [f"ec2:{each}" if ":" not in each and each != "*" else each for each in actions]}
    return {**made, "Resource": resource, **({"Condition": conditions} if conditions else {})}


def let(world: World, name: str, *statements: Statement, account: str = "111111111111", policy: str = "mine") -> None:
    """Give a user an inline policy."""
    iam = world.root(account=account)
    iam.put_user_policy(UserName=name, PolicyName=policy, PolicyDocument=document(*statements))


def arn(kind: str, resource_id: str, account: str = "111111111111", region: str = REGION) -> str:
    """The ARN of an object of EC2."""
    return f"arn:aws:ec2:{region}:{account}:{kind}/{resource_id}"
