"""Who is calling, and whose key is this."""

import re
from typing import Final

from isthmus.actions.call import Call
from isthmus.domain import access_keys, errors
from isthmus.wire.shapes import sts

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_]{16,128}")


def get_caller_identity(request: sts.GetCallerIdentityRequest, call: Call) -> sts.GetCallerIdentityResponse:  # noqa: ARG001
    """Tell the caller who it is; needs no permission (I121, I171)."""
    call.authorize()
    who = call.principal
    return sts.GetCallerIdentityResponse(user_id=who.user_id, account=who.account, arn=who.arn)


def get_access_key_info(request: sts.GetAccessKeyInfoRequest, call: Call) -> sts.GetAccessKeyInfoResponse:
    """Tell which account a key id belongs to, whether or not the key exists (I172)."""
    call.authorize()
    key_id = request.access_key_id
    if not _KEY_ID.fullmatch(key_id):
        raise errors.validation_error(
            f"1 validation error detected: Value '{key_id}' at 'accessKeyId' failed to satisfy constraint"
        )
    try:
        account = access_keys.account_of(key_id)
    except ValueError as problem:
        raise errors.validation_error(str(problem)) from problem
    return sts.GetAccessKeyInfoResponse(account=account)
