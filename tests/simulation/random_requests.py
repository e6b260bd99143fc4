"""Random requests for every listed action, drawn from the generated shapes: plausible ones, and what goes wrong with them.

Everything follows from one `random.Random`, so that a seed and a number name a request.
"""

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote_plus

from isthmus.wire import model, services

ACCOUNTS: Final = ("111111111111", "222222222222")
REGIONS: Final = (*("us-east-1",) * 6, "eu-west-1")
ACTIONS: Final = [(name, action) for name in ("ec2", "sts") for action in services.tables(name).actions]
IAM_ACTIONS: Final = [("iam", action) for action in services.tables("iam").actions]
IAM_CREATES: Final = [pair for pair in IAM_ACTIONS if pair[1].startswith(("Create", "Put", "Attach", "Add"))]
# Deletions come less often, or there would be little to look at.
CHANGES: Final = [pair for pair in ACTIONS if not pair[1].startswith(("Describe", "Get", "DeleteV", "Reject"))]
FREQUENT: Final = [
    ("ec2", "CreateVpc"),
    ("ec2", "CreateVpc"),
    ("ec2", "CreateVpcPeeringConnection"),
    ("ec2", "CreateVpcPeeringConnection"),
    ("ec2", "AcceptVpcPeeringConnection"),
    ("ec2", "ModifyVpcPeeringConnectionOptions"),
    ("ec2", "ModifyVpcAttribute"),
]
UNKNOWN_ACTIONS: Final = (
    "RunInstances",
    "createVpc",
    "DescribeVpcs ",
    "",
    "Describe",
    "GetUser",
    "<b>",
    "Ünïcode",
    "__init__",
)

INTEGERS: Final = (
    "0",
    "1",
    "4",
    "5",
    "6",
    "16",
    "28",
    "56",
    "1000",
    "1001",
    "-1",
    "2147483648",
    "9223372036854775807",
    "1" * 30,
)
WRONG: Final = (
    "",
    " ",
    "0",
    "x",
    "-",
    "1.5",
    "True",
    "NaN",
    "é✓",
    "<&>\"'",
    "%",
    "a" * 300,
    "null",
    "*",
    "?",
    "\\",
    "[]",
    "\t\n",
)
CIDRS: Final = (
    *("10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/24", "10.4.0.0/16", "10.5.0.0/20", "10.6.0.0/28"),
    *("10.7.0.0/16", "10.8.0.0/16", "10.9.0.0/24", "10.0.0.1/16", "172.16.0.0/16", "10.10.0.0/16", "10.11.0.0/16"),
    *("192.168.0.0/28", "192.168.0.0/29", "0.0.0.0/0", "10.0.0.0/15", "10.0.0.0/33", "10.0.0.256/24", "300.1.1.1/16"),
    *("100.64.0.0/20", "198.19.0.0/16", "2600:1f14::/56", "10.0.0.0", "/16", "10.00.0.0/16", "\u0661" + "0.0.0.0/16"),
)
FILTERS: Final = (
    *("vpc-id", "status-code", "requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id", "vpc-peering-connection-id"),
    *("tag:Name", "tag:", "tag-key", "isDefault", "is-default", "state", "owner-id", "cidr", "cidr-block", "region-name"),
    *("expiration-time", "resource-id", "resource-type", "key", "value", "group-name", "group-id", "association.main"),
    *("ip-permission.protocol", "entry.rule-number", "default", "nonsense", "", "VPC-ID"),
)
FILTER_VALUES: Final = (
    "active",
    "deleted",
    "pending-acceptance",
    "true",
    "false",
    "*",
    "?",
    "a*b?c*",
    "\\*",
    "vpc-*",
    "default",
    "-1",
)
KEYS: Final = ("Name", "Name", "a", "b", "c", "é", "✓", "k" * 127, "k" * 128, "x y", "<&>", "\U0001f600", "aws:x", "")
TEXTS: Final = (
    "Name",
    "a",
    "b",
    "aws:x",
    "AWS:y",
    "é",
    "✓",
    "",
    "k" * 127,
    "k" * 128,
    "v" * 257,
    "x y",
    "<&>",
    "\r\n",
    "\U0001f600",
)
PREFIXES: Final = ("vpc", "pcx", "rtb", "sg", "sgr", "acl", "dopt", "vpc-cidr-assoc", "subnet", "i", "")
VERSIONS: Final = ("2014-10-01", "2016-09-15", "2016-11-15", "2011-06-15", "2010-05-08", "1999-01-01", "", "x")
SCOPES: Final = ("ec2", "sts", "iam", "rds", "elasticloadbalancing", "no/such", "EC2", "")
PATHS: Final = ("/x", "//", "/../", "/%00", "/_isthmus/health", "/?", "")


