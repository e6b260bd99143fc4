"""What can be wrong with a policy, in the words in which IAM says so (I52, I53)."""


class Malformed(Exception):
    """A part of a policy cannot be evaluated; the text is what whoever saves it is told."""


SYNTAX = "Syntax errors in policy."
VERSION = "Policy document must be version 2012-10-17 or greater."
NO_ACTIONS = "Policy statement must contain actions."
NO_RESOURCES = "Policy statement must contain resources."
STRANGE_SID = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
)
SAME_SID = "Statement IDs (SID) in a single policy must be unique."
LEGACY = "The policy failed legacy parsing"
NO_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
NOT_AN_ARN = 'Resource {resource} must be in ARN format or "*".'
PRINCIPAL_GIVEN = "Policy document should not specify a principal."
PROHIBITED = "Has prohibited field {field}"
MISSING = "Missing required field {field}"
INVALID_PRINCIPAL = 'Invalid principal in policy: "{kind}":"{name}"'
TRUST_ACTIONS = "AssumeRole policy may only specify STS AssumeRole actions."
