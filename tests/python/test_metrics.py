"""/metrics: every figure, read by Prometheus' own parser."""

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics_families,
)

from conftest import Serve
from figures import OPEN, TOKEN, Figures, comes_true, page
from in_process import held, loaded
from jac_cloud.errors import WalkerFailed
from support import ServerProcess, eventually, eventually_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("operating", **OPEN)


async def risen(
    server: ServerProcess, before: Figures, by: float, name: str, **labels: str
) -> None:
    """Waits until a figure has risen by exactly that."""

    def is_there() -> bool:
        return Figures(server)(name, **labels) == before(name, **labels) + by

    await comes_true(is_there, f"{name} {labels} +{by}")


def test_the_page_is_text_that_prometheus_reads(server: ServerProcess) -> None:
    answer = page(server)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    figures = Figures(server)
    ours = {name: kind for name, kind in figures.types.items() if name.startswith("jac_cloud_")}
    assert {*ours.values()} == {"gauge", "counter", "histogram"}
    assert all(figures.meanings[name].endswith(".") for name in ours)
    assert figures.types["process_resident_memory_bytes"] == "gauge"


def test_who_accepts_openmetrics_gets_it(server: ServerProcess) -> None:
    answer = page(server, Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert [*open_metrics_families(answer.text)]  # type: ignore[no-untyped-call]


def test_it_says_what_is_running(server: ServerProcess) -> None:
    (build,) = (s for s in Figures(server).samples if s.name == "jac_cloud_build_info")
    assert {*build.labels} == {"version", "jaclang", "python"}
    assert all(build.labels.values())


async def test_connections_and_targets_rise_and_fall(server: ServerProcess) -> None:
    before = Figures(server)
    async with await server.websocket("a"), await server.websocket("a"):
        now = Figures(server)
        assert now("sessions") == before("sessions") + 2
        assert now("targets", kind="client") == before("targets", kind="client") + 2
        assert now("targets", kind="channel") == before("targets", kind="channel") + 1
        assert now("targets", kind="user") >= 1
        assert now("connections") >= 2
    await comes_true(lambda: Figures(server)("sessions") == before("sessions"))
    assert Figures(server)("sessions_opened_total") == before("sessions_opened_total") + 2


async def test_events_are_counted_by_type_and_result(server: ServerProcess) -> None:
    before = Figures(server)
    async with await server.websocket("a") as client:
        await client.ask({"type": "connection"})
        await client.walker("greet")
        for name, code in (("absent", "unknown_walker"), ("mine", "unauthenticated")):
            assert (await client.ask({"type": "walker", "walker": name}))["code"] == code
        bad_input = {"type": "walker", "walker": "greet", "context": {"name": 3}}
        assert (await client.ask(bad_input))["code"] == "invalid_event"
        failing = {"type": "walker", "walker": "fail"}
        assert (await client.ask(failing))["code"] == "walker_failed"
        assert (await client.ask({"type": "change_user", "token": "x"}))["code"] == "invalid_token"
        assert (await client.receive())["type"] == "connection"
        await client.ask({"type": "change_user", "token": None})
        await client.ask({"type": "channel", "channel_ids": ["a"], "data": {}})
        assert (await client.ask({"type": "channel"}))["code"] == "invalid_event"
        await client.send("{]")
        assert (await client.receive())["code"] == "invalid_json"
        assert (await client.ask({"type": "absent"}))["code"] == "invalid_event"
    now = Figures(server)
    for kind, result in (
        ("connection", "ok"),
        ("walker", "ok"),
        ("walker", "unknown_walker"),
        ("walker", "unauthenticated"),
        ("walker", "invalid_event"),
        ("walker", "walker_failed"),
        ("change_user", "invalid_token"),
        ("change_user", "ok"),
        ("channel", "ok"),
        ("channel", "invalid_event"),
        ("unread", "invalid_json"),
        ("unread", "invalid_event"),
    ):
        labels = {"type": kind, "result": result}
        assert now("events_total", **labels) == before("events_total", **labels) + 1, labels
    assert now("events_total") == before("events_total") + 12


async def test_notifications_and_their_fan_out_are_counted(server: ServerProcess) -> None:
    before = Figures(server)
    async with (
        await server.websocket("fan") as client,
        await server.websocket("fan") as other,
        await server.websocket("away") as third,
    ):
        context = {"channel": "fan", "client": third.client_id}
        await client.ask({"type": "walker", "walker": "tell", "context": context})
        for receiver, count in ((client, 2), (other, 2), (third, 2)):
            for _ in range(count):
                await receiver.receive()
        now = Figures(server)
    for target in ("self", "channels", "clients", "users"):
        assert now("notifications_total", target=target) == 1 + before(
            "notifications_total", target=target
        )
    # Itself, two in the channel, one by its id, and all three as the public user.
    assert now("deliveries_total") == before("deliveries_total") + 1 + 2 + 1 + 3


async def test_a_slow_consumer_shows_in_its_outbox_and_when_it_is_closed(
    server: ServerProcess,
) -> None:
    before = Figures(server)
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    head = f"GET /websocket?channel_id=slow HTTP/1.1\r\nHost: x\r\n{key}"
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", server.port))
        silent.sendall(f"{head}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n".encode())
        async with await server.websocket() as client:
            event = {"type": "channel", "channel_ids": ["slow"], "data": {"x": "y" * 200_000}}

            async def is_queued() -> bool:
                await client.send(event)
                return Figures(server)("outbox_bytes") >= 200_000

            async def is_closed() -> bool:
                await client.send(event)
                closed = Figures(server)("sessions_closed_total", reason="slow_consumer")
                return closed == before("sessions_closed_total", reason="slow_consumer") + 1

            conditions: list[Callable[[], bool | Awaitable[bool]]] = [is_queued, is_closed]
            for condition in conditions:
                await eventually_async(condition)
    await comes_true(lambda: Figures(server)("outbox_bytes") == 0)


async def test_a_connection_that_loses_its_token_is_counted(server: ServerProcess) -> None:
    before = Figures(server)
    token = server.register("ada@example.com")
    async with await server.websocket(token=token) as client:
        with server.http() as http:
            headers = {"Authorization": f"Bearer {token}"}
            http.post("/user/logout", headers=headers).raise_for_status()
        await client.socket.wait_closed()
        assert client.socket.close_code == 4401
    await risen(server, before, 1, "sessions_closed_total", reason="token_lost")


async def test_calls_of_walkers_are_timed_over_either_transport(server: ServerProcess) -> None:
    before = Figures(server)
    async with await server.websocket() as client:
        await client.walker("greet")
    with server.http() as http:
        assert http.post("/walker/greet").status_code == 200
        assert http.post("/walker/greet", json={"name": 3}).status_code == 422
        assert http.post("/walker/fail").status_code == 500
    now = Figures(server)
    for walker, result, calls in (
        ("greet", "ok", 2),
        ("greet", "invalid_event", 1),
        ("fail", "walker_failed", 1),
    ):
        labels = {"walker": walker, "result": result}
        assert now("walker_calls_total", **labels) == before("walker_calls_total", **labels) + calls
    assert now("walker_seconds_count", walker="greet") == (
        before("walker_seconds_count", walker="greet") + 3
    )
    assert now("walker_seconds_sum", walker="greet") > before("walker_seconds_sum", walker="greet")
    buckets = [
        s.value
        for s in now.samples
        if s.name == "jac_cloud_walker_seconds_bucket" and s.labels["walker"] == "greet"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == now("walker_seconds_count", walker="greet")


def test_conflicts_and_replays_are_counted(tmp_path: Path) -> None:
    with loaded("graph", tmp_path) as app:
        app.run("make_counter")
        with held(app, "increment"):
            app.run("increment")
        meter = app.interpreter.meters.of("increment")
        assert (meter.conflicts.value, meter.replays.value) == (1, 1)
        assert meter.results["ok"].value == 2
        with pytest.raises(WalkerFailed):
            app.run("add_then_raise")
        assert app.interpreter.meters.of("add_then_raise").results["walker_failed"].value == 1


async def test_requests_are_counted_by_method_route_and_status(server: ServerProcess) -> None:
    before = Figures(server)
    with server.http() as http:
        http.post("/walker/greet")
        http.post("/walker/mine")
        http.get("/walker/greet")
        http.post("/walker/mine/n::000000000000000000000001")
        for path in ("/secret-1", "/secret-2"):
            http.get(path)
        http.request("BREW", "/secret-3")
    for method, route, status, count in (
        ("POST", "/walker/greet", "200", 1),
        ("POST", "/walker/mine", "401", 1),
        ("POST", "/walker/mine/{node}", "401", 1),
        ("GET", "other", "404", 2),
        ("other", "other", "404", 1),
    ):
        await risen(
            server, before, count, "http_requests_total", method=method, route=route, status=status
        )
    now = Figures(server)
    assert not any("secret" in label for s in now.samples for label in s.labels.values())
    assert now("http_request_seconds_count", route="/walker/greet") >= 1


async def test_the_listeners_own_answers_are_counted_by_status(server: ServerProcess) -> None:
    before = Figures(server)
    with server.http() as http:
        http.get("/healthz")
        http.get("/websocket")
    async with await server.websocket():
        now = Figures(server)
    for status in ("200", "426", "101"):
        assert now("listener_answers_total", status=status) == 1 + before(
            "listener_answers_total", status=status
        )


async def test_what_waits_shows_in_its_queue(serve: Serve) -> None:
    server = serve("operating", workers=1, **OPEN)
    async with (
        await server.websocket() as one,
        await server.websocket() as two,
        await server.websocket() as three,
    ):
        for client in (one, two, three):
            await client.send({"type": "walker", "walker": "hold", "response": True})

        def waiting(queue: str) -> float:
            return Figures(server)("queue_depth", queue=queue)

        await comes_true(lambda: waiting("walker_events") == 2, "two waiting")
        with server.http() as http:
            assert http.post("/walker/let_go").status_code == 200
        for client in (one, two, three):
            assert (await client.receive())["status"] == 200
        assert await asyncio.to_thread(waiting, "walker_events") == 0
        assert await asyncio.to_thread(waiting, "rest_walkers") == 0


# --- who may read it


def test_it_is_not_there_unless_it_is_opened(serve: Serve) -> None:
    with serve("operating").http() as http:
        assert http.get("/metrics").status_code == 404


def test_a_token_opens_it_and_nothing_else_does(server: ServerProcess) -> None:
    assert page(server).status_code == 200
    with server.http() as http:
        assert http.get("/metrics").status_code == 401
        for wrong in ("Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer"):
            answer = http.get("/metrics", headers={"Authorization": wrong})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        twice = [("Authorization", f"Bearer {TOKEN}")] * 2
        assert http.get("/metrics", headers=twice).status_code == 401
        assert http.get(f"/metrics?token={TOKEN}").status_code == 401
    assert TOKEN not in server.log()


def test_loopback_lets_in_who_asks_from_this_machine_by_its_own_name(serve: Serve) -> None:
    server = serve("operating", metrics="loopback", trusted_proxies="127.0.0.1")

    def status(**headers: str) -> int:
        with server.http() as http:
            return http.get("/metrics", headers=headers).status_code

    assert status() == 200
    assert status(Host="localhost:1") == 200
    assert status(Host="[::1]") == 200
    # A page of another name that resolves to this machine, and whoever comes through a proxy.
    assert status(Host="rebound.example") == 403
    for name in ("X-Forwarded-For", "X-Real-IP", "Via", "Forwarded", "X-Forwarded-Host"):
        assert status(**{name: "127.0.0.1"}) == 403


def test_reading_it_leaves_no_line_in_the_log(serve: Serve) -> None:
    server = serve("operating", log_format="text", **OPEN)
    Figures(server)
    with server.http() as http:
        http.get("/readyz")
        http.get("/x", headers={"X-Request-ID": "afterwards"})
    eventually(lambda: "afterwards" in server.log())
    assert "route=/metrics" not in server.log()
    assert "route=/readyz" not in server.log()
