"""`POST /walker/NAME` and `POST /walker/NAME/{node}`: a walker's run as one request."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from jac_cloud._native import Unit
from jac_cloud.auth import Tokens
from jac_cloud.refusals import Refusal, unauthenticated
from jac_cloud.requests import caller, json_body
from jac_cloud.runtime import Interpreter
from jac_cloud.threads import DaemonPool
from jac_cloud.users import Users
from jac_cloud.walker_spec import WalkerSpec


def walker_routes(
    interpreter: Interpreter,
    walkers: Mapping[str, WalkerSpec],
    users: Users,
    tokens: Tokens,
    pool: DaemonPool,
) -> APIRouter:
    """The routes under `/walker`. Walkers run on `pool`, one unit of work a request."""
    router = APIRouter(prefix="/walker")

    def run(request: Request, spec: WalkerSpec, body: bytes, node: str | None) -> bytes:
        who = caller(request, tokens, users)
        if spec.auth and not who.authenticated:
            raise unauthenticated(f"Walker {spec.name} requires to be authenticated!")
        return interpreter.run(spec, body or b"{}", who, node, Unit)

    @router.post("/{name}")
    @router.post("/{name}/{node}")
    async def walker(request: Request, name: str, node: str | None = None) -> Response:
        spec = walkers.get(name)
        if spec is None or spec.private or "post" not in spec.methods:
            raise Refusal(404, "unknown_walker", "There is no such walker")
        body = await json_body(request)
        reports = await asyncio.wrap_future(pool.submit(run, request, spec, body, node))
        return Response(b'{"status":200,"reports":' + reports + b"}", media_type="application/json")

    return router
