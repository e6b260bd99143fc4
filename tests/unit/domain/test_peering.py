"""The life cycle of a connection, who may what, what each side sees, and what happens to it with its VPCs."""

from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from isthmus.domain import peering as rules
from isthmus.domain.errors import ApiError
from isthmus.domain.peering import (
    DAY,
    ENDED,
    ESTABLISHED,
    HOUR,
    LIFETIME,
    LIVE,
    OUTSTANDING,
    Delays,
    Event,
    OptionChange,
    Options,
    Peering,
    Side,
    State,
    View,
)
from tests.peerings import (
    ACCEPTER_VPC,
    CREATED,
    EVERY_END,
    EVERY_STATE,
    HERE,
    ID,
    INSTANT,
    ONE,
    OTHER,
    REQUESTER_VPC,
    SLOW,
    THERE,
    accepter,
    peering,
    prefixes,
    requester,
    with_blocks,
    with_options,
)

LATER = CREATED + 60_000
STRANGER = "333333333333"


def outcome_of(step: Callable[..., Peering], *arguments: object, **named: object) -> str:
    """The state a step leads to, or the code of its refusal."""
    try:
        return step(*arguments, **named).state.value
    except ApiError as error:
        return error.code


def refusal(step: Callable[..., object], *arguments: object, **named: object) -> tuple[str, str]:
    with pytest.raises(ApiError) as error:
        step(*arguments, **named)
    return error.value.code, error.value.message


def invalid_step(state: str, target: str) -> tuple[str, str]:
    return (
        "InvalidStateTransition",
        f"Invalid state transition for {ID}, attempted to transition from {state} to {target}",
    )


# --- the table ------------------------------------------------------------------------------------------------------

MOVES = {
    ("initiating-request", "INITIATED"): "pending-acceptance",
    ("initiating-request", "FAIL"): "failed",
    ("initiating-request", "DELETE"): "deleted",
    ("pending-acceptance", "ACCEPT"): "provisioning",
    ("pending-acceptance", "REJECT"): "rejected",
    ("pending-acceptance", "DELETE"): "deleted",
    ("pending-acceptance", "EXPIRE"): "expired",
    ("pending-acceptance", "FAIL"): "failed",
    ("provisioning", "PROVISIONED"): "active",
    ("provisioning", "DELETE"): "deleting",
    ("active", "DELETE"): "deleting",
    ("deleting", "DELETED"): "deleted",
}
"""The life cycle, written down a second time, by hand from S206."""

NAMED_IN_REFUSALS = {
    "INITIATED": "pending-acceptance",
    "ACCEPT": "provisioning",
    "PROVISIONED": "active",
    "REJECT": "rejected",
    "DELETE": "deleting",
    "DELETED": "deleted",
    "EXPIRE": "expired",
    "FAIL": "failed",
}


@pytest.mark.rule("S203")
def test_there_are_nine_states() -> None:
    assert {state.value for state in State} == {
        "initiating-request",
        "pending-acceptance",
        "active",
        "deleted",
        "rejected",
        "failed",
        "expired",
        "provisioning",
        "deleting",
    }


@pytest.mark.rule("S206", "S256", "S259", "S262")
@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_event_moves_a_connection_or_is_refused_by_name(state: State, event: Event) -> None:
    before = peering(state, region=THERE)
    target = MOVES.get((state.value, event.name))
    if target:
        assert before.advance(event, LATER, SLOW, by=ONE).state.value == target
    else:
        assert refusal(before.advance, event, LATER, SLOW) == invalid_step(state.value, NAMED_IN_REFUSALS[event.name])


@pytest.mark.rule("S206")
@pytest.mark.parametrize("state", EVERY_END)
def test_nothing_leaves_a_terminal_state(state: State) -> None:
    assert rules.TRANSITIONS[state] == {}
    assert (peering(state).due_at, peering(state).due_state) == (None, None)
    assert rules.settle(peering(state), CREATED + 1_000 * DAY) == peering(state)


def test_the_groups_of_states_share_out_all_but_deleting() -> None:
    assert sorted([*OUTSTANDING, *ESTABLISHED, *ENDED, State.DELETING]) == sorted(State)
    assert LIVE == OUTSTANDING | ESTABLISHED
    assert {State.INITIATING_REQUEST, State.PENDING_ACCEPTANCE} == OUTSTANDING
    assert {State.PROVISIONING, State.ACTIVE} == ESTABLISHED


@pytest.mark.rule("S204", "S205")
@pytest.mark.parametrize(
    ("state", "message"),
    [
        (State.INITIATING_REQUEST, f"Initiating Request to {OTHER}"),
        (State.PENDING_ACCEPTANCE, f"Pending Acceptance by {OTHER}"),
        (State.PROVISIONING, "Provisioning"),
        (State.ACTIVE, "Active"),
        (State.FAILED, "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"),
        (State.REJECTED, f"Rejected by {OTHER}"),
        (State.DELETING, "Deleting"),
        (State.DELETED, f"Deleted by {ONE}"),
        (State.EXPIRED, "Expired"),
    ],
)
def test_every_state_has_its_message(state: State, message: str) -> None:
    assert peering(state).message == message


# --- time -----------------------------------------------------------------------------------------------------------


