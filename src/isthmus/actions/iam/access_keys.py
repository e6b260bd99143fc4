"""Access keys of users and of the account's root: made, listed, switched off and deleted (I7, I192)."""

from msgspec.structs import replace

from isthmus.actions import iam_keys, iam_objects, iam_pages
from isthmus.actions.administration import issue_key
from isthmus.actions.call import Call
from isthmus.domain.accounts import AccessKey, KeyStatus
from isthmus.domain.iam import errors, limits
from isthmus.domain.iam.objects import User
from isthmus.wire.shapes import iam


def create_access_key(request: iam.CreateAccessKeyRequest, call: Call) -> iam.CreateAccessKeyResponse:
    """Make a key of a user, or of the caller itself; its secret is never shown again (I4, I5, I7)."""
    holder = iam_objects.find_user_or_self(call, request.user_name)
    limits.check("AccessKeysPerUser", len(_keys(call, holder)))
    key = issue_key(call.store, call.account, holder.id if holder else "")
    return iam.CreateAccessKeyResponse(
        access_key=iam.AccessKey(
            user_name=_name(holder),
            access_key_id=key.id,
            status=key.status,
            secret_access_key=key.secret,
            create_date=key.created_at,
        )
    )


def list_access_keys(request: iam.ListAccessKeysRequest, call: Call) -> iam.ListAccessKeysResponse:
    """List the keys of a user, or of the caller itself (I192)."""
    holder = iam_objects.find_user_or_self(call, request.user_name)
    page = iam_pages.of_list(call, _keys(call, holder), request, holder.id if holder else "")
    shown = [
        iam.AccessKeyMetadata(user_name=_name(holder), access_key_id=key.id, status=key.status, create_date=key.created_at)
        for key in page.items
    ]
    return iam.ListAccessKeysResponse(access_key_metadata=shown, is_truncated=page.is_truncated, marker=page.marker)


def update_access_key(request: iam.UpdateAccessKeyRequest, call: Call) -> None:
    """Switch a key on or off; one that is off fails at once (I7)."""
    key = _find(call, request.user_name, request.access_key_id)
    call.store.access_keys.put(replace(key, status=KeyStatus(request.status)))


def delete_access_key(request: iam.DeleteAccessKeyRequest, call: Call) -> None:
    """Delete a key, which fails at once (I7)."""
    call.store.access_keys.delete(_find(call, request.user_name, request.access_key_id))


def _find(call: Call, user_name: str | None, key_id: str) -> AccessKey:
    holder = iam_objects.find_user_or_self(call, user_name)
    found = next((key for key in _keys(call, holder) if key.id == key_id), None)
    if found is None:
        raise errors.no_such("access-key", key_id)
    return found


def _keys(call: Call, holder: User | None) -> list[AccessKey]:
    """Return the long-term keys of a user, or of the root."""
    return call.store.access_keys.long_term(call.account, holder.id if holder else "")


def _name(holder: User | None) -> str | None:
    return holder.name if holder else None


def get_access_key_last_used(request: iam.GetAccessKeyLastUsedRequest, call: Call) -> iam.GetAccessKeyLastUsedResponse:
    """Tell whose a key is (I192). When it was used last is not noted, because a read must not become a write (ADR 10)."""
    found = call.store.access_keys.get(request.access_key_id)
    key = found if found is not None and found.account == call.account else None
    user = call.store.iam_users.get(key.holder_id) if key is not None and key.holder_id else None
    # It is about the key's user, which only the key names; a key that has none, or is not there, is about all.
    resource = "*" if user is None else iam_objects.arn_of(call, user)
    call.authorize(resource, iam_keys.of(call, user), told=f"access key {request.access_key_id}")
    if key is None:
        raise errors.no_such("access-key", request.access_key_id)
    used = iam.AccessKeyLastUsed(service_name="N/A", region="N/A")
    return iam.GetAccessKeyLastUsedResponse(user_name=_name(user), access_key_last_used=used)
