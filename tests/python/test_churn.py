"""Clients that come and go while walkers publish: nothing is lost, doubled or left behind."""

import asyncio
import gc
from pathlib import Path

from jac_cloud import Server
from native import client
from support import copy_app, eventually_async

VISITORS = 2_000
AT_ONCE = 50
STABLE = 5
WALKERS = 20
MESSAGES_EACH = 100


def open_files() -> set[str]:
    """The descriptors of this process, less those that only wait to be collected."""
    gc.collect()
    return {file.name for file in Path("/proc/self/fd").iterdir()}


async def test_stable_members_get_every_message_once_while_2000_others_come_and_go(
    tmp_path: Path,
) -> None:
    app = copy_app("publishing", tmp_path)
    with Server(app, port=0):
        pass  # what the interpreter and the libraries open once and keep
    before = open_files()
    with Server(app, port=0, io_threads=2, outbox_bytes=1 << 24, message_rate=0) as server:
        await come_and_go(server)
    del server
    assert open_files() <= before


async def come_and_go(server: Server) -> None:
    stable = [await client(server, "?channel_id=room") for _ in range(STABLE)]
    turns = iter(range(VISITORS))

    async def visit() -> None:
        for turn in turns:
            visitor = await client(server, "?channel_id=room")
            if turn % 3 == 0:
                visitor.socket.transport.abort()
            elif turn % 3 == 1:
                await visitor.send({"type": "walker", "walker": "publish", "context": {"times": 0}})
                visitor.socket.transport.close()
            else:
                await visitor.close()

    async def publish() -> None:
        publisher = await client(server)
        for n in range(WALKERS):
            reply = await publisher.walker("publish", first=n * MESSAGES_EACH, times=MESSAGES_EACH)
            assert min(reply["reports"]) >= STABLE
        await publisher.close()

    await asyncio.gather(publish(), *(visit() for _ in range(AT_ONCE)))
    for one in stable:
        messages = [await one.receive() for _ in range(WALKERS * MESSAGES_EACH)]
        assert messages == [{"n": n} for n in range(WALKERS * MESSAGES_EACH)]
        await one.connection()
        await one.close()

    def empty() -> bool:
        stats = server.stats()
        return not any(
            stats[name] for name in ("connections", "sessions", "clients", "users", "channels")
        )

    await eventually_async(empty, "empty tables")
    assert server.stats()["sessions_opened"] == VISITORS + STABLE + 1