def asked(*, accepter_exists: bool = True, now: int = CREATED, delays: Delays = SLOW, region: str = HERE) -> Peering:
    return rules.request(ID, requester(), accepter(region=region), accepter_exists=accepter_exists, now=now, delays=delays)


@pytest.mark.rule("S207", "S208")
@pytest.mark.parametrize(("exists", "next_state"), [(True, State.PENDING_ACCEPTANCE), (False, State.FAILED)])
def test_a_request_starts_as_initiating_and_knows_what_comes_next(exists: bool, next_state: State) -> None:
    it = asked(accepter_exists=exists)
    assert it == Peering(
        ID,
        requester(),
        accepter(),
        accepter_exists=exists,
        state=State.INITIATING_REQUEST,
        created_at=CREATED,
        expires_at=CREATED + LIFETIME,
        due_at=CREATED + 1_500,
        due_state=next_state,
    )


@pytest.mark.rule("S207")
def test_without_delays_a_request_still_starts_as_initiating() -> None:
    it = asked(delays=INSTANT)
    assert (it.state, it.due_at) == (State.INITIATING_REQUEST, CREATED)
    assert rules.settle(it, CREATED).state is State.PENDING_ACCEPTANCE


@pytest.mark.rule("S210")
@pytest.mark.parametrize("milliseconds", [0, 1, 499, 999])
def test_a_request_runs_out_seven_days_after_the_second_of_its_creation(milliseconds: int) -> None:
    assert LIFETIME == 7 * 24 * 60 * 60 * 1_000
    assert asked(now=CREATED + milliseconds).expires_at == CREATED + LIFETIME


@pytest.mark.rule("S208", "S211")
@pytest.mark.parametrize(
    ("after", "state", "due_at", "due_state", "ended_at"),
    [
        (0, State.INITIATING_REQUEST, CREATED + 1_500, State.PENDING_ACCEPTANCE, None),
        (1_499, State.INITIATING_REQUEST, CREATED + 1_500, State.PENDING_ACCEPTANCE, None),
        (1_500, State.PENDING_ACCEPTANCE, CREATED + LIFETIME, State.EXPIRED, None),
        (LIFETIME - 1, State.PENDING_ACCEPTANCE, CREATED + LIFETIME, State.EXPIRED, None),
        (LIFETIME, State.EXPIRED, None, None, CREATED + LIFETIME),
        (LIFETIME + 30 * DAY, State.EXPIRED, None, None, CREATED + LIFETIME),
    ],
)
def test_an_unanswered_request_goes_its_way_at_exact_instants(
    after: int, state: State, due_at: int | None, due_state: State | None, ended_at: int | None
) -> None:
    it = rules.settle(asked(), CREATED + after)
    assert (it.state, it.due_at, it.due_state, it.ended_at) == (state, due_at, due_state, ended_at)


@pytest.mark.rule("S208")
@pytest.mark.parametrize(("after", "state"), [(1_999, State.PROVISIONING), (2_000, State.ACTIVE)])
def test_an_accepted_request_is_active_once_it_is_provisioned(after: int, state: State) -> None:
    accepted = rules.accept(peering(), LATER, SLOW)
    assert (accepted.due_at, accepted.due_state) == (LATER + 2_000, State.ACTIVE)
    settled = rules.settle(accepted, LATER + after)
    assert settled.state is state
    if state is State.ACTIVE:
        assert (settled.due_at, settled.due_state, settled.ended_at) == (None, None, None)


@pytest.mark.rule("S209")
@pytest.mark.parametrize("state", [State.PROVISIONING, State.ACTIVE])
@pytest.mark.parametrize(
    ("region", "delays", "at_once", "deleted_after"),
    [(HERE, SLOW, State.DELETED, 0), (THERE, SLOW, State.DELETING, 1_000), (THERE, INSTANT, State.DELETED, 0)],
)
def test_deleting_takes_time_between_regions_only(
    state: State, region: str, delays: Delays, at_once: State, deleted_after: int
) -> None:
    deleted = rules.delete(peering(state, region=region), ONE, LATER, delays)
    assert (deleted.state, deleted.ended_by) == (at_once, ONE)
    settled = rules.settle(deleted, LATER + deleted_after)
    assert (settled.state, settled.ended_at, settled.ended_by) == (State.DELETED, LATER + deleted_after, ONE)
    if deleted_after:
        still = rules.settle(deleted, LATER + deleted_after - 1)
        assert (still.state, still.ended_at, still.due_state) == (State.DELETING, None, State.DELETED)


@pytest.mark.parametrize("state", EVERY_STATE)
def test_only_an_ended_connection_has_an_end(state: State) -> None:
    assert peering(state, at=LATER).ended_at == (LATER if state in ENDED else None)


def test_a_step_that_falls_due_at_the_same_instant_is_taken_with_the_event() -> None:
    moved = peering(State.INITIATING_REQUEST).advance(Event.INITIATED, CREATED + LIFETIME)
    assert (moved.state, moved.ended_at) == (State.EXPIRED, CREATED + LIFETIME)


def test_who_ended_a_connection_is_told_of_deletions_only() -> None:
    assert peering().advance(Event.REJECT, LATER).ended_by == ""
    assert peering().advance(Event.DELETE, LATER, by=OTHER).ended_by == OTHER


