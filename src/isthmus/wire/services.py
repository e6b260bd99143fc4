"""The services that share one URL: their protocols, the versions they answer, and what is spoken of them."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from msgspec import Struct

from isthmus.domain import errors
from isthmus.wire.model import Action, Shape

# The dated versions of EC2 that public model packages carry, with the packages. Early ones are no longer shipped, but
# programs built with them are still about.
EC2_VERSIONS: Mapping[str, str] = {
    "2013-02-01": "botocore of 2013",
    "2013-10-15": "botocore of 2013",
    "2014-02-01": "botocore of 2014",
    "2014-05-01": "botocore of 2014",
    "2014-06-15": "botocore of 2014, AWS SDK for JavaScript 2",
    "2014-09-01": "botocore",
    "2014-10-01": "botocore, boto 2, AWS SDK for Ruby 1, AWS SDK for PHP 3",
    "2015-03-01": "botocore, AWS SDK for PHP 3",
    "2015-04-15": "botocore, AWS SDK for PHP 3",
    "2015-10-01": "botocore, AWS SDK for PHP 3, AWS SDK for Go 1",
    "2016-04-01": "botocore, AWS SDK for PHP 3, AWS SDK for Go 1",
    "2016-09-15": "botocore, AWS SDK for PHP 3",
    "2016-11-15": "every current one",
}


class Service(Struct, frozen=True):
    """One service. `protocol` is `ec2` or `query`; `namespace(version)` is the namespace of an answer (S112, I38)."""

    name: str
    protocol: str
    version: str
    versions: frozenset[str]
    namespace: Callable[[str], str]

    def check_version(self, version: str) -> str:
        """The version, if this service answers it; otherwise NoSuchVersion is raised (S129)."""
        if version not in self.versions:
            raise errors.no_such_version(version)
        return version

    def has(self, action: str) -> bool:
        """Whether this service speaks the action."""
        return action in tables(self.name).actions


class Tables(Struct, frozen=True):
    """What is generated for one service: its shapes and its actions, by the model's names."""

    shapes: Mapping[str, Shape]
    actions: Mapping[str, Action]


@cache
def tables(service: str) -> Tables:
    """The generated tables of a service, loaded when first asked for: a start-up pays only for what it uses."""
    module = import_module(f"isthmus.wire.shapes.{service}")
    return Tables(module.SHAPES, module.ACTIONS)


@cache
def writers(service: str) -> Mapping[str, Callable[[Any], str]]:
    """The generated writer of each action's result: from a value of its type to the XML inside the answer's element."""
    written: Mapping[str, Callable[[Any], str]] = import_module(f"isthmus.wire.shapes.{service}_xml").RESULTS
    return written


def _dated(pattern: str) -> Callable[[str], str]:
    return pattern.format


EC2 = Service("ec2", "ec2", "2016-11-15", frozenset(EC2_VERSIONS), _dated("http://ec2.amazonaws.com/doc/{}/"))
STS = Service("sts", "query", "2011-06-15", frozenset({"2011-06-15"}), _dated("https://sts.amazonaws.com/doc/{}/"))
IAM = Service("iam", "query", "2010-05-08", frozenset({"2010-05-08"}), _dated("https://iam.amazonaws.com/doc/{}/"))

BY_NAME: Mapping[str, Service] = {service.name: service for service in (EC2, STS, IAM)}
BY_VERSION: Mapping[str, Service] = {version: service for service in BY_NAME.values() for version in service.versions}

_SERVICE_NAME = re.compile(r"[a-z][a-z0-9.-]{0,62}")


def named(name: str) -> Service | None:
    """The service of that name, as credential scopes write it; None for what cannot be the name of one.

    A service that is not spoken has no versions and no actions. It answers in the Query protocol, which its clients read
    or at least take for what it is: a refusal, and not a broken server.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    if not _SERVICE_NAME.fullmatch(name):
        return None
    return Service(name, "query", "", frozenset(), lambda _: f"https://{name}.amazonaws.com/doc/")
