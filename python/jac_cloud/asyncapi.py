"""`/asyncapi.json`: the WebSocket and its events, as AsyncAPI 3.0."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from jac_cloud.app_info import AppInfo
from jac_cloud.asyncapi_messages import (
    EVENTS,
    MESSAGES,
    SCHEMAS,
    notification,
    walker_event,
    walker_reply,
)
from jac_cloud.errors import SpecError
from jac_cloud.input_types import FieldTypes
from jac_cloud.walker_spec import WalkerSpec

type Json = dict[str, Any]

_CHANNEL = {"$ref": "#/channels/websocket"}
_ANSWERS = {
    "change_user": ("connection_frame", "error"),
    "connection": ("connection_frame",),
}
_HANDSHAKE = {
    "method": "GET",
    "query": {
        "type": "object",
        "properties": {
            "channel_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "description": "The channel to be subscribed to; one of its own without it. "
                "An app may refuse some.",
            }
        },
    },
    "headers": {
        "type": "object",
        "properties": {
            "Authorization": {
                "type": "string",
                "description": "`Bearer TOKEN`; the public user without it. Browsers cannot send "
                "it: they send `change_user`.",
            }
        },
    },
    "bindingVersion": "0.1.0",
}


def asyncapi_document(info: AppInfo, walkers: Iterable[WalkerSpec]) -> Json:
    """The document, without `servers`: an address is the request's to know."""
    callable_ones = sorted(filter(_takes_events, walkers), key=lambda walker: walker.name)
    inputs, payloads, schemas = _schemas(callable_ones)
    messages = dict(MESSAGES)
    operations = {event: _event_operation(event) for event in EVENTS}
    operations["connected"] = _operation("send", ["connection_frame"], "Opens every connection")
    operations["delivered"] = _operation("send", ["data"], "Data for this connection")
    for walker in callable_ones:
        key = f"walker.{_key(walker.name)}"
        messages[f"{key}.event"] = walker_event(
            walker.name, inputs[walker.name], bool(walker.input.required)
        )
        messages[f"{key}.reply"] = walker_reply(walker.name)
        operations[key] = _walker_operation(walker, key)
        sent = {
            f"{key}.notify.{number}": notification(walker.name, schema)
            for number, schema in enumerate(payloads[walker.name], start=1)
        }
        if sent:
            messages |= sent
            operations[f"{key}.notify"] = _operation("send", sent, f"{walker.name} notifies")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": info.title,
            "version": info.version,
            **({"description": info.description} if info.description else {}),
        },
        "defaultContentType": "application/json",
        "channels": {
            "websocket": {
                "address": "/websocket",
                "description": "One JSON object a message, in both directions.",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
                "bindings": {"ws": _HANDSHAKE},
            }
        },
        "operations": operations,
        "components": {
            "messages": {key: {"name": key, **message} for key, message in messages.items()},
            "schemas": SCHEMAS | schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `token` that `POST /user/login` has answered.",
                }
            },
        },
    }


def _takes_events(walker: WalkerSpec) -> bool:
    """Whether it can be run by an event, which carries no files."""
    return walker.websocket and not any(file.required for file in walker.input.files.values())


def server_of(scheme: str, host: str, root_path: str) -> Json:
    """The entry of `servers` for the address that a request came to."""
    secure = scheme in ("https", "wss")
    server = {"host": host, "protocol": "wss" if secure else "ws"}
    return server | ({"pathname": root_path} if root_path else {})


def _event_operation(event: str) -> Json:
    answers = _ANSWERS.get(event, ("ack", "error"))
    return _operation("receive", [event], MESSAGES[event]["summary"], answers)


def _walker_operation(walker: WalkerSpec, key: str) -> Json:
    operation = _operation(
        "receive",
        [f"{key}.event"],
        walker.summary or f"Runs the walker {walker.name}",
        [f"{key}.reply", "ack", "error"],
    )
    if description := walker.description or walker.docstring:
        operation["description"] = description
    operation["tags"] = [{"name": tag} for tag in walker.tags or ("walker",)]
    if walker.auth:
        operation["security"] = [{"$ref": "#/components/securitySchemes/token"}]
    return operation


def _operation(
    action: str, messages: Iterable[str], summary: str, answers: Iterable[str] = ()
) -> Json:
    operation: Json = {
        "action": action,
        "channel": _CHANNEL,
        "summary": summary,
        "messages": _of_channel(messages),
    }
    if answers:
        operation["reply"] = {"channel": _CHANNEL, "messages": _of_channel(answers)}
    return operation


def _of_channel(messages: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/channels/websocket/messages/{key}"} for key in messages]


def _key(name: str) -> str:
    """The name of a walker as a key of the document, which takes ASCII only."""
    return "".join(c if c.isascii() else f"-{ord(c):x}" for c in name)


def _schemas(walkers: list[WalkerSpec]) -> tuple[dict[str, Json], dict[str, list[Json]], Json]:
    """By walker, the schema of its fields and those of its notifications; what they refer to."""
    adapters: dict[tuple[str, int], TypeAdapter[Any]] = {}
    for walker in walkers:
        carried = walker.input.fields - walker.input.files.keys()
        part = walker.input.part(carried) if walker.input.files else walker.input
        adapters[walker.name, -1] = part.adapter
        for number, payload in enumerate(walker.notify):
            if not isinstance(payload, Mapping):
                adapters[walker.name, number] = _adapter(walker, payload)
    made, definitions = TypeAdapter.json_schemas(
        [(key, "validation", adapter) for key, adapter in adapters.items()],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Draft7,
    )
    inputs = {walker.name: made[(walker.name, -1), "validation"] for walker in walkers}
    payloads = {
        walker.name: [
            dict(payload)
            if isinstance(payload, Mapping)
            else made[(walker.name, number), "validation"]
            for number, payload in enumerate(walker.notify)
        ]
        for walker in walkers
    }
    return inputs, payloads, definitions.get("$defs", {})


def _adapter(walker: WalkerSpec, payload: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(FieldTypes(walker.cls).checked(payload))
    except (PydanticUserError, NameError, TypeError) as error:
        problem = f"cannot be described: {str(error).splitlines()[0]}"
        raise SpecError(walker.name, "notify", problem) from error


class _Draft7(GenerateJsonSchema):
    """AsyncAPI's own schemas are of draft 7; pydantic writes a later one."""

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        made = super().tuple_schema(schema)
        if "prefixItems" in made:
            rest = made.pop("items", None)
            made["items"] = made.pop("prefixItems")
            if rest is not None:
                made["additionalItems"] = rest
        return made

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        # OpenAPI's, which AsyncAPI has another form of.
        made.pop("discriminator", None)
        return made

    def handle_invalid_for_json_schema(
        self,
        schema: core_schema.CoreSchema,  # noqa: ARG002 - pydantic's signature
        error_info: str,  # noqa: ARG002
    ) -> JsonSchemaValue:
        """Of a type that JSON Schema cannot describe, anything is said to do."""
        return {}