# --- the two ends ---------------------------------------------------------------------------------------------------


def test_an_end_is_placed_by_account_and_region_and_known_by_its_vpc_too() -> None:
    assert requester().place == (ONE, HERE)
    assert requester().identity == (ONE, HERE, REQUESTER_VPC)


@pytest.mark.parametrize("side", Side)
def test_a_side_is_taken_and_replaced_alone(side: Side) -> None:
    it, new = peering(), requester(account=STRANGER)
    changed = it.with_end(side, new)
    other = Side.ACCEPTER if side is Side.REQUESTER else Side.REQUESTER
    assert changed.end(side) == new
    assert changed.end(other) == it.end(other)
    assert (it.end(Side.REQUESTER), it.end(Side.ACCEPTER)) == (it.requester, it.accepter)


@pytest.mark.parametrize(
    ("account", "region", "one_account", "inter_region"),
    [(ONE, HERE, True, False), (OTHER, HERE, False, False), (ONE, THERE, True, True), (OTHER, THERE, False, True)],
)
def test_the_four_relations_of_two_vpcs(account: str, region: str, one_account: bool, inter_region: bool) -> None:
    it = peering(account=account, region=region)
    assert (it.is_one_account, it.is_inter_region) == (one_account, inter_region)


def test_a_new_end_has_no_blocks_and_no_options() -> None:
    end = rules.End(ONE, HERE, REQUESTER_VPC)
    assert (end.blocks, end.options) == ((), Options.NONE)


def test_a_vpc_is_an_end_by_its_whole_identity_and_only_if_it_was_found() -> None:
    it = peering()
    assert rules.joins(it, requester())
    assert rules.joins(it, accepter())
    assert not rules.joins(it, accepter(account=STRANGER))
    assert not rules.joins(it, accepter(region=THERE))
    assert rules.joins(peering(exists=False), requester())
    assert not rules.joins(peering(exists=False), accepter())


# --- asking ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S241")
@pytest.mark.parametrize(
    ("ours", "theirs", "state"),
    [
        (["10.1.0.0/16"], ["10.2.0.0/16"], State.PENDING_ACCEPTANCE),
        (["10.1.0.0/16"], ["10.1.0.0/16"], State.FAILED),
        (["10.1.0.0/16"], ["10.1.255.0/24"], State.FAILED),
        (["10.1.0.0/16", "10.3.0.0/16"], ["10.2.0.0/16", "10.3.128.0/20"], State.FAILED),
        (["10.1.0.0/16", "2001:db8::/56"], ["10.2.0.0/16", "2001:db8::/56"], State.FAILED),
        (["10.1.0.0/16", "2001:db8::/56"], ["10.2.0.0/16", "2001:db8:0:100::/56"], State.PENDING_ACCEPTANCE),
    ],
)
def test_blocks_that_overlap_anywhere_make_a_request_fail(ours: list[str], theirs: list[str], state: State) -> None:
    assert rules.fate(with_blocks(peering(State.INITIATING_REQUEST), ours, theirs)) is state


@pytest.mark.rule("S236")
def test_a_request_to_a_vpc_that_is_not_there_fails() -> None:
    assert rules.fate(peering(State.INITIATING_REQUEST, exists=False)) is State.FAILED


@pytest.mark.rule("S240")
def test_a_request_of_a_vpc_to_itself_fails_even_without_blocks() -> None:
    bare = requester(blocks=())
    itself = replace(peering(State.INITIATING_REQUEST), requester=bare, accepter=bare)
    assert rules.fate(itself) is State.FAILED


@pytest.mark.rule("S243")
@pytest.mark.parametrize(("count", "refused"), [(0, False), (2, False), (3, True), (4, True)])
def test_outstanding_requests_are_refused_from_the_limit_on(count: int, refused: bool) -> None:
    if refused:
        assert refusal(rules.check_outstanding, count, 3) == (
            "PendingVpcPeeringConnectionLimitExceeded",
            "Vpc peering connection request limit exceeded.",
        )
    else:
        rules.check_outstanding(count, 3)


# --- answering ------------------------------------------------------------------------------------------------------


def answered(verb: str, it: Peering, account: str, region: str) -> None:
    if verb == "accept":
        rules.check_may_accept(it, account, region)
    else:
        rules.reject(it, account, region, LATER)


@pytest.mark.rule("S253", "S254")
@pytest.mark.parametrize("verb", ["accept", "reject"])
@pytest.mark.parametrize("account", [ONE, STRANGER])
def test_only_the_accepters_account_answers(verb: str, account: str) -> None:
    answered(verb, peering(), OTHER, HERE)
    assert refusal(answered, verb, peering(), account, HERE) == (
        "OperationNotPermitted",
        f"User {account} cannot {verb} peering {ID}",
    )


@pytest.mark.rule("S255")
@pytest.mark.parametrize(("verb", "words"), [("accept", "must be accepted"), ("reject", "must be accepted or rejected")])
@pytest.mark.parametrize("account", [ONE, OTHER])
def test_the_accepter_answers_in_its_own_region(verb: str, words: str, account: str) -> None:
    it = peering(account=account, region=THERE)
    answered(verb, it, account, THERE)
    assert refusal(answered, verb, it, account, HERE) == (
        "OperationNotPermitted",
        f"Incorrect region ({HERE}) specified for this request. VPC peering connection {ID} {words} in region {THERE}",
    )


