"""From policies and a request to a decision that names what decided it (I111 to I122).

Nothing is allowed that no policy allows, and one Deny that matches outweighs everything (I112). Otherwise every layer that
there is must allow (I113): each level of service control policies, the identity policies, the permissions boundary, the
session policy. For a role's trust policy see `evaluate_trust`.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import Final, NoReturn, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from isthmus.policy import match
from isthmus.policy.compiled import Compiled, Policy
from isthmus.policy.conditions import Condition
from isthmus.policy.context import Context, Key, fold
from isthmus.policy.document import Effect, Statement
from isthmus.policy.match import Arn
from isthmus.policy.principals import Caller, Grant

REMEMBERED_ACTIONS: Final = 512  # for which a layer knows its statements; more than there are actions here
REMEMBERED_RESOURCES: Final = 128


class Layer(StrEnum):
    """Which policies are meant; in the order in which a refusal names them (I155)."""

    SERVICE_CONTROL = "service control policy"
    TRUST = "role trust policy"
    RESOURCE = "resource-based policy"
    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


class Outcome(StrEnum):
    """What came out, in the words of SimulatePrincipalPolicy (I196)."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


class Attached(Struct, frozen=True):
    """A policy under the name it has where it is attached; `arn` only if it is a managed one or an SCP."""

    policy: Policy
    name: str = ""
    arn: str = ""


class Match(Struct, frozen=True):
    """A statement of a policy of a layer."""

    layer: Layer
    source: Attached
    compiled: Compiled

    @property
    def statement(self) -> Statement:
        """The statement as it was written, with its Sid and its place in the policy."""
        return self.compiled.statement


Candidates: TypeAlias = tuple[tuple[Match, ...], tuple[Match, ...]]
Left: TypeAlias = tuple[tuple[Match, tuple[Condition, ...]], ...]


class PolicySet:
    """The policies of one layer, or of one level of SCPs: their union (I111, I115).

    `candidates(action)` are the statements, first the denying, then the allowing ones, that cover an action, and
    `about(action, resource)` those that are about a resource too, each with what is left to ask of it. They are
    remembered, so that a warm decision looks at none of the others.
    """

    __slots__ = ("about", "candidates", "layer", "statements")

    def __init__(self, layer: Layer, attached: Iterable[Attached]) -> None:
        """Put the statements of the policies side by side."""
        self.layer = layer
        self._index(Match(layer, source, each) for source in attached for each in source.policy.statements)

    def _index(self, statements: Iterable[Match]) -> None:
        self.statements = tuple(statements)
        self.candidates = lru_cache(maxsize=REMEMBERED_ACTIONS)(partial(_candidates, self.statements))
        self.about = lru_cache(maxsize=REMEMBERED_RESOURCES)(partial(_about, self.candidates))

    def settled(self, context: Context, constant: frozenset[str]) -> "PolicySet":
        """The same with what these keys decide decided (`Compiled.settled`)."""
        kept = [(each, each.compiled.settled(context, constant)) for each in self.statements]
        made = PolicySet(self.layer, ())
        made._index(replace(each, compiled=left) for each, left in kept if left is not None)
        return made


def _candidates(statements: Sequence[Match], action: str) -> Candidates:
    folded = fold(action)
    found = [each for each in statements if each.compiled.covers_action(folded)]
    return (
        tuple(each for each in found if each.statement.effect is Effect.DENY),
        tuple(each for each in found if each.statement.effect is Effect.ALLOW),
    )


def _about(candidates: Callable[[str], Candidates], action: str, resource: str) -> tuple[Left, Left]:
    arn = match.resource_arn(resource)
    denies, allows = ([(each, each.compiled.remaining(arn)) for each in some] for some in candidates(action))
    return (
        tuple((each, left) for each, left in denies if left is not None),
        tuple((each, left) for each, left in allows if left is not None),
    )


