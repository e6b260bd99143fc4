import ast
from pathlib import Path
from typing import Any

import pytest

from isthmus.wire.model import Structure
from isthmus.wire.services import tables
from tools import shapes


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("VpcPeeringConnectionId", "vpc_peering_connection_id"),
        ("Ipv6CidrBlock", "ipv6_cidr_block"),
        ("EnableDnsHostnames", "enable_dns_hostnames"),
        ("AssignIpv6AddressOnCreation", "assign_ipv6_address_on_creation"),
        ("CIDRBlock", "cidr_block"),
        ("GroupARNs", "group_arns"),
        ("SAMLAssertion", "saml_assertion"),
        ("Return", "return_"),
        ("From", "from_"),
    ],
)
def test_attributes_are_the_snake_case_of_members(name: str, attribute: str) -> None:
    assert shapes.snake_case(name) == attribute


def test_actions_are_listed_by_service() -> None:
    assert shapes.read_actions("ec2 CreateVpc\n\nsts GetCallerIdentity\nec2 DeleteVpc\n") == {
        "ec2": ["CreateVpc", "DeleteVpc"],
        "sts": ["GetCallerIdentity"],
        "iam": [],
    }


def model(members: dict[str, Any], protocol: str = "ec2", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "protocol": protocol,
            "apiVersion": "2016-11-15",
            "serviceFullName": "A Service",
            "endpointPrefix": "ec2",
        },
        "operations": {"DoIt": {"input": {"shape": "DoItRequest"}, "output": {"shape": "DoItResult"}}},
        "shapes": {
            "String": {"type": "string"},
            "Unused": {"type": "structure", "members": {}},
            "DoItRequest": {"type": "structure", "members": members, "required": ["A"]},
            "DoItResult": {"type": "structure", "members": members, "required": ["A"]},
            **more,
        },
    }


@pytest.mark.rule("S105")
@pytest.mark.parametrize(
    ("reference", "protocol", "name"),
    [
        ({"queryName": "q", "locationName": "l"}, "ec2", "q"),
        ({"locationName": "vpcId"}, "ec2", "VpcId"),
        ({}, "ec2", "Member"),
        ({"locationName": "vpcId"}, "query", "vpcId"),
        ({"queryName": "q"}, "query", "Member"),
    ],
)
def test_the_name_of_a_parameter_follows_the_protocol(reference: dict[str, str], protocol: str, name: str) -> None:
    service = shapes.Service(model({}, protocol), ["DoIt"])
    assert service.sent_as("Member", reference) == name


def test_only_what_the_listed_actions_reach_is_written() -> None:
    text = shapes.Service(model({"A": {"shape": "String"}}), ["DoIt"]).module()
    assert "class DoItRequest" in text
    assert "Unused" not in text
    assert "class" not in shapes.Service(model({}), []).module()


def test_a_required_member_is_required_only_where_it_is_only_sent() -> None:
    text = shapes.Service(model({"A": {"shape": "String"}}), ["DoIt"]).module()
    request, result = text.split("class DoItResult")
    assert "    a: str\n" in request
    assert "    a: str | None = None" in result


def test_an_override_moves_members_and_leaves_the_others_in_order() -> None:
    members = {name: {"shape": "String", "locationName": name.lower()} for name in "ABCD"}
    service = shapes.Service(model(members), ["DoIt"], {"order": {"DoItResult": ["c", "a"]}})
    assert list(service.shapes["DoItResult"]["members"]) == ["C", "A", "B", "D"]
    assert list(service.shapes["DoItRequest"]["members"]) == ["A", "B", "C", "D"]


def test_an_override_lets_the_domain_judge_a_value() -> None:
    word = {"type": "string", "enum": ["yes"]}
    words = {"type": "list", "member": {"shape": "Word"}}
    given = model({"A": {"shape": "Word"}, "B": {"shape": "Words"}}, "ec2", Word=word, Words=words)
    checked = shapes.Service(given, ["DoIt"]).module()
    free = shapes.Service(given, ["DoIt"], {"any_value": {"DoItRequest": ["A"], "Words": ["member"]}}).module()
    assert "Member('a', 'A', 'A', 'Word', required=True)," in checked
    assert "'Words': ListOf('Word', '', 'member')," in checked
    assert "Member('a', 'A', 'A', 'string', required=True)," in free
    assert "'Words': ListOf('string', '', 'member')," in free


