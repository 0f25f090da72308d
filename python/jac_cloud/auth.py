"""Tokens: signed by HS256.

The header and the claims of a token are exactly those that `Tokens.issue` writes. Whatever else
a token brings (another algorithm, a key of its own, a claim that is missing or of another type)
makes it invalid; there is one error for all of it, for who presents it learns no reason.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from jac_cloud.errors import CloudError
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


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are Unix seconds."""

    user_id: str
    token_id: str
    issued_at: int
    expires_at: int

    @property
    def epoch(self) -> int:
        """The user's last revocation of all tokens before this one was issued, 0 for none."""
        number, dot, _ = self.token_id.partition(".")
        return int(number) if dot and number.isascii() and number.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class PreviousSecret:
    """The secret that signed tokens before the present one; it counts until `until` (Unix s)."""

    secret: bytes
    until: float


class Tokens:
    """Issues and reads tokens. Safe to use from any thread.

    `secret` is at least 32 bytes (RFC 7518 section 3.2), `lifetime` in seconds, `clock` gives
    Unix seconds. `previous` is for reading only.
    """

    def __init__(
        self,
        secret: bytes,
        lifetime: int,
        clock: Callable[[], float] = time.time,
        previous: PreviousSecret | None = None,
    ) -> None:
        self._secret = secret
        self._previous = previous
        self._clock = clock
        self.lifetime = lifetime

    def issue(self, user_id: str, epoch: int = 0) -> str:
        """A new token for the user, valid from now on for the lifetime.

        `epoch` is the number of the last revocation that it is to outlive (`User.epoch`).
        """
        now = int(self._clock())
        claims = {
            "sub": user_id,
            "iat": now,
            "exp": now + self.lifetime,
            # Older versions wrote no epoch, which is read as 0.
            "jti": f"{epoch}.{secrets.token_hex(16)}",
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def read(self, token: str) -> Claims:
        """What the token says. InvalidToken unless it is one of ours that has not expired."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidToken
        claims = self._verified(token, self._secret)
        if claims is None and self._previous and self._clock() < self._previous.until:
            claims = self._verified(token, self._previous.secret)
        if claims is None:
            raise InvalidToken
        return Claims(claims["sub"], claims["jti"], claims["iat"], claims["exp"])

    def _verified(self, token: str, secret: bytes) -> dict[str, Any] | None:
        """The claims if they are signed by the secret and as they must be."""
        try:
            signed = _JWS.decode_complete(token, secret, algorithms=[_ALGORITHM])
            claims = json.loads(signed["payload"])
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        return claims if signed["header"] == _HEADER and self._holds(claims) else None

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
