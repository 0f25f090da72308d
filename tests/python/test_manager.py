"""WEBSOCKET_MANAGER by itself: whom it reaches, from where, in what order, and what it refuses."""

import asyncio
import contextvars
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from enum import Enum
from typing import Any

import pytest

from jac_cloud._native import (
    CURRENT_UNIT,
    ListenError,
    Server,
    Unit,
    WalkerEvent,
    encode_json,
    format_node_id,
    parse_node_id,
    set_json_default,
)
from jac_cloud.plugin import WEBSOCKET_MANAGER
from jac_cloud.reports import default_form
from native import ALICE, client, running


def within(unit: Unit) -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(CURRENT_UNIT.set, unit)
    return context


async def test_channels_users_and_clients_are_reached_and_counted() -> None:
    with running() as server:
        one = await client(server, "?channel_id=room", token="alice")
        two = await client(server, "?channel_id=room")
        notify = WEBSOCKET_MANAGER
        assert notify.notify_channels(["room", "room"], {"n": 1}) == 2
        assert notify.notify_channels("room", {"n": 2}) == 2
        assert notify.notify_users([f"n::{ALICE[8:]}", ALICE], {"n": 3}) == 1
        assert notify.notify_clients([one.client_id, "nobody"], {"n": 4}) == 1
        assert notify.notify_users(["malformed"], {"n": 5}) == 0
        assert [await one.receive() for _ in range(4)] == [{"n": n} for n in (1, 2, 3, 4)]
        assert [await two.receive() for _ in range(2)] == [{"n": 1}, {"n": 2}]
        await one.connection()
        await two.connection()


def test_without_a_server_nobody_is_reached() -> None:
    assert WEBSOCKET_MANAGER.notify_channels(["room"], {}) == 0
    with running():
        pass
    assert WEBSOCKET_MANAGER.notify_channels(["room"], {}) == 0
    assert WEBSOCKET_MANAGER.notify_self({}) == 0


async def test_progress_arrives_in_order_and_before_the_reply() -> None:
    def run(event: WalkerEvent) -> None:
        def walk() -> None:
            for n in range(50):
                assert WEBSOCKET_MANAGER.notify_self({"n": n}) == 1

        within(event.unit()).run(walk)
        event.finish(b"[]")

    with running(run) as server:
        one = await client(server)
        await one.send({"type": "walker", "walker": "w", "response": True})
        assert [await one.receive() for _ in range(50)] == [{"n": n} for n in range(50)]
        assert (await one.receive())["type"] == "walker"


async def test_a_helper_thread_with_a_copied_context_is_the_walkers_own() -> None:
    reached: list[int] = []

    def run(event: WalkerEvent) -> None:
        context = within(event.unit())
        for arguments in (
            (context.run, WEBSOCKET_MANAGER.notify_self, {"from": "copied"}),
            (WEBSOCKET_MANAGER.notify_self, {"from": "fresh"}),
        ):
            with ThreadPoolExecutor(1) as pool:
                reached.append(pool.submit(*arguments).result())
        event.finish(b"[]")

    with running(run) as server:
        one = await client(server)
        reply = await one.ask({"type": "walker", "walker": "w"})
        assert reply == {"from": "copied"}
        await one.connection()
    assert reached == [1, 0]


async def test_an_async_walker_finds_its_connection() -> None:
    def run(event: WalkerEvent) -> None:
        async def walk() -> None:
            await asyncio.sleep(0)
            assert WEBSOCKET_MANAGER.notify_self({"async": True}) == 1

        within(event.unit()).run(asyncio.run, walk())
        event.finish(b"[]")

    with running(run) as server:
        one = await client(server)
        assert await one.ask({"type": "walker", "walker": "w"}) == {"async": True}


async def test_after_commit_waits_for_the_commit_and_keeps_its_order() -> None:
    with running() as server:
        one = await client(server, "?channel_id=room")
        unit = Unit()

        def walk() -> list[int]:
            notify = WEBSOCKET_MANAGER.notify_channels
            return [notify(["room"], {"n": n}, after_commit=n < 2) for n in range(3)]

        assert within(unit).run(walk) == [0, 0, 1]
        assert await one.receive() == {"n": 2}
        unit.commit()
        unit.commit()
        assert [await one.receive() for _ in range(2)] == [{"n": 0}, {"n": 1}]
        await one.connection()


async def test_after_commit_is_dropped_with_its_unit() -> None:
    with running() as server:
        one = await client(server, "?channel_id=room")
        unit = Unit()
        context = within(unit)
        notify = WEBSOCKET_MANAGER.notify_channels
        assert context.run(notify, ["room"], {"lost": True}, after_commit=True) == 0
        unit.discard()
        unit.commit()
        assert context.run(notify, ["room"], {"late": True}, after_commit=True) == 0
        await one.connection()


