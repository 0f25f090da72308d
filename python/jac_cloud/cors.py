"""Which pages of other origins may read answers over HTTP: none, unless `cors_origins` says so."""

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from jac_cloud.refusals import Refusal
from jac_cloud.settings import Settings

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_REQUEST_HEADERS = ("Authorization", "Content-Type", "Last-Event-ID", "X-Request-ID")
_RESPONSE_HEADERS = ("Retry-After", "WWW-Authenticate", "X-Request-ID")
_PREFLIGHT_SECONDS = 600


def install(app: FastAPI, settings: Settings) -> None:
    """Answers preflights and names the origin in answers, by the settings. Closed: does nothing."""
    if not settings.cors_origins:
        return
    app.add_middleware(
        _Cors,
        # As browsers send them.
        allow_origins=[origin.rstrip("/").lower() for origin in settings.cors_origins],
        allow_credentials=settings.cors_credentials,
        allow_methods=_METHODS,
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
        max_age=_PREFLIGHT_SECONDS,
    )


class _Cors(CORSMiddleware):
    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        sentence = bytes(response.body).decode()
        return Refusal(response.status_code, "cors_refused", sentence).response()
