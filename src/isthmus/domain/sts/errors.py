"""STS's refusals beside those that all services share: their codes and their wording (I173 to I179).

As in `domain.errors`, a constructor returns the error and the caller raises it. A text marked "inferred" is ours.
"""

from isthmus.domain.errors import ApiError, validation_error

ACCESS_DENIED = "AccessDenied"


def root_assumes() -> ApiError:
    """An account's root assumes no role (I174)."""
    return ApiError(ACCESS_DENIED, "Roles may not be assumed by root accounts.")


def no_role_arn() -> ApiError:
    """A text that is no ARN of a role (I173)."""
    return validation_error("Request ARN is invalid")


def longer_than_role() -> ApiError:
    """A role's sessions may not last so long (I175)."""
    return validation_error("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def longer_than_chain() -> ApiError:
    """A role that a role's session assumes is assumed for an hour at most (I175)."""
    return validation_error(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    )


def session_credentials(action: str) -> ApiError:
    """What only long-term keys may call (I179)."""
    return ApiError(ACCESS_DENIED, f"Cannot call {action} with session credentials")


def policy_too_large(percent: int, what: str) -> ApiError:
    """Policies and tags of a session are together too long (I178); `what` names those that are there."""
    return ApiError("PackedPolicyTooLarge", f"Packed size of {what} consumes {percent}% of allotted space.")


def too_many_policies(limit: int) -> ApiError:
    """A session has no more managed policies than that (I115, I173)."""
    return validation_error(  # inferred
        f"1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less "
        f"than or equal to {limit}"
    )


def half_of_mfa() -> ApiError:
    """A device without a code, or a code without a device."""
    return ApiError(
        ACCESS_DENIED, "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
    )


def no_mfa() -> ApiError:
    """There are no devices here, so no code can be right."""
    return ApiError(
        ACCESS_DENIED,
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and "
        "associated with this user.",
    )


def no_context_provider() -> ApiError:
    """There is nobody here who could vouch for a context."""
    return validation_error("ProvidedContexts: there is no such context provider.")  # inferred


def no_managed_policy(arn: str) -> ApiError:
    """A session policy is a managed policy of the session's account, or of the vendor (I115)."""
    return validation_error(f"The managed policy {arn} does not exist or cannot be a session policy.")  # inferred


def tag_twice() -> ApiError:
    """Keys that differ in letter case alone are the same (I177)."""
    return validation_error("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def reserved(what: str) -> ApiError:
    """What begins with `aws:` is the vendor's."""
    return validation_error(f"{what} may not begin with 'aws:'.")  # inferred


def transitive_without_tag() -> ApiError:
    """Only a tag of the request can be transitive (I177)."""
    return validation_error("The specified transitive tag key must be included in the requested tags.")


def inherited_tag() -> ApiError:
    """A transitive tag of the calling session cannot be set again (I177)."""
    return validation_error(
        "One of the specified tag keys can't be set because it conflicts with a transitive tag key from the calling session."
    )


def other_source_identity() -> ApiError:
    """Who a chain of roles began with cannot be changed on the way (I177)."""
    return ApiError(ACCESS_DENIED, "The source identity of the calling session cannot be changed.")  # inferred
