"""The wire against its oracle: botocore writes requests that we read, and reads answers that we write."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.domain.errors import ApiError
from isthmus.wire import decode, encode, query, services
from tools.shapes import snake_case

ACTIONS = [(name, action) for name in ("ec2", "iam", "sts") for action in services.tables(name).actions]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What XML 1.0 can carry: nothing else gets past the decoder (test_query.py).
TEXT = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
        st.sampled_from("\t\n\r&<>\"'%+=."),
    ),
    max_size=12,
)

QUICK = 25
IN_ALL = 20_000
"""Examples of a thorough run, shared out among the shapes of all actions."""


@cache
def service_model(service: str) -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"))


# --- Drawing what botocore calls parameters ---------------------------------------------------------------------------


def scalar(shape: Any) -> st.SearchStrategy[object]:
    if getattr(shape, "enum", None):
        return st.sampled_from(shape.enum)
    return {
        "string": TEXT,
        "integer": st.integers(-(2**63) + 1, 2**63 - 1),
        "long": st.integers(-(2**63) + 1, 2**63 - 1),
        "boolean": st.booleans(),
        "timestamp": st.integers(0, 4_102_444_800).map(lambda seconds: EPOCH + timedelta(seconds=seconds)),
    }[shape.type_name]


def drawn(shape: Any, *, is_sent: bool) -> st.SearchStrategy[Any]:
    """Values of the shape. What is sent has no empty lists or structures in it: no client can send those (S108)."""
    if shape.type_name == "structure":
        return structure(shape, is_sent=is_sent)
    if shape.type_name == "list":
        items = drawn(shape.member, is_sent=is_sent)
        if is_sent and shape.member.type_name == "structure":
            items = items.filter(bool)
        return st.lists(items, min_size=1 if is_sent else 0, max_size=3)
    if shape.type_name == "map":
        return st.dictionaries(drawn(shape.key, is_sent=is_sent), drawn(shape.value, is_sent=is_sent), max_size=3)
    return scalar(shape)


def structure(shape: Any, *, is_sent: bool) -> st.SearchStrategy[dict[str, Any]]:
    members = {name: drawn(member, is_sent=is_sent) for name, member in shape.members.items()}
    required = {name: members.pop(name) for name in shape.required_members if is_sent and name in members}
    drawn_members = st.fixed_dictionaries(required, optional=members)
    return drawn_members.map(without_nothing) if is_sent else drawn_members


def without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ({}, [])}


# --- Between botocore's parameters and our types ----------------------------------------------------------------------


def as_parameters(value: Any, shape: Any) -> Any:
    """Our value in botocore's spelling."""
    if shape.type_name == "structure":
        pairs = ((name, getattr(value, snake_case(name)), member) for name, member in shape.members.items())
        return {name: as_parameters(inner, member) for name, inner, member in pairs if inner is not None}
    if shape.type_name == "list":
        return [as_parameters(item, shape.member) for item in value]
    return EPOCH + timedelta(milliseconds=value) if shape.type_name == "timestamp" else value


def as_result(value: Any, shape: Any, service: str) -> Any:
    """botocore's value in our types."""
    if shape.type_name == "structure":
        make = services.tables(service).shapes[shape.name].type  # type: ignore[union-attr]  # a structure
        members = shape.members
        return make(**{snake_case(name): as_result(inner, members[name], service) for name, inner in value.items()})
    if shape.type_name == "list":
        return [as_result(item, shape.member, service) for item in value]
    if shape.type_name == "map":
        return {as_result(key, shape.key, service): as_result(inner, shape.value, service) for key, inner in value.items()}
    return (value - EPOCH) // timedelta(milliseconds=1) if shape.type_name == "timestamp" else value


def read(service: str, parameters: Mapping[str, Any], operation: Any) -> msgspec.Struct:
    body = botocore.serialize.create_serializer(operation.service_model.metadata["protocol"], False)
    sent = body.serialize_to_request(dict(parameters), operation)["body"]
    return decode.decode(services.BY_NAME[service], operation.name, query.parse_form(urlencode(sent)))


def write_and_parse(service: str, operation: Any, result: msgspec.Struct | None) -> dict[str, Any]:
    spoken = services.BY_NAME[service]
    document = encode.encode(spoken, operation.name, spoken.version, "an-id", result)
    answer = {"body": document, "headers": {}, "status_code": 200}
    return botocore.parsers.create_parser(spoken.protocol).parse(answer, operation.output_shape)


