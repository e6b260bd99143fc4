"""AssumeRole: whom a role lets in, and with what."""

import json
from typing import Any

import pytest

from tests.api.iam.world import ACCOUNT, OTHER, World, refusal
from tests.api.sts.roles import allow, assume, grant, holder, policy, role, statement, trust, user_arn, who

DENIED = (403, "AccessDenied")


def denied(client: Any, arn: str, **more: Any) -> str:
    """The sentence with which an AssumeRole is refused."""
    status, code, message = refusal(client.assume_role, RoleArn=arn, RoleSessionName="work", **more)
    assert (status, code) == DENIED
    return message


def sentence(caller: str, arn: str, action: str = "sts:AssumeRole") -> str:
    return f"User: {caller} is not authorized to perform: {action} on resource: {arn}"


# --- who gets in ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I1", "I2", "I3", "I5", "I171", "I173")
def test_a_session_of_a_role_is_who_the_answer_says(world: World) -> None:
    alice = world.user()
    arn = role(world, "net", user_arn(), Path="/ops/")
    answer = assume(world.of(alice, "sts"), arn)
    given, assumed = answer["Credentials"], answer["AssumedRoleUser"]
    role_id = world.root().get_role(RoleName="net")["Role"]["RoleId"]
    assert assumed == {
        "AssumedRoleId": f"{role_id}:work",
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/net/work",
    }
    assert who(holder(world, answer)) == (ACCOUNT, assumed["Arn"], assumed["AssumedRoleId"])
    assert given["AccessKeyId"].startswith("ASIA")
    assert len(given["AccessKeyId"]) == 20
    assert len(given["SecretAccessKey"]) == 40
    assert given["Expiration"].timestamp() * 1_000 == world.clock.wall() + 3_600_000
    assert "PackedPolicySize" not in answer
    assert "SourceIdentity" not in answer


@pytest.mark.rule("I120")
def test_in_one_account_a_user_that_the_role_names_needs_no_policy_of_its_own(world: World) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn())
    assert assume(sts, arn)
    grant(world, policy(statement("sts:AssumeRole", effect="Deny")))
    assert "with an explicit deny in an identity-based policy" in denied(sts, arn)


