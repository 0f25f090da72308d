"""Loads a server with the `websockets` package. usage: PROTOCOL PORT echo|fanout N SECONDS

Each of N clients has one echo in flight, or a publisher has 16 messages on their way to N clients.
Prints how many messages the clients received, as JSON.
"""

import asyncio
import contextlib
import json
import sys
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

WINDOW = 16
PADDING = "x" * 90


class Load:
    def __init__(self, protocol: str, port: str, seconds: float) -> None:
        self.jac = protocol == "jac"
        self.address = f"ws://127.0.0.1:{port}"
        self.until = time.monotonic() + seconds
        self.received = 0
        self.room = asyncio.Semaphore(WINDOW)
        self.missing: dict[int, int] = {}

    async def open(self, path: str, query: str = "") -> tuple[ClientConnection, str]:
        """A connection, and its client id where it has one."""
        target = f"/websocket{query}" if self.jac else path
        client = await connect(
            f"{self.address}{target}", compression=None, ping_interval=None, close_timeout=1
        )
        first = json.loads(await client.recv())["data"] if self.jac else {}
        return client, str(first.get("client_id", ""))

    async def echo(self) -> None:
        client, client_id = await self.open("/echo")
        data = {"p": PADDING}
        event = {"type": "client", "client_ids": [client_id], "data": data} if self.jac else data
        text = json.dumps(event)
        while time.monotonic() < self.until:
            await client.send(text)
            await client.recv()
            self.received += 1
        await client.close()

    async def subscribe(self) -> ClientConnection:
        return (await self.open("/sub", "?channel_id=bench"))[0]

    async def read(self, client: ClientConnection) -> None:
        # Not every server says goodbye.
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.note(json.loads(await client.recv())["n"])

    def note(self, number: int) -> None:
        self.received += 1
        self.missing[number] -= 1
        if self.missing[number] == 0:
            del self.missing[number]
            self.room.release()

    async def fanout(self, many: int) -> None:
        subscribers = [await self.subscribe() for _ in range(many)]
        readers = [asyncio.create_task(self.read(client)) for client in subscribers]
        publisher, _ = await self.open("/pub")
        number = 0
        while time.monotonic() < self.until:
            await self.room.acquire()
            self.missing[number] = many
            data = {"n": number, "p": PADDING}
            event = {"type": "channel", "channel_ids": ["bench"], "data": data}
            await publisher.send(json.dumps(event if self.jac else data))
            number += 1
        for _ in range(WINDOW):  # until all have come
            await self.room.acquire()
        for client in [publisher, *subscribers]:
            await client.close()
        await asyncio.gather(*readers)


async def main() -> None:
    protocol, port, test, many, seconds = sys.argv[1:]
    load = Load(protocol, port, float(seconds))
    start = time.monotonic()
    if test == "echo":
        await asyncio.gather(*(load.echo() for _ in range(int(many))))
    else:
        await load.fanout(int(many))
    rate = round(load.received / (time.monotonic() - start))
    key = "msgs_s" if test == "echo" else "deliv_s"
    print(json.dumps({key: rate, "received": load.received, "missing": len(load.missing)}))


asyncio.run(main())
