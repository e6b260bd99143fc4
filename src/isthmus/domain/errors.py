"""Every refusal that a caller can read: its code and its exact wording.

A constructor returns the error; the caller raises it. Codes and texts follow the rule named beside them; a text marked
"inferred" is ours, because nobody has recorded the service's. Only `wire.faults` knows status numbers and XML.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from isthmus.domain.kinds import KINDS

# Code and text of errors that need nothing filled in, or only names; by the name of the constructor that gives them.
WORDING: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # The request itself
        "missing": ("MissingParameter", "The request must contain the parameter {name}"),  # S130
        "missing_action": ("MissingAction", "The request must contain the parameter Action"),  # S128, text inferred
        "invalid_action": ("InvalidAction", "The action {action} is not valid for this web service."),  # S127
        "no_such_version": ("NoSuchVersion", "The requested version ({version}) is not valid."),  # S129, text inferred
        "unknown_parameter": ("UnknownParameter", "The parameter {name} is not recognized"),  # S131
        "invalid_value": ("InvalidParameterValue", "Value ({value}) for parameter {parameter} is invalid."),  # S132
        # Who is calling
        "auth_failure": ("AuthFailure", "AWS was not able to validate the provided access credentials"),  # S125
        "request_expired": ("RequestExpired", "Request has expired."),  # S126
        "invalid_client_token": (
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
        ),  # I31
        "signature_mismatch": (
            "SignatureDoesNotMatch",
            (
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                "Access Key and signing method. Consult the service documentation for details."
            ),
        ),  # I32
        "expired_token": ("ExpiredToken", "The security token included in the request is expired"),  # I33
        "missing_authentication": ("MissingAuthenticationToken", "Request is missing Authentication Token"),  # I35
        # May they
        "unauthorized": (
            "UnauthorizedOperation",
            (
                "You are not authorized to perform this operation. User: {principal} is not authorized to perform: "
                "{action}{on} {tail}{encoded_tail}"
            ),
        ),  # S135, I151, I152
        "access_denied": (
            "AccessDenied",
            "User: {principal} is not authorized to perform: {action} on resource: {resource}{tail}",
        ),  # I156
        "invalid_authorization_message": ("InvalidAuthorizationMessageException", "Message is not valid"),  # I161
        "dry_run": ("DryRunOperation", "Request would have succeeded, but DryRun flag is set."),  # S134
        # Load and trouble
        "request_limit_exceeded": ("RequestLimitExceeded", "Request limit exceeded."),  # S136
        "unavailable": ("Unavailable", "The service is unavailable. Please try again shortly."),  # S123, text inferred
        "internal_error": ("InternalError", "An internal error has occurred"),  # S123, text inferred
        # Ids
        "unknown_id": ("InvalidID", "The ID '{id}' is not valid"),  # S502
        # Filters
        "invalid_filter": ("InvalidParameterValue", "The filter '{name}' is invalid"),  # S326
        "too_many_filters": (
            "FilterLimitExceeded",
            "The maximum number of filters that can be specified is {limit}.",
        ),  # S141, text inferred
        "too_many_filter_values": (
            "FilterLimitExceeded",
            "The maximum number of values that can be specified for the filter '{name}' is {limit}.",
        ),  # S141, text inferred
        "filter_value_too_long": (
            "InvalidParameterValue",
            "A value of the filter '{name}' is longer than {limit} characters.",
        ),  # S325, error inferred
        # Pages
        "max_results_too_small": (
            "InvalidParameterValue",
            "Value ( {value} ) for parameter MaxResults is invalid. Expecting a value greater than or equal to {low}.",
        ),  # S330
        "max_results_too_large": (
            "InvalidParameterValue",
            "Value ( {value} ) for parameter MaxResults is invalid. Expecting a value smaller than or equal to {high}.",
        ),  # S330
        "max_results_with_ids": (
            "InvalidParameterCombination",
            "The parameter {ids_parameter} cannot be used with the parameter MaxResults",
        ),  # S331
        "token_with_ids": (
            "InvalidParameterCombination",
            "The parameter {ids_parameter} cannot be used with the parameter NextToken",
        ),  # S331, inferred
        "invalid_token": (
            "InvalidParameterValue",
            "Value ( {token} ) for parameter NextToken is invalid. The token is invalid.",
        ),  # S332
        # Tags
        "missing_tag_resource_type": (
            "InvalidParameterValue",
            "Tag specification resource type must have a value",
        ),  # inferred
        "wrong_tag_resource_type": (
            "InvalidParameterValue",
            "'{resource_type}' is not a valid taggable resource type for this operation.",
        ),  # S244
        "empty_tag_specification": ("InvalidParameterValue", "Tag specification must have at least one tag"),  # S244
        "no_tags_given": ("InvalidParameterValue", "You must specify one or more tags to create"),  # S244
        "reserved_tag_key": (
            "InvalidParameterValue",
            "Tag keys starting with 'aws:' are reserved for internal use",
        ),  # S596
        "empty_tag_key": ("InvalidTagKey.Malformed", "The tag key cannot be empty"),  # S596, text inferred
        "tag_key_too_long": (
            "InvalidParameterValue",
            "Tag key exceeds the maximum length of {limit} characters",
        ),  # S596, error inferred
        "tag_value_too_long": (
            "InvalidParameterValue",
            "Tag value exceeds the maximum length of {limit} characters",
        ),  # S596, error inferred
        "duplicate_tag_key": ("InvalidParameterValue", "Duplicate tag key '{key}' specified."),  # inferred
        # VPCs and their blocks
        "invalid_vpc_range": ("InvalidVpc.Range", "The CIDR '{cidr}' is invalid."),  # S512
        "restricted_vpc_range": (
            "InvalidVpc.Range",
            (
                "The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC "
                "CIDR, or use a publicly-routable CIDR. For additional restrictions, see "
                "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
            ),
        ),  # S521
        "conflicting_vpc_range": (
            "InvalidVpc.Range",
            "The CIDR '{cidr}' conflicts with one of the VPC's CIDRs",
        ),  # S521, text inferred
        "block_conflicts_with_peering": (
            "InvalidVpc.Range",
            "The CIDR '{cidr}' cannot be added because of the VPC peering connection {id}",
        ),  # S278, inferred
        "primary_block_kept": (
            "OperationNotPermitted",
            (
                "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR "
                "block of the VPC"
            ),
        ),  # S522
        # Peering
        "peering_exists": (
            "VpcPeeringConnectionAlreadyExists",
            "The vpc peering connection identified by {id} already exists.",
        ),  # S242
        "regions_not_joined": (
            "InvalidParameterValue",
            "You cannot create a VPC peering connection between the {requester} and {accepter} regions.",
        ),  # S238
        "invalid_state": (
            "InvalidStateTransition",
            "Invalid state transition for {id}, attempted to transition from {from_state} to {to_state}",
        ),  # S256, S259
        "dns_hostnames_disabled": (
            "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
            "DNS resolution from the remote VPC needs DNS hostnames and DNS support in the vpc '{vpc_id}'.",
        ),  # S286, text inferred
    }
)

# Code and text for each quota that this server counts, by its name in `quotas.Quotas` (S243, S519, S525, S567, S596).
OVER_QUOTA: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "vpcs_per_region": ("VpcLimitExceeded", "The maximum number of VPCs has been reached."),
        "outstanding_peerings_per_vpc": (
            "PendingVpcPeeringConnectionLimitExceeded",
            "Vpc peering connection request limit exceeded.",
        ),
        "active_peerings_per_vpc": (
            "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
            "The maximum number of active VPC peering connections for the VPC has been reached.",  # inferred
        ),
        "cidr_blocks_per_vpc": (
            "CidrLimitExceeded",
            "This network '{id}' has met its maximum number of allowed CIDRs: {limit}",
        ),
        "ipv6_blocks_per_vpc": (
            "CidrLimitExceeded",
            "This network '{id}' has met its maximum number of allowed CIDRs: {limit}",
        ),
        "tags_per_resource": (
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",  # inferred
        ),
    }
)


class ApiError(Exception):
    """The caller's fault, in EC2's words: `code` is what programs compare, `message` what people read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Conflict(Exception):
    """The database refused a change because another one came first; the gateway runs the unit again."""


