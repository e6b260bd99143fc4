"""What the models of the Query services say of values, told all at once."""

import re

import msgspec
import pytest

from isthmus.domain.errors import ApiError
from isthmus.wire import constraints, model, services
from isthmus.wire.constraints import check_constraints
from isthmus.wire.decode import decode
from isthmus.wire.services import EC2, IAM, STS
from isthmus.wire.shapes import ec2, iam

ACTIONS = [(name, action) for name in ("iam", "sts") for action in sorted(services.tables(name).actions)]


def refusal(request: msgspec.Struct, action: str) -> str:
    with pytest.raises(ApiError) as caught:
        check_constraints(IAM, action, request)
    assert caught.value.code == "ValidationError"
    return caught.value.message


@pytest.mark.parametrize(("service", "action"), ACTIONS)
def test_every_pattern_of_a_spoken_action_can_be_read(service: str, action: str) -> None:
    constraints._check_of(service, services.tables(service).actions[action].request)


@pytest.mark.rule("I198")
@pytest.mark.parametrize("name", ["a", "a" * 64, "A-b_c+d=e,f.g@h"])
def test_what_the_model_allows_passes(name: str) -> None:
    check_constraints(IAM, "CreateUser", iam.CreateUserRequest(user_name=name, path="/a/b/", tags=[]))


@pytest.mark.rule("I198")
@pytest.mark.parametrize("name", ["é", "a b", "a/b", "a\n", "日"])
def test_letters_of_a_name_are_ascii(name: str) -> None:
    assert refusal(iam.CreateUserRequest(user_name=name), "CreateUser") == constraints.UNFIT["userName"]


@pytest.mark.rule("I198")
def test_all_that_is_wrong_is_told_with_its_place() -> None:
    tags = [iam.Tag(key="good", value="x"), iam.Tag(key="", value="!")]
    message = refusal(iam.TagUserRequest(user_name="a" * 200, tags=tags), "TagUser")
    assert message.startswith("4 validation errors detected: Value 'aaa")
    assert "at 'userName' failed to satisfy constraint: Member must have length less than or equal to 128; " in message
    at = "Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must "
    assert re.search(f"{re.escape(at)}satisfy.*{re.escape(at)}have length greater than", message)  # in this order
    assert message.endswith(
        r"Value '!' at 'tags.2.member.value' failed to satisfy constraint: Member must satisfy regular expression "
        r"pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*"
    )


@pytest.mark.rule("I174", "I198")
def test_what_must_be_there_is_told_with_all_else() -> None:
    asked = decode(STS, "AssumeRole", {"Tags.member.2.Key": "k", "Tags.member.1.Key": "", "Tags.member.1.Value": ""})
    with pytest.raises(ApiError) as caught:
        check_constraints(STS, "AssumeRole", asked)
    code, message = caught.value.code, caught.value.message
    assert (code, message.partition(" ")[0]) == ("ValidationError", "5")
    for place in ("roleArn", "roleSessionName", "tags.2.member.value"):
        assert f"Value null at '{place}' failed to satisfy constraint: Member must not be null" in message


@pytest.mark.rule("I197", "I198")
@pytest.mark.parametrize(
    ("items", "words"), [(0, "value greater than or equal to 1"), (1001, "value less than or equal to 1000")]
)
def test_numbers_have_bounds(items: int, words: str) -> None:
    assert refusal(iam.ListUsersRequest(max_items=items), "ListUsers").endswith(f"Member must have {words}")


@pytest.mark.rule("I198")
@pytest.mark.parametrize(
    ("action", "form", "place", "words"),
    [
        ("ListPolicies", {"Scope": "Mine"}, "scope", "All, AWS, Local"),
        ("UpdateAccessKey", {"AccessKeyId": "A" * 20, "Status": "active"}, "status", "Active, Inactive"),
        ("UpdateAccessKey", {"AccessKeyId": "A" * 20, "Status": "Expired"}, "status", "Active, Inactive"),
        (
            "GetAccountAuthorizationDetails",
            {"Filter.member.1": "Role", "Filter.member.2": "role"},
            "filter.2.member",
            "User, Role, Group, LocalManagedPolicy, AWSManagedPolicy",
        ),
    ],
)
def test_a_word_that_is_none_of_its_list_is_told_with_the_list(
    action: str, form: dict[str, str], place: str, words: str
) -> None:
    value = list(form.values())[-1]
    assert refusal(decode(IAM, action, form), action) == (
        f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member must satisfy enum "
        f"value set: [{words}]"
    )


def test_a_list_has_bounds() -> None:
    tags = [iam.Tag(key=f"k{number}", value="") for number in range(51)]
    assert "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50" in refusal(
        iam.TagUserRequest(user_name="ada", tags=tags), "TagUser"
    )


def test_a_long_value_is_not_repeated_whole_nor_searched() -> None:
    message = refusal(iam.CreateUserRequest(user_name="!" * 10_000), "CreateUser")
    assert "pattern" not in message
    assert len(message) < 400


def test_ec2s_values_are_left_to_its_domain() -> None:
    shapes = services.tables("ec2").shapes
    assert any(isinstance(shape, model.Integer) and shape.high is not None for shape in shapes.values())
    check_constraints(EC2, "DescribeVpcs", ec2.DescribeVpcsRequest(max_results=10**9))
