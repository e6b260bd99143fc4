"""The settings of a server, as values: defaults, then a TOML file, then the environment, then the command line.

A setting is written `port` in the file, `ISTHMUS_PORT` in the environment and `--port` on the command line.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

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
    """Where `accounts create` writes its profile; empty: `credentials` beside the data."""

    @property
    def in_force(self) -> Delays:
        """The delays: those given, else the profile's."""
        return self.delays or PROFILES[self.profile]


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in force; `given` are those of the command line, None where it said nothing.

    Raises `ConfigError` with a sentence that names the setting.
    """
    path = given.get("config") or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    merged = {**_from_file(path), **_from_environment(environment)}
    merged.update({name: value for name, value in given.items() if value not in (None, ()) and name != "config"})
    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"A setting cannot be used: {error}. `isthmus serve --help` lists them.") from None
    _check(settings)
    return settings


def _from_file(path: str | None) -> dict[str, Any]:
    file = Path(path) if path else config_folder() / "config.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path:
            raise ConfigError(f"There is no settings file {file}.") from None
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The settings file {file} cannot be read: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        text = environment.get(f"{ENVIRONMENT_PREFIX}{field.name.upper()}")
        if text is not None:
            found[field.name] = _parsed(field.name, text)
    return found


def _parsed(name: str, text: str) -> Any:  # noqa: ANN401 - typed by msgspec afterwards
    if name in ("allow_host", "trusted_proxy"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name in ("delays", "quota"):
        try:
            return {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in text.split(","))}
        except ValueError:
            raise ConfigError(f"{ENVIRONMENT_PREFIX}{name.upper()} must look like name=number,name=number.") from None
    return text


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


def config_folder() -> Path:
    """Return where a user's settings lie."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "isthmus"


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
