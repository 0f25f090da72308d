"""What the guide shows, served and sent verbatim: its Jac blocks, its events, its notifications."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from conftest import Serve
from guide import block
from support import Client, ServerProcess

PUBLIC_ROOT = "n::000000000000000000000001"
CHAT = {"type": "chat", "data": {"message": "string"}}
PROGRESS = {"any_field": "for_progress", "progress": "0%", "status": "started"}

NOTIFYING_WALKER = """
walker notify_everywhere {{
    has channel_id: str;
    has client_id: str;

    can enter with Root entry {{
        channel_id = self.channel_id;
        client_id = self.client_id;
{notifications}
        report "notified";
    }}

    class __specs__ {{
        has methods: list = ["websocket", "post"];
    }}
}}
"""


def serve_text(serve: Serve, folder: Path, text: str) -> ServerProcess:
    (folder / "app.jac").write_text(text)
    return serve(folder / "app.jac")


@pytest.fixture(scope="module")
def declared(serve_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    """The walker of 'Walker Declaration for WebSockets', alone: it imports nothing of ours."""
    text = block("Walker Declaration for WebSockets", "jac").text
    return serve_text(serve_module, tmp_path_factory.mktemp("declared"), text)


@pytest.fixture(scope="module")
def chat(serve_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    """The end-to-end example."""
    text = block("Server-Side (Jac)", "jac").text
    return serve_text(serve_module, tmp_path_factory.mktemp("chat"), text)


@pytest.fixture(scope="module")
def notifying(serve_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    """A walker made of the import and the four notifications as the guide writes them."""
    kinds = ["Self", "User", "Channel", "Client"]
    calls = "".join(block(f"{kind} Notification").text for kind in kinds)
    text = block("Prerequisites").text + NOTIFYING_WALKER.format(
        notifications=textwrap.indent(calls, " " * 8)
    )
    return serve_text(serve_module, tmp_path_factory.mktemp("notifying"), text)


def shape(value: str) -> str:
    """What an id looks like: runs of hex digits by their length."""
    return re.sub(r"[0-9a-f]{8,}", lambda run: f"<{len(run[0])}>", value)


async def test_the_first_frame_is_the_guides_connection_event(declared: ServerProcess) -> None:
    shown: Any = block("Connection Process").event()
    token = declared.register("shape@example.com")
    async with await declared.websocket(token=token) as client:
        answer = await client.ask({"type": "connection"})
    assert answer.keys() == shown.keys()
    assert answer["type"] == shown["type"]
    assert {name: shape(value) for name, value in answer["data"].items()} == {
        name: shape(value) for name, value in shown["data"].items()
    }
    assert answer["data"] == client.info


async def test_without_a_token_the_root_is_the_public_one(declared: ServerProcess) -> None:
    assert PUBLIC_ROOT in block("Connection Process").text
    async with await declared.websocket() as client:
        assert client.root_id == PUBLIC_ROOT


async def test_the_query_names_the_channel(declared: ServerProcess) -> None:
    async with await declared.websocket(channel_id="anystring") as client:
        assert client.channel_id == "anystring"


async def test_a_token_in_the_header_connects_as_its_user(declared: ServerProcess) -> None:
    token = declared.register("header@example.com")
    async with await declared.websocket(token=token) as one:
        assert one.root_id != PUBLIC_ROOT
        async with await declared.websocket(token=token) as other:
            assert other.root_id == one.root_id
            assert other.client_id != one.client_id


async def test_the_walker_event_runs_the_declared_walker(declared: ServerProcess) -> None:
    async with await declared.websocket(token=declared.register("walker@example.com")) as client:
        assert await client.ask(block("Walker Event").event()) == {
            "type": "walker",
            "walker": "your_event_name",
            "status": 200,
            "reports": ["Do something!"],
        }


async def test_the_declared_walker_wants_a_user(declared: ServerProcess) -> None:
    async with await declared.websocket() as client:
        assert await client.ask(block("Walker Event").event()) == {
            "type": "walker",
            "error": "Event your_event_name requires to be authenticated!",
            "code": "unauthenticated",
        }


async def test_the_user_event_reaches_every_connection_of_the_user(declared: ServerProcess) -> None:
    token = declared.register("user-event@example.com")
    async with (
        await declared.websocket(token=token) as first,
        await declared.websocket(token=token) as second,
        await declared.websocket() as stranger,
    ):
        shown = block("User Event").event(**{"n::672b35cec309e5ef8469c372": first.root_id})
        await stranger.send(shown)
        assert await first.receive() == shown["data"] == {"val": 1}
        assert await second.receive() == shown["data"]
        await stranger.connection()


async def test_the_channel_event_reaches_the_channel(declared: ServerProcess) -> None:
    shown = block("Channel Event").event()
    async with (
        await declared.websocket(channel_id="anystring") as member,
        await declared.websocket(channel_id="another") as stranger,
    ):
        await stranger.send(shown)
        assert await member.receive() == shown["data"] == {"val": 1}
        await stranger.connection()


async def test_the_client_event_reaches_that_client(declared: ServerProcess) -> None:
    async with await declared.websocket() as target, await declared.websocket() as sender:
        example = "1730887348:f46d85203c704c099e9f44e948322a20"
        shown = block("Client Event").event(**{example: target.client_id})
        await sender.send(shown)
        assert await target.receive() == shown["data"] == {"val": 1}
        await sender.connection()


async def test_change_user_switches_to_the_user_and_back(declared: ServerProcess) -> None:
    token = declared.register("change@example.com")
    shown = block("Change User Event").event(**{"{{user's token}}": token})
    async with await declared.websocket() as client:
        became = await client.ask(shown)
        assert became["type"] == "connection"
        assert became["data"]["root_id"] != PUBLIC_ROOT
        assert became["data"]["client_id"] == client.client_id
        back = await client.ask({"type": "change_user"})
        assert back["data"]["root_id"] == PUBLIC_ROOT


async def chat_walker(client: Client, name: str, **context: str) -> None:
    await client.send({"type": "walker", "walker": name, "context": context})


async def test_the_example_chats_to_a_user(chat: ServerProcess) -> None:
    token = chat.register("chat-user@example.com")
    async with (
        await chat.websocket(token=token) as sender,
        await chat.websocket(token=token) as receiver,
    ):
        await chat_walker(sender, "send_chat_to_user", root_id=receiver.root_id)
        assert await receiver.receive() == CHAT
        assert await sender.receive() == CHAT


async def test_the_example_chats_to_a_group(chat: ServerProcess) -> None:
    token = chat.register("chat-group@example.com")
    async with (
        await chat.websocket(token=token) as sender,
        await chat.websocket(channel_id="group") as receiver,
    ):
        await chat_walker(sender, "send_chat_to_group", channel_id="group")
        assert await receiver.receive() == CHAT
        await sender.connection()


async def test_the_example_chats_to_a_client(chat: ServerProcess) -> None:
    token = chat.register("chat-client@example.com")
    async with await chat.websocket(token=token) as sender, await chat.websocket() as receiver:
        await chat_walker(sender, "send_chat_to_client", client_id=receiver.client_id)
        assert await receiver.receive() == CHAT
        await sender.connection()


async def test_the_example_walkers_work_by_post_too(chat: ServerProcess) -> None:
    token = chat.register("chat-post@example.com")
    bearer = {"Authorization": f"Bearer {token}"}
    async with await chat.websocket(channel_id="by-post", token=token) as receiver:
        with chat.http() as http:
            for walker, context in {
                "send_chat_to_user": {"root_id": receiver.root_id},
                "send_chat_to_group": {"channel_id": "by-post"},
                "send_chat_to_client": {"client_id": receiver.client_id},
            }.items():
                answer = http.post(f"/walker/{walker}", json=context, headers=bearer)
                assert (answer.status_code, answer.json()) == (200, {"status": 200, "reports": []})
                assert await receiver.receive() == CHAT


async def test_the_four_notifications_arrive_in_order_and_before_the_reply(
    notifying: ServerProcess,
) -> None:
    token = notifying.register("notify@example.com")
    async with await notifying.websocket(channel_id="mine", token=token) as client:
        context = {"channel_id": "mine", "client_id": client.client_id}
        await client.send(
            {
                "type": "walker",
                "walker": "notify_everywhere",
                "response": True,
                "context": context,
            }
        )
        received = [await client.receive() for _ in range(5)]
        assert received == [PROGRESS] * 4 + [
            {
                "type": "walker",
                "walker": "notify_everywhere",
                "status": 200,
                "reports": ["notified"],
            }
        ]


async def test_self_is_nobody_when_the_walker_runs_by_post(notifying: ServerProcess) -> None:
    token = notifying.register("notify-post@example.com")
    async with await notifying.websocket(channel_id="post", token=token) as client:
        with notifying.http() as http:
            answer = http.post(
                "/walker/notify_everywhere",
                json={"channel_id": "post", "client_id": client.client_id},
                headers={"Authorization": f"Bearer {token}"},
            )
        assert answer.json() == {"status": 200, "reports": ["notified"]}
        assert [await client.receive() for _ in range(3)] == [PROGRESS] * 3
        await client.connection()
