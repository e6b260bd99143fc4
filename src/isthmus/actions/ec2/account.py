"""The account: DescribeAccountAttributes."""

from collections.abc import Callable, Mapping

from isthmus.actions.call import Call
from isthmus.domain import errors
from isthmus.wire.shapes import ec2


def describe_account_attributes(
    request: ec2.DescribeAccountAttributesRequest, call: Call
) -> ec2.DescribeAccountAttributesResult:
    """Show attributes of the account in the Region: all of them, or those named (S603)."""
    call.authorize()
    names = list(dict.fromkeys(request.attribute_names or _ATTRIBUTES))
    for name in names:
        if name not in _ATTRIBUTES:
            raise errors.invalid_value("attributeName", name, f"Valid values are {', '.join(_ATTRIBUTES)}.")
    return ec2.DescribeAccountAttributesResult(account_attributes=[_attribute(name, call) for name in names])


def _default_vpc(call: Call) -> str:
    found = call.store.vpcs.where(account=call.account, region=call.region, is_default=1)
    return found[0].id if found else "none"


# Of instances and Elastic IP addresses there are none here; their numbers are the service's defaults.
_ATTRIBUTES: Mapping[str, Callable[[Call], str]] = {
    "supported-platforms": lambda _: "VPC",
    "default-vpc": _default_vpc,
    "max-instances": lambda _: "20",
    "vpc-max-security-groups-per-interface": lambda call: str(call.quotas.security_groups_per_interface),
    "max-elastic-ips": lambda _: "5",
    "vpc-max-elastic-ips": lambda _: "5",
}


def _attribute(name: str, call: Call) -> ec2.AccountAttribute:
    value = ec2.AccountAttributeValue(attribute_value=_ATTRIBUTES[name](call))
    return ec2.AccountAttribute(attribute_name=name, attribute_values=[value])
