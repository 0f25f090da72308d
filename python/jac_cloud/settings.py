"""Every setting of the server, once: name, default, unit, range and what 0 means.

A value is looked for as a flag (or keyword of `Server`), then in the environment, then in
`jac.toml` under `[plugins.cloud]`, then the default is taken (`setting_sources.py`). Flags, help
and `docs/configuration.md` are made from this model (`setting_texts.py`, `settings_page.py`).
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import SecretStr, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from jac_cloud import setting_checks as checks
from jac_cloud.setting_kinds import Range, about, seconds, setting

ENV_PREFIX = "JAC_CLOUD_"
TOKEN_TIMEOUT_MAX = 366 * 86_400

_GIB = 1 << 30

_listen = partial(setting, group="Listening", native=True)
_proxy = partial(setting, group="Behind a proxy")
_websocket = partial(setting, group="WebSocket", native=True)
_policy = partial(setting, group="WebSocket")
_http = partial(setting, group="HTTP", native=True)
_rest = partial(setting, group="HTTP")
_walkers = partial(setting, group="Walkers")
_users = partial(setting, group="Users and tokens")
_operating = partial(setting, group="Operating")


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
        "Connections at once from one address; one more is answered 503. Through "
        "`trusted_proxies`: WebSockets at once of one client, by `X-Forwarded-For`.",
        Range(1, 16_000_000, "connections", zero="no limit"),
    )
    max_handshakes: int = _listen(
        0,
        "Connections at once that have not said what they want: no whole first header yet, or a "
        "token that is being checked; one more is answered 503.",
        Range(1, 16_000_000, "connections", zero="no limit but `max_connections`"),
    )

    tls_cert: str = _listen(
        "",
        "PEM file of the certificate for https and wss, with those of its issuers behind it, "
        "relative to the app's folder. Read again on SIGHUP. Empty: plain http and ws.",
    )
    tls_key: str = _listen(
        "",
        "PEM file of the certificate's private key, without a passphrase, relative to the app's "
        "folder. Empty: it is in `tls_cert`.",
        check=checks.TLS_KEY,
    )

    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _proxy(
        (),
        "Addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` say who "
        "asks, and how. `*` for everyone: only where nobody but the proxy can connect.",
        check=checks.NETWORKS,
        native=True,
    )
    root_path: str = _proxy(
        "", "Path that a proxy takes off before it hands requests on.", check=checks.ROOT_PATH
    )

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = _websocket(
        (),
        "Origins whose pages may connect, beside those of the server's own host name and of a "
        "loopback page to a loopback host: `https://chat.example.com`, `null`, or `*` for all.",
        check=checks.ORIGINS,
    )
    client_events: Literal["anyone", "authenticated", "members", "nobody"] = _websocket(
        "anyone",
        "Who may send user, channel and client events. `members`: channel events into the "
        "sender's own channel only, user and client events from authenticated users only.",
    )
    client_events_policy: str = _policy(
        "",
        "Name of a walker of the app that is asked who may join a channel, and who may send what "
        "`client_events` allows. Empty: nobody is asked.",
    )
    client_events_policy_timeout: float = _websocket(
        2.0, "Time that the policy may take to answer; then it counts as failed.", seconds()
    )
    client_events_policy_ttl: float = _websocket(
        10.0,
        "Time that an answer of the policy is kept, for its user, action and target.",
        seconds(zero="none is kept"),
    )
    client_events_policy_recheck: float = _websocket(
        60.0,
        "Time after which the policy is asked again whether who is in a channel may be; who may "
        "not any more leaves it.",
        seconds(zero="never"),
    )
    client_events_policy_answers: int = _websocket(
        10_000,
        "Most answers of the policy that an I/O thread keeps; then those used longest ago go.",
        Range(1, 10_000_000, "answers"),
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
        60.0, "Time from the first to the last fragment of a message.", seconds(zero="no limit")
    )
    held_events: int = _websocket(
        64,
        "Events held back behind a running walker; then reading from the client pauses.",
        Range(1, 65536, "events"),
    )
    permessage_deflate: bool = _websocket(
        False,
        "Compress messages for clients that offer it (RFC 7692). Costs time on the I/O threads: "
        "for slow networks. `max_message_bytes` counts what a message inflates to.",
    )
    deflate_min_bytes: int = _websocket(
        1024, "Shortest message that is compressed.", Range(1, _GIB, "bytes")
    )
    outbox_bytes: int = _websocket(
        1 << 20,
        "Bytes queued for one client; when more, it is too slow and closed with 4503.",
        Range(4096, _GIB, "bytes"),
    )
    ping_interval: float = _websocket(20.0, "Time between pings.", seconds(zero="no pings"))
    pong_timeout: float = _websocket(
        20.0, "Time a pong may take; then the connection is closed with 4408.", seconds()
    )

    handshake_timeout: float = _http(
        10.0,
        "Time from connecting to the end of the request's header and the check of its token; also "
        "for the check of the token of a `change_user`.",
        seconds(),
    )
    idle_timeout: float = _http(
        75.0, "Time a kept-alive connection may wait for its next request.", seconds()
    )
    body_timeout: float = _http(
        30.0,
        "Time that a request's body may fall behind 500 bytes a second, and that a client may take "
        "no byte of its response.",
        seconds(),
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
    max_upload_bytes: int = _rest(
        0,
        "Longest body of a request that brings files; longer is answered 413.",
        Range(1, 1024 * _GIB, "bytes", zero="as `max_body_bytes`"),
    )
    static: str = _rest(
        "static", "Folder served at `/` where it exists, relative to the app's. Empty: none."
    )
    documents: Literal["on", "off"] = _rest(
        "on", "Whether the app is described: `/docs`, `/redoc`, `/openapi.json`, `/asyncapi.json`."
    )
    console: Literal["auto", "on", "off"] = _rest(
        "auto",
        "Whether `/console` is there, a page to try WebSocket events. `auto`: where `debug` is.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = _rest(
        (),
        "Origins whose pages may read answers over HTTP (CORS): `https://chat.example.com`, or `*` "
        "for all. Empty: only pages that this server serves itself.",
        check=checks.ORIGINS,
    )
    cors_credentials: bool = _rest(
        False,
        "Let pages of `cors_origins` send cookies and HTTP authentication of the browser's. Tokens "
        "in `Authorization` need none of it.",
        check=checks.CREDENTIALS,
    )

    workers: int = _walkers(
        0,
        "Threads that run walkers, for each of WebSocket and REST.",
        Range(1, 1024, "threads", zero="four for each core, 32 at most"),
    )
    walker_timeout: float = _walkers(
        0.0,
        "Time a walker may take before its caller is answered `timeout`.",
        seconds(zero="no limit"),
    )
    max_stuck_walkers: int = _walkers(
        32,
        "Walkers past their time whose threads are replaced until they return; beyond them there "
        "are fewer `workers`.",
        Range(1, 1024, "threads", zero="none is replaced"),
    )
    max_notification_bytes: int = _walkers(
        16 << 20,
        "Longest message that walkers may send; `notify_users` and its like raise ValueError for a "
        "longer one.",
        Range(125, _GIB, "bytes"),
    )
    walkers_per_user: int = _walkers(
        0,
        "Walkers of one user that run at once, over WebSocket and REST together; one more is "
        "refused with `rate_limited`. Who has no token is no one user: for them it does not count.",
        Range(1, 1024, "walkers", zero="no limit"),
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
        "Secret that signs tokens. Not set: one is made at the first start and kept in `data_dir`.",
        check=checks.SECRET,
    )
    token_secret_previous: SecretStr | None = _users(
        None,
        "Secret that signed tokens until now. They stay valid for `token_timeout` from the first "
        "start with it; later it counts no more.",
        check=checks.PREVIOUS_SECRET,
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
    users_timeout: float = _users(
        5.0,
        "Time that the users' database may take to answer; then whoever needs it is answered 503, "
        "and while it is silent at once.",
        seconds(),
    )
    database_url: str = _users(
        "", "SQLAlchemy URL of the users' database. Empty: SQLite in `data_dir`."
    )

    data_dir: str = _operating(
        ".jac/data", "Folder of the graph, the users and the secret, relative to the app's."
    )
    graph_synchronous: Literal["normal", "full"] = _operating(
        "normal",
        "What the commit of a walker survives. `normal`: the death of the process. `full`: a power "
        "cut, too; each commit then waits for the disk.",
    )
    drain_timeout: float = _operating(
        30.0,
        "Time that running walkers and requests have to end when the server stops. Clients that "
        "wait for none are told at once, all within five seconds.",
        seconds(zero="they are not waited for"),
    )
    log_format: Literal["auto", "text", "json"] = _operating(
        "auto", "Form of the log on standard error. `auto`: text on a terminal, else JSON."
    )
    request_log: Literal["off", "http", "all"] = _operating(
        "http",
        "What is logged with a line of its own. `http`: each request for the application. `all`: "
        "each walker that is run over WebSocket, too.",
    )
    metrics_token: SecretStr | None = _operating(
        None,
        "Token that `/metrics` wants as `Authorization: Bearer` where `metrics` is `token`.",
        check=checks.SECRET,
    )
    metrics: Literal["off", "loopback", "token"] = _operating(
        "off",
        "Who may read `/metrics`. `loopback`: who connects from this machine itself, not through a "
        "proxy. `token`: who sends `metrics_token`.",
        check=checks.METRICS,
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
        kind = _field(info).annotation
        if kind == tuple[str, ...] and isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        # pydantic reads true as 1, which is never what was meant.
        if isinstance(value, bool) and kind is not bool:
            raise ValueError("not a truth value")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _passes(cls, value: Any, info: ValidationInfo) -> Any:
        known = about(_field(info))
        if known.range and value not in known.range:
            raise ValueError("out of range")
        if known.check and not known.check.passes(value, info.data):
            raise ValueError("not allowed")
        return value

    def native(self, folder: Path) -> dict[str, object]:
        """The settings that the native server takes, by the names of its configuration.

        Paths are relative to `folder`, the app's.
        """
        values: dict[str, object] = {}
        for name, field in Settings.model_fields.items():
            if about(field).native:
                value = getattr(self, name)
                values[name] = [*value] if isinstance(value, tuple) else value
        for name in ("tls_cert", "tls_key"):
            if values[name]:
                values[name] = str(folder / str(values[name]))
        # The listener does not know what brings files: the rest is looked at where it is known.
        if self.max_body_bytes:
            values["max_body_bytes"] = max(self.max_body_bytes, self.max_upload_bytes)
        return values


def _field(info: ValidationInfo) -> FieldInfo:
    return Settings.model_fields[str(info.field_name)]
