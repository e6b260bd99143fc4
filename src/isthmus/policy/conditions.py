"""Condition operators: from a clause of a policy to a test of the request's context (I81 to I91).

Everything that can be known from the policy is worked out once. Where a value of the policy or of the request cannot be
read, a clause says what its statement was told to say: an Allow then does not match, a Deny does (I56).
"""

import operator
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from typing import Any, TypeAlias

from msgspec import Struct

from isthmus.domain.cidr import BITS, Prefix
from isthmus.policy import faults, match, variables
from isthmus.policy.context import Context, Key, fold, key
from isthmus.policy.faults import Malformed
from isthmus.policy.match import Tokens
from isthmus.policy.variables import Template

Condition: TypeAlias = Callable[[Context], bool]
ValueTest: TypeAlias = Callable[[Any], bool]

MAX_REMEMBERED_LENGTH = 128  # characters of a request's value; longer ones are rare, and many would be much memory
MAX_NUMBER_LENGTH = 64  # characters; no number in a policy is longer, and none costs more than a glance
# As text, since compiling them is most of this module's import, and few policies compare numbers or dates.
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_EPOCH = r"-?\d{5,15}(?:\.\d{1,9})?|-?\d{1,3}"  # four digits are a year
_DATE = r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):(\d\d)))?)?)?"
_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96, IPv4 in IPv6's clothes (I86)
_TRUTHS = {"true": True, "false": False}
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


class Clause(Struct, frozen=True):
    """One operator and one key of a Condition block, with the values it is compared with."""

    operator: str
    key: str
    values: tuple[str, ...]


class Operator(Struct, frozen=True):
    """How an operator compares.

    `read` makes of a value of the request what is compared, and raises ValueError if it cannot; `against` makes a test
    of a value of the policy. Without it the two are compared as they are.
    """

    read: Callable[[str], Any]
    against: Callable[[Tokens], ValueTest] | None
    negated: bool = False
    variables: bool = False
    wildcards: bool = False


class Quantifier(Enum):
    """How many of a request's values must match (I89); `ONE` is an operator without a prefix (I90)."""

    ONE = ""
    ANY = "foranyvalue"
    ALL = "forallvalues"


# What values mean


def _text(value: str) -> str:
    return value


def _equal_folded(tokens: Tokens) -> ValueTest:
    return fold(match.plain(tokens)).__eq__


def _like_arn(tokens: Tokens) -> ValueTest:
    test = match.arn_pattern(tokens)
    return lambda fields: fields is not None and test(fields)


def number(text: str) -> Decimal:
    """A decimal number; raises ValueError for anything else, nan and infinity included (I88)."""
    if len(text) > MAX_NUMBER_LENGTH or re.fullmatch(_NUMBER, text, re.ASCII) is None:
        raise ValueError(f"not a number: {text!r}")
    return Decimal(text)


def instant(text: str) -> Decimal:
    """The seconds since 1970 of a date of the W3C's profile of ISO 8601, or of a count of seconds (I87).

    Raises ValueError for anything else.
    """
    if re.fullmatch(_EPOCH, text, re.ASCII):
        return Decimal(text)
    found = re.fullmatch(_DATE, text, re.ASCII)
    if found is None:
        raise ValueError(f"not a date: {text!r}")
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = found.groups()
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
    zone = timezone(-offset if sign == "-" else offset)
    whole = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=zone
    )
    elapsed = whole - _EPOCH_START
    return Decimal(elapsed.days * 86_400 + elapsed.seconds) + Decimal(f"0.{fraction or 0}")


def network(text: str) -> Prefix:
    """A CIDR block, or a single address as the block of it alone; raises ValueError for anything else (I86)."""
    if "/" not in text:
        text = f"{text}/{BITS[6 if ':' in text else 4]}"
    block = Prefix.parse(text)
    if block.version == 6 and block.length >= 96 and block.base >> 32 << 32 == _MAPPED:
        return Prefix(4, block.base - _MAPPED, block.length - 96)
    return block


