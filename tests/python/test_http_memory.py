"""Slow clients and large bodies cost the server a bounded amount of memory, both ways."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from conftest import Serve
from http_requests import get, request
from raw_http import RawClient, raw_client
from support import ServerProcess, eventually, memory_bound, scaled

CLIENTS = 20
MEBIBYTE = 1 << 20
# A quarter of a MiB a direction, what one read brings, what one send hands over, and some air.
BOUND = memory_bound(CLIENTS * MEBIBYTE)


@pytest.fixture(scope="module")
def server(serve_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    """Serves one large file, and refuses no body for its size."""
    folder = tmp_path_factory.mktemp("memory")
    (folder / "app.jac").write_text("walker nothing {}\n")
    static = folder / "static"
    static.mkdir()
    with (static / "large").open("wb") as large:
        large.truncate(256 * MEBIBYTE)
    # All are connected before the last one of them says what it wants.
    server = serve_module(
        folder / "app.jac", max_body_bytes=256 * MEBIBYTE, handshake_timeout=scaled(120)
    )
    with server.http() as http:
        http.get("/nothing")  # what the first request loads is not to be counted
    return server


@contextmanager
def clients(server: ServerProcess) -> Iterator[list[RawClient]]:
    with ExitStack() as stack:
        yield [stack.enter_context(raw_client(server.port, 4096)) for _ in range(CLIENTS)]


def memory(server: ServerProcess) -> int:
    """Bytes of the process that lie in memory."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def stays_below(server: ServerProcess, most: int) -> None:
    """Until it has stood still for a while."""
    seen: list[int] = []

    def stands_still() -> bool:
        seen.append(memory(server))
        return len(seen) > 50 and max(seen[-50:]) - min(seen[-50:]) < MEBIBYTE

    eventually(stands_still, "the memory stops growing")
    assert max(seen) < most


def test_clients_that_do_not_read_what_they_asked_for(server: ServerProcess) -> None:
    before = memory(server)
    with clients(server) as slow:
        for client in slow:
            client.send(get(b"/large"))
        stays_below(server, before + BOUND)
        with server.http() as http:
            assert http.get("/healthz").status_code == 200


def test_clients_that_ask_on_and_do_not_read(server: ServerProcess) -> None:
    before = memory(server)
    with clients(server) as slow:
        for client in slow:
            client.socket.setblocking(False)
        requests = get(b"/nothing") * 1000

        def all_are_held_back() -> bool:
            return sum(fill(client.socket, requests) for client in slow) == 0

        eventually(all_are_held_back, seconds=30)
        stays_below(server, before + BOUND)


def test_bodies_that_nobody_reads(server: ServerProcess) -> None:
    """A route that is not there answers, and lets the rest of the body go by."""
    before = memory(server)
    body = bytes(MEBIBYTE)
    length = b"Content-Length: %d\r\n" % (64 * MEBIBYTE)
    with clients(server) as eager:
        for client in eager:
            client.send(request(b"POST", b"/nothing", length))
            for _ in range(64):
                client.send(body)
            response = client.response()
            assert response is not None
            assert response.status == 405
            assert memory(server) < before + BOUND


def fill(connection: socket.socket, data: bytes) -> int:
    """How much of it the socket takes at once."""
    try:
        return connection.send(data)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        return 0
