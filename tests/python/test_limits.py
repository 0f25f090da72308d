"""Every limit, reached: it is counted, and the log has a line that names its setting."""

import contextlib
import json
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conftest import Serve
from figures import OPEN, Figures
from sockets import PING, RawSocket
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
    "pong_timeout": 0.2,
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
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass


def say(server: ServerProcess, *payloads: bytes, final: bool = True) -> None:
    with RawSocket(server.port) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for payload in payloads:
                client.send(payload, final=final)
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
    token = server.register("two@example.com")
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(post(server, "/walker/hold", token)))
    # A client takes long to make under a sanitizer: the first walker would be done by then.
    with server.http() as http:
        headers = {"Authorization": f"Bearer {token}"}

        def refused() -> bool:
            answers.append(http.post("/walker/greet", json={}, headers=headers).status_code)
            return 429 in answers

        first.start()
        eventually(refused, "one is refused")
        first.join()


def hold_three(server: ServerProcess) -> None:
    with ExitStack() as live:
        for _ in range(3):
            live.enter_context(RawSocket(server.port)).send(HOLD)
        eventually(lambda: reached(server, "workers"), "workers")


def read_nothing(server: ServerProcess) -> None:
    """Asks for much and reads none of it. Who does so for longer is closed for want of a pong."""

    def closed() -> float:
        return Figures(server)("sessions_closed_total")

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
    return Figures(server)("limits_reached_total", setting=setting)


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
    "message_timeout": lambda server: say(server, b"begun", final=False),
    "held_events": lambda server: say(server, *[HOLD] * 4),
    "max_upload_bytes": upload,
    "pong_timeout": say,
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
    REACH[setting](server)
    eventually(lambda: reached(server, setting) > before, setting)
    eventually(lambda: log_line(server, setting), f"a line of {setting}")


CONNECTING = {"max_connections", "max_connections_per_address", "max_handshakes"}
DESCRIPTORS = "RLIMIT_NOFILE"


def test_no_limit_is_left_out_here(server: ServerProcess) -> None:
    known = {
        sample.labels["setting"]
        for sample in Figures(server).samples
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
    with ExitStack() as live, server.http() as http:
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
        max_connections=7,
        max_connections_per_address=4,
        max_handshakes=2,
        log_format="json",
        **OPEN,
    )
    with ExitStack() as live:
        silent = [
            live.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
            for _ in range(2)
        ]
        raw(server, b"")
        for connection in silent:
            connection.close()
        eventually(lambda: reached(server, "max_handshakes") == 1)
    with ExitStack() as live:
        for number in range(7):
            source = f"127.0.0.{2 + number // 4}"
            live.enter_context(RawSocket(server.port, source=source))
            if number == 3:
                refused(server, source)
        refused(server, "127.0.0.9")
    for setting in ("max_connections_per_address", "max_connections"):
        eventually(partial(log_line, server, setting), setting)
    # What a client did by then is in the figures once it may connect again.
    eventually(lambda: readable(server), "room")
    assert reached(server, "max_connections") >= 1
    assert reached(server, "max_connections_per_address") >= 1


def refused(server: ServerProcess, source: str) -> None:
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, 20, source_address=(source, 0)) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")


def readable(server: ServerProcess) -> bool:
    with server.http() as http:
        return http.get("/healthz").status_code == 200


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
