"""What clients ask for before they delete a user, and what nobody has; when keys were used."""

import pytest

from tests.api.authorization.asking import allow, document, let
from tests.api.iam.world import OTHER, World, refusal


@pytest.mark.rule("I192")
@pytest.mark.parametrize(
    ("action", "answered"),
    [
        ("list_mfa_devices", "MFADevices"),
        ("list_ssh_public_keys", "SSHPublicKeys"),
        ("list_signing_certificates", "Certificates"),
        ("list_service_specific_credentials", "ServiceSpecificCredentials"),
    ],
)
def test_there_are_no_other_credentials(world: World, action: str, answered: str) -> None:
    iam = world.root()
    iam.create_user(UserName="ada")
    ask = getattr(iam, action)
    for parameters in ({"UserName": "ada"}, {}):
        answer = ask(**parameters)
        assert (answer[answered], answer["IsTruncated"]) == ([], False)
    assert refusal(ask, UserName="ada", Marker="x")[:2] == (400, "ValidationError")


@pytest.mark.rule("I156", "I192")
def test_whoever_lists_mfa_devices_and_names_nobody_needs_the_permission_for_all(world: World) -> None:
    own = allow("iam:ListMFADevices", "iam:ListSSHPublicKeys", resource="arn:aws:iam::*:user/${aws:username}")
    iam = world.of(world.user("ada"))
    let(world, "ada", own)
    assert iam.list_mfa_devices(UserName="ada")["MFADevices"] == iam.list_ssh_public_keys()["SSHPublicKeys"] == []
    status, code, message = refusal(iam.list_mfa_devices)
    assert (status, code, "iam:ListMFADevices on resource: * because" in message) == (403, "AccessDenied", True)
    let(world, "ada", allow("iam:ListMFADevices"))
    assert iam.list_mfa_devices()["MFADevices"] == []


@pytest.mark.rule("I192")
@pytest.mark.parametrize("action", ["get_login_profile", "delete_login_profile"])
def test_nobody_has_a_password(world: World, action: str) -> None:
    world.root().create_user(UserName="ada")
    expected = (404, "NoSuchEntity", "Login Profile for User ada cannot be found.")
    assert refusal(getattr(world.root(), action), UserName="ada") == expected


def test_credentials_of_a_service_are_those_of_one_user_or_of_all(world: World) -> None:
    ask = world.root().list_service_specific_credentials
    world.root().create_user(UserName="ada")
    assert ask(AllUsers=True, ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredentials"] == []
    assert refusal(ask, UserName="ada", AllUsers=True)[:2] == (400, "InvalidInput")
    assert refusal(ask, ServiceName="ec2.amazonaws.com")[:2] == (404, "NotSupportedService")


@pytest.mark.rule("I192")
def test_the_user_of_a_key_is_told_to_its_account_and_to_no_other(world: World) -> None:
    key = world.user("ada")["AccessKeyId"]
    answer = world.root().get_access_key_last_used(AccessKeyId=key)
    assert (answer["UserName"], answer["AccessKeyLastUsed"]) == ("ada", {"ServiceName": "N/A", "Region": "N/A"})
    expected = (404, "NoSuchEntity", f"The Access Key with id {key} cannot be found.")
    assert refusal(world.root(account=OTHER).get_access_key_last_used, AccessKeyId=key) == expected


@pytest.mark.rule("I156", "I192")
def test_whoever_may_ask_about_a_user_may_ask_about_its_keys(world: World) -> None:
    own = {"Effect": "Allow", "Action": "iam:GetAccessKeyLastUsed", "Resource": "arn:aws:iam::*:user/${aws:username}"}
    ada, bob = world.user("ada"), world.user("bob")["AccessKeyId"]
    world.root().put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=document(own))
    ask = world.of(ada).get_access_key_last_used
    assert ask(AccessKeyId=ada["AccessKeyId"])["UserName"] == "ada"
    for key in (bob, "AKIAAAAAAAAAAAAAAAAA"):
        status, code, message = refusal(ask, AccessKeyId=key)
        assert (status, code, f"on resource: access key {key} because" in message) == (403, "AccessDenied", True)
