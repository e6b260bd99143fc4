"""Sessions on a real server that checks every signature: the operator's clock ends them, and a restart does not."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.api.iam.world import refusal
from tests.api.sts.roles import allow, assume, policy, trust
from tests.running import Running, running


def made(server: Running) -> Any:
    """Make an account with a user whom a role lets in, assume the role, and return its credentials."""
    account = server.run("accounts", "create", "net")
    root = (account["access_key_id"], account["secret_access_key"])
    iam = server.client(*root, service="iam")
    arn = iam.create_user(UserName="alice")["User"]["Arn"]
    mine = iam.create_access_key(UserName="alice")["AccessKey"]
    role = iam.create_role(RoleName="net", AssumeRolePolicyDocument=policy(trust(arn)))["Role"]["Arn"]
    iam.put_role_policy(RoleName="net", PolicyName="sees", PolicyDocument=allow("ec2:DescribeVpcs"))
    sts = server.client(mine["AccessKeyId"], mine["SecretAccessKey"], service="sts")
    assert refusal(server.client(*root, service="sts").assume_role, RoleArn=role, RoleSessionName="work")[2] == (
        "Roles may not be assumed by root accounts."
    )
    return assume(sts, role)["Credentials"]


def client(server: Running, given: Any, service: str) -> Any:
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], "us-east-1")
    return session.client(service, endpoint_url=server.url, config=Config(retries={"max_attempts": 0}))


@pytest.mark.rule("I33", "I174", "I181")
def test_a_session_outlives_a_restart_and_ends_by_the_clock_that_the_operator_moves(tmp_path: Path) -> None:
    with running(tmp_path, "--auth=enforce") as server:
        given = made(server)
        assert client(server, given, "ec2").describe_vpcs()["Vpcs"] == []
        assert server.stop() == 0
    with running(tmp_path, "--auth=enforce") as server:
        ec2, sts = client(server, given, "ec2"), client(server, given, "sts")
        server.run("clock", "advance", "59m")
        assert ec2.describe_vpcs()["Vpcs"] == []
        server.run("clock", "advance", "1m")
        assert refusal(ec2.describe_vpcs)[:2] == (400, "RequestExpired")
        assert refusal(sts.get_caller_identity)[:2] == (403, "ExpiredToken")
        server.run("clock", "reset")
        assert refusal(sts.get_caller_identity)[:2] == (403, "ExpiredToken")
        assert server.run("check", f"--data={tmp_path}/d/isthmus.db")
