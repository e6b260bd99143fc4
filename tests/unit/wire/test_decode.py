from typing import Any

import msgspec
import pytest

from isthmus.domain.errors import ApiError
from isthmus.wire import decode, model, services
from isthmus.wire.query import parse_form
from isthmus.wire.shapes import ec2, sts


def read(action: str, form: str) -> msgspec.Struct:
    return decode.decode(services.EC2, action, parse_form(form))


def refusal(action: str, form: str) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        read(action, form)
    return caught.value.code, caught.value.message


def names(form: str) -> Any:
    request = read("DescribeVpcs", form)
    assert isinstance(request, ec2.DescribeVpcsRequest)
    return request.vpc_ids


@pytest.mark.rule("S105", "S106")
@pytest.mark.parametrize(
    ("action", "form", "request_"),
    [
        (
            "CreateVpcPeeringConnection",
            (
                "VpcId=vpc-1&PeerVpcId=vpc-2&TagSpecification.1.ResourceType=vpc-peering-connection"
                "&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v"
            ),
            ec2.CreateVpcPeeringConnectionRequest(
                vpc_id="vpc-1",
                peer_vpc_id="vpc-2",
                tag_specifications=[
                    ec2.TagSpecification(resource_type="vpc-peering-connection", tags=[ec2.Tag(key="k", value="v")])
                ],
            ),
        ),
        (
            "DescribeVpcs",
            "Filter.1.Name=a&Filter.1.Value.1=b&Filter.1.Value.2=c&VpcId.1=vpc-1&MaxResults=5",
            ec2.DescribeVpcsRequest(filters=[ec2.Filter(name="a", values=["b", "c"])], vpc_ids=["vpc-1"], max_results=5),
        ),
        (
            "CreateTags",
            "ResourceId.1=vpc-1&Tag.1.Key=k&Tag.1.Value=",
            ec2.CreateTagsRequest(resources=["vpc-1"], tags=[ec2.Tag(key="k", value="")]),
        ),
        (
            "ModifyVpcPeeringConnectionOptions",
            "VpcPeeringConnectionId=pcx-1&AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc=true",
            ec2.ModifyVpcPeeringConnectionOptionsRequest(
                vpc_peering_connection_id="pcx-1",
                accepter_peering_connection_options=ec2.PeeringConnectionOptionsRequest(
                    allow_dns_resolution_from_remote_vpc=True
                ),
            ),
        ),
        (
            "ModifyVpcAttribute",
            "VpcId=vpc-1&EnableDnsHostnames.Value=true",
            ec2.ModifyVpcAttributeRequest(vpc_id="vpc-1", enable_dns_hostnames=ec2.AttributeBooleanValue(value=True)),
        ),
        (
            "DescribeVpcPeeringConnections",
            "VpcPeeringConnectionId.1=pcx-1",
            ec2.DescribeVpcPeeringConnectionsRequest(vpc_peering_connection_ids=["pcx-1"]),
        ),
        ("DescribeRegions", "RegionName.1=a", ec2.DescribeRegionsRequest(region_names=["a"])),
        (
            "DescribeAvailabilityZones",
            "ZoneName.1=a&ZoneId.1=b",
            ec2.DescribeAvailabilityZonesRequest(zone_names=["a"], zone_ids=["b"]),
        ),
        (
            "DescribeSecurityGroups",
            "GroupId.1=sg-1&GroupName.1=b",
            ec2.DescribeSecurityGroupsRequest(group_ids=["sg-1"], group_names=["b"]),
        ),
        (
            "DescribeAccountAttributes",
            "AttributeName.1=default-vpc",
            ec2.DescribeAccountAttributesRequest(attribute_names=["default-vpc"]),
        ),
    ],
)
def test_members_have_the_names_of_the_ec2_protocol(action: str, form: str, request_: msgspec.Struct) -> None:
    assert read(action, form) == request_


@pytest.mark.rule("S109")
@pytest.mark.parametrize(
    ("form", "ids"),
    [
        ("VpcId.1=a&VpcId.2=b", ["a", "b"]),
        ("VpcId.0=a&VpcId.1=b", ["a", "b"]),
        ("VpcId.2=b&VpcId.1=a", ["a", "b"]),
        ("VpcId.10=b&VpcId.9=a", ["a", "b"]),
        ("VpcId.7=a", ["a"]),
        ("VpcId.1=", [""]),
    ],
)
def test_a_list_is_in_the_order_of_its_indexes(form: str, ids: list[str]) -> None:
    assert names(form) == ids


@pytest.mark.rule("S108")
def test_a_list_that_is_not_sent_is_absent() -> None:
    assert names("") is None


