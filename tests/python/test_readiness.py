"""/readyz: whether a server can do its work, and /healthz: whether it lives."""

import asyncio
import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest

from conftest import Serve
from figures import comes_true
from jac_cloud.readiness import Readiness
from support import eventually, scaled

PROBING = """
import os
import socket
from pathlib import Path

with socket.socket() as probe:
    found = probe.connect_ex(("127.0.0.1", int(os.environ["PROBED_PORT"])))
Path(os.environ["PROBE_FOUND"]).write_text(os.strerror(found))
"""


def test_it_is_ready_once_it_serves(serve: Serve) -> None:
    with serve("operating").http() as http:
        answer = http.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
        assert http.head("/readyz").status_code == 200
        assert "/readyz" not in http.get("/openapi.json").json()["paths"]


def test_nobody_is_answered_while_the_app_is_being_loaded(tmp_path: Path, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    app = tmp_path / "probing" / "app.py"
    app.parent.mkdir()
    app.write_text(PROBING, encoding="utf-8")
    found = tmp_path / "found"
    server = serve(app, env={"PROBED_PORT": str(port), "PROBE_FOUND": str(found)}, port=port)
    assert found.read_text(encoding="utf-8") == "Connection refused"
    with server.http() as http:
        assert http.get("/readyz").status_code == 200


async def test_it_is_not_ready_while_it_drains(serve: Serve) -> None:
    server = serve("operating", drain_timeout=600)
    with server.http() as http:
        async with await server.websocket() as client, await server.websocket() as other:
            await client.send({"type": "walker", "walker": "hold"})
            # Answered behind the walker on another connection: the first one has been taken on.
            await other.walker("greet")
            assert http.get("/readyz").status_code == 200
            server.process.send_signal(signal.SIGTERM)

            def refused() -> bool:
                try:
                    return http.get("/readyz").status_code == 503
                except httpx.HTTPError:
                    return False

            await comes_true(refused)
            server.process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(server.process.wait, scaled(10))
            assert status == -signal.SIGTERM


def test_it_is_not_ready_while_the_store_is_gone_but_lives_on(serve: Serve) -> None:
    server = serve("operating", log_format="text")
    data = server.app.parent / ".jac" / "data"
    away = data.with_name("away")
    with server.http() as http:
        assert http.get("/readyz").status_code == 200
        data.rename(away)

        def refused() -> httpx.Response | None:
            # On a slow machine a check may take so long that this is what it is refused for.
            found = http.get("/readyz")
            return found if found.status_code == 503 and "in time" not in found.text else None

        answer = eventually(refused, "not ready")
        assert answer is not None
        assert answer.json() == {"error": "Not to be reached: graph", "code": "unavailable"}
        assert answer.headers["retry-after"] == "1"
        assert http.get("/healthz").status_code == 200
        away.rename(data)
        eventually(lambda: http.get("/readyz").status_code == 200, "ready again")
    eventually(lambda: "not ready failing=graph" in server.log(), "it is in the log")


async def test_a_check_that_hangs_is_not_ready_and_runs_once() -> None:
    calls = 0
    begun, go_on = threading.Event(), threading.Event()

    def hanging() -> None:
        nonlocal calls
        calls += 1
        begun.set()
        go_on.wait()

    readiness = Readiness({"users": hanging}, timeout=0.01, fresh=0)
    try:
        assert [await readiness.failing() for _ in range(3)] == ["answers in time"] * 3
        # Its thread may come to it after those who asked have given up.
        assert await asyncio.to_thread(begun.wait, scaled(10))
        assert calls == 1
        go_on.set()
        async with asyncio.timeout(scaled(10)):
            while await readiness.failing():
                pass
    finally:
        go_on.set()
        readiness.close(10)


async def test_however_many_ask_the_store_is_asked_once_in_a_while() -> None:
    calls = 0

    def counted() -> None:
        nonlocal calls
        calls += 1

    readiness = Readiness({"graph": counted}, timeout=scaled(60), fresh=3600)
    assert {await readiness.failing() for _ in range(100)} == {""}
    assert calls == 1
    readiness.close(10)


async def test_the_first_that_fails_is_named_and_its_error_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing() -> None:
        raise OSError("/srv/private/path")

    readiness = Readiness({"graph": lambda: None, "users": failing}, fresh=0)
    assert [await readiness.failing() for _ in range(3)] == ["users"] * 3
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "not ready"
    ]
    readiness.close(10)