def _worded(constructor: str, /, **values: object) -> ApiError:
    code, text = WORDING[constructor]
    return ApiError(code, text.format(**values))


# The request itself


def missing(parameter: str) -> ApiError:
    """A required parameter is not there; `parameter` in the spelling of the wire, lower camel case (S130, S233)."""
    return _worded("missing", name=parameter)


NULL: Final = "Value null at '{place}' failed to satisfy constraint: Member must not be null"
"""What is said of a required member of a Query service's request that is not there (I174)."""


def null(place: str) -> ApiError:
    """A required member of a Query service's request is not there, and nothing else is wrong with it (I174)."""
    return validation_error(f"1 validation error detected: {NULL.format(place=place)}")


def missing_action() -> ApiError:
    """The request names no action (S128)."""
    return _worded("missing_action")


def invalid_action(name: str) -> ApiError:
    """No such action, or not one this service speaks (S127)."""
    return _worded("invalid_action", action=name)


def no_such_version(version: str) -> ApiError:
    """An API version nobody has published (S129)."""
    return _worded("no_such_version", version=version)


def unknown_parameter(name: str) -> ApiError:
    """A parameter the action does not have; `name` as it was sent (S131)."""
    return _worded("unknown_parameter", name=name)


def invalid_value(parameter: str, value: object, reason: str = "") -> ApiError:
    """A value that the parameter cannot take; `reason` is a sentence of its own (S132)."""
    error = _worded("invalid_value", value=value, parameter=parameter)
    return ApiError(error.code, f"{error.message} {reason}") if reason else error


