"""ASGI applications on the native server alone: no interpreter, no users, no settings."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from jac_cloud._native import Server
from jac_cloud.asgi import Application, AsgiBridge
from support import scaled


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
