"""The HTTP application: users, walkers by REST, static files. Served through the ASGI bridge."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from jac_cloud import cors, refusals
from jac_cloud.app_info import AppInfo
from jac_cloud.auth import Tokens
from jac_cloud.documents import document_routes
from jac_cloud.identity import Identities
from jac_cloud.meters import RequestMeters
from jac_cloud.openapi import install_openapi
from jac_cloud.operating_routes import operating_routes
from jac_cloud.overdue import Overdue
from jac_cloud.proxies import BehindProxies, TrustedProxies
from jac_cloud.readiness import Readiness
from jac_cloud.request_log import RequestLog
from jac_cloud.requests import Callers
from jac_cloud.runtime import Interpreter
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.user_routes import user_routes
from jac_cloud.users import Users
from jac_cloud.walker_routes import walker_routes
from jac_cloud.walker_slots import Reached
from jac_cloud.walker_spec import WalkerSpec

if TYPE_CHECKING:
    from jac_cloud.metrics import Metrics


@dataclass(frozen=True)
class Pools:
    """The threads that the application works on; they stay the caller's."""

    walkers: DaemonPool
    hashes: DaemonPool
    users: DaemonPool


@dataclass(frozen=True)
class Operating:
    """What tells of the server itself."""

    requests: RequestMeters
    metrics: "Metrics | None"
    readiness: Readiness
    limit_reached: Reached


def create_app(
    interpreter: Interpreter,
    walkers: Mapping[str, WalkerSpec],
    users: Users,
    tokens: Tokens,
    identities: Identities,
    settings: Settings,
    pools: Pools,
    overdue: Overdue,
    info: AppInfo,
    operating: Operating,
    static: Path | None = None,
) -> FastAPI:
    """The application. `static` is a folder to serve where no route matches, None for none."""
    app = FastAPI(
        title=info.title,
        version=info.version,
        description=info.description,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install_openapi(app)
    refusals.install(app, debug=settings.debug, reached=operating.limit_reached)
    # Each layer lies around those before it.
    cors.install(app, settings)
    app.add_middleware(RequestLog, meters=operating.requests, log=settings.request_log != "off")
    if settings.trusted_proxies:
        app.add_middleware(BehindProxies, proxies=TrustedProxies(settings.trusted_proxies))

    waits = users.database.is_remote
    callers = Callers(identities, pools.users if waits else None)
    app.router.routes += walker_routes(
        interpreter, walkers, callers, settings, pools.walkers, overdue
    )
    accounts = user_routes(
        interpreter, users, tokens, identities, settings, pools.hashes, pools.users
    )
    app.include_router(accounts)
    app.include_router(operating_routes(settings, operating.metrics, operating.readiness))
    app.include_router(document_routes(app.openapi, info, walkers.values(), settings))
    if static is not None:
        # As the router's default and not mounted: a mount would hide the 405 of the routes.
        app.router.default = _Static(directory=static, html=True)
    return app


class _Static(StaticFiles):
    """Files of a folder, save hidden ones: `.git` and `.env` are left there by mistake only."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        hidden = [part for part in path.split("/") if part.startswith(".") and part != "."]
        if hidden and hidden != [".well-known"]:
            raise HTTPException(404)
        return await super().get_response(path, scope)
