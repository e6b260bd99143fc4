"""From a typed result to the document of an answer.

What stands inside is written by the generated functions of `shapes/*_xml.py`: None is left out, an empty list is an
empty element (S116), and whatever a value holds, the document is well-formed.
"""

from collections.abc import Callable, Mapping

import msgspec

from isthmus.wire import services
from isthmus.wire.services import Service
from isthmus.wire.xml import PROLOGUE


def encode(service: Service, action: str, version: str, request_id: str, result: msgspec.Struct | None) -> bytes:
    """The answer's document: S112 and S113 for EC2, I38 for the Query protocol.

    `version` is the one that the request asked for; `result` is None only for a Query action that answers nothing.
    """
    return document(service, action, version, request_id, encode_members(service, action, result))


def encode_members(service: Service, action: str, result: msgspec.Struct | None) -> bytes:
    """What stands inside the answer's document: all of it but the request's own id."""
    return b"" if result is None else services.writers(service.name)[action](result).encode()


def document(service: Service, action: str, version: str, request_id: str, members: bytes) -> bytes:
    """The answer's document around its members."""
    before, after = DOCUMENTS[service.protocol](action, service.namespace(version), request_id)
    return b"".join((before.encode(), members, after.encode()))


def _ec2(action: str, namespace: str, request_id: str) -> tuple[str, str]:
    head = f'{PROLOGUE}<{action}Response xmlns="{namespace}"><requestId>{request_id}</requestId>'
    return head, f"</{action}Response>"


def _query(action: str, namespace: str, request_id: str) -> tuple[str, str]:
    head = f'{PROLOGUE}<{action}Response xmlns="{namespace}"><{action}Result>'
    metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return head, f"</{action}Result>{metadata}</{action}Response>"


DOCUMENTS: Mapping[str, Callable[[str, str, str], tuple[str, str]]] = {"ec2": _ec2, "query": _query}
"""What stands before an answer's members, and after them."""
