"""The settings of a server, as values: defaults, then a TOML file, then the environment, then the command line.

A setting is written `port` in the file, `ISTHMUS_PORT` in the environment and `--port` on the command line.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

ENVIRONMENT_PREFIX: Final = "ISTHMUS_"
DEFAULT_PORT: Final = 4510
MEMORY: Final = "memory"
POSTGRES: Final = ("postgresql://", "postgres://")


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
    """A path, `memory`, or the URL of a PostgreSQL database; empty: the default file in the user's data directory."""
    auth: Literal["open", "enforce", ""] = ""
    """Empty: open on loopback, enforce elsewhere."""
    allow_open_network: bool = False
    allow_host: tuple[str, ...] = ()
    trusted_proxy: tuple[str, ...] = ()
    log_format: Literal["text", "json", "none"] = "text"
    profile: Literal["instant", "realistic"] = "instant"
    delays: Delays | None = None
    """All three, in place of the profile's; `load` takes from the profile those that the operator does not name."""
    quotas: Literal["default", "real"] = "default"
    quota: dict[str, int] = {}
    """Single quotas by name, over the table that `quotas` names."""
    default_account: str = "000000000000"
    default_region: str = "us-east-1"
    signature_window_seconds: float = 900.0
    drain_seconds: float = 0.0
    """How long, once told to stop, the server goes on answering while its health check says no."""
    max_unpaged_items: int = 10_000
    journal_rows: int = 100_000
    queue_limit: int = 10_000
    workers: int = 1
    connections: int = 3
    prepared_statements: bool = True
    database_seconds: float = 30.0
    poll_seconds: float = 1.0
    start_file: str = ""
    """A start file that is applied before the server is ready; empty: none."""
    credentials: str = ""
    """Where `accounts create` writes its profile; empty: `credentials` in the user's data directory."""

    @property
    def in_force(self) -> Delays:
        """The delays: those given, else the profile's."""
        return self.delays or PROFILES[self.profile]


LISTS: Final = ("allow_host", "trusted_proxy")
TABLES: Final[Mapping[str, Any]] = {"delays": float, "quota": int}
"""The settings that are tables, with the type of their members."""
OTHER_VARIABLES: Final = ("CONFIG", "ENDPOINT", "TOKEN_FILE", "REQUIRE_CLIENTS", "TF_MIRROR")
"""What else has our prefix in the environment: of the other commands and of the project's own tests."""

KINDS: Final[Mapping[Any, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    tuple[str, ...]: "a list of texts",
}
"""What a value of a type is called."""


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in force; `given` are those of the command line, as text, None where it said nothing.

    Raises `ConfigError` with a sentence that names the setting and where it was said.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for read in (_from_file, _from_environment, _from_command_line):
        for name, (value, origin) in read(given, environment).items():
            merged[name], origins[name] = value, origin
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    typed = {name: _typed(name, kinds[name], value, origins[name]) for name, value in merged.items()}
    if "delays" in typed:
        of_profile = PROFILES[typed.get("profile", "instant")]
        typed["delays"] = msgspec.structs.replace(of_profile, **typed["delays"])
    settings = Settings(**typed)
    _check(settings, origins)
    return settings


Said = dict[str, tuple[Any, str]]
"""Settings by name: the value, and the place that said it in the operator's words."""


def _from_file(given: Mapping[str, Any], environment: Mapping[str, str]) -> Said:
    path = given.get("config") or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    file = Path(path) if path else config_folder(environment) / "config.toml"
    if not path and not file.exists():
        return {}
    import tomllib  # most servers have no settings file

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There is no settings file {file}.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"The settings file {file} cannot be read: {error}") from None
    for name in content:
        if name not in Settings.__struct_fields__:
            raise _unknown(name, Settings.__struct_fields__, str(file))
    return {name: (value, str(file)) for name, value in content.items()}


def _from_environment(_: Mapping[str, Any], environment: Mapping[str, str]) -> Said:
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}": name for name in Settings.__struct_fields__}
    others = {f"{ENVIRONMENT_PREFIX}{name}" for name in OTHER_VARIABLES}
    said: Said = {}
    for variable in environment:
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in others:
            continue
        if variable not in known:
            raise _unknown(variable, (*known, *sorted(others)), "the environment")
        said[known[variable]] = (_parsed(known[variable], environment[variable], variable), variable)
    return said


