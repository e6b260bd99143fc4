"""What may be saved as a policy, what is said of what may not, and what a bad policy does that was saved nevertheless."""

import json
from typing import Any

import pytest

from isthmus.domain.errors import ApiError
from isthmus.policy import compiled, document, faults
from isthmus.policy.compiled import BY_PRINCIPAL, INLINE_LIMITS, LIMITS, Kind
from isthmus.policy.conditions import Clause
from isthmus.policy.context import Context
from isthmus.policy.document import Effect, Element, Statement
from isthmus.policy.evaluate import Attached, Outcome, PrincipalPolicies, Request, ResourcePolicy, evaluate, evaluate_trust
from isthmus.policy.faults import Malformed
from isthmus.policy.principals import Caller
from tests.policies import ACCOUNT, EVERYTHING, VPC, statement
from tests.policies import document as text_of

ROLE = f"arn:aws:iam::{ACCOUNT}:role/net"
TRUSTING = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}


def refusal(text: str, kind: Kind = Kind.INLINE) -> str | None:
    try:
        compiled.validate(text, kind)
    except ApiError as error:
        return error.message if error.code == "MalformedPolicyDocument" else str(error)
    return None


GOOD: list[Any] = [
    EVERYTHING,
    {"Effect": "Deny", "NotAction": ["ec2:*", "iam:Get*"], "NotResource": ["arn:aws:ec2:*:*:vpc/*", VPC]},
    statement(Sid="One", Condition={"StringLike": {"aws:username": ["a*", "${aws:PrincipalTag/x, 'y'}"]}}),
    statement(Condition={}),
    statement(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": 300}, "Bool": {"aws:SecureTransport": True}}),
    statement(resource="arn:aws:ec2:*"),
    statement(resource="arn:aws:iam::111111111111:user/${aws:username}"),
]


@pytest.mark.rule("I51", "I52")
@pytest.mark.parametrize("good", GOOD)
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in BY_PRINCIPAL])
def test_a_good_statement_is_taken_alone_and_in_a_list(kind: Kind, good: Any) -> None:
    assert compiled.validate(text_of(good), kind).faults == ()
    single = json.dumps({"Version": "2012-10-17", "Id": "x", "Statement": good})
    assert len(compiled.validate(single, kind).statements) == 1


@pytest.mark.rule("I51", "I52")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "null",
        '"Allow"',
        "{}",
        '{"Version": "2012-10-17"}',
        text_of(),
        text_of(7),
        text_of(EVERYTHING, []),
        text_of(EVERYTHING, Extra="x"),
        text_of(EVERYTHING, Id=5),
        text_of(EVERYTHING, version=None, Version=20121017),
        text_of(EVERYTHING, version=None, Version=None),
        text_of({**EVERYTHING, "Efect": "Allow"}),
        text_of({"Action": "*", "Resource": "*"}),
        text_of({**EVERYTHING, "Effect": "allow"}),
        text_of({**EVERYTHING, "Effect": ["Allow"]}),
        text_of({**EVERYTHING, "Sid": 5}),
        text_of({**EVERYTHING, "Action": 5}),
        text_of({**EVERYTHING, "Action": ["ec2:*", None]}),
        text_of({**EVERYTHING, "Action": {"ec2": "*"}}),
        text_of({**EVERYTHING, "Resource": ["*", 5]}),
        text_of({**EVERYTHING, "NotAction": "ec2:*"}),
        text_of({**EVERYTHING, "NotResource": "*"}),
        text_of({**EVERYTHING, "Condition": []}),
        text_of({**EVERYTHING, "Condition": "x"}),
        text_of({**EVERYTHING, "Condition": {"StringEquals": "x"}}),
        text_of({**EVERYTHING, "Condition": {"StringEquals": {"aws:k": None}}}),
        text_of({**EVERYTHING, "Condition": {"StringEquals": {"aws:k": {"a": "b"}}}}),
        text_of({**EVERYTHING, "Condition": {"StringEquals": {"aws:k": ["a", ["b"]]}}}),
        text_of({**EVERYTHING, "Condition": {"StringEquals": {"aws:k": []}}}),
        text_of({**EVERYTHING, "Condition": {"NumericEquals": {"aws:k": "x"}}}),
        text_of({**EVERYTHING, "Condition": {"Unheard": {"aws:k": "x"}}}),
        '{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}',
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}]}',
        text_of(EVERYTHING) + "x",
        text_of({**EVERYTHING, "Condition": {"NumericEquals": {"aws:k": float("nan")}}}),
        text_of({**EVERYTHING, "Sid": "\u0100"}).encode().decode("unicode_escape"),
        text_of(EVERYTHING).replace("{", "{\x0b", 1),
    ],
)
def test_what_is_no_policy_is_a_syntax_error(text: str) -> None:
    assert refusal(text) == "Syntax errors in policy."


