"""What a simulation knows: the entries of the request and, behind them, what the simulated caller's ARN says (I95, I96)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from isthmus.actions.authorization.callers import PRINCIPAL_TYPES
from isthmus.domain.accounts import ASSUMED_ROLE, USER
from isthmus.domain.errors import ApiError
from isthmus.domain.iam import errors
from isthmus.policy import conditions
from isthmus.policy.context import Context, Key, Value, fold
from isthmus.wire.shapes import iam

LIST: Final = "List"
READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "string": str,
    "numeric": conditions.number,
    "boolean": conditions.truth,
    "ip": conditions.network,
    "binary": conditions.binary,
    "date": conditions.instant,
}
"""What reads a value of each ContextKeyType, or raises ValueError; the types of lists are called after these."""
KINDS: Final[Mapping[str, str]] = {"user": USER, "role": ASSUMED_ROLE}


def entries(given: Sequence[iam.ContextEntry] | None) -> dict[str, Value]:
    """Return the values of a request's ContextEntries by key. Raises InvalidInput for what is no value of its type."""
    found: dict[str, Value] = {}
    for entry in given or ():
        name = _name(entry)
        if fold(name) in map(fold, found):
            raise errors.invalid_input(f"The context key {name} was given twice.")
        if (value := _value(entry, name)) is not None:
            found[name] = value
    return found


def _name(entry: iam.ContextEntry) -> str:
    name = entry.context_key_name or ""
    if ":" not in name:
        raise errors.invalid_input(f"Invalid context key name: {name}")
    return name


def _value(entry: iam.ContextEntry, name: str) -> Value | None:
    """Return one value, or those of a multivalued key; None where the entry says that there is none."""
    values, type_ = entry.context_key_values or [], entry.context_key_type or ""
    read = READERS.get(type_.removesuffix(LIST))
    if read is None:
        raise errors.invalid_input(f"The context key {name} has no valid type.")
    for value in values:
        if not _is_readable(read, value):
            raise errors.invalid_input(f"Invalid value for context key {name} of type {type_}: {value}")
    if type_.endswith(LIST):
        return tuple(values) or None
    if len(values) > 1:
        raise errors.invalid_input(f"The context key {name} of type {type_} has more than one value.")
    return values[0] if values else None


def _is_readable(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except (ValueError, ApiError):
        return False
    return True


def of_caller(kind: str, account: str, name: str, arn: str) -> Mapping[str, str]:
    """Return what the ARN of a user or role says of it; a group is no principal (I67)."""
    if kind not in KINDS:
        return {}
    said = {
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": PRINCIPAL_TYPES[KINDS[kind]],
    }
    return {**said, "aws:username": name} if kind == "user" else said


def about(owner: str, values: Mapping[str, Value], of_caller: Mapping[str, str]) -> Context:
    """Return the context of one resource; what the request says comes before what follows from ARNs."""
    behind = {**of_caller, "aws:ResourceAccount": owner} if owner else of_caller
    return Context.of(values, Context.of(behind))


def missing(asked: Iterable[Key], context: Context) -> list[str]:
    """Return the keys that policies ask for and that have no value, as the policies write them."""
    return [key.written for key in asked if context.get(key) is None]
