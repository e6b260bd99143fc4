"""The code and the wording of every refusal, letter for letter: programs compare codes, people search for words."""

import inspect
import pickle
from collections.abc import Callable

import pytest

from isthmus.domain import errors
from isthmus.domain.errors import ApiError
from isthmus.domain.kinds import KINDS

VPC = "vpc-0123456789abcdef0"
PCX = "pcx-0123456789abcdef0"

NOT_FOUND = {
    "vpc": ("InvalidVpcID.NotFound", "The vpc ID 'x' does not exist"),
    "vpc-peering-connection": (
        "InvalidVpcPeeringConnectionID.NotFound",
        "The vpcPeeringConnection ID 'x' does not exist",
    ),
    "subnet": ("InvalidSubnetID.NotFound", "The subnet ID 'x' does not exist"),
    "route-table": ("InvalidRouteTableID.NotFound", "The routeTable ID 'x' does not exist"),
    "security-group": ("InvalidGroup.NotFound", "The security group 'x' does not exist"),
    "security-group-rule": (
        "InvalidSecurityGroupRuleId.NotFound",
        "The security group rule ID 'x' does not exist",
    ),
    "network-acl": ("InvalidNetworkAclID.NotFound", "The networkAcl ID 'x' does not exist"),
    "internet-gateway": ("InvalidInternetGatewayID.NotFound", "The internetGateway ID 'x' does not exist"),
    "network-interface": ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'x' does not exist"),
    "dhcp-options": ("InvalidDhcpOptionID.NotFound", "The dhcpOption ID 'x' does not exist"),
    "network-insights-path": (
        "InvalidNetworkInsightsPathId.NotFound",
        "The networkInsightsPath ID 'x' does not exist",
    ),
    "network-insights-analysis": (
        "InvalidNetworkInsightsAnalysisId.NotFound",
        "The networkInsightsAnalysis ID 'x' does not exist",
    ),
    "vpc-cidr-block-association": (
        "InvalidVpcCidrBlockAssociationID.NotFound",
        "The vpcCidrBlockAssociation ID 'x' does not exist",
    ),
    "subnet-cidr-block-association": (
        "InvalidSubnetCidrBlockAssociationID.NotFound",
        "The subnetCidrBlockAssociation ID 'x' does not exist",
    ),
    "route-table-association": ("InvalidAssociationID.NotFound", "The association ID 'x' does not exist"),
    "network-acl-association": ("InvalidAssociationID.NotFound", "The association ID 'x' does not exist"),
    "network-interface-attachment": (
        "InvalidAttachmentID.NotFound",
        "The networkInterfaceAttachment ID 'x' does not exist",
    ),
}

MALFORMED = {
    "vpc": ("InvalidVpcId.Malformed", 'Invalid id: "x" (expecting "vpc-...")'),
    "vpc-peering-connection": (
        "InvalidVpcPeeringConnectionId.Malformed",
        'Invalid id: "x" (expecting "pcx-...")',
    ),
    "subnet": ("InvalidSubnetID.Malformed", 'Invalid id: "x" (expecting "subnet-...")'),
    "route-table": ("InvalidRouteTableId.Malformed", 'Invalid id: "x" (expecting "rtb-...")'),
    "security-group": ("InvalidGroupId.Malformed", "The security group ID 'x' is malformed"),
    "security-group-rule": ("InvalidSecurityGroupRuleId.Malformed", 'Invalid id: "x" (expecting "sgr-...")'),
    "network-acl": ("InvalidNetworkAclId.Malformed", 'Invalid id: "x" (expecting "acl-...")'),
    "internet-gateway": ("InvalidInternetGatewayId.Malformed", 'Invalid id: "x" (expecting "igw-...")'),
    "network-interface": ("InvalidNetworkInterfaceId.Malformed", 'Invalid id: "x" (expecting "eni-...")'),
    "dhcp-options": ("InvalidDhcpOptionsId.Malformed", 'Invalid id: "x" (expecting "dopt-...")'),
    "network-insights-path": (
        "InvalidNetworkInsightsPathId.Malformed",
        'Invalid id: "x" (expecting "nip-...")',
    ),
    "network-insights-analysis": (
        "InvalidNetworkInsightsAnalysisId.Malformed",
        'Invalid id: "x" (expecting "nia-...")',
    ),
    "network-interface-attachment": (
        "InvalidNetworkInterfaceAttachmentId.Malformed",
        'Invalid id: "x" (expecting "eni-attach-...")',
    ),
}

