"""What holds for every listed action by itself: a new one is tested here on the day it is listed."""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import urlencode

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from isthmus.actions import registry
from isthmus.actions.authorization.sealing import Sealed, seal
from isthmus.actions.call import Call
from isthmus.store.api import Kind
from isthmus.testing import InProcess
from isthmus.wire import model, services
from isthmus.wire.decode import lower_first
from isthmus.wire.http import HttpResponse
from tests.engines import TABLES
from tests.simulation.random_requests import authorization

ACCOUNT, REGION, PEER = "111111111111", "us-east-1", "222222222222"
ACTIONS = [(service, action) for service in ("ec2", "iam", "sts") for action in sorted(services.tables(service).actions)]
each_action = pytest.mark.parametrize(("service", "action"), ACTIONS)
Parameters = Mapping[str, str]


def send(server: InProcess, service: str, action: str, parameters: Parameters, account: str = ACCOUNT) -> HttpResponse:
    headers = {"x-amz-date": "20260102T030405Z", "authorization": authorization(account, service, REGION)}
    form = {"Action": action, "Version": services.BY_NAME[service].version, **parameters}
    return server.send("POST", "/", headers, urlencode(form).encode())


def found(pattern: str, answer: HttpResponse) -> str:
    assert answer.status == 200, answer.body
    matched = re.search(f"<{pattern}>([^<]+)<".encode(), answer.body)
    assert matched, answer.body
    return matched[1].decode()


def sealed_message(server: InProcess, account: str) -> str:
    """Return what a refusal of that account could have for its encoded message."""
    secret = server.store.run_now(Kind.READ, lambda unit: unit.installation).encode()
    return seal(secret, Sealed(account, zlib.compress(b"{}")))


def furnished(server: InProcess) -> dict[str, str]:
    """Make one of everything, and return its ids: two VPCs of ours and one of a peer's; connections pending and active."""
    ids: dict[str, str] = {}
    for name, account, block in (
        ("vpc", ACCOUNT, "10.0.0.0/16"),
        ("other", ACCOUNT, "10.1.0.0/16"),
        ("peer", PEER, "10.2.0.0/16"),
    ):
        ids[name] = found("vpcId", send(server, "ec2", "CreateVpc", {"CidrBlock": block}, account))
    ids["lonely"] = found("vpcId", send(server, "ec2", "CreateVpc", {"CidrBlock": "10.3.0.0/16"}))
    ids["block"] = found(
        "associationId", send(server, "ec2", "AssociateVpcCidrBlock", {"VpcId": ids["lonely"], "CidrBlock": "10.4.0.0/16"})
    )
    send(server, "ec2", "ModifyVpcAttribute", {"VpcId": ids["vpc"], "EnableDnsHostnames.Value": "true"})
    asked = {"VpcId": ids["vpc"], "PeerVpcId": ids["peer"], "PeerOwnerId": PEER}
    ids["active"] = found("vpcPeeringConnectionId", send(server, "ec2", "CreateVpcPeeringConnection", asked))
    send(server, "ec2", "AcceptVpcPeeringConnection", {"VpcPeeringConnectionId": ids["active"]}, PEER)
    asked = {"VpcId": ids["peer"], "PeerVpcId": ids["other"], "PeerOwnerId": ACCOUNT}
    ids["pending"] = found("vpcPeeringConnectionId", send(server, "ec2", "CreateVpcPeeringConnection", asked, PEER))
    ids["message"] = sealed_message(server, ACCOUNT)
    return ids | named(server)


def named(server: InProcess) -> dict[str, str]:
    """Make something of everything in IAM, and return its names: of most kinds one in use and one that is free."""
    for action, parameters in IAM_OBJECTS:
        assert send(server, "iam", action, parameters).status == 200, action
    key = found("AccessKeyId", send(server, "iam", "CreateAccessKey", {"UserName": "ada"}))
    names = {name: name for name in ("ada", "idle", "crew", "bare", "pilot", "spare", "ports", "empty", "own-alias")}
    return names | {
        "key": key,
        "policy": OWN_POLICY,
        "unused": OWN_POLICY.replace("lend", "unused"),
        "role": OWN_ROLE,
        "user": OWN_USER,
    }


