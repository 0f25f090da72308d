"""A native server in the process of the tests, without an interpreter behind it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from websockets.asyncio.client import connect

from jac_cloud._native import Server, WalkerEvent
from support import Client

ALICE = f"{0xA11CE:032x}"
BOB = f"{0xB0B:032x}"


@contextmanager
def running(
    run: Callable[[WalkerEvent], None] = lambda event: event.finish(b"[]"),
    walkers: dict[str, bool] | None = None,
    workers: int = 1,
    **settings: Any,
) -> Iterator[Server]:
    """A server whose walkers are run by `run`, and whose tokens are "alice" and "bob"."""
    server = Server({"port": 0, "message_rate": 0, **settings})
    server.set_walkers({"w": False} if walkers is None else walkers)
    server.start()

    def work() -> None:
        while (event := server.take_event()) is not None:
            run(event)

    def check() -> None:
        roots = {"alice": ALICE, "bob": BOB}
        while (asked := server.take_token_check()) is not None:
            if root := roots.get(asked.token):
                asked.accept(root, user_id=asked.token, token_id="1", epoch=0, expires_at=1 << 40)
            else:
                asked.reject()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    threads.append(threading.Thread(target=check))
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        server.stop()
        for thread in threads:
            thread.join()


class Listening(Protocol):
    """A native server, or one with an interpreter behind it."""

    @property
    def port(self) -> int: ...


async def client(server: Listening, query: str = "", token: str | None = None) -> Client:
    """Connects and reads the connection frame."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"ws://127.0.0.1:{server.port}/websocket{query}"
    made = Client(await connect(url, additional_headers=headers, proxy=None, max_queue=None))
    made.info = (await made.receive())["data"]
    return made
