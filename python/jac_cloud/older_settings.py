"""Names that settings had in the environment of the older jac-cloud, and of uvicorn below it.

Those that meant the same are read where the name of now is not set. Unlike ours they have no
prefix, so that one which is not known cannot be told from what other programs read.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class OlderName:
    """A variable and the setting that it is read as; `convert` where its `unit` was another."""

    variable: str
    setting: str
    unit: str = ""
    convert: Callable[[str], str] = str

    @property
    def spelled(self) -> str:
        """The name as errors have it."""
        return f"{self.variable} (in {self.unit})" if self.unit else self.variable


def _hours_as_seconds(text: str) -> str:
    try:
        return str(int(text) * 3600)
    except ValueError:
        # It is refused with the words that it came in.
        return text


# Where two are read as one setting, the first that is set counts.
OLDER_NAMES = (
    OlderName("TOKEN_SECRET", "token_secret"),
    OlderName("TOKEN_SECRET_PREVIOUS", "token_secret_previous"),
    OlderName("TOKEN_TIMEOUT", "token_timeout", "hours", _hours_as_seconds),
    OlderName("UV_HOST", "host"),
    OlderName("HOST", "host"),
    OlderName("UV_PORT", "port"),
    OlderName("PORT", "port"),
    OlderName("UV_BACKLOG", "backlog"),
    OlderName("UV_LIMIT_CONCURRENCY", "max_connections"),
    OlderName("UV_TIMEOUT_KEEP_ALIVE", "idle_timeout"),
    OlderName("UV_TIMEOUT_GRACEFUL_SHUTDOWN", "drain_timeout"),
    OlderName("UV_H11_MAX_INCOMPLETE_EVENT_SIZE", "max_header_bytes"),
    OlderName("UV_ROOT_PATH", "root_path"),
    OlderName("UV_FORWARDED_ALLOW_IPS", "trusted_proxies"),
    OlderName("FORWARDED_ALLOW_IPS", "trusted_proxies"),
    OlderName("UV_WS_MAX_SIZE", "max_message_bytes"),
    OlderName("UV_WS_MAX_QUEUE", "held_events"),
    OlderName("UV_WS_PING_INTERVAL", "ping_interval"),
    OlderName("UV_WS_PING_TIMEOUT", "pong_timeout"),
)

# What somebody relied on who had set one of these is not there: that is to be heard.
WITHOUT_EFFECT = (
    "TOKEN_ALGORITHM",
    "RESTRICT_UNVERIFIED_USER",
    "DISABLE_AUTO_ENDPOINT",
    "UV_UDS",
    "UV_FD",
    "UV_SSL_KEYFILE",
    "UV_SSL_CERTFILE",
)
