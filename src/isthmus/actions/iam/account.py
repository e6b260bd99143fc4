"""The account as a whole: its alias, and how much of everything it has (I196)."""

from typing import Final

from msgspec.structs import replace

from isthmus.actions import iam_objects, iam_pages
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, limits
from isthmus.domain.iam.objects import AccountAlias
from isthmus.policy.compiled import INLINE_LIMITS, LIMITS, Kind
from isthmus.wire.shapes import iam

_SIZES: Final = {
    "PolicySizeQuota": LIMITS[Kind.MANAGED][0],
    "AssumeRolePolicySizeQuota": LIMITS[Kind.TRUST][0],
    **{f"{owner.capitalize()}PolicySizeQuota": limit for owner, limit in INLINE_LIMITS.items()},
}
"""How large documents may be (I55)."""


def create_account_alias(request: iam.CreateAccountAliasRequest, call: Call) -> None:
    """Give the account an alias, in place of the one that it had; no other account may have it (I196)."""
    iam_objects.authorize(call)
    aliases = call.store.iam_account_aliases
    call.alone("account aliases")
    holder = aliases.one(name=request.account_alias)
    if holder is not None:
        raise errors.taken("alias", request.account_alias)
    held = aliases.one(account=call.account) or AccountAlias(call.account, "")
    aliases.put(replace(held, name=request.account_alias))


def delete_account_alias(request: iam.DeleteAccountAliasRequest, call: Call) -> None:
    """Take the account's alias away (I196)."""
    iam_objects.authorize(call)
    held = call.store.iam_account_aliases.one(account=call.account)
    if held is None or held.name != request.account_alias:
        raise errors.no_such("alias", request.account_alias)
    call.store.iam_account_aliases.delete(held)


def list_account_aliases(request: iam.ListAccountAliasesRequest, call: Call) -> iam.ListAccountAliasesResponse:
    """List the account's alias, if it has one (I196, I197)."""
    iam_objects.authorize(call)
    held = call.store.iam_account_aliases.one(account=call.account)
    page = iam_pages.of_list(call, [held.name] if held else [], request)
    return iam.ListAccountAliasesResponse(account_aliases=page.items, is_truncated=page.is_truncated, marker=page.marker)


def get_account_summary(
    request: iam.GetAccountSummaryRequest,  # noqa: ARG001 - it asks nothing
    call: Call,
) -> iam.GetAccountSummaryResponse:
    """Count what the account has, beside what it may have (I55, I196)."""
    iam_objects.authorize(call)
    store, account = call.store, call.account
    counted = {
        "Users": store.iam_users.count(account=account),
        "Groups": store.iam_groups.count(account=account),
        "Roles": store.iam_roles.count(account=account),
        "Policies": store.iam_policies.count(account=account),
        "InstanceProfiles": store.iam_instance_profiles.count(account=account),
        "PolicyVersionsInUse": store.iam_policy_versions.count(account=account),
        "AccountAccessKeysPresent": int(bool(store.access_keys.long_term(account))),
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "Providers": 0,
        "ServerCertificates": 0,
    }
    quotas = {quota.summary: quota.limit for quota in limits.QUOTAS.values() if quota.summary}
    return iam.GetAccountSummaryResponse(summary_map={**counted, **quotas, **_SIZES})