@pytest.mark.rule("I52", "I61")
@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([{"Effect": "Allow", "Resource": "*"}], "Policy statement must contain actions."),
        ([statement(action=[])], "Policy statement must contain actions."),
        ([{"Effect": "Allow", "Action": "*"}], "Policy statement must contain resources."),
        ([statement(resource=[])], "Policy statement must contain resources."),
        ([statement(Sid="A"), statement(), statement(Sid="A")], "Statement IDs (SID) in a single policy must be unique."),
        *(([statement(Sid=sid)], faults.STRANGE_SID) for sid in ("a-b", "A b", "a_b", "Grüße", "\u0661")),
        (
            [statement(action=["ec2:*", "DescribeVpcs"])],
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            [statement(Condition={"StringEquals": {"username": "x"}})],
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        ([statement(resource="vpc/vpc-1")], 'Resource vpc/vpc-1 must be in ARN format or "*".'),
        ([statement(resource="arn:aws:ec2:us-east-1")], 'Resource arn:aws:ec2:us-east-1 must be in ARN format or "*".'),
        ([statement(resource="arn:aws:iam::${aws:x}:user/a")], "The policy failed legacy parsing"),
        ([{**EVERYTHING, "Principal": "*"}], "Policy document should not specify a principal."),
        ([{**EVERYTHING, "NotPrincipal": {"AWS": ACCOUNT}}], "Policy document should not specify a principal."),
    ],
)
def test_each_fault_has_its_recorded_words(statements: list[Any], message: str) -> None:
    assert refusal(text_of(*statements)) == message


@pytest.mark.rule("I52")
def test_statements_without_a_sid_do_not_share_one() -> None:
    assert refusal(text_of(statement(), statement(), statement(Sid=""), statement(Sid=""))) is None


@pytest.mark.rule("I51", "I52")
@pytest.mark.parametrize(
    ("version", "kind", "message"),
    [
        ("2012-10-17", Kind.MANAGED, None),
        ("2008-10-17", Kind.INLINE, None),
        (None, Kind.INLINE, None),
        ("2008-10-17", Kind.MANAGED, faults.VERSION),
        (None, Kind.MANAGED, faults.VERSION),
        ("2011-01-01", Kind.INLINE, faults.VERSION),
        ("", Kind.SESSION, faults.VERSION),
        ("2013-01-01", Kind.MANAGED, "Policy document must be version 2012-10-17 or greater."),
    ],
)
def test_there_are_two_versions_and_a_managed_policy_has_the_later(version: str | None, kind: Kind, message: str) -> None:
    assert refusal(text_of(EVERYTHING, version=version), kind) == message


