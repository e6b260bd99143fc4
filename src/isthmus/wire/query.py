"""Form bodies and query strings: from the text of a request to its parameters.

Whatever cannot be read in exactly one way is refused with a 400, and no text makes this raise anything but `ApiError`.
"""

import re
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from isthmus.domain import errors
from isthmus.wire.xml import unanswerable

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})").search


class Limits(Struct, frozen=True):
    """How much one request may hold: bytes of its form, parameters, characters of a name and of a value."""

    form_bytes: int = 1024 * 1024
    parameters: int = 10_000
    name_length: int = 255
    value_length: int = 64 * 1024


DEFAULT = Limits()


def parse_form(form: str | bytes, limits: Limits = DEFAULT) -> dict[str, str]:
    """The parameters of a form body or query string, by name, in the order sent (S102).

    Raises MalformedQueryString for a name sent twice, a broken escape, what is not UTF-8, characters that XML cannot
    carry, and anything beyond `limits`.
    """
    text = form if isinstance(form, str) else _utf8(form)
    if len(text) > limits.form_bytes:
        raise errors.malformed_query(f"The request is longer than {limits.form_bytes} bytes")
    if text.count("&") >= limits.parameters:
        raise errors.malformed_query(f"The request has more than {limits.parameters} parameters")
    if unanswerable(text):
        raise _unanswerable()
    parameters: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = _unquoted(name), _unquoted(value)
        if len(name) > limits.name_length or len(value) > limits.value_length:
            raise _too_long(name, limits)
        if name in parameters:
            raise errors.malformed_query(f"The parameter {name} was sent more than once")
        if pair:
            parameters[name] = value
    return parameters


def _utf8(form: bytes) -> str:
    try:
        return form.decode()
    except UnicodeDecodeError:
        raise errors.malformed_query("The request is not UTF-8") from None


def _unquoted(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    if broken := _BROKEN_ESCAPE(text):
        raise errors.malformed_query(f"The request has a broken escape: {text[broken.start() : broken.start() + 3]}")
    text = _utf8(unquote_to_bytes(text))
    if unanswerable(text):
        raise _unanswerable()
    return text


def _unanswerable() -> errors.ApiError:
    return errors.malformed_query("The request holds a character that XML 1.0 does not allow")


def _too_long(name: str, limits: Limits) -> errors.ApiError:
    if len(name) > limits.name_length:
        return errors.malformed_query(f"A parameter's name is longer than {limits.name_length} characters")
    return errors.malformed_query(f"The value of {name} is longer than {limits.value_length} characters")
