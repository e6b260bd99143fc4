"""Builders for the tests of STS: policies, roles, and clients of whoever was given temporary credentials."""

import json
from typing import Any

from tests.api.iam.world import ACCOUNT, World

SESSION = "work"


def statement(*actions: str, effect: str = "Allow", resource: str | list[str] = "*", **condition: dict[str, Any]) -> Any:
    """Return a statement of an identity or session policy; `condition` is operator by operator."""
    given = {"Condition": condition} if condition else {}
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **given}


def policy(*statements: Any) -> str:
    """Return the text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str = "*") -> str:
    """Return the text of a policy that allows these actions."""
    return policy(statement(*actions, resource=resource))


def trust(principal: Any, *actions: str, effect: str = "Allow", **condition: dict[str, Any]) -> Any:
    """Return a statement of a trust policy: the principal is an ARN, an account, or `*`."""
    named = principal if principal == "*" else {"AWS": principal}
    given = {"Condition": condition} if condition else {}
    return {"Effect": effect, "Principal": named, "Action": list(actions or ("sts:AssumeRole",)), **given}


def role(world: World, name: str, *trusted: Any, account: str = ACCOUNT, allows: str | None = None, **more: Any) -> str:
    """Make a role that trusts these (statements, or who may assume it), and return its ARN."""
    iam = world.root(account=account)
    statements = [each if isinstance(each, dict) else trust(each) for each in trusted]
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(*statements), **more)["Role"]
    if allows is not None:
        iam.put_role_policy(RoleName=name, PolicyName="allows", PolicyDocument=allows)
    return str(made["Arn"])


def user_arn(name: str = "alice", account: str = ACCOUNT) -> str:
    """Return the ARN of a user."""
    return f"arn:aws:iam::{account}:user/{name}"


def grant(world: World, text: str, name: str = "alice", account: str = ACCOUNT) -> None:
    """Give a user a policy."""
    world.root(account=account).put_user_policy(UserName=name, PolicyName="grant", PolicyDocument=text)


def assume(sts: Any, arn: str, **more: Any) -> Any:
    """Assume a role."""
    return sts.assume_role(**{"RoleArn": arn, "RoleSessionName": SESSION, **more})


def holder(world: World, answer: Any, service: str = "sts", **more: Any) -> Any:
    """Return a client of whoever was given these temporary credentials."""
    given = answer["Credentials"]
    return world.of(given, service, aws_session_token=given["SessionToken"], **more)


def who(client: Any) -> tuple[str, str, str]:
    """Return what GetCallerIdentity answers: the account, the ARN, the id."""
    answer = client.get_caller_identity()
    return answer["Account"], answer["Arn"], answer["UserId"]
