"""Tags between the wire and the rules: what a Create's TagSpecifications say, and how a Describe shows tags."""

from collections.abc import Sequence

from isthmus.actions.call import Call
from isthmus.domain import tags
from isthmus.domain.filters import Tags
from isthmus.wire.shapes import ec2


def tag_set(held: Tags) -> list[ec2.Tag]:
    """Return tags as every answer shows them: an empty list where there are none (S116)."""
    return [ec2.Tag(key=key, value=value) for key, value in held.items()]


def pairs(given: Sequence[ec2.Tag] | None) -> list[tags.Pair]:
    """Return the tags of a request as the rules know them."""
    return [(tag.key, tag.value) for tag in given or ()]


def specified(specifications: Sequence[ec2.TagSpecification] | None, kind: str, call: Call) -> dict[str, str]:
    """Return the tags that a Create gives to the new object of that kind; raises as S244 says."""
    given = [(each.resource_type, pairs(each.tags)) for each in specifications or ()]
    return tags.from_specifications(given, kind, call.quotas.tags_per_resource)
