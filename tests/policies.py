"""Builders of policies for tests: a document from its statements, a decision from its documents."""

import json
import sys
from collections.abc import Callable
from typing import Any

from isthmus.policy import compiled
from isthmus.policy.compiled import Kind
from isthmus.policy.context import Context
from isthmus.policy.evaluate import Attached, Decision, PrincipalPolicies, Request, evaluate

ACCOUNT = "111111111111"
VPC = f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-0aaa"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def document(*statements: Any, version: str | None = "2012-10-17", **others: Any) -> str:
    members = {} if version is None else {"Version": version}
    return json.dumps({**members, **others, "Statement": list(statements)})


def statement(effect: str = "Allow", action: Any = "*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **others}


def attached(*statements: Any, name: str = "policy", arn: str = "", version: str | None = "2012-10-17") -> Attached:
    return Attached(compiled.load(document(*statements, version=version)), name, arn)


def trust(*statements: Any) -> compiled.Policy:
    return compiled.load(document(*statements), Kind.TRUST)


def request(action: str = "ec2:DescribeVpcs", resource: str = "*", **context: Any) -> Request:
    """A request; the keys of its context with `__` for the colon."""
    return Request(action, resource, Context.of({key.replace("__", ":"): value for key, value in context.items()}))


def decide(*statements: Any, action: str = "ec2:DescribeVpcs", resource: str = "*", context: Any = None) -> Decision:
    """What one identity policy of those statements decides."""
    return evaluate(PrincipalPolicies([attached(*statements)]), Request(action, resource, Context.of(context or {})))


def fires(condition: Any, context: Any = None, *, effect: str = "Allow", version: str | None = "2012-10-17") -> bool:
    """Whether a statement for everything with that Condition block matches a request with that context."""
    policies = PrincipalPolicies([attached(statement(effect, Condition=condition), version=version)])
    decision = evaluate(policies, Request("ec2:DescribeVpcs", "*", Context.of(context or {})))
    return bool(decision.matches)


def steps_of(run: Callable[[], Any]) -> int:
    """How many lines of Python the run takes."""
    count = 0

    def trace(_frame: Any, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count
