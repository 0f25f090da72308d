"""What settings take that are neither numbers nor choices."""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from pydantic import SecretStr

from jac_cloud.setting_kinds import Check

SECRET_BYTES_MIN = 32

# 32 random hex digits have fewer than 8 distinct ones once in some hundred million secrets.
_SECRET_DISTINCT_BYTES_MIN = 8
# RFC 6454 section 6.2; a slash at the end is what one copies from an address bar.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@]+/?")
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")

EVERYONE = "*"


def is_weak(secret: bytes) -> bool:
    """Whether a signing secret is too short (RFC 7518 section 3.2) or plainly not random."""
    return len(secret) < SECRET_BYTES_MIN or len(set(secret)) < _SECRET_DISTINCT_BYTES_MIN


def _are_origins(values: Sequence[str], _before: Mapping[str, Any]) -> bool:
    return all(value in (EVERYONE, "null") or _ORIGIN.fullmatch(value) for value in values)


def _are_networks(values: Sequence[str], _before: Mapping[str, Any]) -> bool:
    return all(value == EVERYONE or _is_network(value) for value in values)


def _is_strong(secret: SecretStr | None, _before: Mapping[str, Any]) -> bool:
    return secret is None or not is_weak(secret.get_secret_value().encode(errors="replace"))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


ORIGINS = Check("a list of origins, separated by commas where it is one text", _are_origins)
NETWORKS = Check(
    "a list of addresses and networks such as 10.0.0.0/8, or *, separated by commas where it is "
    "one text",
    _are_networks,
)
SECRET = Check(f"{SECRET_BYTES_MIN} bytes or more that nobody can guess", _is_strong)
PREVIOUS_SECRET = Check(
    f"{SECRET.words}, other than token_secret",
    lambda secret, before: (
        secret is None or (_is_strong(secret, before) and secret != before.get("token_secret"))
    ),
)
ROOT_PATH = Check(
    "a path such as /chat, without a slash at its end, or nothing",
    lambda path, _before: _ROOT_PATH.fullmatch(path) is not None,
)
TLS_KEY = Check(
    "a path, where tls_cert is set",
    lambda path, before: not path or bool(before.get("tls_cert")),
)
CREDENTIALS = Check(
    "true or false; not true where cors_origins has *",
    lambda credentials, before: not (credentials and EVERYONE in before.get("cors_origins", ())),
)
METRICS = Check(
    "one of off, loopback, token; the last where metrics_token is set",
    lambda access, before: access != "token" or before.get("metrics_token") is not None,
)
