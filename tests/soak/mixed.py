"""Everything at once, for a time: walkers, events of clients, REST, changes of user, peers that do
not read and peers that break off. What must arrive is counted by those who never leave.
"""

import asyncio
import json
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import httpx

from churn import RESET, UPGRADE
from support import Client, ServerProcess, scaled

LISTENERS = 5
ROOM = "stable"
FLOOD = "flood"
USERS = 4
END = {"from": "end"}
KINDS = (
    "walkers",
    "events",
    "requests",
    "changes of user",
    "floods",
    "slow peers",
    "visitors",
)
# How much longer a run may be, where a machine is too slow for all of them in its time.
AT_MOST_SECONDS = 30


class Mixed:
    """One run, of so many seconds and until there was something of each kind. `counts` says how
    much.
    """

    def __init__(self, server: ServerProcess, seconds: float, seed: int) -> None:
        self.counts = Counter(dict.fromkeys(KINDS, 0))
        self._server = server
        self._seconds = seconds
        self._until = self._at_latest = 0.0
        self._random = random.Random(seed)
        self._published: Counter[str] = Counter()

    def going_on(self) -> bool:
        now = time.monotonic()
        return now < self._until or (now < self._at_latest and not all(self.counts.values()))

    async def run(self) -> None:
        """Raises an ExceptionGroup for whatever is lost, doubled, out of its order or refused."""
        tokens = [
            await asyncio.to_thread(self._server.register, f"user{n}-{self._random.random()}@x.io")
            for n in range(USERS)
        ]
        async with AsyncExitStack() as stack:
            listeners = [
                await stack.enter_async_context(await self._server.websocket(ROOM, max_queue=None))
                for _ in range(LISTENERS)
            ]
            # Not before: on a slow machine users and listeners may take longer than the run.
            self._until = time.monotonic() + self._seconds
            self._at_latest = self._until + scaled(AT_MOST_SECONDS)
            hearing = [asyncio.create_task(self._or_end(self._listen(one))) for one in listeners]
            work = [
                *(self._walkers(f"walker{n}") for n in range(2)),
                *(self._events(f"client{n}") for n in range(2)),
                *map(self._rest, tokens),
                self._change_user(tokens),
                self._flood(),
                self._slow_peers(),
                self._visitors(),
            ]
            worked = await asyncio.gather(*map(self._or_end, work), return_exceptions=True)
            async with await self._server.websocket(max_queue=None) as last:
                await last.ask({"type": "channel", "channel_ids": [ROOM], "data": END, "id": 1})
            heard = await asyncio.gather(*hearing, return_exceptions=True)
        if failures := [one for one in (*worked, *heard) if isinstance(one, Exception)]:
            raise ExceptionGroup("the mixed load", failures)
        for one in heard:
            assert one == self._published, f"heard {one}, published {self._published}"
        assert all(self.counts.values()), f"some kind of load is missing: {self.counts}"

    async def _or_end[T](self, part: Coroutine[Any, Any, T]) -> T:
        """One part of the load. When it fails, the others end in their time."""
        try:
            return await part
        except Exception:
            self._until = self._at_latest = 0.0
            raise

    # --- who never leaves

    async def _listen(self, client: Client) -> Counter[str]:
        """How many messages of each sender came, each one behind the one before it."""
        heard: Counter[str] = Counter()
        while True:
            async with asyncio.timeout(scaled(60) + max(0, self._until - time.monotonic())):
                message = json.loads(await client.socket.recv())
            if message == END:
                return heard
            sender, n = message["from"], message["n"]
            assert n == heard[sender], f"{n} of {sender} came, {heard[sender]} was due"
            heard[sender] += 1

    # --- who publishes

    async def _walkers(self, name: str) -> None:
        async with await self._server.websocket() as client:
            while self.going_on():
                times = self._random.randrange(1, 20)
                first = self._published[name]
                self._published[name] += times
                reply = await client.walker(
                    "publish", room=ROOM, sender=name, first=first, times=times
                )
                assert reply["status"] == 200, reply
                self.counts["walkers"] += 1

    async def _events(self, name: str) -> None:
        async with await self._server.websocket() as client:
            while self.going_on():
                for _ in range(20):
                    data = {"from": name, "n": self._published[name]}
                    self._published[name] += 1
                    await client.send({"type": "channel", "channel_ids": [ROOM], "data": data})
                    self.counts["events"] += 1
                await client.connection()

    # --- who has a graph of their own

    async def _rest(self, token: str) -> None:
        """What is acknowledged is counted in the graph, and nothing else is."""
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=self._server.url, headers=headers, timeout=scaled(30), trust_env=False
        ) as http:
            acknowledged = 0
            while self.going_on():
                answer = await http.post("/walker/count")
                assert answer.status_code == 200, answer.text
                acknowledged += 1
                assert answer.json()["reports"] == [acknowledged]
                self.counts["requests"] += 1

    async def _change_user(self, tokens: list[str]) -> None:
        async with await self._server.websocket() as client:
            public = client.root_id
            while self.going_on():
                token = self._random.choice([*tokens, None])
                await client.change_user(token)
                assert (client.root_id == public) == (token is None)
                self.counts["changes of user"] += 1

    # --- who disturbs

    async def _flood(self) -> None:
        data = {"padding": "x" * 60_000}
        async with await self._server.websocket() as client:
            while self.going_on():
                for _ in range(10):
                    await client.send({"type": "channel", "channel_ids": [FLOOD], "data": data})
                self.counts["floods"] += 10
                await client.connection()

    async def _slow_peers(self) -> None:
        """They take no byte of the flood until the server has closed them."""
        loop = asyncio.get_running_loop()
        while self.going_on():
            with socket.socket() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.setblocking(False)
                await loop.sock_connect(peer, ("127.0.0.1", self._server.port))
                await loop.sock_sendall(peer, UPGRADE % FLOOD.encode())
                await self._closed_or_over(peer)
            self.counts["slow peers"] += 1

    async def _closed_or_over(self, peer: socket.socket) -> None:
        """Waits, without reading, until the server has given the connection up."""
        while self.going_on():
            info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
            if struct.unpack("B", info)[0] != 1:  # TCP_ESTABLISHED
                return
            await asyncio.sleep(0.01)

    async def _visitors(self) -> None:
        while self.going_on():
            channel = self._random.choice([ROOM, f"of their own {self._random.random()}"])
            visitor = await self._server.websocket(channel, max_queue=None)
            if self._random.random() < 0.5:
                raw = visitor.socket.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                visitor.socket.transport.abort()
            else:
                await visitor.close()
            self.counts["visitors"] += 1