KEPT: Final = 12


@dataclass(slots=True)
class Shot:
    """One request as it is sent, and what is known of it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    action: str
    caller: str
    account: str
    service: str | None
    """The service whose protocol must answer; None where the request says it in no readable way."""


@dataclass(slots=True)
class Pool:
    """The ids that answers have shown, the last of each prefix: all of them, and those that one caller saw."""

    ids: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)
    """Who saw an id first: the owner of a VPC, the requester of a connection."""

    def add(self, caller: str, shown: Sequence[str]) -> None:
        for each in shown:
            self.callers.setdefault(each, caller)
            prefix = each[: each.rindex("-")]
            for key in ((caller, prefix), (caller, ""), ("", prefix), ("", "")):
                known = self.ids.setdefault(key, [])
                if each not in known:
                    known.append(each)
                    del known[:-KEPT]

    def forget(self, caller: str, missing: str) -> None:
        """Draw no more what was gone when this caller asked for it."""
        for prefix in (missing[: missing.rindex("-")], ""):
            known = self.ids.get((caller, prefix), [])
            if missing in known:
                known.remove(missing)

    def draw(self, draw: random.Random, caller: str, prefix: str) -> str | None:
        known = self.ids.get((caller, prefix))
        return draw.choice(known) if known else None


class Archer:
    """Draws requests."""

    def __init__(self, draw: random.Random, pool: Pool) -> None:
        self.draw, self.pool = draw, pool
        self._caller = ""

    # --- values -------------------------------------------------------------------------------------------------------

    def _id(self, name: str) -> str:
        prefix = ID_PREFIXES.get(name, "")
        chance = self.draw.random()
        if chance < 0.95:
            others = {"PeerVpcId": 0.6, "VpcPeeringConnectionId": 0.5}.get(name, 0.05)
            caller = "" if chance < others else self._caller
            if found := self.pool.draw(self.draw, caller, prefix):
                return found
        if chance < 0.98:
            length = self.draw.choice((17, 17, 8))
            return f"{prefix or self.draw.choice(PREFIXES)}-{self.draw.getrandbits(4 * length):0{length}x}"
        return self.draw.choice(WRONG)

    def _text(self, name: str) -> str:
        special = TEXTS_BY_NAME.get(name)
        if special is None:
            return self._id(name) if name.endswith(("Id", "Ids")) else self.draw.choice(TEXTS)
        return self.draw.choice(special) if self.draw.random() < 0.9 else self.draw.choice(WRONG)

    def _scalar(self, shape: model.Shape, name: str) -> str:
        if self.draw.random() < 0.02:
            return self.draw.choice(WRONG)
        if isinstance(shape, model.Integer):
            return self.draw.choice(INTEGERS)
        if isinstance(shape, model.Boolean):
            return self.draw.choice(("true", "false", "TRUE", "False"))
        if isinstance(shape, model.Text) and shape.values:
            return self.draw.choice(shape.values)
        return self._text(name)

    def _fill(self, service: str, shape_name: str, name: str, prefix: str, into: list[tuple[str, str]]) -> None:
        shape = services.tables(service).shapes[shape_name]
        if isinstance(shape, model.Structure):
            self._structure(service, shape, prefix, into)
        elif isinstance(shape, model.ListOf):
            base = f"{prefix}.{shape.sent_as}" if shape.sent_as else prefix
            first, step = self.draw.choice(((1, 1), (1, 1), (1, 1), (0, 1), (3, 5)))
            for number in range(self.draw.choice((1, 1, 1, 2, 2, 3, 7))):
                self._fill(service, shape.shape, name, f"{base}.{first + number * step}", into)
        else:
            into.append((prefix, self._scalar(shape, name)))

    def _structure(self, service: str, shape: model.Structure, prefix: str, into: list[tuple[str, str]]) -> None:
        for member in shape.members:
            chance = self._chance(service, member, nested=bool(prefix))
            if self.draw.random() < chance:
                sent = f"{prefix}.{member.sent_as}" if prefix else member.sent_as
                self._fill(service, member.shape, member.sent_as, sent, into)

    def _name_the_peer(self, form: "Form") -> None:
        """Say whose VPC the peer's is, and where, so that more than a few requests do not fail."""
        peer = dict(form).get("PeerVpcId", "")
        form[:] = [pair for pair in form if pair[0] not in ("PeerOwnerId", "PeerRegion")]
        if caller := self.pool.callers.get(peer):
            form += [("PeerOwnerId", caller[:12]), ("PeerRegion", caller[12:])]

    def _chance(self, service: str, member: model.Member, *, nested: bool) -> float:
        """How likely a member is sent."""
        if member.required:
            return 0.995
        if member.sent_as.endswith("Id") and isinstance(services.tables(service).shapes[member.shape], model.ListOf):
            return 0.1  # one id that is not there fails all
        return OFTEN.get(member.sent_as, 0.7 if nested else 0.06)

    # --- whole requests ----------------------------------------------------------------------------

    def shot(self) -> Shot:
        """Draw one request."""
        draw = self.draw
        service, action = draw.choice(draw.choice((ACTIONS, ACTIONS, CHANGES, FREQUENT, IAM_ACTIONS, IAM_CREATES)))
        spoken = services.BY_NAME[service]
        account, region = draw.choice(ACCOUNTS), draw.choice(REGIONS)
        self._caller = account + region
        form = [("Action", action), ("Version", spoken.version)]
        tables = services.tables(service)
        self._fill(service, tables.actions[action].request, "", "", form)
        if action == "CreateVpcPeeringConnection" and draw.random() < 0.8:
            self._name_the_peer(form)
        shot = Shot("POST", "/", {}, b"", action, self._caller, account, service)
        shot.headers["x-amz-date"] = "20260102T030405Z"
        shot.headers["authorization"] = authorization(account, service, region)
        for _ in range(draw.choice(MUTATIONS_PER_FORM)):
            draw.choice(FORM_MUTATIONS)(draw, form)
        text = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in form)
        if draw.random() < 0.2:
            shot.method, shot.target = "GET", f"/?{text}"
        elif draw.random() < 0.05:
            half = text.find("&")
            shot.target, shot.body = f"/?{text[:half]}", text[half + 1 :].encode()
        else:
            shot.body = text.encode()
            shot.headers["content-type"] = draw.choice(CONTENT_TYPES)
        if draw.random() < 0.1:
            draw.choice(SHOT_MUTATIONS)(draw, shot)
        return shot


