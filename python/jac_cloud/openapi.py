"""What `/openapi.json` says of every route alike: who may call it, and how it refuses."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

# For `openapi_extra` of a route.
USER_REQUIRED: dict[str, Any] = {"security": [{"login": []}, {"token": []}]}
USER_OPTIONAL: dict[str, Any] = {"security": [{}, {"login": []}, {"token": []}]}

_SECURITY_SCHEMES = {
    "login": {
        "type": "oauth2",
        "description": "With the e-mail address as the username.",
        # Relative, so that it holds behind a proxy's prefix too.
        "flows": {"password": {"tokenUrl": "user/login", "scopes": {}}},
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `token` that `POST /user/login` has answered.",
    },
}

_PROBLEM = {
    "title": "Problem",
    "description": "Why a request was refused.",
    "type": "object",
    "properties": {
        "error": {
            "description": "A sentence, or what is wrong and where.",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"$ref": "#/components/schemas/error.detail"}},
            ],
        },
        "code": {"description": "A word for programs.", "type": "string"},
        "ref": {"description": "Finds the cause in the server's log.", "type": "string"},
    },
    "required": ["error", "code"],
}
_DETAIL = {
    "title": "Detail",
    "type": "object",
    "properties": {
        "type": {"description": "What kind of problem it is.", "type": "string"},
        "loc": {
            "description": "Where it is.",
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        },
        "msg": {"description": "What it is.", "type": "string"},
    },
    "required": ["type", "loc", "msg"],
}
# With a dot, which no name of an app's own models has.
_SCHEMAS = {"error.body": _PROBLEM, "error.detail": _DETAIL}

_MEANINGS = {
    400: "The request is malformed, or its body is no JSON.",
    401: "A user is wanted and there is none, or the token is not valid.",
    403: "No access to the node, or no such node.",
    404: "There is no such thing here.",
    405: "Another method is wanted here.",
    409: "It is there already, or others keep changing the same data.",
    413: "The body is too large.",
    415: "The body is of another media type than this takes.",
    422: "What was given does not fit.",
    429: "Too many failures: try again later.",
    431: "The header is too large.",
    500: "Something failed; `ref` finds it in the log.",
    503: "The server is stopping, or has too much to do.",
    504: "It took too long.",
}
_TEXT_HEADER = {"schema": {"type": "string"}, "required": True}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _TEXT_HEADER | {"description": "`Bearer`"}},
    429: {"Retry-After": _TEXT_HEADER | {"description": "Seconds to wait."}},
    503: {"Retry-After": _TEXT_HEADER | {"description": "Seconds to wait."}},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a route: that it refuses with these statuses, in the one form of all."""
    return {status: _problem(status) for status in sorted(statuses)}


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/error.body"}
    response: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/json": {"schema": schema}},
    }
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def install_openapi(app: FastAPI) -> None:
    """Makes `app.openapi()` the whole document, made once when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.get("schemas", {}) | _SCHEMAS
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = _SECURITY_SCHEMES
    return document
