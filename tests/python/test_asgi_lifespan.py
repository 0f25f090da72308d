"""The lifespan part of ASGI."""

import asyncio
import logging
import threading
import time

import pytest

from asgi_server import bridged, respond
from jac_cloud._native import Server
from jac_cloud.asgi import AsgiBridge, Receive, Scope, Send
from jac_cloud.errors import LifespanError
from support import eventually


def test_startup_comes_before_requests_and_shutdown_after_them() -> None:
    happened: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            happened.append("request")
            await respond(send)
            return
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        assert (await receive()) == {"type": "lifespan.startup"}
        await asyncio.sleep(0)
        happened.append("startup")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive()) == {"type": "lifespan.shutdown"}
        await asyncio.sleep(0)
        happened.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    with bridged(app) as server, server.http() as http:
        assert happened == ["startup"]
        http.get("/")
    assert happened == ["startup", "request", "shutdown"]


def test_each_request_gets_a_copy_of_the_state_of_the_lifespan() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["shared"] = [1]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(dict(scope["state"]))
        scope["state"]["own"] = True
        await respond(send)

    with bridged(app) as server, server.http() as http:
        http.get("/")
        http.get("/")
    assert seen == [{"shared": [1]}, {"shared": [1]}]


def test_a_startup_that_fails_is_raised_by_start() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "line one\nno database\n"})
        raise RuntimeError("as Starlette does")

    native = Server({"port": 0})
    bridge = AsgiBridge(native, app)
    with pytest.raises(LifespanError, match=r"^the application's startup failed: no database$"):
        bridge.start()
    bridge.stop()
    native.stop()


def test_an_application_without_a_lifespan_is_served_all_the_same() -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await respond(send, b"served")

    with bridged(app) as server, server.http() as http:
        assert http.get("/").text == "served"


def test_an_application_whose_lifespan_just_returns_is_served_all_the_same() -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await respond(send, b"served")

    with bridged(app) as server, server.http() as http:
        assert http.get("/").text == "served"


@pytest.mark.parametrize("by_message", [True, False])
def test_a_shutdown_that_fails_is_logged(
    by_message: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if by_message:
            await send({"type": "lifespan.shutdown.failed", "message": "still busy"})
        raise RuntimeError("still busy")

    with bridged(app), caplog.at_level(logging.ERROR):
        pass
    assert "the application's shutdown failed: still busy" in caplog.text


def test_a_shutdown_that_never_ends_does_not_hold_up_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.Event().wait()

    with bridged(app) as server:
        server.bridge.stop(time.monotonic())
    assert "it took too long" in caplog.text


def test_stopping_twice_or_without_a_start_does_nothing() -> None:
    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        assert scope["type"] == "lifespan"

    native = Server({"port": 0})
    bridge = AsgiBridge(native, app)
    bridge.stop()
    bridge.start()
    with pytest.raises(RuntimeError, match="started already"):
        bridge.start()
    bridge.stop()
    bridge.stop()
    native.stop()
    eventually(lambda: not any(t.name == "jac-cloud-asgi" for t in threading.enumerate()))
