"""What is told of each request: its id, its line in the log, its place in the counts.

Neither a query nor a body nor a header is written: tokens and passwords come in those. Where a
route matched, its template stands for the path.
"""

import logging
import random
import re
import time
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jac_cloud._native import format_node_id
from jac_cloud.logs import LeanRecord
from jac_cloud.meters import RequestMeters
from jac_cloud.operating_routes import METRICS, READY
from jac_cloud.walker_routes import WalkerRoute

HEADER = b"x-request-id"
# What no status was sent for, because the client had gone.
CLIENT_CLOSED_REQUEST = 499
# Of a request that no route matched: a file, or nothing.
NO_ROUTE = "other"

_LOGGER = logging.getLogger(f"{__package__}.request")
_WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATH_CHARACTERS = 256


class RequestLog:
    """ASGI layer. `meters` count each request; `log` writes a line for each, of those that only
    watch the server for debugging alone.

    `request.state.request_id` is set for the application, which may set there `root`, the 32 hex
    digits of the user's, and `ref`, which finds a failure in the log.
    """

    def __init__(self, app: ASGIApp, meters: RequestMeters, *, log: bool) -> None:
        self._app = app
        self._meters = meters
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        status = CLIENT_CLOSED_REQUEST
        whole = False

        async def answer(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (HEADER, request_id.encode()),
                ]
                await send(message)
                return
            await send(message)
            # Not when the application returns, which may have work left to do by then.
            if not message.get("more_body") and not whole:
                whole = True
                self._over(scope, status, began, whole)

        try:
            await self._app(scope, receive, answer)
        finally:
            if not whole:
                self._over(scope, status, began, whole)

    def _over(self, scope: Scope, status: int, began: float, whole: bool) -> None:
        seconds = time.perf_counter() - began
        found = scope.get("route")
        route = getattr(found, "path", None)
        self._meters.add(scope["method"], route or NO_ROUTE, status, seconds)
        level = logging.DEBUG if route in (METRICS, READY) else logging.INFO
        if not self._log or not _LOGGER.isEnabledFor(level):
            return
        state = scope["state"]
        client = scope.get("client")
        fields: dict[str, Any] = {
            "request_id": state["request_id"],
            "client": client[0] if client else "",
            "method": scope["method"],
            "scheme": scope["scheme"],
        }
        if route:
            fields["route"] = route
        else:
            fields["path"] = scope["path"][:_PATH_CHARACTERS]
        fields["status"] = status
        if not whole:
            fields["cut_off"] = True
        if isinstance(found, WalkerRoute):
            fields["walker"] = found.spec.name
        if root := state.get("root"):
            fields["root"] = format_node_id(root)
        if ref := state.get("ref"):
            fields["ref"] = ref
        fields["ms"] = round(seconds * 1000, 3)
        _LOGGER.handle(LeanRecord(_LOGGER.name, level, "request", fields))


def _request_id(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The client's own, if it sent one that is well formed; else a new one of 32 hex digits."""
    given = [value for name, value in headers if name == HEADER]
    if len(given) == 1 and _WELL_FORMED.fullmatch(given[0]):
        return given[0].decode()
    return f"{random.getrandbits(128):032x}"
