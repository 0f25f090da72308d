"""`POST /walker/NAME` and `POST /walker/NAME/{node}`: a walker's run as one request."""

import asyncio
import logging
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from jac_cloud._native import Unit
from jac_cloud.auth import Tokens
from jac_cloud.errors import WalkerTimeout
from jac_cloud.refusals import Refusal, unauthenticated
from jac_cloud.requests import caller, check_depth, json_body
from jac_cloud.runtime import Deadline, Interpreter
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.users import Users
from jac_cloud.walker_spec import WalkerSpec

_LOGGER = logging.getLogger(f"{__package__}.walker")


def walker_routes(
    interpreter: Interpreter,
    walkers: Mapping[str, WalkerSpec],
    users: Users,
    tokens: Tokens,
    settings: Settings,
    pool: DaemonPool,
) -> APIRouter:
    """The routes under `/walker`. Walkers run on `pool`, one unit of work a request."""
    router = APIRouter(prefix="/walker")

    def run(
        request: Request, spec: WalkerSpec, body: bytes, node: str | None, deadline: Deadline
    ) -> bytes:
        who = caller(request, tokens, users)
        if spec.auth and not who.authenticated:
            raise unauthenticated(f"Walker {spec.name} requires to be authenticated!")
        check_depth(body, settings.max_json_depth)
        return interpreter.run(spec, body or b"{}", who, node, Unit, deadline)

    @router.post("/{name}")
    @router.post("/{name}/{node}")
    async def walker(request: Request, name: str, node: str | None = None) -> Response:
        spec = walkers.get(name)
        if spec is None or "post" not in spec.methods:
            raise Refusal(404, "unknown_walker", "There is no such walker")
        body = await json_body(request)
        deadline = Deadline()
        running = pool.submit(run, request, spec, body, node, deadline)
        reports = asyncio.wrap_future(running)
        await asyncio.wait([reports], timeout=settings.walker_timeout or None)
        if not reports.done() and deadline.expire():
            pool.abandon(running)
            _LOGGER.warning("walker timed out", extra={"walker": name})
            raise WalkerTimeout
        # Done, or too late to be stopped: its commit is under way.
        answer = b'{"status":200,"reports":' + await reports + b"}"
        return Response(answer, media_type="application/json")

    return router
