from xml.etree import ElementTree as ET

import botocore.parsers
import pytest

from isthmus.domain import errors
from isthmus.domain.errors import ApiError
from isthmus.wire.faults import STATUS, encode_fault
from isthmus.wire.services import EC2, IAM, STS, Service


@pytest.mark.rule("S121")
def test_an_ec2_error_is_a_response_without_namespace() -> None:
    assert encode_fault(EC2, ApiError("C", "M"), "an-id") == (
        400,
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>C</Code><Message>M</Message>'
            b"</Error></Errors><RequestID>an-id</RequestID></Response>"
        ),
    )


@pytest.mark.rule("I38")
def test_a_query_error_names_its_side_and_its_service() -> None:
    assert encode_fault(IAM, ApiError("C", "M"), "an-id") == (
        400,
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            b"<Error><Type>Sender</Type><Code>C</Code><Message>M</Message></Error><RequestId>an-id</RequestId>"
            b"</ErrorResponse>"
        ),
    )
    status, document = encode_fault(STS, errors.internal_error(), "an-id")
    assert status == 500
    assert b"<Type>Receiver</Type><Code>InternalFailure</Code>" in document
    assert b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in document


@pytest.mark.rule("S122", "S123")
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AuthFailure", 401),
        ("OptInRequired", 401),
        ("UnauthorizedOperation", 403),
        ("Blocked", 403),
        ("PendingVerification", 400),
        ("SignatureDoesNotMatch", 403),
        ("IncompleteSignature", 400),
        ("InvalidClientTokenId", 403),
        ("MissingAuthenticationToken", 403),
        ("RequestExpired", 400),
        ("DryRunOperation", 412),
        ("RequestLimitExceeded", 503),
        ("Unavailable", 503),
        ("ServiceUnavailable", 503),
        ("InternalError", 500),
        ("InternalFailure", 500),
        ("ServerInternal", 500),
        ("InvalidVpcID.NotFound", 400),
        ("Anything", 400),
    ],
)
def test_each_code_has_its_status(code: str, status: int) -> None:
    assert encode_fault(EC2, ApiError(code, ""), "an-id")[0] == status


@pytest.mark.rule("S124")
def test_an_unsigned_ec2_request_answers_400() -> None:
    status, document = encode_fault(EC2, errors.missing_credentials(), "an-id")
    assert status == 400
    assert b"The request must contain the parameter AWSAccessKeyId" in document


@pytest.mark.rule("I31", "I32", "I33", "I35", "I36")
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.invalid_client_token(), 403, "InvalidClientTokenId"),
        (errors.signature_mismatch(), 403, "SignatureDoesNotMatch"),
        (errors.expired_token(), 403, "ExpiredToken"),
        (errors.missing_authentication(), 403, "MissingAuthenticationToken"),
        (errors.incomplete_signature("…"), 400, "IncompleteSignature"),
        # What was raised in EC2's words is said in the service's own.
        (errors.auth_failure(), 403, "InvalidClientTokenId"),
        (errors.request_expired(), 403, "ExpiredToken"),
    ],
)
def test_the_query_services_have_their_own_words_for_who_is_calling(error: ApiError, status: int, code: str) -> None:
    found, document = encode_fault(STS, error, "an-id")
    assert found == status
    assert f"<Code>{code}</Code>".encode() in document
    assert b"validate the provided access" not in document


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ApiError("UnauthorizedOperation", "no"), 403, "AccessDenied"),
        (errors.missing("accessKeyId"), 400, "ValidationError"),
        (errors.invalid_value("accessKeyId", "x"), 400, "ValidationError"),
        (errors.invalid_action("CreateUser"), 400, "InvalidAction"),
        (errors.unavailable(), 503, "ServiceUnavailable"),
    ],
)
def test_a_translated_error_keeps_its_message(error: ApiError, status: int, code: str) -> None:
    found, document = encode_fault(IAM, error, "an-id")
    assert found == status
    assert f"<Code>{code}</Code><Message>{error.message}</Message>".encode() in document


@pytest.mark.parametrize("service", [EC2, STS, IAM])
@pytest.mark.parametrize("message", ["<b>&\r\n]]>", "{curly} {0}", "\x00\ud800", "é🌍"])
def test_whatever_a_message_holds_the_document_is_well_formed(service: Service, message: str) -> None:
    status, document = encode_fault(service, ApiError("A&B", message), "an-id")
    assert ET.fromstring(document) is not None
    parsed = botocore.parsers.create_parser(service.protocol).parse(
        {"body": document, "headers": {}, "status_code": status}, None
    )
    assert parsed["Error"]["Code"] == "A&B"
    assert parsed["Error"]["Message"] == message.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert parsed["ResponseMetadata"]["RequestId"] == "an-id"


def test_every_status_is_one_of_http() -> None:
    assert set(STATUS.values()) <= {401, 403, 404, 409, 412, 500, 503}
