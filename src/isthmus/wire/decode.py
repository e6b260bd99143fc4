"""From the parameters of a request to its typed form, by readers that are compiled once per action.

The names that were sent are put into a tree in one pass, and only what was sent is looked at, so a request costs what
it holds. Every name is read, or answered UnknownParameter. A leaf of the tree is the whole name as sent: the value
stands under it in the form, and an error can name it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NoReturn, TypeAlias

import msgspec
from msgspec import Struct

from isthmus.domain import errors
from isthmus.wire import model, services
from isthmus.wire.services import Service

Form: TypeAlias = Mapping[str, str]
Node: TypeAlias = "str | dict[str, Node]"
Reader: TypeAlias = Callable[[Form, Node], object]

# Read by the gateway or the signature, and no action's own (S103).
COMMON = frozenset(
    {
        "Action",
        "Version",
        "AWSAccessKeyId",
        "SignatureMethod",
        "SignatureVersion",
        "Signature",
        "Timestamp",
        "Expires",
        "SecurityToken",
    }
)
COMMON_PREFIX = "x-amz-"  # SDKs move headers into a presigned URL, in the letter case that they happen to have

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?[Zz]", re.ASCII).fullmatch
_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


class Limits(Struct, frozen=True):
    """How deep and how long a request's structure may be; digits bound the work of reading a number."""

    nesting: int = 12
    list_length: int = 1000
    digits: int = 19


LIMITS = Limits()


def decode(service: Service, action: str, form: Form) -> msgspec.Struct:
    """The typed request that `form` holds for `action`.

    Raises InvalidAction, UnknownParameter (S131), MissingParameter (S130), InvalidParameterValue (S132) or
    MalformedQueryString.
    """
    request = _request_reader(service.name, action)(form, _tree(form))
    assert isinstance(request, msgspec.Struct)
    return request


def _tree(form: Form) -> dict[str, Node]:
    """The names of `form` as a tree over their dotted parts, leaf by leaf in the order sent."""
    root: dict[str, Node] = {}
    for name in form:
        if "." not in name:
            if root.setdefault(name, name) is not name:
                raise _both(name)
            continue
        parts = name.split(".")
        if len(parts) > LIMITS.nesting:
            raise errors.malformed_query(f"The parameter {name} is nested deeper than {LIMITS.nesting}")
        branch = root
        leaf = parts.pop()
        for part in parts:
            below = branch.get(part)
            if below is None:
                below = branch[part] = {}
            elif isinstance(below, str):
                raise _both(below)
            branch = below
        if branch.setdefault(leaf, name) is not name:
            raise _both(name)
    return root


def _both(name: str) -> errors.ApiError:
    return errors.malformed_query(f"The parameter {name} was sent both by itself and with parts")


def _first_name(node: Node) -> str:
    """A name as sent: the first one under `node`."""
    while isinstance(node, dict):
        node = next(iter(node.values()))
    return node


def _unknown(node: Node) -> errors.ApiError:
    return errors.unknown_parameter(_first_name(node))


def _twice(node: Node) -> errors.ApiError:
    return errors.malformed_query(f"The parameter {_first_name(node)} was sent more than once")


def lower_first(name: str) -> str:
    """The name as errors spell it, in lower camel case (S130)."""
    return name[:1].lower() + name[1:]


# --- Compiling -------------------------------------------------------------------------------------------------------


@cache
def _request_reader(service: str, action: str) -> Reader:
    """The reader of one action's request, built when the action is first used."""
    known = services.tables(service).actions.get(action)
    if known is None:
        raise errors.invalid_action(action)
    return _structure(service, services.tables(service).shapes[known.request], is_ignored=_is_common)


def _is_common(name: str) -> bool:
    return name in COMMON or name[: len(COMMON_PREFIX)].lower() == COMMON_PREFIX


def _is_never_common(_: str) -> bool:
    return False


@cache
def _reader(service: str, shape_name: str, parameter: str) -> Reader:
    """The reader of a shape; `parameter` is what an error calls the value."""
    shape = services.tables(service).shapes[shape_name]
    match shape:
        case model.Structure():
            return _structure(service, shape, is_ignored=_is_never_common)
        case model.ListOf():
            return _list(shape, _reader(service, shape.shape, parameter))
        case model.Text():
            is_told_later = _is_query(service)  # by `check_constraints`, with all else that is wrong
            return _enumeration(frozenset(shape.values), parameter) if shape.values and not is_told_later else _value
        case _:
            return NUMBERS[type(shape)](parameter)


def _is_query(service: str) -> bool:
    return services.BY_NAME[service].protocol == "query"


