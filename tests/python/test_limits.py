"""Every limit, reached: it is counted, and the log has a line that names its setting."""

import contextlib
import json
import resource
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from conftest import Serve
from figures import OPEN, Figures
from sockets import CLOSE, PING, RawSocket
from support import ServerProcess, eventually, scaled

SMALL: dict[str, Any] = {
    "log_format": "json",
    "max_header_bytes": 2000,
    "max_body_bytes": 3000,
    "max_upload_bytes": 1000,
    "handshake_timeout": 0.3,
    "body_timeout": 0.3,
    "max_message_bytes": 2000,
    "max_json_depth": 8,
    "max_targets": 2,
    "message_rate": 10,
    "message_burst": 20,
    "message_timeout": 0.3,
    "held_events": 2,
    "outbox_bytes": 4096,
    "ping_interval": 0.2,
    "pong_timeout": 2,  # well after `message_timeout`: nobody here answers a ping
    "workers": 2,
    "walkers_per_user": 1,
    "walker_timeout": 1,
    "login_failures_per_account": 1,
    "login_failures_per_address": 3,
    "users_timeout": 0.5,
    "drain_timeout": 0.1,
}
HOLD = b'{"type":"walker","walker":"hold"}'


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("operating", **SMALL, **OPEN)


def log_line(server: ServerProcess, setting: str) -> bool:
    entries = (json.loads(text) for text in server.log().splitlines() if text.startswith("{"))
    return any(
        entry["event"] == "limit_reached" and entry["setting"] == setting for entry in entries
    )


def raw(server: ServerProcess, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), scaled(20)) as connection:
        connection.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass


def say(server: ServerProcess, *payloads: bytes) -> None:
    with RawSocket(server.port) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for payload in payloads:
                client.send(payload)
            client.send(b"", CLOSE)
        client.close_code()


def fall_silent(server: ServerProcess, begun: bytes = b"") -> None:
    """Answers no ping and ends no message that it has begun."""
    with RawSocket(server.port) as client:
        if begun:
            client.send(begun, final=False)
        client.close_code()


def post(server: ServerProcess, path: str, token: str = "", **body: Any) -> int:
    with server.http() as http:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return http.post(path, json=body, headers=headers).status_code


def fail_to_log_in(server: ServerProcess, *emails: str) -> None:
    for email in emails:
        post(server, "/user/login", email=email, password="wrong password")


def run_two(server: ServerProcess) -> None:
    """Either of the two walkers may be the one that is refused."""
    token = server.register(f"{uuid4()}@example.com")
    # A client takes long to make under a sanitizer: the first walker would be done by then.
    with server.http() as http, ThreadPoolExecutor(1) as pool:
        headers = {"Authorization": f"Bearer {token}"}
        first = pool.submit(post, server, "/walker/hold", token)

        def refused() -> bool:
            second = http.post("/walker/greet", json={}, headers=headers).status_code
            return second == 429 or (first.done() and first.result() == 429)

        eventually(refused, "one is refused")
        first.result()


def hold_three(server: ServerProcess) -> None:
    before = reached(server, "workers")
    with ExitStack() as live:
        for _ in range(3):
            live.enter_context(RawSocket(server.port)).send(HOLD)
        eventually(lambda: reached(server, "workers") > before, "workers")


def read_nothing(server: ServerProcess) -> None:
    """Asks for much and reads none of it. Who does so for longer is closed for want of a pong."""

    def closed() -> float:
        return figures(server)("sessions_closed_total")

    def ask() -> bool:
        before = closed()
        with RawSocket(server.port) as client:
            client.send(b'{"type":"walker","walker":"shout"}')
            eventually(lambda: closed() > before, "it is closed")
        return reached(server, "outbox_bytes") > 0

    eventually(ask)


def upload(server: ServerProcess) -> None:
    with server.http() as http:
        answer = http.post("/walker/keep", files={"file": ("a", bytes(2000))})
        assert answer.status_code == 413, answer.text


