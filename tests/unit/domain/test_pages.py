"""Pages: the bounds of MaxResults, and tokens that nobody else can make."""

import base64

import pytest

from isthmus.domain.errors import ApiError
from isthmus.domain.pages import MAX_RESULTS, check_max_results, check_token, decode_token, encode_token

SECRET = b"0123456789abcdef0123456789abcdef"


def refusal(value: int | None, low: int = 5, high: int = 1000, *, ids_given: bool = False) -> tuple[str, str]:
    with pytest.raises(ApiError) as refused:
        check_max_results(value, low, high, ids_given=ids_given, ids_parameter="VpcIds")
    return refused.value.code, refused.value.message


@pytest.mark.rule("S330")
@pytest.mark.parametrize("value", [None, 5, 6, 999, 1000])
def test_max_results_may_be_left_out_or_lie_in_its_range(value: int | None) -> None:
    check_max_results(value, 5, 1000, ids_given=False, ids_parameter="VpcIds")


@pytest.mark.rule("S330")
@pytest.mark.parametrize("value", [4, 0, -1])
def test_too_few_results_are_refused(value: int) -> None:
    assert refusal(value) == (
        "InvalidParameterValue",
        f"Value ( {value} ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.",
    )


@pytest.mark.rule("S330")
@pytest.mark.parametrize("value", [1001, 2**31])
def test_too_many_results_are_refused(value: int) -> None:
    assert refusal(value) == (
        "InvalidParameterValue",
        f"Value ( {value} ) for parameter MaxResults is invalid. Expecting a value smaller than or equal to 1000.",
    )


def test_the_bounds_are_those_of_the_action() -> None:
    check_max_results(1, 1, 100, ids_given=False, ids_parameter="")
    assert refusal(101, 1, 100)[1].endswith("smaller than or equal to 100.")
    assert refusal(0, 1, 100)[1].endswith("greater than or equal to 1.")


@pytest.mark.rule("S331")
def test_max_results_does_not_go_with_ids() -> None:
    assert refusal(5, ids_given=True) == (
        "InvalidParameterCombination",
        "The parameter VpcIds cannot be used with the parameter MaxResults",
    )


@pytest.mark.rule("S331")
def test_ids_without_max_results_are_fine() -> None:
    check_max_results(None, 5, 1000, ids_given=True, ids_parameter="VpcIds")


@pytest.mark.rule("S331")
def test_a_token_does_not_go_with_ids() -> None:
    with pytest.raises(ApiError) as refused:
        check_token("", ids_given=True, ids_parameter="VpcIds")
    words = "The parameter VpcIds cannot be used with the parameter NextToken"
    assert (refused.value.code, refused.value.message) == ("InvalidParameterCombination", words)
    check_token("token", ids_given=False, ids_parameter="VpcIds")
    check_token(None, ids_given=True, ids_parameter="VpcIds")


def test_a_bad_number_is_told_before_a_bad_combination() -> None:
    assert refusal(4, ids_given=True)[0] == "InvalidParameterValue"


@pytest.mark.rule("S504")
def test_each_action_has_its_range() -> None:
    assert {action for action, bounds in MAX_RESULTS.items() if bounds == (5, 1000)} == {
        "DescribeDhcpOptions",
        "DescribeInternetGateways",
        "DescribeNetworkAcls",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVpcPeeringConnections",
        "DescribeVpcs",
    }
    assert {action: bounds for action, bounds in MAX_RESULTS.items() if bounds != (5, 1000)} == {
        "DescribeNetworkInsightsAnalyses": (1, 100),
        "DescribeNetworkInsightsPaths": (1, 100),
        "DescribeRouteTables": (5, 100),
        "DescribeStaleSecurityGroups": (5, 255),
    }


@pytest.mark.parametrize("seq", [0, 1, 255, 256, 2**31, 2**63, 2**64 - 1])
def test_a_token_leads_back_to_its_place(seq: int) -> None:
    assert decode_token(SECRET, "vpc", encode_token(SECRET, "vpc", seq)) == seq


def test_a_token_stays_good_from_one_release_to_the_next() -> None:
    assert encode_token(SECRET, "vpc", 7) == "AAAAAAAAAAc94fWmbGZtBet8HjvrFNa6"


@pytest.mark.rule("S332")
@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "AAAA",
        "A" * 32,
        "!" * 32,
        "é" * 32,
        encode_token(SECRET, "vpc", 7)[:-1],
        encode_token(SECRET, "vpc", 7)[:-4],
        encode_token(SECRET, "vpc", 7) + "A",
        encode_token(SECRET, "vpc", 7) + "AAAA",
        encode_token(SECRET, "vpc", 7) + "\n",
        " " + encode_token(SECRET, "vpc", 7),
        encode_token(SECRET, "subnet", 7),
        encode_token(SECRET, "vp", 7),
        encode_token(b"another secret", "vpc", 7),
    ],
)
def test_a_token_of_another_list_or_of_nobody_is_refused(token: str) -> None:
    with pytest.raises(ApiError) as refused:
        decode_token(SECRET, "vpc", token)
    assert (refused.value.code, refused.value.message) == (
        "InvalidParameterValue",
        f"Value ( {token} ) for parameter NextToken is invalid. The token is invalid.",
    )


@pytest.mark.rule("S332")
@pytest.mark.parametrize("byte", range(24))
def test_a_token_with_one_bit_changed_is_refused(byte: int) -> None:
    content = bytearray(base64.urlsafe_b64decode(encode_token(SECRET, "vpc", 7)))
    content[byte] ^= 1
    with pytest.raises(ApiError):
        decode_token(SECRET, "vpc", base64.urlsafe_b64encode(content).decode())


def test_a_token_needs_no_quoting_in_a_url() -> None:
    for seq in range(200):
        token = encode_token(SECRET, "vpc", seq)
        assert len(token) == 32
        assert token.replace("-", "a").replace("_", "a").isalnum()