ALLOW = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}'
TRUST = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", '
    f'"Principal": {{"AWS": ["{PEER}", "{ACCOUNT}"]}}}}}}'
)
ASKING = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*", '
    '"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}}'
)
OWN_ROLE, OWN_USER = f"arn:aws:iam::{ACCOUNT}:role/pilot", f"arn:aws:iam::{ACCOUNT}:user/ada"
OWN_POLICY, VENDORS_POLICY = f"arn:aws:iam::{ACCOUNT}:policy/lend", "arn:aws:iam::aws:policy/ReadOnlyAccess"
OWNERS = (("User", "{ada}"), ("Group", "{crew}"), ("Role", "{pilot}"), ("InstanceProfile", "{ports}"))
FREE = (("User", "{idle}"), ("Group", "{bare}"), ("Role", "{spare}"), ("InstanceProfile", "{empty}"))
TAG = {"Tags.member.1.Key": "a", "Tags.member.1.Value": "b"}
IAM_OBJECTS: Sequence[tuple[str, Parameters]] = (
    ("CreateAccountAlias", {"AccountAlias": "own-alias"}),
    ("CreateUser", {"UserName": "ada", **TAG}),
    ("CreateUser", {"UserName": "idle"}),
    ("CreateGroup", {"GroupName": "crew"}),
    ("CreateGroup", {"GroupName": "bare"}),
    ("AddUserToGroup", {"GroupName": "crew", "UserName": "ada"}),
    ("CreateRole", {"RoleName": "pilot", "AssumeRolePolicyDocument": TRUST, **TAG}),
    ("CreateRole", {"RoleName": "spare", "AssumeRolePolicyDocument": TRUST}),
    ("CreateInstanceProfile", {"InstanceProfileName": "ports", **TAG}),
    ("CreateInstanceProfile", {"InstanceProfileName": "empty"}),
    ("AddRoleToInstanceProfile", {"InstanceProfileName": "ports", "RoleName": "pilot"}),
    ("CreatePolicy", {"PolicyName": "lend", "PolicyDocument": ALLOW, **TAG}),
    ("CreatePolicyVersion", {"PolicyArn": OWN_POLICY, "PolicyDocument": ALLOW}),
    ("CreatePolicy", {"PolicyName": "unused", "PolicyDocument": ALLOW}),
    *(
        (action.format(kind), {f"{kind}Name": name, **more})
        for kind, name in (("User", "ada"), ("Group", "crew"), ("Role", "pilot"))
        for action, more in (
            ("Put{}Policy", {"PolicyName": "own", "PolicyDocument": ALLOW}),
            ("Attach{}Policy", {"PolicyArn": OWN_POLICY}),
        )
    ),
    ("PutUserPermissionsBoundary", {"UserName": "ada", "PermissionsBoundary": OWN_POLICY}),
    ("PutRolePermissionsBoundary", {"RoleName": "pilot", "PermissionsBoundary": OWN_POLICY}),
)


