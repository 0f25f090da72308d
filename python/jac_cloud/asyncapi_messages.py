"""The messages of a WebSocket, for `/asyncapi.json`: what docs/protocol.md says, as schemas."""

from typing import Any, Final

# The codes of `error` messages, each with when it is sent.
CODES: Final = {
    "invalid_json": "the message is not JSON",
    "invalid_event": "a field is missing or wrong",
    "unknown_walker": "there is no such walker, or not for WebSocket",
    "unauthenticated": "the walker wants a user",
    "forbidden": "no access to the node, or the event or the channel is not for this client",
    "invalid_token": "the token of `change_user` is not valid",
    "unavailable": "it cannot be decided now whether this client may; it may try again",
    "walker_failed": "the walker raised; `ref` finds it in the log",
    "conflict": "others kept changing the same data",
    "timeout": "the walker ran too long",
    "rate_limited": "too many messages",
}
EVENTS: Final = ("user", "channel", "client", "change_user", "connection")

_ID: Final = {"$ref": "#/components/schemas/event.id"}
_DATA: Final = {"type": "object", "description": "Reaches them as it is, byte for byte."}


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _one_of_them(kind: str, **properties: Any) -> dict[str, Any]:
    required = ["type", *properties]
    return _object(required, type={"const": kind}, **properties, id=_ID)


def _targets(what: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": what}


# With a dot, which no name of an app's own models has.
SCHEMAS: Final[dict[str, Any]] = {
    "event.id": {
        "description": "Any event may have one; it comes back in the answer.",
        "oneOf": [{"type": "string", "maxLength": 128}, {"type": "integer"}],
    },
    "error.detail": _object(
        ["type", "loc", "msg"],
        type={"type": "string", "description": "What kind of problem it is."},
        loc={
            "type": "array",
            "items": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            "description": "Where in the event it is.",
        },
        msg={"type": "string", "description": "What it is."},
    ),
}

MESSAGES: Final[dict[str, Any]] = {
    "user": {
        "summary": "Sends data to every connection of these users",
        "payload": _one_of_them(
            "user", root_ids=_targets("Their roots, `n::` and hex digits."), data=_DATA
        ),
        "examples": [
            {
                "payload": {
                    "type": "user",
                    "root_ids": ["n::6710cf4bb3f4ba56d2b2b3a1"],
                    "data": {"text": "Hello"},
                }
            }
        ],
    },
    "channel": {
        "summary": "Sends data to every connection subscribed to these channels",
        "payload": _one_of_them("channel", channel_ids=_targets("The channels."), data=_DATA),
        "examples": [
            {"payload": {"type": "channel", "channel_ids": ["lobby"], "data": {"text": "Hello"}}}
        ],
    },
    "client": {
        "summary": "Sends data to these connections",
        "payload": _one_of_them(
            "client", client_ids=_targets("Their `client_id`, of the connection frame."), data=_DATA
        ),
        "examples": [
            {
                "payload": {
                    "type": "client",
                    "client_ids": ["1730887348:f46d85203c704c099e9f44e948322a20"],
                    "data": {"text": "Hello"},
                }
            }
        ],
    },
    "change_user": {
        "summary": "Makes it another user's connection",
        "payload": _object(
            ["type"],
            type={"const": "change_user"},
            token={
                "type": ["string", "null"],
                "description": "With or without the word Bearer; `null` for the public user.",
            },
            id=_ID,
        ),
        "examples": [{"payload": {"type": "change_user", "token": None}}],
    },
    "connection": {
        "summary": "Asks for the connection frame",
        "payload": _one_of_them("connection"),
        "examples": [{"payload": {"type": "connection"}}],
    },
    "connection_frame": {
        "summary": "Says who this connection is",
        "description": "The first frame, and the answer to `connection` and `change_user`.",
        "payload": _one_of_them(
            "connection",
            data=_object(
                ["client_id", "root_id", "channel_id"],
                client_id={"type": "string", "description": "This connection's, for its life."},
                root_id={
                    "type": "string",
                    "pattern": "^n::[0-9a-f]{24,32}$",
                    "description": "Its user's root.",
                },
                channel_id={"type": "string", "description": "The channel it is subscribed to."},
            ),
        ),
    },
    "ack": {
        "summary": "An event with an `id` and no answer of its own has been handed on",
        "payload": _object(["type", "id"], type={"const": "ack"}, id=_ID),
        "examples": [{"payload": {"type": "ack", "id": 7}}],
    },
    "error": {
        "summary": "An event failed",
        "description": "\n".join(f"- `{code}`: {when}" for code, when in CODES.items()),
        "payload": _object(
            ["type", "error", "code"],
            type={
                "description": "The event's type; `error` if it could not be read.",
                "enum": ["walker", *EVENTS, "error"],
            },
            error={
                "description": "A sentence, or what is wrong and where.",
                "oneOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"$ref": "#/components/schemas/error.detail"}},
                ],
            },
            code={"description": "A word for programs.", "enum": [*CODES]},
            ref={"type": "string", "description": "Finds the cause in the server's log."},
            id=_ID,
        ),
        "examples": [
            {
                "payload": {
                    "type": "walker",
                    "error": "Invalid request! Please use valid walker event!",
                    "code": "unknown_walker",
                }
            }
        ],
    },
    "data": {
        "summary": "What a walker's notification or a client's event delivers",
        "description": "The data alone, with nothing around it.",
        "payload": {"type": "object"},
        "examples": [{"payload": {"text": "Hello"}}],
    },
}


def walker_event(name: str, context: dict[str, Any], needs_context: bool) -> dict[str, Any]:
    """The event that runs a walker. `context` is the schema of the walker's fields."""
    required = ["type", "walker"]
    example: dict[str, Any] = {"type": "walker", "walker": name, "response": True}
    message: dict[str, Any] = {
        "payload": _object(
            [*required, "context"] if needs_context else required,
            type={"const": "walker"},
            walker={"const": name},
            context=context,
            response={
                "type": "boolean",
                "default": False,
                "description": "Whether its reports are wanted.",
            },
            node={
                "type": "string",
                "description": "The id of the node that it runs on; the user's root without it.",
            },
            id=_ID,
        ),
    }
    if not needs_context:
        message["examples"] = [{"payload": example}]
    return message


def walker_reply(name: str) -> dict[str, Any]:
    """The answer to it where one was wanted."""
    return {
        "summary": f"What {name} reported",
        "payload": _object(
            ["type", "walker", "status", "reports"],
            type={"const": "walker"},
            walker={"const": name},
            status={"type": "integer", "minimum": 200, "maximum": 599},
            reports={"type": "array", "description": "What it has reported, in its order."},
            body={"description": "What it has set for the body of its answer, if it did."},
            id=_ID,
        ),
    }


def notification(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What a walker sends by `notify_*` while it runs."""
    return {"summary": f"What {name} notifies of", "payload": payload}