@pytest.mark.rule("I120", "I156")
@pytest.mark.parametrize("named", [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"])
def test_a_role_that_names_the_account_leaves_it_to_the_accounts_own_policies(world: World, named: str) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", named)
    why = "because no identity-based policy allows the sts:AssumeRole action"
    assert denied(sts, arn) == f"{sentence(user_arn(), arn)} {why}"
    grant(world, allow("sts:AssumeRole", resource=arn))
    assert assume(sts, arn)


@pytest.mark.rule("I119", "I120", "I156")
def test_across_accounts_both_sides_have_to_allow_it(world: World) -> None:
    sts = world.of(world.user(), "sts")
    trusting, other = role(world, "trusting", ACCOUNT, account=OTHER), role(world, "other", OTHER, account=OTHER)
    assert denied(sts, trusting) == sentence(user_arn(), trusting)
    grant(world, allow("sts:AssumeRole"))
    assert who(holder(world, assume(sts, trusting)))[:2] == (OTHER, f"arn:aws:sts::{OTHER}:assumed-role/trusting/work")
    assert denied(sts, other) == sentence(user_arn(), other)


@pytest.mark.rule("I156", "I157")
@pytest.mark.parametrize("account", [ACCOUNT, OTHER])
def test_nobody_can_tell_a_role_that_is_not_there_from_one_that_keeps_him_out(world: World, account: str) -> None:
    sts = world.of(world.user(), "sts")
    grant(world, allow("sts:AssumeRole"))
    arn = role(world, "closed", "333333333333", account=account, Path="/a/")
    missing = arn.replace("closed", "missing")
    assert denied(sts, missing).replace("missing", "closed") == denied(sts, arn)
    assert denied(sts, arn.replace("/a/", "/")) == denied(sts, arn).replace("/a/", "/")


@pytest.mark.rule("I67", "I120")
def test_a_deny_in_the_trust_policy_outweighs_everything(world: World) -> None:
    sts = world.of(world.user(), "sts")
    grant(world, allow("sts:*"))
    arn = role(world, "net", "*", trust(user_arn(), effect="Deny"))
    assert "explicit deny" in denied(sts, arn)


@pytest.mark.rule("I120", "I173", "I176")
def test_an_external_id_opens_only_with_the_right_one(world: World) -> None:
    sts = world.of(world.user(), "sts")
    grant(world, allow("sts:AssumeRole"))
    arn = role(world, "net", trust(ACCOUNT, StringEquals={"sts:ExternalId": "xyz"}), account=OTHER)
    assert denied(sts, arn) == denied(sts, arn, ExternalId="abc") == sentence(user_arn(), arn)
    assert assume(sts, arn, ExternalId="xyz")


@pytest.mark.rule("I176")
@pytest.mark.parametrize(
    ("condition", "right", "wrong"),
    [
        ({"StringLike": {"sts:RoleSessionName": "work-*"}}, {"RoleSessionName": "work-1"}, {"RoleSessionName": "play"}),
        ({"StringEquals": {"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {}, None),
        ({"StringEquals": {"aws:ResourceTag/team": "net"}}, {}, None),
        ({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, {}, None),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, None, {}),
        ({"Null": {"aws:TokenIssueTime": "true"}}, {}, None),
    ],
)
def test_a_trust_policy_may_ask_for_what_a_call_says(world: World, condition: Any, right: Any, wrong: Any) -> None:
    sts = world.of(world.user(Tags=[{"Key": "team", "Value": "net"}]), "sts")
    arn = role(world, "net", trust(user_arn(), **condition), Tags=[{"Key": "team", "Value": "net"}])
    if right is not None:
        assert assume(sts, arn, **right)
    if wrong is not None:
        assert refusal(sts.assume_role, **{"RoleArn": arn, "RoleSessionName": "work", **wrong})[:2] == DENIED


@pytest.mark.rule("I54", "I67")
def test_a_user_of_the_same_name_is_not_the_one_that_was_trusted(world: World) -> None:
    iam, first = world.root(), world.user()
    arn = role(world, "net", user_arn())
    assert assume(world.of(first, "sts"), arn)
    iam.delete_access_key(UserName="alice", AccessKeyId=first["AccessKeyId"])
    iam.delete_user(UserName="alice")
    assert "no resource-based policy allows" in denied(world.of(world.user(), "sts"), arn)


# --- roots ------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I174")
def test_a_root_with_a_key_assumes_no_role(world: World) -> None:
    key = world.root().create_access_key()["AccessKey"]
    arn = role(world, "net", ACCOUNT)
    assert denied(world.of(key, "sts"), arn) == "Roles may not be assumed by root accounts."


@pytest.mark.rule("I156", "I213")
@pytest.mark.parametrize(
    ("trusted", "gets_in"),
    [(ACCOUNT, True), (f"arn:aws:iam::{ACCOUNT}:root", True), ("*", True), (OTHER, False), (user_arn(), False)],
)
@pytest.mark.parametrize("account", [ACCOUNT, OTHER])
def test_an_open_servers_account_assumes_what_lets_the_account_in(
    world: World, account: str, trusted: str, gets_in: bool
) -> None:
    world.user()
    sts = world.root("sts")
    arn = role(world, "net", trusted, account=account)
    if gets_in:
        assert who(holder(world, assume(sts, arn)))[0] == account
    else:
        assert denied(sts, arn).startswith(sentence(f"arn:aws:iam::{ACCOUNT}:root", arn))


@pytest.mark.rule("I176", "I213")
def test_conditions_of_a_trust_policy_hold_for_an_open_servers_account_too(world: World) -> None:
    arn = role(world, "net", trust(ACCOUNT, StringEquals={"sts:ExternalId": "xyz"}), account=OTHER)
    denied(world.root("sts"), arn)
    assert assume(world.root("sts"), arn, ExternalId="xyz")


# --- what a session may do --------------------------------------------------------------------------------------------


@pytest.mark.rule("I7", "I111", "I154")
def test_a_session_may_do_what_its_role_may_from_one_request_to_the_next(world: World) -> None:
    iam, alice = world.root(), world.user()
    arn = role(world, "net", user_arn(), allows=allow("ec2:DescribeVpcs"))
    ec2 = holder(world, assume(world.of(alice, "sts"), arn), "ec2")
    assert ec2.describe_vpcs()["Vpcs"] == []
    message = refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16")[2]
    assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/net/work is not authorized to perform: ec2:CreateVpc" in message
    iam.put_role_policy(RoleName="net", PolicyName="more", PolicyDocument=allow("ec2:CreateVpc"))
    assert ec2.create_vpc(CidrBlock="10.0.0.0/16")
    iam.delete_role_policy(RoleName="net", PolicyName="allows")
    assert refusal(ec2.describe_vpcs)[:2] == (403, "UnauthorizedOperation")


@pytest.mark.rule("I113", "I115", "I173")
def test_a_session_policy_narrows_and_never_widens(world: World) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn(), allows=allow("ec2:DescribeVpcs", "ec2:DescribeRouteTables"))
    answer = assume(sts, arn, Policy=allow("ec2:DescribeVpcs", "ec2:CreateVpc"))
    ec2 = holder(world, answer, "ec2")
    assert answer["PackedPolicySize"] > 0
    assert ec2.describe_vpcs()["Vpcs"] == []
    assert "no session policy allows the ec2:DescribeRouteTables" in refusal(ec2.describe_route_tables)[2]
    assert "no identity-based policy allows the ec2:CreateVpc" in refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16")[2]


@pytest.mark.rule("I115")
def test_managed_session_policies_and_the_text_are_a_union_and_a_deny_in_any_of_them_counts(world: World) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn(), account=ACCOUNT, allows=allow("*"))
    own = world.root().create_policy(PolicyName="tables", PolicyDocument=allow("ec2:DescribeRouteTables"))["Policy"]
    arns = [{"arn": own["Arn"]}, {"arn": "arn:aws:iam::aws:policy/AmazonVPCReadOnlyAccess"}]
    text = policy(statement("ec2:CreateVpc"), statement("ec2:DescribeVpcs", effect="Deny"))
    ec2 = holder(world, assume(sts, arn, PolicyArns=arns, Policy=text), "ec2")
    assert ec2.describe_route_tables()["RouteTables"] == []
    assert ec2.describe_network_acls()["NetworkAcls"] == []
    assert ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert "explicit deny in a session policy" in refusal(ec2.describe_vpcs)[2]
    assert refusal(ec2.delete_vpc, VpcId="vpc-0123456789abcdef0")[:2] == (403, "UnauthorizedOperation")


@pytest.mark.rule("I115", "I178")
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Policy": "{}"}, "MalformedPolicyDocument"),
        ({"Policy": '{"Statement": {"Effect": "Allow", "Action": "*"}}'}, "MalformedPolicyDocument"),
        ({"Policy": json.dumps({"Statement": trust("*")})}, "MalformedPolicyDocument"),
        ({"Policy": allow(*(f"ec2:Describe{number:04}" for number in range(150)))}, "PackedPolicyTooLarge"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::{OTHER}:policy/others"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/missing"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::{ACCOUNT}:role/missing"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": "this is no arn of anything"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}] * 11}, "ValidationError"),
    ],
)
def test_what_cannot_bound_a_session_is_refused(world: World, given: Any, code: str) -> None:
    sts = world.of(world.user(), "sts")
    world.root(account=OTHER).create_policy(PolicyName="others", PolicyDocument=allow("*"))
    arn = role(world, "net", user_arn())
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work", **given)[:2] == (400, code)


