"""The documents of an app and the pages that show them, all from this server alone:
`/openapi.json`, `/asyncapi.json`, `/docs`, `/redoc` and `/console`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from jac_cloud.app_info import AppInfo
from jac_cloud.asyncapi import asyncapi_document, server_of
from jac_cloud.settings import Settings
from jac_cloud.walker_spec import WalkerSpec

_READ: Final = ["GET", "HEAD"]
_PAGES: Final = Path(__file__).parent / "pages"

# Scripts and requests of this server only; no page of another may hold ours in a frame.
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
# ReDoc searches in a worker that it makes of its own script. It makes style elements: those of
# styled-components are empty (a script adds the rules), and one has the text of the second hash.
_REDOC_POLICY: Final = {
    "style-src": "'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
    "worker-src": "blob:",
}
_HEADERS: Final = {
    # Looked at again each time, by its tag: another version of this server has other files.
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def document_routes(
    openapi: Callable[[], dict[str, Any]],
    info: AppInfo,
    walkers: Iterable[WalkerSpec],
    settings: Settings,
) -> APIRouter:
    """The documents and the pages, as far as the settings want them. `openapi` makes the one of
    HTTP, or gives it again.
    """
    router = APIRouter(include_in_schema=False)
    has_documents = settings.documents == "on"
    has_console = settings.console == "on" or (settings.console == "auto" and settings.debug)
    if has_documents:
        _add_openapi(router, openapi)
        _add_page(router, "docs")
        _add_page(router, "redoc", _REDOC_POLICY)
    if has_console:
        _add_page(router, "console")
    if has_documents or has_console:
        _add_asyncapi(router, asyncapi_document(info, walkers))
    return router


def _add_openapi(router: APIRouter, openapi: Callable[[], dict[str, Any]]) -> None:
    # On a thread, not as FastAPI's own on the loop: to describe many walkers takes a while.
    @router.api_route("/openapi.json", methods=_READ)
    def answer(request: Request) -> JSONResponse:
        root_path = request.scope.get("root_path", "")
        servers = {"servers": [{"url": root_path}]} if root_path else {}
        return JSONResponse(openapi() | servers)


def _add_asyncapi(router: APIRouter, document: dict[str, Any]) -> None:
    @router.api_route("/asyncapi.json", methods=_READ)
    def asyncapi(request: Request) -> JSONResponse:
        root_path = request.scope.get("root_path", "")
        server = server_of(request.url.scheme, request.url.netloc, root_path)
        return JSONResponse(document | {"servers": {"this": server}})


def _add_page(router: APIRouter, name: str, policy: Mapping[str, str] | None = None) -> None:
    """`/NAME` and its files under `/NAME/`. `policy` has what differs from the usual one."""
    folder = _PAGES / name
    files = {path.name: path for path in (*folder.rglob("*.*"), _PAGES / "icon.svg")}
    statics = StaticFiles()
    headers = _HEADERS | {"Content-Security-Policy": _joined(_POLICY | dict(policy or {}))}

    @router.api_route(f"/{name}", methods=_READ)
    @router.api_route(f"/{name}/{{file}}", methods=_READ)
    def page(request: Request, file: str = "index.html") -> Response:
        path = files.get(file)
        if path is None:
            raise HTTPException(404)
        response = statics.file_response(path, path.stat(), request.scope)
        response.headers.update(headers)
        return response


def _joined(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