quoted = lru_cache(4_096)(quote_plus)


def authorization(key_id: str, service: str, region: str) -> str:
    """A signature of nobody's: in open mode an account's digits are not asked for one."""
    return (
        f"AWS4-HMAC-SHA256 Credential={key_id}/20260102/{region}/{service}/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )


MUTATIONS_PER_FORM: Final = (0, 0, 0, 0, 0, 0, 1, 1, 2)
ALLOW: Final = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}'
TRUST: Final = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"222222222222"}}]}'
)
DOCUMENTS: Final = (ALLOW, ALLOW, TRUST, TRUST, TRUST.replace("222222222222", "arn:aws:iam::111111111111:user/ada"), "{}")
ROLE_ARNS: Final = tuple(
    f"arn:aws:iam::{account}:role{path}{name}"
    for account in ("111111111111", "222222222222")
    for path in ("/", "/x/")
    for name in ("pilot", "lead")
)
POLICY_ARNS: Final = (
    *(f"arn:aws:iam::{account}:policy/lend" for account in (*ACCOUNTS, *ACCOUNTS)),
    *("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/Nothing", "arn:aws:iam::1:policy/lend"),
)
PATH_NAMES: Final = ("/", "/", "/x/", "x", "/x")
OFTEN: Final = {
    "CidrBlock": 0.85,
    "PeerVpcId": 0.97,
    "PeerOwnerId": 0.4,
    "PeerRegion": 0.15,
    "VpcPeeringConnectionId": 0.9,
    "DryRun": 0.04,
    "MaxResults": 0.25,
    "Filter": 0.4,
    "Value": 0.95,
    "Name": 0.97,
    "NextToken": 0.03,
    "VpcEncryptionControl": 0.02,
    "EnableDnsSupport": 0.3,
    "EnableDnsHostnames": 0.3,
    "AccepterPeeringConnectionOptions": 0.6,
    "RequesterPeeringConnectionOptions": 0.5,
    "Tag": 0.95,
    "Key": 0.97,
    "ResourceType": 0.97,
    "TagSpecification": 0.1,
    "AmazonProvidedIpv6CidrBlock": 0.15,
    "AllowEgressFromLocalClassicLinkToRemoteVpc": 0.2,
    "AllowEgressFromLocalVpcToRemoteClassicLink": 0.2,
    "AllowMultipathResilience": 0.05,
    "MultipathResilienceMode": 0.03,
}
ID_PREFIXES: Final = {
    "VpcId": "vpc",
    "PeerVpcId": "vpc",
    "VpcPeeringConnectionId": "pcx",
    "RouteTableId": "rtb",
    "GroupId": "sg",
    "SecurityGroupRuleId": "sgr",
    "NetworkAclId": "acl",
    "DhcpOptionsId": "dopt",
    "AssociationId": "vpc-cidr-assoc",
    "SubnetId": "subnet",
    "ResourceId": "",
}
TEXTS_BY_NAME: Final[Mapping[str, Sequence[str]]] = {
    "CidrBlock": CIDRS,
    "Ipv6CidrBlock": CIDRS,
    "PeerOwnerId": (*ACCOUNTS, *ACCOUNTS, *ACCOUNTS, *ACCOUNTS, "333333333333", "12345"),
    "PeerRegion": ("us-east-1", "us-east-1", "us-east-1", "eu-west-1", "eu-west-1", "cn-north-1", "mars-1"),
    "RegionName": ("us-east-1", "eu-west-1", "mars-1"),
    "ZoneName": ("us-east-1a", "us-east-1z"),
    "ResourceType": ("vpc", "vpc-peering-connection", "vpc-peering-connection", "subnet", "instance"),
    "AttributeName": ("supported-platforms", "default-vpc", "nope"),
    "AccessKeyId": ("AKIARTX3XBSEAAAAAAAA", "AKIA", "111111111111", "ASIAIOSFODNN7EXAMPL" + "E"),
    "GroupName": ("default", "other", "crew"),
    "UserName": ("ada", "bob", "ADA"),
    "NewUserName": ("ada", "bob", "carol"),
    "NewGroupName": ("crew", "other"),
    "RoleName": ("pilot", "lead"),
    "RoleArn": ROLE_ARNS,
    "RoleSessionName": ("work", "w", "two words"),
    "TransitiveTagKeys": ("Name", "team"),
    "SourceIdentity": ("ada", "aws:ada"),
    "InstanceProfileName": ("ports", "decks"),
    "PolicyName": ("lend", "own"),
    "PolicyArn": POLICY_ARNS,
    "PermissionsBoundary": POLICY_ARNS,
    "PolicyDocument": DOCUMENTS,
    "AssumeRolePolicyDocument": DOCUMENTS,
    "VersionId": ("v1", "v2", "v3"),
    "Path": PATH_NAMES,
    "NewPath": PATH_NAMES,
    "PathPrefix": PATH_NAMES,
    "AccountAlias": ("one-alias", "other-alias"),
    "Marker": ("x", "AAAA"),
    "ServiceName": ("codecommit.amazonaws.com", "x"),
    "Key": KEYS,
    "Name": FILTERS,
    "Value": FILTER_VALUES,
    "Ipv6Pool": ("Amazon", "ipv6pool-ec2-0123456789abcdef0"),
}
CONTENT_TYPES: Final = (
    "application/x-www-form-urlencoded; charset=utf-8",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=UTF-8",
    "text/plain",
    "application/json",
)