@pytest.mark.parametrize(
    "name",
    [
        "VpcId",
        "VpcId.x",
        "VpcId.01",
        "VpcId.-1",
        "VpcId.",
        "VpcId.1.x",
        "VpcId.member.1",
        "VpcId.²",
        f"VpcId.{20 * '1'}",
    ],
)
def test_what_is_no_item_of_a_list_is_unknown(name: str) -> None:
    assert refusal("DescribeVpcs", f"{name}=a") == ("UnknownParameter", f"The parameter {name} is not recognized")


@pytest.mark.rule("S110")
def test_a_first_letter_in_lower_case_is_accepted_at_every_level() -> None:
    assert read("RejectVpcPeeringConnection", "vpcPeeringConnectionId=pcx-1") == ec2.RejectVpcPeeringConnectionRequest(
        vpc_peering_connection_id="pcx-1"
    )
    assert read("DescribeVpcs", "filter.1.name=a&dryRun=true") == ec2.DescribeVpcsRequest(
        filters=[ec2.Filter(name="a")], dry_run=True
    )


@pytest.mark.rule("S107")
@pytest.mark.parametrize(("text", "value"), [("true", True), ("TRUE", True), ("False", False), ("false", False)])
def test_booleans_come_in_any_letter_case(text: str, value: bool) -> None:
    assert read("DescribeVpcs", f"DryRun={text}") == ec2.DescribeVpcsRequest(dry_run=value)


@pytest.mark.rule("S107")
@pytest.mark.parametrize(("text", "value"), [("5", 5), ("007", 7), ("-1", -1), ("9" * 19, 10**19 - 1)])
def test_integers_are_decimal(text: str, value: int) -> None:
    assert read("DescribeVpcs", f"MaxResults={text}") == ec2.DescribeVpcsRequest(max_results=value)


@pytest.mark.rule("S107")
@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:01Z", 1_000),
        ("2014-02-18T14:37:25.000Z", 1_392_734_245_000),
        ("2014-02-18T14:37:25.5Z", 1_392_734_245_500),
        ("1969-12-31T23:59:59.250Z", -750),
    ],
)
def test_timestamps_are_milliseconds_inside(text: str, milliseconds: int) -> None:
    assert decode.NUMBERS[model.Instant]("startTime")({"T": text}, "T") == milliseconds


@pytest.mark.parametrize(
    "text", ["", "1", "2014-02-18", "2014-02-30T00:00:00Z", "2014-02-18T14:37:25", "2014-02-18T14:37:25+01:00"]
)
def test_other_timestamps_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="for parameter startTime is invalid"):
        decode.NUMBERS[model.Instant]("startTime")({"T": text}, "T")


@pytest.mark.rule("S132")
@pytest.mark.parametrize(
    ("action", "form", "message"),
    [
        ("DescribeVpcs", "DryRun=yes", "Value (yes) for parameter dryRun is invalid. This is not a valid boolean."),
        ("DescribeVpcs", "DryRun=", "Value () for parameter dryRun is invalid. This is not a valid boolean."),
        *(
            ("DescribeVpcs", f"MaxResults={text}", f"Value ({text}) for parameter maxResults is invalid. {reason}")
            for reason in ["This is not a valid integer."]
            for text in ["", "x", "1.0", "1e3", "0x1", "--1", "-", "²", "٣", "1_0", 20 * "1"]
        ),
        ("CreateVpc", "InstanceTenancy=x", "Value (x) for parameter instanceTenancy is invalid."),
        ("DescribeVpcAttribute", "Attribute=x", "Value (x) for parameter attribute is invalid."),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(action: str, form: str, message: str) -> None:
    assert refusal(action, form) == ("InvalidParameterValue", message)


def test_the_resource_type_of_tags_is_left_to_the_domain() -> None:
    request = read("CreateVpc", "TagSpecification.1.ResourceType=nonsense")
    assert request == ec2.CreateVpcRequest(tag_specifications=[ec2.TagSpecification(resource_type="nonsense")])


@pytest.mark.rule("S130")
@pytest.mark.parametrize(
    ("action", "form", "name"),
    [
        ("CreateVpcPeeringConnection", "PeerVpcId=vpc-1", "vpcId"),
        ("AcceptVpcPeeringConnection", "", "vpcPeeringConnectionId"),
        ("CreateTags", "Tag.1.Key=a", "resourceId"),
        ("DescribeVpcAttribute", "VpcId=vpc-1", "attribute"),
    ],
)
def test_a_missing_parameter_is_named_in_lower_camel_case(action: str, form: str, name: str) -> None:
    assert refusal(action, form) == ("MissingParameter", f"The request must contain the parameter {name}")


@pytest.mark.rule("S131")
@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("SpreadDomain=x", "SpreadDomain"),
        ("vpc=x", "vpc"),
        ("Filter.1.name=a&Filter.1.Values.1=x", "Filter.1.Values.1"),
        ("Filter.1.Name.1=x", "Filter.1.Name.1"),
        ("Filter.1=x", "Filter.1"),
        ("DryRun.1=true", "DryRun.1"),
        ("MaxResults.x.y=1", "MaxResults.x.y"),
        ("VPCID.1=x", "VPCID.1"),
        ("Unknown.2.A=1&Unknown.1.B=2", "Unknown.2.A"),
        ("=x", ""),
        ("Action.1=x", "Action.1"),
        ("Filter.1.Action=x", "Filter.1.Action"),
    ],
)
def test_an_unknown_parameter_is_named_as_it_was_sent(form: str, name: str) -> None:
    assert refusal("DescribeVpcs", form) == ("UnknownParameter", f"The parameter {name} is not recognized")


