"""Who asks, and how, where trusted proxies stand in front: `X-Forwarded-For` and `-Proto`."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from jac_cloud.setting_checks import EVERYONE

_FOR = b"x-forwarded-for"
_PROTO = b"x-forwarded-proto"


class TrustedProxies:
    """The addresses that are believed; `networks` as the setting `trusted_proxies` has them."""

    def __init__(self, networks: Iterable[str]) -> None:
        given = [*networks]
        self._everyone = EVERYONE in given
        self._networks = [ip_network(text) for text in given if text != EVERYONE]
        # Few peers ask often, and reading an address costs as much as half of the rest.
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The nearest address that no trusted proxy has, as seen from `peer`, which is trusted.

        Each proxy adds whom it was asked by at the end. Whatever stands before an address that is
        not trusted, or is none, may be made up.
        """
        nearest = peer
        for entry in reversed(forwarded_for.split(",")):
            address = _address(entry)
            if address is None:
                break
            nearest = address
            if not self.trusts(address):
                break
        return nearest

    def _trusts(self, host: str) -> bool:
        if self._everyone:
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


class BehindProxies:
    """ASGI layer that puts the client's own address and scheme into the scope."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] == "http" and client and self._proxies.trusts(client[0]):
            headers = scope["headers"]
            if forwarded_for := _values(headers, _FOR):
                # Which of its ports the client has is not told.
                scope["client"] = (self._proxies.client(client[0], ",".join(forwarded_for)), 0)
            if schemes := _values(headers, _PROTO):
                scheme = schemes[-1].rpartition(",")[2].strip().lower()
                if scheme in ("http", "https"):
                    scope["scheme"] = scheme
        await self._app(scope, receive, send)


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _address(entry: str) -> str | None:
    """The address of an entry, which some proxies write with a port."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
