"""Who a connection speaks for, while it changes: nothing of one user reaches another."""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

import jac_cloud
from gates import gate
from jac_cloud._native import CURRENT_UNIT, Server, Unit, WalkerEvent
from jac_cloud.plugin import WEBSOCKET_MANAGER
from native import ALICE, BOB, client, running
from support import copy_app, eventually_async, scaled


@contextmanager
def with_late_walkers() -> Iterator[tuple[Server, "queue.Queue[Unit]"]]:
    """A server whose walkers are answered as timed out, and run on behind the connection's back."""
    left: queue.Queue[Unit] = queue.Queue()

    def run(event: WalkerEvent) -> None:
        left.put(event.unit())
        event.fail("timeout")

    with running(run, workers=2) as server:
        yield server, left


def notify(unit: Unit, data: dict[str, str]) -> int:
    context = contextvars.copy_context()
    context.run(CURRENT_UNIT.set, unit)
    return context.run(WEBSOCKET_MANAGER.notify_self, data)


async def test_a_walker_that_runs_on_after_change_user_reaches_nobody() -> None:
    with with_late_walkers() as (server, left):
        one = await client(server, token="alice")
        reply = await one.ask({"type": "walker", "walker": "w"})
        assert reply["code"] == "timeout"
        of_alice = left.get()
        assert notify(of_alice, {"for": "alice"}) == 1
        assert await one.receive() == {"for": "alice"}
        assert (await one.change_user("bob"))["root_id"] == f"n::{BOB[8:]}"
        assert notify(of_alice, {"for": "alice"}) == 0
        # Back to the same user is a new identity all the same.
        await one.change_user("alice")
        assert notify(of_alice, {"for": "alice"}) == 0
        await one.connection()


async def test_nothing_for_the_user_before_arrives_behind_the_new_connection_frame() -> None:
    with running(outbox_bytes=1 << 24, io_threads=2) as server:
        one = await client(server, token="alice")

        def publish() -> None:
            for _ in range(5_000):
                WEBSOCKET_MANAGER.notify_users([ALICE], {"for": "alice"})
                WEBSOCKET_MANAGER.notify_users([BOB], {"for": "bob"})

        publishing = threading.Thread(target=publish)
        publishing.start()
        user, other, seen = "alice", "bob", 0
        while publishing.is_alive() or seen == 0:
            await one.send({"type": "change_user", "token": other})
            while (message := await one.receive()).get("type") != "connection":
                assert message == {"for": user}
                seen += 1
            user, other = other, user


async def test_a_refused_token_leaves_the_public_user_and_an_error_first() -> None:
    with running() as server:
        one = await client(server, token="alice")
        error = await one.ask({"type": "change_user", "token": "mallory", "id": 7})
        assert (error["type"], error["code"], error["id"]) == ("change_user", "invalid_token", 7)
        frame = await one.receive()
        assert frame["data"]["root_id"] == "n::000000000000000000000001"
        assert WEBSOCKET_MANAGER.notify_users([ALICE], {"for": "alice"}) == 0
        await one.connection()


async def test_a_connection_that_is_gone_is_nobodys() -> None:
    with with_late_walkers() as (server, left):
        one = await client(server, token="alice")
        await one.ask({"type": "walker", "walker": "w"})
        unit = left.get()
        await one.close()
        await eventually_async(lambda: server.stats()["clients"] == 0)
        assert notify(unit, {"for": "alice"}) == 0


def asking(server: jac_cloud.Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.address, timeout=scaled(30), trust_env=False)


async def new_user(server: jac_cloud.Server, name: str) -> str:
    """A token of a user made for the test."""
    async with asking(server) as http:
        assert (await http.post("/user/register", json=account(name))).status_code == 201
    return await login(server, name)


async def login(server: jac_cloud.Server, name: str) -> str:
    async with asking(server) as http:
        return str((await http.post("/user/login", json=account(name))).json()["token"])


def account(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.com", "password": "correct horse"}


async def test_a_walker_of_the_user_before_keeps_its_user_and_loses_its_connection(
    tmp_path: Path,
) -> None:
    app = copy_app("lingering", tmp_path)
    gate.reset()
    # Time enough to come to the gate: who is late before never waits there.
    with jac_cloud.Server(app, port=0, walker_timeout=scaled(2)) as server:
        alice, bob = await new_user(server, "alice"), await new_user(server, "bob")
        one = await client(server, token=alice)
        two = await client(server, token=alice)
        reply = await one.ask({"type": "walker", "walker": "linger"})
        assert reply["code"] == "timeout"
        assert (await one.change_user(bob))["root_id"] != two.root_id
        gate.open()
        assert await two.receive() == {"for": "alice"}
        await one.connection()
        await two.connection()
        await one.close()
        await two.close()


async def test_a_walker_ends_as_its_user_who_logs_out_and_what_waits_behind_it_never_begins(
    tmp_path: Path,
) -> None:
    app = copy_app("lingering", tmp_path)
    gate.reset()
    with jac_cloud.Server(app, port=0) as server:
        token = await new_user(server, "alice")
        one = await client(server, token=token)
        two = await client(server, token=await login(server, "alice"))
        watcher = await client(server, "?channel_id=room")
        await one.send({"type": "walker", "walker": "linger"})
        await one.send({"type": "channel", "channel_ids": ["room"], "data": {"too": "late"}})
        await asyncio.to_thread(gate.wait_until_arrived)
        async with asking(server) as http:
            headers = {"Authorization": f"Bearer {token}"}
            (await http.post("/user/logout", headers=headers)).raise_for_status()
        with pytest.raises(ConnectionClosed) as closed:
            await one.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        gate.open()
        assert await two.receive() == {"for": "alice"}
        # A connection is counted until what it has begun is over.
        await eventually_async(lambda: server.stats()["connections"] == 2)
        for left in (two, watcher):
            await left.connection()
            await left.close()