@pytest.mark.rule("S103")
@pytest.mark.parametrize(
    "name",
    [
        "Action",
        "Version",
        "AWSAccessKeyId",
        "SignatureMethod",
        "SignatureVersion",
        "Signature",
        "Timestamp",
        "Expires",
        "SecurityToken",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "X-Amz-Expires",
        "x-amz-user-agent",
    ],
)
def test_common_parameters_are_never_unknown(name: str) -> None:
    assert read("DescribeVpcs", f"{name}=x") == ec2.DescribeVpcsRequest()


@pytest.mark.rule("S103")
@pytest.mark.parametrize("action", sorted(services.tables("ec2").actions))
def test_every_ec2_action_takes_dry_run(action: str) -> None:
    tables = services.tables("ec2")
    request = tables.shapes[tables.actions[action].request]
    assert isinstance(request, model.Structure)
    assert "dry_run" in request.type.__struct_fields__


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("Filter=1&Filter.1.Name=2", "Filter"),
        ("Filter.1.Name=2&Filter=1", "Filter"),
        ("Filter.1=1&Filter.1.Name=2", "Filter.1"),
    ],
)
def test_a_parameter_is_a_value_or_has_parts(form: str, name: str) -> None:
    message = f"The parameter {name} was sent both by itself and with parts"
    assert refusal("DescribeVpcs", form) == ("MalformedQueryString", message)


@pytest.mark.parametrize(("form", "name"), [("MaxResults=5&maxResults=6", "maxResults"), ("VpcId.1=a&vpcId.2=b", "vpcId.2")])
def test_both_spellings_of_one_parameter_are_refused(form: str, name: str) -> None:
    message = f"The parameter {name} was sent more than once"
    assert refusal("DescribeVpcs", form) == ("MalformedQueryString", message)


def test_depth_and_length_are_bounded() -> None:
    assert refusal("DescribeVpcs", f"A{11 * '.1'}=x")[0] == "UnknownParameter"
    assert refusal("DescribeVpcs", f"A{12 * '.1'}=x")[0] == "MalformedQueryString"
    assert len(names("&".join(f"VpcId.{n}=a" for n in range(1000)))) == 1000
    message = "A list of the request is longer than 1000"
    assert refusal("DescribeVpcs", "&".join(f"VpcId.{n}=a" for n in range(1001))) == ("MalformedQueryString", message)


@pytest.mark.rule("S127")
def test_an_unknown_action_is_invalid_in_every_service() -> None:
    for service in services.BY_NAME.values():
        with pytest.raises(ApiError, match=r"The action Nonsense is not valid for this web service\.") as caught:
            decode.decode(service, "Nonsense", {})
        assert caught.value.code == "InvalidAction"


def test_the_query_protocol_reads_its_own_requests() -> None:
    form = parse_form("Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=AKIAIOSFODNN7EXAMPLE")
    assert decode.decode(services.STS, "GetAccessKeyInfo", form) == sts.GetAccessKeyInfoRequest(
        access_key_id="AKIAIOSFODNN7EXAMPLE"
    )
    assert decode.decode(services.STS, "GetCallerIdentity", {}) == sts.GetCallerIdentityRequest()


@pytest.mark.parametrize(("form", "items"), [("L.member.1=a&L.member.2=b", ["a", "b"]), ("L.member.3=a", ["a"]), ("L=", [])])
def test_the_query_protocol_names_the_items_of_a_list(form: str, items: list[str]) -> None:
    assert query_list(form) == items


@pytest.mark.parametrize("form", ["L=a", "L.1=a", "L.member=a", "L.entry.1=a"])
def test_the_query_protocol_has_no_other_lists(form: str) -> None:
    with pytest.raises(ApiError, match="is not recognized"):
        query_list(form)


def query_list(text: str) -> object:
    form = parse_form(text)
    read_list = decode._list(model.ListOf("string", "member", "member"), decode._value)
    return read_list(form, decode._tree(form)["L"])
