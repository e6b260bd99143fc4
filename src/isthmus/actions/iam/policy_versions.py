"""The versions of managed policies, one of which is in force (I195)."""

from msgspec.structs import replace

from isthmus.actions import iam_documents, iam_pages, iam_policies, iam_shown
from isthmus.actions.call import Call
from isthmus.domain.iam import errors, limits
from isthmus.domain.iam.objects import ManagedPolicy, PolicyVersion
from isthmus.wire.shapes import iam


def create_policy_version(request: iam.CreatePolicyVersionRequest, call: Call) -> iam.CreatePolicyVersionResponse:
    """Give a managed policy another document, in force at once if that is said (I55, I195)."""
    policy, versions = iam_policies.find_own(call, request.policy_arn), call.store.iam_policy_versions
    iam_documents.check_managed(request.policy_document)
    most = limits.limit("VersionsPerPolicy")
    if versions.count(policy_id=policy.id) >= most:
        raise errors.too_many_versions(most)
    number = policy.latest_version + 1
    in_force = number if request.set_as_default else policy.default_version
    changed = replace(policy, latest_version=number, default_version=in_force, updated_at=call.now)
    call.store.iam_policies.put(changed)
    made = versions.put(PolicyVersion(call.account, policy.id, number, request.policy_document, call.now))
    return iam.CreatePolicyVersionResponse(policy_version=_shown(changed, made))


def get_policy_version(request: iam.GetPolicyVersionRequest, call: Call) -> iam.GetPolicyVersionResponse:
    """Show a version of a managed policy with its document, URL-encoded (I195, I197)."""
    policy = iam_policies.find(call, request.policy_arn)
    version = _version(call, policy, request.version_id, request.policy_arn)
    return iam.GetPolicyVersionResponse(
        policy_version=replace(_shown(policy, version), document=iam_shown.document(version.document))
    )


def list_policy_versions(request: iam.ListPolicyVersionsRequest, call: Call) -> iam.ListPolicyVersionsResponse:
    """List the versions of a managed policy without their documents, the youngest first (I195, I197)."""
    policy = iam_policies.find(call, request.policy_arn)
    versions = iam_policies.versions(call, policy)
    page = iam_pages.of_list(call, versions[::-1], request, policy.id)
    shown = [_shown(policy, each) for each in page.items]
    return iam.ListPolicyVersionsResponse(versions=shown, is_truncated=page.is_truncated, marker=page.marker)


def set_default_policy_version(request: iam.SetDefaultPolicyVersionRequest, call: Call) -> None:
    """Put another version of a managed policy in force (I195)."""
    policy = iam_policies.find_own(call, request.policy_arn)
    version = _version(call, policy, request.version_id, request.policy_arn)
    call.store.iam_policies.put(replace(policy, default_version=version.number, updated_at=call.now))


def delete_policy_version(request: iam.DeletePolicyVersionRequest, call: Call) -> None:
    """Delete a version of a managed policy that is not in force (I195)."""
    policy = iam_policies.find_own(call, request.policy_arn)
    version = _version(call, policy, request.version_id, request.policy_arn)
    if version.number == policy.default_version:
        raise errors.delete_conflict("default-version")
    call.store.iam_policy_versions.delete(version)


def _version(call: Call, policy: ManagedPolicy, version_id: str, arn: str) -> PolicyVersion:
    number = version_id.removeprefix("v")
    found = iam_policies.version(call, policy, int(number)) if number.isdecimal() and len(number) < 10 else None
    if found is None:
        raise errors.no_such("policy-version", f"{arn} version {version_id}")
    return found


def _shown(policy: ManagedPolicy, version: PolicyVersion) -> iam.PolicyVersion:
    return iam.PolicyVersion(
        version_id=iam_policies.version_id(version.number),
        is_default_version=version.number == policy.default_version,
        create_date=version.created_at,
    )