@pytest.mark.rule("S255")
@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_the_wrong_account_counts_before_the_wrong_region(verb: str) -> None:
    assert refusal(answered, verb, peering(region=THERE), ONE, HERE)[1] == f"User {ONE} cannot {verb} peering {ID}"


@pytest.mark.rule("S253")
def test_in_one_account_that_account_answers() -> None:
    answered("accept", peering(account=ONE), ONE, HERE)
    answered("reject", peering(account=ONE), ONE, HERE)


@pytest.mark.rule("S256", "S257", "S253")
@pytest.mark.parametrize("state", [state for state in State if state is not State.PENDING_ACCEPTANCE])
def test_only_a_pending_request_is_answered(state: State) -> None:
    assert refusal(answered, "accept", peering(state), OTHER, HERE) == invalid_step(state, "provisioning")
    assert refusal(answered, "reject", peering(state), OTHER, HERE) == invalid_step(state, "rejected")


@pytest.mark.rule("S254")
def test_who_asks_counts_before_the_state() -> None:
    assert refusal(answered, "accept", peering(State.ACTIVE), ONE, HERE)[0] == "OperationNotPermitted"
    assert refusal(answered, "reject", peering(State.ACTIVE), ONE, HERE)[0] == "OperationNotPermitted"


@pytest.mark.rule("S242", "S258")
def test_a_pair_that_is_joined_already_is_not_joined_again() -> None:
    rules.check_pair(peering(), 0)
    assert refusal(rules.check_pair, peering(), 1) == (
        "VpcPeeringConnectionAlreadyExists",
        f"The vpc peering connection identified by {ID} already exists.",
    )


@pytest.mark.rule("S243")
@pytest.mark.parametrize(
    ("counts", "refused"), [((0, 0), False), ((2, 2), False), ((3, 0), True), ((0, 3), True), ((4, 4), True)]
)
def test_either_vpc_at_its_limit_forbids_acceptance(counts: tuple[int, int], refused: bool) -> None:
    if refused:
        assert refusal(rules.check_active, counts, 3) == (
            "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
            "The maximum number of active VPC peering connections for the VPC has been reached.",
        )
    else:
        rules.check_active(counts, 3)


@pytest.mark.rule("S225")
@pytest.mark.parametrize("delays", [INSTANT, SLOW])
def test_accepting_answers_provisioning_whatever_the_delay(delays: Delays) -> None:
    assert rules.accept(peering(), LATER, delays).state is State.PROVISIONING


@pytest.mark.rule("S258")
def test_accepting_blocks_that_overlap_by_now_fails_the_request() -> None:
    failed = rules.accept(with_blocks(peering(), ["10.1.0.0/16"], ["10.1.0.0/24"]), LATER, SLOW)
    assert (failed.state, failed.ended_at) == (State.FAILED, LATER)


def test_accepting_takes_over_multipath_resilience_and_nothing_else() -> None:
    every = Options.DNS_RESOLUTION | Options.CLASSIC_LINK_TO_VPC | Options.MULTIPATH_RESILIENCE
    accepted = rules.accept(with_options(peering(region=THERE), every, Options.VPC_TO_CLASSIC_LINK), LATER, SLOW)
    assert accepted.accepter.options == Options.VPC_TO_CLASSIC_LINK | Options.MULTIPATH_RESILIENCE
    assert accepted.requester.options == every
    plain = rules.accept(with_options(peering(region=THERE), Options.DNS_RESOLUTION), LATER, SLOW)
    assert plain.accepter.options == Options.NONE


@pytest.mark.rule("S262")
def test_rejecting_ends_the_request() -> None:
    rejected = rules.reject(peering(), OTHER, HERE, LATER)
    assert (rejected.state, rejected.ended_at, rejected.due_at) == (State.REJECTED, LATER, None)


@pytest.mark.rule("S259", "S260", "S261")
@pytest.mark.parametrize(
    ("state", "by_requester", "by_accepter"),
    [
        (State.INITIATING_REQUEST, "deleted", "OperationNotPermitted"),
        (State.PENDING_ACCEPTANCE, "deleted", "OperationNotPermitted"),
        (State.PROVISIONING, "deleted", "deleted"),
        (State.ACTIVE, "deleted", "deleted"),
        (State.DELETING, "deleting", "deleting"),
        (State.DELETED, "deleted", "deleted"),
        (State.REJECTED, "InvalidStateTransition", "InvalidStateTransition"),
        (State.FAILED, "InvalidStateTransition", "InvalidStateTransition"),
        (State.EXPIRED, "InvalidStateTransition", "InvalidStateTransition"),
    ],
)
def test_who_may_delete_in_which_state(state: State, by_requester: str, by_accepter: str) -> None:
    assert outcome_of(rules.delete, peering(state), ONE, LATER, SLOW) == by_requester
    assert outcome_of(rules.delete, peering(state), OTHER, LATER, SLOW) == by_accepter


@pytest.mark.rule("S260")
def test_the_accepter_is_told_that_it_cannot_take_a_request_back() -> None:
    assert refusal(rules.delete, peering(), OTHER, LATER, SLOW) == (
        "OperationNotPermitted",
        f"User {OTHER} cannot delete peering {ID}",
    )


