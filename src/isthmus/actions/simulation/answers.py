"""The results of a simulation, one for each action, and within it one for each resource (I196a)."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from isthmus.actions import iam_pages
from isthmus.actions.authorization.ec2_table import ACTIONS
from isthmus.actions.call import Call
from isthmus.actions.simulation import asked
from isthmus.actions.simulation.asked import ANY, Asked
from isthmus.actions.simulation.judging import Simulation, Verdict, severest
from isthmus.domain.iam import errors
from isthmus.policy import positions
from isthmus.policy.evaluate import Match, Outcome
from isthmus.policy.positions import Position
from isthmus.wire.shapes import iam

ENOUGH: Final = 200_000
"""After how many statements looked at, about half a second, a page ends, however many actions MaxItems says."""
MOST: Final = 1_000_000
"""With how many for one action alone a simulation is refused."""
OVERHEAD: Final = 50
"""What a verdict costs beside them, in statements."""
IDS: Final = {"network-acl": "Nacl"}
"""What the vendor's templates of ARNs call an id, where it is not called after its type."""


class _Length(Struct, frozen=True):
    """What a List asks."""

    marker: str | None
    max_items: int | None


def page(call: Call, request: Asked, simulation: Simulation) -> iam.SimulatePolicyResponse:
    """Return the results for a page of the actions; only those are worked out (I197).

    Raises InvalidInput where even one action is too much: resources by the thousand under statements by the thousand.
    """
    resources = asked.resources(request)
    weight = len(resources) * (simulation.statements + OVERHEAD)
    if weight > MOST:
        raise errors.invalid_input("The simulation has too many resources for so many statements.")
    most = min(request.max_items or iam_pages.DEFAULT_ITEMS, max(1, ENOUGH // weight))
    shown = iam_pages.of_list(call, request.action_names, _Length(request.marker, most), *request.action_names)
    call.store.spend(len(shown.items) * len(resources))
    results = [_result(simulation, action, resources) for action in shown.items]
    return iam.SimulatePolicyResponse(evaluation_results=results, is_truncated=shown.is_truncated, marker=shown.marker)


def _result(simulation: Simulation, action: str, resources: Sequence[str]) -> iam.EvaluationResult:
    verdicts = [simulation.judge(action, resource) for resource in resources]
    outcome = severest([each.outcome for each in verdicts])
    deciding = [found for each in verdicts if each.outcome is outcome for found in each.matches]
    by_organization = _all(each.by_organization for each in verdicts)
    return iam.EvaluationResult(
        eval_action_name=action,
        eval_resource_name=_template(action),
        eval_decision=outcome.value,
        matched_statements=_statements(simulation, deciding),
        missing_context_values=list(dict.fromkeys(name for each in verdicts for name in each.missing)),
        organizations_decision_detail=(
            None if by_organization is None else iam.OrganizationsDecisionDetail(allowed_by_organizations=by_organization)
        ),
        permissions_boundary_decision_detail=_boundary(_all(each.by_boundary for each in verdicts)),
        eval_decision_details=_details(verdicts, is_named=resources != [ANY], is_ended=by_organization is False),
        resource_specific_results=[] if resources == [ANY] else [_specific(simulation, each) for each in verdicts],
    )


def _specific(simulation: Simulation, verdict: Verdict) -> iam.ResourceSpecificResult:
    return iam.ResourceSpecificResult(
        eval_resource_name=verdict.resource,
        eval_resource_decision=verdict.outcome.value,
        matched_statements=_statements(simulation, verdict.matches),
        missing_context_values=verdict.missing,
        eval_decision_details=None if verdict.details is None else dict(verdict.details),
        permissions_boundary_decision_detail=_boundary(verdict.by_boundary),
    )


def _statements(simulation: Simulation, matches: Iterable[Match]) -> list[iam.Statement]:
    """Return the statements that decided, each once, with where they stand in their policies."""
    named = [(simulation.source_of(match), match) for match in matches]
    found = {(source.id, source.arn, match.statement.index): (source, match) for source, match in named}
    return [
        iam.Statement(
            source_policy_id=source.id,
            source_policy_type=source.type,
            start_position=None if place is None else _position(place[0]),
            end_position=None if place is None else _position(place[1]),
        )
        for source, match in found.values()
        for place in (_place(source.text, match),)
    ]


def _place(text: str, match: Match) -> tuple[Position, Position] | None:
    """Return where a statement stands; nowhere in a text that cannot be read, of which it speaks (I56)."""
    return None if match.statement.problem else positions.statements(text)[match.statement.index]


def _position(place: Position) -> iam.Position:
    return iam.Position(line=place.line, column=place.column)


def _boundary(allows: bool | None) -> iam.PermissionsBoundaryDecisionDetail | None:  # noqa: FBT001 - the one thing it is about
    return None if allows is None else iam.PermissionsBoundaryDecisionDetail(allowed_by_permissions_boundary=allows)


def _details(verdicts: Sequence[Verdict], *, is_named: bool, is_ended: bool) -> dict[str, str] | None:
    """Return the severest decision of each kind of policy: none for `*` in one account, and none where SCPs ended it."""
    found = [each.details for each in verdicts if each.details is not None]
    if is_ended or not (found or is_named):
        return None
    kinds = dict.fromkeys(kind for each in found for kind in each)
    return {kind: severest([Outcome(each[kind]) for each in found]).value for kind in kinds}


def _all(answers: Iterable[bool | None]) -> bool | None:
    """Whether all say yes; None where there is nothing to say, which is then so for every resource."""
    given = [each for each in answers if each is not None]
    return all(given) if given else None


def _template(action: str) -> str:
    """Return how the ARNs of an action's first type of resource are built, `*` where no table here says so."""
    service, _, name = action.partition(":")
    types = ACTIONS.get(name, ()) if service.lower() == "ec2" else ()
    if not types:
        return ANY
    kind = types[0].name
    word = IDS.get(kind) or "".join(part.capitalize() for part in kind.split("-"))
    return f"arn:${{Partition}}:ec2:${{Region}}:${{Account}}:{kind}/${{{word}Id}}"
