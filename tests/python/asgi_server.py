"""ASGI applications on the native server alone: no interpreter, no users, no settings."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from jac_cloud._native import Server
from jac_cloud.asgi import Application, AsgiBridge, Receive, Scope, Send
from support import scaled

TEXT = [(b"content-type", b"text/plain")]


class Bridged:
    """A running application and how to reach it."""

    def __init__(self, native: Server, bridge: AsgiBridge) -> None:
        self.native = native
        self.bridge = bridge
        self.port = native.port
        self.url = f"http://127.0.0.1:{native.port}"

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=scaled(20), trust_env=False)


@contextmanager
def bridged(app: Application, root_path: str = "", **settings: Any) -> Iterator[Bridged]:
    """Serves `app` on a free port; `settings` are the native server's."""
    native = Server({"port": 0, "io_threads": 2, **settings})
    bridge = AsgiBridge(native, app, root_path=root_path, disconnect_grace=0.1)
    try:
        bridge.start()
        native.start()
        yield Bridged(native, bridge)
    finally:
        native.drain()
        bridge.stop(time.monotonic() + scaled(5))
        native.stop(scaled(5))


async def respond(send: Send, body: bytes = b"", status: int = 200, headers: Any = TEXT) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


def is_http(scope: Scope) -> bool:
    """Without a lifespan, as an application may be."""
    if scope["type"] != "http":
        raise RuntimeError("this application knows HTTP only")
    return True


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=scaled(20))


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert is_http(scope)
    await respond(send, await read_body(receive))
