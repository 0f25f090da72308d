"""Every answer of REST that is not a success: `{"error", "code", "ref"?}`, nothing internal."""

import logging
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jac_cloud import errors
from jac_cloud.asgi import ClientDisconnected
from jac_cloud.auth import InvalidToken
from jac_cloud.patience import UNREACHABLE, DatabaseSilent
from jac_cloud.walker_slots import Reached

_LOGGER = logging.getLogger(f"{__package__}.rest")
# Of the users' database, and of the graph's.
_GONE = (*UNREACHABLE, sqlite3.OperationalError)
_ASK_FOR_TOKEN = {"WWW-Authenticate": "Bearer"}
# Codes of the statuses that the routing itself answers with.
_ROUTING_CODES = {404: "not_found", 405: "method_not_allowed"}


class Refusal(Exception):
    """Ends a request with this status and code. `error` is a sentence, or a list of
    {"type", "loc", "msg"} where several things are wrong; `limit` the setting it was beyond.
    """

    def __init__(
        self,
        status: int,
        code: str,
        error: str | Sequence[Mapping[str, object]],
        headers: Mapping[str, str] | None = None,
        ref: str | None = None,
        limit: str | None = None,
    ) -> None:
        super().__init__(code)
        self.limit = limit
        self.status = status
        self.headers = headers
        self.body: dict[str, Any] = {"error": error, "code": code}
        if ref is not None:
            self.body["ref"] = ref

    def response(self) -> JSONResponse:
        """The answer itself."""
        return JSONResponse(self.body, self.status, self.headers)


def unauthenticated(sentence: str) -> Refusal:
    """401 for who brings no token where one is needed, or a wrong password."""
    return Refusal(401, "unauthenticated", sentence, _ASK_FOR_TOKEN)


def invalid_json(sentence: str = "The body is not valid JSON", limit: str | None = None) -> Refusal:
    """400 for a body that cannot be read at all."""
    return Refusal(400, "invalid_json", sentence, limit=limit)


def too_large() -> Refusal:
    """413, in the words of the native server, which sees to most of it."""
    return Refusal(413, "body_too_large", "The body is too large!", limit="max_upload_bytes")


def install(app: FastAPI, *, debug: bool, reached: Reached = lambda *_: None) -> None:
    """Makes the app answer every refusal, error of a walker and exception in this one form.

    `debug` adds what a failed walker raised; `reached` is told of limits that held somebody back.
    """

    # Not a plain function, which Starlette would have a thread run.
    async def refuse(request: Request, error: Exception) -> JSONResponse:
        refusal = _refusal_of(error, debug)
        # So that the request's line in the log leads to the failure's.
        request.state.ref = refusal.body.get("ref")
        if refusal.limit is not None:
            reached(refusal.limit, "client", request.client.host if request.client else "")
        return refusal.response()

    for kind in (Refusal, InvalidToken, errors.WalkerError, HTTPException, *_GONE):
        app.add_exception_handler(kind, refuse)
    app.add_middleware(_LastResort)


def refusal_of(error: Exception, *, debug: bool) -> Refusal:
    """How an error is answered, of whatever kind; one that nobody has foreseen is logged."""
    try:
        return _refusal_of(error, debug)
    except Exception as unforeseen:  # noqa: BLE001 - it is answered as it is by the last resort
        return _failure(unforeseen)


def _failure(error: Exception, **about: object) -> Refusal:
    ref = secrets.token_hex(8)
    # The path is left out of it: a route's parameters may be private.
    _LOGGER.error("request failed", exc_info=error, extra={"ref": ref, **about})
    return Refusal(500, "internal_error", f"Something failed, see {ref} in the log", ref=ref)


def _refusal_of(error: Exception, debug: bool) -> Refusal:
    match error:
        case Refusal():
            return error
        case InvalidToken():
            return Refusal(401, "invalid_token", str(error), _ASK_FOR_TOKEN)
        case errors.InvalidInput():
            if any(detail["type"] == "json_invalid" for detail in error.details):
                return invalid_json()
            return Refusal(422, "invalid_event", error.details)
        case errors.Forbidden():
            return Refusal(403, "forbidden", str(error))
        case errors.Conflict():
            return Refusal(409, "conflict", str(error))
        case errors.TooManyWalkers():
            return Refusal(429, "rate_limited", str(error), {"Retry-After": "1"})
        case errors.WalkerTimeout():
            return Refusal(504, "timeout", str(error))
        case errors.WalkerFailed():
            sentence = error.message if debug else str(error)
            return Refusal(500, "walker_failed", sentence, ref=error.ref)
        case DatabaseSilent():
            # That it is silent has been logged.
            return _unavailable("users", limit="users_timeout")
        case _ if isinstance(error, _GONE):
            what = "graph" if isinstance(error, sqlite3.Error) else "users"
            _LOGGER.error("the %s cannot be reached", what, exc_info=error)
            return _unavailable(what)
        case HTTPException():
            code = _ROUTING_CODES.get(error.status_code, "bad_request")
            return Refusal(error.status_code, code, str(error.detail), error.headers)
    raise error


def _unavailable(what: str, limit: str | None = None) -> Refusal:
    sentence = f"The {what} cannot be reached, try again later"
    return Refusal(503, "unavailable", sentence, {"Retry-After": "1"}, limit=limit)


class _LastResort:
    """Turns an exception that nothing else handles into a 500 with a `ref` found in the log.

    Not a handler of `Exception`: Starlette would answer, then raise it once more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except (ClientDisconnect, ClientDisconnected):
            raise ClientDisconnected from None
        except Exception as error:
            if scope["type"] != "http":
                raise
            refusal = _failure(error, method=scope["method"])
            scope.setdefault("state", {})["ref"] = refusal.body["ref"]
            # Half an answer cannot be taken back: the bridge drops the connection.
            if started:
                raise
            await refusal.response()(scope, receive, send)
