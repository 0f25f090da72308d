"""Policies that cannot be asked, or that take too long: servers of their own."""

from pathlib import Path

import pytest

import jac_cloud
from gates import gate
from jac_cloud.errors import ConfigError
from native import client
from support import copy_app, eventually_async
from test_policy import channel_event, member, refused_handshake, serving


async def test_a_policy_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    gate.reset()
    with serving(tmp_path, client_events_policy_timeout=0.2) as server:
        assert await refused_handshake(server, "slow-2") == (503, "unavailable")
        async with await client(server) as one, await client(server) as other:
            assert (await one.ask(channel_event("slow-2")))["code"] == "unavailable"
            await one.connection()
            await other.connection()
            gate.open()
            await eventually_async(lambda: server.stats()["policy_questions_waiting"] == 0)
            await one.connection()
        assert server.stats()["policy_failed"] == 2


async def test_who_may_not_be_in_a_channel_any_more_leaves_it_and_is_told(tmp_path: Path) -> None:
    with serving(
        tmp_path, client_events_policy_recheck=0.2, client_events_policy_ttl=0.1
    ) as server:
        ann, bea = [await member(server, name, "red") for name in ("ann", "bea")]
        async with (
            await client(server, "?channel_id=red", ann) as leaving,
            await client(server, "?channel_id=red", bea) as staying,
        ):
            await leaving.send({"type": "walker", "walker": "leave", "context": {"room": "red"}})
            error = await leaving.receive()
            assert (error["type"], error["code"]) == ("error", "forbidden")
            frame = await leaving.receive()
            assert frame["type"] == "connection"
            assert frame["data"]["client_id"] == leaving.client_id
            assert frame["data"]["channel_id"] != "red"
            assert await staying.ask(channel_event("red")) == {"to": "red"}
            await leaving.connection()  # and nothing else was sent to it
            # Asked about again and again, and still in.
            before = server.stats()["policy_questions"]
            await eventually_async(lambda: server.stats()["policy_questions"] > before + 2)
            assert (await staying.connection())["channel_id"] == "red"


def test_a_walker_that_cannot_be_asked_is_refused_at_the_start(tmp_path: Path) -> None:
    app = copy_app("policed", tmp_path)
    for name, problem in (
        ("nobody", "the app has no walker nobody"),
        ("tell", "tell wants channel, which it is not told"),
    ):
        server = jac_cloud.Server(app, port=0, client_events_policy=name)
        with pytest.raises(ConfigError, match=f"client_events_policy: {problem}"):
            server.start()
