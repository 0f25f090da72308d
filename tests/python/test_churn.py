"""Clients that come and go while walkers publish: nothing is lost, doubled or left behind."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jac_cloud.plugin import WEBSOCKET_MANAGER
from native import client, running
from support import eventually_async

VISITORS = 2_000
AT_ONCE = 50
STABLE = 5
MESSAGES = 2_000


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_stable_members_get_every_message_once_while_2000_others_come_and_go() -> None:
    before = open_files()
    await come_and_go()
    assert open_files() == before


async def come_and_go() -> None:
    with running(io_threads=2, outbox_bytes=1 << 24) as server:
        stable = [await client(server, "?channel_id=room") for _ in range(STABLE)]
        turns = iter(range(VISITORS))

        async def visit() -> None:
            for turn in turns:
                visitor = await client(server, "?channel_id=room")
                if turn % 3 == 0:
                    visitor.socket.transport.abort()
                elif turn % 3 == 1:
                    await visitor.send({"type": "change_user", "token": "alice"})
                    visitor.socket.transport.close()
                else:
                    await visitor.close()

        def publish() -> None:
            for n in range(MESSAGES):
                assert WEBSOCKET_MANAGER.notify_channels(["room"], {"n": n}) >= STABLE

        with ThreadPoolExecutor(1) as pool:
            publishing = asyncio.get_running_loop().run_in_executor(pool, publish)
            await asyncio.gather(*(visit() for _ in range(AT_ONCE)))
            await publishing
        for one in stable:
            assert [await one.receive() for _ in range(MESSAGES)] == [
                {"n": n} for n in range(MESSAGES)
            ]
            await one.connection()
            await one.close()

        def empty() -> bool:
            stats = server.stats()
            names = ("connections", "sessions", "clients", "users", "channels")
            return not any(stats[name] for name in names)

        await eventually_async(empty, "empty tables")
        assert server.stats()["sessions_opened"] == VISITORS + STABLE
