"""The kinds of object EC2 knows by id: a row each, with the spellings that clients compare exactly (S501, S502, S506).

The rows are read by `ids` (syntax) and by `errors` (wording); what a new resource is called stands here and nowhere else.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

MISSING_TEXT = "The {word} ID '{id}' does not exist"  # S138
MALFORMED_TEXT = 'Invalid id: "{id}" (expecting "{prefix}-...")'  # S137
DEPENDENCY_TEXT = "The {word} '{id}' has dependencies and cannot be deleted."  # S506


class Kind(Struct, frozen=True, kw_only=True):
    """How one kind of object is spelled.

    `word` names the kind in messages. `not_found` and `malformed` are error codes; `malformed` is None for kinds whose
    malformed ids EC2 does not tell from unknown ones. `dependency_word` differs from `word` where S506 says so. An
    object that is not `taggable` cannot be named in CreateTags.
    """

    prefix: str
    word: str
    not_found: str
    malformed: str | None
    missing_text: str = MISSING_TEXT
    malformed_text: str = MALFORMED_TEXT
    dependency_text: str = DEPENDENCY_TEXT
    dependency_word: str = ""
    taggable: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "vpc": Kind(
            prefix="vpc",
            word="vpc",
            not_found="InvalidVpcID.NotFound",
            malformed="InvalidVpcId.Malformed",  # S237: the recorded spelling, not the table's
        ),
        "vpc-peering-connection": Kind(
            prefix="pcx",
            word="vpcPeeringConnection",
            not_found="InvalidVpcPeeringConnectionID.NotFound",  # S251
            malformed="InvalidVpcPeeringConnectionId.Malformed",  # S252
        ),
        "subnet": Kind(
            prefix="subnet",
            word="subnet",
            not_found="InvalidSubnetID.NotFound",
            malformed="InvalidSubnetID.Malformed",
        ),
        "route-table": Kind(
            prefix="rtb",
            word="routeTable",
            not_found="InvalidRouteTableID.NotFound",
            malformed="InvalidRouteTableId.Malformed",
        ),
        "security-group": Kind(
            prefix="sg",
            word="security group",
            not_found="InvalidGroup.NotFound",
            malformed="InvalidGroupId.Malformed",
            missing_text="The {word} '{id}' does not exist",
            malformed_text="The {word} ID '{id}' is malformed",
            dependency_text="resource {id} has a dependent object",
        ),
        "security-group-rule": Kind(
            prefix="sgr",
            word="security group rule",
            not_found="InvalidSecurityGroupRuleId.NotFound",
            malformed="InvalidSecurityGroupRuleId.Malformed",
        ),
        "network-acl": Kind(
            prefix="acl",
            word="networkAcl",
            not_found="InvalidNetworkAclID.NotFound",
            malformed="InvalidNetworkAclId.Malformed",
        ),
        "internet-gateway": Kind(
            prefix="igw",
            word="internetGateway",
            not_found="InvalidInternetGatewayID.NotFound",
            malformed="InvalidInternetGatewayId.Malformed",
        ),
        "network-interface": Kind(
            prefix="eni",
            word="networkInterface",
            not_found="InvalidNetworkInterfaceID.NotFound",
            malformed="InvalidNetworkInterfaceId.Malformed",
        ),
        "dhcp-options": Kind(
            prefix="dopt",
            word="dhcpOption",
            not_found="InvalidDhcpOptionID.NotFound",
            malformed="InvalidDhcpOptionsId.Malformed",
            dependency_word="dhcpOptions",
        ),
        "network-insights-path": Kind(
            prefix="nip",
            word="networkInsightsPath",
            not_found="InvalidNetworkInsightsPathId.NotFound",
            malformed="InvalidNetworkInsightsPathId.Malformed",
        ),
        "network-insights-analysis": Kind(
            prefix="nia",
            word="networkInsightsAnalysis",
            not_found="InvalidNetworkInsightsAnalysisId.NotFound",
            malformed="InvalidNetworkInsightsAnalysisId.Malformed",
        ),
        "vpc-cidr-block-association": Kind(
            prefix="vpc-cidr-assoc",
            word="vpcCidrBlockAssociation",
            not_found="InvalidVpcCidrBlockAssociationID.NotFound",
            malformed=None,
            taggable=False,
        ),
        "subnet-cidr-block-association": Kind(
            prefix="subnet-cidr-assoc",
            word="subnetCidrBlockAssociation",
            not_found="InvalidSubnetCidrBlockAssociationID.NotFound",
            malformed=None,
            taggable=False,
        ),
        "route-table-association": Kind(
            prefix="rtbassoc",
            word="association",
            not_found="InvalidAssociationID.NotFound",
            malformed=None,
            taggable=False,
        ),
        "network-acl-association": Kind(
            prefix="aclassoc",
            word="association",
            not_found="InvalidAssociationID.NotFound",
            malformed=None,
            taggable=False,
        ),
        "network-interface-attachment": Kind(
            prefix="eni-attach",
            word="networkInterfaceAttachment",
            not_found="InvalidAttachmentID.NotFound",
            malformed="InvalidNetworkInterfaceAttachmentId.Malformed",
            taggable=False,
        ),
    }
)
