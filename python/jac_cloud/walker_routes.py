"""Each walker's routes: one for each of its methods, on the caller's root and on a node."""

from collections.abc import Iterable, Iterator, Mapping

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from jac_cloud.given_input import InputSource
from jac_cloud.overdue import Overdue
from jac_cloud.refusals import Refusal
from jac_cloud.requests import Callers
from jac_cloud.runtime import Interpreter
from jac_cloud.settings import Settings
from jac_cloud.specs import EntryType
from jac_cloud.threads import DaemonPool
from jac_cloud.walker_documents import describe
from jac_cloud.walker_requests import WalkerRequests
from jac_cloud.walker_spec import HTTP_METHODS, WalkerSpec

_PREFIX = "/walker/"


def walker_routes(
    interpreter: Interpreter,
    walkers: Mapping[str, WalkerSpec],
    callers: Callers,
    settings: Settings,
    pool: DaemonPool,
    overdue: Overdue,
) -> list[BaseRoute]:
    """The routes under `/walker`. Walkers run on `pool`."""
    requests = WalkerRequests(interpreter, callers, settings, pool, overdue)
    routes = [
        route
        for spec in walkers.values()
        if not spec.private
        for route in _routes_of(spec, settings, requests)
    ]
    return [_ByName(routes), *routes]


class WalkerRoute(APIRoute):
    """A method and a path of one walker; `on_node` if the path names the node to run on."""

    def __init__(
        self,
        spec: WalkerSpec,
        method: str,
        on_node: bool,
        source: InputSource,
        requests: WalkerRequests,
    ) -> None:
        path = f"{_PREFIX}{spec.name}{'/{node}' if on_node else ''}{spec.path}"
        super().__init__(
            path,
            methods=[method.upper()],
            **describe(spec, method, source.placement, on_node, source.forms),
        )
        self.spec = spec
        self.method = method.upper()

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            node = request.path_params["node"] if on_node else None
            response = await requests.answer(spec, source, node, request)
            await response(scope, receive, send)

        # Not as FastAPI would: it would parse and check the body, which the walker's input does.
        self.app = answer


class _ByName(BaseRoute):
    """Finds the route of a request by the walker's name, however many walkers there are."""

    def __init__(self, routes: Iterable[WalkerRoute]) -> None:
        self._routes: dict[str, list[WalkerRoute]] = {}
        for route in routes:
            self._routes.setdefault(route.spec.name, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if _walker_name(scope) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        routes = self._routes.get(_walker_name(scope))
        if routes is None:
            raise Refusal(404, "unknown_walker", "There is no such walker")
        allowed: list[str] = []
        for route in routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                await route.app(scope, receive, send)
                return
            if match is Match.PARTIAL:
                allowed.append(route.method)
        if not allowed:
            raise HTTPException(404)
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})


def _routes_of(
    spec: WalkerSpec, settings: Settings, requests: WalkerRequests
) -> Iterator[WalkerRoute]:
    for method in spec.methods:
        if method in HTTP_METHODS:
            source = InputSource(spec, method, settings)
            if spec.entry_type is not EntryType.NODE:
                yield WalkerRoute(spec, method, False, source, requests)
            if spec.entry_type is not EntryType.ROOT:
                yield WalkerRoute(spec, method, True, source, requests)


def _walker_name(scope: Scope) -> str:
    """Empty where the path is of no walker."""
    if scope["type"] != "http":
        return ""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path[len(_PREFIX) :].partition("/")[0] if path.startswith(_PREFIX) else ""