def truth(text: str) -> bool:
    """`true` or `false` in any case; raises ValueError for anything else (I88)."""
    found = _TRUTHS.get(text.lower())
    if found is None:
        raise ValueError(f"neither true nor false: {text!r}")
    return found


def binary(text: str) -> bytes:
    """The bytes that base64 stands for; raises ValueError for anything else (I88)."""
    return a2b_base64(text, strict_mode=True)


def _compared(read: Callable[[str], Any], compare: Callable[[Any, Any], bool], tokens: Tokens) -> ValueTest:
    bound = read(match.plain(tokens))
    return lambda given: compare(given, bound)


def _inside(tokens: Tokens) -> ValueTest:
    return network(match.plain(tokens)).contains


# The operators, by folded name (I82)

_COMPARISONS: Mapping[str, tuple[Callable[[Any, Any], bool], bool]] = {
    "equals": (operator.eq, False),
    "notequals": (operator.eq, True),
    "lessthan": (operator.lt, False),
    "lessthanequals": (operator.le, False),
    "greaterthan": (operator.gt, False),
    "greaterthanequals": (operator.ge, False),
}


_ARN = Operator(match.arn, _like_arn, variables=True, wildcards=True)
_NOT_ARN = Operator(match.arn, _like_arn, negated=True, variables=True, wildcards=True)
OPERATORS: Mapping[str, Operator] = {
    "stringequals": Operator(_text, None, variables=True),
    "stringnotequals": Operator(_text, None, negated=True, variables=True),
    "stringequalsignorecase": Operator(fold, _equal_folded, variables=True),
    "stringnotequalsignorecase": Operator(fold, _equal_folded, negated=True, variables=True),
    "stringlike": Operator(_text, match.glob, variables=True, wildcards=True),
    "stringnotlike": Operator(_text, match.glob, negated=True, variables=True, wildcards=True),
    **{
        kind + comparison: Operator(read, partial(_compared, read, compare), negated)
        for kind, read in (("numeric", number), ("date", instant))
        for comparison, (compare, negated) in _COMPARISONS.items()
    },
    "bool": Operator(truth, partial(_compared, truth, operator.eq), variables=True),
    "binaryequals": Operator(binary, partial(_compared, binary, operator.eq)),
    "ipaddress": Operator(network, _inside),
    "notipaddress": Operator(network, _inside, negated=True),
    "arnequals": _ARN,
    "arnlike": _ARN,
    "arnnotequals": _NOT_ARN,
    "arnnotlike": _NOT_ARN,
}
CLOCK = frozenset({"aws:currenttime", "aws:epochtime"})
NULL = "null"
IF_EXISTS = "ifexists"
QUANTIFIERS = {each.value: each for each in Quantifier if each is not Quantifier.ONE}


class Asked(Struct, frozen=True):
    """A clause with its names and values read: what all its forms share."""

    key: Key
    operator: Operator
    quantifier: Quantifier
    if_exists: bool
    templates: tuple[Template, ...]

    @property
    def when_absent(self) -> bool:
        """What the clause says when the request has no such key (I83)."""
        if self.if_exists or self.quantifier is Quantifier.ALL:
            return True
        return self.quantifier is Quantifier.ONE and self.operator.negated


def condition(clause: Clause, version: str, *, otherwise: bool) -> tuple[Condition, list[Key]]:
    """The test of a clause in a policy of that version, and the context keys it asks for.

    `otherwise` is what the test says of a request whose values cannot be read. Raises Malformed when the clause itself
    cannot be evaluated, whatever the request.
    """
    if ":" not in clause.key:
        raise Malformed(faults.NO_VENDOR)
    if not clause.values:
        raise Malformed(faults.SYNTAX)
    wanted = key(clause.key)
    quantifier, name, if_exists = _operator_name(clause.operator)
    if name == NULL and not if_exists:
        return _null(wanted, clause.values), [wanted]
    found = OPERATORS.get(name)
    if found is None:
        raise Malformed(faults.SYNTAX)
    language = version if found.variables else ""
    templates = tuple(variables.template(each, language, wildcards=found.wildcards) for each in clause.values)
    asked = Asked(wanted, found, quantifier, if_exists, templates)
    return _test(asked, otherwise=otherwise), [wanted, *(each for one in templates for each in variables.keys(one))]


