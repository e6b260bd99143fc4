"""What stands in the encoded message of a refusal."""

from isthmus.actions.call import Call
from isthmus.domain import errors
from isthmus.wire.shapes import sts


def decode_authorization_message(
    request: sts.DecodeAuthorizationMessageRequest, call: Call
) -> sts.DecodeAuthorizationMessageResponse:
    """Open the encoded message of a refusal, for callers of the account that was refused (I159 to I162)."""
    from isthmus.actions.authorization import refusals

    call.authorize()
    try:
        account, message = refusals.decoded(call.store.installation, request.encoded_message)
    except ValueError:
        raise errors.invalid_authorization_message() from None
    if account != call.account:
        raise errors.invalid_authorization_message()
    return sts.DecodeAuthorizationMessageResponse(decoded_message=message)
