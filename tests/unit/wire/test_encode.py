import re
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from isthmus.wire import encode, services, xml
from isthmus.wire.shapes import ec2, iam, sts

PAGE = Path(__file__).parents[3] / "docs" / "spec" / "000_ff6aa6841b6ea751.txt"
ID = "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE"


def document(action: str, result: msgspec.Struct | None, version: str = "2016-11-15") -> str:
    return encode.encode(services.EC2, action, version, ID, result).decode()


def inside(action: str, result: msgspec.Struct | None) -> str:
    matched = re.search("</requestId>(.*)</[A-Za-z]+>$", document(action, result), re.DOTALL)
    assert matched
    return matched[1]


@pytest.mark.rule("S111", "S112", "S113", "S118")
def test_a_document_is_a_response_with_the_request_id_first() -> None:
    assert document("DeleteVpc", ec2.DeleteVpcResult(return_=True)) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DeleteVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{ID}</requestId><return>true</return></DeleteVpcResponse>"
    )


@pytest.mark.rule("S112")
def test_an_older_version_is_answered_in_its_own_namespace() -> None:
    answer = document("DeleteVpc", ec2.DeleteVpcResult(return_=True), "2014-10-01")
    assert 'xmlns="http://ec2.amazonaws.com/doc/2014-10-01/"' in answer


@pytest.mark.rule("S115")
def test_names_are_the_models_and_items_stand_in_item() -> None:
    result = ec2.DescribeVpcPeeringConnectionsResult(
        vpc_peering_connections=[ec2.VpcPeeringConnection(tags=[ec2.Tag(key="a", value="b")])]
    )
    assert inside("DescribeVpcPeeringConnections", result) == (
        "<vpcPeeringConnectionSet><item><tagSet><item><key>a</key><value>b</value></item></tagSet></item>"
        "</vpcPeeringConnectionSet>"
    )


@pytest.mark.rule("S116")
def test_an_empty_list_is_an_empty_element_and_none_is_left_out() -> None:
    assert inside("DescribeVpcs", ec2.DescribeVpcsResult(vpcs=[])) == "<vpcSet/>"
    assert inside("DescribeVpcs", ec2.DescribeVpcsResult()) == ""


def test_an_empty_string_is_an_element() -> None:
    assert inside("DescribeVpcs", ec2.DescribeVpcsResult(next_token="")) == "<nextToken></nextToken>"


@pytest.mark.rule("I197")
@pytest.mark.parametrize("milliseconds", [1_767_323_045_000, 1_767_323_045_999])
def test_the_query_services_instants_have_whole_seconds(milliseconds: int) -> None:
    assert xml.second(milliseconds) == "2026-01-02T03:04:05Z"
    shown = iam.GetUserResponse(user=iam.User(create_date=milliseconds))
    assert (
        encode.encode_members(services.IAM, "GetUser", shown)
        == b"<User><CreateDate>2026-01-02T03:04:05Z</CreateDate></User>"
    )


def test_a_map_is_an_entry_for_each_key() -> None:
    shown = iam.GetAccountSummaryResponse(summary_map={"Users": 1, "a<b": 2})
    assert encode.encode_members(services.IAM, "GetAccountSummary", shown) == (
        b"<SummaryMap><entry><key>Users</key><value>1</value></entry>"
        b"<entry><key>a&lt;b</key><value>2</value></entry></SummaryMap>"
    )


@pytest.mark.rule("S117")
@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1_392_734_245_000, "2014-02-18T14:37:25.000Z"),
        (1_392_734_245_007, "2014-02-18T14:37:25.007Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_instants_are_iso_8601_with_milliseconds(milliseconds: int, text: str) -> None:
    assert xml.instant(milliseconds) == text
    peering = ec2.VpcPeeringConnection(expiration_time=milliseconds)
    result = ec2.CreateVpcPeeringConnectionResult(vpc_peering_connection=peering)
    assert f"<expirationTime>{text}</expirationTime>" in inside("CreateVpcPeeringConnection", result)


@pytest.mark.rule("S118")
def test_booleans_are_words_in_lower_case() -> None:
    vpcs = [ec2.Vpc(is_default=True), ec2.Vpc(is_default=False)]
    assert inside("DescribeVpcs", ec2.DescribeVpcsResult(vpcs=vpcs)) == (
        "<vpcSet><item><isDefault>true</isDefault></item><item><isDefault>false</isDefault></item></vpcSet>"
    )


@pytest.mark.parametrize("text", ["<a>&amp;</a>", "]]>", "\r\n\t x", "é🌍\u2028", "'\"", "\x7f\x85", ""])
def test_any_text_that_xml_can_carry_comes_back_as_it_was(text: str) -> None:
    answer = document("DescribeVpcs", ec2.DescribeVpcsResult(next_token=text))
    assert (ET.fromstring(answer)[1].text or "") == text


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ud800", "\uffff"])
def test_text_that_xml_cannot_carry_still_gives_a_document(text: str) -> None:
    answer = document("DescribeVpcs", ec2.DescribeVpcsResult(next_token=f"a{text}b"))
    assert ET.fromstring(answer)[1].text == "a\ufffdb"


@pytest.mark.rule("I38")
def test_a_query_answer_wraps_its_result() -> None:
    result = sts.GetCallerIdentityResponse(user_id="1", account="111122223333", arn="arn:aws:iam::111122223333:root")
    assert encode.encode(services.STS, "GetCallerIdentity", "2011-06-15", ID, result).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        "<UserId>1</UserId><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:root</Arn>"
        f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{ID}</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )


def sampled_order() -> list[str]:
    """The elements of the page's sample response, in its order."""
    sample = re.search("<vpcPeeringConnection>.*</vpcPeeringConnection>", PAGE.read_text("utf-8"))
    assert sample
    return [element.tag for element in ET.fromstring(sample[0]).iter()]


def test_the_order_of_elements_is_that_of_the_pages_sample() -> None:
    classic_link = ec2.VpcPeeringConnectionOptionsDescription(
        allow_egress_from_local_vpc_to_remote_classic_link=False,
        allow_egress_from_local_classic_link_to_remote_vpc=False,
    )
    peering = ec2.VpcPeeringConnection(
        tags=[],
        expiration_time=1_392_734_245_000,
        status=ec2.VpcPeeringConnectionStateReason(message="Initiating Request to 123456789012", code="initiating-request"),
        accepter_vpc_info=ec2.VpcPeeringConnectionVpcInfo(vpc_id="vpc-a1b2c3d4", owner_id="123456789012"),
        requester_vpc_info=ec2.VpcPeeringConnectionVpcInfo(
            peering_options=classic_link, cidr_block="10.0.0.0/16", vpc_id="vpc-1a2b3c4d", owner_id="777788889999"
        ),
        vpc_peering_connection_id="pcx-73a5401a",
    )
    result = ec2.CreateVpcPeeringConnectionResult(vpc_peering_connection=peering)
    elements = ET.fromstring(inside("CreateVpcPeeringConnection", result)).iter()
    assert [element.tag for element in elements] == sampled_order()