@pytest.mark.rule("S259")
@pytest.mark.parametrize("state", [State.FAILED, State.REJECTED, State.EXPIRED])
def test_an_ended_request_is_not_deleted(state: State) -> None:
    assert refusal(rules.delete, peering(state), ONE, LATER, SLOW) == invalid_step(state, "deleting")


@pytest.mark.rule("S261")
@pytest.mark.parametrize("state", [State.DELETING, State.DELETED])
def test_deleting_again_changes_nothing(state: State) -> None:
    before = peering(state, region=THERE, by=ONE)
    assert rules.delete(before, OTHER, LATER, SLOW) is before


@pytest.mark.parametrize("by", [ONE, OTHER])
def test_the_deleter_is_remembered(by: str) -> None:
    deleted = rules.delete(peering(State.ACTIVE), by, LATER, SLOW)
    assert (deleted.message, deleted.ended_at) == (f"Deleted by {by}", LATER)


# --- options --------------------------------------------------------------------------------------------------------

ON = OptionChange(Options.DNS_RESOLUTION, Options.DNS_RESOLUTION)
OFF = OptionChange(Options.DNS_RESOLUTION, Options.NONE)
RESILIENT = OptionChange(Options.MULTIPATH_RESILIENCE, Options.MULTIPATH_RESILIENCE)
BOTH_SIDES = {Side.REQUESTER: ON, Side.ACCEPTER: ON}


@pytest.mark.rule("S281")
@pytest.mark.parametrize("state", State)
def test_options_belong_to_active_connections_only(state: State) -> None:
    if state is State.ACTIVE:
        rules.check_may_modify(peering(state), ONE, HERE, {Side.REQUESTER: ON})
    else:
        assert refusal(rules.check_may_modify, peering(state), ONE, HERE, {Side.REQUESTER: ON}) == (
            "OperationNotPermitted",
            f"Peering {ID} is not active. Peering options can be added only to active peerings.",
        )


@pytest.mark.rule("S282")
@pytest.mark.parametrize(
    ("account", "changes", "side"),
    [
        (ONE, {Side.ACCEPTER: ON}, "accepter"),
        (OTHER, {Side.REQUESTER: ON}, "requester"),
        (ONE, BOTH_SIDES, "accepter"),
        (OTHER, BOTH_SIDES, "requester"),
    ],
)
@pytest.mark.parametrize("region", [HERE, THERE])
def test_an_account_changes_its_own_side_only(
    account: str, changes: Mapping[Side, OptionChange], side: str, region: str
) -> None:
    assert refusal(rules.check_may_modify, peering(State.ACTIVE, region=region), account, HERE, changes) == (
        "OperationNotPermitted",
        f"User {account} does not have permission to modify the {side} side peering options",
    )


@pytest.mark.rule("S283")
def test_one_account_in_one_region_changes_both_sides() -> None:
    rules.check_may_modify(peering(State.ACTIVE, account=ONE), ONE, HERE, BOTH_SIDES)


@pytest.mark.rule("S284")
@pytest.mark.parametrize(
    ("region", "changes", "side"),
    [
        (THERE, {Side.REQUESTER: ON}, "Requester"),
        (HERE, {Side.ACCEPTER: ON}, "Accepter"),
        (HERE, BOTH_SIDES, "Accepter"),
        (THERE, BOTH_SIDES, "Requester"),
    ],
)
def test_between_regions_each_side_is_changed_in_its_own(
    region: str, changes: Mapping[Side, OptionChange], side: str
) -> None:
    it = peering(State.ACTIVE, account=ONE, region=THERE)
    rules.check_may_modify(it, ONE, HERE, {Side.REQUESTER: ON})
    rules.check_may_modify(it, ONE, THERE, {Side.ACCEPTER: ON})
    assert refusal(rules.check_may_modify, it, ONE, region, changes) == (
        "OperationNotPermitted",
        f"{side}'s VPC Peering connection options cannot be modified for a different region",
    )


@pytest.mark.rule("S285")
@pytest.mark.parametrize("option", [Options.CLASSIC_LINK_TO_VPC, Options.VPC_TO_CLASSIC_LINK])
@pytest.mark.parametrize("on", [True, False])
def test_between_regions_classic_link_is_refused_even_when_it_is_off(option: Options, on: bool) -> None:
    changes = {Side.REQUESTER: ON, Side.ACCEPTER: OptionChange(option, option if on else Options.NONE)}
    assert refusal(rules.check_may_modify, peering(State.ACTIVE, account=ONE, region=THERE), ONE, HERE, changes) == (
        "OperationNotPermitted",
        (
            "Modifying VPC peering connection options AllowEgressFromLocalClassicLinkToRemoteVpc, "
            "AllowEgressFromLocalVpcToRemoteClassicLink is not supported for cross-region VPC peering connections"
        ),
    )
    rules.check_may_modify(peering(State.ACTIVE, account=ONE), ONE, HERE, changes)


