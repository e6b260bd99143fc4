"""Every condition operator: what it matches, what it says of an absent key, and how its forms differ."""

from itertools import product
from typing import Any

import pytest

from isthmus.policy import conditions
from isthmus.policy.conditions import Clause
from isthmus.policy.context import Context
from isthmus.policy.faults import Malformed
from tests.policies import fires

KEY = "aws:k"
ALICE = "arn:aws:iam::1:user/alice"

# operator, value or values of the policy, value of the request, whether a statement with it matches
TABLE: list[tuple[str, Any, str, bool]] = [
    ("StringEquals", "dev", "dev", True),
    ("StringEquals", "dev", "Dev", False),
    ("StringEquals", "d*", "dev", False),
    ("StringEquals", "d*", "d*", True),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", ["a", "b"], "c", False),
    ("StringEquals", "", "", True),
    ("StringEquals", 5, "5", True),
    ("StringEquals", True, "true", True),
    ("StringNotEquals", "dev", "dev", False),
    ("StringNotEquals", "dev", "Dev", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", ["a", "b"], "c", True),
    ("StringEqualsIgnoreCase", "DEV", "dEv", True),
    ("StringEqualsIgnoreCase", "DEV", "devs", False),
    ("StringEqualsIgnoreCase", "d*", "dev", False),
    ("StringNotEqualsIgnoreCase", "DEV", "dEv", False),
    ("StringNotEqualsIgnoreCase", "DEV", "devs", True),
    ("StringLike", "d?v*", "develop", True),
    ("StringLike", "d?v*", "Develop", False),
    ("StringLike", ["x*", "*op"], "develop", True),
    ("StringLike", "*", "", True),
    ("StringLike", "?*", "", False),
    ("StringNotLike", "d?v*", "develop", False),
    ("StringNotLike", "d?v*", "deaf", True),
    ("StringNotLike", ["x*", "*op"], "develop", False),
    ("NumericEquals", "5", "5.0", True),
    ("NumericEquals", 5, "5", True),
    ("NumericEquals", 5.5, "5.50", True),
    ("NumericEquals", "0.1", "0.10000000000000001", False),
    ("NumericEquals", "1e2", "100", True),
    ("NumericEquals", ".5", "+0.5", True),
    ("NumericEquals", "-1", "-1.", True),
    ("NumericEquals", "9" * 64, "9" * 64, True),
    ("NumericEquals", ["1", "2"], "2", True),
    ("NumericNotEquals", "5", "5.0", False),
    ("NumericNotEquals", "5", "6", True),
    ("NumericNotEquals", ["5", "6"], "6", False),
    ("NumericLessThan", "5", "4.9", True),
    ("NumericLessThan", "5", "5", False),
    ("NumericLessThan", "10", "9", True),
    ("NumericLessThanEquals", "5", "5.0", True),
    ("NumericLessThanEquals", "5", "5.1", False),
    ("NumericGreaterThan", "5", "5.1", True),
    ("NumericGreaterThan", "5", "5", False),
    ("NumericGreaterThanEquals", "5", "5", True),
    ("NumericGreaterThanEquals", "5", "4.9", False),
    ("DateEquals", "2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00", True),
    ("DateEquals", "2026-06-01T12:00:00Z", "1780315200", True),
    ("DateEquals", "2026-06-01T12:00:00Z", "1780315200.5", False),
    ("DateEquals", "2026-06-01T12:00:00.5Z", "1780315200.50", True),
    ("DateEquals", "2026-06-01T12:00Z", "2026-06-01T12:00:00.000Z", True),
    ("DateEquals", "2026", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2026-06", "2026-06-01T00:00:00Z", True),
    ("DateEquals", "2026-06-02", "2026-06-02T00:00:00Z", True),
    ("DateEquals", "2026-06-02", "2026-06-01T22:30:00-01:30", True),
    ("DateEquals", "0", "1970-01-01T00:00:00Z", True),
    ("DateEquals", 1780315200, "2026-06-01T12:00:00Z", True),
    ("DateEquals", "-86400", "1969-12-31", True),
    ("DateNotEquals", "2026", "2026-01-01T00:00:00Z", False),
    ("DateNotEquals", "2026", "2026-01-01T00:00:01Z", True),
    ("DateLessThan", "2026-06-01", "2026-05-31T23:59:59Z", True),
    ("DateLessThan", "2026-06-01", "2026-06-01T00:00:00Z", False),
    ("DateLessThanEquals", "2026-06-01", "2026-06-01T00:00:00Z", True),
    ("DateLessThanEquals", "2026-06-01", "2026-06-01T00:00:00.000000001Z", False),
    ("DateGreaterThan", "2026-06-01", "2026-06-01T00:00:00.000000001Z", True),
    ("DateGreaterThan", "2026-06-01", "2026-06-01T00:00:00Z", False),
    ("DateGreaterThanEquals", "2026-06-01", "2026-06-01T00:00:00Z", True),
    ("DateGreaterThanEquals", "2026-06-01", "2026-05-31T23:59:59Z", False),
    ("Bool", "true", "true", True),
    ("Bool", "true", "TRUE", True),
    ("Bool", True, "true", True),
    ("Bool", False, "true", False),
    ("Bool", "False", "false", True),
    ("Bool", ["true", "false"], "false", True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJz", False),
    ("BinaryEquals", "", "", True),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
    ("IpAddress", "10.9.9.9/8", "10.1.2.3", True),
    ("IpAddress", "10.0.0.0/8", "11.0.0.0", False),
    ("IpAddress", "10.1.2.3", "10.1.2.3", True),
    ("IpAddress", "10.1.2.3", "10.1.2.4", False),
    ("IpAddress", ["192.0.2.0/24", "10.0.0.0/8"], "10.1.2.3", True),
    ("IpAddress", "0.0.0.0/0", "2001:db8::7", False),
    ("IpAddress", "::/0", "10.1.2.3", False),
    ("IpAddress", "2001:db8::/32", "2001:DB8:0::7", True),
    ("IpAddress", "2001:db8::7", "2001:db8::7", True),
    ("IpAddress", "2001:db8::7", "2001:db8::8", False),
    ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", True),
    ("IpAddress", "::ffff:10.0.0.0/104", "10.1.2.3", True),
    ("IpAddress", "::ffff:0.0.0.0/96", "10.1.2.3", True),
    ("IpAddress", "::/95", "10.1.2.3", False),
    ("IpAddress", "10.0.0.0/8", "10.0.0.0/9", True),
    ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
    ("NotIpAddress", "10.0.0.0/8", "11.0.0.0", True),
    ("NotIpAddress", "10.0.0.0/8", "2001:db8::7", True),
    ("NotIpAddress", ["192.0.2.0/24", "10.0.0.0/8"], "10.1.2.3", False),
    *((operator, pattern, given, matches != ("Not" in operator))
      for operator in ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")
      for pattern, given, matches in [
          (ALICE, ALICE, True),
          ("arn:aws:iam::*:user/al?ce", ALICE, True),
          ("arn:aws:iam::*:user/*", ALICE.upper(), False),
          ("arn:aws:*/alice", ALICE, False),
          ("*", ALICE, True),
          ("*", "alice", False),
          (["arn:aws:iam::1:user/bob", ALICE], ALICE, True),
      ]),
]  # fmt: skip


@pytest.mark.rule("I81", "I82", "I84", "I85", "I86", "I87", "I88")
@pytest.mark.parametrize(("operator", "values", "given", "matches"), TABLE)
def test_each_operator_compares_in_its_own_way(operator: str, values: Any, given: str, matches: bool) -> None:
    assert fires({operator: {KEY: values}}, {KEY: given}) is matches


def test_the_table_has_every_operator() -> None:
    assert {operator.lower() for operator, *_ in TABLE} == set(conditions.OPERATORS)


NAMES = sorted({operator for operator, *_ in TABLE})
# A value that each operator takes, and a value of a request that does not match it.
SAMPLES = {operator: (values, given) for operator, values, given, matches in TABLE if matches is ("Not" in operator)}


@pytest.mark.rule("I83")
@pytest.mark.parametrize("name", NAMES)
def test_an_absent_key_matches_negated_operators_and_if_exists(name: str) -> None:
    value = SAMPLES[name][0]
    for context in ({}, {KEY: ()}):
        assert fires({name: {KEY: value}}, context) is ("Not" in name)
        assert fires({f"{name}IfExists": {KEY: value}}, context)


@pytest.mark.rule("I82", "I83")
@pytest.mark.parametrize(("operator", "values", "given", "matches"), TABLE)
def test_a_key_that_is_there_is_compared_with_if_exists_as_without(
    operator: str, values: Any, given: str, matches: bool
) -> None:
    assert fires({f"{operator}IfExists": {KEY: values}}, {KEY: given}) is matches


@pytest.mark.rule("I83", "I89")
@pytest.mark.parametrize("name", NAMES)
def test_of_an_absent_key_for_all_values_holds_and_for_any_value_does_not(name: str) -> None:
    value = SAMPLES[name][0]
    for context in ({}, {KEY: ()}):
        assert fires({f"ForAllValues:{name}": {KEY: value}}, context)
        assert not fires({f"ForAnyValue:{name}": {KEY: value}}, context)
        assert fires({f"ForAnyValue:{name}IfExists": {KEY: value}}, context)


@pytest.mark.rule("I89")
@pytest.mark.parametrize(("operator", "values", "given", "matches"), TABLE)
def test_a_single_value_is_a_set_of_one(operator: str, values: Any, given: str, matches: bool) -> None:
    for prefix, value in product(("ForAnyValue", "ForAllValues"), (given, (given,))):
        assert fires({f"{prefix}:{operator}": {KEY: values}}, {KEY: value}) is matches


@pytest.mark.rule("I89")
@pytest.mark.parametrize(
    ("operator", "values", "given", "any_value", "all_values"),
    [
        ("StringEquals", ["env", "team"], ("env", "team"), True, True),
        ("StringEquals", ["env", "team"], ("env", "owner"), True, False),
        ("StringEquals", ["env", "team"], ("owner", "cost"), False, False),
        ("StringNotEquals", ["env", "team"], ("env", "team"), False, False),
        ("StringNotEquals", ["env", "team"], ("env", "owner"), True, False),
        ("StringNotEquals", ["env", "team"], ("owner", "cost"), True, True),
        ("StringLike", "e*", ("env", "team"), True, False),
        ("NumericLessThan", "3", ("1", "2"), True, True),
        ("NumericLessThan", "3", ("1", "4"), True, False),
        ("ArnLike", "arn:aws:iam::1:*", (ALICE, "x"), True, False),
    ],
)
def test_for_any_value_wants_one_and_for_all_values_each(
    operator: str, values: Any, given: tuple[str, ...], any_value: bool, all_values: bool
) -> None:
    assert fires({f"ForAnyValue:{operator}": {KEY: values}}, {KEY: given}) is any_value
    assert fires({f"ForAllValues:{operator}": {KEY: values}}, {KEY: given}) is all_values


@pytest.mark.rule("I72", "I89")
@pytest.mark.parametrize(
    ("prefix", "given", "matches"),
    [
        ("ForAnyValue", ("alice", "y"), True),
        ("ForAnyValue", ("bob", "y"), False),
        ("ForAllValues", ("alice", "x"), True),
        ("ForAllValues", ("alice", "y"), False),
    ],
)
def test_each_value_of_a_set_is_compared_with_what_a_variable_says(
    prefix: str, given: tuple[str, ...], matches: bool
) -> None:
    condition = {f"{prefix}:StringEquals": {KEY: ["x", "${aws:username}"]}}
    assert fires(condition, {KEY: given, "aws:username": "alice"}) is matches


@pytest.mark.rule("I90")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_multivalued_key_without_a_set_operator_does_not_match(name: str, effect: str) -> None:
    values, given = SAMPLES[name]
    for value in ((given,), (given, given)):
        assert not fires({name: {KEY: values}}, {KEY: value}, effect=effect)
        assert not fires({f"{name}IfExists": {KEY: values}}, {KEY: value}, effect=effect)


@pytest.mark.rule("I83", "I88")
@pytest.mark.parametrize(
    ("values", "context", "matches"),
    [
        ("true", {}, True),
        ("true", {KEY: "x"}, False),
        ("false", {}, False),
        ("false", {KEY: "x"}, True),
        ("false", {KEY: ("x", "y")}, True),
        ("false", {KEY: ()}, False),
        ("true", {KEY: ()}, True),
        (True, {}, True),
        (False, {}, False),
        ("TRUE", {}, True),
        (["true", "false"], {}, True),
        (["true", "false"], {KEY: "x"}, True),
    ],
)
def test_null_asks_whether_the_key_is_absent(values: Any, context: Any, matches: bool) -> None:
    assert fires({"Null": {KEY: values}}, context) is matches
    assert fires({"ForAnyValue:Null": {KEY: values}}, context) is matches


@pytest.mark.rule("I81")
def test_all_operators_and_all_keys_must_hold() -> None:
    condition = {"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": "true"}}
    context = {"aws:a": "1", "aws:b": "2", "aws:c": "true"}
    assert fires(condition, context)
    for key in context:
        assert not fires(condition, {**context, key: "false"}), key


@pytest.mark.rule("I82")
@pytest.mark.parametrize("name", ["stringequals", "STRINGEQUALS", "foranyvalue:stringEQUALSifexists"])
def test_operator_names_are_read_in_any_case(name: str) -> None:
    assert fires({name: {KEY: "a"}}, {KEY: "a"})
    assert not fires({name: {KEY: "a"}}, {KEY: "b"})


NO_NUMBERS = ["nan", "inf", "-Infinity", "0x10", "1_000", "\u0663", "", " 1", "1,5", "1e1000", ".", "9" * 65]
NO_DATES = [
    "tomorrow", "2026-13-01", "2026-02-30", "2026-06-01T12:00:00", "2026-06-01T12", "2026-06-01 12:00:00Z",
    "20260601T120000Z",
    "2026-06-01T24:00:00Z", "2026-06-01T12:00:00+25:00", "2026-06-01T12:00:00.Z", "26-06-01", "0000", "1" * 16, "",
]  # fmt: skip
# What cannot be evaluated: operator, key, values
UNUSABLE: list[tuple[str, str, Any]] = [
    ("StringSortOf", KEY, "a"),
    ("", KEY, "a"),
    ("IfExists", KEY, "a"),
    ("NullIfExists", KEY, "true"),
    ("ForSomeValues:StringEquals", KEY, "a"),
    ("ForAnyValue:", KEY, "a"),
    ("StringEquals:ForAnyValue", KEY, "a"),
    ("StringEqualsIfExistsIfExists", KEY, "a"),
    ("Null", KEY, "maybe"),
    ("Null", KEY, ["true", ""]),
    ("StringEquals", "noservice", "a"),
    ("StringEquals", KEY, []),
    ("StringEquals", KEY, "${aws:username"),
    ("IpAddress", KEY, "10.0.0.0/33"),
    ("IpAddress", KEY, ["10.0.0.0/8", "10.0.0"]),
    ("IpAddress", KEY, "10.0.0.0/255.0.0.0"),
    ("IpAddress", KEY, "fe80::1%eth0"),
    ("IpAddress", KEY, ""),
    ("NotIpAddress", KEY, "somewhere"),
    ("Bool", KEY, "yes"),
    ("Bool", KEY, ""),
    ("BinaryEquals", KEY, "not base64!"),
    ("BinaryEquals", KEY, "QQ"),
    *(("NumericLessThan", KEY, value) for value in NO_NUMBERS),
    *(("DateLessThan", KEY, value) for value in NO_DATES),
]  # fmt: skip


@pytest.mark.rule("I56", "I82", "I86", "I87", "I88")
@pytest.mark.parametrize(("operator", "key", "values"), UNUSABLE)
def test_a_clause_that_cannot_be_evaluated_fails_an_allow_and_fires_a_deny(operator: str, key: str, values: Any) -> None:
    for context in ({}, {KEY: "1"}, {KEY: "10.0.0.1"}, {KEY: "2026"}, {KEY: "a"}):
        assert not fires({operator: {key: values}}, context)
        assert fires({operator: {key: values}}, context, effect="Deny")


@pytest.mark.rule("I56")
def test_a_deny_with_an_unusable_clause_still_needs_its_other_clauses() -> None:
    condition = {"IpAddress": {KEY: "nowhere"}, "StringEquals": {"aws:b": "x"}}
    assert fires(condition, {"aws:b": "x"}, effect="Deny")
    assert not fires(condition, {"aws:b": "y"}, effect="Deny")
    assert not fires(condition, {"aws:b": "x"})


MALFORMED_REQUESTS = [
    ("NumericLessThan", "5", "abc"),
    ("NumericNotEquals", "5", "nan"),
    ("DateGreaterThan", "2026", "yesterday"),
    ("DateNotEquals", "2026", ""),
    ("Bool", "true", "yes"),
    ("BinaryEquals", "QQ==", "?"),
    ("IpAddress", "10.0.0.0/8", "unknown"),
    ("NotIpAddress", "10.0.0.0/8", "10.0.0"),
]


@pytest.mark.rule("I56", "I88")
@pytest.mark.parametrize(("operator", "value", "given"), MALFORMED_REQUESTS)
def test_a_request_s_value_that_cannot_be_read_fails_closed_too(operator: str, value: str, given: str) -> None:
    good = SAMPLES[operator][1]
    for name, context in [
        (operator, {KEY: given}),
        (f"{operator}IfExists", {KEY: given}),
        (f"ForAnyValue:{operator}", {KEY: (good, given)}),
        (f"ForAnyValue:{operator}", {KEY: (given, good)}),
        (f"ForAllValues:{operator}", {KEY: (good, given)}),
    ]:
        assert not fires({name: {KEY: value}}, context), name
        assert fires({name: {KEY: value}}, context, effect="Deny"), name


@pytest.mark.rule("I56", "I72")
def test_a_bad_value_beside_a_variable_spoils_the_clause_whether_the_key_is_there_or_not() -> None:
    condition = {"Bool": {KEY: ["maybe", "${aws:other}"]}}
    for context in ({}, {KEY: "true"}, {KEY: "true", "aws:other": "true"}):
        assert not fires(condition, context)
        assert fires(condition, context, effect="Deny")


@pytest.mark.rule("I73", "I90")
def test_a_multivalued_key_without_a_set_operator_does_not_match_whatever_it_is_compared_with() -> None:
    condition = {"StringEquals": {"aws:TagKeys": "${aws:TagKeys}"}}
    for effect in ("Allow", "Deny"):
        assert not fires(condition, {"aws:TagKeys": ("a", "b")}, effect=effect)


@pytest.mark.rule("I85")
@pytest.mark.parametrize("given", ["alice", "arn:aws:iam", ""])
def test_what_is_no_arn_never_matches_the_positive_form(given: str) -> None:
    for effect in ("Allow", "Deny"):
        assert not fires({"ArnLike": {KEY: ["*", "a*"]}}, {KEY: given}, effect=effect)
        assert fires({"ArnNotLike": {KEY: "*"}}, {KEY: given}, effect=effect)


def test_a_condition_names_the_keys_it_asks_for() -> None:
    clause = Clause("StringLike", "aws:K", ("${aws:A}${aws:B, 'x'}", "y"))
    _, keys = conditions.condition(clause, "2012-10-17", otherwise=False)
    assert [key.written for key in keys] == ["aws:K", "aws:A", "aws:B"]


@pytest.mark.rule("I56")
def test_what_is_wrong_with_a_clause_is_said_once_and_for_all() -> None:
    for operator, key, values in UNUSABLE:
        given = values if isinstance(values, list) else [values]
        with pytest.raises(Malformed, match="prefaced by a vendor" if key == "noservice" else "Syntax errors"):
            conditions.condition(Clause(operator, key, tuple(given)), "2012-10-17", otherwise=True)


def test_a_test_may_be_asked_again_and_again() -> None:
    test, _ = conditions.condition(Clause("StringLike", "aws:k", ("a*",)), "2012-10-17", otherwise=False)
    answers = [test(Context.of({KEY: value})) for value in ("a", "b", "ab", "a")]
    assert answers == [True, False, True, True]
