"""The settings of a server, as values: defaults, then a TOML file, then the environment, then the command line.

A setting is written `port` in the file, `ISTHMUS_PORT` in the environment and `--port` on the command line.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

ENVIRONMENT_PREFIX: Final = "ISTHMUS_"
DEFAULT_PORT: Final = 4510
MEMORY: Final = "memory"


class ConfigError(Exception):
    """A setting that cannot be; the text says which, and what it may be."""


class Delays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the transitional states of a peering connection last, in seconds."""

    initiating_seconds: float = 0.0
    provisioning_seconds: float = 0.0
    deleting_seconds: float = 0.0


PROFILES: Final[Mapping[str, Delays]] = {"instant": Delays(), "realistic": Delays(1.5, 2.0, 1.0)}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that an operator can choose."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    data: str = ""
    """A path, or `memory`; empty: the default file in the user's data directory."""
    auth: Literal["open", "enforce", ""] = ""
    """Empty: open on loopback, enforce elsewhere."""
    allow_open_network: bool = False
    allow_host: tuple[str, ...] = ()
    trusted_proxy: tuple[str, ...] = ()
    log_format: Literal["text", "json", "none"] = "text"
    profile: Literal["instant", "realistic"] = "instant"
    delays: Delays | None = None
    """Overrides the profile's."""
    quotas: Literal["default", "real"] = "default"
    quota: dict[str, int] = {}
    """Single quotas by name, over the table that `quotas` names."""
    default_account: str = "000000000000"
    default_region: str = "us-east-1"
    signature_window_seconds: float = 900.0
    max_unpaged_items: int = 10_000
    journal_rows: int = 100_000
    queue_limit: int = 10_000
    credentials: str = ""
    """Where `accounts create` writes its profile; empty: `credentials` in the user's data directory."""

    @property
    def in_force(self) -> Delays:
        """The delays: those given, else the profile's."""
        return self.delays or PROFILES[self.profile]


LISTS: Final = ("allow_host", "trusted_proxy")
TABLES: Final = ("delays", "quota")


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in force; `given` are those of the command line, as text, None where it said nothing.

    Raises `ConfigError` with a sentence that names the setting.
    """
    path = given.get("config") or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    said = {name: value for name, value in given.items() if value is not None and name != "config"}
    merged = {**_from_file(path, environment), **_from_environment(environment), **_parsed_all(said)}
    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_sentence(str(error), merged)) from None
    _check(settings)
    return settings


def _sentence(problem: str, merged: Mapping[str, Any]) -> str:
    """Say in the operator's words what msgspec found wrong."""
    found = re.search(r"^(?P<what>.*) - at `\$\.(?P<name>\w+)(?P<part>[^`]*)`$", problem)
    if not found:
        return f"A setting cannot be used: {problem}. `isthmus serve --help` lists them."
    name = found["name"]
    choices = [word for word in get_args(Settings.__annotations__[name]) if isinstance(word, str) and word]
    expected = f"it may be {' or '.join(choices)}" if choices else found["what"][:1].lower() + found["what"][1:]
    return f"The setting {name}{found['part']} cannot be {merged[name]!r}: {expected}."


def _from_file(path: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    file = Path(path) if path else config_folder(environment) / "config.toml"
    if not path and not file.exists():
        return {}
    import tomllib  # most servers have no settings file

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There is no settings file {file}.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"The settings file {file} cannot be read: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {field.name: f"{ENVIRONMENT_PREFIX}{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    return _parsed_all({name: environment[variable] for name, variable in names.items() if variable in environment})


def _parsed_all(texts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _parsed(name, value) if isinstance(value, str) else value for name, value in texts.items()}


def _parsed(name: str, text: str) -> Any:  # noqa: ANN401 - typed by msgspec afterwards
    """Read what a shell can say: lists as `a,b`, tables as `name=number,name=number`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if name in LISTS:
        return tuple(parts)
    if name not in TABLES:
        return text
    pairs = [part.partition("=") for part in parts]
    if not all(equals and number.strip() for _, equals, number in pairs):
        raise ConfigError(f"The setting {name} must look like name=number,name=number, not {text!r}.")
    return {key.strip(): number.strip() for key, _, number in pairs}


LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "port": (0, 65_535),
    "signature_window_seconds": (300, 900),
    "max_unpaged_items": (5, 1_000_000),
    "journal_rows": (0, 1_000_000_000),
    "queue_limit": (1, 1_000_000),
}


def _check(settings: Settings) -> None:
    for name, (low, high) in LIMITS.items():
        if not low <= getattr(settings, name) <= high:
            raise ConfigError(f"{name} must be between {low:g} and {high:g}, not {getattr(settings, name):g}.")
    if any(not 0 <= seconds <= 86_400 for seconds in msgspec.structs.astuple(settings.in_force)):
        raise ConfigError("A delay must be between 0 and 86400 seconds.")
    if not re.fullmatch(r"[0-9]{12}", settings.default_account):
        raise ConfigError(f"default_account must be an account id, 12 digits, not {settings.default_account!r}.")


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where a user's settings lie."""
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "isthmus"


def data_folder() -> Path:
    """Return where a user's data lie."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "isthmus"


def data_path(settings: Settings) -> Path | None:
    """Return the file that holds the state, None for memory."""
    if settings.data == MEMORY:
        return None
    return Path(settings.data).expanduser() if settings.data else data_folder() / "isthmus.db"


def credentials_path(settings: Settings) -> Path:
    """Return the file that `accounts create` writes profiles into."""
    return Path(settings.credentials).expanduser() if settings.credentials else data_folder() / "credentials"
