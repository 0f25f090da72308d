"""Real frames against /asyncapi.json: what is sent and what is answered fits its schemas."""

from typing import Any

import pytest
from jsonschema_rs import Draft7Validator

from conftest import Serve
from support import Client, ServerProcess

type Json = Any


class Description:
    """/asyncapi.json, asked which of its messages a frame is."""

    def __init__(self, document: Json) -> None:
        self._operations = document["operations"]
        self._validators = {
            key: Draft7Validator(
                {
                    "$ref": f"#/components/messages/{key}/payload",
                    "components": document["components"],
                }
            )
            for key in document["components"]["messages"]
        }

    def takes(self, operation: str, event: Json) -> bool:
        """Whether the event is what the operation takes."""
        messages = self._operations[operation]["messages"]
        return any(self._fits(message, event) for message in messages)

    def answers(self, operation: str, frame: Json) -> list[str]:
        """Which of the operation's answers the frame is."""
        messages = self._operations[operation]["reply"]["messages"]
        return [_key(message) for message in messages if self._fits(message, frame)]

    def _fits(self, message: Json, frame: Json) -> bool:
        return self._validators[_key(message)].is_valid(frame)


def _key(message: Json) -> str:
    return str(message["$ref"].rpartition("/")[2])


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("documents")


@pytest.fixture(scope="module")
def description(server: ServerProcess) -> Description:
    with server.http() as http:
        return Description(http.get("/asyncapi.json").json())


async def asked(
    client: Client, description: Description, operation: str, event: Json
) -> tuple[list[str], Json]:
    """Sends an event that fits its schema; which answer came, and the answer."""
    assert description.takes(operation, event)
    frame = await client.ask(event)
    return description.answers(operation, frame), frame


async def test_the_first_frame_and_the_one_asked_for_are_the_connection_frame(
    server: ServerProcess, description: Description
) -> None:
    async with await server.websocket() as client:
        kinds, frame = await asked(client, description, "connection", {"type": "connection"})
        assert kinds == ["connection_frame"]
        assert description.takes("connected", {"type": "connection", "data": client.info})
        assert frame["data"] == client.info


async def test_a_walkers_event_and_its_reply_fit(
    server: ServerProcess, description: Description
) -> None:
    event = {"type": "walker", "walker": "greet", "context": {"name": "Ada"}, "response": True}
    async with await server.websocket() as client:
        for numbered in (event, event | {"id": 1}, event | {"id": "one"}):
            kinds, _ = await asked(client, description, "walker.greet", numbered)
            assert kinds == ["walker.greet.reply"]
        kinds, _ = await asked(
            client, description, "walker.greet", event | {"response": False, "id": 2}
        )
        assert kinds == ["ack"]


async def test_what_a_walker_notifies_of_fits(
    server: ServerProcess, description: Description
) -> None:
    token = server.register("ada@example.com")
    context = {
        "item": "tea",
        "size": "l",
        "by": "2030-01-01T00:00:00Z",
        "lines": [{"item": "cup"}],
        "pair": [1, "b"],
    }
    event = {"type": "walker", "walker": "order", "context": context, "response": True}
    async with await server.websocket("shop", token) as client:
        assert description.takes("walker.order", event)
        notified = await client.ask(event)
        assert description.takes("walker.order.notify", notified)
        reply = await client.receive()
        assert description.answers("walker.order", reply) == ["walker.order.reply"]


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"item": 5},
        {"item": "tea", "count": "1"},
        {"item": "tea", "size": "m"},
        {"item": "tea", "lines": [{}]},
        {"item": "tea", "pair": ["b", 1]},
        {"item": "tea", "pair": [1]},
    ],
)
async def test_a_context_that_its_schema_refuses_the_server_refuses_too(
    server: ServerProcess, description: Description, context: Json
) -> None:
    event = {"type": "walker", "walker": "order", "context": context}
    assert not description.takes("walker.order", event)
    token = server.register(f"{len(str(context))}-{hash(str(context))}@example.com")
    async with await server.websocket(token=token) as client:
        frame = await client.ask(event)
        assert description.answers("walker.order", frame) == ["error"]
        assert frame["code"] == "invalid_event"


async def test_errors_fit(server: ServerProcess, description: Description) -> None:
    async with await server.websocket() as client:
        for operation, event in {
            "walker.order": {"type": "walker", "walker": "order", "context": {"item": "tea"}},
            "walker.fail": {"type": "walker", "walker": "fail", "id": "x"},
        }.items():
            kinds, _ = await asked(client, description, operation, event)
            assert kinds == ["error"]
        for malformed in ("{", '{"type": "nothing"}', '{"type": "channel", "channel_ids": []}'):
            await client.send(malformed)
            assert description.answers("channel", await client.receive()) == ["error"]
        kinds, _ = await asked(
            client, description, "change_user", {"type": "change_user", "token": "bad"}
        )
        assert kinds == ["error"]
        assert description.answers("change_user", await client.receive()) == ["connection_frame"]


async def test_events_for_others_and_their_acks_fit(
    server: ServerProcess, description: Description
) -> None:
    data = {"text": "Hello"}
    async with await server.websocket("fits") as client:
        for operation, targets in {
            "channel": {"channel_ids": ["fits"]},
            "user": {"root_ids": [client.root_id]},
            "client": {"client_ids": [client.client_id]},
        }.items():
            event = {"type": operation, **targets, "data": data, "id": operation}
            assert description.takes(operation, event)
            frames = [await client.ask(event), await client.receive()]
            delivered = next(frame for frame in frames if "type" not in frame)
            assert description.takes("delivered", delivered)
            frames.remove(delivered)
            assert description.answers(operation, frames[0]) == ["ack"]