SIMULATED = {"ActionNames.member.1": "ec2:DescribeVpcs", "ActionNames.member.2": "ec2:CreateVpc"}
USER, GROUP, ROLE, PROFILE = ({f"{kind}Name": name} for kind, name in OWNERS)
IAM_GOOD: Mapping[str, Parameters] = {
    **{f"{verb}{kind}": {f"{kind}Name": free} for kind, free in FREE for verb in ("Delete",)},
    **{f"{verb}{kind}": {f"{kind}Name": "new"} for kind, _ in FREE for verb in ("Create",)},
    **{f"{verb}{kind}": {f"{kind}Name": name} for kind, name in OWNERS for verb in ("Get", "Update")},
    "CreateRole": {"RoleName": "new", "AssumeRolePolicyDocument": TRUST},
    "UpdateRoleDescription": {**ROLE, "Description": "x"},
    "UpdateAssumeRolePolicy": {**ROLE, "PolicyDocument": TRUST},
    "CreateAccessKey": USER,
    "ListAccessKeys": USER,
    "UpdateAccessKey": {**USER, "AccessKeyId": "{key}", "Status": "Inactive"},
    "DeleteAccessKey": {**USER, "AccessKeyId": "{key}"},
    "GetAccessKeyLastUsed": {"AccessKeyId": "{key}"},
    "ListGroupsForUser": USER,
    "AddUserToGroup": {**GROUP, "UserName": "{idle}"},
    "RemoveUserFromGroup": {**GROUP, **USER},
    "AddRoleToInstanceProfile": {"InstanceProfileName": "{empty}", **ROLE},
    "RemoveRoleFromInstanceProfile": {**PROFILE, **ROLE},
    "ListInstanceProfilesForRole": ROLE,
    **{
        action.format(kind): {f"{kind}Name": name, **more}
        for kind, name in OWNERS[:3]
        for action, more in (
            ("Put{}Policy", {"PolicyName": "new", "PolicyDocument": ALLOW}),
            ("Get{}Policy", {"PolicyName": "own"}),
            ("Delete{}Policy", {"PolicyName": "own"}),
            ("List{}Policies", {}),
            ("Attach{}Policy", {"PolicyArn": VENDORS_POLICY}),
            ("Detach{}Policy", {"PolicyArn": "{policy}"}),
            ("ListAttached{}Policies", {}),
        )
    },
    **{
        action.format(kind): {f"{kind}Name": name, **more}
        for kind, name in (OWNERS[0], OWNERS[2])
        for action, more in (
            ("Put{}PermissionsBoundary", {"PermissionsBoundary": VENDORS_POLICY}),
            ("Delete{}PermissionsBoundary", {}),
        )
    },
    **{
        action.format(kind): {member: name, **more}
        for kind, member, name in (
            ("User", "UserName", "{ada}"),
            ("Role", "RoleName", "{pilot}"),
            ("InstanceProfile", "InstanceProfileName", "{ports}"),
            ("Policy", "PolicyArn", "{policy}"),
        )
        for action, more in (
            ("Tag{}", {"Tags.member.1.Key": "c", "Tags.member.1.Value": "d"}),
            ("Untag{}", {"TagKeys.member.1": "a"}),
            ("List{}Tags", {}),
        )
    },
    "CreatePolicy": {"PolicyName": "new", "PolicyDocument": ALLOW},
    "GetPolicy": {"PolicyArn": "{policy}"},
    "DeletePolicy": {"PolicyArn": "{unused}"},
    "CreatePolicyVersion": {"PolicyArn": "{policy}", "PolicyDocument": ALLOW},
    "GetPolicyVersion": {"PolicyArn": "{policy}", "VersionId": "v2"},
    "ListPolicyVersions": {"PolicyArn": "{policy}"},
    "SetDefaultPolicyVersion": {"PolicyArn": "{policy}", "VersionId": "v2"},
    "DeletePolicyVersion": {"PolicyArn": "{policy}", "VersionId": "v2"},
    "ListEntitiesForPolicy": {"PolicyArn": "{policy}"},
    "CreateAccountAlias": {"AccountAlias": "another-alias"},
    "DeleteAccountAlias": {"AccountAlias": "{own-alias}"},
    "SimulatePrincipalPolicy": {"PolicySourceArn": "{user}", **SIMULATED},
    "SimulateCustomPolicy": {"PolicyInputList.member.1": ALLOW, **SIMULATED},
    "GetContextKeysForPrincipalPolicy": {"PolicySourceArn": "{user}"},
    "GetContextKeysForCustomPolicy": {"PolicyInputList.member.1": ASKING},
}
NEVER_THERE = {"GetLoginProfile", "DeleteLoginProfile"}
"""Actions on what nobody has."""

# The least that each action needs to succeed; words in braces are ids of `furnished`.
GOOD: Mapping[str, Parameters] = {
    "CreateVpcPeeringConnection": {"VpcId": "{lonely}", "PeerVpcId": "{other}"},
    "AcceptVpcPeeringConnection": {"VpcPeeringConnectionId": "{pending}"},
    "RejectVpcPeeringConnection": {"VpcPeeringConnectionId": "{pending}"},
    "DeleteVpcPeeringConnection": {"VpcPeeringConnectionId": "{active}"},
    "ModifyVpcPeeringConnectionOptions": {
        "VpcPeeringConnectionId": "{active}",
        "RequesterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc": "true",
    },
    "CreateVpc": {"CidrBlock": "10.9.0.0/16"},
    "DeleteVpc": {"VpcId": "{lonely}"},
    "DescribeVpcAttribute": {"VpcId": "{vpc}", "Attribute": "enableDnsSupport"},
    "ModifyVpcAttribute": {"VpcId": "{lonely}", "EnableDnsHostnames.Value": "true"},
    "AssociateVpcCidrBlock": {"VpcId": "{lonely}", "CidrBlock": "10.5.0.0/16"},
    "DisassociateVpcCidrBlock": {"AssociationId": "{block}"},
    "CreateTags": {"ResourceId.1": "{vpc}", "Tag.1.Key": "a", "Tag.1.Value": "b"},
    "DeleteTags": {"ResourceId.1": "{vpc}", "Tag.1.Key": "a"},
    "DecodeAuthorizationMessage": {"EncodedMessage": "{message}"},
    "GetAccessKeyInfo": {"AccessKeyId": "AKIARTX3XBSEAAAAAAAA"},
    "AssumeRole": {"RoleArn": "{role}", "RoleSessionName": "work"},
    "GetFederationToken": {"Name": "bob"},
    **IAM_GOOD,
}