# Functions, so that each error is made while its test runs.
WORDED: list[tuple[Callable[[], ApiError], str, str]] = [
    (lambda: errors.missing("vpcId"), "MissingParameter", "The request must contain the parameter vpcId"),
    (errors.missing_action, "MissingAction", "The request must contain the parameter Action"),
    (lambda: errors.invalid_action("Fly"), "InvalidAction", "The action Fly is not valid for this web service."),
    (lambda: errors.no_such_version("1999-01-01"), "NoSuchVersion", "The requested version (1999-01-01) is not valid."),
    (lambda: errors.unknown_parameter("Spread"), "UnknownParameter", "The parameter Spread is not recognized"),
    (lambda: errors.invalid_value("size", 7), "InvalidParameterValue", "Value (7) for parameter size is invalid."),
    (
        lambda: errors.invalid_value("size", 7, "Too small."),
        "InvalidParameterValue",
        "Value (7) for parameter size is invalid. Too small.",
    ),
    (
        lambda: errors.invalid_cidr("cidrBlock", "ten"),
        "InvalidParameterValue",
        "Value (ten) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
    ),
    (lambda: errors.invalid_parameter("No."), "InvalidParameterValue", "No."),
    (lambda: errors.invalid_combination("Not both."), "InvalidParameterCombination", "Not both."),
    (lambda: errors.malformed_query("Too long."), "MalformedQueryString", "Too long."),
    (lambda: errors.validation_error("1 error."), "ValidationError", "1 error."),
    (errors.auth_failure, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    (errors.missing_credentials, "MissingParameter", "The request must contain the parameter AWSAccessKeyId"),
    (errors.request_expired, "RequestExpired", "Request has expired."),
    (lambda: errors.incomplete_signature("No date."), "IncompleteSignature", "No date."),
    (
        errors.invalid_client_token,
        "InvalidClientTokenId",
        "The security token included in the request is invalid",
    ),
    (
        errors.signature_mismatch,
        "SignatureDoesNotMatch",
        (
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        ),
    ),
    (
        lambda: errors.signature_mismatch("Signature not yet current."),
        "SignatureDoesNotMatch",
        "Signature not yet current.",
    ),
    (errors.expired_token, "ExpiredToken", "The security token included in the request is expired"),
    (errors.missing_authentication, "MissingAuthenticationToken", "Request is missing Authentication Token"),
    (errors.dry_run, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
    (lambda: errors.operation_not_permitted("Not you."), "OperationNotPermitted", "Not you."),
    (errors.request_limit_exceeded, "RequestLimitExceeded", "Request limit exceeded."),
    (errors.unavailable, "Unavailable", "The service is unavailable. Please try again shortly."),
    (errors.internal_error, "InternalError", "An internal error has occurred"),
    (lambda: errors.unknown_id("nosuch-1"), "InvalidID", "The ID 'nosuch-1' is not valid"),
    (lambda: errors.limit_exceeded("SubnetLimitExceeded", "Enough."), "SubnetLimitExceeded", "Enough."),
    (errors.vpc_limit, "VpcLimitExceeded", "The maximum number of VPCs has been reached."),
    (
        lambda: errors.cidr_limit(VPC, 5),
        "CidrLimitExceeded",
        f"This network '{VPC}' has met its maximum number of allowed CIDRs: 5",
    ),
    (
        lambda: errors.over_quota("ipv6_blocks_per_vpc", limit=4, id=VPC),
        "CidrLimitExceeded",
        f"This network '{VPC}' has met its maximum number of allowed CIDRs: 4",
    ),
    (
        errors.pending_peering_limit,
        "PendingVpcPeeringConnectionLimitExceeded",
        "Vpc peering connection request limit exceeded.",
    ),
    (
        errors.active_peering_limit,
        "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
        "The maximum number of active VPC peering connections for the VPC has been reached.",
    ),
    (errors.tag_limit, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached."),
    (
        lambda: errors.malformed_policy_document("Syntax errors in policy."),
        "MalformedPolicyDocument",
        "Syntax errors in policy.",
    ),
    (lambda: errors.invalid_filter("colour"), "InvalidParameterValue", "The filter 'colour' is invalid"),
    (
        lambda: errors.too_many_filters(50),
        "FilterLimitExceeded",
        "The maximum number of filters that can be specified is 50.",
    ),
    (
        lambda: errors.too_many_filter_values("state", 200),
        "FilterLimitExceeded",
        "The maximum number of values that can be specified for the filter 'state' is 200.",
    ),
    (
        lambda: errors.filter_value_too_long("state", 255),
        "InvalidParameterValue",
        "A value of the filter 'state' is longer than 255 characters.",
    ),
    (
        lambda: errors.max_results_too_small(4, 5),
        "InvalidParameterValue",
        "Value ( 4 ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.",
    ),
    (
        lambda: errors.max_results_too_large(1001, 1000),
        "InvalidParameterValue",
        "Value ( 1001 ) for parameter MaxResults is invalid. Expecting a value smaller than or equal to 1000.",
    ),
    (
        lambda: errors.max_results_with_ids("VpcIds"),
        "InvalidParameterCombination",
        "The parameter VpcIds cannot be used with the parameter MaxResults",
    ),
    (
        lambda: errors.token_with_ids("VpcIds"),
        "InvalidParameterCombination",
        "The parameter VpcIds cannot be used with the parameter NextToken",
    ),
    (
        lambda: errors.invalid_token("abc"),
        "InvalidParameterValue",
        "Value ( abc ) for parameter NextToken is invalid. The token is invalid.",
    ),
    (
        errors.missing_tag_resource_type,
        "InvalidParameterValue",
        "Tag specification resource type must have a value",
    ),
    (
        lambda: errors.wrong_tag_resource_type("boat"),
        "InvalidParameterValue",
        "'boat' is not a valid taggable resource type for this operation.",
    ),
    (
        lambda: errors.wrong_tag_resource_type("boat", "InvalidParameter"),
        "InvalidParameter",
        "'boat' is not a valid taggable resource type for this operation.",
    ),
    (
        errors.empty_tag_specification,
        "InvalidParameterValue",
        "Tag specification must have at least one tag",
    ),
    (errors.no_tags_given, "InvalidParameterValue", "You must specify one or more tags to create"),
    (
        errors.reserved_tag_key,
        "InvalidParameterValue",
        "Tag keys starting with 'aws:' are reserved for internal use",
    ),
    (errors.empty_tag_key, "InvalidTagKey.Malformed", "The tag key cannot be empty"),
    (
        lambda: errors.tag_key_too_long(128),
        "InvalidParameterValue",
        "Tag key exceeds the maximum length of 128 characters",
    ),
    (
        lambda: errors.tag_value_too_long(256),
        "InvalidParameterValue",
        "Tag value exceeds the maximum length of 256 characters",
    ),
    (lambda: errors.duplicate_tag_key("Name"), "InvalidParameterValue", "Duplicate tag key 'Name' specified."),
    (lambda: errors.invalid_vpc_range("10.0.0.0/8"), "InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid."),
    (
        lambda: errors.restricted_vpc_range("10.0.0.0/16"),
        "InvalidVpc.Range",
        (
            "The CIDR '10.0.0.0/16' is restricted. Use a CIDR from the same private address range as the current VPC "
            "CIDR, or use a publicly-routable CIDR. For additional restrictions, see "
            "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
        ),
    ),
    (
        lambda: errors.conflicting_vpc_range("10.0.0.0/16"),
        "InvalidVpc.Range",
        "The CIDR '10.0.0.0/16' conflicts with one of the VPC's CIDRs",
    ),
    (
        lambda: errors.block_conflicts_with_peering("10.0.0.0/16", PCX),
        "InvalidVpc.Range",
        f"The CIDR '10.0.0.0/16' cannot be added because of the VPC peering connection {PCX}",
    ),
    (
        lambda: errors.primary_block_kept("vpc-cidr-assoc-1"),
        "OperationNotPermitted",
        (
            "The vpc CIDR block with association ID vpc-cidr-assoc-1 may not be disassociated. It is the primary IPv4 "
            "CIDR block of the VPC"
        ),
    ),
    (
        lambda: errors.peering_exists(PCX),
        "VpcPeeringConnectionAlreadyExists",
        f"The vpc peering connection identified by {PCX} already exists.",
    ),
    (
        lambda: errors.unknown_region("mars-1"),
        "InvalidParameterValue",
        "Value (mars-1) for parameter peerRegion is invalid. There is no such Region.",
    ),
    (
        lambda: errors.unknown_region("mars-1", "RegionName"),
        "InvalidParameterValue",
        "Value (mars-1) for parameter RegionName is invalid. There is no such Region.",
    ),
    (
        lambda: errors.regions_not_joined("us-east-1", "cn-north-1"),
        "InvalidParameterValue",
        "You cannot create a VPC peering connection between the us-east-1 and cn-north-1 regions.",
    ),
    (
        lambda: errors.invalid_state(PCX, "failed", "deleting"),
        "InvalidStateTransition",
        f"Invalid state transition for {PCX}, attempted to transition from failed to deleting",
    ),
    (
        lambda: errors.dns_hostnames_disabled(VPC),
        "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
        f"DNS resolution from the remote VPC needs DNS hostnames and DNS support in the vpc '{VPC}'.",
    ),
]


@pytest.mark.rule("S132")
@pytest.mark.parametrize(("refuse", "code", "message"), WORDED)
def test_each_refusal_has_its_code_and_its_words(refuse: Callable[[], ApiError], code: str, message: str) -> None:
    error = refuse()
    assert (error.code, error.message) == (code, message)


@pytest.mark.rule("S138", "S251", "S502")
@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_id_is_named_in_the_spelling_of_its_kind(kind: str) -> None:
    error = errors.not_found(kind, "x")
    assert (error.code, error.message) == NOT_FOUND[kind]


@pytest.mark.rule("S137", "S252", "S502")
@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_id_is_told_from_an_unknown_one_where_the_kind_has_a_code_for_it(kind: str) -> None:
    error = errors.malformed(kind, "x")
    assert (error.code, error.message) == MALFORMED.get(kind, NOT_FOUND[kind])


@pytest.mark.rule("S506")
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("vpc", "The vpc 'x' has dependencies and cannot be deleted."),
        ("subnet", "The subnet 'x' has dependencies and cannot be deleted."),
        ("route-table", "The routeTable 'x' has dependencies and cannot be deleted."),
        ("network-acl", "The networkAcl 'x' has dependencies and cannot be deleted."),
        ("internet-gateway", "The internetGateway 'x' has dependencies and cannot be deleted."),
        ("dhcp-options", "The dhcpOptions 'x' has dependencies and cannot be deleted."),
        ("security-group", "resource x has a dependent object"),
    ],
)
def test_what_others_depend_on_stays(kind: str, message: str) -> None:
    error = errors.dependency_violation(kind, "x")
    assert (error.code, error.message) == ("DependencyViolation", message)


ROLE = "arn:aws:iam::111122223333:user/ann"
TARGET = "arn:aws:ec2:us-east-1:111122223333:vpc/*"
OPENING = f"You are not authorized to perform this operation. User: {ROLE} is not authorized to perform: ec2:CreateVpc"
DENIED = "with an explicit deny in an identity-based policy: p"


@pytest.mark.rule("S135", "I151", "I152")
@pytest.mark.parametrize(
    ("resource", "encoded", "message"),
    [
        ("", "", f"{OPENING} {DENIED}"),
        (TARGET, "", f"{OPENING} on resource: {TARGET} {DENIED}"),
        (TARGET, "c2U", f"{OPENING} on resource: {TARGET} {DENIED}. Encoded authorization failure message: c2U"),
    ],
)
def test_a_denial_says_who_may_not_do_what_to_which_resource_and_why(resource: str, encoded: str, message: str) -> None:
    error = errors.unauthorized(ROLE, "ec2:CreateVpc", DENIED, resource, encoded)
    assert (error.code, error.message) == ("UnauthorizedOperation", message)


@pytest.mark.rule("I156")
@pytest.mark.parametrize(("why", "ending"), [("", ""), (DENIED, f" {DENIED}")])
def test_iam_and_sts_deny_in_other_words_and_may_keep_the_reason_to_themselves(why: str, ending: str) -> None:
    error = errors.access_denied(ROLE, "iam:GetRole", TARGET, why)
    words = f"User: {ROLE} is not authorized to perform: iam:GetRole on resource: {TARGET}{ending}"
    assert (error.code, error.message) == ("AccessDenied", words)


def test_braces_in_what_the_caller_sent_are_repeated_untouched() -> None:
    assert errors.invalid_value("x", "{parameter}").message == "Value ({parameter}) for parameter x is invalid."
    assert errors.unknown_parameter("{name}").message == "The parameter {name} is not recognized"


def test_the_words_of_a_quota_need_nothing_that_was_not_given() -> None:
    assert errors.over_quota("cidr_blocks_per_vpc").message == (
        "This network '' has met its maximum number of allowed CIDRs: 0"
    )


def test_an_error_reads_as_code_and_message() -> None:
    error = ApiError("Code", "Message.")
    assert str(error) == "Code: Message."
    assert error.args == ("Code", "Message.")


def test_an_error_survives_the_way_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(ApiError("Code", "Message.")))
    assert (copy.code, copy.message) == ("Code", "Message.")


def test_every_text_is_used_by_the_constructor_of_its_name() -> None:
    constructors = {name for name, _ in inspect.getmembers(errors, inspect.isfunction)}
    assert set(errors.WORDING) <= constructors


def test_every_constructor_returns_and_does_not_raise() -> None:
    returned = {
        name
        for name, function in inspect.getmembers(errors, inspect.isfunction)
        if function.__module__ == errors.__name__ and inspect.signature(function).return_annotation is not ApiError
    }
    assert returned == set()
