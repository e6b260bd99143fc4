"""The policy simulator: what policies would say of actions, and which condition keys they ask for (I196a)."""

from collections.abc import Sequence

from isthmus.actions import iam_objects
from isthmus.actions.call import Call
from isthmus.actions.simulation import answers, asked, exclusions, sources
from isthmus.actions.simulation.sources import Bound, Source
from isthmus.wire.shapes import iam


def simulate_principal_policy(request: iam.SimulatePrincipalPolicyRequest, call: Call) -> iam.SimulatePolicyResponse:
    """Say what the policies that bind a user, group or role decide about actions on resources (I111, I122, I196a)."""
    holder = sources.find(call, request.policy_source_arn)
    held = exclusions.without(sources.of_holder(call, holder), request.policy_exclusion_list)
    bound = Bound(
        identity=[*held.identity, *sources.given("PolicyInputList", request.policy_input_list)],
        boundary=sources.boundary(request.permissions_boundary_policy_input_list) or held.boundary,
        scps=held.scps,
    )
    caller = request.caller_arn or request.policy_source_arn
    ids = frozenset({holder.id}) if caller == request.policy_source_arn else frozenset[str]()
    return answers.page(call, request, asked.simulated(call, request, bound, caller, ids))


def simulate_custom_policy(request: iam.SimulateCustomPolicyRequest, call: Call) -> iam.SimulatePolicyResponse:
    """Say what the policies of the request decide about actions on resources (I122, I196a)."""
    iam_objects.authorize(call)
    bound = Bound(
        identity=sources.given("PolicyInputList", request.policy_input_list),
        boundary=sources.boundary(request.permissions_boundary_policy_input_list),
        scps=sources.levels(request.ordered_organization_policy_input_list),
    )
    return answers.page(call, request, asked.simulated(call, request, bound, request.caller_arn))


def get_context_keys_for_principal_policy(
    request: iam.GetContextKeysForPrincipalPolicyRequest, call: Call
) -> iam.GetContextKeysForPolicyResponse:
    """List the condition keys that the policies of a user, group or role ask for, and those of the request (I196a)."""
    holder = sources.find(call, request.policy_source_arn)
    return _keys([*sources.identity(call, holder), *sources.given("PolicyInputList", request.policy_input_list)])


def get_context_keys_for_custom_policy(
    request: iam.GetContextKeysForCustomPolicyRequest, call: Call
) -> iam.GetContextKeysForPolicyResponse:
    """List the condition keys that the policies of the request ask for (I196a)."""
    iam_objects.authorize(call)
    return _keys(sources.given("PolicyInputList", request.policy_input_list))


def _keys(policies: Sequence[Source]) -> iam.GetContextKeysForPolicyResponse:
    """Return each key once, as one of the policies writes it."""
    asked_for = {key.name: key.written for each in policies for key in sorted(each.policy.keys, key=lambda key: key.written)}
    return iam.GetContextKeysForPolicyResponse(context_key_names=[asked_for[name] for name in sorted(asked_for)])