Form = list[tuple[str, str]]


# --- what goes wrong in a form ----------------------------------------------------------------------------


def _any_name(draw: random.Random, form: Form) -> str:
    return draw.choice(form)[0]


def _drop(draw: random.Random, form: Form) -> None:
    form.pop(draw.randrange(len(form)))
    if not form:
        form.append(("Action", "DescribeVpcs"))


def _double(draw: random.Random, form: Form) -> None:
    form.append(draw.choice(form))


def _rename(draw: random.Random, form: Form) -> None:
    place = draw.randrange(len(form))
    name, value = form[place]
    changed = draw.choice(
        (name[:1].lower() + name[1:], name.upper(), name + ".1", name + "s", "", "member." + name, name + ".")
    )
    form[place] = (changed, value)


def _wrong_value(draw: random.Random, form: Form) -> None:
    place = draw.randrange(2, len(form)) if len(form) > 2 else len(form) - 1
    form[place] = (form[place][0], draw.choice(WRONG + TEXTS + INTEGERS))


def _unknown(draw: random.Random, form: Form) -> None:
    form.append(
        (draw.choice(("Foo", "VpcId.1.2", "Filter.1.Bar", "Tag", "X-Amz-Foo", "dryRun", "Signature")), draw.choice(WRONG))
    )


def _nest(draw: random.Random, form: Form) -> None:
    form.append((_any_name(draw, form) + ".1" * draw.choice((1, 2, 11, 12, 13, 60)), "x"))


def _garbage(draw: random.Random, form: Form) -> None:
    name = "".join(draw.choices(string.ascii_letters + ".-_0123456789[]", k=draw.randrange(1, 30)))
    form.append((name, "".join(draw.choices(string.printable, k=draw.randrange(20)))))