def good(action: str, ids: Mapping[str, str]) -> dict[str, str]:
    return {name: WORD.sub(lambda word: ids[word[1]], value) for name, value in GOOD.get(action, {}).items()}


WORD = re.compile(r"^\{([a-z-]+)\}$")


@each_action
def test_every_action_succeeds_with_its_good_parameters(server: InProcess, service: str, action: str) -> None:
    answer = send(server, service, action, good(action, furnished(server)))
    assert (answer.status, code(answer)) == ((404, "NoSuchEntity") if action in NEVER_THERE else (200, "")), answer.body


@each_action
def test_every_action_says_what_it_does_and_by_which_rule(service: str, action: str) -> None:
    words = registry.collect(service)[action].__doc__ or ""
    assert re.search(r"\b[SI]\d+[a-z]?\b", words), f"{action} names no rule of docs/spec"


# --- nobody acts without being asked whether it may --------------------------------------------------


@each_action
def test_a_unit_that_ends_without_an_authorization_is_an_internal_error(
    server: InProcess, service: str, action: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ids = furnished(server)
    if action in NEVER_THERE:
        return
    for question in ("authorize", "authorize_role"):
        monkeypatch.setattr(Call, question, lambda *_, **__: None)
    before = rows(server)
    answer = send(server, service, action, good(action, ids))
    assert answer.status == 500
    assert b"InternalError" in answer.body or b"InternalFailure" in answer.body
    assert "ended without an authorization" in caplog.text
    assert rows(server) == before


NEEDS_NO_PERMISSION = {"GetCallerIdentity", "GetSessionToken"}
"""I121."""


@each_action
@pytest.mark.rule("I112", "I121", "I131", "I141", "S408")
def test_a_user_without_a_policy_is_refused_everything_but_who_it_is(server: InProcess, service: str, action: str) -> None:
    """Also what is wrong in another way, or not there, is refused for that alone: nobody probes (I141)."""
    ids, key = furnished(server), nobody(server)
    given = good(action, ids)
    invented = {name: re.sub("-[0-9a-f]{17}$", f"-{'0' * 17}", value) for name, value in given.items()}
    headers, body = signed(key, service, action, given)
    before = rows(server)
    answer = server.send("POST", "/", headers, body)
    if action in NEEDS_NO_PERMISSION:
        assert answer.status == 200
        return
    refused = "UnauthorizedOperation" if service == "ec2" else "AccessDenied"
    assert (answer.status, code(answer)) == (403, refused), answer.body
    assert b":user/nobody is not authorized to perform: " in answer.body
    assert rows(server) == before
    headers, body = signed(key, service, action, invented)
    answer = server.send("POST", "/", headers, body)
    assert (answer.status, code(answer)) == (403, refused), answer.body


def nobody(server: InProcess) -> Credentials:
    """Make a user of no rights, and return its key."""
    assert send(server, "iam", "CreateUser", {"UserName": "nobody"}).status == 200
    made = send(server, "iam", "CreateAccessKey", {"UserName": "nobody"})
    return Credentials(found("AccessKeyId", made), found("SecretAccessKey", made))


def signed(key: Credentials, service: str, action: str, parameters: Parameters) -> tuple[dict[str, str], bytes]:
    """Return the headers and body of a request of whoever holds a key."""
    body = urlencode({"Action": action, "Version": services.BY_NAME[service].version, **parameters}).encode()
    request = AWSRequest("POST", "http://127.0.0.1:4510/", data=body, headers={"host": "127.0.0.1:4510"})
    with mock.patch.object(auth, "get_current_datetime", return_value=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)):
        auth.SigV4Auth(key, service, REGION).add_auth(request)
    return dict(request.headers), body