@pytest.mark.rule("I53", "I67", "I68")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (TRUSTING, None),
        ({**TRUSTING, "Action": ["sts:TagSession", "STS:Assume*"]}, None),
        ({**TRUSTING, "Principal": {"AWS": [ROLE, "*"], "Service": "ec2.amazonaws.com"}}, None),
        ({**TRUSTING, "Principal": "*"}, None),
        ({**TRUSTING, "Resource": "*"}, "Has prohibited field Resource"),
        ({**TRUSTING, "NotResource": "*"}, "Has prohibited field NotResource"),
        ({"Effect": "Deny", "Action": "sts:AssumeRole", "NotPrincipal": "*"}, "Has prohibited field NotPrincipal"),
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "Missing required field Principal"),
        ({**TRUSTING, "Action": "ec2:*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Effect": "Allow", "Principal": "*"}, "Policy statement must contain actions."),
        ({**TRUSTING, "Action": "AssumeRole"}, faults.NO_VENDOR),
        ({**TRUSTING, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/*"}},
         f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:user/*"'),
        ({**TRUSTING, "Principal": {"Service": "*"}}, 'Invalid principal in policy: "Service":"*"'),
        ({**TRUSTING, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:group/g"}},
         f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:group/g"'),
        ({**TRUSTING, "Principal": {}}, faults.SYNTAX),
        ({**TRUSTING, "Principal": {"AWS": []}}, faults.SYNTAX),
        ({**TRUSTING, "Principal": {"Aws": ACCOUNT}}, faults.SYNTAX),
        ({**TRUSTING, "Principal": {"AWS": 5}}, faults.SYNTAX),
        ({**TRUSTING, "Principal": ACCOUNT}, faults.SYNTAX),
        ({**TRUSTING, "Principal": "*", "NotPrincipal": "*"}, faults.SYNTAX),
    ],
)  # fmt: skip
def test_a_trust_policy_names_principals_and_no_resources(given: Any, message: str | None) -> None:
    assert refusal(text_of(given), Kind.TRUST) == message


def of_size(size: int) -> str:
    """A good document with that many characters that count, and many that do not."""
    text = text_of(statement(Sid="")).replace(" ", "")
    return text.replace('"Sid":""', f'"Sid":"{"s" * (size - len(text))}"').replace(",", ", \n\t\r")


@pytest.mark.rule("I55")
@pytest.mark.parametrize("kind", [kind for kind in LIMITS if kind is not Kind.TRUST])
def test_a_document_may_be_as_long_as_its_limit_without_white_space(kind: Kind) -> None:
    limit, quota = LIMITS[kind]
    compiled.validate(of_size(limit), kind)
    with pytest.raises(ApiError) as error:
        compiled.validate(of_size(limit + 1), kind)
    assert (error.value.code, error.value.message) == ("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}")


@pytest.mark.rule("I55")
def test_the_limits_are_these() -> None:
    assert {kind: limit for kind, (limit, _) in LIMITS.items()} == {
        Kind.MANAGED: 6_144, Kind.SESSION: 2_048, Kind.SERVICE_CONTROL: 5_120, Kind.TRUST: 2_048,
    }  # fmt: skip
    assert INLINE_LIMITS == {"user": 2_048, "role": 10_240, "group": 5_120}
    with pytest.raises(ApiError, match="ACLSizePerRole"):
        compiled.validate(text_of({**TRUSTING, "Sid": "s" * 2_048}), Kind.TRUST)
    with pytest.raises(ApiError, match="PolicySize: 131072"):
        compiled.validate(of_size(document.MAX_LENGTH + 1), Kind.INLINE)


@pytest.mark.rule("I55")
@pytest.mark.parametrize("owner", INLINE_LIMITS)
def test_inline_policies_are_counted_together(owner: str) -> None:
    half = INLINE_LIMITS[owner] // 2
    compiled.check_inline_size(owner, "ann", [of_size(half), of_size(half)])
    with pytest.raises(ApiError) as error:
        compiled.check_inline_size(owner, "ann", [of_size(half), of_size(half + 1)])
    assert error.value.code == "LimitExceeded"
    assert error.value.message == f"Maximum policy size of {2 * half} bytes exceeded for {owner} ann"


@pytest.mark.rule("I55")
def test_only_four_characters_are_white_space() -> None:
    assert [character for character in map(chr, range(0x100)) if document.size(character) != 1] == ["\t", "\n", "\r", " "]
    assert document.size("a b\tc\nd\re\u00a0") == 6


@pytest.mark.rule("I55")
@pytest.mark.parametrize(("letter", "message"), [(" ", None), ("~", None), ("\u00ff", None), ("\u0100", faults.SYNTAX)])
def test_the_last_letter_of_a_document_is_the_last_of_latin_1(letter: str, message: str | None) -> None:
    assert refusal(text_of(EVERYTHING, Id="@").replace("@", letter)) == message


@pytest.mark.rule("I57")
@pytest.mark.parametrize("text", ["[" * 100_000, '{"Statement":' * 10_000, '{"a":' + "9" * 100_000 + "}", "[" * 131_073])
def test_a_document_made_to_exhaust_the_parser_is_a_syntax_error(text: str) -> None:
    with pytest.raises(Malformed):
        document.parse(text)


# What a bad policy does


def outcome(text: str, action: str = "ec2:DescribeVpcs", resource: str = "*") -> Outcome:
    allowing = Attached(compiled.load(text_of(EVERYTHING)))
    policies = PrincipalPolicies([allowing, Attached(compiled.load(text))])
    return evaluate(policies, Request(action, resource, Context())).outcome


def alone(text: str, action: str = "ec2:DescribeVpcs", resource: str = "*") -> Outcome:
    return evaluate(PrincipalPolicies([Attached(compiled.load(text))]), Request(action, resource, Context())).outcome


UNREADABLE = [
    "",
    "{",
    "[]",
    text_of(EVERYTHING, Extra=1),
    text_of(EVERYTHING, version="2013-01-01"),
    text_of(),
    "[" * 50_000,
]


@pytest.mark.rule("I56")
@pytest.mark.parametrize("text", UNREADABLE)
def test_a_saved_text_that_is_no_policy_denies_everything(text: str) -> None:
    assert outcome(text) is Outcome.EXPLICIT_DENY
    assert compiled.load(text).faults != ()


@pytest.mark.rule("I56")
@pytest.mark.parametrize(
    ("text", "fault"), [("{", faults.SYNTAX), (text_of(EVERYTHING, version="2013-01-01"), faults.VERSION)]
)
def test_a_saved_text_that_is_no_policy_is_one_deny_that_says_what_is_wrong(text: str, fault: str) -> None:
    policy = compiled.load(text)
    assert policy.faults == (fault,)
    assert [each.statement for each in policy.statements] == [Statement(0, "", Effect.DENY, problem=fault)]


BAD_PARTS: list[Any] = [
    {"Action": "DescribeVpcs"},
    {"Action": []},
    {"Resource": "vpc/vpc-1"},
    {"Resource": []},
    {"NotResource": "vpc/vpc-1"},
    {"Principal": "*"},
    {"Condition": {"Unheard": {"aws:k": "x"}}},
    {"Unheard": "x"},
    {"Sid": 5},
]


@pytest.mark.rule("I56", "I61")
@pytest.mark.parametrize("bad", BAD_PARTS, ids=json.dumps)
def test_a_bad_part_keeps_an_allow_from_matching_and_a_deny_from_sparing(bad: Any) -> None:
    for effect, expected in (("Allow", Outcome.IMPLICIT_DENY), ("Deny", Outcome.EXPLICIT_DENY)):
        text = text_of({"Effect": effect, "Action": "*", "Resource": "*", **bad})
        assert alone(text) is expected
        assert alone(text, resource=VPC) is expected
        assert len(compiled.load(text).faults) == 1


@pytest.mark.rule("I56")
@pytest.mark.parametrize("bad", [{"Action": "*", "Resource": "*"}, {**EVERYTHING, "Effect": "Grant"}, 5, None])
def test_a_statement_that_is_not_clearly_an_allow_denies(bad: Any) -> None:
    assert outcome(text_of(EVERYTHING, bad)) is Outcome.EXPLICIT_DENY


@pytest.mark.rule("I56")
def test_the_good_parts_of_a_bad_deny_still_narrow_it() -> None:
    text = text_of(statement("Deny", "ec2:Delete*", Condition={"Unheard": {"aws:k": "x"}}))
    assert outcome(text, "ec2:DeleteVpc") is Outcome.EXPLICIT_DENY
    assert outcome(text, "ec2:DescribeVpcs") is Outcome.ALLOWED
    text = text_of(statement("Deny", "Delete", "arn:aws:ec2:*:*:vpc/*"))
    assert outcome(text, "iam:GetUser", VPC) is Outcome.EXPLICIT_DENY
    assert outcome(text, "iam:GetUser") is Outcome.ALLOWED


@pytest.mark.rule("I56")
def test_one_bad_statement_leaves_the_others_as_they_are() -> None:
    policy = compiled.load(text_of(statement(resource="junk"), statement(action="ec2:*", Sid="good"), {"Effect": "Allow"}))
    assert policy.faults == (faults.NOT_AN_ARN.format(resource="junk"), faults.NO_ACTIONS, faults.NO_RESOURCES)
    decision = evaluate(PrincipalPolicies([Attached(policy)]), Request("ec2:DescribeVpcs", "*", Context()))
    assert [found.statement.sid for found in decision.matches] == ["good"]


@pytest.mark.rule("I56", "I68", "I67")
@pytest.mark.parametrize(
    "principal",
    [
        {},
        {"NotPrincipal": {"AWS": "222222222222"}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/*"}},
        {"Principal": {"AWS": "alice"}},
        {"Principal": {"Service": "ec2.*"}},
        {"Principal": []},
    ],
)
def test_a_trust_policy_whose_principal_cannot_be_read_lets_nobody_in_and_denies_everybody(principal: Any) -> None:
    request = Request("sts:AssumeRole", ROLE, Context())
    mine = PrincipalPolicies([Attached(compiled.load(text_of(EVERYTHING)))])
    caller = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice")
    for effect, expected in (("Allow", Outcome.IMPLICIT_DENY), ("Deny", Outcome.EXPLICIT_DENY)):
        statements = [{"Effect": effect, "Action": "sts:AssumeRole", **principal}]
        if effect == "Deny":
            statements.append(TRUSTING)
        policy = compiled.load(text_of(*statements), Kind.TRUST)
        assert evaluate_trust(mine, caller, ResourcePolicy(policy, ACCOUNT), request).outcome is expected
        assert len(policy.faults) == 1


@pytest.mark.rule("I62", "I63")
@pytest.mark.parametrize("resources", ["*", ["*", VPC], [VPC, "*"]])
def test_a_star_among_the_resources_stands_for_all_and_negated_leaves_none(resources: Any) -> None:
    for resource in ("*", VPC):
        for element, expected in (("Resource", Outcome.ALLOWED), ("NotResource", Outcome.IMPLICIT_DENY)):
            text = text_of({"Effect": "Allow", "Action": "*", element: resources})
            assert alone(text, resource=resource) is expected


# What a document says


@pytest.mark.rule("I51")
def test_a_document_is_read_as_it_is_written() -> None:
    condition = {"NumericLessThan": {"aws:a": [1, 2.50, "3"]}, "Bool": {"aws:b": False}}
    text = text_of(
        {"Sid": "S", "Effect": "Deny", "NotAction": ["a:b", "c:d"], "Resource": VPC, "Condition": condition}, Id="I"
    )
    read = document.parse(text)
    assert (read.version, read.id) == ("2012-10-17", "I")
    assert read.statements == (
        Statement(
            index=0,
            sid="S",
            effect=Effect.DENY,
            actions=Element(("a:b", "c:d"), negated=True),
            resources=Element((VPC,)),
            conditions=(
                Clause("NumericLessThan", "aws:a", ("1", "2.5", "3")),
                Clause("Bool", "aws:b", ("false",)),
            ),
        ),
    )
    bare = document.parse(text_of(EVERYTHING, EVERYTHING, version=None))
    assert (bare.version, bare.id) == ("2008-10-17", "")
    assert [each.index for each in document.parse(text_of(EVERYTHING, EVERYTHING)).statements] == [0, 1]


@pytest.mark.rule("I56")
def test_of_a_statement_that_cannot_be_read_its_place_and_effect_are_left_and_what_is_wrong() -> None:
    read = document.parse(text_of({**EVERYTHING, "Sid": 5}, {**EVERYTHING, "Effect": "Grant", "Sid": "S"}))
    assert read.statements == (
        Statement(0, "", Effect.ALLOW, problem=faults.SYNTAX),
        Statement(1, "", Effect.DENY, problem=faults.SYNTAX),
    )


@pytest.mark.rule("I51")
@pytest.mark.parametrize("constant", [float("nan"), float("inf"), float("-inf")])
def test_a_document_with_what_is_no_json_is_none_whatever_its_other_statements_say(constant: float) -> None:
    with pytest.raises(Malformed):
        document.parse(text_of(EVERYTHING, statement(Condition={"NumericEquals": {"aws:k": constant}})))


@pytest.mark.rule("I57")
def test_a_document_is_read_up_to_its_greatest_length_white_space_included() -> None:
    longest = text_of(EVERYTHING).ljust(document.MAX_LENGTH)
    assert len(document.parse(longest).statements) == 1
    with pytest.raises(Malformed, match="Syntax errors in policy"):
        document.parse(longest + " ")


@pytest.mark.rule("I67")
def test_everybody_is_written_in_two_ways() -> None:
    for principal in ("*", {"AWS": "*"}):
        read = document.parse(text_of({**TRUSTING, "Principal": principal}))
        assert read.statements[0].principals == Element(("AWS:*",))


@pytest.mark.rule("I54")
def test_principals_are_renamed_when_a_trust_policy_is_saved_and_back_when_it_is_shown() -> None:
    names = {ROLE: "AROAEXAMPLE", "ec2.amazonaws.com": "never"}
    back = {new: old for old, new in names.items()}
    first = {**TRUSTING, "Principal": {"Service": "ec2.amazonaws.com", "AWS": [ROLE, ACCOUNT]}, "Sid": "Grüße"}
    second = {**TRUSTING, "Principal": {"AWS": ROLE}}
    third = {**TRUSTING, "Principal": "*", "Condition": {"NumericEquals": {"aws:k": 5}}}
    text = text_of(first, second, third)
    saved = document.rename_principals(text, names)
    assert json.loads(saved) == json.loads(
        text_of(
            {**first, "Principal": {"Service": "ec2.amazonaws.com", "AWS": ["AROAEXAMPLE", ACCOUNT]}},
            {**second, "Principal": {"AWS": "AROAEXAMPLE"}},
            third,
        )
    )
    assert "Grüße" in saved
    assert json.loads(document.rename_principals(saved, back)) == json.loads(text)


@pytest.mark.rule("I54")
def test_a_document_without_such_principals_keeps_its_very_text() -> None:
    text = text_of(TRUSTING) + " \n"
    assert document.rename_principals(text, {ROLE: "AROAEXAMPLE"}) == text
    single = json.dumps({"Statement": {**TRUSTING, "Principal": {"AWS": ROLE}}})
    assert json.loads(document.rename_principals(single, {ROLE: "X"}))["Statement"]["Principal"] == {"AWS": "X"}
    for bad in ("{}", "x", '{"Statement": [], "Other": 1}'):
        with pytest.raises(Malformed):
            document.rename_principals(bad, {})


@pytest.mark.rule("I54")
def test_only_names_are_renamed_and_what_else_a_text_has_stays() -> None:
    service = {**TRUSTING, "Principal": {"Service": "ec2.amazonaws.com"}}
    given = [5, service, {**TRUSTING, "Principal": {"AWS": {"AWS": ROLE}}}, {**TRUSTING, "Principal": {"AWS": ROLE}}]
    saved = json.loads(document.rename_principals(text_of(*given), {ROLE: "AROAEXAMPLE"}))
    assert saved["Statement"] == [*given[:3], {**TRUSTING, "Principal": {"AWS": "AROAEXAMPLE"}}]


@pytest.mark.rule("I54")
def test_a_renamed_document_is_written_without_white_space_and_with_its_letters() -> None:
    text = '{ "Id": "Grüße", "Statement": [ {"Principal": {"AWS": "x"}} ] }'
    assert document.rename_principals(text, {"x": "AIDA"}) == '{"Id":"Grüße","Statement":[{"Principal":{"AWS":"AIDA"}}]}'


def test_a_policy_knows_the_condition_keys_it_asks_for() -> None:
    text = text_of(
        statement(resource="arn:aws:iam::1:user/${aws:username}", Condition={"Null": {"aws:TokenIssueTime": "true"}}),
        statement(Condition={"StringLike": {"ec2:ResourceTag/x": "${aws:PrincipalTag/y}"}}),
    )
    assert {key.written for key in compiled.load(text).keys} == {
        "aws:username", "aws:TokenIssueTime", "ec2:ResourceTag/x", "aws:PrincipalTag/y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "turns"),
    [
        ({"StringLike": {"aws:username": "*"}}, set()),
        ({"Null": {"aws:CurrentTime": "false"}}, set()),
        ({"DateLessThan": {"aws:CurrentTime": ["1970-01-01T00:00:09Z", "7.5"]}}, set()),  # 7.5 is no date: it never matches
        ({"DateLessThan": {"aws:CurrentTime": "1970-01-01T00:00:09Z"}}, {9}),
        ({"NumericEqualsIfExists": {"aws:EpochTime": "7.5"}, "DateEquals": {"AWS:CurrentTime": "12345"}}, {7.5, 12345}),
        ({"StringEquals": {"aws:CurrentTime": "1970-01-01T00:00:09Z"}}, None),
        ({"StringEquals": {"aws:username": "${aws:EpochTime}"}, "DateEquals": {"aws:CurrentTime": "12345"}}, None),
    ],
)
def test_a_policy_tells_when_what_it_says_of_the_clock_may_change(conditions: Any, turns: set[float] | None) -> None:
    assert compiled.load(text_of(statement(Condition=conditions))).turns == turns