def test_multipath_resilience_is_for_two_regions() -> None:
    words = "Multipath resilience is supported only for inter-Region VPC peering connections."
    rules.check_may_modify(peering(State.ACTIVE, region=THERE), ONE, HERE, {Side.REQUESTER: RESILIENT})
    within = refusal(rules.check_may_modify, peering(State.ACTIVE), ONE, HERE, {Side.REQUESTER: RESILIENT})
    assert within == ("OperationNotPermitted", words)
    assert refusal(rules.check_multipath, RESILIENT, is_inter_region=False) == ("OperationNotPermitted", words)
    rules.check_multipath(OptionChange(Options.MULTIPATH_RESILIENCE, Options.NONE), is_inter_region=False)
    rules.check_multipath(ON, is_inter_region=False)
    rules.check_multipath(RESILIENT, is_inter_region=True)


@pytest.mark.parametrize(
    ("requester_on", "accepter_on", "status"),
    [(False, False, "disabled"), (True, False, "pending"), (False, True, "pending"), (True, True, "enabled")],
)
def test_multipath_resilience_needs_both_sides(requester_on: bool, accepter_on: bool, status: str) -> None:
    on = {True: Options.MULTIPATH_RESILIENCE | Options.DNS_RESOLUTION, False: Options.DNS_RESOLUTION}
    it = with_options(peering(State.ACTIVE), on[requester_on], on[accepter_on])
    assert rules.multipath_status(it) == status


@pytest.mark.rule("S286", "S287")
@pytest.mark.parametrize(("change", "needed"), [(ON, True), (OFF, False), (RESILIENT, False)])
def test_only_turning_dns_resolution_on_needs_hostnames(change: OptionChange, needed: bool) -> None:
    assert rules.needs_dns_hostnames(change) is needed


@pytest.mark.rule("S288")
def test_options_that_are_not_named_keep_their_value() -> None:
    before = with_options(
        peering(State.ACTIVE), Options.DNS_RESOLUTION | Options.CLASSIC_LINK_TO_VPC, Options.VPC_TO_CLASSIC_LINK
    )
    one = rules.modify(before, {Side.REQUESTER: OFF})
    assert (one.requester.options, one.accepter.options) == (Options.CLASSIC_LINK_TO_VPC, Options.VPC_TO_CLASSIC_LINK)
    both = rules.modify(before, {Side.REQUESTER: RESILIENT, Side.ACCEPTER: ON})
    assert both.requester.options == before.requester.options | Options.MULTIPATH_RESILIENCE
    assert both.accepter.options == Options.VPC_TO_CLASSIC_LINK | Options.DNS_RESOLUTION
    assert rules.modify(before, {}) == before


@pytest.mark.rule("S228")
def test_all_options_are_off_at_first() -> None:
    assert (asked().requester.options, asked().accepter.options) == (Options.NONE, Options.NONE)


# --- effects of what happens to a VPC ---------------------------------------------------------------------------------


@pytest.mark.rule("S276", "S277")
@pytest.mark.parametrize(
    ("state", "by_requester", "by_accepter"),
    [
        (State.INITIATING_REQUEST, "deleted", "DependencyViolation"),
        (State.PENDING_ACCEPTANCE, "deleted", "DependencyViolation"),
        (State.PROVISIONING, "DependencyViolation", "DependencyViolation"),
        (State.ACTIVE, "DependencyViolation", "DependencyViolation"),
        (State.DELETING, "DependencyViolation", "DependencyViolation"),
        (State.DELETED, "deleted", "deleted"),
        (State.REJECTED, "rejected", "rejected"),
        (State.FAILED, "failed", "failed"),
        (State.EXPIRED, "expired", "expired"),
    ],
)
def test_what_deleting_a_vpc_does_to_its_connection(state: State, by_requester: str, by_accepter: str) -> None:
    assert outcome_of(rules.vpc_deleted, peering(state), REQUESTER_VPC, ONE, LATER) == by_requester
    assert outcome_of(rules.vpc_deleted, peering(state), ACCEPTER_VPC, OTHER, LATER) == by_accepter


@pytest.mark.rule("S277")
def test_a_request_ends_with_its_requesters_vpc() -> None:
    ended = rules.vpc_deleted(peering(), REQUESTER_VPC, ONE, LATER)
    assert (ended.message, ended.ended_at) == (f"Deleted by {ONE}", LATER)


@pytest.mark.rule("S276")
def test_a_connection_that_holds_a_vpc_is_not_named() -> None:
    assert refusal(rules.vpc_deleted, peering(State.ACTIVE), ACCEPTER_VPC, OTHER, LATER) == (
        "DependencyViolation",
        f"The vpc '{ACCEPTER_VPC}' has dependencies and cannot be deleted.",
    )


FREE, ACCEPTERS, REQUESTERS = "10.9.0.0/16", "10.2.7.0/24", "10.1.7.0/24"