def check_requests(service: str, action: str, examples: int) -> None:
    operation = service_model(service).operation_model(action)
    shape = operation.input_shape

    @settings(max_examples=examples if shape.members else 1)
    @given(parameters=structure(shape, is_sent=True))
    def check(parameters: dict[str, Any]) -> None:
        assert as_parameters(read(service, parameters, operation), shape) == parameters

    check()


def check_results(service: str, action: str, examples: int) -> None:
    operation = service_model(service).operation_model(action)
    shape = operation.output_shape

    @settings(max_examples=examples)
    @given(result=structure(shape, is_sent=False))
    def check(result: dict[str, Any]) -> None:
        parsed = write_and_parse(service, operation, as_result(result, shape, service))
        assert parsed.pop("ResponseMetadata")["RequestId"] == "an-id"
        assert parsed == result

    check()


def asking() -> Iterator[tuple[str, str]]:
    return (pair for pair in ACTIONS if service_model(pair[0]).operation_model(pair[1]).input_shape is not None)


def answering() -> Iterator[tuple[str, str]]:
    return (pair for pair in ACTIONS if service_model(pair[0]).operation_model(pair[1]).output_shape is not None)


@pytest.mark.rule("S102", "S105", "S106", "S107", "S108")
@pytest.mark.parametrize(("service", "action"), list(asking()))
def test_we_read_what_botocore_writes(service: str, action: str) -> None:
    check_requests(service, action, QUICK)


@pytest.mark.rule("S115", "S116", "S117", "S118", "I38")
@pytest.mark.parametrize(("service", "action"), list(answering()))
def test_botocore_reads_what_we_write(service: str, action: str) -> None:
    check_results(service, action, QUICK)


THOROUGH = max(QUICK, IN_ALL // (len(list(asking())) + len(list(answering()))))


@pytest.mark.extended
@pytest.mark.parametrize(("service", "action"), list(asking()))
def test_we_read_what_botocore_writes_many_times(service: str, action: str) -> None:
    check_requests(service, action, THOROUGH)


@pytest.mark.extended
@pytest.mark.parametrize(("service", "action"), list(answering()))
def test_botocore_reads_what_we_write_many_times(service: str, action: str) -> None:
    check_results(service, action, THOROUGH)


# --- Anything at all --------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        "Action",
        "Version",
        "DryRun",
        "VpcId",
        "vpcId",
        "Filter",
        "Name",
        "Value",
        "TagSpecification",
        "Tag",
        "Key",
        "ResourceType",
        "MaxResults",
        "VpcPeeringConnectionId",
        "X-Amz-Date",
        "member",
        "0",
        "1",
        "2",
        "01",
        "-1",
        "",
    ]
)
FORMS = st.one_of(
    st.text(max_size=60),
    st.text(st.sampled_from("aF0189.%+=&cC\x00é"), max_size=60),
    st.lists(
        st.tuples(st.lists(NAMES, min_size=1, max_size=5).map(".".join), TEXT),
        max_size=6,
        unique_by=lambda pair: pair[0],
    ).map(urlencode),
)


@given(form=st.one_of(FORMS, st.binary(max_size=60)), action=st.sampled_from(ACTIONS))
@settings(max_examples=1000)
def test_no_form_raises_anything_but_an_api_error(form: str | bytes, action: tuple[str, str]) -> None:
    refused = {"MalformedQueryString", "UnknownParameter", "MissingParameter", "InvalidParameterValue"}
    asked_for = services.tables(action[0]).actions[action[1]].request
    assert outcome(form, *action) in {asked_for, *refused}


def outcome(form: str | bytes, service: str, action: str) -> str:
    try:
        return type(decode.decode(services.BY_NAME[service], action, query.parse_form(form))).__name__
    except ApiError as error:
        return error.code


@given(parts=st.permutations(["Filter.1.Name=a", "Filter.3.Name=b", "Filter.07=c", "VpcId.2=d", "X-Amz-Date=e"]))
def test_the_order_of_parameters_means_nothing(parts: list[str]) -> None:
    with pytest.raises(ApiError, match=r"Filter\.07"):
        decode.decode(services.EC2, "DescribeVpcs", query.parse_form("&".join(parts)))
