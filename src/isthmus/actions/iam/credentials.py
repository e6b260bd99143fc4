"""Credentials that nobody has here, of which clients ask before they delete a user (I192): there are none of any kind."""

from typing import Final

from isthmus.actions import iam_objects
from isthmus.actions.call import Call
from isthmus.actions.iam_pages import Asked
from isthmus.domain.errors import ApiError
from isthmus.domain.iam import errors
from isthmus.wire.shapes import iam

SERVICES: Final = frozenset({"bedrock.amazonaws.com", "cassandra.amazonaws.com", "codecommit.amazonaws.com"})
"""What may have credentials of its own."""


def list_mfa_devices(request: iam.ListMFADevicesRequest, call: Call) -> iam.ListMFADevicesResponse:
    """List a user's MFA devices, of which there are none; who names no user needs the permission for `*` (I192)."""
    _look(call, request.user_name, request, unnamed="*")
    return iam.ListMFADevicesResponse(mfa_devices=[], is_truncated=False)


def list_ssh_public_keys(request: iam.ListSSHPublicKeysRequest, call: Call) -> iam.ListSSHPublicKeysResponse:
    """List a user's SSH public keys, of which there are none (I192)."""
    _look(call, request.user_name, request)
    return iam.ListSSHPublicKeysResponse(ssh_public_keys=[], is_truncated=False)


def list_signing_certificates(
    request: iam.ListSigningCertificatesRequest, call: Call
) -> iam.ListSigningCertificatesResponse:
    """List a user's signing certificates, of which there are none (I192)."""
    _look(call, request.user_name, request)
    return iam.ListSigningCertificatesResponse(certificates=[], is_truncated=False)


def list_service_specific_credentials(
    request: iam.ListServiceSpecificCredentialsRequest, call: Call
) -> iam.ListServiceSpecificCredentialsResponse:
    """List a user's credentials for single services, or everybody's, of which there are none (I192)."""
    if request.all_users and request.user_name is not None:
        raise errors.invalid_input("AllUsers and UserName cannot be specified together.")  # inferred
    if request.service_name is not None and request.service_name not in SERVICES:
        raise errors.unsupported_service(request.service_name)
    _look(call, request.user_name, request)
    return iam.ListServiceSpecificCredentialsResponse(service_specific_credentials=[], is_truncated=False)


def get_login_profile(request: iam.GetLoginProfileRequest, call: Call) -> iam.GetLoginProfileResponse:
    """Show a user's password, which nobody has (I192)."""
    raise _no_profile(call, request.user_name)


def delete_login_profile(request: iam.DeleteLoginProfileRequest, call: Call) -> None:
    """Delete a user's password, which nobody has (I192)."""
    raise _no_profile(call, request.user_name)


def _no_profile(call: Call, user_name: str | None) -> ApiError:
    user = iam_objects.find_user_or_self(call, user_name)
    return errors.no_such("login-profile", user.name if user else call.account)


def _look(call: Call, user_name: str | None, asked: Asked, *, unnamed: str = "") -> None:
    """Find whose credentials are listed; no Marker was ever given out for a list of none."""
    iam_objects.find_user_or_self(call, user_name, unnamed=unnamed)
    if asked.marker is not None:
        raise errors.invalid_marker()