async def test_after_commit_outside_of_a_unit_goes_at_once() -> None:
    with running() as server:
        one = await client(server, "?channel_id=room")
        assert WEBSOCKET_MANAGER.notify_channels(["room"], {"n": 1}, after_commit=True) == 1
        assert await one.receive() == {"n": 1}


async def test_eight_threads_publish_and_nothing_is_lost_or_doubled() -> None:
    threads, each = 8, 500
    with running(outbox_bytes=1 << 24, io_threads=2) as server:
        clients = [await client(server, "?channel_id=room") for _ in range(4)]

        def publish(thread: int) -> None:
            for n in range(each):
                assert WEBSOCKET_MANAGER.notify_channels(["room"], {"t": thread, "n": n}) == 4

        with ThreadPoolExecutor(threads) as pool:
            publishing = [pool.submit(publish, thread) for thread in range(threads)]
            for one in clients:
                seen: dict[int, list[int]] = {thread: [] for thread in range(threads)}
                for _ in range(threads * each):
                    message = await one.receive()
                    seen[message["t"]].append(message["n"])
                assert all(numbers == list(range(each)) for numbers in seen.values())
        for done in publishing:
            done.result()
        for one in clients:
            await one.connection()


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"a": [{"b": object()}]}, "data['a'][0]['b']"),
        ({"a": math.nan}, "data['a']"),
        ({"a": math.inf}, "data['a']"),
        ({"a": "\ud800"}, "data['a']"),
        ({(1, 2): 3}, "data[(1, 2)]"),
        ([], "data"),
        (None, "data"),
    ],
)
async def test_what_json_cannot_hold_is_refused_by_its_place_and_nothing_is_sent(
    data: Any, place: str
) -> None:
    with running() as server:
        one = await client(server, "?channel_id=room")
        with pytest.raises(TypeError) as refused:
            WEBSOCKET_MANAGER.notify_channels(["room"], data)
        assert str(refused.value).startswith(f"{place}: ")
        await one.connection()


def test_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["self"] = data
    with pytest.raises(TypeError, match="holds itself"):
        WEBSOCKET_MANAGER.notify_channels(["room"], data)


def test_targets_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError):
        WEBSOCKET_MANAGER.notify_channels([1], {})  # type: ignore[list-item]
    with pytest.raises(TypeError):
        WEBSOCKET_MANAGER.notify_users([object()], {})


def test_values_keep_their_digits() -> None:
    value = {
        "big": 10**70,
        "float": 1.1,
        "whole": 2.0,
        "text": 'é"\\\n\x01',
        "none": None,
        "t": True,
    }
    text = b'{"big":1' + b"0" * 70 + b',"float":1.1,"whole":2.0,"text":"\xc3\xa9\\"\\\\\\n\\u0001"'
    assert encode_json(value) == text + b',"none":null,"t":true}'
    assert encode_json({2: (), None: [], True: 1.5}) == b'{"2":[],"null":[],"true":1.5}'


def test_node_ids_are_read_in_every_spelling() -> None:
    digits = "672b35cec309e5ef8469c372"
    whole = digits.rjust(32, "0")
    for spelling in (f"n::{digits}", digits, whole, f"n::{whole}", f"n:Some_node:{digits}"):
        assert parse_node_id(spelling) == whole
    for malformed in ("", "n::", "n::12", "x::" + digits, digits + "g", "e::" + digits):
        assert parse_node_id(malformed) is None
    assert format_node_id(whole) == f"n::{digits}"
    with pytest.raises(ValueError, match="not the hex digits"):
        format_node_id("zz")


def test_a_second_server_in_one_process_is_refused() -> None:
    second = Server({"port": 0})
    with running(), pytest.raises(ListenError, match="another server runs in this process"):
        second.start()


def test_other_types_are_encoded_as_the_interpreter_does_unless_all_it_has_is_an_address() -> None:
    set_json_default(default_form("jac"))
    try:
        value = {"set": {1}, "bytes": b"a", "day": date(2026, 1, 2), "colour": Colour.RED}
        encoded = b'{"set":"{1}","bytes":"b\'a\'","day":"2026-01-02","colour":"red"}'
        assert encode_json(value) == encoded
        with pytest.raises(TypeError, match=r"value\['a'\]\[0\]: "):
            encode_json({"a": [object()]})
        with pytest.raises(TypeError, match=r"value\['a'\]: "):
            encode_json({"a": lambda: 1})
    finally:
        set_json_default(None)