def invalid_cidr(parameter: str, value: str) -> ApiError:
    """Text that is not a CIDR block at all (S132, S513)."""
    return invalid_value(parameter, value, "This is not a valid CIDR block.")


def invalid_parameter(message: str) -> ApiError:
    """`InvalidParameterValue` in the action's own words."""
    return ApiError("InvalidParameterValue", message)


def invalid_combination(message: str) -> ApiError:
    """Parameters that do not go together (S133)."""
    return ApiError("InvalidParameterCombination", message)


def malformed_query(message: str) -> ApiError:
    """The query string or form cannot be read, or is larger than any real request (S141)."""
    return ApiError("MalformedQueryString", message)


def validation_error(message: str) -> ApiError:
    """STS and IAM refuse a value (S141, I172)."""
    return ApiError("ValidationError", message)


# Who is calling


def auth_failure() -> ApiError:
    """EC2 does not know the key, or the signature is wrong: it does not say which (S125, I31, I32, I34)."""
    return _worded("auth_failure")


def missing_credentials() -> ApiError:
    """EC2's answer to an unsigned request (S124, I35)."""
    return missing("AWSAccessKeyId")


def request_expired() -> ApiError:
    """EC2: the date is more than 15 minutes off, or the session is over (S126, I33, I37)."""
    return _worded("request_expired")


def incomplete_signature(message: str) -> ApiError:
    """The signature's parts cannot be read (I36)."""
    return ApiError("IncompleteSignature", message)


def invalid_client_token() -> ApiError:
    """STS and IAM: unknown key or wrong session token (I31, I34)."""
    return _worded("invalid_client_token")


def signature_mismatch(message: str | None = None) -> ApiError:
    """STS and IAM: wrong secret, or, with a text of its own, a wrong scope or date (I13, I16, I32)."""
    error = _worded("signature_mismatch")
    return error if message is None else ApiError(error.code, message)


def expired_token() -> ApiError:
    """STS and IAM: the session is over (I33)."""
    return _worded("expired_token")


def missing_authentication() -> ApiError:
    """STS and IAM: an unsigned request (I35)."""
    return _worded("missing_authentication")


# Policies that are saved


def malformed_policy_document(message: str) -> ApiError:
    """IAM and STS refuse a policy document, in the words of `isthmus.policy.faults` (I51 to I53)."""
    return ApiError("MalformedPolicyDocument", message)


# May they


def unauthorized(principal: str, action: str, why: str, resource: str = "", encoded: str = "") -> ApiError:
    """No policy allows it, or one forbids it (S135, I151).

    `principal` and `resource` are ARNs, `action` has its service (`ec2:CreateVpc`); an action that is about no resource
    leaves that out (I152). `why` ends the sentence (I153), for instance `with an explicit deny in an identity-based
    policy: arn:…`.
    """
    return _worded(
        "unauthorized",
        principal=principal,
        action=action,
        on=f" on resource: {resource}" if resource else "",
        tail=why,
        encoded_tail=f". Encoded authorization failure message: {encoded}" if encoded else "",
    )


