"""Which function is which action: every public function of an action module is the action of its name."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from inspect import getmembers, isfunction
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final

from isthmus.actions.call import Call
from isthmus.store.api import Kind
from isthmus.wire import services

Handler = Callable[[Any, Call], Any]

READS: Final = ("Describe", "Get", "List", "Decode", "Simulate")
"""Actions that begin so only read; every other one may write (the one place that says so)."""
WRITES: Final = frozenset({"GetSessionToken", "GetFederationToken"})
"""Those that make what they are called after getting."""


def kind_of(action: str) -> Kind:
    """Tell whether an action only reads."""
    return Kind.READ if action.startswith(READS) and action not in WRITES else Kind.WRITE


def snake_case(action: str) -> str:
    """Return the name of an action's function: `DescribeVpcs` is `describe_vpcs`, `ListMFADevices` `list_mfa_devices`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", action).lower()


@cache
def collect(service: str) -> Mapping[str, Handler]:
    """Return a service's actions by name. Raises `LookupError` when the list and the functions disagree."""
    found = {name: function for module in _modules(service) for name, function in _public(module)}
    listed = {snake_case(action): action for action in services.tables(service).actions}
    if strays := sorted(set(found) ^ set(listed)):
        raise LookupError(f"wire/actions.txt and actions/{service}/ disagree about {', '.join(strays)}")
    return {listed[name]: function for name, function in found.items()}


def _modules(service: str) -> list[ModuleType]:
    package = import_module(f"isthmus.actions.{service}")
    return [import_module(f"{package.__name__}.{entry.name}") for entry in iter_modules(package.__path__)]


def _public(module: ModuleType) -> list[tuple[str, Handler]]:
    return [
        (name, function)
        for name, function in getmembers(module, isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]