class PrincipalPolicies:
    """A consistent snapshot of what binds one principal; keep it as long as nothing of it changed.

    `identity` has the inline and attached policies of a user and of its groups, or of a role (I111). `boundary` and
    `session` are None where there is none; empty ones allow nothing. `scps` are levels, from the organization's root to
    the account, None outside of one (I116).

    `settles(action, resource)` is the decision, remembered, where no condition has a say in it.
    """

    __slots__ = ("layers", "settles")

    def __init__(
        self,
        identity: Iterable[Attached] = (),
        boundary: Iterable[Attached] | None = None,
        session: Iterable[Attached] | None = None,
        scps: Iterable[Iterable[Attached]] | None = None,
    ) -> None:
        """Index the statements of every layer."""
        bound = ((Layer.IDENTITY, identity), (Layer.BOUNDARY, boundary), (Layer.SESSION, session))
        self._bind(
            *(PolicySet(Layer.SERVICE_CONTROL, level) for level in scps or ()),
            *(PolicySet(layer, attached) for layer, attached in bound if attached is not None),
        )

    def _bind(self, *layers: PolicySet) -> None:
        self.layers = layers
        self.settles = lru_cache(maxsize=REMEMBERED_RESOURCES)(partial(_settles, layers))

    def settled(self, context: Context, constant: frozenset[str]) -> "PrincipalPolicies":
        """The same for a caller of whom `context` says all that these keys ever will: cheaper to ask, and no less true."""
        made = PrincipalPolicies()
        made._bind(*(each.settled(context, constant) for each in self.layers))
        return made

    @classmethod
    def root(cls, scps: Iterable[Iterable[Attached]] | None = None) -> "PrincipalPolicies":
        """What binds an account's root user: service control policies, and nothing else (I117)."""
        return cls(scps=scps).only(Layer.SERVICE_CONTROL)

    def only(self, layer: Layer) -> "PrincipalPolicies":
        """The same, as far as that layer goes."""
        made = PrincipalPolicies()
        made._bind(*(each for each in self.layers if each.layer is layer))
        return made


class Request(Struct, frozen=True):
    """One action on one resource: its ARN, or `*` for an action that has none (I66, I131)."""

    action: str
    resource: str
    context: Context


