"""Every setting of the server, once: name, default, unit, range and what 0 means.

A value is looked for as a flag (or keyword of `Server`), then in the environment, then in
`jac.toml` under `[plugins.cloud]`, then the default is taken. `docs/configuration.md` is made
from this module.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, cast, get_args, get_origin

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from jac_cloud.errors import ConfigError

ENV_PREFIX = "JAC_CLOUD_"
SECRET_BYTES_MIN = 32
TOKEN_TIMEOUT_MAX = 366 * 86_400
TOML_TABLE = ("plugins", "cloud")

# 32 random hex digits have fewer than 8 distinct ones once in some hundred million secrets.
_SECRET_DISTINCT_BYTES_MIN = 8
_DAY = 86_400
_GIB = 1 << 30
# Read under its older, well-known name too; the prefixed one wins.
_UNPREFIXED = {"token_secret": "TOKEN_SECRET"}


@dataclass(frozen=True)
class Range:
    """The numbers that a setting takes: `low` to `high`, both included, counted in `unit`.

    `zero` says what 0 means where 0 is allowed although it lies outside.
    """

    low: float
    high: float
    unit: str = ""
    zero: str = ""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high or (value == 0 and self.zero != "")

    def __str__(self) -> str:
        text = f"from {_digits(self.low)} to {_digits(self.high)}"
        if self.unit:
            text += f" {self.unit}"
        return f"{text}, or 0 ({self.zero})" if self.zero else text


@dataclass(frozen=True)
class About:
    """What is known of a setting beyond its type. `native` ones go to the native server."""

    group: str
    native: bool = False
    range: Range | None = None


def _digits(number: float) -> str:
    if number != int(number):
        return str(number)
    return f"{int(number):,}" if number >= 10_000 else str(int(number))


def _seconds(zero: str = "") -> Range:
    return Range(0.01, _DAY, "seconds", zero)


def _setting(
    default: Any, meaning: str, numbers: Range | None = None, *, group: str, native: bool = False
) -> Any:
    extra: Any = {"about": About(group, native, numbers)}
    return Field(default, description=meaning, json_schema_extra=extra)


_listen = partial(_setting, group="Listening", native=True)
_websocket = partial(_setting, group="WebSocket", native=True)
_http = partial(_setting, group="HTTP", native=True)
_walkers = partial(_setting, group="Walkers")
_users = partial(_setting, group="Users and tokens")
_operating = partial(_setting, group="Operating")


class Settings(BaseSettings):
    """The settings of one server, checked and frozen. Made by `load`. Safe to share."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    host: str = _listen(
        "127.0.0.1", "Address to listen on. `0.0.0.0` for every IPv4 interface, `::` for IPv6 too."
    )
    port: int = _listen(8000, "Port to listen on.", Range(1, 65535, zero="a free one is picked"))
    io_threads: int = _listen(
        0,
        "Native threads that serve connections.",
        Range(1, 64, "threads", zero="one for each core, 8 at most"),
    )
    backlog: int = _listen(
        4096,
        "Connections that the kernel holds until they are accepted.",
        Range(1, 65535, "connections"),
    )
    max_connections: int = _listen(
        0,
        "Connections at once; one more is answered 503.",
        Range(1, 16_000_000, "connections", zero="as many as the descriptor limit leaves, less 64"),
    )
    max_connections_per_address: int = _listen(
        0,
        "Connections at once from one address; one more is answered 503.",
        Range(1, 16_000_000, "connections", zero="no limit"),
    )

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = _websocket(
        (),
        "Origins whose pages may connect, beside those of the server's own host name and of a "
        "loopback page to a loopback host: `https://chat.example.com`, `null`, or `*` for all.",
    )
    client_events: Literal["anyone", "authenticated", "members", "nobody"] = _websocket(
        "anyone",
        "Who may send user, channel and client events. `members`: channel events into the "
        "sender's own channel only, user and client events from authenticated users only.",
    )
    max_message_bytes: int = _websocket(
        1 << 20,
        "Longest message of a client; a longer one closes with 1009.",
        Range(125, _GIB, "bytes"),
    )
    max_json_depth: int = _websocket(
        64, "Deepest nesting of JSON, in events and in bodies of requests.", Range(2, 150, "levels")
    )
    max_targets: int = _websocket(
        1000, "Most targets of one event.", Range(1, 1_000_000, "targets")
    )
    message_rate: float = _websocket(
        100.0,
        "Messages a client may send a second, in the long run.",
        Range(0.001, 1e9, "messages a second", zero="no limit"),
    )
    message_burst: float = _websocket(
        200.0,
        "Messages a client may send at once before `message_rate` counts.",
        Range(1, 1e9, "messages"),
    )
    message_timeout: float = _websocket(
        60.0, "Time from the first to the last fragment of a message.", _seconds(zero="no limit")
    )
    held_events: int = _websocket(
        64,
        "Events held back behind a running walker; then reading from the client pauses.",
        Range(1, 65536, "events"),
    )
    outbox_bytes: int = _websocket(
        1 << 20,
        "Bytes queued for one client; when more, it is too slow and closed with 4503.",
        Range(4096, _GIB, "bytes"),
    )
    ping_interval: float = _websocket(20.0, "Time between pings.", _seconds(zero="no pings"))
    pong_timeout: float = _websocket(
        20.0, "Time a pong may take; then the connection is closed with 4408.", _seconds()
    )

    handshake_timeout: float = _http(
        10.0, "Time from connecting to the end of the request's header.", _seconds()
    )
    idle_timeout: float = _http(
        75.0, "Time a kept-alive connection may wait for its next request.", _seconds()
    )
    body_timeout: float = _http(
        30.0, "Time that may pass without a byte of a request's body.", _seconds()
    )
    max_header_bytes: int = _http(
        16 << 10,
        "Longest header of a request, its first line included; longer is answered 431.",
        Range(256, 1 << 20, "bytes"),
    )
    max_body_bytes: int = _http(
        10 << 20,
        "Longest body of a request; longer is answered 413.",
        Range(1, 1024 * _GIB, "bytes", zero="no limit"),
    )
    static: str = _setting(
        "static",
        "Folder served at `/` where it exists, relative to the app's. Empty: none.",
        group="HTTP",
    )

    workers: int = _walkers(
        0,
        "Threads that run walkers, for each of WebSocket and REST.",
        Range(1, 1024, "threads", zero="four for each core, 32 at most"),
    )
    walker_timeout: float = _walkers(
        0.0,
        "Time a walker may take before its caller is answered `timeout`.",
        _seconds(zero="no limit"),
    )
    walker_attempts: int = _walkers(
        100,
        "Times that a walker is run for one call while others keep changing the same data; then "
        "its caller is answered `conflict`.",
        Range(1, 10_000, "times"),
    )
    report_format: Literal["jac", "cloud"] = _walkers(
        "jac",
        "How reports show nodes: as the interpreter does, or as older jac-cloud clients "
        'expect them, `{"id", "context"}`.',
    )

    token_secret: SecretStr | None = _users(
        None,
        f"Secret that signs tokens, at least {SECRET_BYTES_MIN} bytes. Not set: one is made "
        "at the first start and kept in `data_dir`.",
    )
    token_timeout: int = _users(
        12 * 3600, "How long a token is valid.", Range(1, TOKEN_TIMEOUT_MAX, "seconds")
    )
    login_failures_per_account: int = _users(
        10,
        "Failed logins to one account; the next is answered 429. Successful ones do not count.",
        Range(1, 1_000_000, "a minute", zero="no limit"),
    )
    login_failures_per_address: int = _users(
        30,
        "Failed logins from one address (IPv6: one /64); the next is answered 429.",
        Range(1, 1_000_000, "a minute", zero="no limit"),
    )
    hash_threads: int = _users(
        0,
        "Passwords hashed at once; each takes 19 MiB and a core for some 20 ms.",
        Range(1, 64, "threads", zero="one for each core"),
    )
    database_url: str = _users(
        "", "SQLAlchemy URL of the users' database. Empty: SQLite in `data_dir`."
    )

    data_dir: str = _operating(
        ".jac/data", "Folder of the graph, the users and the secret, relative to the app's."
    )
    drain_timeout: float = _operating(
        3.0,
        "Time that running walkers and requests have to end when the server stops.",
        _seconds(zero="they are not waited for"),
    )
    log_format: Literal["auto", "text", "json"] = _operating(
        "auto", "Form of the log on standard error. `auto`: text on a terminal, else JSON."
    )
    debug: bool = _operating(
        False, "Log more, and name the exception in errors of failed walkers. Not for production."
    )

    @classmethod
    def settings_customise_sources(
        cls, *_: Any, **sources: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed in: `load` reads the sources, to say where a wrong value is from."""
        return (sources["init_settings"],)

    @field_validator("*", mode="before")
    @classmethod
    def _no_coincidence(cls, value: object, info: ValidationInfo) -> object:
        if info.field_name == "allowed_origins" and isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        # pydantic reads true as 1, which is never what was meant.
        if isinstance(value, bool) and info.field_name != "debug":
            raise ValueError("not a truth value")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _in_range(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, SecretStr) and is_weak(value.get_secret_value().encode()):
            raise ValueError("too weak")
        numbers = about(str(info.field_name)).range
        if numbers and isinstance(value, int | float) and value not in numbers:
            raise ValueError("out of range")
        return value

    def native(self) -> dict[str, object]:
        """The settings that the native server takes, by the names of its configuration."""
        names = (name for name in Settings.model_fields if about(name).native)
        values = {name: getattr(self, name) for name in names}
        return values | {"allowed_origins": list(self.allowed_origins)}


@dataclass(frozen=True)
class _Layer:
    """One source of values, and how it spells the name of a setting in an error."""

    values: Mapping[str, object]
    spell: Callable[[str], str]


def is_weak(secret: bytes) -> bool:
    """Whether a signing secret is too short (RFC 7518 section 3.2) or plainly not random."""
    return len(secret) < SECRET_BYTES_MIN or len(set(secret)) < _SECRET_DISTINCT_BYTES_MIN


def about(name: str) -> About:
    """What is known of the setting `name`. KeyError when there is none of that name."""
    extra: Any = Settings.model_fields[name].json_schema_extra
    return cast(About, extra["about"])


def allowed(name: str) -> str:
    """What values the setting `name` takes, as a phrase."""
    kind: Any = Settings.model_fields[name].annotation
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return f"{'a whole number' if kind is int else 'a number'} {about(name).range}"
    if name == "allowed_origins":
        return "a list of origins, separated by commas where it is one text"
    if name == "token_secret":
        return f"{SECRET_BYTES_MIN} bytes or more that nobody can guess"
    return "text"


def shown_default(name: str) -> str:
    """The setting's default, for people."""
    default: Any = Settings.model_fields[name].default
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return _digits(default)
    return default or ("not set" if default is None else "empty")


def flag(name: str) -> str:
    """The setting's name on the command line."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The setting's name in the environment."""
    return ENV_PREFIX + name.upper()


def load(
    app_dir: Path,
    given: Mapping[str, object] | None = None,
    spell: Callable[[str], str] = str,
) -> Settings:
    """Reads the settings of the app in `app_dir`.

    `given` (flags, or keywords of `Server`) wins over the environment, which wins over the
    `jac.toml` in `app_dir` or the nearest folder above it; `spell` says how the caller writes a
    name. ConfigError, of one line, for a wrong value or an unknown name.
    """
    layers = [_toml_layer(app_dir), _environment_layer(), _Layer(given or {}, spell)]
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.values.items():
            if name not in Settings.model_fields:
                _refuse(name, f"{layer.spell(name)} is not a setting{_nearest(name, layer)}")
            values[name] = value
            origins[name] = layer.spell(name)
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        name = str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
        shown = "its value" if name == "token_secret" else repr(values[name])
        _refuse(name, f"{origins[name]}: {shown} is not allowed (allowed: {allowed(name)})")


def _environment_layer() -> _Layer:
    values: dict[str, object] = dict(EnvSettingsSource(Settings)())
    spelled = {name: variable(name) for name in values}
    for name, unprefixed in _UNPREFIXED.items():
        if name not in values and os.environ.get(unprefixed):
            values[name] = os.environ[unprefixed]
            spelled[name] = unprefixed
    for key in os.environ:
        name = key.removeprefix(ENV_PREFIX).lower()
        if key.startswith(ENV_PREFIX) and name not in Settings.model_fields:
            values[name] = os.environ[key]
    return _Layer(values, lambda name: spelled.get(name, variable(name)))


def _toml_layer(app_dir: Path) -> _Layer:
    folders = [app_dir.resolve(), *app_dir.resolve().parents]
    path = next((found for found in (at / "jac.toml" for at in folders) if found.is_file()), None)
    if path is None:
        return _Layer({}, str)
    try:
        table: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        _refuse("", f"{path}: {error}")
    for key in TOML_TABLE:
        table = table.get(key, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        _refuse("", f"{path}: [{'.'.join(TOML_TABLE)}] is not a table")
    return _Layer(table, lambda name: f"{path} [{'.'.join(TOML_TABLE)}] {name}")


def _nearest(name: str, layer: _Layer) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; did you mean {layer.spell(near[0])}?" if near else ""


def _refuse(name: str, sentence: str) -> NoReturn:
    error = ConfigError(sentence)
    error.field = name
    raise error from None
