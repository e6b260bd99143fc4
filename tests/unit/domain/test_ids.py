"""Ids: their syntax, and whose they are."""

import pytest

from isthmus.domain import ids
from isthmus.domain.errors import ApiError

PREFIXES = {
    "vpc": "vpc",
    "vpc-peering-connection": "pcx",
    "subnet": "subnet",
    "route-table": "rtb",
    "security-group": "sg",
    "security-group-rule": "sgr",
    "network-acl": "acl",
    "internet-gateway": "igw",
    "network-interface": "eni",
    "dhcp-options": "dopt",
    "network-insights-path": "nip",
    "network-insights-analysis": "nia",
    "vpc-cidr-block-association": "vpc-cidr-assoc",
    "subnet-cidr-block-association": "subnet-cidr-assoc",
    "route-table-association": "rtbassoc",
    "network-acl-association": "aclassoc",
    "network-interface-attachment": "eni-attach",
}
UNTAGGABLE = {
    "vpc-cidr-block-association",
    "subnet-cidr-block-association",
    "route-table-association",
    "network-acl-association",
    "network-interface-attachment",
}
LONG, SHORT = "0123456789abcdef0", "89abcdef"


def test_every_kind_has_a_prefix_of_its_own() -> None:
    assert {kind: row.prefix for kind, row in ids.KINDS.items()} == PREFIXES
    assert len(set(PREFIXES.values())) == len(PREFIXES)


@pytest.mark.rule("S501", "S201")
@pytest.mark.parametrize("kind", PREFIXES)
def test_a_new_id_is_the_prefix_and_seventeen_digits(kind: str) -> None:
    assert ids.new_id(kind, LONG) == f"{PREFIXES[kind]}-{LONG}"
    assert ids.check(kind, ids.new_id(kind, LONG)) == f"{PREFIXES[kind]}-{LONG}"


@pytest.mark.rule("S501", "S201")
def test_an_old_id_of_eight_digits_still_passes() -> None:
    assert ids.check("vpc", f"vpc-{SHORT}") == f"vpc-{SHORT}"


@pytest.mark.rule("S252")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "pcx-",
        "pcx",
        LONG,
        f"pcx{LONG}",
        f"vpc-{LONG}",
        f"PCX-{LONG}",
        f"pcx-{LONG.upper()}",
        f"pcx-{LONG}0",
        f"pcx-{LONG[1:]}",
        f"pcx-{SHORT}0",
        f"pcx-{SHORT[1:]}",
        f"pcx-{LONG}\n",
        f" pcx-{LONG}",
        f"pcx-{LONG[:-1]}g",
        f"xpcx-{LONG}",
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        ids.check("vpc-peering-connection", text)
    assert refused.value.code == "InvalidVpcPeeringConnectionId.Malformed"
    assert refused.value.message == f'Invalid id: "{text}" (expecting "pcx-...")'


@pytest.mark.rule("S237")
@pytest.mark.parametrize("text", ["", "vpc-1", f"pcx-{LONG}"])
def test_a_vpc_id_is_malformed_in_the_recorded_spelling_even_when_empty(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        ids.check("vpc", text)
    assert (refused.value.code, refused.value.message) == (
        "InvalidVpcId.Malformed",
        f'Invalid id: "{text}" (expecting "vpc-...")',
    )


@pytest.mark.rule("S502")
@pytest.mark.parametrize("kind", sorted(set(PREFIXES) - UNTAGGABLE))
def test_an_id_tells_its_kind(kind: str) -> None:
    assert ids.kind_of(f"{PREFIXES[kind]}-{LONG}") == kind
    assert ids.kind_of(f"{PREFIXES[kind]}-{SHORT}") == kind


@pytest.mark.rule("S502")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "vpc",
        "boat-01234567",
        "vpc-x-01234567",
        "VPC-01234567",
        *(f"{PREFIXES[kind]}-{LONG}" for kind in sorted(UNTAGGABLE)),
    ],
)
def test_an_id_of_nothing_taggable_is_not_valid(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        ids.kind_of(text)
    assert (refused.value.code, refused.value.message) == ("InvalidID", f"The ID '{text}' is not valid")


@pytest.mark.rule("S502")
def test_a_known_prefix_with_bad_digits_is_malformed_as_its_kind_says() -> None:
    with pytest.raises(ApiError) as refused:
        ids.kind_of("rtb-nothex")
    assert refused.value.code == "InvalidRouteTableId.Malformed"


def test_an_account_id_is_twelve_digits() -> None:
    assert ids.check_account("012345678901") == "012345678901"


@pytest.mark.rule("S239")
@pytest.mark.parametrize("text", ["", "12345678901", "1234567890123", "12345678901a", "123456789012\n", "\u0660" * 12])
def test_anything_else_is_no_account_id(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        ids.check_account(text)
    assert refused.value.code == "InvalidParameterValue"
    assert refused.value.message == f"Value ({text}) for parameter peerOwnerId is invalid. An account ID has 12 digits."


def test_the_error_names_the_parameter_that_held_the_account_id() -> None:
    with pytest.raises(ApiError, match=r"Value \(me\) for parameter owner is invalid\."):
        ids.check_account("me", "owner")