@pytest.mark.rule("S278")
@pytest.mark.parametrize(
    ("state", "vpc_id", "block", "outcome"),
    [
        (State.INITIATING_REQUEST, REQUESTER_VPC, FREE, "InvalidVpc.Range"),
        (State.PENDING_ACCEPTANCE, REQUESTER_VPC, FREE, "InvalidVpc.Range"),
        (State.PENDING_ACCEPTANCE, REQUESTER_VPC, ACCEPTERS, "InvalidVpc.Range"),
        (State.INITIATING_REQUEST, ACCEPTER_VPC, REQUESTERS, "failed"),
        (State.PENDING_ACCEPTANCE, ACCEPTER_VPC, FREE, "pending-acceptance"),
        (State.PENDING_ACCEPTANCE, ACCEPTER_VPC, REQUESTERS, "failed"),
        (State.PROVISIONING, REQUESTER_VPC, ACCEPTERS, "InvalidVpc.Range"),
        (State.ACTIVE, REQUESTER_VPC, ACCEPTERS, "InvalidVpc.Range"),
        (State.ACTIVE, ACCEPTER_VPC, REQUESTERS, "InvalidVpc.Range"),
        (State.ACTIVE, REQUESTER_VPC, FREE, "active"),
        (State.ACTIVE, ACCEPTER_VPC, FREE, "active"),
        (State.DELETING, REQUESTER_VPC, ACCEPTERS, "deleting"),
        (State.DELETING, ACCEPTER_VPC, REQUESTERS, "deleting"),
        (State.DELETED, REQUESTER_VPC, ACCEPTERS, "deleted"),
        (State.REJECTED, REQUESTER_VPC, ACCEPTERS, "rejected"),
        (State.EXPIRED, ACCEPTER_VPC, REQUESTERS, "expired"),
        (State.FAILED, ACCEPTER_VPC, REQUESTERS, "failed"),
    ],
)
def test_what_adding_a_block_does_to_a_connection(state: State, vpc_id: str, block: str, outcome: str) -> None:
    (added,) = prefixes(block)
    assert outcome_of(rules.block_added, peering(state), vpc_id, added, LATER) == outcome


@pytest.mark.rule("S278")
@pytest.mark.parametrize(
    ("state", "block"), [(State.PENDING_ACCEPTANCE, FREE), (State.ACTIVE, ACCEPTERS), (State.PROVISIONING, ACCEPTERS)]
)
def test_a_block_that_a_connection_forbids_is_refused_with_both_names(state: State, block: str) -> None:
    (added,) = prefixes(block)
    assert refusal(rules.block_added, peering(state), REQUESTER_VPC, added, LATER) == (
        "InvalidVpc.Range",
        f"The CIDR '{block}' cannot be added because of the VPC peering connection {ID}",
    )


@pytest.mark.rule("S278")
def test_a_request_that_a_block_fails_ends_then_and_one_that_it_leaves_alone_is_unchanged() -> None:
    overlapping, free = prefixes(REQUESTERS, FREE)
    assert rules.block_added(peering(), ACCEPTER_VPC, overlapping, LATER).ended_at == LATER
    assert rules.block_added(peering(), ACCEPTER_VPC, free, LATER) == peering()


@pytest.mark.rule("S279")
@pytest.mark.parametrize("state", State)
def test_a_connection_follows_the_blocks_of_its_vpcs_until_it_ends(state: State) -> None:
    it, new = peering(state), prefixes("10.2.0.0/16", FREE)
    after = rules.with_blocks(it, ACCEPTER_VPC, new)
    assert after.requester == it.requester
    assert after.accepter.blocks == (it.accepter.blocks if state in ENDED else new)
    assert rules.with_blocks(it, "vpc-0000000000000000c", new) == it
    ours = rules.with_blocks(it, REQUESTER_VPC, new)
    assert ours.requester.blocks == (it.requester.blocks if state in ENDED else new)
    assert ours.accepter == it.accepter


# --- who sees what ----------------------------------------------------------------------------------------------------

MINE, THEIRS = (ONE, HERE), (OTHER, HERE)


@pytest.mark.rule("S321")
@pytest.mark.parametrize("state", [State.PENDING_ACCEPTANCE, State.PROVISIONING, State.ACTIVE, State.DELETING])
@pytest.mark.parametrize(
    ("account", "region", "places"),
    [
        (ONE, HERE, [(ONE, HERE)]),
        (OTHER, HERE, [(ONE, HERE), (OTHER, HERE)]),
        (ONE, THERE, [(ONE, HERE), (ONE, THERE)]),
        (OTHER, THERE, [(ONE, HERE), (OTHER, THERE)]),
    ],
)
def test_every_place_sees_a_living_connection_once(
    state: State, account: str, region: str, places: list[tuple[str, str]]
) -> None:
    it = peering(state, account=account, region=region)
    assert rules.views(it) == tuple(View(*place, None) for place in places)


@pytest.mark.rule("S212")
@pytest.mark.parametrize("state", [State.INITIATING_REQUEST, State.FAILED])
def test_another_account_sees_no_request_before_it_is_pending_nor_a_failed_one(state: State) -> None:
    assert [view.account for view in rules.views(peering(state))] == [ONE]
    assert [view.account for view in rules.views(peering(state, region=THERE))] == [ONE]
    own = rules.views(peering(state, account=ONE, region=THERE))
    assert [(view.account, view.region) for view in own] == [(ONE, HERE), (ONE, THERE)]


@pytest.mark.rule("S236")
@pytest.mark.parametrize("account", [ONE, OTHER])
def test_nobody_sees_a_connection_through_a_vpc_that_does_not_exist(account: str) -> None:
    it = peering(State.FAILED, account=account, region=THERE, exists=False)
    assert [(view.account, view.region) for view in rules.views(it)] == [MINE]