def access_denied(principal: str, action: str, resource: str, why: str = "") -> ApiError:
    """The same in the words of STS and IAM; without `why` it says nothing of the reason (I156)."""
    tail = f" {why}" if why else ""
    return _worded("access_denied", principal=principal, action=action, resource=resource, tail=tail)


def invalid_authorization_message() -> ApiError:
    """What is to be decoded was not encoded here for the caller's account (I161)."""
    return _worded("invalid_authorization_message")


def dry_run() -> ApiError:
    """The caller asked only whether the call would be allowed, and it would (S134)."""
    return _worded("dry_run")


def operation_not_permitted(message: str) -> ApiError:
    """The caller may do such things, but not this one."""
    return ApiError("OperationNotPermitted", message)


# Load and trouble


def request_limit_exceeded() -> ApiError:
    """Too much at once; clients wait and try again (S136)."""
    return _worded("request_limit_exceeded")


def unavailable() -> ApiError:
    """The server cannot answer just now; clients try again (S123)."""
    return _worded("unavailable")


def internal_error() -> ApiError:
    """A bug of ours (S123)."""
    return _worded("internal_error")


# Ids


def not_found(kind: str, id: str) -> ApiError:
    """Nothing of that kind under this id that the caller may see (S138, S251, S502, S508)."""
    row = KINDS[kind]
    return ApiError(row.not_found, row.missing_text.format(word=row.word, id=id))


def malformed(kind: str, id: str) -> ApiError:
    """Text that cannot be an id of that kind (S137, S237, S252, S502)."""
    row = KINDS[kind]
    if row.malformed is None:
        return not_found(kind, id)
    return ApiError(row.malformed, row.malformed_text.format(word=row.word, id=id, prefix=row.prefix))


def unknown_id(id: str) -> ApiError:
    """An id whose prefix belongs to nothing that can be tagged (S502)."""
    return _worded("unknown_id", id=id)


def dependency_violation(kind: str, id: str) -> ApiError:
    """Something still hangs on the object, so it cannot be deleted (S276, S506)."""
    row = KINDS[kind]
    return ApiError("DependencyViolation", row.dependency_text.format(word=row.dependency_word or row.word, id=id))


# Limits


def limit_exceeded(code: str, message: str) -> ApiError:
    """A limit with words of its own; `over_quota` covers those of `quotas.Quotas`."""
    return ApiError(code, message)


def over_quota(quota: str, *, limit: int = 0, id: str = "") -> ApiError:
    """The quota of that name in `quotas.Quotas` is used up; `id` is the object it is counted for (S243, S519, S525)."""
    code, text = OVER_QUOTA[quota]
    return ApiError(code, text.format(limit=limit, id=id))


def vpc_limit() -> ApiError:
    """The Region holds as many VPCs of the account as it may (S525)."""
    return over_quota("vpcs_per_region")


def cidr_limit(vpc_id: str, limit: int) -> ApiError:
    """The VPC has as many blocks of that version as it may (S519, S523)."""
    return over_quota("cidr_blocks_per_vpc", limit=limit, id=vpc_id)


def pending_peering_limit() -> ApiError:
    """The requester VPC has as many outstanding requests as it may (S243)."""
    return over_quota("outstanding_peerings_per_vpc")


def active_peering_limit() -> ApiError:
    """One of the two VPCs has as many active connections as it may (S243)."""
    return over_quota("active_peerings_per_vpc")


def tag_limit() -> ApiError:
    """The object would have more than 50 tags (S596)."""
    return over_quota("tags_per_resource")


# Filters


def invalid_filter(name: str) -> ApiError:
    """The action has no filter of that name (S326)."""
    return _worded("invalid_filter", name=name)


def too_many_filters(limit: int) -> ApiError:
    """More filters than one request may carry (S141, S325)."""
    return _worded("too_many_filters", limit=limit)


def too_many_filter_values(name: str, limit: int) -> ApiError:
    """More values than one filter may carry (S141, S325)."""
    return _worded("too_many_filter_values", name=name, limit=limit)


def filter_value_too_long(name: str, limit: int) -> ApiError:
    """A filter value with more characters than allowed (S325)."""
    return _worded("filter_value_too_long", name=name, limit=limit)


# Pages


def max_results_too_small(value: int, low: int) -> ApiError:
    """MaxResults below what the action takes (S330)."""
    return _worded("max_results_too_small", value=value, low=low)


