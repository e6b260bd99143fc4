"""PolicyExclusionList: what would be if a policy were gone (I196a)."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from isthmus.actions.simulation.sources import INLINE, Bound, Source
from isthmus.domain.iam import errors, names
from isthmus.policy import match
from isthmus.wire.shapes import iam

Test = Callable[[Source], bool]

BOUNDARY: Final = "permission-boundary"
SCP: Final = "scp"
# An ARN of a managed policy, whose name alone may have wildcards.
_ARN: Final = r"arn:[a-z-]+:iam::(?:\d{12}|aws):policy/(?:[!-)+->@-~]*/)?[\w+=,.@*?-]+"


def without(bound: Bound, excluded: Sequence[iam.PolicyIdentifier] | None) -> Bound:
    """Return what binds once these are gone; one that names nothing changes nothing. Raises InvalidInput for half a name."""
    if not excluded:
        return bound
    tests = [_test(each) for each in excluded]
    types = {each.policy_type for each in excluded}
    return replace(
        bound,
        identity=[each for each in bound.identity if not any(test(each) for test in tests)],
        boundary=None if BOUNDARY in types else bound.boundary,
        scps=None if SCP in types else bound.scps,
    )


def _test(wanted: iam.PolicyIdentifier) -> Test:
    """Return what finds an identity policy that an identifier names."""
    type_, arn, inline = wanted.policy_type, wanted.policy_arn, wanted.inline_policy_identifier
    if [type_, arn, inline].count(None) != 2:
        raise errors.invalid_input("A policy identifier has one of PolicyType, PolicyArn and InlinePolicyIdentifier.")
    if type_ is not None:
        return lambda source: source.form == type_
    return _by_arn(arn) if arn is not None else _by_holder(inline)  # type: ignore[arg-type]  # one of them is there


def _by_arn(text: str) -> Test:
    """Its name, and nothing else of it, may have wildcards: one `*` at most, and any number of `?`."""
    if re.fullmatch(_ARN, text, re.ASCII) is None or text.count("*") > 1:
        raise errors.invalid_arn(text)
    matches = match.pattern(text)
    return lambda source: matches(source.arn)


def _by_holder(wanted: iam.InlinePolicyIdentifierType) -> Test:
    """The model's pattern lets no wildcards into the names, whatever its text says."""
    name, owner = names.folded(wanted.policy_name), (wanted.attachment_type, names.folded(wanted.attachment_name))
    return lambda source: (
        source.form == INLINE
        and names.folded(source.name) == name
        and (source.holder[0], names.folded(source.holder[1])) == owner
    )
