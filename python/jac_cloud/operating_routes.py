"""`/readyz` and `/metrics`: for whoever operates the server, and not in its documents."""

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from jac_cloud.readiness import Readiness
from jac_cloud.refusals import Refusal, unauthenticated
from jac_cloud.settings import Settings

if TYPE_CHECKING:
    from jac_cloud.metrics import Metrics

METRICS = "/metrics"
READY = "/readyz"

# A request with one of these was handed on, so that where its connection is from says nothing.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def operating_routes(
    settings: Settings, metrics: "Metrics | None", readiness: Readiness
) -> APIRouter:
    """The routes; `/metrics` is there only where there are metrics to read."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(READY, methods=["GET", "HEAD"])
    async def ready() -> dict[str, str]:
        if failing := await readiness.failing():
            raise Refusal(503, "unavailable", f"Not to be reached: {failing}", {"Retry-After": "1"})
        return {"status": "ready"}

    if metrics is not None:

        @router.get(METRICS)
        async def read(request: Request) -> Response:
            if settings.metrics_token is not None and settings.metrics == "token":
                _want_token(request, settings.metrics_token.get_secret_value())
            elif not _is_local(request):
                raise Refusal(403, "forbidden", "Metrics are for this machine alone")
            body, content_type = metrics.page(request.headers.get("accept", ""))
            return Response(body, media_type=content_type)

    return router


def _want_token(request: Request, token: str) -> None:
    presented = request.headers.getlist("authorization")
    scheme, _, given = (presented[0] if len(presented) == 1 else "").partition(" ")
    # Compared whole, however soon they differ.
    same = hmac.compare_digest(given.encode("latin-1", "replace"), token.encode())
    if scheme.lower() != "bearer" or not same:
        raise unauthenticated("Metrics want their token")


def _is_local(request: Request) -> bool:
    """Asked from this machine, by its loopback name: not by a page that has a name of its own
    resolve to it, and not through a proxy.
    """
    if any(name in request.headers for name in _OF_PROXIES):
        return False
    client = request.client.host if request.client else ""
    return _is_loopback(client) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
