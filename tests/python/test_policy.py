"""The app's policy: a walker says who may join a channel and who may send an event."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

import jac_cloud
from gates import gate
from native import client
from support import Client, copy_app, eventually_async
from test_identity import new_user

PUBLIC = "n::000000000000000000000001"


def serving(folder: Path, **settings: Any) -> jac_cloud.Server:
    app = copy_app("policed", folder)
    return jac_cloud.Server(
        app,
        port=0,
        client_events_policy="may",
        login_failures_per_address=0,
        **{"client_events_policy_timeout": 30, **settings},
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jac_cloud.Server]:
    with serving(tmp_path_factory.mktemp("policed")) as server:
        yield server


@pytest.fixture(autouse=True)
def fresh() -> None:
    gate.reset()


def asked() -> list[list[str]]:
    """What the policy has been asked since the app was loaded."""
    return sys.modules["policed"].asked  # type: ignore[no-any-return]


def channel_event(channel: str, **more: Any) -> dict[str, Any]:
    return {"type": "channel", "channel_ids": [channel], "data": {"to": channel}, **more}


async def member(server: jac_cloud.Server, name: str, room: str) -> str:
    """A token of a new user who may join the room."""
    token = await new_user(server, name)
    await post(server, "/walker/become_member", token, {"room": room})
    return token


async def post(server: jac_cloud.Server, path: str, token: str, body: Any = None) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        (await http.post(path, headers=headers, json=body)).raise_for_status()


async def refused_handshake(server: jac_cloud.Server, channel: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        await client(server, f"?channel_id={channel}")
    body = caught.value.response.body
    assert body is not None
    found = re.search(rb'"code": ?"(\w+)"', body)
    assert found is not None
    return caught.value.response.status_code, found[1].decode()


async def close_code(one: Client) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await one.receive()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_a_member_may_join_and_send_and_others_may_do_neither(
    server: jac_cloud.Server,
) -> None:
    token = await member(server, "ann", "red")
    async with await client(server, "?channel_id=red", token) as ann:
        assert ann.channel_id == "red"
        assert await ann.ask(channel_event("red")) == {"to": "red"}
        assert await refused_handshake(server, "red") == (403, "forbidden")
        async with await client(server) as stranger:
            error = await stranger.ask(channel_event("red", id=4))
            assert (error["type"], error["code"], error["id"]) == ("channel", "forbidden", 4)
        await ann.connection()


async def test_an_answer_is_kept_for_its_user_action_and_target(server: jac_cloud.Server) -> None:
    token = await member(server, "bea", "blue")
    before = len(asked())
    for _ in range(3):
        async with await client(server, "?channel_id=blue", token) as bea:
            for _ in range(3):
                assert await bea.ask(channel_event("blue")) == {"to": "blue"}
    assert asked()[before:] == [["join", "channel", "blue"], ["send", "channel", "blue"]]


async def test_it_is_asked_of_users_and_clients_as_well_and_once_for_all_targets(
    server: jac_cloud.Server,
) -> None:
    async with await client(server) as one:
        before = len(asked())
        root = "n::00000000000000000000000000000777"
        for kind, targets in (
            ("user", [root, root.replace("n::", "")]),
            ("client", ["b", "a", "b"]),
        ):
            field = "root_ids" if kind == "user" else "client_ids"
            event = {"type": kind, field: targets, "data": {}}
            assert (await one.ask(event))["code"] == "forbidden"
        assert asked()[before:] == [
            ["send", "user", "n::000000000000000000000777"],
            ["send", "client", "a", "b"],
        ]


async def test_events_behind_a_question_wait_in_their_order_and_those_of_others_do_not(
    server: jac_cloud.Server,
) -> None:
    async with await client(server, "?channel_id=open-1") as one, await client(server) as other:
        await one.send(channel_event("slow-1", id=1))
        await one.send({"type": "connection", "id": 2})
        await one.send(channel_event("open-1"))
        await asyncio.to_thread(gate.wait_until_arrived)
        assert (await other.ask(channel_event("open-2", id=1)))["type"] == "ack"
        gate.open()
        assert (await one.receive())["code"] == "forbidden"
        assert (await one.receive())["id"] == 2
        assert await one.receive() == {"to": "open-1"}


@pytest.mark.parametrize("name", ["raise", "exit"])
async def test_where_the_policy_fails_nobody_joins_or_sends(
    server: jac_cloud.Server, name: str
) -> None:
    failed = server.stats()["policy_failed"]
    assert await refused_handshake(server, name) == (503, "unavailable")
    async with await client(server) as one:
        for _ in range(2):
            assert (await one.ask(channel_event(name)))["code"] == "unavailable"
    assert server.stats()["policy_failed"] == failed + 3


async def test_anything_but_one_true_is_a_refusal(server: jac_cloud.Server) -> None:
    assert await refused_handshake(server, "odd") == (403, "forbidden")


async def test_a_user_who_may_not_join_is_given_a_channel_of_its_own(
    server: jac_cloud.Server,
) -> None:
    ann, bob = await member(server, "eve", "green"), await new_user(server, "bob")
    async with await client(server, "?channel_id=green", ann) as one:
        error = await one.ask({"type": "change_user", "token": bob, "id": 1})
        assert (error["type"], error["code"], error["id"]) == ("change_user", "forbidden", 1)
        frame = (await one.receive())["data"]
        assert frame["root_id"] != one.root_id
        assert re.fullmatch(r"\d+:[0-9a-f]{32}", frame["channel_id"])
        async with await client(server, "?channel_id=green", ann) as two:
            assert await two.ask(channel_event("green")) == {"to": "green"}
        # It left nothing behind: a change in a channel of its own asks nobody.
        before = len(asked())
        assert (await one.change_user(ann))["channel_id"] == frame["channel_id"]
        assert (await one.change_user(None))["root_id"] == PUBLIC
        assert len(asked()) == before


async def test_who_logs_out_leaves_a_channel_that_is_not_for_everyone(
    server: jac_cloud.Server,
) -> None:
    for token, code in ((None, "forbidden"), ("x.y.z", "invalid_token")):
        ann = await member(server, f"out-{code}", "grey")
        async with await client(server, "?channel_id=grey", ann) as one:
            error = await one.ask({"type": "change_user", "token": token})
            assert error["code"] == code
            frame = (await one.receive())["data"]
            assert (frame["root_id"], frame["channel_id"] != "grey") == (PUBLIC, True)


async def test_a_change_of_user_waits_for_the_answer_and_what_it_sent_was_the_user_befores(
    server: jac_cloud.Server,
) -> None:
    ann, bob = await member(server, "kim", "slow-3"), await new_user(server, "lee")
    async with await client(server) as one:
        await one.change_user(ann)
        before = len(asked())
        await one.send(channel_event("slow-3", id=1))
        await one.send({"type": "change_user", "token": bob})
        await one.send(channel_event("slow-3", id=2))
        await asyncio.to_thread(gate.wait_until_arrived)
        gate.open()
        assert (await one.receive())["type"] == "ack"
        assert (await one.receive())["type"] == "connection"
        error = await one.receive()
        assert (error["code"], error["id"]) == ("forbidden", 2)
        assert len(asked()) == before + 2


async def test_nothing_is_sent_for_a_user_who_is_logged_out_while_the_policy_is_asked(
    server: jac_cloud.Server,
) -> None:
    token = await member(server, "mia", "slow-4")
    async with await client(server) as one, await client(server) as watcher:
        await one.change_user(token)
        await one.send(
            {"type": "client", "client_ids": [watcher.client_id, "slow-4"], "data": {"late": True}}
        )
        await one.send({"type": "walker", "walker": "tell", "context": {"channel": "open"}})
        await asyncio.to_thread(gate.wait_until_arrived)
        events = server.stats()["policy_questions"]
        await post(server, "/user/logout", token)
        assert await close_code(one) == 4401
        gate.open()
        await eventually_async(lambda: server.stats()["policy_questions"] == events + 1)
        await watcher.connection()


async def test_what_walkers_send_is_not_asked_about(server: jac_cloud.Server) -> None:
    token = await member(server, "pat", "violet")
    async with await client(server, "?channel_id=violet", token) as pat:
        before = len(asked())
        async with await client(server) as stranger:
            reply = await stranger.walker("tell", channel="violet")
            assert reply["reports"] == [1]
        assert await pat.receive() == {"from": "walker"}
        assert len(asked()) == before