def rows(server: InProcess) -> list[object]:
    """Every row of every table."""

    def read(unit: object) -> list[object]:
        query = unit.engine.query  # type: ignore[attr-defined]  # a unit
        return [(table, *row) for table in TABLES for row in sorted(query(f"SELECT * FROM {table}"), key=repr)]

    return server.store.run_now(Kind.READ, read)


# --- every member is honoured or refused --------------------------------------------------


def members(service: str, action: str) -> Iterator[model.Member]:
    shape = services.tables(service).shapes[services.tables(service).actions[action].request]
    assert isinstance(shape, model.Structure)
    yield from shape.members


OPTIONAL = [
    (service, action, member.sent_as)
    for service, action in ACTIONS
    for member in members(service, action)
    if not member.required and not any(name.partition(".")[0] == member.sent_as for name in GOOD.get(action, {}))
]

# A value that cannot go unnoticed where the member is looked at.
TELLING: Mapping[str, Parameters] = {
    "DryRun": {"DryRun": "true"},
    "Filter": {"Filter.1.Name": "no-such-filter", "Filter.1.Value.1": "x"},
    "MaxResults": {"MaxResults": "1"},
    "NextToken": {"NextToken": "x"},
    "TagSpecification": {"TagSpecification.1.ResourceType": "nonsense", "TagSpecification.1.Tag.1.Key": "a"},
    "VpcEncryptionControl": {"VpcEncryptionControl.Mode": "monitor"},
    "RequesterPeeringConnectionOptions": {"RequesterPeeringConnectionOptions.AllowMultipathResilience": "true"},
    "AccepterPeeringConnectionOptions": {"AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc": "true"},
    "CidrBlock": {"CidrBlock": "x"},
    "AllRegions": {"AllRegions": "true"},
    "AllAvailabilityZones": {"AllAvailabilityZones": "true"},
    "InstanceTenancy": {"InstanceTenancy": "host"},
    "AmazonProvidedIpv6CidrBlock": {"AmazonProvidedIpv6CidrBlock": "true"},
    "EnableNetworkAddressUsageMetrics": {"EnableNetworkAddressUsageMetrics.Value": "true"},
    "EnableDnsSupport": {"EnableDnsSupport.Value": "true"},
    "PeerOwnerId": {"PeerOwnerId": "x"},
    "PeerRegion": {"PeerRegion": "x"},
    "MaxItems": {"MaxItems": "1"},
    "Path": {"Path": "/x/"},
    "PathPrefix": {"PathPrefix": "/x/"},
    "NewPath": {"NewPath": "/x/"},
    "PermissionsBoundary": {"PermissionsBoundary": VENDORS_POLICY},
    "Tags": {"Tags.member.1.Key": "c", "Tags.member.1.Value": "d"},
    "OnlyAttached": {"OnlyAttached": "true"},
    "PolicyUsageFilter": {"PolicyUsageFilter": "PermissionsBoundary"},
    "EntityFilter": {"EntityFilter": "User"},
    "Scope": {"Scope": "Local"},
    "SetAsDefault": {"SetAsDefault": "true"},
    "AllUsers": {"AllUsers": "true"},
    "MaxSessionDuration": {"MaxSessionDuration": "7200"},
    "PolicyInputList": {"PolicyInputList.member.1": ASKING},
    "PermissionsBoundaryPolicyInputList": {"PermissionsBoundaryPolicyInputList.member.1": ASKING},
    "OrderedOrganizationPolicyInputList": {
        "OrderedOrganizationPolicyInputList.member.1.ServiceControlPolicyInputList.member.1": ASKING
    },
    "PolicyExclusionList": {"PolicyExclusionList.member.1.PolicyType": "inline"},
    "ResourceArns": {"ResourceArns.member.1": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-1"},
    "ContextEntries": {
        "ContextEntries.member.1.ContextKeyName": "aws:SourceIp",
        "ContextEntries.member.1.ContextKeyType": "ip",
        "ContextEntries.member.1.ContextKeyValues.member.1": "nowhere",
    },
}
LISTS = re.compile(r"(Id|Name)$")
# Members that change nothing here, each with the reason.
SILENT: Mapping[tuple[str, str], str] = {
    ("DescribeAvailabilityZones", "AllAvailabilityZones"): "it adds zones that need opting in, of which there are none",
    ("ListServiceSpecificCredentials", "AllUsers"): "nobody has any",
    ("AssumeRole", "ExternalId"): "the role asks for none",
    **{
        (action, "MaxItems"): "there is no more than one"
        for action in (
            *("ListUserTags", "ListRoleTags", "ListInstanceProfileTags", "ListPolicyTags", "ListGroupsForUser", "GetGroup"),
            *("ListUserPolicies", "ListGroupPolicies", "ListRolePolicies", "ListAccountAliases", "ListAccessKeys"),
            *("ListAttachedUserPolicies", "ListAttachedGroupPolicies", "ListAttachedRolePolicies", "ListMFADevices"),
            *("ListInstanceProfilesForRole", "ListSSHPublicKeys", "ListSigningCertificates"),
            "ListServiceSpecificCredentials",
        )
    },
}


def telling(service: str, action: str, sent_as: str) -> Parameters:
    if (service, sent_as) == ("iam", "Filter"):
        return {"Filter.member.1": "User"}
    if sent_as in TELLING:
        return TELLING[sent_as]
    member = next(each for each in members(service, action) if each.sent_as == sent_as)
    if isinstance(services.tables(service).shapes[member.shape], model.ListOf):
        return {f"{sent_as}.1": "nonsense"}
    if isinstance(services.tables(service).shapes[member.shape], model.Integer):
        return {sent_as: "20"}
    return {sent_as: "nonsense"}


@pytest.mark.rule("S131")
@pytest.mark.parametrize(("service", "action", "sent_as"), OPTIONAL)
def test_every_optional_member_is_honoured_or_refused(service: str, action: str, sent_as: str) -> None:
    with InProcess() as one, InProcess() as other:
        ids = furnished(one)
        assert furnished(other) == ids, "the same seed gave two histories"
        without = send(one, service, action, good(action, ids))
        with_it = send(other, service, action, {**good(action, ids), **telling(service, action, sent_as)})
        assert with_it.status < 500, with_it.body
        assert ((without.status, without.body, rows(one)) == (with_it.status, with_it.body, rows(other))) == (
            (action, sent_as) in SILENT
        ), with_it.body


@each_action
def test_a_member_that_no_shape_has_is_unknown(server: InProcess, service: str, action: str) -> None:
    answer = send(server, service, action, {**good(action, furnished(server)), "NoSuchMember": "x"})
    assert (answer.status, b"The parameter NoSuchMember is not recognized" in answer.body) == (400, True)


@each_action
def test_every_required_member_is_missed(server: InProcess, service: str, action: str) -> None:
    ids = furnished(server)
    for member in members(service, action):
        if not member.required:
            continue
        given = {name: value for name, value in good(action, ids).items() if name.partition(".")[0] != member.sent_as}
        answer = send(server, service, action, given)
        assert answer.status == 400
        told = "must contain the parameter" if service == "ec2" else f"Value null at '{lower_first(member.sent_as)}'"
        assert told.encode() in answer.body


@each_action
def test_an_account_cannot_tell_anothers_objects_from_none(server: InProcess, service: str, action: str) -> None:
    """Nobody sees or touches another account's objects: a stranger gets for an id what it gets for one that never was."""
    ids = furnished(server)
    given = good(action, ids)
    if not any(value in ids.values() for value in given.values()):
        return
    before = rows(server)
    strange = send(server, service, action, given, "333333333333")
    unknown = send(server, service, action, nobodys(given, ids), "333333333333")
    assert (strange.status, code(strange)) == (unknown.status, code(unknown))
    assert code(strange).endswith(("NotFound", "NoSuchEntity", "AccessDenied", "InvalidAuthorizationMessageException"))
    assert rows(server) == before


def nobodys(given: Mapping[str, str], ids: Mapping[str, str]) -> dict[str, str]:
    """The same request about what never was."""
    return {name: invented(value) if value in ids.values() else value for name, value in given.items()}


def invented(value: str) -> str:
    """An id, a name or an ARN of nothing."""
    return re.sub("-[0-9a-f]{17}$", f"-{'0' * 17}", value) if re.search("-[0-9a-f]{17}$", value) else f"{value}x"


def code(answer: HttpResponse) -> str:
    matched = re.search(rb"<Code>([^<]+)<", answer.body)
    return matched[1].decode() if matched else ""