def test_an_override_lets_the_domain_miss_a_member() -> None:
    service = shapes.Service(model({"A": {"shape": "String"}}), ["DoIt"], {"optional": {"DoItRequest": ["A"]}})
    assert "    a: str | None = None" in service.module().split("class DoItResult")[0]


def test_an_override_that_names_nothing_is_an_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        shapes.Service(model({}), ["DoIt"], {"order": {"DoItResult": ["nonsense"]}})


def test_what_the_generator_cannot_write_is_an_error() -> None:
    itself = {"type": "structure", "members": {"Inner": {"shape": "Self"}}}
    service = shapes.Service(model({"A": {"shape": "Self"}}, Self=itself), ["DoIt"])
    with pytest.raises(NotImplementedError, match="contains itself"):
        service.module()
    with pytest.raises(ValueError, match="one attribute"):
        shapes.Service(model({"AB": {"shape": "String"}, "Ab": {"shape": "String"}}), ["DoIt"]).module()
    with pytest.raises(NotImplementedError, match="another name"):
        shapes.Service(model({"Text": {"shape": "String"}}), ["DoIt"]).writers()


CONSTRAINED = {"type": "string", "min": 1, "max": 9, "pattern": "[a-z]+"}
LISTED = {"type": "list", "member": {"shape": "Word"}, "min": 1, "max": 5}


@pytest.mark.parametrize(
    ("protocol", "word", "listed"),
    [
        ("query", "Text(low=1, high=9, pattern='[a-z]+')", "ListOf('Word', 'member', 'member', low=1, high=5)"),
        ("ec2", "Text(low=1, high=9)", "ListOf('Word', '', 'member')"),
    ],
)
def test_patterns_and_the_bounds_of_lists_are_the_query_protocols(protocol: str, word: str, listed: str) -> None:
    given = model({"A": {"shape": "Words"}}, protocol, Word=CONSTRAINED, Words=LISTED)
    text = shapes.Service(given, ["DoIt"]).module()
    assert f"'Word': {word}," in text
    assert f"'Words': {listed}," in text


def test_a_map_is_a_dictionary() -> None:
    counts = {"type": "map", "key": {"shape": "String"}, "value": {"shape": "Count"}}
    given = model({"A": {"shape": "Counts"}}, "query", Counts=counts, Count={"type": "integer"})
    service = shapes.Service(given, ["DoIt"])
    assert "a: dict[str, int] | None = None" in service.module()
    assert "'Counts': MapOf('string', 'integer')," in service.module()
    assert "<entry><key>" in service.writers()


def test_generated_text_is_python() -> None:
    service = shapes.Service(model({"A": {"shape": "String"}}), ["DoIt"])
    assert [node.name for node in ast.parse(service.module()).body if isinstance(node, ast.ClassDef)] == [
        "DoItRequest",
        "DoItResult",
    ]
    assert [node.name for node in ast.parse(service.writers()).body if isinstance(node, ast.FunctionDef)] == [
        "write_do_it_result"
    ]


@pytest.mark.rule("S110")
@pytest.mark.parametrize("name", shapes.SERVICES)
def test_no_two_parameters_differ_in_their_first_letter_alone(name: str) -> None:
    for shape in tables(name).shapes.values():
        if isinstance(shape, Structure):
            spellings = [member.sent_as[:1].lower() + member.sent_as[1:] for member in shape.members]
            assert len(set(spellings)) == len(spellings), shape.type


def test_the_modules_are_up_to_date() -> None:
    assert shapes.differences(shapes.modules()) == []


def test_a_module_that_differs_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "ec2.py"
    assert shapes.differences({file: "a = 1\n"})[-1] == "+a = 1"
    file.write_text("a = 2\n")
    assert "-a = 2" in shapes.differences({file: "a = 1\n"})