@pytest.mark.rule("S212")
@pytest.mark.parametrize(
    ("state", "by", "to_requester", "to_accepter"),
    [
        (State.FAILED, "", 2 * HOUR, None),
        (State.EXPIRED, "", 2 * DAY, 2 * DAY),
        (State.REJECTED, "", 2 * DAY, 2 * HOUR),
        (State.DELETED, ONE, 2 * HOUR, 2 * DAY),
        (State.DELETED, OTHER, 2 * DAY, 2 * HOUR),
    ],
)
@pytest.mark.parametrize("region", [HERE, THERE])
def test_how_long_two_accounts_see_an_ended_connection(
    state: State, by: str, to_requester: int, to_accepter: int | None, region: str
) -> None:
    seen = {view.account: view.hide_at for view in rules.views(peering(state, by=by, region=region, at=LATER))}
    expected = {ONE: LATER + to_requester, OTHER: None if to_accepter is None else LATER + to_accepter}
    assert seen == {account: at for account, at in expected.items() if at is not None}


@pytest.mark.rule("S212")
@pytest.mark.parametrize(
    ("state", "window"),
    [(State.FAILED, 2 * HOUR), (State.EXPIRED, 2 * DAY), (State.REJECTED, 2 * HOUR), (State.DELETED, 2 * HOUR)],
)
@pytest.mark.parametrize("region", [HERE, THERE])
def test_how_long_one_account_sees_an_ended_connection(state: State, window: int, region: str) -> None:
    seen = rules.views(peering(state, account=ONE, region=region, at=LATER))
    assert {view.hide_at for view in seen} == {LATER + window}
    assert [view.region for view in seen] == ([HERE] if region == HERE else [HERE, THERE])


@pytest.mark.rule("S212")
def test_an_hour_and_a_day_are_what_they_are() -> None:
    assert (HOUR, DAY) == (3_600_000, 86_400_000)


@pytest.mark.rule("S221", "S222", "S223", "S224")
@pytest.mark.parametrize(
    ("state", "of_requester", "of_accepter"),
    [
        (State.INITIATING_REQUEST, True, False),
        (State.PENDING_ACCEPTANCE, True, False),
        (State.PROVISIONING, True, True),
        (State.ACTIVE, True, True),
        (State.DELETING, True, True),
        (State.DELETED, False, False),
        (State.REJECTED, True, False),
        (State.FAILED, True, False),
        (State.EXPIRED, True, False),
    ],
)
def test_which_sides_show_their_blocks(state: State, of_requester: bool, of_accepter: bool) -> None:
    assert rules.shows_blocks(peering(state), Side.REQUESTER) is of_requester
    assert rules.shows_blocks(peering(state), Side.ACCEPTER) is of_accepter


@pytest.mark.rule("S223", "S226", "S227")
@pytest.mark.parametrize(
    ("accepter_account", "viewer", "of_requester", "of_accepter"),
    [(OTHER, ONE, True, False), (OTHER, OTHER, False, True), (ONE, ONE, True, True)],
)
@pytest.mark.parametrize("region", [HERE, THERE])
def test_an_account_sees_the_options_of_its_own_sides(
    accepter_account: str, viewer: str, of_requester: bool, of_accepter: bool, region: str
) -> None:
    it = peering(State.ACTIVE, account=accepter_account, region=region)
    assert rules.shows_options(it, Side.REQUESTER, viewer) is of_requester
    assert rules.shows_options(it, Side.ACCEPTER, viewer) is of_accepter


@pytest.mark.rule("S221", "S224")
def test_a_side_that_shows_no_blocks_shows_no_options() -> None:
    assert not rules.shows_options(peering(account=ONE), Side.ACCEPTER, ONE)
    assert not rules.shows_options(peering(State.DELETED, account=ONE), Side.REQUESTER, ONE)


@pytest.mark.rule("S210")
@pytest.mark.parametrize("state", State)
def test_only_an_outstanding_request_tells_when_it_runs_out(state: State) -> None:
    shown = state in (State.INITIATING_REQUEST, State.PENDING_ACCEPTANCE)
    assert rules.shows_expiration(peering(state)) is shown


@pytest.mark.rule("S241", "S279")
def test_how_initiating_ends_follows_the_blocks_as_long_as_it_lasts() -> None:
    doomed = rules.request(
        ID, requester(), accepter(blocks=["10.2.0.0/16", "10.1.0.0/24"]), accepter_exists=True, now=CREATED, delays=SLOW
    )
    assert doomed.due_state is State.FAILED
    mended = rules.with_blocks(doomed, ACCEPTER_VPC, prefixes("10.2.0.0/16"))
    assert mended.due_state is State.PENDING_ACCEPTANCE
    assert mended.due_at == doomed.due_at
    assert rules.with_blocks(mended, ACCEPTER_VPC, prefixes("10.1.0.0/24")).due_state is State.FAILED


@pytest.mark.rule("S279")
def test_blocks_change_nothing_of_when_a_pending_request_runs_out() -> None:
    it = peering(State.PENDING_ACCEPTANCE)
    after = rules.with_blocks(it, ACCEPTER_VPC, prefixes("10.9.0.0/16"))
    assert (after.due_at, after.due_state) == (it.due_at, State.EXPIRED)