@pytest.mark.rule("I115", "I56")
def test_a_session_whose_managed_policy_was_deleted_may_do_nothing(world: World) -> None:
    iam, sts = world.root(), world.of(world.user(), "sts")
    arn = role(world, "net", user_arn(), allows=allow("*"))
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=allow("*"))["Policy"]["Arn"]
    ec2 = holder(world, assume(sts, arn, PolicyArns=[{"arn": bound}]), "ec2")
    assert ec2.describe_vpcs()["Vpcs"] == []
    iam.delete_policy(PolicyArn=bound)
    assert "no session policy allows" in refusal(ec2.describe_vpcs)[2]


# --- chains, tags, who stands behind ----------------------------------------------------------------------------------


@pytest.mark.rule("I67", "I96", "I120")
def test_a_session_assumes_a_role_that_names_its_role_or_just_this_session(world: World) -> None:
    alice = world.of(world.user(), "sts")
    first = role(world, "first", user_arn())
    by_role = role(world, "by-role", first)
    by_session = role(world, "by-session", f"arn:aws:sts::{ACCOUNT}:assumed-role/first/work")
    this, another = (holder(world, assume(alice, first, RoleSessionName=name)) for name in ("work", "other"))
    assert [who(holder(world, assume(this, arn)))[0] for arn in (by_role, by_session)] == [ACCOUNT, ACCOUNT]
    assert assume(another, by_role)
    denied(another, by_session)