class Decision(Struct, frozen=True):
    """What came out of a request, and why.

    `layer` is the one that a refusal names (I155), None when allowed. `matches` are the statements that decided: all
    that deny, by layer, or the first of each layer that allows; none for an implicit deny.
    """

    outcome: Outcome
    action: str
    resource: str
    layer: Layer | None = None
    matches: tuple[Match, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.outcome is Outcome.ALLOWED


class _HangsOnContext(Exception):
    """A decision is about more than an action and a resource."""


class _Unknown(Context):
    """The context of nobody: whoever asks it for anything cannot decide without one."""

    def get(self, wanted: Key) -> NoReturn:
        raise _HangsOnContext(wanted.written)


class ResourcePolicy:
    """The policy of a resource, and the account that owns it. The one that there is here is a role's trust policy."""

    __slots__ = ("account", "policies")

    def __init__(self, policy: Policy, account: str, layer: Layer = Layer.TRUST, name: str = "") -> None:
        """Index the statements."""
        self.account, self.policies = account, PolicySet(layer, [Attached(policy, name)])


# I121, by folded action. The first needs no permission and cannot be denied; the second needs none but can be.
_FREE: Final = frozenset({"sts:getcalleridentity"})
_DENIABLE: Final = frozenset({"sts:getsessiontoken"})
_EXEMPT: Final = _FREE | _DENIABLE

_OWN: Final = frozenset({Layer.IDENTITY, Layer.BOUNDARY, Layer.SESSION})
# Which of the caller's own layers must allow beside a grant of the resource's policy in the same account (I118, I120).
_BESIDE: Final = {
    Grant.NONE: _OWN,
    Grant.ACCOUNT: _OWN,
    Grant.ROLE: frozenset({Layer.BOUNDARY, Layer.SESSION}),
    Grant.CALLER: frozenset[Layer](),
}


_ORDER: Final = {layer: place for place, layer in enumerate(Layer)}
_GRAVITY: Final = {Outcome.EXPLICIT_DENY: 0, Outcome.IMPLICIT_DENY: 1, Outcome.ALLOWED: 2}

Survey: TypeAlias = tuple[list[Match], list[Match], list[Layer]]


def evaluate(policies: PrincipalPolicies, request: Request) -> Decision:
    """Whether those policies let the request through."""
    return policies.settles(request.action, request.resource) or _decide(request, *_survey(policies.layers, request))


def _settles(layers: Sequence[PolicySet], action: str, resource: str) -> Decision | None:
    """What those policies say of every such request, None where it hangs on what else is true of it."""
    request = Request(action, resource, _Unknown())
    try:
        return _decide(request, *_survey(layers, request))
    except _HangsOnContext:
        return None


def evaluate_all(policies: PrincipalPolicies, requests: Iterable[Request]) -> Decision:
    """The decision about a call that makes several checks: each must be allowed, and a Deny counts first (I131, I132)."""
    decisions = [evaluate(policies, request) for request in requests]
    assert decisions, "a call makes at least one check"
    return min(decisions, key=lambda decision: _GRAVITY[decision.outcome])


def evaluate_trust(policies: PrincipalPolicies, caller: Caller, trust: ResourcePolicy, request: Request) -> Decision:
    """Whether a resource's policy lets the caller in, and the caller's own policies let it go there (I118 to I120).

    A trust policy must name the caller. In the caller's own account naming it is enough, and naming the account leaves it
    to the caller's policies; to another account's resource, those must allow in every case. Where a resource's policy is no
    trust policy, its account's own callers need it only if their policies do not allow.
    """
    denying, allowing, missing = _survey(policies.layers, request)
    denies, grant, granting = _ask(trust.policies, caller, request)
    same_account = caller.account == trust.account
    needed = _BESIDE[grant] if same_account else _OWN
    missing = [layer for layer in missing if layer in needed or layer not in _OWN]
    if granting is not None:
        allowing.append(granting)
    elif trust.policies.layer is Layer.TRUST or not same_account:
        missing.append(trust.policies.layer)
    return _decide(request, [*denying, *denies], allowing, missing)


def _survey(layers: Sequence[PolicySet], request: Request) -> Survey:
    """All that denies; without any, the first of each layer that allows, and the layers in which nothing does."""
    action, context = request.action, request.context
    denying: list[Match] = []
    allowing: list[Match] = []
    missing: list[Layer] = []
    for layer in layers:
        denies, allows = layer.about(action, request.resource)
        for each, left in denies:
            if _hold(left, context):
                denying.append(each)
        if denying:
            continue  # what would allow does not count any more
        for each, left in allows:
            if _hold(left, context):
                allowing.append(each)
                break
        else:
            missing.append(layer.layer)
    return denying, allowing, missing


def _hold(conditions: Sequence[Condition], context: Context) -> bool:
    for condition in conditions:  # noqa: SIM110  # a loop takes half the time of all() here
        if not condition(context):
            return False
    return True


def _ask(trust: PolicySet, caller: Caller, request: Request) -> tuple[list[Match], Grant, Match | None]:
    """What in a resource's policy denies this caller, and the firmest grant it has, with its statement."""
    resource = match.resource_arn(request.resource)
    denies, allows = trust.candidates(request.action)
    denying = [each for each in denies if _grant(each, caller, resource, request.context) is not Grant.NONE]
    grants = [(_grant(each, caller, resource, request.context), each) for each in allows]
    grant, granting = max(grants, key=lambda pair: pair[0], default=(Grant.NONE, None))
    return denying, grant, None if grant is Grant.NONE else granting


def _grant(each: Match, caller: Caller, resource: Arn | None, context: Context) -> Grant:
    grant = each.compiled.names(caller)
    return grant if grant is Grant.NONE or each.compiled.applies(resource, context) else Grant.NONE


def _decide(request: Request, denying: list[Match], allowing: list[Match], missing: list[Layer]) -> Decision:
    """A Deny before a missing Allow, and the layers of either in their order (I112, I155); then the exceptions (I121)."""
    action, resource = request.action, request.resource
    if denying and fold(action) not in _FREE:
        denying.sort(key=lambda each: _ORDER[each.layer])
        return Decision(Outcome.EXPLICIT_DENY, action, resource, denying[0].layer, tuple(denying))
    if missing and fold(action) not in _EXEMPT:
        return Decision(Outcome.IMPLICIT_DENY, action, resource, min(missing, key=_ORDER.__getitem__))
    return Decision(Outcome.ALLOWED, action, resource, None, tuple(allowing))