def _structure(service: str, structure: model.Shape, *, is_ignored: Callable[[str], bool]) -> Reader:
    """Members under each of their spellings: a first letter in lower case is the same name (S110)."""
    assert isinstance(structure, model.Structure)
    rows: dict[str, tuple[str, Reader]] = {}
    for member in structure.members:
        row = (member.attribute, _reader(service, member.shape, lower_first(member.sent_as)))
        rows[member.sent_as] = rows[lower_first(member.sent_as)] = row
    required = [(member.attribute, lower_first(member.sent_as)) for member in structure.members if member.required]
    make = structure.type
    absent: Callable[[str], object] = _told_later if _is_query(service) else _missing

    def read(form: Form, node: Node) -> msgspec.Struct:
        if isinstance(node, str):
            raise errors.unknown_parameter(node)
        values: dict[str, object] = {}
        for name, below in node.items():
            row = rows.get(name)
            if row is None:
                if isinstance(below, str) and is_ignored(name):
                    continue
                raise _unknown(below)
            attribute, reader = row
            if attribute in values:
                raise _twice(below)
            values[attribute] = reader(form, below)
        for attribute, name in required:
            if attribute not in values:
                values[attribute] = absent(name)
        return make(**values)

    return read


def _missing(name: str) -> NoReturn:
    raise errors.missing(name)


def _told_later(_name: str) -> None:
    """Leave it to `check_constraints`, which tells it together with all else that is wrong."""


def _list(shape: model.ListOf, item: Reader) -> Reader:
    """Items in the order of their indexes, which may begin at 0 or 1 and have gaps (S106, S109)."""

    def read(form: Form, node: Node) -> list[object]:
        if shape.sent_as:
            # The Query protocol sends an empty list as the list's name alone, where EC2 sends nothing (S108).
            if isinstance(node, str) and form[node] == "":
                return []
            node = _only(node, shape.sent_as)
        if isinstance(node, str):
            raise errors.unknown_parameter(node)
        if len(node) > LIMITS.list_length:
            raise errors.malformed_query(f"A list of the request is longer than {LIMITS.list_length}")
        if len(node) == 1:
            ((index, below),) = node.items()
            _check_index(index, below)
            return [item(form, below)]
        for index, below in node.items():
            _check_index(index, below)
        return [item(form, node[index]) for index in sorted(node, key=int)]

    return read


def _only(node: Node, name: str) -> Node:
    """What stands under `name`, which is all that `node` may hold."""
    if isinstance(node, str):
        raise errors.unknown_parameter(node)
    for other, below in node.items():
        if other != name:
            raise _unknown(below)
    return node[name]


def _check_index(index: str, below: Node) -> None:
    # One spelling per number, so that no two names of a request mean the same item.
    if not (index.isascii() and index.isdecimal() and len(index) <= LIMITS.digits and (index[0] != "0" or index == "0")):
        raise _unknown(below)


def _value(form: Form, node: Node) -> str:
    if isinstance(node, str):
        return form[node]
    raise _unknown(node)


def _enumeration(values: frozenset[str], parameter: str) -> Reader:
    def read(form: Form, node: Node) -> str:
        value = _value(form, node)
        if value not in values:
            raise errors.invalid_value(parameter, value)
        return value

    return read


def _integer(parameter: str) -> Reader:
    def read(form: Form, node: Node) -> int:
        value = _value(form, node)
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= LIMITS.digits):
            raise errors.invalid_value(parameter, value, "This is not a valid integer.")
        return int(value)

    return read


def _boolean(parameter: str) -> Reader:
    def read(form: Form, node: Node) -> bool:
        value = _value(form, node)
        truth = _BOOLEANS.get(value.lower())
        if truth is None:
            raise errors.invalid_value(parameter, value, "This is not a valid boolean.")
        return truth

    return read


def _instant(parameter: str) -> Reader:
    def read(form: Form, node: Node) -> int:
        value = _value(form, node)
        try:
            return _milliseconds(value)
        except ValueError:
            raise errors.invalid_value(parameter, value, "This is not a valid timestamp.") from None

    return read


def _milliseconds(text: str) -> int:
    """The moment that `YYYY-MM-DDTHH:MM:SSZ` names, with or without a fraction (S107); ValueError for anything else."""
    matched = _INSTANT(text)
    if matched is None:
        raise ValueError(text)
    whole, fraction = matched.groups("")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1000 + int(fraction[:3].ljust(3, "0"))


NUMBERS: Mapping[type[model.Shape], Callable[[str], Reader]] = {
    model.Integer: _integer,
    model.Boolean: _boolean,
    model.Instant: _instant,
}