def lock_users(server: ServerProcess) -> None:
    database = server.app.parent / ".jac" / "data" / "users.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        account = {"email": "locked@example.com", "password": "correct horse battery"}
        assert post(server, "/user/register", **account) == 503


def reached(server: ServerProcess, setting: str) -> float:
    return figures(server)("limits_reached_total", setting=setting)


def figures(server: ServerProcess) -> Figures:
    """Asked for again where one of the limits meets who asks: a short time, or the room left."""

    def read() -> list[Figures]:
        with contextlib.suppress(AssertionError, httpx.TransportError):
            return [Figures(server)]
        return []

    return eventually(read, "the figures")[0]


def staying(server: ServerProcess) -> httpx.Client:
    """Asks through one connection, however long it is between two requests."""
    return server.http(limits=httpx.Limits(keepalive_expiry=None))


LONG = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 4000 + b"\r\n\r\n"
BODY = b"POST /walker/greet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
REACH: dict[str, Callable[[ServerProcess], object]] = {
    # First, since those that hold walkers leave little room for its own.
    "outbox_bytes": read_nothing,
    "max_header_bytes": lambda server: raw(server, LONG),
    "max_body_bytes": lambda server: raw(server, BODY % 4000),
    "handshake_timeout": lambda server: raw(server, b"GET / HTTP/1.1\r\n"),
    "body_timeout": lambda server: raw(server, BODY % 100 + b"{"),
    "max_message_bytes": lambda server: say(server, b" " * 2001),
    "max_json_depth": lambda server: say(server, b"[" * 9),
    "max_targets": lambda server: say(
        server, b'{"type":"channel","channel_ids":["a","b","c"],"data":{}}'
    ),
    "message_rate": lambda server: say(server, *[b"{}"] * 60),
    "message_timeout": lambda server: fall_silent(server, b"begun"),
    "held_events": lambda server: say(server, *[HOLD] * 4),
    "max_upload_bytes": upload,
    "pong_timeout": fall_silent,
    "workers": hold_three,
    "walker_timeout": lambda server: post(server, "/walker/hold"),
    "walkers_per_user": run_two,
    "login_failures_per_account": lambda server: fail_to_log_in(server, *["a@example.com"] * 2),
    "login_failures_per_address": lambda server: fail_to_log_in(
        server, "b@example.com", "c@example.com", "d@example.com", "e@example.com"
    ),
    "users_timeout": lock_users,
}


@pytest.mark.parametrize("setting", [*REACH])
def test_a_limit_that_is_reached_is_counted_and_named_in_the_log(
    server: ServerProcess, setting: str
) -> None:
    before = reached(server, setting)
    eventually(
        lambda: meets(server, setting) and reached(server, setting) > before, setting, seconds=30
    )
    eventually(lambda: log_line(server, setting), f"a line of {setting}")


def meets(server: ServerProcess, setting: str) -> bool:
    """Whether the client got to do what reaches the limit: one that is paused on its way may meet
    another of these short times before.
    """
    try:
        REACH[setting](server)
    except (AssertionError, OSError, httpx.HTTPError):
        return False
    return True


CONNECTING = {"max_connections", "max_connections_per_address", "max_handshakes"}
DESCRIPTORS = "RLIMIT_NOFILE"


def test_no_limit_is_left_out_here(server: ServerProcess) -> None:
    known = {
        sample.labels["setting"]
        for sample in figures(server).samples
        if sample.name == "jac_cloud_limits_reached_total"
    }
    assert known == {*REACH, *CONNECTING, DESCRIPTORS}


def answers_ping(member: RawSocket, payload: bytes) -> bool:
    """Whether the server sends it back; False at the end of the connection."""
    member.send(payload, PING)
    while (got := member.frame()) is not None and got[1] != payload:
        pass
    return got is not None