def _action(draw: random.Random, form: Form) -> None:
    form[0] = ("Action", draw.choice(UNKNOWN_ACTIONS))


def _version(draw: random.Random, form: Form) -> None:
    form[min(1, len(form) - 1)] = ("Version", draw.choice(VERSIONS))


def _long_list(draw: random.Random, form: Form) -> None:
    count = draw.choice((51, 201, 999, 1001)) if draw.random() < 0.1 else 20
    form.extend((f"Filter.1.Value.{number + 1}", str(number)) for number in range(count))


def _shuffle(draw: random.Random, form: Form) -> None:
    draw.shuffle(form)


FORM_MUTATIONS: Final[Sequence[Callable[[random.Random, Form], None]]] = (
    *(
        _drop,
        _double,
        _rename,
        _wrong_value,
        _wrong_value,
        _unknown,
        _nest,
        _garbage,
        _action,
        _version,
        _long_list,
        _shuffle,
    ),
)


# --- what goes wrong around it ----------------------------------------------------------------------------


def _flip_bytes(draw: random.Random, shot: Shot) -> None:
    """Change bytes of the body (or of the query string, where there is none)."""
    if not shot.body:
        path, _, query = shot.target.partition("?")
        letters = list(query)
        for _ in range(draw.randrange(1, 6)):
            if letters:
                letters[draw.randrange(len(letters))] = chr(draw.choice((draw.randrange(33, 127), draw.randrange(160, 256))))
        shot.target = path + "?" + "".join(letters)
        return
    body = bytearray(shot.body)
    for _ in range(draw.randrange(1, 6)):
        body[draw.randrange(len(body))] = draw.randrange(256)
    shot.body = bytes(body)


def _cut(draw: random.Random, shot: Shot) -> None:
    shot.body = shot.body[: draw.randrange(len(shot.body) + 1)]


def _insert(draw: random.Random, shot: Shot) -> None:
    place = draw.randrange(len(shot.body) + 1)
    shot.body = (
        shot.body[:place]
        + draw.choice((b"%", b"&", b"=", b"%00", b"%zz", b"\x00", b"%ff", b"&&", b".", b"+"))
        + shot.body[place:]
    )


def _no_signature(draw: random.Random, shot: Shot) -> None:
    del shot.headers["authorization"]
    shot.service = None


def _broken_signature(draw: random.Random, shot: Shot) -> None:
    text = shot.headers["authorization"]
    place = draw.randrange(len(text))
    shot.headers["authorization"] = draw.choice(
        (text[:place], text[:place] + draw.choice("/,=; x") + text[place:], "x", "", "Basic eDp5")
    )
    shot.service = None


def _other_scope(draw: random.Random, shot: Shot) -> None:
    name = draw.choice(SCOPES)
    shot.headers["authorization"] = authorization(shot.account, name, draw.choice((*REGIONS, "mars-1", "")))
    shot.service = name if services.named(name) else None


def _other_key(draw: random.Random, shot: Shot) -> None:
    key_id = draw.choice(("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "test", "", "1" * 13, "é", "a" * 400))
    shot.headers["authorization"] = authorization(key_id, shot.service or "ec2", "us-east-1")
    shot.service = shot.service if key_id else None


def _presigned(draw: random.Random, shot: Shot) -> None:
    credential = f"{shot.account}/20260102/us-east-1/{shot.service}/aws4_request"
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote_plus(credential)}&X-Amz-Date=20260102T030405Z"
        f"&X-Amz-Expires={draw.choice(('60', '0', '604801', 'x'))}&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )
    shot.target += ("&" if "?" in shot.target else "?") + query
    if draw.random() < 0.8:
        del shot.headers["authorization"]
    shot.service = None


def _other_headers(draw: random.Random, shot: Shot) -> None:
    shot.headers[
        draw.choice(("host", "origin", "sec-fetch-site", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"))
    ] = draw.choice(("", "x", "evil.example", "127.0.0.1", "cross-site", "[::1]:80", "20260102T030405Z", "é"))


def _other_path(draw: random.Random, shot: Shot) -> None:
    shot.target = shot.target.replace("/", draw.choice(PATHS), 1)


def _other_method(draw: random.Random, shot: Shot) -> None:
    shot.method = draw.choice(("PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"))


SHOT_MUTATIONS: Final[Sequence[Callable[[random.Random, Shot], None]]] = (
    *(_flip_bytes, _flip_bytes, _flip_bytes, _cut, _insert, _insert, _no_signature, _broken_signature, _other_scope),
    *(_other_key, _presigned, _other_headers, _other_path, _other_method),
)