@pytest.mark.rule("I175")
def test_a_chain_of_roles_lasts_an_hour_at_most(world: World) -> None:
    sts = world.of(world.user(), "sts")
    first = role(world, "first", user_arn(), MaxSessionDuration=7_200)
    second = role(world, "second", first, MaxSessionDuration=7_200)
    chained = holder(world, assume(sts, first, DurationSeconds=7_200))
    assert refusal(chained.assume_role, RoleArn=second, RoleSessionName="work", DurationSeconds=3_601) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    assert assume(chained, second, DurationSeconds=3_600)


@pytest.mark.rule("I174", "I175")
def test_a_session_is_no_longer_than_its_role_allows(world: World) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn())
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work", DurationSeconds=3_601) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    expires = assume(sts, arn, DurationSeconds=900)["Credentials"]["Expiration"]
    assert expires.timestamp() * 1_000 == world.clock.wall() + 900_000


@pytest.mark.rule("I98", "I177")
def test_session_tags_need_the_roles_consent_and_outweigh_its_tags(world: World) -> None:
    iam, sts = world.root(), world.of(world.user(), "sts")
    only_red = policy(statement("ec2:DescribeVpcs", StringEquals={"aws:PrincipalTag/team": "red"}))
    arn = role(world, "net", user_arn(), allows=only_red, Tags=[{"Key": "Team", "Value": "blue"}])
    tags = [{"Key": "team", "Value": "red"}]
    assert denied(sts, arn, Tags=tags).startswith(sentence(user_arn(), arn, "sts:TagSession"))
    allowed = policy(trust(user_arn(), "sts:AssumeRole", "sts:TagSession", StringEquals={"aws:RequestTag/team": "red"}))
    iam.update_assume_role_policy(RoleName="net", PolicyDocument=allowed)
    answer = assume(sts, arn, Tags=tags)
    assert answer["PackedPolicySize"] > 0
    assert holder(world, answer, "ec2").describe_vpcs()["Vpcs"] == []
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work")[:2] == DENIED


@pytest.mark.rule("I177")
def test_transitive_tags_go_along_a_chain_and_stay_as_they_are(world: World) -> None:
    sts = world.of(world.user(), "sts")
    both = ("sts:AssumeRole", "sts:TagSession")
    first = role(world, "first", trust(user_arn(), *both))
    only_red = policy(statement("ec2:DescribeVpcs", StringEquals={"aws:PrincipalTag/team": "red"}))
    second = role(world, "second", trust(first, *both), allows=only_red)
    untagged = role(world, "untagged", first)
    tags = [{"Key": "team", "Value": "red"}, {"Key": "here", "Value": "only"}]
    chained = holder(world, assume(sts, first, Tags=tags, TransitiveTagKeys=["team"]))
    assert holder(world, assume(chained, second), "ec2").describe_vpcs()["Vpcs"] == []
    assert "sts:TagSession" in denied(chained, untagged)
    again = {"RoleArn": second, "RoleSessionName": "work", "Tags": [{"Key": "Team", "Value": "blue"}]}
    assert refusal(chained.assume_role, **again)[:2] == (400, "ValidationError")
    plain = holder(world, assume(sts, first, Tags=tags))
    assert refusal(holder(world, assume(plain, second), "ec2").describe_vpcs)[:2] == (403, "UnauthorizedOperation")