def test_without_a_descriptor_accepting_pauses_and_goes_on_while_others_are_served(
    serve: Serve,
) -> None:
    server = serve("operating", log_format="json", **OPEN)
    process = server.process.pid
    with ExitStack() as live, staying(server) as http:
        member = live.enter_context(RawSocket(server.port))
        # UBSan looks at what it sees for the first time through a pipe, for which nothing is left.
        assert answers_ping(member, b"before")
        figure = partial(Figures, server, http)
        assert figure()("limits_reached_total", setting=DESCRIPTORS) == 0
        unlimited = resource.prlimit(process, resource.RLIMIT_NOFILE)
        open_now = len([*Path(f"/proc/{process}/fd").iterdir()])
        resource.prlimit(process, resource.RLIMIT_NOFILE, (open_now + 4, unlimited[1]))
        begun = time.monotonic()
        waiting = [
            live.enter_context(socket.create_connection(("127.0.0.1", server.port), scaled(20)))
            for _ in range(12)
        ]
        for connection in waiting:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: figure()("limits_reached_total", setting=DESCRIPTORS) >= 4, "pauses")
        # 50 ms, then twice as long each time, up to a second: however slow this machine is, there
        # cannot have been more attempts by now.
        attempts = figure()("limits_reached_total", setting=DESCRIPTORS)
        assert attempts <= 6 + (time.monotonic() - begun)
        assert answers_ping(member, b"here")
        for connection in waiting:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.close()
        resource.prlimit(process, resource.RLIMIT_NOFILE, unlimited)
    eventually(lambda: log_line(server, DESCRIPTORS), "its line")


def test_connections_and_handshakes_are_limited_by_their_settings(serve: Serve) -> None:
    server = serve(
        "operating",
        max_connections=8,
        max_connections_per_address=4,
        max_handshakes=2,
        log_format="json",
        **OPEN,
    )
    with ExitStack() as live, staying(server) as http:
        # Who asks for figures is connected all along: it is never one of those who are refused.
        figure = partial(Figures, server, http)
        assert figure()("connections") == 1
        silent = [
            live.enter_context(socket.create_connection(("127.0.0.1", server.port), scaled(20)))
            for _ in range(2)
        ]
        raw(server, b"")
        assert figure()("limits_reached_total", setting="max_handshakes") == 1
        for connection in silent:
            connection.close()
        eventually(lambda: figure()("connections") == 1, "room")
        for number in range(7):
            source = f"127.0.0.{2 + number // 4}"
            live.enter_context(RawSocket(server.port, source=source))
            if number == 3:
                refused(server, source)
        refused(server, "127.0.0.9")
        assert figure()("limits_reached_total", setting="max_connections") == 1
        assert figure()("limits_reached_total", setting="max_connections_per_address") == 1
    for setting in ("max_handshakes", "max_connections_per_address", "max_connections"):
        eventually(partial(log_line, server, setting), setting)


def refused(server: ServerProcess, source: str) -> None:
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, scaled(20), source_address=(source, 0)) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")


def test_a_flood_is_bounded_by_counts_and_leaves_others_alone(serve: Serve) -> None:
    server = serve("operating", log_format="json", io_threads=1, **OPEN)
    empty = b"\x00\x80\0\0\0\0"
    message, begun = b"\x81\x82\0\0\0\0{}", b"\x01\x80\0\0\0\0"
    floods = [(b"", frame_of(PING)), (b"", frame_of(10)), (b"", message), (begun, empty)]
    with RawSocket(server.port) as other:
        for first, flood in floods:
            with RawSocket(server.port) as client:
                client.socket.sendall(first)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    for _ in range(40):
                        client.socket.sendall(flood * 500)
                assert client.close_code() in (4429, None)
            other.send(b"here", PING)
            while (got := other.frame()) is not None and got[1] != b"here":
                pass
            assert got is not None
    # Of 80,000 frames a connection's burst, and as many again, were looked at.
    assert reached(server, "message_rate") <= len(floods) * 202 * 2


def frame_of(opcode: int) -> bytes:
    return bytes([0x80 | opcode, 0x80, 0, 0, 0, 0])
