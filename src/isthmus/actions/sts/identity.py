"""Who is calling, and whose key is this."""

from isthmus.actions.call import Call
from isthmus.domain import access_keys, errors
from isthmus.wire.shapes import sts


def get_caller_identity(request: sts.GetCallerIdentityRequest, call: Call) -> sts.GetCallerIdentityResponse:  # noqa: ARG001
    """Tell the caller who it is; needs no permission (I121, I171)."""
    call.authorize()
    who = call.principal
    return sts.GetCallerIdentityResponse(user_id=who.user_id, account=who.account, arn=who.arn)


def get_access_key_info(request: sts.GetAccessKeyInfoRequest, call: Call) -> sts.GetAccessKeyInfoResponse:
    """Tell which account a key id belongs to, whether or not the key exists (I172)."""
    call.authorize()
    try:
        account = access_keys.account_of(request.access_key_id)
    except ValueError as problem:
        raise errors.validation_error(str(problem)) from problem
    return sts.GetAccessKeyInfoResponse(account=account)
