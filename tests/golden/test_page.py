"""The API page of CreateVpcPeeringConnection, replayed: its two sample requests as full HTTP, against its sample answer.

The page is docs/spec/000_ff6aa6841b6ea751.txt; this test reads it. Clock, ids and request id are injected; Action,
Version and the signature, which the page leaves to the reader ("AUTHPARAMS"), are added. Where the answer may differ stands
in the two lists below, each with its rule.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from isthmus.actions import administration
from isthmus.actions.call import RandomIdentifiers
from isthmus.config import Settings
from isthmus.domain.accounts import AccessKey
from isthmus.store.api import Kind
from isthmus.store.clock import ManualClock
from isthmus.store.unit import Unit
from isthmus.testing import InProcess

PAGE = Path(__file__).parents[2] / "docs" / "spec" / "000_ff6aa6841b6ea751.txt"
ENDPOINT = "http://127.0.0.1:4510/"
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
REQUEST_ID = "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE"
REQUESTER, ACCEPTER = "777788889999", "123456789012"
CREATED = datetime(2014, 2, 11, 14, 37, 25, tzinfo=UTC)  # seven days before the sample's expirationTime
CREATED_MS = int(CREATED.timestamp()) * 1_000
SIGNATURES = ("header", "query")

# (a) Slips of the page: path of the element, what the page has there, what the service says.
SLIPS = {
    ("requesterVpcInfo", "vpcId"): ("vpc-vpc-1a2b3c4d", "vpc-1a2b3c4d"),  # S201, S234: an id is one prefix and its digits
    ("requesterVpcInfo", "cidrBlock"): (None, "10.0.0.0/28"),  # S222: the requester's primary block
}
EMPTY_NAMESPACE = ("", NAMESPACE)  # S112

# (b) What today's service adds to the sample: path, and the rule that says so.
ADDED = {
    ("requesterVpcInfo", "cidrBlockSet"): "S222, S230",
    ("requesterVpcInfo", "peeringOptions", "allowDnsResolutionFromRemoteVpc"): "S228",
    ("requesterVpcInfo", "region"): "S222",
    ("accepterVpcInfo", "region"): "S222",
}


@dataclass
class FixedIdentifiers:
    """The page's ids, in the order in which the test makes the objects; for other kinds of objects, random ones."""

    objects: dict[str, list[str]]
    others: RandomIdentifiers = field(default_factory=RandomIdentifiers)

    def request_id(self, unit: Unit) -> str:
        return REQUEST_ID

    def object_id(self, unit: Unit, kind: str) -> str:
        return self.objects[kind].pop(0) if kind in self.objects else self.others.object_id(unit, kind)


class Stage:
    """A server at the page's instant that believes nobody without a signature, and the keys of the page's two accounts."""

    def __init__(self) -> None:
        ids = {
            "vpc": ["vpc-1a2b3c4d", "vpc-a1b2c3d4", "vpc-11122233"],
            "vpc-peering-connection": ["pcx-73a5401a", "pcx-1a2b3c4d"],
        }
        self.server = InProcess(
            Settings(data="memory", auth="enforce"), clock=ManualClock(CREATED_MS), identifiers=FixedIdentifiers(ids)
        )
        self.keys = {account: self.key(account) for account in (REQUESTER, ACCEPTER)}
        self.send(REQUESTER, "Action=CreateVpc&CidrBlock=10.0.0.0%2F28")
        self.send(ACCEPTER, "Action=CreateVpc&CidrBlock=10.0.0.16%2F28")
        self.send(REQUESTER, "Action=CreateVpc&CidrBlock=10.0.0.32%2F28")

    def key(self, account: str) -> AccessKey:
        def make(unit: Unit) -> AccessKey:
            return administration.create_account(unit, "of the page", account).key

        return self.server.store.run_now(Kind.WRITE, make)

    def send(self, account: str, parameters: str, signature: str = "header") -> ET.Element:
        """Sign and send a request as the page writes it, by GET; return the root of the answer."""
        key = self.keys[account]
        credentials = Credentials(key.id, key.secret)
        url = f"{ENDPOINT}?{parameters}&{urlencode({'Version': '2016-11-15'})}"
        request = AWSRequest("GET", url)
        signers = {
            "header": auth.SigV4Auth(credentials, "ec2", "us-east-1"),
            "query": auth.SigV4QueryAuth(credentials, "ec2", "us-east-1"),
        }
        with mock.patch.object(auth, "get_current_datetime", return_value=CREATED):
            signers[signature].add_auth(request)
        parts = urlsplit(request.url)
        answer = self.server.send("GET", f"/?{parts.query}", {name: str(value) for name, value in request.headers.items()})
        assert answer.status == 200, answer.body
        assert ("content-type", "text/xml;charset=UTF-8") in answer.headers
        assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
        return ET.fromstring(answer.body)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.server.close()


def sample_requests() -> list[str]:
    """The query strings of the page's two sample requests, less the AUTHPARAMS."""
    written = re.findall(r"Copy &(.+) &AUTHPARAMS", PAGE.read_text(encoding="utf-8"))
    return [query.replace(" &", "&") for query in written]