def _from_command_line(given: Mapping[str, Any], _: Mapping[str, str]) -> Said:
    said: Said = {}
    for name, value in given.items():
        if value is not None and name != "config":
            flag = f"--{name.replace('_', '-')}"
            said[name] = (_parsed(name, value, flag) if isinstance(value, str) else value, flag)
    return said


def _unknown(name: str, known: Iterable[str], origin: str) -> ConfigError:
    """Say that a setting does not exist, and which one was perhaps meant."""
    from difflib import get_close_matches  # only for who mistypes

    near = get_close_matches(name, known, n=1)
    hint = f"perhaps {near[0]} is meant" if near else "`isthmus serve --help` lists those that exist"
    return ConfigError(f"There is no setting {name} (from {origin}); {hint}.")


def _parsed(name: str, text: str, origin: str) -> Any:  # noqa: ANN401 - typed afterwards
    """Read what a shell can say: lists as `a,b`, tables as `name=number,name=number`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if name in LISTS:
        return parts
    if name not in TABLES:
        return text
    pairs = [part.partition("=") for part in parts]
    if not all(equals and number.strip() for _, equals, number in pairs):
        raise ConfigError(f"{name} must look like name=number,name=number, not {text!r} (from {origin}).")
    return {key.strip(): number.strip() for key, _, number in pairs}


def _typed(name: str, kind: Any, value: Any, origin: str) -> Any:  # noqa: ANN401 - from whatever was said to its type
    """Return a value as the type that its setting has."""
    if name in TABLES:
        return _table(name, value, origin)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        choices = [word for word in get_args(kind) if isinstance(word, str) and word]
        expected = KINDS.get(kind) or " or ".join(choices)
        raise ConfigError(f"{name} must be {expected}, not {_shown(value)} (from {origin}).") from None


def _table(name: str, value: Any, origin: str) -> dict[str, Any]:  # noqa: ANN401 - whatever was said
    if not isinstance(value, dict):
        raise ConfigError(f"{name} must be a table of name = number, not {_shown(value)} (from {origin}).")
    for key in value if name == "delays" else ():
        if key not in Delays.__struct_fields__:
            raise _unknown(f"{name}.{key}", (f"{name}.{field}" for field in Delays.__struct_fields__), origin)
    return {key: _typed(f"{name}.{key}", TABLES[name], member, origin) for key, member in value.items()}


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever TOML can hold
    """Return a value as its writer would recognize it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)


LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "port": (0, 65_535),
    "signature_window_seconds": (300, 900),
    "drain_seconds": (0, 3_600),
    "max_unpaged_items": (5, 1_000_000),
    "journal_rows": (0, 1_000_000_000),
    "queue_limit": (1, 1_000_000),
    "workers": (1, 64),
    "connections": (1, 1_000),
    "database_seconds": (1, 3_600),
    "poll_seconds": (0.05, 3_600),
}


def _check(settings: Settings, origins: Mapping[str, str]) -> None:
    for name, (low, high) in LIMITS.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise ConfigError(f"{name} must be between {low:.15g} and {high:.15g}, not {value:.15g} (from {origins[name]}).")
    if any(not 0 <= seconds <= 86_400 for seconds in msgspec.structs.astuple(settings.in_force)):
        raise ConfigError(f"A delay must be between 0 and 86400 seconds (from {origins['delays']}).")
    if not re.fullmatch(r"[0-9]{12}", settings.default_account):
        account, origin = settings.default_account, origins["default_account"]
        raise ConfigError(f"default_account must be an account id, 12 digits, not {account!r} (from {origin}).")


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where a user's settings lie."""
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "isthmus"


def data_folder() -> Path:
    """Return where a user's data lie."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "isthmus"


def database_url(settings: Settings) -> str | None:
    """Return the URL of the PostgreSQL database that holds the state, None for a file or memory."""
    return settings.data if settings.data.startswith(POSTGRES) else None


def data_path(settings: Settings) -> Path | None:
    """Return the file that holds the state, None for memory or a database server."""
    if settings.data == MEMORY or database_url(settings):
        return None
    return Path(settings.data).expanduser() if settings.data else data_folder() / "isthmus.db"


def credentials_path(settings: Settings) -> Path:
    """Return the file that `accounts create` writes profiles into."""
    return Path(settings.credentials).expanduser() if settings.credentials else data_folder() / "credentials"
