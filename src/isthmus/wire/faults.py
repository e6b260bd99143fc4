"""Errors on the wire: the status that goes with a code, and the error documents of both protocols."""

from collections.abc import Mapping

from isthmus.domain.errors import ApiError
from isthmus.wire.services import Service
from isthmus.wire.xml import PROLOGUE, escape

# Status by code; what is not here is the caller's mistake, 400 (S122, S123; I31 to I37, I156 and I198 for sts and iam).
STATUS: Mapping[str, int] = {
    "AuthFailure": 401,
    "OptInRequired": 401,
    "UnauthorizedOperation": 403,
    "Blocked": 403,
    "SignatureDoesNotMatch": 403,
    "InvalidClientTokenId": 403,
    "MissingAuthenticationToken": 403,
    "ExpiredToken": 403,
    "AccessDenied": 403,
    "DryRunOperation": 412,
    "NoSuchEntity": 404,
    "NotSupportedService": 404,
    "EntityAlreadyExists": 409,
    "DeleteConflict": 409,
    "LimitExceeded": 409,
    "ConcurrentModification": 409,
    "InternalError": 500,
    "InternalFailure": 500,
    "ServerInternal": 500,
    "ServiceFailure": 500,
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
}

# What a code of EC2's is called elsewhere, for the errors that every service has: (protocol, code) -> (code, message),
# an empty message keeping the error's own. A code that is not here passes through.
TRANSLATIONS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("query", "AuthFailure"): ("InvalidClientTokenId", "The security token included in the request is invalid"),  # I31
    ("query", "RequestExpired"): ("ExpiredToken", "The security token included in the request is expired"),  # I33
    ("query", "UnauthorizedOperation"): ("AccessDenied", ""),  # I156
    ("query", "MissingParameter"): ("ValidationError", ""),  # I172, inferred
    ("query", "InvalidParameterValue"): ("ValidationError", ""),  # I172, inferred
    ("query", "InternalError"): ("InternalFailure", ""),
    ("query", "Unavailable"): ("ServiceUnavailable", ""),
}

DOCUMENTS: Mapping[str, str] = {
    # S121: no namespace, and RequestID with a capital D.
    "ec2": (
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>{request_id}</RequestID></Response>"
    ),
    # I38
    "query": (
        '<ErrorResponse xmlns="{namespace}"><Error><Type>{type}</Type><Code>{code}</Code><Message>{message}</Message>'
        "</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ),
}


def encode_fault(service: Service, error: ApiError, request_id: str) -> tuple[int, bytes]:
    """The status and the document that tell a caller of `service` about `error`."""
    code, message = TRANSLATIONS.get((service.protocol, error.code), (error.code, ""))
    status = STATUS.get(code, 400)
    document = DOCUMENTS[service.protocol].format(
        code=escape(code),
        message=escape(message or error.message),
        namespace=service.namespace(service.version),
        request_id=request_id,
        type="Receiver" if status >= 500 else "Sender",
    )
    return status, f"{PROLOGUE}{document}".encode()
