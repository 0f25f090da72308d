"""Tokens that nobody issued, each with a right signature where one helps."""

import base64
import hmac
import json
from typing import Any

SECRET = b"5e1f0cfa4b7d4c0c9a3f0e2d1b8a7c6d"
HEADER = {"alg": "HS256", "typ": "JWT"}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: Any, claims: Any, digest: str = "sha256") -> str:
    """A token with a right signature whatever it says."""
    text = ".".join(
        base64url(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, claims)
    )
    return f"{text}.{base64url(hmac.digest(SECRET, text.encode(), digest))}"


def forgeries(user_id: str, now: int) -> dict[str, str]:
    """What attackers try against a server with SECRET, by name; `now` in Unix seconds."""
    claims = {"sub": user_id, "iat": now, "exp": now + 600, "jti": "1"}
    genuine = sign(HEADER, claims)
    head, body, signature = genuine.split(".")
    headers: dict[str, Any] = {
        **{f"alg {name}": {"alg": name} for name in ("none", "None", "nOnE", "")},
        "RS256 with a public key for a secret": {"alg": "RS256"},
        "a path for a key": {"kid": "../../../../dev/null"},
        "a key of its own": {"jwk": {"kty": "oct", "k": base64url(SECRET)}},
        "an address of keys": {"jku": "https://evil.example/keys"},
        "a certificate's address": {"x5u": "https://evil.example/chain"},
        "a critical extension": {"crit": ["exp"]},
        "another type": {"typ": "verify"},
    }
    others: dict[str, Any] = {
        "exp a text": {"exp": str(now + 600)},
        "exp a fraction": {"exp": now + 600.5},
        "exp negative": {"exp": -1},
        "exp past 64 bits": {"exp": 1 << 64},
        "exp null": {"exp": None},
        "exp true": {"exp": True},
        "exp now": {"exp": now - 1},
        "nbf in the future": {"nbf": now + 300},
        "a code to verify an address": {"type": "verify"},
        "a code to reset a password": {"purpose": "reset"},
        "sub a number": {"sub": 1},
        "sub of nobody": {"sub": "0" * 24},
        "jti a list": {"jti": []},
    }
    return {
        **{name: sign(HEADER | header, claims) for name, header in headers.items()},
        **{name: sign(HEADER, claims | other) for name, other in others.items()},
        **{
            f"without {name}": sign(HEADER, {key: claims[key] for key in claims if key != name})
            for name in claims
        },
        **{f"HS{size}": sign({"alg": f"HS{size}", "typ": "JWT"}, claims, f"sha{size}")
           for size in (384, 512)},
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "unsigned as alg says": f"{base64url(b'{"alg":"none","typ":"JWT"}')}.{body}.",
        "cut off": genuine[:-2],
        "another's signature": f"{head}.{body}.{signature[::-1]}",
        "no JSON": sign(b"{", b"["),
        "not UTF-8": sign(HEADER, b"\xff"),
        "nested deep": sign(HEADER, b"[" * 2000),
        "one dot": ".",
        "two dots": "..",
        "64 KB": "x" * 65_000,
    }  # fmt: skip
