"""What a simulation is asked beside its policies: actions, resources, a caller, an owner."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from isthmus.actions.call import Call
from isthmus.actions.simulation import context, sources
from isthmus.actions.simulation.judging import Simulation, simulation
from isthmus.actions.simulation.sources import Bound
from isthmus.domain.accounts import is_account_id
from isthmus.domain.iam import errors
from isthmus.policy import match
from isthmus.policy.principals import Caller
from isthmus.wire.shapes import iam

Asked = iam.SimulatePrincipalPolicyRequest | iam.SimulateCustomPolicyRequest

ANY: Final = "*"
_ACTION: Final = r"[A-Za-z0-9-]+:[A-Za-z0-9_]+"
_ACCOUNT_ARN: Final = r"arn:[a-z-]+:iam::(\d{12}):root"
_INSTANCE: Final = frozenset({"instance", "image", "security-group", "network-interface"})
SCENARIOS: Final[Mapping[str, frozenset[str]]] = {
    "EC2-VPC-InstanceStore": _INSTANCE,
    "EC2-VPC-InstanceStore-Subnet": _INSTANCE | {"subnet"},
    "EC2-VPC-EBS": _INSTANCE | {"volume"},
    "EC2-VPC-EBS-Subnet": _INSTANCE | {"subnet", "volume"},
}
"""By ResourceHandlingOption: the types of EC2's resources of which ResourceArns must have one each."""


def simulated(
    call: Call, request: Asked, bound: Bound, caller_arn: str | None, ids: frozenset[str] = frozenset()
) -> Simulation:
    """Return the simulation that a request asks for. `caller_arn` calls, None for nobody in particular; `ids` are its own.

    Raises InvalidInput for a parameter that cannot be meant so.
    """
    _check_actions(request.action_names)
    _check_resources(resources(request), request.resource_handling_option)
    policy = sources.resource_policy(request.resource_policy)
    if policy is not None and caller_arn is None:
        raise errors.invalid_input("CallerArn is required when ResourcePolicy is specified.")
    caller, said = (None, {}) if caller_arn is None else _caller(call, caller_arn, ids)
    if policy is not None and ":user/" not in (caller_arn or ""):
        raise errors.invalid_input("Simulation of resource-based policies is supported for IAM users only.")
    return simulation(bound, policy, caller, _owner(request.resource_owner), context.entries(request.context_entries), said)


def resources(request: Asked) -> Sequence[str]:
    """Return the resources of a simulation: without any, all of them."""
    return list(dict.fromkeys(request.resource_arns or (ANY,)))


def _check_actions(names: Sequence[str]) -> None:
    for name in names:
        if re.fullmatch(_ACTION, name) is None:
            raise errors.invalid_input(f"Invalid action name: {name}")


def _check_resources(arns: Sequence[str], option: str | None) -> None:
    for arn in arns:
        if arn != ANY and (match.arn(arn) is None or not arn.startswith("arn:")):
            raise errors.invalid_arn(arn)
    if option is None:
        return
    if option not in SCENARIOS:
        raise errors.invalid_input(f"Invalid ResourceHandlingOption: {option}")
    absent = SCENARIOS[option] - {_type(arn) for arn in arns}
    if absent:
        raise errors.invalid_input(f"{option} requires resources of the types: {', '.join(sorted(absent))}")


def _type(arn: str) -> str:
    """Return the type of a resource of EC2."""
    fields = match.arn(arn)
    return fields[5].partition("/")[0] if fields is not None and fields[2] == "ec2" else ""


def _owner(given: str | None) -> str:
    """Return the account that ResourceOwner names, by its id or by its ARN."""
    if given is None:
        return ""
    found = re.fullmatch(_ACCOUNT_ARN, given, re.ASCII)
    account = given if found is None else found[1]
    if not is_account_id(account):
        raise errors.invalid_input(f"Invalid ResourceOwner: {given}")
    return account


def _caller(call: Call, arn: str, ids: frozenset[str]) -> tuple[Caller, Mapping[str, str]]:
    """Return who calls, as a resource's policy sees it, and what condition keys say of it."""
    kind, account, _, name = sources.parsed(call, arn)
    return Caller(account, arn, ids=ids), context.of_caller(kind, account, name, arn)
