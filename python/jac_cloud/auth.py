"""Tokens: signed by HS256, and the secret that signs them.

The header and the claims of a token are exactly those that `Tokens.issue` writes. Whatever else
a token brings (another algorithm, a key of its own, a claim that is missing or of another type)
makes it invalid; there is one error for all of it, for who presents it learns no reason.
"""

import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt

from jac_cloud.errors import CloudError, ConfigError
from jac_cloud.setting_checks import SECRET_BYTES_MIN, is_weak
from jac_cloud.settings import TOKEN_TIMEOUT_MAX

# No real token comes near; a longer one is not worth decoding.
TOKEN_CHARACTERS_MAX = 4096

_ALGORITHM = "HS256"
_JWS = jwt.PyJWS(algorithms=[_ALGORITHM])
_HEADER = {"alg": _ALGORITHM, "typ": "JWT"}
_CLAIMS = {"sub": str, "iat": int, "exp": int, "jti": str}
_CLAIM_CHARACTERS_MAX = 128
# What the clocks of two servers that share a secret may differ by.
_CLOCK_SKEW_SECONDS = 60


class InvalidToken(CloudError):
    """The token is none of ours, expired or revoked. Carries no reason on purpose."""

    def __init__(self) -> None:
        super().__init__("The token is not valid.")


class Tokens:
    """Issues and reads tokens. Safe to use from any thread.

    `secret` is at least 32 bytes (RFC 7518 section 3.2), `lifetime` in seconds, `clock` gives
    Unix seconds.
    """

    def __init__(
        self, secret: bytes, lifetime: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._lifetime = lifetime
        self._clock = clock

    def issue(self, user_id: str) -> str:
        """A new token for the user, valid from now on for the lifetime."""
        now = int(self._clock())
        claims = {
            "sub": user_id,
            "iat": now,
            "exp": now + self._lifetime,
            "jti": secrets.token_hex(16),
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def read(self, token: str) -> str:
        """The id of the user whom the token was issued to. InvalidToken for anything else."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidToken
        try:
            signed = _JWS.decode_complete(token, self._secret, algorithms=[_ALGORITHM])
            claims = json.loads(signed["payload"])
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken from None
        if signed["header"] != _HEADER or not self._holds(claims):
            raise InvalidToken
        return str(claims["sub"])

    def _holds(self, claims: Any) -> bool:
        # Checked here and not by the library, which takes "1", 1.5 and True for times.
        if not isinstance(claims, dict):
            return False
        if {name: type(value) for name, value in claims.items()} != _CLAIMS:
            return False
        if not all(0 < len(claims[name]) <= _CLAIM_CHARACTERS_MAX for name in ("sub", "jti")):
            return False
        now = self._clock()
        issued, expires = claims["iat"], claims["exp"]
        if not 0 <= issued <= now + _CLOCK_SKEW_SECONDS:
            return False
        return bool(0 < expires - issued <= TOKEN_TIMEOUT_MAX and now < expires)


def read_bearer(authorization: str) -> str:
    """The token of an `Authorization` header's value. The scheme's case does not matter.

    InvalidToken unless it is one `Bearer`, one space and one token (RFC 6750 section 2.1).
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or token != token.strip() or " " in token:
        raise InvalidToken
    return token


def kept_secret(path: Path) -> bytes:
    """The secret kept in the file `path`, made there once: 256 bits as hex digits, mode 0600.

    Servers that start at the same time agree on one secret, and a crash leaves either none or a
    whole one. ConfigError when the file holds a weak one or others may read it.
    """
    try:
        secret = _read_secret(path)
    except FileNotFoundError:
        _make_secret(path)
        secret = _read_secret(path)
    if is_weak(secret):
        raise ConfigError(f"{path}: the secret is too weak; delete the file to get a new one")
    return secret


def _read_secret(path: Path) -> bytes:
    mode = path.stat().st_mode
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the secret; chmod 600, and consider a new one")
    return path.read_bytes().strip()


def _make_secret(path: Path) -> None:
    # Written whole under a name of its own, then linked: a link fails where another process was
    # first, and is never seen half written.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(SECRET_BYTES_MIN).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