def turns(clause: Clause) -> frozenset[Decimal] | None:
    """The instants, in seconds since 1970, at and between which a clause about the clock always says the same.

    None where it does more than to compare. The clause must be one of which `condition` makes a test.
    """
    _, name, _ = _operator_name(clause.operator)
    if name == NULL:
        return frozenset()
    read = OPERATORS[name].read
    return frozenset(map(read, clause.values)) if read in {instant, number} else None


def _operator_name(written: str) -> tuple[Quantifier, str, bool]:
    """The parts of a name such as `ForAnyValue:StringLikeIfExists`."""
    prefix, colon, rest = fold(written).partition(":")
    if colon and prefix not in QUANTIFIERS:
        raise Malformed(faults.SYNTAX)
    whole = rest if colon else prefix
    name = whole.removesuffix(IF_EXISTS)
    return QUANTIFIERS[prefix] if colon else Quantifier.ONE, name, name != whole


def _null(wanted: Key, values: Sequence[str]) -> Condition:
    """Null asks whether the key is absent (I83, I88)."""
    try:
        answers = {truth(value) for value in values}
    except ValueError:
        raise Malformed(faults.SYNTAX) from None
    return lambda context: (context.get(wanted) is None) in answers


def _test(asked: Asked, *, otherwise: bool) -> Condition:
    constant, matching = _matching(asked)
    wanted, when_absent, together = asked.key, asked.when_absent, _TOGETHER[asked.quantifier]
    read, negated = asked.operator.read, asked.operator.negated

    def test(context: Context) -> bool:
        value = context.get(wanted)
        if value is None:
            return when_absent
        try:
            if isinstance(value, str):  # also a set of one, of which any and all say the same (I89)
                if constant is None or len(value) > MAX_REMEMBERED_LENGTH:
                    return (constant or matching(context))(read(value)) is not negated
                return _passes(constant, read, value) is not negated
            if together is None:
                return False
            matches = constant or matching(context)
            # All are read before one is judged, so that their order does not decide whether they can be.
            return together([matches(each) is not negated for each in [read(each) for each in value]])
        except (ValueError, Malformed):
            return otherwise

    return test


@lru_cache(maxsize=4_096)  # requests come from the same places, at the same second, about the same objects
def _passes(matches: ValueTest, read: Callable[[str], Any], value: str) -> bool:
    return matches(read(value))


# How the answers about several values make one; without a quantifier there is none (I90).
_TOGETHER: Mapping[Quantifier, Callable[[Iterable[bool]], bool] | None] = {
    Quantifier.ONE: None,
    Quantifier.ANY: any,
    Quantifier.ALL: all,
}


def _matching(asked: Asked) -> tuple[ValueTest | None, Callable[[Context], ValueTest]]:
    """What tells whether a value of the request matches one of the policy's: made once if those have no variables, or else
    for a request.
    """
    constants = [template for template in asked.templates if not variables.keys(template)]
    try:
        constant = _one_of(asked.operator, constants)  # type: ignore[arg-type]  # without variables they are tokens
    except ValueError:
        raise Malformed(faults.SYNTAX) from None

    def matching(context: Context) -> ValueTest:
        resolved = [variables.resolve(template, context) for template in asked.templates]
        return _one_of(asked.operator, [tokens for tokens in resolved if tokens is not None])

    return constant if len(constants) == len(asked.templates) else None, matching


def _one_of(found: Operator, values: Sequence[Tokens]) -> ValueTest:
    against = found.against
    if against is None:
        return frozenset(map(match.plain, values)).__contains__
    tests = [against(tokens) for tokens in values]
    return tests[0] if len(tests) == 1 else partial(_passes_one, tests)


def _passes_one(tests: Sequence[ValueTest], given: Any) -> bool:  # noqa: ANN401 - whatever the operator reads
    for test in tests:  # noqa: SIM110  # a loop takes half the time of any() here
        if test(given):
            return True
    return False