def sample_answer() -> ET.Element:
    (text,) = re.findall(
        r"<CreateVpcPeeringConnectionResponse.*</CreateVpcPeeringConnectionResponse>", PAGE.read_text(encoding="utf-8")
    )
    return ET.fromstring(text)


def tag(element: ET.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


Path_ = tuple[str, ...]


def rows(element: ET.Element, path: Path_ = ()) -> list[tuple[Path_, str | None]]:
    """Every element below, depth first in document order: its path, and its text if it holds no elements."""
    found: list[tuple[Path_, str | None]] = []
    for child in element:
        here = (*path, tag(child))
        text = (child.text or "").strip() or None
        found += [(here, None if len(child) else text), *rows(child, here)]
    return found


def connection(root: ET.Element) -> ET.Element:
    assert [tag(child) for child in root] == ["requestId", "vpcPeeringConnection"]
    return root[1]


def asked(query: str) -> str:
    return f"Action=CreateVpcPeeringConnection&{query}"


def test_the_page_has_two_sample_requests_and_one_answer() -> None:
    assert sample_requests() == [
        "VpcId=vpc-1a2b3c4d&PeerVpcId=vpc-a1b2c3d4&PeerOwnerId=123456789012",
        "VpcId=vpc-1a2b3c4d&PeerVpcId=vpc-11122233",
    ]
    assert tag(sample_answer()) == "CreateVpcPeeringConnectionResponse"


@pytest.mark.rule("S112", "S113", "S115", "S116", "S117", "S118", "S201", "S204", "S207", "S210", "S222", "S228")
@pytest.mark.parametrize("signature", SIGNATURES)
def test_the_first_request_is_answered_as_the_page_shows(stage: Stage, signature: str) -> None:
    root, sample = stage.send(REQUESTER, asked(sample_requests()[0]), signature), sample_answer()
    assert (sample.tag, root.tag) == tuple(
        f"{{{space}}}CreateVpcPeeringConnectionResponse" if space else "CreateVpcPeeringConnectionResponse"
        for space in EMPTY_NAMESPACE
    )
    assert root[0].text == sample[0].text == REQUEST_ID
    added = [path for path, _ in rows(connection(root)) if path in ADDED]
    assert sorted(added) == sorted(ADDED)
    like_the_page = [(path, text) for path, text in rows(connection(root)) if not is_added(path)]
    assert like_the_page == [corrected(path, text) for path, text in rows(connection(sample))]


def is_added(path: Path_) -> bool:
    """Whether an element, or one it stands in, is what today's service adds."""
    return any(path[: len(known)] == known for known in ADDED)


def corrected(path: Path_, text: str | None) -> tuple[Path_, str | None]:
    """A row of the sample without its slip."""
    if path not in SLIPS:
        return path, text
    slip, right = SLIPS[path]
    assert text == slip, "the page has no such slip any more"
    return path, right


@pytest.mark.rule("S222", "S230", "S228")
def test_what_is_added_to_the_page_stands_beside_its_kin(stage: Stage) -> None:
    found = connection(stage.send(REQUESTER, asked(sample_requests()[0])))
    requester, accepter = found[1], found[2]
    assert [tag(child) for child in requester] == [
        "ownerId",
        "vpcId",
        "cidrBlock",
        "cidrBlockSet",
        "peeringOptions",
        "region",
    ]
    assert [tag(child) for child in accepter] == ["ownerId", "vpcId", "region"]
    assert rows(requester[3]) == [(("item",), None), (("item", "cidrBlock"), "10.0.0.0/28")]
    assert [(tag(child), child.text) for child in requester[4]] == [
        ("allowEgressFromLocalClassicLinkToRemoteVpc", "false"),
        ("allowEgressFromLocalVpcToRemoteClassicLink", "false"),
        ("allowDnsResolutionFromRemoteVpc", "false"),
    ]
    assert requester[5].text == accepter[2].text == "us-east-1"


@pytest.mark.rule("S232", "S222")
@pytest.mark.parametrize("signature", SIGNATURES)
def test_the_second_request_is_answered_alike_with_both_owners_equal(stage: Stage, signature: str) -> None:
    first = connection(stage.send(REQUESTER, asked(sample_requests()[0]), signature))
    second = connection(stage.send(REQUESTER, asked(sample_requests()[1]), signature))
    assert [path for path, _ in rows(second)] == [path for path, _ in rows(first)]
    values = dict(rows(second))
    assert values["vpcPeeringConnectionId",] == "pcx-1a2b3c4d"
    assert values["requesterVpcInfo", "ownerId"] == values["accepterVpcInfo", "ownerId"] == REQUESTER
    assert values["requesterVpcInfo", "vpcId"] == "vpc-1a2b3c4d"
    assert values["accepterVpcInfo", "vpcId"] == "vpc-11122233"
    assert values["status", "message"] == f"Initiating Request to {REQUESTER}"
    assert values["expirationTime",] == "2014-02-18T14:37:25.000Z"