@pytest.mark.rule("I98", "I177")
def test_who_stands_behind_a_session_is_known_all_along_the_chain(world: World) -> None:
    sts = world.of(world.user(), "sts")
    both = ("sts:AssumeRole", "sts:SetSourceIdentity")
    first = role(world, "first", trust(user_arn(), *both))
    only_bob = policy(statement("ec2:DescribeVpcs", StringEquals={"aws:SourceIdentity": "bob"}))
    second, silent = role(world, "second", trust(first, *both), allows=only_bob), role(world, "silent", first)
    answer = assume(sts, first, SourceIdentity="bob")
    assert answer["SourceIdentity"] == "bob"
    chained = holder(world, answer)
    for given in ({}, {"SourceIdentity": "bob"}):
        last = assume(chained, second, **given)
        assert last["SourceIdentity"] == "bob"
        assert holder(world, last, "ec2").describe_vpcs()["Vpcs"] == []
    assert "sts:SetSourceIdentity" in denied(chained, silent)
    assert "cannot be changed" in denied(chained, second, SourceIdentity="eve")
    plain = role(world, "plain", user_arn())
    assert denied(sts, plain, SourceIdentity="bob").startswith(sentence(user_arn(), plain, "sts:SetSourceIdentity"))


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I173", "I174", "I177")
@pytest.mark.parametrize(
    "given",
    [
        {"RoleArn": "arn:aws:iam::111111111111"},
        {"RoleArn": f"arn:aws:iam::{ACCOUNT}:user/alice"},
        {"RoleArn": f"arn:aws-cn:iam::{ACCOUNT}:role/net"},
        {"RoleSessionName": "w"},
        {"RoleSessionName": "w" * 65},
        {"RoleSessionName": "two words"},
        {"DurationSeconds": 899},
        {"DurationSeconds": 43_201},
        {"ExternalId": "x"},
        {"SourceIdentity": "aws:bob"},
        {"SourceIdentity": "x" * 65},
        {"PolicyArns": [{"arn": f"arn:aws:iam::{ACCOUNT}:policy/p{number}"} for number in range(11)]},
        {"Tags": [{"Key": f"k{number}", "Value": ""} for number in range(51)]},
        {"Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]},
        {"Tags": [{"Key": "aws:a", "Value": ""}]},
        {"TransitiveTagKeys": ["missing"]},
        {"ProvidedContexts": [{"ProviderArn": "arn:aws:iam::aws:contextProvider/I", "ContextAssertion": "abcd"}]},
    ],
    ids=lambda given: f"{next(iter(given))}-{len(str(given))}",
)
def test_parameters_are_held_against_the_model_and_the_rules(world: World, given: dict[str, Any]) -> None:
    sts = world.of(world.user(), "sts", validate=False)
    arn = role(world, "net", trust(user_arn(), "sts:*"))
    asked = {"RoleArn": arn, "RoleSessionName": "work", **given}
    assert refusal(sts.assume_role, **asked)[:2] == (400, "ValidationError")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"SerialNumber": "arn:aws:iam::111111111111:mfa/alice", "TokenCode": "123456"}, "unable to validate MFA code"),
        ({"SerialNumber": "arn:aws:iam::111111111111:mfa/alice"}, "must provide both"),
        ({"TokenCode": "123456"}, "must provide both"),
    ],
)
@pytest.mark.rule("I97", "I173")
def test_no_second_factor_is_believed_because_there_is_none(world: World, given: dict[str, str], words: str) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn())
    assert words in denied(sts, arn, **given)
    assert words in refusal(sts.get_session_token, **given)[2]


@pytest.mark.rule("I5", "I173")
def test_a_token_is_as_long_as_was_asked_for_and_opens_as_a_whole(world: World) -> None:
    sts = world.of(world.user(), "sts")
    arn = role(world, "net", user_arn())
    answer = assume(sts, arn, MinimumSessionTokenSize=2_000)
    token = answer["Credentials"]["SessionToken"]
    assert (len(token), answer["SessionTokenSize"], answer["SessionTokenUtilization"]) == (2_000, 2_000, 49)
    assert who(holder(world, answer))[0] == ACCOUNT
    cut = {"Credentials": {**answer["Credentials"], "SessionToken": token[:-1]}}
    assert refusal(holder(world, cut).get_caller_identity)[:2] == (403, "InvalidClientTokenId")


@pytest.mark.rule("I194")
def test_a_role_remembers_when_and_where_it_was_last_assumed(world: World) -> None:
    sts = world.of(world.user(), "sts", region="eu-west-1")
    arn = role(world, "net", user_arn())
    assert world.root().get_role(RoleName="net")["Role"].get("RoleLastUsed", {}) == {}
    assume(sts, arn)
    used = world.root().get_role(RoleName="net")["Role"]["RoleLastUsed"]
    assert (used["LastUsedDate"].timestamp() * 1_000, used["Region"]) == (world.clock.wall() // 1_000 * 1_000, "eu-west-1")