def max_results_too_large(value: int, high: int) -> ApiError:
    """MaxResults above what the action takes (S330)."""
    return _worded("max_results_too_large", value=value, high=high)


def max_results_with_ids(ids_parameter: str) -> ApiError:
    """MaxResults beside ids; `ids_parameter` is the member's name, like `VpcIds` (S331)."""
    return _worded("max_results_with_ids", ids_parameter=ids_parameter)


def token_with_ids(ids_parameter: str) -> ApiError:
    """NextToken beside ids; `ids_parameter` is the member's name, like `VpcIds` (S331)."""
    return _worded("token_with_ids", ids_parameter=ids_parameter)


def invalid_token(token: str) -> ApiError:
    """A NextToken that this server did not give for this list (S332)."""
    return _worded("invalid_token", token=token)


# Tags


def missing_tag_resource_type() -> ApiError:
    """A TagSpecification that does not say what it is for."""
    return _worded("missing_tag_resource_type")


def wrong_tag_resource_type(resource_type: str, code: str = "InvalidParameterValue") -> ApiError:
    """A TagSpecification for something else than what is being made; the code differs per action (S244, S505)."""
    return ApiError(code, _worded("wrong_tag_resource_type", resource_type=resource_type).message)


def empty_tag_specification() -> ApiError:
    """A TagSpecification without tags (S244)."""
    return _worded("empty_tag_specification")


def no_tags_given() -> ApiError:
    """CreateTags without tags (S244)."""
    return _worded("no_tags_given")


def reserved_tag_key() -> ApiError:
    """A key beginning with `aws:` (S596)."""
    return _worded("reserved_tag_key")


def empty_tag_key() -> ApiError:
    """A key without characters (S596)."""
    return _worded("empty_tag_key")


def tag_key_too_long(limit: int) -> ApiError:
    """A key with more characters than allowed (S596)."""
    return _worded("tag_key_too_long", limit=limit)


def tag_value_too_long(limit: int) -> ApiError:
    """A value with more characters than allowed (S596)."""
    return _worded("tag_value_too_long", limit=limit)


def duplicate_tag_key(key: str) -> ApiError:
    """One request gives the same key twice."""
    return _worded("duplicate_tag_key", key=key)


# VPCs and their blocks


def invalid_vpc_range(cidr: str) -> ApiError:
    """A block that is not /16 to /28 (S512)."""
    return _worded("invalid_vpc_range", cidr=cidr)


def restricted_vpc_range(cidr: str) -> ApiError:
    """An added block from a range that does not go with the VPC's primary block (S520, S521)."""
    return _worded("restricted_vpc_range", cidr=cidr)


def conflicting_vpc_range(cidr: str) -> ApiError:
    """An added block that overlaps one of the VPC's own (S521)."""
    return _worded("conflicting_vpc_range", cidr=cidr)


def block_conflicts_with_peering(cidr: str, id: str) -> ApiError:
    """An added block that a peering connection of the VPC does not allow (S278)."""
    return _worded("block_conflicts_with_peering", cidr=cidr, id=id)


def primary_block_kept(association_id: str) -> ApiError:
    """The primary IPv4 block stays as long as the VPC (S522)."""
    return _worded("primary_block_kept", id=association_id)


# Peering


def peering_exists(id: str) -> ApiError:
    """The two VPCs are joined already; `id` is the connection being accepted (S242)."""
    return _worded("peering_exists", id=id)


def unknown_region(region: str, parameter: str = "peerRegion") -> ApiError:
    """A name that no Region has (S238, S601)."""
    return invalid_value(parameter, region, "There is no such Region.")


def regions_not_joined(requester_region: str, accepter_region: str) -> ApiError:
    """Two Regions the service does not join, such as those of two partitions (S238)."""
    return _worded("regions_not_joined", requester=requester_region, accepter=accepter_region)


def invalid_state(id: str, from_state: str, to_state: str) -> ApiError:
    """The object is not in a state that leads where the caller wants it (S256, S257, S259, S262)."""
    return _worded("invalid_state", id=id, from_state=from_state, to_state=to_state)


def dns_hostnames_disabled(vpc_id: str) -> ApiError:
    """The side's VPC lacks DNS hostnames or DNS support (S286)."""
    return _worded("dns_hostnames_disabled", vpc_id=vpc_id)
