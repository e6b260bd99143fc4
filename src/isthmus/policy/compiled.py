"""Policies ready to be asked: every part of every statement as a function (I56, I61 to I68).

A text that is used again and again is compiled once; the answer depends on nothing but the text and what it is meant as.
`validate` is for a text that somebody wants to save, and refuses what IAM refuses. `load` is for one that was saved: it
never fails, and a part that cannot be evaluated narrows what its statement lets through: it fails to match in an Allow,
and matches in a Deny.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from typing import Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from isthmus.domain import errors
from isthmus.policy import conditions, document, faults, match, principals, variables
from isthmus.policy.conditions import Clause, Condition
from isthmus.policy.context import Context, Key
from isthmus.policy.document import Document, Effect, Element, Statement
from isthmus.policy.faults import Malformed
from isthmus.policy.match import Arn
from isthmus.policy.principals import Caller, Grant, Naming

ResourceTest: TypeAlias = Callable[[Arn | None, Context], bool]
Part = TypeVar("Part")


class Kind(Enum):
    """What a document is meant as."""

    INLINE = "inline policy"
    MANAGED = "managed policy"  # a permissions boundary is one too
    SESSION = "session policy"
    SERVICE_CONTROL = "service control policy"
    TRUST = "role trust policy"
    RESOURCE = "resource-based policy"  # only in simulations: nothing here has one but a role


BY_PRINCIPAL: Final = frozenset({Kind.TRUST, Kind.RESOURCE})  # statements of the others are about whoever has them

# Characters without white space, and the quota's name in the refusal (I55).
LIMITS: Final[Mapping[Kind, tuple[int, str]]] = {
    Kind.MANAGED: (6_144, "PolicySize"),
    Kind.SESSION: (2_048, "SessionPolicySize"),
    Kind.SERVICE_CONTROL: (5_120, "PolicySize"),
    Kind.TRUST: (2_048, "ACLSizePerRole"),
}
INLINE_LIMITS: Final[Mapping[str, int]] = {"user": 2_048, "role": 10_240, "group": 5_120}  # all of an owner's together
TRUST_ACTIONS: Final = "sts:"
NOTHING: Final = Context()


class Compiled(Struct, frozen=True):
    """A statement as functions. `covers_action` takes the folded action; `asks` are the keys of each condition, folded."""

    statement: Statement
    covers_action: Callable[[str], bool]
    covers_resource: ResourceTest
    names: Naming
    conditions: tuple[Condition, ...]
    asks: tuple[frozenset[str], ...] = ()

    def settled(self, context: Context, constant: frozenset[str]) -> "Compiled | None":
        """The statement without the conditions that ask for nothing but these keys; None where one of those does not hold.

        For a caller of whom these keys always say the same: it decides what the statement would.
        """
        left: list[tuple[Condition, frozenset[str]]] = []
        for condition, asks in zip(self.conditions, self.asks, strict=True):
            if not asks <= constant:
                left.append((condition, asks))
            elif not condition(context):
                return None
        return replace(self, conditions=tuple(each for each, _ in left), asks=tuple(asks for _, asks in left))

    def remaining(self, resource: Arn | None) -> tuple[Condition, ...] | None:
        """What is left to ask of it for a resource, once its action is covered; None where it is about other resources."""
        element = self.statement.resources
        if element is not None and variables.OPENING in "".join(element.values):
            return (partial(self.covers_resource, resource), *self.conditions)
        return self.conditions if self.covers_resource(resource, NOTHING) else None

    def applies(self, resource: Arn | None, context: Context) -> bool:
        """Whether resource and conditions match, for an action that is covered."""
        if not self.covers_resource(resource, context):
            return False
        for condition in self.conditions:  # noqa: SIM110  # a loop takes half the time of all() here
            if not condition(context):
                return False
        return True


class Policy(Struct, frozen=True):
    """A compiled document: its statements, the condition keys they ask for, and what cannot be evaluated (to be logged).

    `turns` are the instants, in seconds since 1970, at and between which its conditions on the clock always say the same;
    None where that is not known.
    """

    statements: tuple[Compiled, ...]
    keys: frozenset[Key]
    faults: tuple[str, ...] = ()
    turns: frozenset[Decimal] | None = frozenset()


def validate(text: str, kind: Kind) -> Policy:
    """Compile a text that is to be saved.

    Raises MalformedPolicyDocument with what is wrong (I51 to I53), and LimitExceeded for a text that is too long (I55).
    That the principals it names exist is for whoever saves it to see to.
    """
    if not all(character in "\t\n\r" or " " <= character <= "\u00ff" for character in text):
        raise errors.malformed_policy_document(faults.SYNTAX)
    limit, quota = LIMITS.get(kind, (document.MAX_LENGTH, "PolicySize"))
    if document.size(text) > limit:
        raise errors.limit_exceeded("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}")
    try:
        read = document.parse(text)
        _check(read, kind)
    except Malformed as malformed:
        raise errors.malformed_policy_document(str(malformed)) from None
    policy = known(text, kind)  # and so by the time that somebody is bound by it
    if policy.faults:
        raise errors.malformed_policy_document(policy.faults[0])
    return policy


def check_inline_size(owner: str, name: str, texts: Iterable[str]) -> None:
    """Refuse inline policies that are together more than their owner, a `user`, `role` or `group`, may have (I55)."""
    limit = INLINE_LIMITS[owner]
    if sum(map(document.size, texts)) > limit:
        raise errors.limit_exceeded("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {owner} {name}")


def load(text: str, kind: Kind = Kind.INLINE) -> Policy:
    """Compile a text that was saved. One that cannot be read at all denies everything (I56)."""
    try:
        read = document.parse(text)
    except Malformed as malformed:
        read = Document(document.VERSIONS[0], "", (Statement(0, "", Effect.DENY, problem=str(malformed)),))
    return compile_document(read, kind)


REMEMBERED_TEXTS: Final = 1_024
known = lru_cache(maxsize=REMEMBERED_TEXTS)(load)
"""The same, compiled once: what comes out depends on nothing else and is never changed."""


def compile_document(read: Document, kind: Kind) -> Policy:
    """Compile every statement; what cannot be evaluated is noted in `faults`."""
    compiler = _Compiler(read.version, kind)
    statements = tuple(compiler.statement(each) for each in read.statements)
    return Policy(statements, frozenset(compiler.keys), tuple(compiler.faults), all_turns(compiler.turns))


def all_turns(some: Iterable[frozenset[Decimal] | None]) -> frozenset[Decimal] | None:
    """The turns of several together; None where one of them is not known."""
    found: set[Decimal] = set()
    for each in some:
        if each is None:
            return None
        found |= each
    return frozenset(found)


def _check(read: Document, kind: Kind) -> None:
    """What is refused when it is saved although it could be evaluated."""
    if kind is Kind.MANAGED and read.version != variables.VERSION:
        raise Malformed(faults.VERSION)
    for statement in read.statements:
        if statement.problem:
            raise Malformed(statement.problem)
    sids = [statement.sid for statement in read.statements if statement.sid]
    if kind is not Kind.TRUST and not all(sid.isascii() and sid.isalnum() for sid in sids):
        raise Malformed(faults.STRANGE_SID)
    if len(set(sids)) != len(sids):
        raise Malformed(faults.SAME_SID)
    if kind is Kind.TRUST:
        for statement in read.statements:
            _check_trust(statement)


def _check_trust(statement: Statement) -> None:
    """A trust policy is about its role alone, and about becoming it (I53)."""
    if statement.resources is not None:
        raise Malformed(faults.PROHIBITED.format(field="NotResource" if statement.resources.negated else "Resource"))
    for action in statement.actions.values if statement.actions is not None else ():
        if ":" in action and not action.lower().startswith(TRUST_ACTIONS):
            raise Malformed(faults.TRUST_ACTIONS)


class _Compiler:
    """Compiles the statements of one document, and collects what it meets."""

    def __init__(self, version: str, kind: Kind) -> None:
        self.version, self.kind = version, kind
        self.keys: set[Key] = set()
        self.faults: list[str] = []
        self.turns: list[frozenset[Decimal] | None] = []

    def statement(self, statement: Statement) -> Compiled:
        otherwise = statement.effect is Effect.DENY
        if statement.problem:
            self.faults.append(statement.problem)
            return Compiled(statement, lambda _: otherwise, _anything, _everybody, ())
        covers: ResourceTest = _anything if otherwise else _nothing
        names: Naming = _everybody if otherwise else _nobody
        covers_action = self.part(partial(_actions, statement.actions), lambda _: otherwise)
        covers_resource = self.part(partial(self.resources, statement, otherwise=otherwise), covers)
        names = self.part(partial(self.principals, statement.principals), names)
        instead: tuple[Condition, frozenset[str]] = (lambda _: otherwise, frozenset())
        tests = [self.part(partial(self.condition, clause, otherwise=otherwise), instead) for clause in statement.conditions]
        conditions, asks = tuple(test for test, _ in tests), tuple(keys for _, keys in tests)
        return Compiled(statement, covers_action, covers_resource, names, conditions, asks)

    def part(self, make: Callable[[], Part], instead: Part) -> Part:
        """What was made, or, when it cannot be, the other thing."""
        try:
            return make()
        except Malformed as malformed:
            self.faults.append(str(malformed))
            return instead

    def resources(self, statement: Statement, *, otherwise: bool) -> ResourceTest:
        """Whether one of the patterns matches, or, negated, none (I62, I66)."""
        element = statement.resources
        if element is None and self.kind in BY_PRINCIPAL:
            return _anything
        if statement.principals is not None and self.kind not in BY_PRINCIPAL:
            raise Malformed(faults.PRINCIPAL_GIVEN)  # here, since nobody asks such a policy whom it names
        if element is None or not element.values:
            raise Malformed(faults.NO_RESOURCES)
        patterns = [self.resource(text) for text in element.values if text != match.ANY_RESOURCE]
        if len(patterns) < len(element.values):
            return _nothing if element.negated else _anything
        test = patterns[0] if len(patterns) == 1 else _one_of(patterns)
        if element.negated:
            test = _not(test)
        return _closed(test, otherwise=otherwise) if variables.OPENING in "".join(element.values) else test

    def resource(self, text: str) -> ResourceTest:
        """One ARN pattern; variables may stand in its last field only (I65, I72).

        Raises Malformed for what is no ARN.
        """
        test = match.resource_pattern(text)
        if test is None:
            raise Malformed(faults.NOT_AN_ARN.format(resource=text))
        if self.version != variables.VERSION or variables.OPENING not in text:
            return lambda arn, _context: arn is not None and test(arn)
        *head, last = text.split(":", match.ARN_FIELDS - 1)
        outside = match.resource_pattern(":".join((*head, "*")))
        if outside is None or len(head) < match.ARN_FIELDS - 1 or variables.OPENING in ":".join(head):
            raise Malformed(faults.LEGACY)
        template = variables.template(last, self.version)
        self.keys.update(variables.keys(template))
        return _templated(outside, template)

    def principals(self, element: Element | None) -> Naming:
        if self.kind not in BY_PRINCIPAL:
            return _everybody
        if element is None:
            raise Malformed(faults.MISSING.format(field="Principal"))
        if element.negated:  # I68: no policy that there is here may have one
            raise Malformed(faults.PROHIBITED.format(field="NotPrincipal"))
        return principals.naming(element.values)

    def condition(self, clause: Clause, *, otherwise: bool) -> tuple[Condition, frozenset[str]]:
        test, keys = conditions.condition(clause, self.version, otherwise=otherwise)
        self.keys.update(keys)
        asks = frozenset(each.folded for each in keys)
        if asks & conditions.CLOCK:
            self.turns.append(conditions.turns(clause) if asks <= conditions.CLOCK else None)
        return test, asks


def _actions(element: Element | None) -> Callable[[str], bool]:
    """NotAction covers what no pattern matches (I62)."""
    if element is None or not element.values:
        raise Malformed(faults.NO_ACTIONS)
    test = match.actions(element.values)
    return (lambda action: not test(action)) if element.negated else test


def _one_of(tests: Sequence[ResourceTest]) -> ResourceTest:
    # All are asked, so that the order does not decide whether one of them can be answered.
    return lambda arn, context: True in [test(arn, context) for test in tests]


def _not(test: ResourceTest) -> ResourceTest:
    return lambda arn, context: not test(arn, context)


def _closed(test: ResourceTest, *, otherwise: bool) -> ResourceTest:
    """The test, with an answer for a variable that cannot be used (I73)."""

    def closed(arn: Arn | None, context: Context) -> bool:
        try:
            return test(arn, context)
        except Malformed:
            return otherwise

    return closed


def _templated(head: match.ArnTest, last: variables.Template) -> ResourceTest:
    """A pattern with variables in its last field; one without a value matches nothing (I74)."""

    def test(arn: Arn | None, context: Context) -> bool:
        if arn is None or not head(arn):
            return False
        resolved = variables.resolve(last, context)
        return resolved is not None and match.glob(resolved)(arn[-1])

    return test


def _anything(_arn: Arn | None, _context: Context) -> bool:
    return True


def _nothing(_arn: Arn | None, _context: Context) -> bool:
    return False


def _everybody(_caller: Caller) -> Grant:
    return Grant.ROLE


def _nobody(_caller: Caller) -> Grant:
    return Grant.NONE
